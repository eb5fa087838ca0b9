"""
Everything that can happen, in any order: the real services on a real database, and the auditor after each step.

Two processes tick, work and recover; each may stop at any step and come back long after, or be killed there.
Messages are lost, doubled and late, the clock is put forwards and back, keys and catalogues change, Naver fails.
At the end all is healed, and nothing may be missing: every due instant has had its one sync, and the rows are
the simulator's catalogue.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from db.schedules import SyncSchedule
from db.sync_logs import State, SyncLog
from services import auditing, invariants, recovery, removals, schedules, sellers, syncing
from services.retrying import worth_retrying
from services.schedules import Call
from tests.conftest import copy_sqlite, sqlite_url
from tests.fakes import FakeClock
from tests.servers.postgresql import Databases
from tests.simulator import Simulator
from tests.stepping import Job, SteppingMeter, steps_at_commits
from tests.world import World

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MOST_QUIET_MINUTES = 150
"""All waits, leases and retries of one sync together, and a margin."""

FAULTS = [
    *("authn_401", "token_expired", "ip_not_allowed", "rate_limit", "internal", "maintenance", "gateway_timeout"),
    *("bad_request", "token_internal", "duplicated_page", "moving_product", "changing_total", "empty_shop"),
    *("half_shop", "missing_price", "invalid_json", "reset", "truncated"),
]

Steps = st.one_of(st.none(), st.integers(1, 14))
"""How far a process comes before it stops or dies; null: to the end."""


@dataclass(frozen=True)
class Message:
    """What stands on the queue; *at* is when a delayed one may be taken."""

    sync_id: int
    at: datetime


class Stage:
    """One database, one Naver, two processes, and the queue between them."""

    def __init__(self, url: str, max_concurrent: int) -> None:
        self.clock = FakeClock()
        self.latest = self.clock.now()
        self.naver = Simulator(now=lambda: self.clock.now().timestamp())
        self.naver.start()
        self.worlds = [World.at(url, self.naver, self.clock, max_concurrent=max_concurrent) for _ in range(2)]
        for world in self.worlds:
            world.rt.naver.meter = SteppingMeter()
        self.messages: list[Message] = []

    def close(self) -> None:
        for world in self.worlds:
            world.rt.close()
        self.naver.stop()

    def send(self, world: World, calls: list[Call]) -> None:
        """Do what actors/syncing.py does with calls."""
        if calls:
            recovery.note_sent(world.rt, [call.sync_id for call in calls])
        self.messages += [Message(call.sync_id, self.clock.now()) for call in calls]

    def tick(self, world: World) -> None:
        self.send(world, schedules.open_due_syncs(world.rt))

    def recover(self, world: World) -> None:
        self.send(world, recovery.recover(world.rt))

    def work(self, world: World, sync_id: int) -> None:
        """Do what the actor, its predicate and its middleware do with a message."""
        ran = syncing.run_sync(world.rt, sync_id)
        self.send(world, ran.calls)
        if ran.failure is not None and worth_retrying(ran.failure.failures, ran.failure, world.rt.settings.retry_max):
            delay = timedelta(minutes=6)
            self.messages.append(Message(sync_id, self.clock.now() + delay))
            recovery.note_retry(world.rt, sync_id, delay)


class AnyOrder(RuleBasedStateMachine):
    """The rules: what may happen. The invariants: what must be true after each of them."""

    make_url: Callable[[], str]
    """Makes the database of the next walk."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[tuple[Job, Message | None]] = []
        self.expected: dict[int, datetime] = {}
        """The next instant of each seller, by what its schedule and the time of the last claim say."""
        self.leases: dict[int, tuple[int, datetime | None]] = {}
        """The attempt and the lease of each sync after the last step."""
        self.before: dict[str, dict[int, Any]] = {}
        """What each shop held before it last changed."""
        self.blocked: set[int] = set()
        """Sellers whose schedules were blocked after the last step."""
        self.last_sync = 0

    @initialize(
        max_concurrent=st.sampled_from([0, 0, 1, 2]),
        sizes=st.lists(st.integers(0, 40), min_size=1, max_size=2),
        has_large=st.booleans(),
        trouble=st.sampled_from([None, "bad_request", "maintenance", "missing_price", "changing_total"]),
    )
    def open_shops(self, max_concurrent: int, sizes: list[int], has_large: bool, trouble: str | None) -> None:
        self.stage = Stage(self.make_url(), max_concurrent)
        self.clock, self.worlds = self.stage.clock, self.stage.worlds
        self.world = self.worlds[0]
        self.names = [f"가게 {number}" for number in range(len(sizes) + has_large)]
        for name, size in zip(self.names, [*sizes, *([505] if has_large else [])], strict=True):
            shop = self.world.shop(name, size)
            if size > 500 and trouble is not None:
                # After a page that was written: there is something to be kept, or to be forgotten.
                shop.faults.add(trouble, page=2, times=1)
        for schedule in self.world.rows(SyncSchedule):
            self.expected[schedule.seller_id] = schedule.next_run

    def start(self, work: Callable[[], object], steps: int | None, die: bool, message: Message | None = None) -> None:
        """Let a process do something, wholly or up to some step."""
        job = Job(work)
        job.go_on(steps, die=die and steps is not None)
        self.settle(job, message)

    def settle(self, job: Job, message: Message | None) -> None:
        if not job.is_over:
            self.jobs.append((job, message))
        elif job.was_killed and message is not None and message.sync_id % 2:
            # A queue gives the message of a dead worker to another one; half of them get lost all the same.
            self.stage.messages.append(message)

    # Time.

    @rule(minutes=st.sampled_from([0.5, 2, 6, 11, 60, 241, 1445]))
    def time_passes(self, minutes: float) -> None:
        self.clock.advance(minutes * MINUTE)

    @rule(hours=st.sampled_from([-1, 1]), naver_too=st.booleans())
    def the_clock_is_put(self, hours: int, naver_too: bool) -> None:
        self.stage.latest = max(self.stage.latest, self.clock.now())
        self.clock.set_wall(self.clock.now() + hours * HOUR)
        if not naver_too:
            self.stage.naver.clock.shift(-hours * HOUR)

    # Processes.

    @rule(who=st.integers(0, 1), recovers=st.booleans(), steps=Steps, die=st.booleans())
    def periodic_work_comes(self, who: int, recovers: bool, steps: int | None, die: bool) -> None:
        work = self.stage.recover if recovers else self.stage.tick
        self.start(partial(work, self.worlds[who]), steps, die)

    @precondition(lambda self: self.stage.messages)
    @rule(which=st.integers(0, 9), who=st.integers(0, 1), stopping=st.booleans())
    def a_message_is_taken(self, which: int, who: int, stopping: bool) -> None:
        message = self.stage.messages.pop(which % len(self.stage.messages))
        world = self.worlds[who]
        if stopping:
            # SIGTERM: the turn is given back at the page.
            world.rt.stopping.set()
        self.start(partial(self.stage.work, world, message.sync_id), None, False, message)
        world.rt.stopping.clear()

    @precondition(lambda self: self.stage.messages)
    @rule(which=st.integers(0, 9), who=st.integers(0, 1), steps=st.integers(1, 14), die=st.booleans())
    def a_message_is_taken_by_one_who_stops(self, which: int, who: int, steps: int, die: bool) -> None:
        message = self.stage.messages.pop(which % len(self.stage.messages))
        self.start(partial(self.stage.work, self.worlds[who], message.sync_id), steps, die, message)

    @rule(which=st.integers(0, 2), who=st.integers(0, 1), steps=st.integers(2, 14), die=st.booleans())
    def somebody_wants_a_sync_and_its_worker_stops(self, which: int, who: int, steps: int, die: bool) -> None:
        call, _ = schedules.request_sync(self.world.rt, self.id_of(which))
        self.start(partial(self.stage.work, self.worlds[who], call.sync_id), steps, die)

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 9), steps=Steps, die=st.booleans())
    def a_stopped_process_comes_back(self, which: int, steps: int | None, die: bool) -> None:
        job, message = self.jobs.pop(which % len(self.jobs))
        job.go_on(steps, die=die and steps is not None)
        self.settle(job, message)

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 9), steps=Steps, die=st.booleans())
    def a_stopped_worker_is_taken_for_dead_and_replaced(self, which: int, steps: int | None, die: bool) -> None:
        """The new one may stop in its turn, and the old one come back at any time."""
        self.clock.advance(2 * MINUTE)
        self.stage.recover(self.world)
        due = [each for each in self.stage.messages if each.at <= self.clock.now()]
        if due:
            message = due[which % len(due)]
            self.stage.messages.remove(message)
            self.start(partial(self.stage.work, self.worlds[1], message.sync_id), steps, die, message)

    @precondition(lambda self: self.stage.messages)
    @rule(which=st.integers(0, 9), is_lost=st.booleans())
    def a_message_is_lost_or_doubled(self, which: int, is_lost: bool) -> None:
        message = self.stage.messages.pop(which % len(self.stage.messages))
        self.stage.messages += [] if is_lost else [message, message]

    # People.

    @rule(which=st.integers(0, 2), is_sent=st.booleans())
    def somebody_wants_a_sync_now(self, which: int, is_sent: bool) -> None:
        call, _ = schedules.request_sync(self.world.rt, self.id_of(which))
        if is_sent:
            self.stage.send(self.world, [call])

    @rule(
        which=st.integers(0, 2),
        what=st.sampled_from(["cancel", "pause", "resume", "wrong key", "right key", "confirm", "dismiss"]),
    )
    def somebody_acts(self, which: int, what: str) -> None:
        name, seller_id, rt = self.name_of(which), self.id_of(which), self.world.rt
        if what == "cancel":
            syncing.cancel(rt, seller_id)
        elif what in ("pause", "resume"):
            self.switch(seller_id, what == "resume")
        elif what == "wrong key":
            self.stage.naver.seller(name).change_secret()
        elif what == "right key":
            self.enter_right_key(name)
        else:
            (removals.confirm_removals if what == "confirm" else removals.dismiss_removals)(rt, seller_id)

    def switch(self, seller_id: int, enabled: bool) -> None:
        before = self.schedule(seller_id)
        after = schedules.change_schedule(self.world.rt, seller_id, enabled=enabled)
        if enabled and not before.enabled:
            self.expect_next(seller_id, after.next_run, self.clock.now())

    def enter_right_key(self, name: str) -> None:
        shop, seller_id = self.stage.naver.seller(name), self.world.id_of(name)
        sellers.enter_key(self.world.rt, seller_id, shop.client_id, shop.secret)
        blocked = self.schedule(seller_id).blocked_code is not None
        tried = sellers.try_key(self.world.rt, seller_id)
        if tried.error is None and blocked:
            self.expect_next(seller_id, self.schedule(seller_id).next_run, self.clock.now())
        if tried.unblocked is not None:
            self.stage.send(self.world, [tried.unblocked])

    # Naver.

    @rule(which=st.integers(0, 2), what=st.sampled_from(["churn", "churn", "add", "shrink", "clear", "undo", "undo"]))
    def the_shop_changes(self, which: int, what: str) -> None:
        name = self.name_of(which)
        catalogue = self.stage.naver.seller(name).catalogue
        if what == "undo":
            # To the very bytes of before, which pages may be known by.
            for item in self.before.pop(name, {}).values():
                catalogue.put(item)
            return
        self.before[name] = catalogue.expected()
        if what == "shrink":
            catalogue.shrink(0.5)
        elif what == "clear":
            catalogue.clear()
        elif what == "add":
            catalogue.add(5)
        else:
            catalogue.churn(5)

    @rule(
        which=st.integers(0, 2),
        kind=st.sampled_from([*FAULTS, None, None, None]),
        times=st.sampled_from([1, 2, None]),
        page=st.sampled_from([None, None, 2]),
    )
    def naver_fails_or_works_again(self, which: int, kind: str | None, times: int | None, page: int | None) -> None:
        faults = self.stage.naver.seller(self.name_of(which)).faults
        if kind is None:
            faults.clear()
        else:
            faults.add(kind, times=times, page=page)

    # What must be true.

    @invariant()
    def nothing_is_spoilt(self) -> None:
        if not hasattr(self, "stage"):
            return
        found = auditing.audit(self.world.rt, catalogues=False)
        # The latter is what follow_instants asks exactly, whatever the clocks have shown.
        assert [each for each in found if each.code not in invariants.LATE | {"instant_skipped"}] == []
        cap = self.world.rt.settings.max_concurrent
        assert not cap or sum(sync.state == State.RUNNING for sync in self.world.live()) <= cap
        self.follow_instants()
        self.follow_leases()

    def follow_leases(self) -> None:
        """Nobody is taken for dead before the lease that was last seen has expired."""
        for sync in self.world.rows(SyncLog):
            attempt, lease_until = self.leases.get(sync.id, (0, None))
            if sync.deaths and lease_until is not None:
                (held,) = [each for each in self.world.attempts(sync.id) if each.number == attempt]
                assert held.code != "worker_died" or (held.ended_at is not None and held.ended_at > lease_until)
            self.leases[sync.id] = (sync.attempt, sync.lease_until)

    def follow_instants(self) -> None:
        """Each instant is served once, in order; those that passed before a claim are served by that claim."""
        with self.world.rt.database.transaction() as session:
            new = session.query(SyncLog).filter(SyncLog.id > self.last_sync).order_by(SyncLog.id).all()
        for sync in new:
            self.last_sync = sync.id
            if sync.scheduled_for is not None:
                assert sync.scheduled_for == self.expected[sync.seller_id]
                assert sync.scheduled_for <= sync.created_at
                self.expected[sync.seller_id] = self.next_run(sync.seller_id, sync.created_at)
        for row in self.world.rows(SyncSchedule):
            if row.seller_id in self.blocked and row.blocked_code is None and row.last_run is not None:
                # The sync that ended the block is the one that the missed instants would have given.
                self.expected[row.seller_id] = max(
                    self.expected[row.seller_id], self.next_run(row.seller_id, row.last_run)
                )
            self.follow_the_clock(row)
            assert row.next_run == self.expected[row.seller_id]
            (self.blocked.discard if row.blocked_code is None else self.blocked.add)(row.seller_id)

    def follow_the_clock(self, row: SyncSchedule) -> None:
        """What a clock ahead has chosen is moved back, once that is noticed, to the first instant without a sync."""
        if row.next_run >= self.expected[row.seller_id] or self.stage.latest <= self.clock.now() + MINUTE:
            return
        served = {sync.scheduled_for for sync in self.world.rows(SyncLog, seller_id=row.seller_id)}
        first = self.next_run(row.seller_id, self.clock.now())
        while first in served:
            first = self.next_run(row.seller_id, first)
        self.expected[row.seller_id] = first

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        try:
            self.heal()
            self.come_to_rest()
            self.let_the_next_instant_come()
            self.prove_every_catalogue()
            assert auditing.audit(self.world.rt) == []
        finally:
            self.stage.close()

    def heal(self) -> None:
        self.stage.latest = max(self.stage.latest, self.clock.now())
        for number, (job, _) in enumerate(self.jobs):
            if number % 2:
                job.go_on(0, die=True)
            else:
                job.go_on()
        self.jobs = []
        # Whatever a clock ever showed is in the past.
        self.stage.naver.clock.shift(-timedelta(seconds=self.stage.naver.clock.now() - self.clock.now().timestamp()))
        self.clock.set_wall(max(self.stage.latest, self.clock.now()))
        for name in self.names:
            self.stage.naver.seller(name).faults.clear()
            self.enter_right_key(name)
            self.switch(self.world.id_of(name), enabled=True)
        self.nothing_is_spoilt()

    def come_to_rest(self) -> None:
        """Let both processes do what they do every minute, until there is nothing left to do."""
        for minute in range(MOST_QUIET_MINUTES):
            world = self.worlds[minute % 2]
            self.stage.tick(world)
            self.stage.recover(world)
            self.deliver()
            if not self.world.live():
                self.nothing_is_spoilt()
                return
            self.clock.advance(MINUTE)
        raise AssertionError(f"it never comes to rest: {[(sync.id, sync.state) for sync in self.world.live()]}")

    def deliver(self) -> None:
        due = [each for each in self.stage.messages if each.at <= self.clock.now()]
        while due:
            for message in due:
                self.stage.messages.remove(message)
                self.stage.work(self.worlds[message.sync_id % 2], message.sync_id)
            due = [each for each in self.stage.messages if each.at <= self.clock.now()]

    def let_the_next_instant_come(self) -> None:
        """No fault leaves a seller that never syncs again."""
        before = dict(self.expected)
        self.clock.set_wall(max(self.clock.now(), *before.values()))
        self.come_to_rest()
        served = {(sync.seller_id, sync.scheduled_for) for sync in self.world.rows(SyncLog)}
        assert {(seller_id, instant) for seller_id, instant in before.items()} <= served
        assert all(instant > self.clock.now() for instant in self.expected.values())

    def prove_every_catalogue(self) -> None:
        for name in self.names:
            # A removal that is held is applied when the next proven pass agrees.
            for _ in range(3):
                call, _joined = schedules.request_sync(self.world.rt, self.world.id_of(name))
                self.stage.send(self.world, [call])
                self.deliver()
            assert self.world.sync_log(call.sync_id).state == State.SUCCEEDED
            assert self.world.documents(name) == self.stage.naver.seller(name).catalogue.expected()

    def name_of(self, which: int) -> str:
        return self.names[which % len(self.names)]

    def id_of(self, which: int) -> int:
        return self.world.id_of(self.name_of(which))

    def schedule(self, seller_id: int) -> SyncSchedule:
        return self.world.rows(SyncSchedule, seller_id=seller_id)[0]

    def next_run(self, seller_id: int, after: datetime) -> datetime:
        row = self.schedule(seller_id)
        return schedules.next_run(seller_id, row.cron, row.zone, self.world.rt.settings.spread, after)

    def expect_next(self, seller_id: int, found: datetime, after: datetime) -> None:
        self.expected[seller_id] = self.next_run(seller_id, after)
        assert found == self.expected[seller_id]


