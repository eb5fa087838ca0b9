"""Open a sync for what is due; "sync now"; what a sync's end means for its schedule; pause, resume, change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from db import clock_steps, heartbeats, schedules, sync_logs, sync_messages
from db.notifications import Topic
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.session import lock_claims
from db.sync_logs import State, SyncLog, Trigger
from services import cadence, incidents, notifications
from services.errors import AuthFailure, GConnectError, GiveUp, Param
from services.notifications import raise_once
from services.persistence import persist
from services.runtime import Runtime

log = structlog.get_logger(__name__)

BATCH = 100
UNUSABLE = "cadence_unusable"
"""What blocks a schedule that cannot be read; a new one ends it."""

OVERDUE_AFTER = timedelta(seconds=60)
"""A retry is left to the queue for so long after its time."""

BLOCK_AFTER = 2
"""Authentication failures in a row after which a schedule is blocked."""


@dataclass(frozen=True, slots=True)
class Call:
    """A sync that wants a message on the queue; an urgent one goes ahead of the scheduled ones."""

    sync_id: int
    urgent: bool = False


def open_due_syncs(rt: Runtime) -> list[Call]:
    """Open one sync for each schedule whose instant has come, and return what to send."""
    persist(rt, lambda session: _tick(session, rt.settings.spread, rt.clock.now()))
    if not rt.settings.scheduler_enabled:
        log.info("scheduler_disabled", setting="SCHEDULER_ENABLED")
        return []
    calls: list[Call] = []
    while True:
        batch, more = persist(rt, lambda session: claim_due(session, rt, rt.clock.now()))
        calls += batch
        if not more:
            break
    if calls:
        log.info("due_syncs_opened", count=len(calls))
    return calls


def _tick(session: Session, spread: timedelta, now: datetime) -> None:
    # The syncs that such a clock opened show it for as long as they are among the newest.
    if clock_steps.was_ahead(session, now) and (moved := _set_right(session, spread, now)):
        log.warning("clock_was_ahead", schedules=moved)
    heartbeats.beat(session, "find_due_schedules", now)


def _set_right(session: Session, spread: timedelta, now: datetime) -> int:
    """Move next instants that a clock ahead has chosen back to the first one that had no sync; return how many."""
    moved = 0
    for schedule in schedules.later_than(session, now):
        with suppress(cadence.CadenceError):
            first = next_run(schedule.seller_id, schedule.cron, schedule.zone, spread, now)
            while first < schedule.next_run and sync_logs.is_served(session, schedule.seller_id, first):
                first = next_run(schedule.seller_id, schedule.cron, schedule.zone, spread, first)
            moved += first < schedule.next_run
            schedule.next_run = min(first, schedule.next_run)
    return moved


def claim_due(session: Session, rt: Runtime, now: datetime) -> tuple[list[Call], bool]:
    """Open syncs for a batch of due schedules as far as there is room; return them, and whether to come again."""
    room = free_slots(session, rt.settings.max_concurrent)
    limit = BATCH if room is None else min(BATCH, room)
    due = _due(session, now, limit)
    opened = [_claim(session, schedule, rt.settings.spread, now) for schedule in due]
    calls = [Call(sync.id) for sync in opened if sync is not None]
    return calls, len(due) == limit and bool(calls)


def _due(session: Session, now: datetime, limit: int) -> Sequence[SyncSchedule]:
    """Return at most *limit* schedules that are due, fewer while an incident lasts, longest due first."""
    allowed = incidents.room_for(session, limit, now) if limit > 0 else 0
    return schedules.due(session, now, allowed) if allowed > 0 else []


def _claim(session: Session, schedule: SyncSchedule, spread: timedelta, now: datetime) -> SyncLog | None:
    sync = sync_logs.open_sync(session, schedule.seller_id, Trigger.SCHEDULE, now, scheduled_for=schedule.next_run)
    if sync is None and not sync_logs.is_served(session, schedule.seller_id, schedule.next_run):
        # Somebody asked for a sync this very moment: the instant stays due until that one ends.
        return None
    # Moved on before the message is sent: a crash in between delays this seller until recovery finds
    # the row, and never syncs it twice. What was missed while nobody looked is this one late sync.
    # Where the instant has had its sync already (the schedule was set back), the one after it comes next, be it past.
    after = now if sync is not None else schedule.next_run
    try:
        schedule.next_run = next_run(schedule.seller_id, schedule.cron, schedule.zone, spread, after)
        schedule.held_until = None
    except cadence.CadenceError as error:
        # Entered by other hands than ours; it must not keep the others from their syncs.
        schedule.blocked_code, schedule.blocked_at = UNUSABLE, now
        log.error("schedule_unusable", seller_id=schedule.seller_id, cron=schedule.cron, reason=str(error))  # noqa: TRY400
        seller = session.get_one(Seller, schedule.seller_id)
        params: dict[str, Param] = {"seller": seller.name, "cause": UNUSABLE, "cron": schedule.cron}
        raise_once(session, seller.id, Topic.SYNC, "schedule_blocked", params, now, person_must_act=True)
    session.flush()
    return sync


def next_run(seller_id: int, cron: str, zone: str, spread: timedelta, after: datetime) -> datetime:
    """Return the seller's first own instant strictly later than *after*; raise CadenceError for a bad schedule."""
    cadence.check(cron, zone)
    return cadence.next_run(cron, ZoneInfo(zone), cadence.phase(seller_id, spread), after)


