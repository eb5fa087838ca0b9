"""The RabbitMQ broker, with two holes in its consumer closed: each let one message's acknowledgement meet another."""

from __future__ import annotations

from typing import Any

import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer

log = structlog.get_logger(__name__)


class StrictConsumer(_RabbitmqConsumer):
    """
    Acknowledges only what it delivered itself, and takes only messages that belong to its queue.

    Delivery tags count from 1 on each connection: after a reconnection the acknowledgement of an old message
    would take a new one off the queue that nobody has worked on. And the worker acknowledges at the queue that
    the message *names*: one that names another would stay unacknowledged here and use up the prefetch.
    """

    def __next__(self) -> Any:
        delivery = super().__next__()  # type: ignore[no-untyped-call]
        if delivery is None:
            return None
        delivery.delivered_by = self
        if delivery.queue_name != self.queue_name:
            log.error(
                "message_refused",
                queue=self.queue_name,
                names_queue=str(delivery.queue_name)[:100],
                message_id=str(delivery.message_id)[:100],
                expected="a message that names the queue it is on",
            )
            super().nack(delivery)  # type: ignore[no-untyped-call]
            return None
        return delivery

    def ack(self, message: Any) -> None:
        if self._delivered(message):
            super().ack(message)  # type: ignore[no-untyped-call]

    def nack(self, message: Any) -> None:
        if self._delivered(message):
            super().nack(message)  # type: ignore[no-untyped-call]

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
