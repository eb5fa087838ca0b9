"""
Why a seller has or has not synced, in a few sentences.

The sentences are chosen here, purely, from facts; whoever shows them puts them into a language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from db import incidents, products, schedules, sellers, sync_logs
from db.incidents import Incident
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_logs import LIVE, State, SyncLog
from services import diagnosis
from services.cadence import DEFAULT_ZONE
from services.naver.protocol import PAGE_SIZE
from services.runtime import Runtime
from services.texts import Sentence


@dataclass(frozen=True)
class Told:
    """A code of the tables [what] and [act], with the parameters that its sentences need."""

    code: str
    params: Mapping[str, object]


@dataclass(frozen=True)
class Facts:
    """All that the explanation rests on; rows as they stood at *now*."""

    now: datetime
    seller: Seller
    schedule: SyncSchedule | None
    live: SyncLog | None
    last: SyncLog | None
    """The newest sync that has ended."""
    proven: SyncLog | None
    """The newest one that succeeded."""
    held: int
    """Products whose removal waits for confirmation."""
    scheduler_enabled: bool
    max_concurrent: int
    ticks_arrive: bool
    incident: Incident | None
    """The oldest trouble that most sellers share at the moment."""

    @property
    def zone(self) -> str:
        """The zone that this seller reads times in."""
        return DEFAULT_ZONE if self.schedule is None else self.schedule.zone


def facts_of(rt: Runtime, seller_id: int) -> Facts:
    """Gather the facts about one seller."""
    with rt.database.transaction() as session:
        now = rt.clock.now()
        newest = sync_logs.recent_syncs(session, seller_id, limit=2)
        return Facts(
            now=now,
            seller=session.get_one(sellers.Seller, seller_id),
            schedule=schedules.schedule_of(session, seller_id),
            live=sync_logs.live_sync(session, seller_id),
            last=next((sync for sync in newest if sync.state not in LIVE), None),
            proven=sync_logs.last_proven(session, seller_id),
            held=len(products.held_products(session, seller_id)),
            scheduler_enabled=rt.settings.scheduler_enabled,
            max_concurrent=rt.settings.max_concurrent,
            ticks_arrive=diagnosis.ticks_arrive(session, rt.settings, now),
            incident=next(iter(incidents.open_incidents(session)), None),
        )


def explanation(facts: Facts) -> list[Sentence | Told]:
    """Return why the seller has or has not synced, the present first, then the future and the past."""
    return [*_key(facts), *_live(facts), *_next(facts), *_last(facts), *_held(facts)]


def _key(facts: Facts) -> Iterator[Sentence | Told]:
    if facts.seller.credential is None:
        yield Told("credentials_missing", {"seller": facts.seller.name})
    elif not facts.seller.credential_enabled:
        yield Told("credentials_disabled", {"seller": facts.seller.name})


def _live(facts: Facts) -> Iterator[Sentence | Told]:
    sync = facts.live
    if sync is None:
        return
    if sync.state == State.RUNNING:
        if sync.lease_until is not None and sync.lease_until < facts.now:
            yield _say("lease_expired", since=sync.lease_until)
        elif sync.total_at_end is None:
            yield _say("running", since=sync.started_at)
        else:
            params = {"page": min(sync.next_page, pages_of(sync)), "pages": pages_of(sync), "since": sync.started_at}
            yield _say("running_page", **params)
    elif sync.state == State.WAITING:
        yield _say("waiting", at=sync.next_attempt_at, failures=sync.failures)
        yield Told(sync.code or "unknown", {"seller": facts.seller.name, **(sync.params or {})})
    elif facts.max_concurrent and sync.sent_at is None:
        yield _say("queued_capped", since=sync.created_at, limit=facts.max_concurrent)
    else:
        yield _say("queued", since=sync.created_at)
    if not facts.ticks_arrive and sync.state != State.RUNNING:
        yield _say("nobody_works")


def _next(facts: Facts) -> Iterator[Sentence | Told]:
    schedule = facts.schedule
    if schedule is None:
        yield _say("no_schedule")
    elif not schedule.enabled:
        yield _say("disabled")
    elif schedule.blocked_code is not None:
        params = {"seller": facts.seller.name, "cause": schedule.blocked_code}
        yield _say("blocked", since=schedule.blocked_at)
        yield Told("schedule_blocked", params)
    elif schedule.next_run > facts.now:
        yield _say("next", at=schedule.next_run)
        if not facts.scheduler_enabled:
            yield _say("scheduler_disabled")
    else:
        yield _say("due", since=schedule.next_run)
        yield from _why_still_due(facts)


def _why_still_due(facts: Facts) -> Iterator[Sentence | Told]:
    if not facts.scheduler_enabled:
        yield _say("scheduler_disabled")
    elif facts.live is not None:
        yield _say("due_after_live")
    elif not facts.ticks_arrive:
        yield _say("nobody_works")
    elif facts.incident is not None:
        yield _say("due_incident", since=facts.incident.opened_at)
        yield Told("platform_incident", {"cause": facts.incident.code, "sellers": facts.incident.sellers})
    elif facts.schedule is not None and facts.schedule.held_until is not None:
        yield _say("due_held", at=facts.schedule.held_until)
    elif facts.max_concurrent:
        yield _say("due_capped", limit=facts.max_concurrent)
    else:
        yield _say("due_soon")


def _last(facts: Facts) -> Iterator[Sentence | Told]:
    last, proven = facts.last, facts.proven
    if last is None:
        if facts.live is None:
            yield _say("never")
        return
    if last.state == State.SUCCEEDED:
        yield _say(
            "succeeded",
            at=last.finished_at,
            total=last.seen,
            added=last.added,
            changed=last.changed,
            removed=last.removed,
        )
        return
    yield _say(f"last_{last.state.value}", at=last.finished_at, tries=last.tries)
    if last.code is not None:
        yield Told(last.code, {"seller": facts.seller.name, **(last.params or {})})
    if proven is None:
        yield _say("never_proven")
    else:
        yield _say("proven", at=proven.finished_at, total=proven.seen)


def _held(facts: Facts) -> Iterator[Sentence | Told]:
    if facts.held:
        yield _say("held", count=facts.held)


def pages_of(sync: SyncLog) -> int:
    """Return how many pages the sync has as far as is known; 1 before the first answer."""
    total = sync.total_at_end or sync.total_at_start or 0
    return max(1, -(-total // PAGE_SIZE))


def _say(key: str, **params: object) -> Sentence:
    return Sentence(f"explain.{key}", params)