def free_slots(session: Session, max_concurrent: int) -> int | None:
    """
    Return how many more syncs may be queued or at work over the whole fleet; None where there is no cap.

    Nobody else can claim or take until the transaction ends, so the answer stays true.
    """
    if max_concurrent == 0:
        return None
    lock_claims(session)
    return max(0, max_concurrent - sync_logs.count_in(session, State.QUEUED, State.RUNNING))


def has_room(session: Session, max_concurrent: int) -> bool:
    """Return whether one more sync may work; nobody else can take one until the transaction ends."""
    lock_claims(session)
    return sync_logs.count_in(session, State.RUNNING) < max_concurrent


def refill(rt: Runtime) -> list[Call]:
    """Return what may go ahead now that a sync has given its place back; nothing where there is no cap."""
    cap = rt.settings.max_concurrent
    if cap == 0:
        return []

    def choose(session: Session) -> list[Call]:
        lock_claims(session)
        now, free = rt.clock.now(), cap - sync_logs.count_in(session, State.RUNNING)
        if free <= 0:
            return []
        # Lost ones too: with every place taken again at once, recovery would never find room for them.
        silent = sync_messages.without_message(
            session, free, sent_before=now - rt.settings.recovery_resend, due_before=now - OVERDUE_AFTER
        )
        due = _due(session, now, free) if rt.settings.scheduler_enabled else []
        # Whoever has waited longest: everybody's turn comes, however many others fall due meanwhile.
        waiting: list[tuple[bool, datetime, SyncLog | SyncSchedule]] = [
            *((not sync.goes_ahead, sync.waits_since, sync) for sync in silent),
            *((True, schedule.waits_since, schedule) for schedule in due),
        ]
        chosen = sorted(waiting, key=lambda each: each[:2])[:free]
        opened = (
            each if isinstance(each, SyncLog) else _claim(session, each, rt.settings.spread, now)
            for _, _, each in chosen
        )
        return [Call(sync.id, sync.urgent) for sync in opened if sync is not None]

    return persist(rt, choose)


