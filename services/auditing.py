"""
The auditor: checks on a live database that nothing was lost and nothing spoilt, whatever has died meanwhile.

It reads seller by seller, each piece of one moment, keeps nobody from writing and writes nothing. The rules
themselves stand in services/invariants.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from db import audits, incidents, products, schedules, sync_logs, sync_pages
from db.sellers import Seller
from db.sync_logs import State
from db.sync_pages import pages_of, unpack
from services import invariants, recovery
from services.invariants import Finding, Fleet, ProvenPass
from services.runtime import Runtime

log = structlog.get_logger(__name__)

OF_THE_CATALOGUE = frozenset({"pages_lost", "products_lost"})
"""Findings about what a seller's last proven pass saw."""

BATCH = 500
"""Rows of one seller that are read at once: products, ended syncs."""


def audit(rt: Runtime, *, catalogues: bool = True) -> list[Finding]:
    """
    Return everything that is not as it must be; nothing on a sound database, however busy it is.

    The codes of invariants.LATE pass by themselves where ticks come and workers work. Without *catalogues* the
    products' own rows, which are most of the database, are not read one by one.
    """
    found: list[Finding] = []
    after = 0
    while True:
        with rt.database.snapshot() as session:
            sellers = audits.sellers_after(session, after, BATCH)
        for seller in sellers:
            after = seller.id
            found += _audit_seller(rt, seller, catalogues=catalogues)
        if not sellers:
            break
    with rt.database.snapshot() as session:
        found += invariants.check_texts(audits.texts_of_nobody(session))
    log.info("audited", findings=len(found), codes=sorted({finding.code for finding in found}))
    return found


def _audit_seller(rt: Runtime, seller: Seller, *, catalogues: bool) -> Iterator[Finding]:
    yield from invariants.check_credential(seller, rt.keyring)
    with rt.database.snapshot() as session:
        at_present = list(_present(session, rt, seller, rt.clock.now()))
    yield from at_present
    yield from _history(rt, seller)
    if not catalogues:
        return
    with rt.database.snapshot() as session:
        yield from list(invariants.check_texts(audits.texts_of_seller(session, seller.id), seller))
    damaged = list(_products(rt, seller))
    yield from damaged
    # What is lost or damaged differs from what was read, too; said once.
    if not damaged and not OF_THE_CATALOGUE.intersection(finding.code for finding in at_present):
        with rt.database.snapshot() as session:
            yield from list(_content(session, rt, seller, rt.clock.now()))


def _present(session: Session, rt: Runtime, seller: Seller, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with how things stand at this moment: schedule, live sync, catalogue, pages."""
    fleet = _fleet(session, rt, now)
    live = audits.live_syncs(session, seller.id)
    newest = next(iter(audits.ended_syncs(session, seller.id, None, 1)), None)
    schedule = schedules.schedule_of(session, seller.id)
    yield from invariants.check_schedule(seller, schedule, live, newest, fleet)
    is_blocked = schedule is not None and schedule.blocked_code is not None
    if is_blocked and not audits.is_told(session, seller.id, "schedule_blocked"):
        yield invariants.of(seller, "block_untold")
    yield from invariants.check_live(seller, live)
    attempts = audits.attempts_by_sync(session, [sync.id for sync in live])
    for sync in live:
        stored = audits.page_numbers(session, sync.id)
        yield from invariants.check_holder(seller, sync, stored, fleet)
    yield from invariants.check_syncs(seller, live, attempts)
    proven = sync_logs.last_proven(session, seller.id)
    if proven is not None:
        # Syncs that have been forgotten may have put products into the shop.
        remembers_all = proven.finished_at is not None and now - proven.finished_at < _kept(rt)
        passed = ProvenPass(
            proven,
            audits.page_numbers(session, proven.id),
            sync_pages.products_seen(session, proven.id),
            audits.came_since(session, seller.id, proven.id) if remembers_all else None,
        )
        yield from invariants.check_catalogue(seller, passed, products.present_products(session, seller.id))
    keeping = set(audits.syncs_with_pages(session, seller.id)) - {None if proven is None else proven.id}
    twice = audits.instants_served_twice(session, seller.id)
    if keeping:
        yield invariants.of(seller, "pages_kept", count=len(keeping), ids=invariants.shown(sorted(keeping)))
    if twice:
        yield invariants.of(seller, "instant_twice", count=len(twice), at=twice[0])


def _content(session: Session, rt: Runtime, seller: Seller, now: datetime) -> Iterator[Finding]:
    """Yield where the rows are not what the last proven pass read, as far as nobody has written since."""
    writer = sync_logs.last_writer(session, seller.id)
    # Of what has been forgotten, nobody knows what it wrote.
    if writer is None or writer.finished_at is None or now - writer.finished_at >= _kept(rt):
        return
    if writer.state != State.SUCCEEDED:
        return
    stored = pages_of(session, writer.id)
    hashes: dict[int, bytes] = {}
    for page in stored:
        known = products.known_products(session, seller.id, unpack(page.product_nos))
        hashes |= {number: product.content_hash for number, product in known.items()}
    as_read = [(page.number, unpack(page.product_nos), page.rows_hash) for page in stored]
    yield from invariants.check_content(seller, writer, as_read, hashes)


def _kept(rt: Runtime) -> timedelta:
    return timedelta(days=rt.settings.history_days - 1)


def _fleet(session: Session, rt: Runtime, now: datetime) -> Fleet:
    settings = rt.settings
    cap = settings.max_concurrent
    counts = sync_logs.count_live(session)
    is_full = False
    if cap:
        ended = audits.last_end(session)
        # A place that was given back is refilled by the worker that gave it, a moment later.
        just_free = ended is not None and ended >= now - invariants.RECOVERED_WITHIN
        is_full = just_free or counts[State.QUEUED] + counts[State.RUNNING] >= cap
    return Fleet(
        now=now,
        scheduler_enabled=settings.scheduler_enabled,
        check_interval=settings.check_interval,
        spread=settings.spread,
        is_full=is_full,
        has_incident=bool(incidents.open_incidents(session)),
        resend_after=settings.recovery_resend,
        backlog=timedelta(minutes=sum(counts.values()) // recovery.LIMIT),
    )


def _history(rt: Runtime, seller: Seller) -> Iterator[Finding]:
    before = None
    while True:
        with rt.database.snapshot() as session:
            syncs = audits.ended_syncs(session, seller.id, before, BATCH)
            attempts = audits.attempts_by_sync(session, [sync.id for sync in syncs])
        yield from invariants.check_syncs(seller, syncs, attempts)
        if len(syncs) < BATCH:
            return
        before = syncs[-1].id


def _products(rt: Runtime, seller: Seller) -> Iterator[Finding]:
    after, damaged = 0, []
    while True:
        with rt.database.snapshot() as session:
            batch = audits.stored_products(session, seller.id, after, BATCH)
        damaged += [each.columns["product_no"] for each in batch if invariants.is_damaged(each)]
        if len(batch) < BATCH:
            break
        after = batch[-1].columns["product_no"]
    if damaged:
        yield invariants.of(seller, "product_damaged", count=len(damaged), products=invariants.shown(damaged))
