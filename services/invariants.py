"""
What must be true of the rows at every moment, whatever dies: the auditor's rules, one function each.

Pure: rows in, findings out. Which rows are looked at, and when, is services/auditing.py's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from db.audits import StoredProduct
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_attempts import SyncAttempt
from db.sync_logs import LIVE, State, SyncLog
from services import cadence, pages
from services.catalogue import rows_hash
from services.credentials import Keyring
from services.errors import CredentialsUnreadable
from services.naver.products import PARSER_VERSION, Item
from services.naver.records import content_hash
from services.schedules import OVERDUE_AFTER

RECOVERED_WITHIN = timedelta(minutes=3)
"""Recovery looks twice a minute; a busy worker may let one of its ticks lapse."""

FULL_AT_MOST = timedelta(hours=4)
"""So long a fleet without a free place excuses what waits; beyond it, SCHEDULER_MAX_CONCURRENT is too small."""

CLOCKS_DISAGREE = timedelta(seconds=60)
"""How far the clocks of two hosts may be apart."""

LATE = frozenset({"overdue", "no_message", "lease_expired", "retry_overdue"})
"""Findings that the next tick mends, if ticks come and workers work; all others mean that something was spoilt."""

SHOWN = 5
"""Ids that a finding names; of the others it gives the number."""

_SALT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{22}", re.ASCII)
_VERSIONS = tuple(str(version).encode() for version in range(int(PARSER_VERSION), 0, -1))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not as it must be: a code of the table [audit], and the parameters of its sentence."""

    code: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What keeps all sellers from their syncs, or does not."""

    now: datetime
    scheduler_enabled: bool
    check_interval: timedelta
    spread: timedelta
    is_full: bool
    """SCHEDULER_MAX_CONCURRENT is used up, or a place was given back only now."""
    has_incident: bool
    resend_after: timedelta
    """When recovery takes a message for lost."""
    backlog: timedelta
    """How long recovery needs for a round over all that is queued."""

    def has_no_place(self, since: datetime) -> bool:
        """Return whether what waits since then waits because there is no place for it."""
        return self.is_full and since > self.now - FULL_AT_MOST

    @property
    def opened_within(self) -> timedelta:
        """How long after its instant a sync must have been opened."""
        return 2 * self.check_interval


def check_credential(seller: Seller, keyring: Keyring) -> Iterator[Finding]:
    """Yield where a secret is not encrypted, or with no key that we have."""
    if seller.credential is None:
        return
    try:
        keyring.decrypt(seller.credential, seller.id)
    except CredentialsUnreadable as error:
        plain = error.params["kind"] == "malformed"
        yield of(seller, "credential_plain" if plain else "credential_unreadable")


def check_texts(texts: Iterable[tuple[str, str]], seller: Seller | None = None) -> Iterator[Finding]:
    """Yield the places where what looks like a secret can be read; the text itself is not shown."""
    places = sorted({place for place, text in texts if _SALT.search(text)})
    if places:
        params: dict[str, object] = {"places": ", ".join(places)}
        yield Finding("secret_in_text", params) if seller is None else of(seller, "secret_in_text", **params)


def check_schedule(
    seller: Seller, schedule: SyncSchedule | None, live: Sequence[SyncLog], newest: SyncLog | None, fleet: Fleet
) -> Iterator[Finding]:
    """Yield what is wrong with a seller's next instant; *newest* is the newest sync that has ended."""
    if schedule is None:
        yield of(seller, "no_schedule")
        return
    try:
        first = next_run(seller.id, schedule, fleet, schedule.next_run - timedelta(microseconds=1))
        latest = next_run(seller.id, schedule, fleet, _read_by_any_clock(fleet.now, schedule, live, newest))
    except cadence.CadenceError:
        # Once it fell due, it was blocked, and somebody was told.
        if schedule.enabled and schedule.blocked_code is None:
            yield of(seller, "schedule_unusable", cron=schedule.cron, zone=schedule.zone)
        return
    if first != schedule.next_run:
        yield of(seller, "off_cadence", at=schedule.next_run, cron=schedule.cron)
    is_active = schedule.enabled and schedule.blocked_code is None
    if not is_active:
        return
    if schedule.next_run > latest:
        yield of(seller, "instant_skipped", at=latest, next=schedule.next_run)
    if live or not fleet.scheduler_enabled or fleet.has_incident:
        return
    since = max(each for each in (schedule.next_run, schedule.held_until, newest and newest.finished_at) if each)
    if since < fleet.now - fleet.opened_within and not fleet.has_no_place(since):
        yield of(seller, "overdue", since=schedule.next_run)


