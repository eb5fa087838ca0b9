"""
When most sellers fail within minutes for one cause that is not theirs, it is one incident.

It is told once, schedules are held, and one seller after another probes, every few minutes. The first sync that
works ends it, and what fell due meanwhile is let go spread over a window. Who fails for a cause of his own holds
up nobody; and a refusal that all share blocks nobody's schedule.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from db import incidents, notifications, schedules
from db.notifications import Topic
from services.cadence import phase
from services.errors import (
    AccessDenied,
    CallIpNotAllowed,
    ClockSkewed,
    GConnectError,
    GiveUp,
    NaverMaintenance,
    NaverTimeout,
    NaverUnavailable,
    NaverUnreachable,
)
from services.notifications import close, raise_once

log = structlog.get_logger(__name__)

PLATFORM = (
    *(NaverUnavailable, NaverMaintenance, NaverTimeout, NaverUnreachable),
    *(CallIpNotAllowed, AccessDenied, ClockSkewed),
)
"""Errors that can be everybody's; all others are one seller's own."""

WINDOW = timedelta(minutes=5)
"""Sellers share a cause where they fail within it; and so long after a probe has failed, another one tries."""

FEWEST = 5
"""Sellers that must have failed within the window; in a smaller fleet each is told of by itself."""

RELEASE_OVER = timedelta(minutes=10)
"""What was held is spread over so long where SCHEDULER_SPREAD_SECONDS says nothing."""


def note_failure(session: Session, error: GConnectError, now: datetime) -> None:
    """Open an incident where this failure shows that most sellers who tried lately share its cause."""
    if not isinstance(error, PLATFORM):
        return
    sellers, tried = incidents.sellers_that_tried(session, now - WINDOW, error.code)
    failed = len(sellers)
    if failed < FEWEST or 2 * failed <= tried or not incidents.open_incident(session, error.code, failed, now):
        return
    log.error("incident_opened", code=error.code, sellers=failed, of=tried)
    # What all share says nothing about their keys.
    schedules.forget_auth_failures(session, sellers)
    # What was told of single sellers for this cause is told by the incident from now on.
    notifications.resolve_all(session, Topic.SYNC, error.code, now)
    raise_once(
        session,
        None,
        Topic.PLATFORM,
        "platform_incident",
        {"cause": error.code, "sellers": failed},
        now,
        person_must_act=isinstance(error, GiveUp),
    )


def is_told(session: Session, error: GConnectError) -> bool:
    """Return whether an incident that lasts tells of this error already."""
    return any(each.code == error.code for each in incidents.open_incidents(session))


def room_for(session: Session, room: int, now: datetime) -> int:
    """Return how many of *room* schedules may be opened: while an incident lasts one, and only if none probes."""
    standing = incidents.open_incidents(session)
    if not standing:
        return room
    if incidents.has_probe(session, standing[0].opened_at, [each.code for each in standing], now - WINDOW):
        return 0
    return min(room, 1)


def note_success(session: Session, started_at: datetime, spread: timedelta, now: datetime) -> None:
    """End the incidents that lasted when an attempt began that went well; let go what they held, spread out."""
    if not incidents.resolve_incidents(session, started_at, now):
        return
    close(session, None, Topic.PLATFORM, now)
    window = release_over(spread)
    held = schedules.hold(session, now, lambda seller_id: now + phase(seller_id, window))
    log.info("incident_resolved", released=held)


def release_over(spread: timedelta) -> timedelta:
    """Return the window over which what was held is let go, where SCHEDULER_SPREAD_SECONDS is *spread*."""
    return spread or RELEASE_OVER