def request_sync(rt: Runtime, seller_id: int, trigger: Trigger = Trigger.MANUAL) -> tuple[Call, bool]:
    """Open a sync at once, ahead of the scheduled ones; return it, and True where it joins one that is live."""
    with rt.database.transaction() as session:
        now = rt.clock.now()
        while True:
            sync = sync_logs.open_sync(session, seller_id, trigger, now, urgent=True)
            if sync is not None:
                return Call(sync.id, urgent=True), False
            live = sync_logs.live_sync(session, seller_id)
            # None where the one that stood in the way has ended since.
            if live is not None:
                sync_logs.hurry(session, live.id, now)
                return Call(live.id, urgent=True), True


def after_sync(
    session: Session, sync: SyncLog, seller_name: str, error: GConnectError | None, spread: timedelta, now: datetime
) -> None:
    """Let the schedule and the notifications of a seller know how its sync ended; *error* made it fail."""
    schedule = schedules.schedule_of(session, sync.seller_id, lock=True)
    if schedule is None:
        return
    schedule.last_run = now
    if error is None:
        schedule.auth_failures = 0
        if schedule.blocked_code not in (None, UNUSABLE) and schedule.next_run <= now:
            # This was the sync that the missed instants would have given.
            schedule.next_run = next_run(schedule.seller_id, schedule.cron, schedule.zone, spread, now)
        if schedule.blocked_code == UNUSABLE:
            return
        # It succeeded with the key that is in use, so nothing is left to block.
        schedule.blocked_code = schedule.blocked_at = None
        notifications.close(session, sync.seller_id, Topic.SYNC, now)
        return
    is_told = incidents.is_told(session, error)
    is_blocked = schedule.blocked_code is not None
    if schedule.blocked_code == UNUSABLE or (is_blocked and not isinstance(error, AuthFailure)):
        # The block is what somebody must know of; told in its place, this would hide it.
        return
    if not isinstance(error, AuthFailure):
        schedule.auth_failures = 0
    elif not is_told:
        # What all share is nobody's key; a schedule that it blocked would need a person after it has passed.
        schedule.auth_failures += 1
    code = error.code
    params: dict[str, Param] = {"seller": seller_name, **error.params}
    if is_blocked or schedule.auth_failures >= BLOCK_AFTER:
        if not is_blocked:
            log.warning("schedule_blocked", seller_id=sync.seller_id, code=error.code)
            schedule.blocked_at = now
        schedule.blocked_code = error.code
        code, params = "schedule_blocked", {**params, "cause": error.code}
    if is_told and not is_blocked:
        return
    if schedule.notify or schedule.blocked_code is not None:
        raise_once(
            session,
            sync.seller_id,
            Topic.SYNC,
            code,
            params,
            now,
            person_must_act=isinstance(error, GiveUp),
            sync_id=sync.id,
        )


def change_schedule(
    rt: Runtime,
    seller_id: int,
    *,
    cron: str | None = None,
    zone: str | None = None,
    enabled: bool | None = None,
    notify: bool | None = None,
) -> SyncSchedule:
    """Change what is given of a seller's schedule; raise CadenceError, and change nothing, for a bad one."""
    with rt.database.transaction() as session:
        schedule = schedules.schedule_of(session, seller_id, lock=True)
        if schedule is None:
            raise LookupError(f"seller {seller_id} has no schedule")
        moved = (cron or schedule.cron, zone or schedule.zone) != (schedule.cron, schedule.zone)
        resumed = enabled is True and not schedule.enabled
        schedule.cron, schedule.zone = cron or schedule.cron, zone or schedule.zone
        schedule.enabled = schedule.enabled if enabled is None else enabled
        schedule.notify = schedule.notify if notify is None else notify
        if moved and schedule.blocked_code == UNUSABLE:
            schedule.blocked_code = schedule.blocked_at = None
            notifications.close(session, seller_id, Topic.SYNC, rt.clock.now())
        if moved or resumed:
            schedule.next_run = next_run(seller_id, schedule.cron, schedule.zone, rt.settings.spread, rt.clock.now())
        elif cron or zone:
            cadence.check(schedule.cron, schedule.zone)
        return schedule
