"""
Who may write for a sync, and until when.

Each take counts the attempt number up, and every later write of that worker names the number it was given: a
worker that was taken for dead and comes back finds that its number is no longer the row's, and cannot write.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, update
from sqlalchemy.orm import Session

from db.sync_logs import State, SyncLog


@dataclass(frozen=True, slots=True)
class Holder:
    """The right to write for a sync: its id and the attempt number that its worker was given."""

    sync_id: int
    attempt: int


def take(
    session: Session, sync_id: int, now: datetime, lease_until: datetime, *, due_by: datetime, max_deaths: int
) -> Holder | None:
    """
    Make the sync running and return the right to write for it; None where it is not to be had.

    To be had are: queued; waiting with its next attempt due by *due_by*; running with an expired lease, whose
    worker is thereby counted as dead, unless that makes *max_deaths*.
    """
    taken = session.execute(
        update(SyncLog)
        .where(
            SyncLog.id == sync_id,
            or_(
                SyncLog.state == State.QUEUED,
                (SyncLog.state == State.WAITING) & (SyncLog.next_attempt_at <= due_by),
                (SyncLog.state == State.RUNNING) & (SyncLog.lease_until < now) & (SyncLog.deaths + 1 < max_deaths),
            ),
        )
        .values(
            deaths=SyncLog.deaths + case((SyncLog.state == State.RUNNING, 1), else_=0),
            state=State.RUNNING,
            attempt=SyncLog.attempt + 1,
            lease_until=lease_until,
            next_attempt_at=None,
            started_at=func.coalesce(SyncLog.started_at, now),
        )
        .returning(SyncLog.attempt)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return None if taken is None else Holder(sync_id, taken)


def write_as(session: Session, holder: Holder, **values: Any) -> bool:
    """Write columns of the sync; return False, and write nothing, where another attempt holds it by now."""
    result = session.execute(
        update(SyncLog)
        .where(SyncLog.id == holder.sync_id, SyncLog.attempt == holder.attempt, SyncLog.state == State.RUNNING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def yield_turn(session: Session, holder: Holder, now: datetime) -> bool:
    """Put the sync back in the queue, behind those who wait, at the page where it stands."""
    return write_as(
        session,
        holder,
        state=State.QUEUED,
        lease_until=None,
        queued_at=now,
        sent_at=None,
        turns=SyncLog.turns + 1,
    )


def wait(session: Session, holder: Holder, next_attempt_at: datetime, **why: Any) -> bool:
    """Let the sync wait for its next attempt."""
    return write_as(
        session,
        holder,
        state=State.WAITING,
        lease_until=None,
        next_attempt_at=next_attempt_at,
        failures=SyncLog.failures + 1,
        **why,
    )


def finish(session: Session, holder: Holder, outcome: State, now: datetime, **values: Any) -> bool:
    """Give the sync its outcome."""
    return write_as(session, holder, state=outcome, finished_at=now, lease_until=None, **values)
