"""
One record of a page: fit to be stored, or rejected with the reason.

Only what GConnect reads is judged. Fields that it does not read, and values that Naver adds to a list
of values, pass as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import orjson

from services.naver.products import PARSER_VERSION, Item, Rejected, main_channel_product, read_instant

MAX_DOCUMENT = 256 * 1024
"""Bytes of JSON; the documented fields of a record come to some 2 KiB."""

MAX_NAME = 10_000
"""Characters."""

MAX_WORD = 64
"""Characters of a status or a category."""

MAX_TEXT = 2_048
"""Characters of a code or an address."""

MAX_PRICE = 999_999_990
"""Won; documented for salePrice."""

MAX_RAW = 4 * 1024
"""Bytes kept of a rejected record."""

_INT64 = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Unfit(Exception):
    """Why a record cannot be stored."""

    def __init__(self, reason: str, field: str | None) -> None:
        self.reason = reason
        self.field = field
        super().__init__(reason)


def read_record(position: int, record: object) -> Item | Rejected:
    """Return the record as an Item, or why it is none; whatever JSON it is, nothing is raised."""
    try:
        return _read(record)
    except _Unfit as unfit:
        product_no = record.get("originProductNo") if isinstance(record, dict) else None
        return Rejected(
            position=position,
            product_no=product_no if _is_product_no(product_no) else None,
            reason=unfit.reason,
            field=unfit.field,
            raw=_raw(record),
        )


def _read(record: object) -> Item:
    if not isinstance(record, dict):
        raise _Unfit("not_object", None)
    canonical = _canonical(record)
    product_no: int = _number(record, "originProductNo", 1, _INT64, required=True)
    _check_main(main_channel_product(_channel_products(record)))
    return Item(product_no, record, _hash(canonical, PARSER_VERSION))


def content_hash(document: dict[str, Any], version: bytes = PARSER_VERSION) -> bytes:
    """Return the hash of a record that has passed read_record, as a parser of that version gives it."""
    return _hash(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), version)


def _hash(canonical: bytes, version: bytes) -> bytes:
    return blake2b(version + canonical, digest_size=16).digest()


def _canonical(record: dict[str, Any]) -> bytes:
    """Return the record as JSON with sorted keys, which proves that a database can store it."""
    try:
        canonical = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        # A lone surrogate, nested deeper than 254, or a number that no 64 bits hold.
        if _has_bad_character(record):
            raise _Unfit("bad_character", None) from error
        raise _Unfit("wrong_type" if "Recursion" not in str(error) else "too_deep", None) from error
    if len(canonical) > MAX_DOCUMENT:
        raise _Unfit("too_long", None)
    # PostgreSQL stores no U+0000. The search alone would also find an escaped backslash before "u0000".
    if b"\\u0000" in canonical and _has_bad_character(record):
        raise _Unfit("bad_character", None)
    return canonical


def _has_bad_character(record: object) -> bool:
    """Tell whether a key or a string anywhere in the record holds U+0000 or half of a surrogate pair."""
    # A list and not recursion: the record may be nested deeper than Python's stack.
    left = [record]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.keys())
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, str) and ("\0" in value or _SURROGATE.search(value)):
            return True
    return False


def _channel_products(record: dict[str, Any]) -> list[dict[str, Any]]:
    products = record.get("channelProducts")
    if products is None or products == []:
        raise _Unfit("missing", "channelProducts")
    if not isinstance(products, list) or not all(isinstance(product, dict) for product in products):
        raise _Unfit("wrong_type", "channelProducts")
    return products


def _check_main(product: dict[str, Any]) -> None:
    # The only field that is documented as always there.
    _number(product, "salePrice", 0, MAX_PRICE, required=True)
    _text(product, "name", MAX_NAME)
    _text(product, "statusType", MAX_WORD)
    _number(product, "discountedPrice", 0, _INT64)
    _number(product, "stockQuantity", -_INT64, _INT64)
    _number(product, "channelProductNo", 1, _INT64)
    _text(product, "channelProductDisplayStatusType", MAX_WORD)
    _text(product, "sellerManagementCode", MAX_TEXT)
    _text(product, "categoryId", MAX_WORD)
    image = product.get("representativeImage")
    if image is not None:
        if not isinstance(image, dict):
            raise _Unfit("wrong_type", "representativeImage")
        _text(image, "url", MAX_TEXT)
    _date(product, "regDate")
    _date(product, "modifiedDate")


def _number(holder: dict[str, Any], field: str, low: int, high: int, *, required: bool = False) -> Any:
    value = _present(holder, field, _is_integer, required=required)
    if value is not None and not low <= value <= high:
        raise _Unfit("out_of_range", field)
    return value


def _text(holder: dict[str, Any], field: str, longest: int) -> Any:
    value = _present(holder, field, _is_text, required=False)
    if value is not None and len(value) > longest:
        raise _Unfit("too_long", field)
    return value


def _date(holder: dict[str, Any], field: str) -> None:
    value = _text(holder, field, MAX_TEXT)
    if value is None:
        return
    try:
        read_instant(value)
    except ValueError as error:
        raise _Unfit("bad_date", field) from error


def _present(holder: dict[str, Any], field: str, is_right: Callable[[object], bool], required: bool) -> Any | None:
    """Return the field's value, or None where it is left out or null."""
    value = holder.get(field)
    if value is None:
        if required:
            raise _Unfit("missing", field)
        return None
    if not is_right(value):
        raise _Unfit("wrong_type", field)
    return value


def _is_integer(value: object) -> bool:
    # Python's booleans are integers.
    return type(value) is int


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_product_no(value: object) -> bool:
    return type(value) is int and 1 <= value <= _INT64


def _raw(record: object) -> bytes:
    """Return the record's first bytes as JSON, for a person to look at."""
    try:
        text = orjson.dumps(record)
    except orjson.JSONEncodeError:
        try:
            text = json.dumps(record, default=_digits).encode()
        except RecursionError:
            return b""
    # Cutting may halve the last character.
    return text[:MAX_RAW].decode(errors="ignore").encode()


def _digits(number: bytes) -> str:
    """Show a number that services/naver/protocol.py kept as bytes because no 64 bits hold it."""
    return number.decode()