def walk(make_url: Callable[[], str], examples: int, steps: int) -> None:
    # ANY_ORDER=400 takes as many other walks, which pytest prints where one of them fails.
    searching = int(os.environ.get("ANY_ORDER", "0"))
    profile = settings(
        max_examples=searching or examples,
        stateful_step_count=steps,
        derandomize=not searching,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    with steps_at_commits():
        run_state_machine_as_test(type("Walk", (AnyOrder,), {"make_url": staticmethod(make_url)}), settings=profile)


@pytest.mark.usefixtures("quiet")
def test_whatever_happens_in_any_order_nothing_is_lost_or_doubled(sqlite_template: Path, tmp_path: Path) -> None:
    def make_url() -> str:
        path = tmp_path / "gconnect.db"
        for each in tmp_path.glob("gconnect.db*"):
            each.unlink()
        copy_sqlite(sqlite_template, path)
        return sqlite_url(path)

    walk(make_url, examples=14, steps=30)


@pytest.mark.usefixtures("quiet")
def test_the_same_on_postgresql(postgresql: Databases, postgresql_template: str) -> None:
    urls: list[str] = []

    def make_url() -> str:
        while urls:
            postgresql.drop(urls.pop())
        urls.append(postgresql.create(postgresql_template))
        return urls[0]

    try:
        walk(make_url, examples=3, steps=30)
    finally:
        while urls:
            postgresql.drop(urls.pop())
