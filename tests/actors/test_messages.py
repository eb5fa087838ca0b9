"""What strangers put on the queues, and what the queue's middleware makes of ours; in process and on RabbitMQ."""

from __future__ import annotations

import json
from collections.abc import Callable

import pika
import pytest

from db.sync_logs import State
from services import schedules
from tests.actors.fleet import Fleet, wait_until
from tests.simulator import Simulator
from tests.world import World


def message(actor: str, *args: object, **fields: object) -> bytes:
    content = {
        "queue_name": "sync",
        "actor_name": actor,
        "args": args,
        "kwargs": {},
        "options": {},
        "message_id": "00000000-0000-0000-0000-000000000000",
        "message_timestamp": 0,
    }
    return json.dumps(content | fields).encode()


STRANGERS = [
    b"",
    b"\xff\xfe nothing like JSON",
    b"{}",
    b"[]",
    b"null",
    message("no_such_actor"),
    message("sync_seller"),
    message("sync_seller", "abc"),
    message("sync_seller", True),
    message("sync_seller", -1),
    message("sync_seller", 2**70),
    message("sync_seller", 1, 2),
    message("sync_seller", 4711),
    message("sync_seller", 1, kwargs={"sync_id": 1}),
    message("sync_seller", {"$gt": 0}),
    message("find_due_schedules", "now"),
    message("prune_history", options={"scheduled_at": "yesterday"}),
    message("sync_seller", 1, options={"eta": "soon", "retries": "many"}),
]


def put(url: str, queue: str, bodies: list[bytes]) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for body in bodies:
            channel.basic_publish("", queue, body)


def test_messages_of_strangers_harm_nobody(
    world: World, make_fleet: Callable[..., Fleet], naver: Simulator, virtual_host: str
) -> None:
    shop = world.shop(products=20, replenish=100)
    fleet = make_fleet()
    fleet.workers(processes=1, threads=2)
    wait_until(lambda: "ready for action" in fleet.log_text(), "the worker")
    wait_until(lambda: declared(virtual_host), "the queues")
    for queue in ("sync", "sync_now", "scheduler", "sync.DQ"):
        put(virtual_host, queue, STRANGERS)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    put(virtual_host, "sync", [message("sync_seller", call.sync_id)])
    wait_until(lambda: world.sync_log(call.sync_id).state == State.SUCCEEDED, "our own sync")
    wait_until(lambda: fleet.log_text().count('"event": "message_refused"') >= 10, "a line for what was refused")
    assert world.documents() == shop.catalogue.expected()
    # All its threads are still at work.
    again, _ = schedules.request_sync(world.rt, world.id_of())
    put(virtual_host, "sync_now", [message("sync_seller_now", again.sync_id, queue_name="sync_now")])
    wait_until(lambda: world.sync_log(again.sync_id).state == State.SUCCEEDED, "one more sync")


def declared(url: str) -> bool:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        try:
            connection.channel().queue_declare("sync_now.DQ", passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return True


@pytest.mark.parametrize("program", ["dramatiq", "periodiq"])
@pytest.mark.parametrize(
    ("settings", "culprit"),
    [
        ({"ENCRYPTION_KEY": "too-short"}, "gconnect keys generate"),
        ({"SCHEDULER_CHECK_INTERVAL": "90000"}, "SCHEDULER_CHECK_INTERVAL"),
        ({"DATABASE_URL": "sqlite:///nowhere.db"}, "gconnect up"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence(
    make_fleet: Callable[..., Fleet], program: str, settings: dict[str, str], culprit: str
) -> None:
    fleet = make_fleet(**settings)
    process = fleet.start(program, "actors", *(["-p", "1", "-t", "1"] if program == "dramatiq" else []))
    assert process.wait(60) != 0
    log = fleet.log_text()
    assert culprit in log
    assert "too-short" not in log


def test_workers_refuse_a_database_without_tables(
    make_fleet: Callable[..., Fleet], fresh_postgresql_database: Callable[..., str]
) -> None:
    fleet = make_fleet(DATABASE_URL=fresh_postgresql_database())
    assert fleet.workers(processes=1, threads=1).wait(60) != 0
    assert "gconnect db upgrade" in fleet.log_text()
    assert "Traceback" not in fleet.log_text()
