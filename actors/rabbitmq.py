"""The RabbitMQ broker, with a consumer that takes only our messages and acknowledges only what it delivered."""

from __future__ import annotations

from functools import partial
from typing import Any

import pika.spec
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer

from actors.intake import find_flaw

log = structlog.get_logger(__name__)

NOTHING = (None, None, None)
"""What pika gives when no message has come for a while."""


class LenientProperties(pika.spec.BasicProperties):  # type: ignore[misc]
    """
    The properties of a delivery, which may have headers that pika cannot read.

    An instant out of range or deep nesting would close the connection, and the message would be there again on
    the next one, for ever.
    """

    def decode(self, encoded: bytes, offset: int = 0) -> LenientProperties:
        try:
            super().decode(encoded, offset)
        except Exception:
            self.headers = {"unreadable": True}
        return self


pika.spec.props[LenientProperties.INDEX] = LenientProperties


class StrictConsumer(_RabbitmqConsumer):
    """
    Acknowledges only what it delivered itself, and delivers only messages that are ours.

    Delivery tags count from 1 on each connection: after a reconnection the acknowledgement of an old message
    would take a new one off the queue that nobody has worked on.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self._has_headers = False
        self.iterator = map(self._admit, self.iterator)

    def __next__(self) -> Any:
        delivery = super().__next__()  # type: ignore[no-untyped-call]
        if delivery is not None:
            delivery.delivered_by = self
            delivery.has_headers = self._has_headers
        return delivery

    def ack(self, message: Any) -> None:
        if self._delivered(message):
            super().ack(message)  # type: ignore[no-untyped-call]

    def nack(self, message: Any) -> None:
        if self._delivered(message):
            settle = super().ack if message.has_headers else super().nack
            settle(message)  # type: ignore[no-untyped-call]

    def _admit(self, delivery: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """Let a delivery pass that is ours; put another aside, and the log says why."""
        method, properties, body = delivery
        if method is None:
            return delivery
        self._has_headers = bool(properties.headers)
        flaw = find_flaw(body, self.queue_name, self.broker.actors)
        if flaw is None:
            return delivery
        # Nothing of its content: that may be long, or a secret. And nothing is lost with it: the rows know
        # what is to be done.
        log.error("message_refused", queue=self.queue_name, flaw=flaw, bytes=len(body), kept=not self._has_headers)
        # RabbitMQ adds to the header x-death of a dead letter, and its queue crashes, with the message still
        # on it, where a stranger's x-death is none. Dramatiq sets no headers, so none of ours is lost by this.
        settle = self.channel.basic_ack if self._has_headers else partial(self.channel.basic_nack, requeue=False)
        self.connection.add_callback_threadsafe(partial(settle, method.delivery_tag))
        return NOTHING

    def _delivered(self, message: Any) -> bool:
        if message.delivered_by is self:
            return True
        # RabbitMQ has taken it back and delivers it again; the rows see to it that it does nothing twice.
        log.info("stale_delivery_forgotten", queue=self.queue_name, message_id=message.message_id)
        return False


class StrictRabbitmqBroker(RabbitmqBroker):
    """Dramatiq's broker with the strict consumer."""

    @property
    def consumer_class(self) -> type[StrictConsumer]:
        return StrictConsumer
