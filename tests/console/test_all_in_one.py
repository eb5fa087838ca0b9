"""`gconnect up` as a process of its own, against the simulator: the whole of the work on one SQLite file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text, update

from console.all_in_one import environment_of, prepare_database
from db import migration
from db.migration import SchemaMismatch
from db.notifications import Notification
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.session import Database
from db.sync_logs import LIVE, State, SyncLog
from services import recovery, schedules, sellers
from services.clock import SystemClock
from services.credentials import generate_key
from services.settings import Settings, load_settings
from tests.actors.fleet import ROOT, free_port, wait_until
from tests.console.programs import END_S, Program
from tests.simulator import Simulator
from tests.world import KEY, World


@pytest.fixture
def naver() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{(tmp_path / 'gconnect.db').as_posix()}"


@pytest.fixture
def world(database_url: str, naver: Simulator) -> Iterator[World]:
    """Another process than the all-in-one's, on the same file: it writes rows and has no queue."""
    migration.upgrade(database_url)
    world = World.at(database_url, naver, SystemClock())
    yield world
    world.rt.close()


@pytest.fixture
def make_up(tmp_path: Path, database_url: str, naver: Simulator) -> Callable[..., Program]:
    """Make runs of `gconnect up` on the test's database, with settings of their own."""

    def make(name: str = "up", **settings: str) -> Program:
        environ = {
            "DATABASE_URL": database_url,
            "NAVER_API_URL": naver.url,
            "ENCRYPTION_KEY": KEY,
            "METRICS_PORT": "0",
            "SCHEDULER_SPREAD_SECONDS": "0",
            "RETRY_MIN_BACKOFF_SECONDS": "0.2",
            "RETRY_MAX_BACKOFF_SECONDS": "0.5",
            **settings,
        }
        return Program(("up",), tmp_path / name, environ)

    return make


def all_fall_due(world: World) -> None:
    with world.rt.database.transaction() as session:
        session.execute(update(SyncSchedule).values(next_run=world.rt.clock.now()))


def wait_for_the_end_of(world: World, count: int) -> None:
    def have_ended() -> bool:
        rows = world.rows(SyncLog)
        return len(rows) >= count and all(row.state not in LIVE for row in rows)

    wait_until(have_ended, f"{count} syncs that have ended")


