from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest

from actors.rabbitmq import StrictRabbitmqBroker
from tests.actors.fleet import wait_until


@pytest.fixture
def broker(virtual_host: str) -> Iterator[StrictRabbitmqBroker]:
    broker = StrictRabbitmqBroker(url=virtual_host, middleware=[], confirm_delivery=True)
    broker.declare_queue("sync", ensure=True)
    yield broker
    broker.close()


def send(broker: StrictRabbitmqBroker, number: int, named: str = "sync") -> None:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="sync", actor_name="sync_seller", args=(number,), kwargs={}, options={}
    )
    if named == "sync":
        broker.enqueue(message)
    else:
        broker.channel.basic_publish("", "sync", message.copy(queue_name=named).encode())


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


def test_a_message_that_names_another_queue_is_put_aside(broker: StrictRabbitmqBroker) -> None:
    send(broker, 1, named="elsewhere")
    send(broker, 2)
    consumer, delivery = receive(broker)
    assert delivery.args == (2,)
    consumer.ack(delivery)
    consumer.close()
    dead = "sync.XQ"
    wait_until(lambda: broker.channel.queue_declare(dead, passive=True).method.message_count == 1, "the dead letter")
