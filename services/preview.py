"""What a sync would do, without doing it: every page is read and compared, nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from db import products
from services import catalogue
from services.catalogue import FieldChange, Verdict
from services.naver.products import Item
from services.removals import gone_by_number
from services.runtime import Runtime
from services.syncing import credentials_of, is_last


@dataclass
class Preview:
    """What a sync would add, change, restore, reject, remove and hold at this moment."""

    verdict: Verdict
    total: int = 0
    unchanged: int = 0
    rejected: int = 0
    added: list[tuple[int, str | None]] = field(default_factory=list)
    restored: list[tuple[int, str | None]] = field(default_factory=list)
    changed: list[tuple[int, str | None, list[FieldChange]]] = field(default_factory=list)
    removed: list[tuple[int, str | None]] = field(default_factory=list)
    held: list[tuple[int, str | None]] = field(default_factory=list)


def preview_sync(rt: Runtime, seller_id: int) -> Preview:
    """Return what a sync of the seller would do now; raise GConnectError as a sync would."""
    naver = rt.naver.session(credentials_of(rt, seller_id))
    found = Preview(catalogue.judge(0, 0, 0, 0))
    seen: set[int] = set()
    number, total_at_start = 1, None
    while True:
        page = naver.page(number)
        total_at_start = page.total_elements if total_at_start is None else total_at_start
        seen.update(item.product_no for item in page.items)
        seen.update(each.product_no for each in page.rejected if each.product_no is not None)
        found.total = page.total_elements
        found.rejected += len(page.rejected)
        _compare(rt, seller_id, page.items, found)
        if is_last(number, page.total_elements) or not (page.items or page.rejected):
            break
        number += 1
    found.verdict = catalogue.judge(total_at_start, found.total, len(seen), found.rejected)
    if found.verdict.code is None:
        with rt.database.transaction() as session:
            present = products.present_products(session, seller_id)
        gone = gone_by_number(naver, catalogue.worth_asking(present, seen), go_on=lambda: True)
        removals = catalogue.vanished(present, seen, gone)
        with rt.database.transaction() as session:
            names = products.names(session, seller_id, removals.remove | removals.hold)
        found.removed = [(each, names.get(each)) for each in sorted(removals.remove)]
        found.held = [(each, names.get(each)) for each in sorted(removals.hold)]
    return found


def _compare(rt: Runtime, seller_id: int, items: Any, found: Preview) -> None:
    with rt.database.transaction() as session:
        known = products.known_products(session, seller_id, [item.product_no for item in items])
        news = catalogue.compare(items, known)
        before = products.documents(session, seller_id, [item.product_no for item in news.changed])

    def named(news_of: list[Item]) -> list[tuple[int, str | None]]:
        return [(item.product_no, item.name) for item in news_of]

    found.unchanged += news.unchanged
    found.added += named(news.added)
    found.restored += named(news.restored)
    found.changed += [
        (item.product_no, item.name, catalogue.differences(before[item.product_no], item.document))
        for item in news.changed
    ]