def scrape(port: int) -> dict[str, float]:
    import httpx

    body = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10, trust_env=False).text
    samples = (line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def searched_pages(naver: Simulator, name: str) -> Counter[int | None]:
    return Counter(each.page for each in naver.requests_of(name) if each.endpoint == "search")


def test_every_due_seller_is_synced_retried_or_given_up_and_counted_exactly(
    world: World, make_up: Callable[..., Program], naver: Simulator
) -> None:
    large, small = world.shop("한빛상회", 1_200), world.shop("가람서점", 3)
    world.shop("바다건어물", 40).faults.add("maintenance", endpoint="search", times=1)
    world.shop("산들공방", 40).faults.add("maintenance", endpoint="search")
    sellers.enter_key(world.rt, world.id_of("가람서점"), small.client_id, small.secret)
    wrong = naver.add_seller("달빛문구", 40)
    sellers.add_seller(world.rt, "달빛문구", client_id=wrong.client_id, secret=large.secret)
    sellers.add_seller(world.rt, "새벽과일", client_id=None, secret=None)
    all_fall_due(world)
    port = free_port()
    with make_up(METRICS_PORT=str(port), WORKER_THREADS="8") as up:
        wait_for_the_end_of(world, 6)
        metrics = scrape(port)
        assert up.terminate() == 0
    syncs = {name: world.rows(SyncLog, seller_id=world.id_of(name)) for name in seller_names(world)}
    assert {name: [(row.state, row.code, row.tries) for row in rows] for name, rows in syncs.items()} == {
        "한빛상회": [(State.SUCCEEDED, None, 1)],
        "가람서점": [(State.SUCCEEDED, None, 1)],
        "바다건어물": [(State.SUCCEEDED, None, 2)],
        "산들공방": [(State.FAILED, "naver_maintenance", 4)],
        "달빛문구": [(State.FAILED, "credentials_refused", 1)],
        "새벽과일": [(State.FAILED, "credentials_missing", 1)],
    }
    for name, shop in (("한빛상회", large), ("가람서점", small)):
        assert world.documents(name) == shop.catalogue.expected()
    assert world.products("산들공방") == world.products("달빛문구") == world.products("새벽과일") == {}
    told = Counter(row.code for row in world.rows(Notification))
    assert told == {"naver_maintenance": 1, "credentials_refused": 1, "credentials_missing": 1}
    assert_sums_are_exact(metrics, naver)


def seller_names(world: World) -> list[str]:
    return [seller.name for seller in world.rows(Seller)]


def assert_sums_are_exact(metrics: dict[str, float], naver: Simulator) -> None:
    def samples(name: str) -> dict[str, float]:
        return {each: value for each, value in metrics.items() if each.startswith(f"{name}{{") and value}

    def sync(outcome: str, code: str) -> str:
        return f'gconnect_syncs_total{{code="{code}",outcome="{outcome}",trigger="schedule"}}'

    assert samples("gconnect_syncs_total") == {
        sync("succeeded", "none"): 3,
        sync("failed", "naver_maintenance"): 1,
        sync("failed", "credentials_refused"): 1,
        sync("failed", "credentials_missing"): 1,
    }
    assert samples("gconnect_products_total") == {'gconnect_products_total{change="added"}': 1_243}
    assert samples("gconnect_sync_attempts_total") == {
        'gconnect_sync_attempts_total{result="ok"}': 3,
        'gconnect_sync_attempts_total{result="naver_maintenance"}': 5,
        'gconnect_sync_attempts_total{result="credentials_refused"}': 1,
        'gconnect_sync_attempts_total{result="credentials_missing"}': 1,
    }
    endpoints = {"search": "products_search"}
    asked = Counter((endpoints.get(each.endpoint, each.endpoint), each.status) for each in naver.requests)
    assert samples("gconnect_naver_requests_total") == {
        f'gconnect_naver_requests_total{{endpoint="{endpoint}",status="{status}"}}': count
        for (endpoint, status), count in asked.items()
    }
    assert not any(samples("gconnect_live_syncs").values())
    assert metrics["gconnect_due_schedules"] == 0


def test_a_sync_that_sigterm_stopped_goes_on_at_its_page_after_the_restart(
    world: World, make_up: Callable[..., Program], naver: Simulator
) -> None:
    shop = world.shop("한빛상회", 4_000)
    all_fall_due(world)
    with make_up() as up:
        wait_until(lambda: len(searched_pages(naver, "한빛상회")) >= 3, "three pages asked for")
        assert up.terminate() == 0
    (stopped,) = world.rows(SyncLog)
    assert stopped.state == State.QUEUED
    assert 4 <= stopped.next_page <= 8
    assert searched_pages(naver, "한빛상회") == dict.fromkeys(range(1, stopped.next_page), 1)
    with make_up() as up:
        wait_for_the_end_of(world, 1)
        assert up.terminate() == 0
    (ended,) = world.rows(SyncLog)
    assert (ended.state, ended.tries) == (State.SUCCEEDED, 1)
    asked = searched_pages(naver, "한빛상회")
    assert set(asked) == set(range(1, 9))
    assert asked.total() <= 9
    assert world.documents() == shop.catalogue.expected()


def test_a_sync_that_another_process_opened_is_found_though_it_had_no_message(
    world: World, make_up: Callable[..., Program]
) -> None:
    with make_up() as up:
        up.wait_to_say("There are no sellers yet")
        shop = world.shop("한빛상회", 30)
        call, _ = schedules.request_sync(world.rt, world.id_of())
        wait_for_the_end_of(world, 1)
        assert up.terminate() == 0
    assert world.sync_log(call.sync_id).state == State.SUCCEEDED
    assert world.documents() == shop.catalogue.expected()


def test_a_limit_on_concurrent_syncs_holds_and_is_refilled(world: World, make_up: Callable[..., Program]) -> None:
    for number in range(4):
        world.shop(f"가게 {number}", 30)
    all_fall_due(world)
    with make_up(SCHEDULER_MAX_CONCURRENT="1") as up:
        wait_for_the_end_of(world, 4)
        assert up.terminate() == 0
    spans = sorted((row.started_at, row.finished_at) for row in world.rows(SyncLog) if row.started_at)
    assert len(spans) == 4
    assert all(ended and ended <= next_started for (_, ended), (next_started, _) in pairwise(spans))


def test_what_lost_its_message_is_sent_again_as_far_as_there_is_room(world: World) -> None:
    for number in range(3):
        world.shop(f"가게 {number}", 30)
    calls = [schedules.request_sync(world.rt, seller.id)[0] for seller in world.rows(Seller)]
    assert recovery.unsent_calls(world.rt) == calls
    recovery.note_sent(world.rt, [call.sync_id for call in calls])
    assert recovery.unsent_calls(world.rt) == []
    assert recovery.unsent_calls(world.rt, sent_before=world.rt.clock.now()) == calls
    limited = World.at(world.rt.settings.database_url, world.naver, SystemClock(), max_concurrent=2)
    assert recovery.unsent_calls(limited.rt, sent_before=world.rt.clock.now()) == calls[:2]
    limited.rt.close()


def test_two_at_once_on_one_database_sync_each_seller_once(
    world: World, make_up: Callable[..., Program], naver: Simulator
) -> None:
    names = [f"가게 {number}" for number in range(6)]
    for name in names:
        world.shop(name, 30)
    all_fall_due(world)
    with make_up("one") as one, make_up("other") as other:
        # Each looks for what is due when it starts; who is still starting when it is to end dies of the signal.
        for up in (one, other):
            up.wait_to_say("GConnect is running")
        wait_for_the_end_of(world, 6)
        for name in names:
            schedules.request_sync(world.rt, world.id_of(name))
        wait_for_the_end_of(world, 12)
        assert (one.terminate(), other.terminate()) == (0, 0)
    assert [(row.state, row.attempt) for row in world.rows(SyncLog)] == [(State.SUCCEEDED, 1)] * 12
    assert all(searched_pages(naver, name) == {1: 2} for name in names)


def test_a_second_ctrl_c_does_not_wait_for_the_page(
    world: World, make_up: Callable[..., Program], naver: Simulator
) -> None:
    world.shop("한빛상회", 30).faults.add("silence", seconds=600.0)
    all_fall_due(world)
    with make_up() as up:
        wait_until(lambda: bool(searched_pages(naver, "한빛상회")), "a page asked for")
        up.interrupt()
        up.wait_to_say("Stopping")
        up.interrupt()
        assert up.exit_code() == 130


def test_it_makes_its_database_and_says_where_things_are(
    tmp_path: Path, make_up: Callable[..., Program], database_url: str
) -> None:
    port = free_port()
    with make_up(METRICS_PORT=str(port), SCHEDULER_ENABLED="false") as up:
        up.wait_to_say("/metrics")
        said = up.said
        assert up.terminate() == 0
    assert str(tmp_path / "gconnect.db") in said
    assert "gconnect seller add" in said
    assert f"http://127.0.0.1:{port}/metrics" in said
    assert "SCHEDULER_ENABLED" in said
    with closing(Database.open(database_url)) as database:
        migration.check(database)


def test_it_outlives_the_shell_that_started_it(
    world: World, make_up: Callable[..., Program], tmp_path: Path, naver: Simulator
) -> None:
    ready = make_up()
    launcher = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'console.cli', 'up'], stderr=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environ = {**os.environ, **ready.environ, "GCONNECT_LANG": "en", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "stdout.txt").open("w+b") as out:
        shell = subprocess.Popen(
            [sys.executable, "-c", launcher], stdin=subprocess.PIPE, stdout=out, cwd=tmp_path, env=environ
        )
        said = tmp_path / "stdout.txt"
        wait_until(lambda: "Database:" in said.read_text(encoding="utf-8"), "the start of gconnect up")
        up = int(said.read_text(encoding="utf-8").split()[0])
        shell.communicate(timeout=END_S)
    try:
        world.shop("한빛상회", 30)
        schedules.request_sync(world.rt, world.id_of())
        wait_for_the_end_of(world, 1)
    finally:
        os.kill(up, signal.SIGTERM)
        wait_until(lambda: "Stopped" in said.read_text(encoding="utf-8"), "its end")


