"""One page into rows: what is news is written, with its history, the page's products, the cursor and the lease."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db import product_changes, products, rejected_records, sync_leases, sync_pages
from db.product_changes import ChangeKind
from db.sync_leases import Holder
from db.sync_logs import SyncLog
from db.sync_pages import SyncPage
from services import catalogue
from services.catalogue import PageNews
from services.naver.products import Item, Page


class LeaseLost(Exception):
    """Another attempt holds the sync by now, or it was ended: this worker must not write any more."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        super().__init__(f"attempt {holder.attempt} no longer holds sync {holder.sync_id}")


@dataclass(frozen=True, slots=True)
class Pass:
    """What stays the same while one sync walks through the pages."""

    holder: Holder
    seller_id: int
    is_first_import: bool
    """No sync of this seller was ever proven: what is new to us is no change of the catalogue."""
    baseline_id: int | None
    """The proven sync whose pages still say what the product rows hold; None where there is none."""


def write_page(session: Session, walk: Pass, page: Page, now: datetime, lease_until: datetime) -> tuple[int, PageNews]:
    """
    Write one page; return Naver's total of that moment and what the page said.

    Raise LeaseLost, with nothing written, where another attempt holds the sync.
    """
    # First of all, since the row's lock also keeps out whoever else might write for this seller.
    if not sync_leases.write_as(session, walk.holder, next_page=page.number + 1, lease_until=lease_until):
        raise LeaseLost(walk.holder)
    written = sync_pages.page_of(session, walk.holder.sync_id, page.number)
    if written is not None:
        # By this very worker: its commit went through, and only the answer to it was lost.
        return written.total_elements, PageNews([], [], [], 0)
    if page.unchanged:
        total, news, numbers, rows = _as_before(session, walk, page)
    else:
        total, numbers = page.total_elements, [item.product_no for item in page.items]
        news = catalogue.compare(page.items, products.known_products(session, walk.seller_id, numbers))
        _write_news(session, walk, news, now)
        _write_rejects(session, walk, page)
        numbers += [each.product_no for each in page.rejected if each.product_no is not None]
        rows = catalogue.rows_hash(item.content_hash for item in page.items)
    session.add(
        SyncPage(
            sync_id=walk.holder.sync_id,
            number=page.number,
            total_elements=total,
            body_hash=page.body_hash,
            product_nos=sync_pages.pack(numbers),
            rows_hash=rows,
        )
    )
    counts: dict[str, Any] = {
        "added": SyncLog.added + len(news.added),
        "changed": SyncLog.changed + len(news.changed),
        "restored": SyncLog.restored + len(news.restored),
        "unchanged": SyncLog.unchanged + news.unchanged,
        "rejected": SyncLog.rejected + len(page.rejected),
        "total_at_end": total,
    }
    if page.number == 1:
        counts["total_at_start"] = total
    if not sync_leases.write_as(session, walk.holder, **counts):
        raise LeaseLost(walk.holder)
    return total, news


def _as_before(session: Session, walk: Pass, page: Page) -> tuple[int, PageNews, list[int], bytes]:
    before = None if walk.baseline_id is None else sync_pages.page_of(session, walk.baseline_id, page.number)
    if before is None:
        raise LookupError(f"page {page.number} was taken for unchanged, but sync {walk.baseline_id} does not have it")
    numbers = list(sync_pages.unpack(before.product_nos))
    return before.total_elements, PageNews([], [], [], len(numbers)), numbers, before.rows_hash


def _write_news(session: Session, walk: Pass, news: PageNews, now: datetime) -> None:
    before = products.documents(session, walk.seller_id, [item.product_no for item in (*news.changed, *news.restored)])
    products.insert_products(
        session, [{**columns(walk.seller_id, item, now), "first_seen_at": now} for item in news.added]
    )
    products.update_products(
        session,
        [
            {**columns(walk.seller_id, item, now), "removed_at": None, "held_at": None}
            for item in (*news.changed, *news.restored)
        ],
    )
    history = [] if walk.is_first_import else list(_came(walk, news.added, ChangeKind.ADDED, now))
    history += _came(walk, news.restored, ChangeKind.RESTORED, now)
    for item in (*news.changed, *news.restored):
        history += [
            _change(walk, item.product_no, ChangeKind.CHANGED, now, field=each.field, old=each.old, new=each.new)
            for each in catalogue.differences(before[item.product_no], item.document)
        ]
    product_changes.record_changes(session, history)


def _came(walk: Pass, items: Iterable[Item], kind: ChangeKind, now: datetime) -> Iterable[dict[str, Any]]:
    return (_change(walk, item.product_no, kind, now) for item in items)


def _change(
    walk: Pass,
    product_no: int,
    kind: ChangeKind,
    now: datetime,
    *,
    field: str | None = None,
    old: Any = None,
    new: Any = None,
) -> dict[str, Any]:
    return {
        "seller_id": walk.seller_id,
        "product_no": product_no,
        "sync_id": walk.holder.sync_id,
        "kind": kind,
        "field": field,
        "old": old,
        "new": new,
        "changed_at": now,
    }


def gone(walk: Pass, product_nos: Iterable[int], now: datetime) -> list[dict[str, Any]]:
    """Return the history rows of products that are marked removed."""
    return [_change(walk, number, ChangeKind.REMOVED, now) for number in sorted(product_nos)]


def came_back(walk: Pass, product_nos: Iterable[int], now: datetime) -> list[dict[str, Any]]:
    """Return the history rows of products that were marked removed and are in the shop."""
    return [_change(walk, number, ChangeKind.RESTORED, now) for number in sorted(product_nos)]


def _write_rejects(session: Session, walk: Pass, page: Page) -> None:
    rejected_records.record_rejects(
        session,
        [
            {
                "sync_id": walk.holder.sync_id,
                "page": page.number,
                "position": each.position,
                "product_no": each.product_no,
                "reason": each.reason,
                "field": each.field,
                "raw": each.raw,
            }
            for each in page.rejected
        ],
    )


def columns(seller_id: int, item: Item, now: datetime) -> dict[str, Any]:
    """Return the columns of a product row that an item decides."""
    return {
        "seller_id": seller_id,
        "product_no": item.product_no,
        "channel_product_no": item.channel_product_no,
        "name": item.name,
        "status_type": item.status_type,
        "display_status": item.display_status,
        "sale_price": item.sale_price,
        "discounted_price": item.discounted_price,
        "stock_quantity": item.stock_quantity,
        "seller_code": item.seller_code,
        "category_id": item.category_id,
        "image_url": item.image_url,
        "registered_at": item.registered_at,
        "modified_at": item.modified_at,
        "document": item.document,
        "content_hash": item.content_hash,
        "changed_at": now,
    }