def next_run(seller_id: int, schedule: SyncSchedule, fleet: Fleet, after: datetime) -> datetime:
    """Return the first instant of a schedule that is later than *after*; raise CadenceError for a bad one."""
    zone: ZoneInfo = cadence.zone_of(schedule.zone)
    cadence.check(schedule.cron, zone)
    return cadence.next_run(schedule.cron, zone, cadence.phase(seller_id, fleet.spread), after)


def _read_by_any_clock(
    now: datetime, schedule: SyncSchedule, live: Sequence[SyncLog], newest: SyncLog | None
) -> datetime:
    """Return the latest time that any of our clocks is known to have shown: some may since have been put back."""
    shown = [now + CLOCKS_DISAGREE, schedule.last_run]
    for sync in (*live, *([] if newest is None else [newest])):
        shown += [sync.created_at, sync.started_at, sync.finished_at]
    return max(each for each in shown if each is not None)


def check_live(seller: Seller, live: Sequence[SyncLog]) -> Iterator[Finding]:
    """Yield where a seller has more than one live sync."""
    if len(live) > 1:
        yield of(seller, "two_live", count=len(live), ids=shown(sync.id for sync in live))


def check_holder(seller: Seller, sync: SyncLog, stored: Sequence[int], fleet: Fleet) -> Iterator[Finding]:
    """Yield where a live sync has nothing that will bring it on, or has lost a page; *stored* are its pages."""
    late = fleet.now - RECOVERED_WITHIN - fleet.backlog
    resent = sync.sent_at is not None and sync.sent_at >= late - fleet.resend_after
    if sync.state == State.RUNNING:
        if sync.lease_until is None:
            yield of(seller, "no_lease", ids=sync.id)
        elif sync.lease_until < late and not (resent and sync.sent_at > sync.lease_until):  # type: ignore[operator]
            yield of(seller, "lease_expired", ids=sync.id, since=sync.lease_until)
    elif sync.state == State.WAITING:
        if sync.next_attempt_at is None:
            yield of(seller, "no_next_attempt", ids=sync.id)
        elif sync.next_attempt_at < late - OVERDUE_AFTER and not resent and not fleet.has_no_place(sync.waits_since):
            yield of(seller, "retry_overdue", ids=sync.id, since=sync.next_attempt_at)
    elif not resent and not fleet.has_no_place(sync.queued_at) and (sync.sent_at is not None or sync.queued_at < late):
        yield of(seller, "no_message", ids=sync.id, since=sync.sent_at or sync.queued_at)
    if list(stored) != list(range(1, sync.next_page)):
        yield of(seller, "pages_lost", ids=sync.id, page=sync.next_page, count=len(stored))


def is_misplaced(sync: SyncLog) -> bool:
    """Return whether a sync has a lease, a next attempt or an end that does not go with its state."""
    leased = sync.lease_until is not None and sync.state != State.RUNNING
    awaited = sync.next_attempt_at is not None and sync.state != State.WAITING
    return leased or awaited or (sync.finished_at is None) != (sync.state in LIVE)


def is_miscounted(sync: SyncLog, attempts: Sequence[SyncAttempt]) -> bool:
    """
    Return whether a sync's numbers differ from what its attempts say.

    Each take made one; each has ended in a death, a failure, a turn given back or an outcome, but for the one
    that is at work.
    """
    ended = [each for each in attempts if each.ended_at is not None]
    died = sum(each.code == "worker_died" for each in ended)
    failed = sum(each.code not in (None, "worker_died", "cancelled") for each in ended)
    well = sum(each.code is None for each in ended)
    has_outcome = sync.state in (State.SUCCEEDED, State.PARTIAL)
    at_work = [sync.attempt] if sync.state == State.RUNNING else []
    return (
        [each.number for each in attempts] != list(range(1, sync.attempt + 1))
        or [each.number for each in attempts if each.ended_at is None] != at_work
        or (died, failed, well) != (sync.deaths, sync.failures, sync.turns + has_outcome)
    )


