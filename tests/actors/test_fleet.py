"""The main job by the real commands: `dramatiq actors` and `periodiq actors` as processes."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from sqlalchemy import update

from db.notifications import Notification
from db.schedules import SyncSchedule
from db.sync_logs import LIVE, State, SyncLog
from db.tables import ALL_TABLES
from services import schedules
from services.auditing import audit
from tests.actors.fleet import Fleet, wait_until
from tests.simulator import Simulator
from tests.world import World


def all_fall_due(world: World) -> None:
    with world.rt.database.transaction() as session:
        session.execute(update(SyncSchedule).values(next_run=world.rt.clock.now()))


def ended(world: World, count: int) -> bool:
    rows = world.rows(SyncLog)
    return len(rows) >= count and all(row.state not in LIVE for row in rows)


def lease_is_over(world: World, sync_id: int) -> bool:
    lease_until = world.sync_log(sync_id).lease_until
    return lease_until is not None and lease_until < world.rt.clock.now()


def has_searched(world: World, times: int) -> bool:
    return len(world.searches()) == times


def test_thirty_due_sellers_are_each_synced_exactly_once(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator
) -> None:
    shops = {
        name: world.shop(name, products=100 + 20 * number, replenish=100)
        for number, name in enumerate(f"가게 {number}" for number in range(30))
    }
    refused = ["가게 3", "가게 17"]
    for name in refused:
        shops[name].change_secret()
    shops["가게 5"].faults.add("maintenance", times=2, endpoint="search")
    shops["가게 8"].faults.add("maintenance")
    shops["가게 29"].faults.add("block", page=2, times=1)
    all_fall_due(world)
    fleet = make_fleet()
    fleet.workers(processes=2, threads=4)
    # The second one is started by mistake.
    fleet.ticker()
    fleet.ticker()
    wait_until(lambda: ended(world, 30), "thirty syncs that have ended")

    syncs = {row.seller_id: row for row in world.rows(SyncLog)}
    assert len(world.rows(SyncLog)) == len(syncs) == 30
    outcomes = {name: syncs[world.id_of(name)] for name in shops}
    for name, shop in shops.items():
        sync = outcomes[name]
        if name in refused:
            assert (sync.state, sync.code, sync.tries) == (State.FAILED, "credentials_refused", 1)
            assert world.products(name) == {}
        elif name == "가게 8":
            assert (sync.state, sync.code, sync.tries) == (State.FAILED, "naver_maintenance", 4)
        else:
            assert (sync.state, sync.tries) == (State.SUCCEEDED, 3 if name == "가게 5" else 1)
            assert world.documents(name) == shop.catalogue.expected()
    # Shortest 0.5 s, doubling, lengthened up to twice, at most 2 s; never before its time.
    for name, least in (("가게 5", [0.5, 1.0]), ("가게 8", [0.5, 1.0, 1.0])):
        attempts = world.attempts(outcomes[name].id)
        waits = [
            (later.started_at - earlier.ended_at).total_seconds()
            for earlier, later in pairwise(attempts)
            if earlier.ended_at is not None
        ]
        assert len(waits) == len(least)
        assert all(wait >= shortest for wait, shortest in zip(waits, least, strict=True))
    assert Counter(row.code for row in world.rows(Notification)) == {
        "credentials_refused": 2,
        "naver_maintenance": 1,
    }
    log = fleet.log_text()
    assert '"event": "workers_started"' in log
    assert '"event": "ticker_started"' in log
    assert '"check_interval_ms": 60000' in log
    assert log.count('"event": "sync_ended"') == 30
    assert "Traceback" not in log


def test_no_secret_leaves(world: World, make_fleet: Callable[..., Fleet], naver: Simulator) -> None:
    shop = world.shop("비밀상회", products=20, replenish=100)
    broken = world.shop("고장상회", products=20, replenish=100)
    refused = world.shop("거절상회", products=20, replenish=100)
    canaries = {each.secret for each in (shop, broken, refused)}
    refused.change_secret()
    broken.faults.add("token_bad_request", field="timestamp")
    shop.faults.add("maintenance", times=1, endpoint="search")
    all_fall_due(world)
    fleet = make_fleet(LOG_LEVEL="DEBUG")
    fleet.workers(processes=1, threads=2)
    fleet.ticker()
    wait_until(lambda: ended(world, 3), "three syncs that have ended")
    # The same one is issued again while it has half an hour left.
    tokens = {each.application.issue_token(time.time()).value for each in (shop, broken, refused)}
    rows = "\n".join(
        repr({column.key: getattr(row, column.key) for column in table.__mapper__.columns})
        for table in ALL_TABLES
        for row in world.rows(table)
    )
    for secret in {*canaries, *tokens, fleet.environ["ENCRYPTION_KEY"]}:
        assert secret not in fleet.log_text()
        assert secret not in rows


def test_with_the_queue_away_nothing_is_lost_and_the_row_is_sent_later(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator, virtual_host: str
) -> None:
    world.shop(products=20, replenish=100)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    away = make_fleet(RABBITMQ_URL="amqp://guest:guest@127.0.0.1:1/?connection_attempts=1", GCONNECT_QUEUE="rabbitmq")
    sender = away.start("gconnect", "sync", "한빛상회")
    assert sender.wait(60) == 0
    assert world.sync_log(call.sync_id).sent_at is None
    fleet = make_fleet()
    fleet.workers(processes=1, threads=1)
    fleet.ticker()
    wait_until(lambda: ended(world, 1), "the sync that was found again")
    assert world.sync_log(call.sync_id).state == State.SUCCEEDED


def test_a_killed_worker_s_sync_goes_on_at_its_page(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator
) -> None:
    shop = world.shop(products=2600, replenish=100)
    shop.faults.add("silence", page=4, seconds=3, times=1)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    fleet = make_fleet(
        SYNC_LEASE_SECONDS="4",
        NAVER_PAGE_TIMEOUT_SECONDS="3.5",
        NAVER_READ_TIMEOUT_SECONDS="3.4",
        NAVER_CONNECT_TIMEOUT_SECONDS="3",
    )
    first = fleet.workers(processes=1, threads=1)
    ticker = fleet.ticker()
    wait_until(lambda: 4 in world.searches(), "the fourth page")
    fleet.kill_workers(first)
    assert first.wait(60) == 1
    # What systemd does.
    fleet.workers(processes=1, threads=1)
    wait_until(lambda: lease_is_over(world, call.sync_id), "the end of the lease")
    # And what the next minute's tick does.
    ticker.terminate()
    fleet.ticker()
    wait_until(lambda: ended(world, 1), "the end of the sync")
    sync = world.sync_log(call.sync_id)
    assert (sync.state, sync.deaths) == (State.SUCCEEDED, 1)
    assert world.searches() == [1, 2, 3, 4, 4, 5, 6]
    assert world.documents() == shop.catalogue.expected()


def test_a_sync_that_has_killed_three_workers_has_failed_and_the_next_instant_is_met(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator
) -> None:
    shop = world.shop(products=20, replenish=100)
    # Each worker is killed while it waits for the answer.
    shop.faults.add("silence", seconds=30)
    all_fall_due(world)
    fleet = make_fleet(
        SYNC_LEASE_SECONDS="4",
        NAVER_PAGE_TIMEOUT_SECONDS="3.5",
        NAVER_READ_TIMEOUT_SECONDS="3.4",
        NAVER_CONNECT_TIMEOUT_SECONDS="3",
    )
    for deaths in (1, 2, 3):
        workers, ticker = fleet.workers(processes=1, threads=1), fleet.ticker()
        wait_until(partial(has_searched, world, deaths), "a worker that takes the sync")
        ticker.terminate()
        fleet.kill_workers(workers)
        assert workers.wait(60) == 1
        wait_until(lambda: lease_is_over(world, 1), "the end of the lease")
    shop.faults.clear()
    fleet.workers(processes=1, threads=1)
    ticker = fleet.ticker()
    wait_until(lambda: ended(world, 1), "the end of the sync")
    sync = world.sync_log(1)
    assert (sync.state, sync.code, sync.deaths, sync.failures) == (State.FAILED, "worker_died", 3, 0)
    assert [attempt.code for attempt in world.attempts(1)] == ["worker_died"] * 3
    assert world.searches() == [1, 1, 1]
    assert world.open_notifications() == [("worker_died", 1)]
    assert audit(world.rt) == []
    all_fall_due(world)
    ticker.terminate()
    fleet.ticker()
    wait_until(lambda: ended(world, 2), "the next instant's sync")
    assert [row.state for row in world.rows(SyncLog)] == [State.FAILED, State.SUCCEEDED]
    assert world.documents() == shop.catalogue.expected()
    assert audit(world.rt) == []


def test_sigterm_ends_a_turn_at_the_page_and_loses_nothing(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator
) -> None:
    shop = world.shop(products=2600, replenish=100)
    shop.faults.add("silence", page=3, seconds=2, times=1)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    fleet = make_fleet()
    first = fleet.workers(processes=1, threads=1)
    ticker = fleet.ticker()
    wait_until(lambda: 3 in world.searches(), "the third page")
    ticker.terminate()
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    sync = world.sync_log(call.sync_id)
    assert (sync.state, sync.next_page, sync.lease_until) == (State.QUEUED, 4, None)
    fleet.workers(processes=1, threads=1)
    fleet.ticker()
    wait_until(lambda: ended(world, 1), "the end of the sync")
    assert world.searches() == [1, 2, 3, 4, 5, 6]
    assert world.sync_log(call.sync_id).tries == 1
    assert world.documents() == shop.catalogue.expected()


def test_three_workers_one_of_them_killed_count_exactly(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator
) -> None:
    for number in range(12):
        world.shop(f"가게 {number}", products=50, replenish=100)
    fleet = make_fleet()
    masters = [fleet.workers(processes=1, threads=1) for _ in range(3)]
    ticker = fleet.ticker()
    all_fall_due(world)
    ticker.terminate()
    ticker.wait()
    fleet.ticker()
    wait_until(lambda: ended(world, 12), "twelve syncs that have ended")
    expected = {
        'gconnect_syncs_total{code="none",outcome="succeeded",trigger="schedule"}': 12.0,
        'gconnect_sync_attempts_total{result="ok"}': 12.0,
        'gconnect_products_total{change="added"}': 600.0,
        'gconnect_naver_requests_total{endpoint="products_search",status="200"}': 12.0,
        'gconnect_naver_requests_total{endpoint="token",status="200"}': 12.0,
    }

    def shows(figures: dict[str, float]) -> bool:
        metrics = fleet.metrics()
        return all(metrics.get(name) == value for name, value in figures.items())

    wait_until(lambda: shows(expected), "exact sums over three processes")
    fleet.kill_workers(masters[0])
    masters[0].wait(60)
    fleet.workers(processes=1, threads=1)
    wait_until(lambda: shows(expected), "the same sums with one of them killed and replaced")
    schedules.request_sync(world.rt, world.id_of("가게 0"))
    fleet.ticker()
    wait_until(lambda: ended(world, 13), "one more sync")
    one_more = {
        'gconnect_syncs_total{code="none",outcome="succeeded",trigger="manual"}': 1.0,
        'gconnect_naver_requests_total{endpoint="token",status="200"}': 13.0,
        'gconnect_live_syncs{state="running"}': 0.0,
        "gconnect_due_schedules": 0.0,
    }
    wait_until(
        lambda: shows(
            expected
            | one_more
            | {
                'gconnect_naver_requests_total{endpoint="products_search",status="200"}': 13.0,
                'gconnect_sync_attempts_total{result="ok"}': 13.0,
            }
        ),
        "one more of each",
    )
