"""A page of products as it was read: the records that can be stored, and those that cannot, with the reason."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

PARSER_VERSION = b"1"
"""Raise it when a record is read differently: all stored hashes then differ, and every page is read anew."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d(:?\d\d)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Item:
    """
    One origin product that passed services/naver/records.py.

    *document* is Naver's record as it came, *content_hash* 16 bytes over it that do not depend on the
    order of its keys. The properties read the main channel product: the first of the SmartStore
    (STOREFARM), else the first. What Naver left out, or sent as null, is None.
    """

    product_no: int
    document: dict[str, Any] = dataclasses.field(repr=False)
    content_hash: bytes = dataclasses.field(repr=False)

    @property
    def main(self) -> dict[str, Any]:
        """The channel product that stands for the origin product."""
        return main_channel_product(self.document["channelProducts"])

    @property
    def name(self) -> str | None:
        return self.main.get("name")

    @property
    def status_type(self) -> str | None:
        """SALE, OUTOFSTOCK, SUSPENSION, …, or a value that Naver added since."""
        return self.main.get("statusType")

    @property
    def sale_price(self) -> int:
        """Won."""
        return int(self.main["salePrice"])

    @property
    def discounted_price(self) -> int | None:
        """Won."""
        return self.main.get("discountedPrice")

    @property
    def stock_quantity(self) -> int | None:
        return self.main.get("stockQuantity")

    @property
    def channel_product_no(self) -> int | None:
        return self.main.get("channelProductNo")

    @property
    def display_status(self) -> str | None:
        """WAIT, ON, SUSPENSION, or a value that Naver added since."""
        return self.main.get("channelProductDisplayStatusType")

    @property
    def seller_code(self) -> str | None:
        """The seller's own code; Naver does not keep it unique."""
        return self.main.get("sellerManagementCode")

    @property
    def category_id(self) -> str | None:
        return self.main.get("categoryId")

    @property
    def image_url(self) -> str | None:
        return (self.main.get("representativeImage") or {}).get("url")

    @property
    def registered_at(self) -> datetime | None:
        return _instant_or_none(self.main.get("regDate"))

    @property
    def modified_at(self) -> datetime | None:
        return _instant_or_none(self.main.get("modifiedDate"))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be stored."""

    position: int
    """Its place in the page, from 0."""

    product_no: int | None
    """Its origin product number, where at least that was readable."""

    reason: str
    """not_object, missing, wrong_type, out_of_range, bad_date, bad_character, too_long or too_deep."""

    field: str | None
    """Naver's name of the culprit; None when it is the record as a whole."""

    raw: bytes = dataclasses.field(repr=False)
    """The record's first 4 KiB as JSON, cut between characters."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page of `products/search`.

    Each origin product stands at most once in *items*. An unchanged page was not read: it has no items
    and nothing rejected, and its bytes are those of the page that *body_hash* was stored with.
    """

    number: int
    """From 1."""

    total_elements: int
    """How many origin products Naver says there are, over all pages."""

    items: tuple[Item, ...] = dataclasses.field(repr=False)
    rejected: tuple[Rejected, ...]
    duplicates: int
    """Readable records left out because their product stands earlier in the page."""

    body_hash: bytes = dataclasses.field(repr=False)
    """16 bytes over the parser's version and the bytes of the body."""

    unchanged: bool = False

    @property
    def records(self) -> int:
        """How many records the page held; 0 where it was not read."""
        return len(self.items) + len(self.rejected) + self.duplicates


def main_channel_product(channel_products: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the first channel product of the SmartStore, or the first of all; the list is not empty."""
    for product in channel_products:
        if product.get("channelServiceType") == "STOREFARM":
            return product
    return channel_products[0]


def read_instant(text: str) -> datetime:
    """
    Read an ISO 8601 instant with any number of fractional digits and an offset or Z, into UTC.

    Digits beyond microseconds are cut. Raises ValueError, also for a time without an offset: whose
    time that would be is nowhere documented.
    """
    if not _INSTANT.fullmatch(text):
        raise ValueError("not an ISO 8601 instant")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant beyond the years 1 to 9999") from error


def _instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else read_instant(text)
