"""Messages put on the queues, and taken off them, past the product: sent twice, or lost."""

from __future__ import annotations

from collections.abc import Sequence

import dramatiq
import pika
import pika.exceptions
from dramatiq.common import dq_name

QUEUES = ("sync", "sync_now", "scheduler")
TICKS = ("find_due_schedules", "recover_stalled_syncs")

QUEUE_IS_AWAY = (pika.exceptions.AMQPError, OSError)


def send_syncs(url: str, sync_ids: Sequence[int], *, urgent: bool = False) -> None:
    """Put a message for each sync on the queue, as a worker or a command would."""
    actor, queue = ("sync_seller_now", "sync_now") if urgent else ("sync_seller", "sync")
    _publish(url, [(queue, actor, (sync_id,)) for sync_id in sync_ids])


def send_ticks(url: str) -> None:
    """Tick, as a second periodiq would that was started by mistake."""
    _publish(url, [("scheduler", actor, ()) for actor in TICKS])


def purge(url: str) -> int:
    """Lose every message that waits, the delayed ones too; return how many did."""
    lost = 0
    with _connection(url) as connection:
        for queue in QUEUES:
            for name in (queue, dq_name(queue)):
                try:
                    lost += connection.channel().queue_purge(name).method.message_count
                except pika.exceptions.ChannelClosedByBroker:
                    # Nobody has declared it yet, so that there is nothing to lose.
                    continue
    return lost


def _publish(url: str, messages: Sequence[tuple[str, str, tuple[int, ...]]]) -> None:
    with _connection(url) as connection:
        channel = connection.channel()
        for queue, actor, arguments in messages:
            message: dramatiq.Message[object] = dramatiq.Message(
                queue_name=queue, actor_name=actor, args=arguments, kwargs={}, options={}
            )
            channel.basic_publish("", queue, message.encode(), pika.BasicProperties(delivery_mode=2))


def _connection(url: str) -> pika.BlockingConnection:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 3
    parameters.connection_attempts = 1
    return pika.BlockingConnection(parameters)
