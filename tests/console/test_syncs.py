"""gconnect sync: opened or joined, watched to its end, cancelled, or only looked at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from console.invocation import Invocation
from console.waiting import NobodyWorks, follow
from db.products import Product
from db.sync_logs import State, SyncLog, Trigger
from services import recovery, schedules
from tests.console.conftest import ON_SQLITE, Terminal
from tests.fakes import FakeClock
from tests.world import World

AtWork = Callable[[], AbstractContextManager[None]]


def test_a_sync_is_opened_and_a_second_call_joins_it(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    first, second = gconnect("sync", "한빛상회"), gconnect("--lang", "ko", "sync", "한빛상회")
    assert (first.code, second.code) == (0, 0)
    [row] = world.rows(SyncLog)
    assert (row.state, row.trigger, row.urgent) == (State.QUEUED, Trigger.MANUAL, True)
    assert f'Sync #{row.id} of "한빛상회" is queued.' in first.out
    assert f"동기화 #{row.id}이(가) 이미 있어" in second.out


def test_without_anybody_at_work_it_is_said_how_to_start_one(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    assert "start one with `gconnect up`" in gconnect("sync", "한빛상회").err
    recovery.recover(world.rt)
    assert gconnect("sync", "한빛상회").err == ""


def test_opening_gives_json(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("sync", "한빛상회", "--json")
    assert said.code == 0
    assert said.json["joined"] is False
    assert said.json["delivery"] == "left"
    assert said.json["workers_seem_alive"] is False
    assert said.json["sync"]["state"] == "queued"
    assert gconnect("sync", "한빛상회", "--json").json["sync_id"] == said.json["sync_id"]


def test_waiting_ends_with_the_outcome_and_its_counts(gconnect: Terminal, world: World, at_work: AtWork) -> None:
    world.shop("한빛상회", products=12)
    with at_work():
        said = gconnect("sync", "한빛상회", "--wait")
    assert said.code == 0
    assert "✔ succeeded" in said.out
    assert "12 added" in said.out
    with at_work():
        said = gconnect("sync", "한빛상회", "--wait", "--json")
    assert said.code == 0
    assert said.json["sync"]["state"] == "succeeded"
    assert said.json["sync"]["seen"] == 12


def test_waiting_for_a_failed_sync_says_why_and_exits_with_1(gconnect: Terminal, world: World, at_work: AtWork) -> None:
    world.shop("한빛상회").change_secret()
    with at_work():
        said = gconnect("sync", "한빛상회", "--wait")
    assert said.code == 1
    assert "✖ failed" in said.out
    assert "does not accept the application" in said.err


@ON_SQLITE
def test_waiting_for_a_partial_sync_says_why_and_where_to_look(
    gconnect: Terminal, world: World, at_work: AtWork
) -> None:
    world.shop("한빛상회").faults.add("missing_price")
    with at_work():
        said = gconnect("sync", "한빛상회", "--wait")
    assert said.code == 1
    assert "◐ partly succeeded" in said.out
    assert "1 rejected" in said.out
    assert "could not be read" in said.err
    assert "gconnect logs --sync" in said.err


@ON_SQLITE
def test_nobody_is_waited_for_who_gives_no_sign_of_life(
    gconnect: Terminal, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.shop("한빛상회")
    call, _ = schedules.request_sync(world.rt, world.id_of("한빛상회"))
    clock = FakeClock()
    with pytest.raises(NobodyWorks):
        follow(Invocation("en"), replace(world.rt, clock=clock), call.sync_id)
    assert world.sync_log(call.sync_id).state is State.QUEUED


@ON_SQLITE
def test_a_sync_that_waits_for_its_next_attempt_is_waited_for(
    gconnect: Terminal, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.shop("한빛상회").faults.add("maintenance")
    sync = world.sync("한빛상회")
    assert sync.next_attempt_at is not None
    clock = FakeClock(sync.created_at)
    with pytest.raises(NobodyWorks):
        follow(Invocation("en"), replace(world.rt, clock=clock), sync.id)
    assert clock.now() > sync.next_attempt_at
    assert "under maintenance" in capsys.readouterr().err


def test_a_live_sync_is_cancelled(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    gconnect("sync", "한빛상회")
    said = gconnect("sync", "한빛상회", "--cancel")
    assert said.code == 0
    assert "is cancelled" in said.out
    assert world.live() == []
    said = gconnect("sync", "한빛상회", "--cancel")
    assert (said.code, '"한빛상회" has no live sync.\n') == (0, said.out)
    assert gconnect("sync", "한빛상회", "--cancel", "--json").json == {"cancelled_sync_id": None}


def test_a_dry_run_tells_what_would_change_and_writes_nothing(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회", products=30)
    world.sync("한빛상회")
    numbers = shop.catalogue.numbers()
    before = world.documents("한빛상회")
    shop.catalogue.change_price(numbers[0], 9900)
    shop.catalogue.remove(numbers[1])
    [new] = shop.catalogue.add()
    said = gconnect("--lang", "ko", "sync", "한빛상회", "--dry-run")
    assert said.code == 0
    assert "추가 1 · 변경 1 · 삭제 1 · 그대로 28" in said.out
    assert "→ 9,900원" in said.out
    assert "판매가" in said.out
    assert str(new) in said.out
    assert str(numbers[1]) in said.out
    assert world.documents("한빛상회") == before
    assert len(world.rows(SyncLog)) == 1
    found = gconnect("sync", "한빛상회", "--dry-run", "--json").json
    assert [each["product_no"] for each in found["added"]] == [new]
    assert [each["product_no"] for each in found["removed"]] == [numbers[1]]
    assert {each["field"]: each["new"] for each in found["changed"][0]["fields"]}["salePrice"] == 9900
    assert found["outcome"] == "succeeded"


@ON_SQLITE
def test_a_dry_run_of_a_big_import_lists_some_and_counts_the_rest(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회", products=150)
    said = gconnect("sync", "한빛상회", "--dry-run")
    assert "150 added" in said.out
    assert "… and 130 more" in said.out
    assert world.rows(Product) == []


@ON_SQLITE
def test_a_dry_run_that_proves_nothing_says_so(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").faults.add("missing_price")
    said = gconnect("sync", "한빛상회", "--dry-run")
    assert said.code == 0
    assert "1 rejected" in said.out
    assert "nothing would be marked as removed" in said.err


@ON_SQLITE
def test_a_dry_run_that_naver_refuses_fails_with_what_and_act(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").faults.add("ip_not_allowed")
    said = gconnect("sync", "한빛상회", "--dry-run")
    assert said.code == 1
    assert 'is not registered for the application of "한빛상회"' in said.err


@ON_SQLITE
@pytest.mark.parametrize("two", [["--wait", "--dry-run"], ["--cancel", "--wait"], ["--dry-run", "--cancel"]])
def test_two_things_at_once_are_refused(gconnect: Terminal, world: World, two: list[str]) -> None:
    world.shop("한빛상회")
    said = gconnect("sync", "한빛상회", *two)
    assert said.code == 2
    assert "only one of" in said.err
    assert world.rows(SyncLog) == []
