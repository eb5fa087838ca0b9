"""A page against what is known, and a whole pass against what it should have shown. Pure: decides, writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from db.products import KnownProduct
from db.sync_logs import State
from services.errors import Param
from services.naver.products import Item, main_channel_product

HELD_FROM = 20
HELD_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class PageNews:
    """What a page says that is not known yet; *restored* had been removed and is back."""

    added: list[Item]
    changed: list[Item]
    restored: list[Item]
    unchanged: int


def compare(items: Iterable[Item], known: Mapping[int, KnownProduct]) -> PageNews:
    """Tell the items of a page apart by what is known of each."""
    news = PageNews([], [], [], 0)
    unchanged = 0
    for item in items:
        before = known.get(item.product_no)
        if before is None:
            news.added.append(item)
        elif before.is_removed:
            news.restored.append(item)
        elif before.content_hash != item.content_hash:
            news.changed.append(item)
        else:
            unchanged += 1
    return PageNews(news.added, news.changed, news.restored, unchanged)


def rows_hash(content_hashes: Iterable[bytes]) -> bytes:
    """Return 16 bytes over the content hashes of a page's products, in their order."""
    return blake2b(b"".join(content_hashes), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one product: the value before (None where there was none) and since."""

    field: str
    old: Any
    new: Any


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[FieldChange]:
    """
    Return what differs between two records of one product, by field name.

    Fields of the main channel stand by Naver's own name, those of another as ``number.name``.
    """
    before, after = _flat(old), _flat(new)
    return [
        FieldChange(field, before.get(field), after.get(field))
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    ]


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in document.items() if name != "channelProducts"}
    channels = document["channelProducts"]
    main = main_channel_product(channels)
    for channel in channels:
        prefix = "" if channel is main else f"{channel.get('channelProductNo')}."
        fields |= {f"{prefix}{name}": value for name, value in channel.items()}
    return fields


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a pass that came to its end turned out; *code* says why it is only partial."""

    outcome: State
    code: str | None
    params: dict[str, Param]


def judge(total_at_start: int, total_at_end: int, seen: int, rejected: int) -> Verdict:
    """
    Return succeeded only where it is proven.

    Proven means: the distinct origin products seen are as many as Naver said at the start and at the end,
    and each of their records could be read.
    """
    if total_at_start != total_at_end:
        return Verdict(State.PARTIAL, "total_changed", {"before": total_at_start, "after": total_at_end, "seen": seen})
    if rejected and 0 <= total_at_end - seen <= rejected:
        # Of some of them not even the number could be read, so that they also seem to be missing.
        return Verdict(State.PARTIAL, "records_rejected", {"rejected": rejected, "total": total_at_end})
    if seen != total_at_end:
        return Verdict(State.PARTIAL, "products_missing", {"total": total_at_end, "seen": seen})
    return Verdict(State.SUCCEEDED, None, {})


@dataclass(frozen=True, slots=True)
class Removals:
    """What a proven pass did not see: to be removed now, to be held, and what was held and has come back."""

    remove: frozenset[int]
    hold: frozenset[int]
    release: frozenset[int]
    too_many: bool
    """Whether so many vanished at once that a person is to look at them."""


def vanished(present: Mapping[int, bool], seen: set[int], gone: Collection[int]) -> Removals:
    """
    Decide about the products that a proven pass did not see.

    *present* are the products in the shop as far as we know, each with whether its removal is held already.
    What the pass before missed too is removed. Of the rest, more than 20 and 5 % at once are held, and so is
    a whole shop: an empty answer is no proof of absence. Held as well is what does not stand in *gone*, the
    products that Naver does not have when asked by number: they moved while we walked, and another change hid
    it from the count (one product left the part that was read, another came to the part that was not).
    """
    missing = {number for number in present if number not in seen}
    fresh = _fresh(present, seen)
    release = frozenset(number for number, held in present.items() if held and number in seen)
    too_many = _too_many(fresh, present, seen)
    hold = fresh if too_many else fresh.difference(gone)
    return Removals(frozenset(missing - hold), hold, release, too_many)


def worth_asking(present: Mapping[int, bool], seen: set[int]) -> frozenset[int]:
    """Return the products that Naver is to be asked for by number, since this pass alone would remove them."""
    fresh = _fresh(present, seen)
    return frozenset() if _too_many(fresh, present, seen) else fresh


def _fresh(present: Mapping[int, bool], seen: set[int]) -> frozenset[int]:
    return frozenset(number for number, held in present.items() if not held and number not in seen)


def _too_many(fresh: frozenset[int], present: Mapping[int, bool], seen: set[int]) -> bool:
    return len(fresh) > max(HELD_FROM, HELD_SHARE * len(present)) or bool(fresh and not seen)
