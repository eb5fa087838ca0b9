"""RabbitMQ in every kind of trouble, under the real commands: the workers go on by themselves, and nothing is lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from subprocess import Popen
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from db.schedules import SyncSchedule
from db.sync_logs import LIVE, State, SyncLog, Trigger
from services import schedules
from services.auditing import audit
from tests.actors.fleet import Fleet, wait_until
from tests.chaos import doorbell
from tests.servers.rabbitmq import PrivateRabbitMQ, private_rabbitmq
from tests.simulator.sellers import Seller as Shop
from tests.world import World

WAITING, LARGE, SMALL = "기다림상회", "큰상회", "작은상회"
PAGES = 4
RESEND_S = 2
HOLD_S = 3.0
"""For so long Naver is silent where the trouble is to meet a sync in its middle; no test measures it."""


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[PrivateRabbitMQ]:
    """A server that tests may do anything to, if they leave it running."""
    with private_rabbitmq() as server:
        yield server


@pytest.fixture
def virtual_host(rabbitmq: PrivateRabbitMQ) -> str:
    """The private server takes the place of the one that other tests share."""
    rabbitmq.start()
    name = f"trouble_{uuid.uuid4().hex[:8]}"
    rabbitmq.ctl("add_vhost", name)
    rabbitmq.ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    return urlsplit(rabbitmq.url)._replace(path=f"/{name}").geturl()


class Watch:
    """A fleet of one worker with one thread, its supervised ticker, and what must hold after every trouble."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self.world, self.fleet = world, fleet
        # They are sent in this order, and there is one thread.
        self.shops: dict[str, Shop] = {
            WAITING: world.shop(WAITING, products=20, replenish=100),
            LARGE: world.shop(LARGE, products=500 * PAGES - 100, replenish=100),
            SMALL: world.shop(SMALL, products=20, replenish=100),
        }
        self.instants: list[datetime] = []
        self._ticker: Popen[bytes] | None = None

    def start_workers(self) -> None:
        self.master = self.fleet.workers(processes=1, threads=1)
        wait_until(lambda: '"event": "workers_started"' in self.fleet.log_text(), "a worker")
        self.pids = self.fleet.worker_pids(self.master)

    def fall_due(self) -> None:
        """Let the next instant of every seller be now."""
        now = self.world.rt.clock.now()
        with self.world.rt.database.transaction() as session:
            session.execute(update(SyncSchedule).values(next_run=now))
        self.instants.append(now)

    def tick(self) -> None:
        """Start periodiq, which ticks at once: the next minute's tick need not be waited for."""
        if self._ticker is not None and self._ticker.poll() is None:
            self._ticker.terminate()
            self._ticker.wait()
        self._ticker = self.fleet.ticker()

    def supervise(self) -> bool:
        """Start periodiq again where it died with its queue, as its supervisor does; return whether it had."""
        assert self._ticker is not None
        if self._ticker.poll() is None:
            return False
        self._ticker = self.fleet.ticker()
        return True

    def hold_in_the_middle(self) -> None:
        """Let the large seller's next sync stand at its second page for a while."""
        self.shops[LARGE].faults.add("silence", page=2, seconds=HOLD_S, times=1)

    def bring_into_the_middle(self) -> None:
        """Let all sellers fall due, and the large one's sync come to its second page."""
        self.hold_in_the_middle()
        self.fall_due()
        self.tick()
        self.wait_for_the_middle()

    def wait_for_the_middle(self) -> None:
        wait_until(lambda: 2 in self.world.searches(LARGE), "the second page")
        assert self.state_of(LARGE) == State.RUNNING

    def state_of(self, name: str) -> State:
        return self.world.rows(SyncLog, seller_id=self.world.id_of(name))[-1].state

    def is_done(self) -> bool:
        """Return whether every instant has had its sync, and nothing is live."""
        self.supervise()
        rows = self.world.rows(SyncLog)
        served = {(row.seller_id, row.scheduled_for) for row in rows}
        wanted = {(row.seller_id, at) for row in self.world.rows(SyncSchedule) for at in self.instants}
        return wanted <= served and all(row.state not in LIVE for row in rows)

    def all_is_well(self, *, by_hand: int = 0, failures: int = 0) -> None:
        """Wait for the end, assert that each instant was met once, and see the next one met as well."""
        wait_until(self.is_done, "a sync for each instant")
        self.fall_due()
        self.tick()
        wait_until(self.is_done, "the next instant's sync")
        scheduled = self.world.rows(SyncLog, trigger=Trigger.SCHEDULE)
        assert len(scheduled) == len(self.shops) * len(self.instants)
        assert len(self.world.rows(SyncLog)) == len(scheduled) + by_hand
        assert {(row.state, row.deaths) for row in self.world.rows(SyncLog)} == {(State.SUCCEEDED, 0)}
        assert sum(row.failures for row in self.world.rows(SyncLog)) == failures
        for name, shop in self.shops.items():
            assert self.world.documents(name) == shop.catalogue.expected()
        assert audit(self.world.rt) == []
        assert self.master.poll() is None
        assert self.fleet.worker_pids(self.master) == self.pids


