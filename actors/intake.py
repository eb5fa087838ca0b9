"""Turns away messages that are not ours: strangers can put anything on a queue."""

from __future__ import annotations

from typing import Any

import dramatiq
import structlog
from dramatiq.middleware import Middleware, SkipMessage

log = structlog.get_logger(__name__)

SYNC_ACTORS = frozenset({"sync_seller", "sync_seller_now"})


class Intake(Middleware):
    """Lets a message pass whose arguments fit its actor; another is dropped, and the log says which."""

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        expected = "the id of a sync" if message.actor_name in SYNC_ACTORS else "nothing"
        if _fits(message):
            return
        # Nothing is lost with it: the rows know what is to be done.
        log.error(
            "message_refused",
            actor=message.actor_name,
            message_id=message.message_id,
            arguments=repr((message.args, message.kwargs))[:200],
            expected=expected,
        )
        raise SkipMessage


def sync_id_of(message: dramatiq.MessageProxy | dramatiq.Message[Any]) -> int | None:
    """Return which sync a message is about; None where it is about none, or is not ours."""
    if message.actor_name not in SYNC_ACTORS or len(message.args) != 1 or message.kwargs:
        return None
    (sync_id,) = message.args
    is_id = isinstance(sync_id, int) and not isinstance(sync_id, bool) and 0 < sync_id < 2**63
    return sync_id if is_id else None


def _fits(message: dramatiq.MessageProxy) -> bool:
    if message.actor_name in SYNC_ACTORS:
        return sync_id_of(message) is not None
    return not message.args and not message.kwargs
