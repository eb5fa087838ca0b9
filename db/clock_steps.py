"""
Instants that a clock wrote which was ahead and has been set back since.

Nobody takes over a lease, looks for a message or releases a schedule before such an instant comes, so a step of
an hour would cost an hour. What lies further ahead than it can is therefore brought back to where it can be.

A host whose clock is slow by more than SLACK does the same to rows of hosts that are right: syncs are then sent
twice and leases are short, which costs time and nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.heartbeats import Heartbeat
from db.incidents import Incident
from db.schedules import SyncSchedule
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog

SLACK = timedelta(seconds=60)
"""So far hosts may disagree about the time; what lies ahead by less is left alone."""


LATELY = 1000
"""So many of the newest syncs are looked at."""


def bring_back(session: Session, now: datetime, *, lease: timedelta, backoff: timedelta, hold: timedelta) -> int:
    """
    Bring back what lies ahead of *now* by more than it can, and return how many instants did.

    The longest that they can lie ahead: *lease* of a running sync, *backoff* of a waiting one, *hold* of a
    schedule after an incident. What has happened cannot lie ahead at all.
    """
    nothing = timedelta(0)
    return sum(
        _bring_back(session, column, now, most)
        for column, most in (
            (SyncLog.lease_until, lease),
            (SyncLog.next_attempt_at, backoff),
            (SyncLog.sent_at, nothing),
            (SyncLog.queued_at, nothing),
            (SyncSchedule.held_until, hold),
            (Incident.opened_at, nothing),
            (Heartbeat.beat_at, nothing),
            (SyncAttempt.ended_at, nothing),
        )
    )


def was_ahead(session: Session, now: datetime) -> bool:
    """Return whether a clock that ticked or opened a sync lately was ahead of *now*."""
    newest = select(func.max(SyncLog.id)).scalar_subquery()
    opened = exists().where(SyncLog.id > newest - LATELY, SyncLog.created_at > now + SLACK)
    ticked = exists().where(Heartbeat.beat_at > now + SLACK)
    return bool(session.scalar(select(or_(opened, ticked))))


def _bring_back(
    session: Session,
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    now: datetime,
    most: timedelta,
) -> int:
    table = column.class_
    ahead = column > now + most + SLACK
    if table is SyncLog:
        # The few live ones have an index; of the others nobody asks any more.
        ahead &= SyncLog.state.in_((State.QUEUED, State.RUNNING, State.WAITING))
    if table is Incident:
        ahead &= Incident.resolved_at.is_(None)
    result = session.execute(
        update(table).where(ahead).values({column: now + most}).execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]
