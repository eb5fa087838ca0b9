"""The real bodies that are published, byte for byte where they are; the facts file names their sources."""

from __future__ import annotations

ITEM_A = (
    '{"originProductNo":13278540332,"channelProducts":[{"originProductNo":13278540332,'
    '"channelProductNo":13337252556,"channelServiceType":"STOREFARM","categoryId":"50001735",'
    '"name":"steam game test AA","statusType":"SALE","channelProductDisplayStatusType":"ON",'
    '"salePrice":30000,"discountedPrice":10,"mobileDiscountedPrice":10,"stockQuantity":9,'
    '"knowledgeShoppingProductRegistration":false,"deliveryAttributeType":"NORMAL","deliveryFee":0,'
    '"returnFee":0,"exchangeFee":0,"managerPurchasePoint":1,'
    '"wholeCategoryName":"디지털/가전>게임기/타이틀>PC게임","wholeCategoryId":"50000003>50000088>50001735",'
    '"representativeImage":{"url":"https://shop-phinf.pstatic.net/..."},"sellerTags":[],'
    '"regDate":"2026-04-01T16:31:02.064+09:00","modifiedDate":"2026-04-01T16:31:02.064+09:00"}]}'
)
"""The item that is shown of body A; its author cut the image's address."""

BODY_A_START = '{"contents":[' + ITEM_A
BODY_A_END = (
    '],"page":1,"size":100,"totalElements":2,"totalPages":1,"sort":{"sorted":true,"fields":'
    '[{"name":"regDate","direction":"DESC"},{"name":"productNo","direction":"DESC"}]},"first":true,"last":true}'
)
"""Between the two stands the item that its author left out."""

FIELDS_OF_B = {
    "sellerManagementCode": str,
    "sellerPurchasePoint": int,
    "sellerPurchasePointUnitType": str,
    "deliveryFee": int,
    "returnFee": int,
    "exchangeFee": int,
}
"""What an item of body B has besides A's."""

SHA256_OF_C = "011b8c67dff24a1a7a08914f9528bf244cd0223db72f3104098da5c25daf97df"
LENGTH_OF_C = 166

GATEWAY_ERROR = (
    '{"code":"GW.AUTHN","message":"요청을 보낼 권한이 없습니다.","timestamp":"2023-11-05T23:35:24.415+09:00",'
    '"traceId":"cr3-000000-aaaaaa^1730711073284^6745261"}'
)
GATEWAY_ERROR_LENGTH = 168

QUOTA_CODE_AND_KEYS = ("GW.QUOTA_LIMIT", ["code", "message", "timestamp", "traceId"])

SIGNATURE = {
    "client_id": "aaaabbbbcccc",
    "secret": "$2a$04$abcdefghijklmnopqrstuu",
    "timestamp": "1643961623299",
    "sign": "JDJhJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dXV6NDlObEtMdDYyUWhPdnNjSTNNWnR4ZUlDQjNoYUpD",
}
"""The official vector with a salt that every bcrypt accepts, and a cost that tests can afford."""
