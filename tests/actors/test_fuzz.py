"""Thousands of messages of strangers on the queues of a worker process; in vain."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import dramatiq
import pika
import pytest

from actors.intake import find_flaw
from db.heartbeats import Heartbeat
from db.tables import ALL_TABLES
from services import schedules
from tests.actors.fleet import Fleet, wait_until
from tests.actors.strangers import CANARY, QUEUES, Stranger, strangers
from tests.actors.test_fleet import all_fall_due, ended
from tests.simulator import Simulator
from tests.world import World

COUNT = 4000
REFUSED = '"event": "message_refused"'
MAX_LINE = 600
"""Characters of a line of the log; the strangers have some of a megabyte."""


@pytest.fixture
def seed() -> int:
    """Print the seed, which stands in the report of a failure; FUZZ_SEED gives another one."""
    seed = int(os.environ.get("FUZZ_SEED", "20261123"))
    print(f"FUZZ_SEED={seed}")  # noqa: T201
    return seed


def put(url: str, messages: Sequence[Stranger]) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for each in messages:
            channel.basic_publish("", each.queue, each.body, each.properties)


def ours(queue: str, actor: str, *arguments: int, **options: int) -> Stranger:
    """Return a message as Dramatiq would send it now."""
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=queue, actor_name=actor, args=arguments, kwargs={}, options=options
    )
    return Stranger(queue, message.encode())


def declared(url: str) -> bool:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        try:
            connection.channel().queue_declare("sync_now.DQ", passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return True


def waiting(url: str) -> dict[str, int]:
    """Return how many messages are on each queue that the workers consume, without those that a worker holds."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        return {name: channel.queue_declare(name, passive=True).method.message_count for name in QUEUES}


def rows(world: World) -> str:
    """Return all that is in the database but when the periodic actors were last at work: strangers may call them."""
    return "\n".join(
        repr({column.key: getattr(row, column.key) for column in table.__mapper__.columns})
        for table in ALL_TABLES
        if table is not Heartbeat
        for row in world.rows(table)
    )


def test_thousands_of_messages_of_strangers_harm_nobody(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator, virtual_host: str, seed: int
) -> None:
    shop = world.shop(products=20, replenish=100)
    refused = world.shop("거절상회", products=20, replenish=100)
    refused.change_secret()
    old = [world.sync().id, world.sync("거절상회").id]
    before = rows(world)
    messages = list(strangers(seed, COUNT, old))
    actors = dramatiq.get_broker().actors
    refusals = sum(find_flaw(each.body, each.queue, actors) is not None for each in messages)

    fleet = make_fleet(LOG_LEVEL="DEBUG")
    master = fleet.workers(processes=1, threads=2)
    wait_until(lambda: declared(virtual_host), "the queues")
    put(virtual_host, messages)
    wait_until(lambda: not any(waiting(virtual_host).values()), "queues with nothing left")
    wait_until(lambda: fleet.log_text().count(REFUSED) >= refusals, "a line for each refusal")
    assert rows(world) == before
    # All queues are still worked on: a tick opens a sync and sends it, and syncs come by way of the delay queues.
    all_fall_due(world)
    put(virtual_host, [ours("scheduler", "find_due_schedules")])
    wait_until(lambda: ended(world, 3), "the scheduled sync")
    for place in ("sync", "sync_now", "sync.DQ", "sync_now.DQ"):
        call, _ = schedules.request_sync(world.rt, world.id_of())
        actor = "sync_seller_now" if "now" in place else "sync_seller"
        put(virtual_host, [ours(place, actor, call.sync_id, **({"eta": 0} if place.endswith(".DQ") else {}))])
        wait_until(lambda: ended(world, 3), f"a sync from {place}")
    assert world.documents() == shop.catalogue.expected()

    master.terminate()
    assert master.wait(60) == 0
    # What a worker holds comes back when it ends; the ticks among it have sent their second look.
    assert {name for name, count in waiting(virtual_host).items() if count} <= {"scheduler.DQ"}
    log = fleet.log_text()
    assert log.count('"event": "workers_started"') == 1
    # Each was refused once: none came back.
    assert log.count(REFUSED) == refusals
    for trouble in ("Traceback", "Unexpected failure", "Restarting consumer", "worker_thread_died"):
        assert trouble not in log
    assert max(map(len, log.splitlines())) <= MAX_LINE
    for secret in (CANARY, shop.secret, refused.secret, fleet.environ["ENCRYPTION_KEY"]):
        assert secret not in log
        assert secret not in rows(world)
