"""One sync: taken, walked through page by page into rows, and brought to its end or to its next turn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.orm import Session

from db import sellers, sync_attempts, sync_leases, sync_logs, sync_pages
from db.session import lock_claims
from db.sync_leases import Holder
from db.sync_logs import State, SyncLog
from db.sync_pages import SyncPage
from services import incidents, outcomes, pages, recovery, schedules
from services.catalogue import PageNews
from services.errors import CredentialsDisabled, CredentialsMissing, DatabaseTrouble, GConnectError, InternalError
from services.naver.messages import Credentials
from services.naver.products import Page
from services.naver.protocol import PAGE_SIZE
from services.pages import LeaseLost, Pass
from services.persistence import persist
from services.removals import gone_by_number
from services.retrying import AttemptFailed
from services.runtime import Runtime
from services.schedules import Call

log = structlog.get_logger(__name__)

EARLY = timedelta(seconds=60)
"""How much before its time a waiting sync may be taken: hosts disagree about the time."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What is to be done after a sync was run: messages to send, and the failure that the queue must know."""

    calls: list[Call]
    failure: AttemptFailed | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    walk: Pass
    seller_name: str
    failures: int
    first_page: int
    urgent: bool


def run_sync(rt: Runtime, sync_id: int) -> Ran:
    """
    Carry out one sync, or the next turn of it.

    A sync that is not to be had (it has ended, another worker holds it, its time has not come, there is no
    room) is left alone. Whatever goes wrong with the sync is written to its row first.
    """
    job = _take(rt, sync_id)
    if job is None:
        return Ran([])
    failure: AttemptFailed | None = None
    try:
        error = None
        try:
            if not _walk(rt, job):
                return Ran(schedules.refill(rt) or [Call(sync_id, job.urgent)])
        except GConnectError as reason:
            error = reason
        except LeaseLost:
            raise
        except (DBAPIError, NoConnectionLeft) as trouble:
            log.warning("sync_database_trouble", sync_id=sync_id, kind=type(trouble).__name__)
            error = DatabaseTrouble(kind=type(trouble).__name__)
            error.__cause__ = trouble
        except Exception as defect:
            # Of the exceptions that no code foresaw, the row keeps the class; the log has the traceback.
            log.exception("sync_defect", sync_id=sync_id, attempt=job.walk.holder.attempt)
            error = InternalError(kind=type(defect).__name__)
            error.__cause__ = defect
        if error is not None:
            outcomes.fail(rt, job.walk.holder, job.seller_name, error)
            failure = AttemptFailed(sync_id, job.failures, error)
    except LeaseLost:
        log.warning("sync_lost_its_lease", sync_id=sync_id, attempt=job.walk.holder.attempt)
        return Ran(schedules.refill(rt))
    return Ran(schedules.refill(rt), failure)


def _take(rt: Runtime, sync_id: int) -> _Job | None:
    def take(session: Session) -> _Job | None:
        now, cap = rt.clock.now(), rt.settings.max_concurrent
        if cap:
            # Before the look: a turn that is given back in between would be taken beyond the cap.
            lock_claims(session)
        sync = sync_logs.sync_with_id(session, sync_id)
        if sync is None:
            log.warning("sync_unknown", sync_id=sync_id)
            return None
        if cap and sync.state != State.RUNNING and not schedules.has_room(session, cap):
            sync_logs.put_off(session, sync_id, now, now + EARLY)
            log.info("sync_put_off", sync_id=sync_id, setting="SCHEDULER_MAX_CONCURRENT", limit=cap)
            return None
        holder = sync_leases.take(
            session,
            sync_id,
            now,
            now + rt.settings.lease,
            due_by=now + EARLY,
            max_deaths=recovery.MAX_DEATHS,
        )
        if holder is None:
            log.info("sync_not_to_be_had", sync_id=sync_id, state=sync.state.value)
            return None
        sync_attempts.begin_attempt(session, holder, now)
        session.refresh(sync)
        seller = session.get_one(sellers.Seller, sync.seller_id)
        writer = sync_logs.last_writer(session, sync.seller_id, sync_id)
        walk = Pass(
            holder,
            sync.seller_id,
            is_first_import=sync_logs.last_proven(session, sync.seller_id) is None,
            baseline_id=writer.id if writer is not None and writer.state == State.SUCCEEDED else None,
        )
        log.info(
            "sync_started",
            sync_id=sync_id,
            seller_id=seller.id,
            seller=seller.name,
            trigger=sync.trigger.value,
            attempt=sync.failures + 1,
            of=rt.settings.retry_max + 1,
            page=sync.next_page,
        )
        return _Job(walk, seller.name, sync.failures, sync.next_page, sync.urgent)

    return persist(rt, take)


