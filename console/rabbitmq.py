"""A look at RabbitMQ that changes nothing there: whether it answers, and who listens on our queues."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pika
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from services.settings import Settings

PATIENCE_S = 3.0
"""A person waits: one try, with time-outs far below those of a worker."""

NOT_FOUND = 404


@dataclass(frozen=True)
class QueueState:
    """One queue as it stands."""

    messages: int
    """Ready to be delivered."""
    consumers: int


@dataclass(frozen=True)
class Look:
    """What was seen: *trouble* is unreachable, refused or no_vhost, or None; a queue that is not there is None."""

    trouble: str | None
    queues: dict[str, QueueState | None]


def look(settings: Settings, queues: Iterable[str]) -> Look:
    """Connect once and ask for each queue, passively: none is created."""
    parameters = pika.URLParameters(settings.broker_url)
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = PATIENCE_S
    try:
        connection = pika.BlockingConnection(parameters)
    except ProbableAuthenticationError:
        return Look("refused", {})
    except ProbableAccessDeniedError:
        return Look("no_vhost", {})
    except (AMQPError, OSError):
        return Look("unreachable", {})
    try:
        return Look(None, {name: _state(connection, name) for name in queues})
    except (AMQPError, OSError):
        return Look("unreachable", {})
    finally:
        if connection.is_open:
            connection.close()


def _state(connection: pika.BlockingConnection, name: str) -> QueueState | None:
    # The server closes the channel of a question about a queue that is not there.
    channel = connection.channel()
    try:
        answer = channel.queue_declare(name, passive=True).method
    except ChannelClosedByBroker as error:
        if error.reply_code == NOT_FOUND:
            return None
        raise
    channel.close()
    return QueueState(answer.message_count, answer.consumer_count)
