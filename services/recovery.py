"""Find what was queued but never sent, retries that nobody brought back, and syncs whose worker died."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import Session

from db import clock_steps, heartbeats, sync_logs, sync_messages
from db.session import lock_claims
from db.sync_logs import State, SyncLog
from services import incidents, outcomes
from services.persistence import persist
from services.runtime import Runtime
from services.schedules import OVERDUE_AFTER, Call

log = structlog.get_logger(__name__)

MAX_DEATHS = 3
"""A sync that has ended its worker this often is failed, not sent again."""

LIMIT = 500
"""Syncs sent again in one round; the rest comes in the next."""


def recover(rt: Runtime) -> list[Call]:
    """Fail what has killed its workers too often, and return every sync that needs a message."""
    return persist(rt, lambda session: _recover(session, rt, rt.clock.now()))


def _recover(session: Session, rt: Runtime, now: datetime) -> list[Call]:
    heartbeats.beat(session, "recover_stalled_syncs", now)
    ahead = clock_steps.bring_back(
        session,
        now,
        lease=rt.settings.lease,
        backoff=rt.settings.retry_max_backoff,
        hold=incidents.release_over(rt.settings.spread),
    )
    if ahead:
        log.warning("clock_was_ahead", instants=ahead)
    room = _room(rt, session)
    resend_before = now - rt.settings.recovery_resend
    stalled = []
    for sync in sync_messages.stalled(session, now, resend_before, LIMIT):
        if sync.deaths + 1 >= MAX_DEATHS:
            _bury(session, rt, sync, now)
        else:
            stalled.append(sync)
    silent = sync_messages.without_message(session, room, sent_before=resend_before, due_before=now - OVERDUE_AFTER)
    if stalled or silent:
        overdue = sum(sync.state == State.WAITING for sync in silent)
        log.info("syncs_recovered", stalled=len(stalled), overdue=overdue, unsent=len(silent) - overdue)
    return [Call(sync.id, sync.urgent) for sync in (*stalled, *silent)]


def _bury(session: Session, rt: Runtime, sync: SyncLog, now: datetime) -> None:
    try:
        with session.begin_nested():
            outcomes.bury(rt, session, sync, now)
    except (IntegrityError, InvalidRequestError):
        # Rows that do not fit together: one of them must not keep all others from their recovery.
        log.exception("sync_not_buried", sync_id=sync.id)


def unsent_calls(rt: Runtime, *, sent_before: datetime | None = None) -> list[Call]:
    """
    Return the queued syncs that have no message, as far as there is room for them.

    Somebody opened them without a queue at hand; or their message was sent before *sent_before*, when the
    queue that held it came to its end.
    """
    with rt.database.transaction() as session:
        silent = sync_messages.without_message(session, _room(rt, session), sent_before=sent_before)
        return [Call(sync.id, sync.urgent) for sync in silent]


def _room(rt: Runtime, session: Session) -> int:
    """Return how many syncs may be sent in one round; nobody else can take one until the transaction ends."""
    cap = rt.settings.max_concurrent
    if cap == 0:
        return LIMIT
    lock_claims(session)
    return min(LIMIT, max(0, cap - sync_logs.count_in(session, State.RUNNING)))


def note_sent(rt: Runtime, sync_ids: Sequence[int]) -> None:
    """Write down that the queue has a message for each of these."""
    persist(rt, lambda session: sync_messages.mark_sent(session, sync_ids, rt.clock.now()))


def note_unsent(rt: Runtime, sync_ids: Sequence[int]) -> None:
    """Write down that the queue would not have these: they are sent again by the next recovery."""
    persist(rt, lambda session: sync_messages.mark_unsent(session, sync_ids))


def note_retry(rt: Runtime, sync_id: int, delay: timedelta) -> datetime:
    """Write down, and return, when the queue will bring a sync back that it has just taken for a retry."""
    at = rt.clock.now() + delay
    persist(rt, lambda session: sync_messages.set_next_attempt(session, sync_id, at))
    return at
