"""Real bodies of `products/search`, as they were published, and answers made of them."""

from __future__ import annotations

from typing import Any

import orjson

from services.naver.protocol import Answer

SHOP_OF_TWO = (
    '{"contents":[{"originProductNo":13278540332,"channelProducts":[{"originProductNo":13278540332,'
    '"channelProductNo":13337252556,"channelServiceType":"STOREFARM","categoryId":"50001735",'
    '"name":"steam game test AA","statusType":"SALE","channelProductDisplayStatusType":"ON",'
    '"salePrice":30000,"discountedPrice":10,"mobileDiscountedPrice":10,"stockQuantity":9,'
    '"knowledgeShoppingProductRegistration":false,"deliveryAttributeType":"NORMAL","deliveryFee":0,'
    '"returnFee":0,"exchangeFee":0,"managerPurchasePoint":1,'
    '"wholeCategoryName":"디지털/가전>게임기/타이틀>PC게임","wholeCategoryId":"50000003>50000088>50001735",'
    '"representativeImage":{"url":"https://shop-phinf.pstatic.net/..."},"sellerTags":[],'
    '"regDate":"2026-04-01T16:31:02.064+09:00","modifiedDate":"2026-04-01T16:31:02.064+09:00"}]}],'
    '"page":1,"size":100,"totalElements":2,"totalPages":1,"sort":{"sorted":true,'
    '"fields":[{"name":"regDate","direction":"DESC"},{"name":"productNo","direction":"DESC"}]},'
    '"first":true,"last":true}'
).encode()
"""Of 2026-04-29; whoever published it shortened the contents to one of two items, and the address."""

EMPTY_SHOP = (
    b'{"contents":[],"page":1,"size":50,"totalElements":0,"totalPages":0,"sort":{"sorted":true,'
    b'"fields":[{"name":"productNo","direction":"DESC"}]},"first":true,"last":true}'
)
"""Of 2026-09-14, byte for byte."""

EMPTY_SHOP_SHA256 = "011b8c67dff24a1a7a08914f9528bf244cd0223db72f3104098da5c25daf97df"

GATEWAY_REFUSAL = (
    '{"code":"GW.AUTHN","message":"요청을 보낼 권한이 없습니다.",'
    '"timestamp":"2023-11-05T23:35:24.415+09:00","traceId":"cr3-000000-aaaaaa^1730711073284^6745261"}'
).encode()
"""From Naver's page on authentication."""

QUOTA_PENALTY = (
    '{"code":"GW.QUOTA_LIMIT","message":"할당된 시간당 요청량을 초과하였습니다.",'
    '"timestamp":"2026-08-21T12:25:00.916+09:00","traceId":"AaAYlkBsfUaXMAWmvWamgw^1787118894419^13567092"}'
).encode()
"""Of August 2026."""


def product(number: int = 13278540332, /, **fields: Any) -> dict[str, Any]:
    """Return the real record with another number and other *fields* of its channel product; ... leaves one out."""
    record: dict[str, Any] = orjson.loads(SHOP_OF_TWO)["contents"][0]
    record["originProductNo"] = number
    channel = record["channelProducts"][0] | fields
    record["channelProducts"] = [{name: value for name, value in channel.items() if value is not ...}]
    return record


def page_body(*records: Any, **envelope: Any) -> bytes:
    """Return a first page of these records; *envelope* replaces its fields, ... leaves one out."""
    page = {"contents": list(records), "page": 1, "size": 500, "totalElements": len(records), **envelope}
    return orjson.dumps({name: value for name, value in page.items() if value is not ...})


def answer(body: Any = EMPTY_SHOP, status: int = 200, **headers: str) -> Answer:
    """Return an answer; the underscores of header names become dashes, a body that is not bytes JSON."""
    return Answer(
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body if isinstance(body, bytes) else orjson.dumps(body),
    )