def is_unproven(sync: SyncLog) -> bool:
    """Return whether a sync is called succeeded without the proof."""
    agrees = sync.total_at_start == sync.total_at_end == sync.seen and sync.seen is not None
    return sync.state == State.SUCCEEDED and not (agrees and sync.rejected == 0)


def check_syncs(
    seller: Seller, syncs: Sequence[SyncLog], attempts: Mapping[int, Sequence[SyncAttempt]]
) -> Iterator[Finding]:
    """Yield what is wrong with syncs, live or ended, one finding for all that have the same."""
    for code, wrong in (
        ("misplaced", [sync.id for sync in syncs if is_misplaced(sync)]),
        ("miscounted", [sync.id for sync in syncs if is_miscounted(sync, attempts[sync.id])]),
        ("unproven", [sync.id for sync in syncs if is_unproven(sync)]),
    ):
        if wrong:
            yield of(seller, code, count=len(wrong), ids=shown(wrong))


@dataclass(frozen=True, slots=True)
class ProvenPass:
    """The newest sync of a seller that succeeded, and what its pages say."""

    sync: SyncLog
    pages: Sequence[int]
    """Their numbers."""
    seen: set[int]
    """The products on them."""
    came_since: int | None
    """Products that later syncs put into the shop; None where some of those syncs have been forgotten."""


def check_catalogue(seller: Seller, proven: ProvenPass, present: Mapping[int, bool]) -> Iterator[Finding]:
    """Yield where the products in the shop (*present*) are not those of the last proven pass."""
    sync = proven.sync
    if list(proven.pages) != list(range(1, sync.next_page)) or len(proven.seen) != sync.seen:
        yield of(seller, "pages_lost", ids=sync.id, page=sync.next_page, count=len(proven.pages))
        return
    lost = sorted(proven.seen - present.keys())
    if lost:
        yield of(seller, "products_lost", ids=sync.id, count=len(lost), products=shown(lost))
    # What that pass held, and a person may have let go since, it did not see.
    extra = sorted(present.keys() - proven.seen)
    if proven.came_since is not None and len(extra) > sync.held + proven.came_since:
        yield of(seller, "products_unseen", ids=sync.id, count=len(extra), products=shown(extra))


def check_content(
    seller: Seller, sync: SyncLog, stored: Sequence[tuple[int, Sequence[int], bytes]], hashes: Mapping[int, bytes]
) -> Iterator[Finding]:
    """
    Yield where product rows say something else than the last proven pass read, nobody having written since.

    *stored* are its pages: number, product numbers, hash over the rows. *hashes* are the content hashes of the
    products' rows. A product that stood on two pages, having moved, has the content of one of them.
    """
    places = Counter(number for _, numbers, _ in stored for number in numbers)
    stale = [
        page
        for page, numbers, expected in stored
        if all(places[number] == 1 for number in numbers)
        and rows_hash(hashes[number] for number in numbers if number in hashes) != expected
    ]
    if stale:
        yield of(seller, "content_stale", ids=sync.id, count=len(stale), pages=shown(stale))


def is_damaged(product: StoredProduct) -> bool:
    """Return whether a product's row differs from what its own document says."""
    row = product.columns
    try:
        document = orjson.loads(product.document)
        # After an update, rows that no sync has met since carry the hash of an earlier parser.
        known = any(content_hash(document, version) == row["content_hash"] for version in _VERSIONS)
    except ValueError:
        return True
    if not known or document["originProductNo"] != row["product_no"]:
        return True
    said = pages.columns(row["seller_id"], Item(row["product_no"], document, row["content_hash"]), row["changed_at"])
    return any(row[name] != value for name, value in said.items() if name != "document")


def shown(ids: Iterable[object]) -> str:
    """Return the first few of *ids* as text."""
    texts = [str(each) for each in ids]
    return ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "")


def of(seller: Seller, code: str, **params: object) -> Finding:
    """Return a finding about a seller."""
    return Finding(code, {"seller": seller.name, "seller_id": seller.id, **params})
