"""
Which syncs have a message on the queue, and which need one.

Messages only ring: what is written here about them says when to ring again, never what is to be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.orm import Session

from db.sync_logs import LIVE, State, SyncLog


def mark_sent(session: Session, sync_ids: Sequence[int], now: datetime) -> None:
    """Write down that a message for each of these is on the queue."""
    session.execute(
        update(SyncLog)
        .where(SyncLog.id.in_(sync_ids), SyncLog.state.in_(LIVE))
        .values(sent_at=now)
        .execution_options(synchronize_session=False)
    )


def mark_unsent(session: Session, sync_ids: Sequence[int]) -> None:
    """Write down that none of these has a message."""
    session.execute(
        update(SyncLog)
        .where(SyncLog.id.in_(sync_ids), SyncLog.state.in_(LIVE))
        .values(sent_at=None)
        .execution_options(synchronize_session=False)
    )


def set_next_attempt(session: Session, sync_id: int, next_attempt_at: datetime) -> None:
    """Write down when the queue will bring a waiting sync back; a person may have asked for it to come earlier."""
    session.execute(
        update(SyncLog)
        .where(SyncLog.id == sync_id, SyncLog.state == State.WAITING, SyncLog.next_attempt_at > next_attempt_at)
        .values(next_attempt_at=next_attempt_at)
        .execution_options(synchronize_session=False)
    )


def without_message(
    session: Session, limit: int, *, sent_before: datetime | None = None, due_before: datetime | None = None
) -> Sequence[SyncLog]:
    """
    Return syncs that nothing will bring to a worker: those that go ahead, then those that wait longest.

    These are queued ones without a message, and those whose message, sent before *sent_before*, must be lost;
    with *due_before* also waiting ones that were due before it and have not been sent since.
    """
    lost: ColumnElement[bool] = SyncLog.sent_at.is_(None)
    if sent_before is not None:
        lost = or_(lost, SyncLog.sent_at < sent_before)
    missing = (SyncLog.state == State.QUEUED) & lost
    if due_before is not None:
        overdue = (SyncLog.state == State.WAITING) & (SyncLog.next_attempt_at < due_before)
        missing |= overdue & or_(lost, SyncLog.sent_at < SyncLog.next_attempt_at)
    return session.scalars(
        select(SyncLog)
        .where(missing)
        .order_by(
            case((_goes_ahead(), 0), else_=1), func.coalesce(SyncLog.next_attempt_at, SyncLog.queued_at), SyncLog.id
        )
        .limit(limit)
    ).all()


def _goes_ahead() -> ColumnElement[bool]:
    return SyncLog.urgent & (SyncLog.turns == 0)


def stalled(session: Session, now: datetime, sent_before: datetime, limit: int) -> Sequence[SyncLog]:
    """
    Return running syncs whose lease has expired and that nobody has sent since *sent_before*, locked.

    Their worker is dead, or slower than it may be.
    """
    return session.scalars(
        select(SyncLog)
        .where(
            SyncLog.state == State.RUNNING,
            SyncLog.lease_until < now,
            or_(SyncLog.sent_at.is_(None), SyncLog.sent_at < SyncLog.lease_until, SyncLog.sent_at < sent_before),
        )
        .order_by(SyncLog.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
