"""The auditor finds what was spoilt on purpose, each kind by itself, and nothing in a busy but sound world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from db import products
from db.heartbeats import Heartbeat
from db.incidents import Incident
from db.notifications import Notification
from db.products import Product
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog, Trigger
from db.sync_pages import SyncPage
from services import auditing, cadence, invariants, recovery, removals, schedules, sellers, syncing
from services.catalogue import rows_hash
from services.texts import Sentence, Texts, catalogue
from tests.services.test_recovery import die
from tests.world import World

SALT = "$2a$04$abcdefghijklmnopqrstuu"


def codes(world: World) -> list[str]:
    found = auditing.audit(world.rt)
    for finding in found:
        # Every finding can be told, and has what its sentence needs.
        assert "?" not in Sentence(f"audit.{finding.code}", finding.params).told(Texts("ko")), finding
    return [finding.code for finding in found]


def spoil(world: World, table: Any, **values: Any) -> None:
    """Write columns of all rows of a table as only a defect could."""
    with world.rt.database.transaction() as session:
        session.execute(update(table).values(**values))


def forget(world: World, table: Any) -> None:
    with world.rt.database.transaction() as session:
        session.execute(delete(table))


@pytest.fixture
def synced(world: World) -> World:
    """One shop that has been proven."""
    world.shop()
    assert world.sync().state == State.SUCCEEDED
    return world


@pytest.fixture
def waiting(world: World) -> World:
    """One shop of two pages whose sync waits for its retry after the first."""
    shop = world.shop(products=600)
    shop.faults.add("maintenance", page=2, endpoint="search")
    assert world.sync().state == State.WAITING
    return world


def test_a_busy_and_sound_world_has_no_findings(make_world: Callable[..., World]) -> None:
    world = make_world()
    for number, name in enumerate(("가", "나", "다", "라", "마")):
        world.shop(name, products=30 * number)
        world.sync(name)
    world.naver.seller("나").catalogue.churn(20)
    world.naver.seller("다").catalogue.shrink(0.3)
    world.naver.seller("라").faults.add("missing_price", page=1)
    world.naver.seller("마").change_secret()
    assert [world.sync(name).state.value for name in ("나", "다", "라", "마")] == [
        *("succeeded", "succeeded", "partial", "failed")
    ]
    removals.dismiss_removals(world.rt, world.id_of("다"))
    sellers.add_seller(world.rt, "바", client_id=None, secret=None)
    call, _ = schedules.request_sync(world.rt, world.id_of("가"))
    assert codes(world) == []
    world.run(call.sync_id)
    world.clock.advance(timedelta(hours=4))
    schedules.open_due_syncs(world.rt)
    assert codes(world) == []
    die(world, schedules.request_sync(world.rt, world.id_of("다"))[0], at_search=1)
    assert codes(world) == []
    for name in ("가", "나", "다"):
        assert syncing.cancel(world.rt, world.id_of(name)) is not None
    assert codes(world) == []


def test_every_code_has_its_words() -> None:
    for language in ("ko", "en"):
        assert catalogue(language)["audit"].keys() >= invariants.LATE


def test_a_sync_in_mid_walk_and_its_retry_are_sound(waiting: World) -> None:
    assert codes(waiting) == []
    waiting.naver.seller("한빛상회").faults.clear()
    found: list[list[str]] = []
    waiting.clock.advance(timedelta(minutes=10))
    waiting.meter.requests.clear()
    waiting.meter.on_request = {("products_search", 1): lambda: found.append(codes(waiting))}
    waiting.run(waiting.live()[0].id)
    assert found == [[]]
    assert codes(waiting) == []


def test_an_instant_that_nobody_served_is_found(synced: World) -> None:
    synced.clock.advance(timedelta(hours=4))
    assert codes(synced) == ["overdue"]
    schedules.open_due_syncs(synced.rt)
    assert codes(synced) == []


def test_an_instant_has_two_check_intervals_to_be_served(synced: World) -> None:
    synced.clock.set_wall(synced.schedule().next_run + timedelta(minutes=2))
    assert codes(synced) == []
    synced.clock.advance(timedelta(seconds=1))
    assert codes(synced) == ["overdue"]


def test_an_instant_that_fell_into_a_sync_has_its_time_from_the_end_of_that_sync(synced: World) -> None:
    synced.clock.advance(timedelta(hours=3))
    synced.naver.seller("한빛상회").before_page(1, lambda _: synced.clock.advance(timedelta(seconds=59)))
    synced.clock.set_wall(synced.schedule().next_run - timedelta(seconds=30))
    synced.sync()
    synced.clock.advance(timedelta(seconds=100))
    assert codes(synced) == []
    synced.clock.advance(timedelta(seconds=30))
    assert codes(synced) == ["overdue"]


@pytest.mark.parametrize("setting", [{"scheduler_enabled": False}, {"max_concurrent": 1}])
def test_a_scheduler_that_is_off_and_a_cap_that_is_full_are_reasons(
    make_world: Callable[..., World], setting: dict[str, Any]
) -> None:
    world = make_world(**setting)
    world.shop("가")
    world.shop("나")
    world.sync("가")
    world.clock.advance(timedelta(hours=4))
    call, _ = schedules.request_sync(world.rt, world.id_of("가"))
    recovery.note_sent(world.rt, [call.sync_id])
    assert codes(world) == []


def test_an_incident_and_a_staggered_release_are_reasons(synced: World) -> None:
    synced.clock.advance(timedelta(hours=4))
    now = synced.clock.now()
    with synced.rt.database.transaction() as session:
        session.add(Incident(code="naver_maintenance", sellers=5, opened_at=now))
    assert codes(synced) == []
    spoil(synced, Incident, resolved_at=now)
    spoil(synced, SyncSchedule, held_until=now + timedelta(minutes=9))
    assert codes(synced) == []
    spoil(synced, SyncSchedule, held_until=now - timedelta(minutes=9))
    assert codes(synced) == ["overdue"]


def test_a_schedule_that_is_off_or_blocked_is_never_overdue(synced: World) -> None:
    schedules.change_schedule(synced.rt, synced.id_of(), enabled=False)
    synced.clock.advance(timedelta(days=2))
    assert codes(synced) == []


def test_a_next_run_off_the_cadence_is_found(synced: World) -> None:
    spoil(synced, SyncSchedule, next_run=synced.schedule().next_run - timedelta(seconds=1))
    assert codes(synced) == ["off_cadence"]


def test_a_next_run_without_the_sellers_own_phase_is_found(synced: World) -> None:
    phase = cadence.phase(synced.id_of(), synced.rt.settings.spread)
    assert phase
    spoil(synced, SyncSchedule, next_run=synced.schedule().next_run - phase)
    assert codes(synced) == ["off_cadence"]


def test_an_instant_that_was_skipped_is_found(synced: World) -> None:
    spoil(synced, SyncSchedule, next_run=synced.schedule().next_run + timedelta(hours=4))
    assert codes(synced) == ["instant_skipped"]


def test_a_clock_that_was_put_back_skips_no_instant(synced: World) -> None:
    synced.clock.advance(timedelta(hours=4, minutes=30))
    (call,) = schedules.open_due_syncs(synced.rt)
    synced.clock.set_wall(synced.clock.now() - timedelta(hours=1))
    assert codes(synced) == []
    synced.run(call.sync_id)
    assert codes(synced) == []


def test_a_schedule_that_cannot_be_followed_is_found_while_it_is_on(synced: World) -> None:
    spoil(synced, SyncSchedule, cron="every day")
    assert codes(synced) == ["schedule_unusable"]
    synced.clock.advance(timedelta(hours=4))
    schedules.open_due_syncs(synced.rt)
    assert codes(synced) == []


def test_a_block_that_nobody_is_told_of_is_found(synced: World) -> None:
    synced.naver.seller("한빛상회").change_secret()
    synced.sync()
    synced.sync()
    assert codes(synced) == []
    spoil(synced, Notification, resolved_at=synced.clock.now())
    assert codes(synced) == ["block_untold"]


def test_a_seller_without_a_schedule_is_found(synced: World) -> None:
    forget(synced, SyncSchedule)
    assert codes(synced) == ["no_schedule"]


def test_a_change_that_was_read_and_not_stored_is_found(synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = synced.naver.seller("한빛상회")
    shop.catalogue.change_price(shop.catalogue.numbers()[0], 77)
    monkeypatch.setattr(products, "update_products", lambda *_: None)
    assert synced.sync().state == State.SUCCEEDED
    assert codes(synced) == ["content_stale"]
    # Its page is taken for unchanged from now on.
    assert synced.sync().state == State.SUCCEEDED
    assert codes(synced) == ["content_stale"]


def test_a_page_is_compared_unless_a_product_of_it_stood_on_another_too(synced: World) -> None:
    seller, sync = synced.rows(Seller)[0], synced.rows(SyncLog)[0]
    hashes = {1: b"one", 2: b"two", 3: b"three"}
    moved = [(1, [1, 2], b"as it was"), (2, [2], rows_hash([b"two"]))]
    stale = [(3, [3], b"as it was")]
    found = invariants.check_content(seller, sync, [*moved, *stale], hashes)
    assert [(each.code, each.params["pages"]) for each in found] == [("content_stale", "3")]


def test_two_live_syncs_of_one_seller_are_found(synced: World) -> None:
    with synced.rt.database.transaction() as session:
        session.execute(text("DROP INDEX uq_sync_logs_live_seller"))
        for _ in range(2):
            now = synced.clock.now()
            session.add(SyncLog(seller_id=1, trigger=Trigger.MANUAL, created_at=now, queued_at=now))
    assert codes(synced) == ["two_live"]


def test_two_syncs_for_one_instant_are_found(synced: World) -> None:
    synced.sync()
    with synced.rt.database.transaction() as session:
        session.execute(text("DROP INDEX uq_sync_logs_seller_id_scheduled_for"))
    spoil(synced, SyncLog, scheduled_for=synced.clock.now())
    assert codes(synced) == ["instant_twice"]


def test_a_running_sync_without_a_lease_is_found(waiting: World) -> None:
    spoil(waiting, SyncLog, state=State.RUNNING, next_attempt_at=None, attempt=2)
    with waiting.rt.database.transaction() as session:
        session.add(SyncAttempt(sync_id=waiting.live()[0].id, number=2, started_at=waiting.clock.now()))
    assert codes(waiting) == ["no_lease"]


def test_a_dead_worker_that_nobody_replaces_is_found(world: World) -> None:
    world.shop()
    call, _ = schedules.request_sync(world.rt, world.id_of())
    die(world, call, at_search=1)
    world.clock.advance(world.rt.settings.lease + timedelta(minutes=2))
    assert codes(world) == []
    world.clock.advance(timedelta(minutes=2))
    assert codes(world) == ["lease_expired"]
    recovery.note_sent(world.rt, [call.sync_id])
    assert codes(world) == []
    world.clock.advance(timedelta(minutes=10))
    assert codes(world) == ["lease_expired"]


def test_a_sync_without_a_message_is_found(world: World) -> None:
    world.shop()
    call, _ = schedules.request_sync(world.rt, world.id_of())
    assert codes(world) == []
    world.clock.advance(timedelta(minutes=4))
    assert codes(world) == ["no_message"]
    recovery.note_sent(world.rt, [call.sync_id])
    assert codes(world) == []
    world.clock.advance(world.rt.settings.recovery_resend + timedelta(minutes=4))
    assert codes(world) == ["no_message"]


def test_a_turn_given_back_counts_from_its_end(waiting: World) -> None:
    waiting.naver.seller("한빛상회").faults.clear()
    waiting.clock.advance(timedelta(minutes=10))
    waiting.rt.stopping.set()
    waiting.turn(waiting.live()[0].id)
    assert waiting.live()[0].state == State.QUEUED
    assert codes(waiting) == []


def test_a_waiting_sync_without_a_time_is_found(waiting: World) -> None:
    spoil(waiting, SyncLog, next_attempt_at=None)
    assert codes(waiting) == ["no_next_attempt"]


def test_a_retry_that_nobody_brings_back_is_found(waiting: World) -> None:
    waiting.clock.advance(timedelta(minutes=13))
    assert codes(waiting) == []
    waiting.clock.advance(timedelta(minutes=2))
    assert codes(waiting) == ["retry_overdue"]
    recovery.note_sent(waiting.rt, [waiting.live()[0].id])
    assert codes(waiting) == []


def test_a_lost_page_of_a_live_sync_is_found(waiting: World) -> None:
    forget(waiting, SyncPage)
    assert codes(waiting) == ["pages_lost"]


def test_a_lost_page_of_the_last_proven_pass_is_found(synced: World) -> None:
    spoil(synced, SyncPage, product_nos=b"")
    assert codes(synced) == ["pages_lost"]
    forget(synced, SyncPage)
    assert codes(synced) == ["pages_lost"]


def test_pages_kept_of_a_dead_sync_are_found(waiting: World) -> None:
    spoil(waiting, SyncLog, state=State.FAILED, next_attempt_at=None, finished_at=waiting.clock.now())
    assert codes(waiting) == ["pages_kept"]


@pytest.mark.parametrize("column", ["lease_until", "next_attempt_at"])
def test_an_ended_sync_that_still_waits_for_something_is_found(synced: World, column: str) -> None:
    spoil(synced, SyncLog, **{column: synced.clock.now()})
    assert codes(synced) == ["misplaced"]


def test_an_ended_sync_without_an_end_is_found(synced: World) -> None:
    spoil(synced, SyncLog, finished_at=None)
    assert codes(synced) == ["misplaced"]


@pytest.mark.parametrize("column", ["attempt", "deaths", "failures", "turns"])
def test_counts_that_differ_from_the_attempts_are_found(synced: World, column: str) -> None:
    spoil(synced, SyncLog, **{column: 2})
    assert codes(synced) == ["miscounted"]


@pytest.mark.parametrize("values", [{"number": 2}, {"ended_at": None}, {"code": "naver_busy"}, {"code": "worker_died"}])
def test_attempts_that_differ_from_the_counts_are_found(synced: World, values: dict[str, Any]) -> None:
    spoil(synced, SyncAttempt, **values)
    assert codes(synced) == ["miscounted"]


@pytest.mark.parametrize("values", [{"total_at_start": 29}, {"total_at_end": 31}, {"rejected": 1}])
def test_a_success_without_proof_is_found(synced: World, values: dict[str, Any]) -> None:
    spoil(synced, SyncLog, **values)
    assert codes(synced) == ["unproven"]


def test_old_syncs_are_looked_at_too(synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "BATCH", 2)
    spoil(synced, SyncLog, rejected=1)
    for _ in range(4):
        synced.sync()
    assert codes(synced) == ["unproven"]


def test_products_lost_since_the_last_proven_pass_are_found(synced: World) -> None:
    spoil(synced, Product, removed_at=synced.clock.now())
    (finding,) = auditing.audit(synced.rt)
    assert (finding.code, finding.params["count"]) == ("products_lost", 30)
    forget(synced, Product)
    assert codes(synced) == ["products_lost"]


def test_products_that_no_pass_has_seen_are_found(synced: World) -> None:
    shop = synced.naver.seller("한빛상회")
    shop.catalogue.remove(shop.catalogue.numbers()[0])
    synced.sync()
    assert codes(synced) == []
    spoil(synced, Product, removed_at=None)
    assert codes(synced) == ["products_unseen"]


def test_products_that_a_later_partial_pass_has_brought_are_no_finding(synced: World) -> None:
    shop = synced.naver.seller("한빛상회")
    shop.catalogue.add(3)
    shop.faults.add("missing_price", page=1, position=-1)
    assert synced.sync().state == State.PARTIAL
    assert codes(synced) == []


def test_where_later_passes_were_forgotten_nobody_can_say_what_they_brought(synced: World) -> None:
    shop = synced.naver.seller("한빛상회")
    shop.catalogue.remove(shop.catalogue.numbers()[0])
    synced.sync()
    spoil(synced, Product, removed_at=None)
    spoil(synced, SyncSchedule, enabled=False)
    synced.clock.advance(timedelta(days=synced.rt.settings.history_days))
    assert codes(synced) == []


@pytest.mark.parametrize(
    "values",
    [
        {"content_hash": b"0" * 16},
        {"name": "다른 이름"},
        {"sale_price": 1},
        {"modified_at": None},
        {"document": {"originProductNo": 1}},
        {"document": []},
    ],
)
def test_a_row_that_differs_from_its_document_is_found(synced: World, values: dict[str, Any]) -> None:
    with synced.rt.database.transaction() as session:
        number = min(synced.products())
        session.execute(update(Product).where(Product.product_no == number).values(**values))
    (finding,) = auditing.audit(synced.rt)
    assert (finding.code, finding.params["products"]) == ("product_damaged", str(number))


def test_a_row_with_another_products_document_is_found(synced: World) -> None:
    first, second = sorted(synced.products())[:2]
    other = synced.products()[second]
    with synced.rt.database.transaction() as session:
        row = session.get_one(Product, (synced.id_of(), first))
        row.document, row.content_hash = other.document, other.content_hash
    assert codes(synced) == ["product_damaged"]


@pytest.mark.parametrize("database_backend", ["sqlite"])
def test_a_document_that_is_no_json_any_more_is_found(synced: World) -> None:
    with synced.rt.database.transaction() as session:
        session.execute(text("UPDATE products SET document = '{\"half'"))
    assert codes(synced) == ["product_damaged"]


def test_a_catalogue_is_read_in_pieces(synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "BATCH", 7)
    spoil(synced, Product, content_hash=b"0" * 16)
    (finding,) = auditing.audit(synced.rt)
    assert finding.params["count"] == 30
    assert str(finding.params["products"]).endswith(", …")
    assert auditing.audit(synced.rt, catalogues=False) == []


def test_a_secret_that_is_not_encrypted_is_found(synced: World) -> None:
    spoil(synced, Seller, credential=SALT)
    assert codes(synced) == ["credential_plain", "secret_in_text"]


def test_a_secret_that_no_key_decrypts_is_found(synced: World) -> None:
    with synced.rt.database.transaction() as session:
        seller = session.get_one(Seller, synced.id_of())
        seller.credential = synced.rt.keyring.encrypt(SALT, seller.id + 1)
    assert codes(synced) == ["credential_unreadable"]


@pytest.mark.parametrize(
    ("table", "values", "place"),
    [
        (SyncAttempt, {"detail": f"signed with {SALT}."}, "sync_attempts.detail"),
        (SyncLog, {"params": {"seller": "한빛상회", "detail": SALT}}, "sync_logs.params"),
        (Heartbeat, {"name": SALT}, "heartbeats.name"),
        (Seller, {"client_id": SALT}, "sellers.client_id"),
    ],
)
def test_a_secret_in_any_text_is_found_and_not_shown(
    synced: World, table: Any, values: dict[str, Any], place: str
) -> None:
    schedules.open_due_syncs(synced.rt)
    spoil(synced, table, **values)
    (finding,) = auditing.audit(synced.rt)
    assert (finding.code, finding.params["places"]) == ("secret_in_text", place)
    assert SALT not in str(finding)


def test_a_secret_in_a_notification_of_nobody_is_found(synced: World) -> None:
    now = synced.clock.now()
    with synced.rt.database.transaction() as session:
        session.add(
            Notification(
                topic="platform",
                code="platform_incident",
                params={"cause": SALT},
                person_must_act=False,
                raised_at=now,
                last_at=now,
            )
        )
    assert codes(synced) == ["secret_in_text"]


def test_what_only_looks_a_little_like_a_secret_is_none(synced: World) -> None:
    spoil(synced, SyncAttempt, detail="costs $2 or $25 or $3")
    assert codes(synced) == []


def test_the_auditor_keeps_nobody_from_writing_and_sees_one_moment(synced: World) -> None:
    with synced.rt.database.snapshot() as session:
        seller = session.get_one(Seller, synced.id_of())
        spoil(synced, Seller, name="새 이름")
        session.refresh(seller)
        assert seller.name == "한빛상회"


def test_a_killed_worker_leaves_nothing_but_what_recovery_mends(world: World) -> None:
    world.shop(products=600)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    die(world, call, at_search=2)
    world.clock.advance(timedelta(minutes=10))
    assert set(codes(world)) <= invariants.LATE
