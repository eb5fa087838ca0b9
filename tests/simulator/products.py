"""
Make products that look like a Korean shop's: deterministic for a seed, with the optional fields of real ones.

An item is an origin product with its one or two channel products, as `products/search` lists it. Fields
that a product does not have are absent, never null, and the rest stand in the documented order.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.simulator.clock import written

Item = dict[str, Any]

FIELD_ORDER = (
    "groupProductNo", "originProductNo", "channelProductNo", "channelServiceType", "injectProductNo",
    "categoryId", "name", "sellerManagementCode", "statusType", "channelProductDisplayStatusType",
    "salePrice", "discountedPrice", "mobileDiscountedPrice", "stockQuantity",
    "knowledgeShoppingProductRegistration", "deliveryAttributeType", "deliveryFee", "returnFee",
    "exchangeFee", "multiPurchaseDiscount", "multiPurchaseDiscountUnitType", "sellerPurchasePoint",
    "sellerPurchasePointUnitType", "managerPurchasePoint", "textReviewPoint", "photoVideoReviewPoint",
    "regularCustomerPoint", "freeInterest", "gift", "saleStartDate", "saleEndDate", "wholeCategoryName",
    "wholeCategoryId", "representativeImage", "modelId", "modelName", "brandName", "manufacturerName",
    "sellerTags", "regDate", "modifiedDate",
)  # fmt: skip
"""The fields of a channel product in the order of the official reference; real bodies agree with it."""

STATUSES = (
    "WAIT", "SALE", "OUTOFSTOCK", "UNADMISSION", "REJECTION", "SUSPENSION", "CLOSE", "PROHIBITION", "DELETE",
)  # fmt: skip

FIRST_DAY = 1_609_426_800.0
"""2021-01-01 00:00 KST: no generated product is older."""

CHANNEL_NUMBER_DISTANCE = 58_712_224
"""Between an origin product's number and its channel product's in the published answer."""

WINDOW_EVERY, WINDOW_AT = 8, 3
"""Of so many products one has a WINDOW channel product besides its STOREFARM one."""

WINDOW_ONLY_EVERY, WINDOW_ONLY_AT = 50, 17
"""Of so many products one has a WINDOW channel product only."""

_KINDS = ("국내산", "무농약", "수제", "프리미엄", "대용량", "휴대용", "북유럽풍", "초경량", "어린이", "선물용")
_THINGS = (
    ("사과", "식품>농산물>과일", "50000006>50000160>50012220"),
    ("원목 선반", "가구/인테리어>수납가구>선반", "50000004>50000099>50001213"),
    ("니트 가디건", "패션의류>여성의류>카디건", "50000000>50000167>50000805"),
    ("무선 이어폰", "디지털/가전>음향가전>이어폰", "50000003>50000095>50001467"),
    ("텀블러", "생활/건강>주방용품>잔/컵", "50000008>50000061>50004598"),
    ("캠핑 의자", "스포츠/레저>캠핑>캠핑가구", "50000007>50000028>50001108"),
    ("콤부차", "식품>음료>차류", "50000006>50000148>50012180"),
)
_SIZES = ("S", "M", "L", "500g", "1kg", "3kg", "10개입", "2+1", "블랙", "아이보리")
_BRANDS = ("한빛상회", "바른농장", "GREEN&CO", "오늘의선반", "Café Séoul")
_TAGS = ("선물", "당일발송", "국산", "신상품", "베스트")


def make_item(number: int, index: int, rng: Random, registered: float, modified: float) -> Item:
    """Make the item with origin product *number*, the *index*-th of its shop; instants in Unix seconds."""
    channel_services = ["STOREFARM"]
    if index % WINDOW_EVERY == WINDOW_AT:
        # The order of the two is not documented, so that no reader should rely on it.
        channel_services = ["STOREFARM", "WINDOW"] if rng.random() < 0.5 else ["WINDOW", "STOREFARM"]
    elif index % WINDOW_ONLY_EVERY == WINDOW_ONLY_AT:
        channel_services = ["WINDOW"]
    group = number - number % 1000 if rng.random() < 0.05 else None
    shared = _shared_fields(index, rng, registered, modified)
    item: Item = {} if group is None else {"groupProductNo": group}
    item["originProductNo"] = number
    item["channelProducts"] = [_channel_product(number, group, service, shared) for service in channel_services]
    return item


def in_order(fields: dict[str, Any]) -> dict[str, Any]:
    """Return *fields* without the nulls, in the documented order; unknown ones come last."""
    ordered = {name: fields[name] for name in FIELD_ORDER if fields.get(name) is not None}
    return ordered | {name: value for name, value in fields.items() if name not in FIELD_ORDER}


def _channel_product(number: int, group: int | None, service: str, shared: dict[str, Any]) -> dict[str, Any]:
    own = number + CHANNEL_NUMBER_DISTANCE + (1 if service == "WINDOW" else 0)
    fields = {
        "groupProductNo": group,
        "originProductNo": number,
        "channelProductNo": own,
        "channelServiceType": service,
    }
    return in_order(fields | shared)


def _shared_fields(index: int, rng: Random, registered: float, modified: float) -> dict[str, Any]:
    thing, category_name, category_id = rng.choice(_THINGS)
    price = rng.randrange(1, 3000) * 100
    discounted = price * rng.choice((100, 100, 95, 90, 70)) // 100
    status = rng.choices(("SALE", "OUTOFSTOCK", "SUSPENSION", "CLOSE", "PROHIBITION"), (90, 5, 3, 1, 1))[0]
    fields: dict[str, Any] = {
        "categoryId": category_id.rpartition(">")[2],
        "name": f"{rng.choice(_KINDS)} {thing} {rng.choice(_SIZES)} #{index + 1}",
        "statusType": status,
        "channelProductDisplayStatusType": "ON" if status in ("SALE", "OUTOFSTOCK") else "SUSPENSION",
        "salePrice": price,
        "discountedPrice": discounted,
        "mobileDiscountedPrice": discounted,
        "stockQuantity": 0 if status == "OUTOFSTOCK" else rng.randrange(1, 1000),
        "knowledgeShoppingProductRegistration": rng.random() < 0.5,
        "deliveryAttributeType": rng.choice(("NORMAL", "NORMAL", "NORMAL", "TODAY", "ARRIVAL_GUARANTEE")),
        "deliveryFee": rng.choice((0, 2500, 3000, 3500)),
        "returnFee": rng.choice((0, 3000, 3500)),
        "exchangeFee": rng.choice((0, 6000, 7000)),
        "managerPurchasePoint": discounted // 100,
        "wholeCategoryName": category_name,
        "wholeCategoryId": category_id,
        "sellerTags": _tags(rng),
        "regDate": written(registered),
        "modifiedDate": written(modified),
    }
    if rng.random() < 0.8:
        fields["sellerManagementCode"] = f"GC-{index + 1:05d}"
    if rng.random() < 0.9:
        fields["representativeImage"] = {"url": f"https://shop-phinf.pstatic.net/simulated/{index + 1}.jpg"}
    if rng.random() < 0.3:
        fields |= {"sellerPurchasePoint": 5, "sellerPurchasePointUnitType": "PERCENT"}
    if rng.random() < 0.2:
        fields |= {"textReviewPoint": 50, "photoVideoReviewPoint": 150, "regularCustomerPoint": 100}
    if rng.random() < 0.1:
        fields |= {"saleStartDate": written(registered), "saleEndDate": written(registered + 3e8)}
    if rng.random() < 0.4:
        fields |= {"brandName": rng.choice(_BRANDS), "manufacturerName": rng.choice(_BRANDS)}
    if rng.random() < 0.1:
        fields |= {"modelId": rng.randrange(10**9, 10**10), "modelName": f"{thing} {index + 1}"}
    return fields


def _tags(rng: Random) -> list[dict[str, Any]]:
    # A tag from Naver's own dictionary has a code; one that the seller typed has not.
    return [
        {"code": rng.randrange(1000, 99_999), "text": text} if rng.random() < 0.5 else {"text": text}
        for text in rng.sample(_TAGS, rng.choice((0, 0, 1, 3)))
    ]
