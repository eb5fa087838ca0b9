"""What may be forgotten, deleted in batches small enough not to be in anybody's way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from db.notifications import Notification
from db.product_changes import ProductChange
from db.sync_logs import State, SyncLog


def delete_before(session: Session, kind: str, before: datetime, limit: int) -> int:
    """Delete up to *limit* rows of a kind that are over and done since before *before*; return how many went."""
    table, query = KINDS[kind]
    ids = session.scalars(query(before).limit(limit)).all()
    session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)


def _old_syncs(before: datetime) -> Select[int]:
    wrote = SyncLog.added + SyncLog.changed + SyncLog.restored > 0
    # It says whether the pages of the proven one still tell what the product rows hold.
    writer = select(func.max(SyncLog.id)).where(wrote).group_by(SyncLog.seller_id)
    newest = select(func.max(SyncLog.id)).group_by(SyncLog.seller_id)
    proven = select(func.max(SyncLog.id)).where(SyncLog.state == State.SUCCEEDED).group_by(SyncLog.seller_id)
    return select(SyncLog.id).where(
        SyncLog.finished_at < before, SyncLog.id.not_in(newest), SyncLog.id.not_in(proven), SyncLog.id.not_in(writer)
    )


def _old_changes(before: datetime) -> Select[int]:
    return select(ProductChange.id).where(ProductChange.changed_at < before)


def _old_notifications(before: datetime) -> Select[int]:
    return select(Notification.id).where(Notification.resolved_at < before)


KINDS: dict[str, tuple[Any, Any]] = {
    "changes": (ProductChange, _old_changes),
    "notifications": (Notification, _old_notifications),
    # Last, when little points to them any more.
    "syncs": (SyncLog, _old_syncs),
}