def test_without_an_encryption_key_it_names_the_command_that_makes_one(make_up: Callable[..., Program]) -> None:
    with make_up(ENCRYPTION_KEY="") as up:
        assert up.exit_code() != 0
    assert "gconnect keys generate" in up.errors
    assert "Traceback" not in up.errors


def test_a_database_of_a_newer_program_is_left_alone(database_url: str) -> None:
    migration.upgrade(database_url)
    with closing(Database.open(database_url)) as database, database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaMismatch, match="9999"):
        prepare_database(database_url)


def test_a_postgresql_database_is_never_migrated_by_itself(fresh_postgresql_database: Callable[[], str]) -> None:
    url = fresh_postgresql_database()
    with pytest.raises(SchemaMismatch, match="gconnect db upgrade"):
        prepare_database(url)
    with closing(Database.open(url)) as database:
        assert migration.current_revision(database) is None


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "SCHEDULER_ENABLED": "no",
            "SCHEDULER_CHECK_INTERVAL": "300000",
            "SCHEDULER_MAX_CONCURRENT": "7",
            "SCHEDULER_SPREAD_SECONDS": "0",
            "ENCRYPTION_KEY": f"{generate_key()},{generate_key()}",
            "DATABASE_URL": "postgresql://someone:p%40ss@127.0.0.1:5433/gconnect",
            "GCONNECT_QUEUE": "in-process",
            "GCONNECT_LANG": "en",
            "RETRY_MIN_BACKOFF_SECONDS": "1199.125",
            "RETRY_MAX_BACKOFF_SECONDS": "1199.987",
            "METRICS_DIR": "elsewhere/metrics",
        },
    ],
)
def test_settings_read_back_from_the_environment_are_the_same(tmp_path: Path, variables: dict[str, str]) -> None:
    settings = load_settings(variables, tmp_path)
    assert without_warnings(load_settings(environment_of(settings), tmp_path)) == without_warnings(settings)


def without_warnings(settings: Settings) -> dict[str, object]:
    return settings.model_dump(exclude={"warnings"})
