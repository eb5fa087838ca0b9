"""What the auditor reads: one seller's rows, in pieces of bounded size. Nothing is judged here, and nothing locked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, Enum, RowMapping, Select, String, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from db.base import Base, JsonText
from db.heartbeats import Heartbeat
from db.notifications import Notification
from db.product_changes import ProductChange
from db.products import Product
from db.rejected_records import RejectedRecord
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_attempts import SyncAttempt
from db.sync_logs import LIVE, SyncLog
from db.sync_pages import SyncPage

SALT_LIKE = "%$2_$__$%"
"""Finds every text that may hold a bcrypt salt, and few others."""

OF_SELLERS: tuple[type[Any], ...] = (SyncSchedule, SyncLog, Product, ProductChange, Notification)
OF_SYNCS: tuple[type[Any], ...] = (SyncAttempt, RejectedRecord)
OF_NOBODY: tuple[type[Any], ...] = (Heartbeat,)


def sellers_after(session: Session, after_id: int, limit: int) -> Sequence[Seller]:
    """Return sellers by id, from the first one after *after_id*."""
    return session.scalars(select(Seller).where(Seller.id > after_id).order_by(Seller.id).limit(limit)).all()


def live_syncs(session: Session, seller_id: int) -> Sequence[SyncLog]:
    """Return the live syncs of a seller; there should be no more than one."""
    query = select(SyncLog).where(SyncLog.seller_id == seller_id, SyncLog.state.in_(LIVE)).order_by(SyncLog.id)
    return session.scalars(query).all()


def ended_syncs(session: Session, seller_id: int, before_id: int | None, limit: int) -> Sequence[SyncLog]:
    """Return the newest ended syncs of a seller, from the one before *before_id* on."""
    query = select(SyncLog).where(SyncLog.seller_id == seller_id, SyncLog.state.not_in(LIVE))
    if before_id is not None:
        query = query.where(SyncLog.id < before_id)
    return session.scalars(query.order_by(SyncLog.id.desc()).limit(limit)).all()


def attempts_by_sync(session: Session, sync_ids: Sequence[int]) -> dict[int, list[SyncAttempt]]:
    """Return the attempts of these syncs, each sync's first to last."""
    found: dict[int, list[SyncAttempt]] = {sync_id: [] for sync_id in sync_ids}
    query = select(SyncAttempt).where(SyncAttempt.sync_id.in_(sync_ids)).order_by(SyncAttempt.number)
    for attempt in session.scalars(query):
        found[attempt.sync_id].append(attempt)
    return found


def page_numbers(session: Session, sync_id: int) -> list[int]:
    """Return the numbers of the pages that are kept of a sync, ascending."""
    query = select(SyncPage.number).where(SyncPage.sync_id == sync_id).order_by(SyncPage.number)
    return list(session.scalars(query))


def syncs_with_pages(session: Session, seller_id: int) -> list[int]:
    """Return the ids of the seller's ended syncs that keep pages."""
    kept = select(SyncPage.sync_id).where(SyncPage.sync_id == SyncLog.id).exists()
    query = select(SyncLog.id).where(SyncLog.seller_id == seller_id, SyncLog.state.not_in(LIVE), kept)
    return list(session.scalars(query.order_by(SyncLog.id)))


def came_since(session: Session, seller_id: int, sync_id: int) -> int:
    """Return how many products the syncs after *sync_id* have put into the shop: added and restored."""
    query = select(func.sum(SyncLog.added + SyncLog.restored)).where(
        SyncLog.seller_id == seller_id, SyncLog.id > sync_id
    )
    return session.scalar(query) or 0


def instants_served_twice(session: Session, seller_id: int) -> list[datetime]:
    """Return the due instants for which a seller has more than one sync."""
    query = (
        select(SyncLog.scheduled_for)
        .where(SyncLog.seller_id == seller_id, SyncLog.scheduled_for.is_not(None))
        .group_by(SyncLog.scheduled_for)
        .having(func.count() > 1)
    )
    return [instant for instant in session.scalars(query) if instant is not None]


def is_told(session: Session, seller_id: int, code: str) -> bool:
    """Return whether a notification of this code is open for a seller."""
    query = select(Notification.id).where(
        Notification.seller_id == seller_id, Notification.code == code, Notification.resolved_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def last_end(session: Session) -> datetime | None:
    """Return when a sync last came to its end, whoever's it was."""
    at: datetime | None = session.scalar(select(func.max(SyncLog.finished_at)))
    return at


class StoredProduct(NamedTuple):
    """A product's row; its document is the text of the JSON, as damaged as it may be."""

    columns: RowMapping
    document: str


def stored_products(session: Session, seller_id: int, after_no: int, limit: int) -> list[StoredProduct]:
    """Return products of a seller, removed ones too, by number, from the first one after *after_no*."""
    columns = [column for column in Product.__table__.columns if column.name != "document"]
    query = (
        select(*columns, cast(Product.document, Text).label("document"))
        .where(Product.seller_id == seller_id, Product.product_no > after_no)
        .order_by(Product.product_no)
        .limit(limit)
    )
    return [StoredProduct(row, row["document"]) for row in session.execute(query).mappings()]


def texts_of_seller(session: Session, seller_id: int) -> Iterator[tuple[str, str]]:
    """Yield, with table.column, every text kept for a seller that may hold a bcrypt salt."""
    yield from _salty(session, Seller, select(Seller.id).where(Seller.id == seller_id))
    for table in OF_SELLERS:
        yield from _salty(session, table, select(table).where(table.seller_id == seller_id))
    syncs = select(SyncLog.id).where(SyncLog.seller_id == seller_id)
    for table in OF_SYNCS:
        yield from _salty(session, table, select(table).where(table.sync_id.in_(syncs)))


def texts_of_nobody(session: Session) -> Iterator[tuple[str, str]]:
    """Yield, with table.column, every text that belongs to no seller and may hold a bcrypt salt."""
    for table in OF_NOBODY:
        yield from _salty(session, table, select(table))
    yield from _salty(session, Notification, select(Notification).where(Notification.seller_id.is_(None)))


def _salty(session: Session, table: type[Base], rows: Select[Any]) -> Iterator[tuple[str, str]]:
    columns = [
        column
        for column in table.__table__.columns
        if isinstance(column.type, (String, JSON, JsonText)) and not isinstance(column.type, Enum)
    ]
    texts = [cast(column, Text).label(column.name) for column in columns]
    suspects = rows.with_only_columns(*texts).where(or_(*(text.like(SALT_LIKE) for text in texts)))
    # A few are enough to tell that there are any.
    for row in session.execute(suspects.limit(20)).mappings():
        for name, text in row.items():
            if text is not None:
                yield f"{table.__tablename__}.{name}", text
