"""How a sync ends: proven or partial, failed or to be tried again; and what follows for products and people."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from db import product_changes, products, sellers, sync_attempts, sync_leases, sync_logs, sync_pages
from db.notifications import Topic
from db.sync_leases import Holder
from db.sync_logs import State, SyncLog
from services import catalogue, incidents, notifications, schedules
from services.catalogue import Verdict
from services.errors import GConnectError, Param, WorkerDied
from services.pages import LeaseLost, Pass, came_back, gone
from services.persistence import persist
from services.retrying import longest_backoff, worth_retrying
from services.runtime import Runtime
from services.settings import Settings

log = structlog.get_logger(__name__)


def finish(rt: Runtime, walk: Pass, seller_name: str, gone_by_number: Collection[int]) -> None:
    """
    Judge a pass that has come to its last page, and give the sync its outcome; raise LeaseLost.

    *gone_by_number* are the products that the pass missed and that Naver does not have when asked by number.
    """

    def judge(session: Session) -> SyncLog:
        return _finish(session, walk, seller_name, gone_by_number, rt.settings.spread, rt.clock.now())

    sync = persist(rt, judge)
    rt.meter.sync_attempt("ok")
    rt.meter.products("removed", sync.removed)
    _say_ended(rt, sync, seller_name)


def _finish(
    session: Session,
    walk: Pass,
    seller_name: str,
    gone_by_number: Collection[int],
    spread: timedelta,
    now: datetime,
) -> SyncLog:
    sync, seen, verdict = _judged(session, walk.holder)
    values: dict[str, Any] = {
        "seen": len(seen),
        "code": verdict.code,
        "params": {"seller": seller_name, **verdict.params},
        "trace_id": None,
    }
    if verdict.outcome == State.SUCCEEDED:
        values |= _remove_vanished(session, walk, seller_name, seen, gone_by_number, now)
    if not sync_leases.finish(session, walk.holder, verdict.outcome, now, **values):
        raise LeaseLost(walk.holder)
    began = sync_attempts.end_attempt(session, walk.holder, now)
    incidents.note_success(session, began, spread, now)
    _forget_pages(session, walk, verdict.outcome)
    schedules.after_sync(session, sync, seller_name, None, spread, now)
    session.refresh(sync)
    return sync


def fail(rt: Runtime, holder: Holder, seller_name: str, error: GConnectError) -> None:
    """Write down that an attempt failed: the sync waits for its next one, or has failed; raise LeaseLost."""
    sync = persist(rt, lambda session: _fail(session, rt.settings, holder, seller_name, error, rt.clock.now()))
    rt.meter.sync_attempt(error.code)
    log.warning(
        "sync_attempt_failed",
        sync_id=sync.id,
        seller=seller_name,
        code=error.code,
        **error.params,
        trace_id=error.trace_id,
        attempt=sync.failures,
        of=rt.settings.retry_max + 1,
        again=sync.state == State.WAITING,
    )
    if sync.state != State.WAITING:
        _say_ended(rt, sync, seller_name)


def _fail(
    session: Session, settings: Settings, holder: Holder, seller_name: str, error: GConnectError, now: datetime
) -> SyncLog:
    sync = _held(session, holder)
    # Before the outcome is told: an incident tells it for all.
    sync_attempts.end_attempt(session, holder, now, code=error.code, detail=_detail(error), trace_id=error.trace_id)
    incidents.note_failure(session, error, now)
    why = {"code": error.code, "params": _params(seller_name, error), "trace_id": error.trace_id}
    if worth_retrying(sync.failures, error, settings.retry_max):
        backoff = longest_backoff(sync.failures, settings.retry_min_backoff, settings.retry_max_backoff)
        # The latest that it can be; the exact time is written when the queue has taken the retry.
        written = sync_leases.wait(session, holder, now + backoff, **why)
    else:
        written = sync_leases.finish(session, holder, State.FAILED, now, failures=SyncLog.failures + 1, **why)
        schedules.after_sync(session, sync, seller_name, error, settings.spread, now)
        sync_pages.drop_pages(session, [sync.id])
    if not written:
        raise LeaseLost(holder)
    session.refresh(sync)
    return sync


def bury(rt: Runtime, session: Session, sync: SyncLog, now: datetime) -> None:
    """Fail a sync that has ended its worker as often as we let it; a step of recovery."""
    seller = session.get_one(sellers.Seller, sync.seller_id)
    error = WorkerDied(deaths=sync.deaths + 1)
    holder = Holder(sync.id, sync.attempt)
    sync_leases.finish(
        session,
        holder,
        State.FAILED,
        now,
        deaths=sync.deaths + 1,
        code=error.code,
        params=_params(seller.name, error),
        trace_id=None,
    )
    sync_attempts.end_attempt(session, holder, now, code=error.code, detail=_detail(error))
    sync_pages.drop_pages(session, [sync.id])
    schedules.after_sync(session, sync, seller.name, error, rt.settings.spread, now)
    session.refresh(sync)
    _say_ended(rt, sync, seller.name)


def _held(session: Session, holder: Holder) -> SyncLog:
    sync = sync_logs.sync_with_id(session, holder.sync_id)
    if sync is None or sync.attempt != holder.attempt or sync.state != State.RUNNING:
        raise LeaseLost(holder)
    return sync


def to_be_asked_for(session: Session, walk: Pass) -> frozenset[int]:
    """Return the products that a pass at its end would be the first to miss; none where it is not proven."""
    _, seen, verdict = _judged(session, walk.holder)
    if verdict.outcome != State.SUCCEEDED:
        return frozenset()
    return catalogue.worth_asking(products.present_products(session, walk.seller_id), seen)


def _judged(session: Session, holder: Holder) -> tuple[SyncLog, set[int], Verdict]:
    sync = _held(session, holder)
    seen = sync_pages.products_seen(session, sync.id)
    return sync, seen, catalogue.judge(sync.total_at_start or 0, sync.total_at_end or 0, len(seen), sync.rejected)


def _remove_vanished(
    session: Session, walk: Pass, seller_name: str, seen: set[int], gone_by_number: Collection[int], now: datetime
) -> dict[str, Any]:
    # Removed by a person's word while this pass was under way, from pages that are taken for unchanged.
    back = products.removed_products(session, walk.seller_id) & seen
    products.mark_restored(session, walk.seller_id, back, now)
    product_changes.record_changes(session, came_back(walk, back, now))
    present = products.present_products(session, walk.seller_id)
    removals = catalogue.vanished(present, seen, gone_by_number)
    products.mark_held(session, walk.seller_id, removals.release, None)
    products.mark_removed(session, walk.seller_id, removals.remove, now)
    product_changes.record_changes(session, gone(walk, removals.remove, now))
    products.mark_held(session, walk.seller_id, removals.hold, now)
    if removals.too_many:
        params = {"seller": seller_name, "vanished": len(removals.hold), "live": len(present)}
        notifications.raise_once(
            session,
            walk.seller_id,
            Topic.REMOVAL,
            "removal_held",
            params,
            now,
            person_must_act=True,
            sync_id=walk.holder.sync_id,
        )
    else:
        notifications.close(session, walk.seller_id, Topic.REMOVAL, now)
    return {
        "removed": len(removals.remove),
        "held": len(removals.hold),
        "restored": SyncLog.restored + len(back),
        "unchanged": SyncLog.unchanged - len(back),
    }


def _forget_pages(session: Session, walk: Pass, outcome: State) -> None:
    """Keep the pages of the last proven pass and no others."""
    if outcome == State.SUCCEEDED:
        sync_pages.drop_other_pages(session, walk.seller_id, walk.holder.sync_id)
    else:
        sync_pages.drop_pages(session, [walk.holder.sync_id])


def _params(seller_name: str, error: GConnectError) -> dict[str, Param]:
    return {"seller": seller_name, **error.params}


def _detail(error: GConnectError) -> str:
    return " ".join(f"{name}={value}" for name, value in error.params.items())


def _say_ended(rt: Runtime, sync: SyncLog, seller_name: str) -> None:
    rt.meter.sync_ended(sync.state.value, sync.trigger.value, sync.code or "none")
    log.info(
        "sync_ended",
        sync_id=sync.id,
        seller=seller_name,
        outcome=sync.state.value,
        code=sync.code,
        total=sync.total_at_end,
        seen=sync.seen,
        added=sync.added,
        changed=sync.changed,
        unchanged=sync.unchanged,
        restored=sync.restored,
        removed=sync.removed,
        held=sync.held,
        rejected=sync.rejected,
        tries=sync.tries,
    )