def _walk(rt: Runtime, job: _Job) -> bool:
    """Read and write pages until the end; return False where the turn was given back before it."""
    walk, started = job.walk, rt.clock.monotonic()
    naver = rt.naver.session(credentials_of(rt, walk.seller_id))
    known, before = persist(rt, lambda session: _where_it_stands(session, job))
    # A turn may have been given back, or a worker have died, after the last page.
    at_end = before is not None and is_last(before.number, before.total_elements)
    number = job.first_page
    while not at_end:
        if rt.stopping.is_set() or rt.clock.monotonic() - started >= rt.settings.slice.total_seconds():
            # Whoever goes on with it does not know how far the rate limit is used up.
            naver.settle()
            _yield_turn(rt, walk.holder, number, has_read=number > job.first_page)
            return False
        page = naver.page(number, known=known.get(number))
        total, news = persist(rt, partial(_write_page, rt, walk, page))
        log.debug("page_written", sync_id=walk.holder.sync_id, page=number, total=total, unchanged=page.unchanged)
        for change in ("added", "changed", "restored"):
            rt.meter.products(change, len(getattr(news, change)))
        rt.meter.products("unchanged", news.unchanged)
        rt.meter.products("rejected", len(page.rejected))
        has_nothing = not page.unchanged and not page.items and not page.rejected
        at_end = is_last(number, total) or has_nothing
        number += 1
    missed = persist(rt, lambda session: outcomes.to_be_asked_for(session, walk))
    gone = gone_by_number(naver, missed, go_on=partial(_may_ask, rt, walk))
    outcomes.finish(rt, walk, job.seller_name, gone)
    return True


def _may_ask(rt: Runtime, walk: Pass) -> bool:
    """Renew the lease for one more question; return False where the process is to stop."""

    def renew(session: Session) -> bool:
        return sync_leases.write_as(session, walk.holder, lease_until=rt.clock.now() + rt.settings.lease)

    if rt.stopping.is_set():
        return False
    if not persist(rt, renew):
        raise LeaseLost(walk.holder)
    return True


def _where_it_stands(session: Session, job: _Job) -> tuple[dict[int, bytes], SyncPage | None]:
    """Return the hashes that pages may be known by, and the page that was written last."""
    walk = job.walk
    known = {} if walk.baseline_id is None else sync_pages.page_hashes(session, walk.baseline_id)
    return known, sync_pages.page_of(session, walk.holder.sync_id, job.first_page - 1)


def _write_page(rt: Runtime, walk: Pass, page: Page, session: Session) -> tuple[int, PageNews]:
    now = rt.clock.now()
    return pages.write_page(session, walk, page, now, now + rt.settings.lease)


def is_last(number: int, total: int) -> bool:
    """Return whether page *number* is the last one of *total* products."""
    return number * PAGE_SIZE >= total


def credentials_of(rt: Runtime, seller_id: int) -> Credentials:
    """Return a seller's key in the clear; raise an AuthFailure where there is none to be used."""
    seller = persist(rt, lambda session: session.get_one(sellers.Seller, seller_id))
    client_id, ciphertext, enabled = seller.client_id, seller.credential, seller.credential_enabled
    if client_id is None or ciphertext is None:
        raise CredentialsMissing
    if not enabled:
        raise CredentialsDisabled
    return Credentials(client_id, SecretStr(rt.keyring.decrypt(ciphertext, seller_id)))


def _yield_turn(rt: Runtime, holder: Holder, page: int, *, has_read: bool) -> None:
    def give_back(session: Session) -> None:
        now = rt.clock.now()
        if not sync_leases.yield_turn(session, holder, now):
            raise LeaseLost(holder)
        began = sync_attempts.end_attempt(session, holder, now)
        if has_read:
            # The end of a large catalogue may be an hour away; pages that were read say enough about Naver.
            incidents.note_success(session, began, rt.settings.spread, now)

    persist(rt, give_back)
    log.info("sync_yielded", sync_id=holder.sync_id, page=page, stopping=rt.stopping.is_set())


def cancel(rt: Runtime, seller_id: int) -> SyncLog | None:
    """End the live sync of a seller; return it, or None where there is none."""
    with rt.database.transaction() as session:
        now = rt.clock.now()
        sync = sync_logs.live_sync(session, seller_id)
        if sync is None or not sync_logs.cancel(session, sync.id, now):
            return None
        sync_attempts.end_open_attempt(session, sync.id, now, code="cancelled")
        sync_pages.drop_pages(session, [sync.id])
    log.info("sync_cancelled", sync_id=sync.id, seller_id=seller_id)
    return sync
