"""Gets a sync that was just opened its message, and says who will work on it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum

from console import rabbitmq
from console.invocation import Invocation
from services import diagnosis
from services.runtime import Runtime
from services.schedules import Call


class Delivery(StrEnum):
    """What became of the message."""

    SENT = "sent"
    LEFT = "left"
    """The queue is within another process, which finds the row within a second."""
    AWAY = "away"
    """The queue did not answer: recovery sends the message later."""


def deliver(rt: Runtime, calls: Sequence[Call]) -> Delivery:
    """Send the messages; the rows stand in the database, so that nothing is lost where that does not work."""
    if rt.settings.queue != "rabbitmq":
        return Delivery.LEFT
    # A look before: a worker's connection is tried for a minute, and a person waits.
    if rabbitmq.look(rt.settings, []).trouble is not None:
        return Delivery.AWAY
    try:
        # Here and not above: the actors need a queue from the moment they are imported.
        import dramatiq

        from actors import process
        from actors.syncing import QUEUE_IS_AWAY, send

        process.use(rt)
        sent = send(calls)
    except OSError:
        # No folder for the metrics, say: this process counts nothing, and the row is safe.
        return Delivery.AWAY
    with suppress(*QUEUE_IS_AWAY):
        # Its heartbeats would stop while this process waits for the sync.
        dramatiq.get_broker().close()
    return Delivery.SENT if sent == len(calls) else Delivery.AWAY


def somebody_works(rt: Runtime) -> bool:
    """Return whether the periodic work gave a sign of life lately."""
    with rt.database.transaction() as session:
        return diagnosis.ticks_arrive(session, rt.settings, rt.clock.now())


def tell_of(call: Invocation, rt: Runtime, delivery: Delivery) -> bool:
    """Say what is odd about the delivery; return whether somebody seems to be at work."""
    works = somebody_works(rt)
    if delivery is Delivery.AWAY:
        call.output.warn(call.say("queue_away"))
    if not works:
        key = "nobody_works_fleet" if rt.settings.queue == "rabbitmq" else "nobody_works"
        call.output.warn(call.say(key))
    return works