@pytest.fixture
def make_watch(world: World, make_fleet: Callable[..., Fleet]) -> Iterator[Callable[..., Watch]]:
    watches: list[Watch] = []

    def make(**settings: str) -> Watch:
        # A retry waits for longer than the test needs to come to the trouble.
        given = {"RETRY_MIN_BACKOFF_SECONDS": "4", "RETRY_MAX_BACKOFF_SECONDS": "8"} | settings
        watches.append(Watch(world, make_fleet(RECOVERY_RESEND_SECONDS=str(RESEND_S), **given)))
        return watches[-1]

    yield make
    for watch in watches:
        # Nothing is left to be done, and their end in good order takes seconds.
        watch.fleet.kill_workers(watch.master)


@pytest.fixture
def watch(make_watch: Callable[..., Watch]) -> Watch:
    return make_watch()


def test_workers_and_periodiq_that_are_there_before_the_queue_work_when_it_comes(
    make_watch: Callable[..., Watch], rabbitmq: PrivateRabbitMQ, virtual_host: str
) -> None:
    # By default each try takes its time; here they are to have failed before the queue comes.
    watch = make_watch(RABBITMQ_URL=virtual_host + "?connection_attempts=1")
    rabbitmq.stop()
    watch.fall_due()
    watch.start_workers()
    watch.tick()
    wait_until(lambda: "Connection refused" in watch.fleet.log_text(), "a refused worker")
    wait_until(watch.supervise, "periodiq's end")
    rabbitmq.start()
    watch.all_is_well()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_queue_that_ends_in_mid_sync_and_comes_again_costs_no_sync(
    watch: Watch, rabbitmq: PrivateRabbitMQ, end: str
) -> None:
    watch.start_workers()
    watch.shops[WAITING].faults.add("maintenance", times=1)
    watch.bring_into_the_middle()
    # One waits for its retry, one is at work, and the message of one stands in the queue.
    assert [watch.state_of(name) for name in watch.shops] == [State.WAITING, State.RUNNING, State.QUEUED]
    getattr(rabbitmq, end)()
    rabbitmq.start()
    watch.all_is_well(failures=1)


def test_connections_that_are_cut_in_mid_sync_cost_no_sync(watch: Watch, rabbitmq: PrivateRabbitMQ) -> None:
    watch.start_workers()
    watch.bring_into_the_middle()
    rabbitmq.ctl("close_all_connections", "trouble")
    watch.all_is_well()


def test_a_queued_sync_whose_message_was_purged_is_sent_again(watch: Watch, virtual_host: str) -> None:
    watch.start_workers()
    watch.bring_into_the_middle()
    sent_at = watch.world.rows(SyncLog, seller_id=watch.world.id_of(SMALL))[0].sent_at
    assert sent_at is not None
    assert doorbell.purge(virtual_host) >= 1
    lost_at = sent_at + timedelta(seconds=RESEND_S)
    wait_until(lambda: watch.world.rt.clock.now() > lost_at, "the time when its message is taken for lost")
    # What the next minute's tick does.
    watch.tick()
    watch.all_is_well()


def test_a_queue_that_takes_no_messages_for_a_while_holds_syncs_up_and_loses_none(
    make_watch: Callable[..., Watch], world: World, rabbitmq: PrivateRabbitMQ, virtual_host: str
) -> None:
    impatient = virtual_host + "?blocked_connection_timeout=0.5&connection_attempts=1"
    # After a page the sync is sent on: there is something to be published.
    watch = make_watch(SYNC_SLICE_SECONDS="0.1", RABBITMQ_URL=impatient)
    watch.start_workers()
    watch.hold_in_the_middle()
    call, _ = schedules.request_sync(world.rt, world.id_of(LARGE))
    watch.tick()
    watch.wait_for_the_middle()
    rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        watch.fall_due()
        watch.tick()
        wait_until(lambda: '"event": "queue_away"' in watch.fleet.log_text(), "a message that the queue did not take")
        wait_until(lambda: world.sync_log(call.sync_id).sent_at is None, "a sync that is to be sent later")
        assert world.sync_log(call.sync_id).state == State.QUEUED
        wait_until(watch.supervise, "periodiq's end")
    finally:
        rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")
    watch.tick()
    watch.all_is_well(by_hand=1)
