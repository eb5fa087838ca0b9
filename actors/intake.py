"""Tells our messages from what strangers put on a queue; pure, and asked before Dramatiq looks at a message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import dramatiq
from dramatiq.common import current_millis, q_name
from dramatiq.errors import DecodeError

SYNC_ACTORS = frozenset({"sync_seller", "sync_seller_now"})

MAX_BYTES = 2**20
"""Ours have some hundred, and some thousand with the traceback of a retry."""

MESSAGE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What Dramatiq makes; it is logged, so it must be nothing else."""

MAX_DELAY = timedelta(minutes=30)
"""RabbitMQ takes back what a worker has held for longer, so none of ours waits until later than this."""


def find_flaw(body: bytes, queue: str, actors: Mapping[str, dramatiq.Actor[..., Any]]) -> str | None:
    """
    Return what is wrong with a message from *queue*, or None for one that Dramatiq and *actors* can work on.

    Dramatiq trusts a message: a value of another type than it expects ends a thread, or the consumption of
    the whole queue for as long as the message is on it.
    """
    if len(body) > MAX_BYTES:
        return "it is too long"
    try:
        message: dramatiq.Message[Any] = dramatiq.Message.decode(body)
    except DecodeError:
        return "it is no message"
    if message.queue_name != queue:
        return "it names another queue"
    actor = actors.get(message.actor_name) if isinstance(message.actor_name, str) else None
    if actor is None or actor.queue_name != q_name(queue):
        return "it names no actor of this queue"
    if not _arguments_fit(message):
        return "the arguments are not the actor's"
    if not (isinstance(message.message_id, str) and MESSAGE_ID.fullmatch(message.message_id)):
        return "its id is none"
    if not _is_count(message.message_timestamp):
        return "its time is none"
    if not _options_are_ours(message.options):
        return "it has options that are not ours"
    if not _waits_as_ours(message.options.get("eta"), delayed=queue != q_name(queue)):
        return "it waits where none of ours does, or for too long"
    return None


def sync_id_of(message: dramatiq.MessageProxy | dramatiq.Message[Any]) -> int | None:
    """Return which sync a message is about; None where it is about none, or is not ours."""
    if message.actor_name not in SYNC_ACTORS or len(message.args) != 1 or message.kwargs != {}:
        return None
    (sync_id,) = message.args
    return sync_id if _is_count(sync_id) and sync_id > 0 else None


def _arguments_fit(message: dramatiq.Message[Any]) -> bool:
    if message.actor_name in SYNC_ACTORS:
        return sync_id_of(message) is not None
    return not message.args and message.kwargs == {}


def _options_are_ours(options: object) -> bool:
    return isinstance(options, dict) and all(
        name in _OPTIONS and _OPTIONS[name](value) for name, value in options.items()
    )


def _waits_as_ours(eta_ms: int | None, *, delayed: bool) -> bool:
    # A worker holds a message that waits. On a queue for work, where it holds as many as it has threads,
    # a few of them would leave no room for others; with a far eta, for ever.
    if eta_ms is None:
        return not delayed
    return delayed and eta_ms <= current_millis() + MAX_DELAY // timedelta(milliseconds=1)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_OPTIONS: Mapping[str, Callable[[object], bool]] = {
    "eta": _is_count,
    "retries": _is_count,
    "requeue_timestamp": _is_count,
    "traceback": _is_text,
    "scheduled_at": _is_instant,
}
"""
What Dramatiq and periodiq set, and the check of each.

Any other would let the message say how it is worked on: its time limit, its retries, whom to call in the end.
"""
