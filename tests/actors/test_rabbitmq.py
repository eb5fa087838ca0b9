from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dramatiq
import pika
import pytest

from actors.rabbitmq import StrictRabbitmqBroker
from tests.actors.fleet import wait_until
from tests.actors.strangers import ODD_HEADERS, OddProperties


@pytest.fixture
def broker(virtual_host: str) -> Iterator[StrictRabbitmqBroker]:
    broker = StrictRabbitmqBroker(url=virtual_host, middleware=[], confirm_delivery=True)
    dramatiq.actor(actor_name="sync_seller", queue_name="sync", broker=broker)(print)
    broker.declare_queue("sync", ensure=True)
    yield broker
    broker.close()


def message(number: int, **fields: Any) -> dramatiq.Message[None]:
    ours: dramatiq.Message[None] = dramatiq.Message(
        queue_name="sync", actor_name="sync_seller", args=(number,), kwargs={}, options={}
    )
    return replace(ours, **fields)


def send(broker: StrictRabbitmqBroker, number: int) -> None:
    broker.enqueue(message(number))


def receive(broker: StrictRabbitmqBroker) -> tuple[dramatiq.Consumer, dramatiq.MessageProxy]:
    consumer = broker.consume("sync", prefetch=1, timeout=1000)
    for _ in range(30):
        delivery = next(consumer)
        if delivery is not None:
            return consumer, delivery
    raise AssertionError("no message came")


def test_the_acknowledgement_of_an_old_delivery_does_not_meet_a_new_one(broker: StrictRabbitmqBroker) -> None:
    send(broker, 1)
    first, old = receive(broker)
    first.close()
    second, new = receive(broker)
    # The same number on a new connection, so it would be taken for the new delivery.
    assert old._tag == new._tag
    second.ack(old)
    second.nack(old)
    second.close()
    third, again = receive(broker)
    assert again.args == (1,)
    third.ack(again)
    third.close()


def dead_letters(broker: StrictRabbitmqBroker) -> int:
    return int(broker.channel.queue_declare("sync.XQ", passive=True).method.message_count)


def test_a_message_that_is_not_ours_is_put_aside(broker: StrictRabbitmqBroker) -> None:
    not_ours = [
        b"\xff no message",
        message(1, queue_name="elsewhere").encode(),
        message(1, actor_name=["sync_seller"]).encode(),
        message(1, options=None).encode(),
        message(1, options={"eta": 253402300799000}).encode(),
    ]
    for body in not_ours:
        broker.channel.basic_publish("", "sync", body, pika.BasicProperties(delivery_mode=2))
    send(broker, 2)
    consumer, delivery = receive(broker)
    assert delivery.args == (2,)
    consumer.ack(delivery)
    consumer.close()
    wait_until(lambda: dead_letters(broker) == len(not_ours), "the dead letters")


def test_odd_headers_hold_up_no_message(broker: StrictRabbitmqBroker) -> None:
    """Some of them close pika's connection when they come, others crash RabbitMQ's queue when they are put aside."""
    for number, table in enumerate(ODD_HEADERS):
        for body in (b"not ours", message(number + 1).encode()):
            broker.channel.basic_publish("", "sync", body, OddProperties(table))
    consumer = broker.consume("sync", prefetch=1, timeout=30_000)
    for number in range(len(ODD_HEADERS)):
        delivery = next(each for each in consumer if each is not None)
        assert delivery.args == (number + 1,)
        consumer.nack(delivery)
    consumer.close()
    again = broker.consume("sync", prefetch=1, timeout=100)
    assert next(again) is None
    again.close()
    assert dead_letters(broker) == 0
