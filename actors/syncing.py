"""The actors that carry out syncs, and how a sync gets its message."""

from __future__ import annotations

from collections.abc import Sequence

import dramatiq
import structlog
from dramatiq.errors import BrokerConnectionError
from pika.exceptions import AMQPError
from sqlalchemy.exc import SQLAlchemyError

from actors import process
from actors.broker import Queue
from actors.retries import retry_when
from services import recovery, syncing
from services.schedules import Call

log = structlog.get_logger(__name__)

PUT_BACK_MS = 15_000
"""How long a message waits when the database was away for longer than a transaction outlasts."""

QUEUE_IS_AWAY = (AMQPError, BrokerConnectionError, OSError)


@dramatiq.actor(queue_name=Queue.SYNC, retry_when=retry_when)
def sync_seller(sync_id: int) -> None:
    """Carry out one sync, or the next turn of it."""
    carry_out(sync_id)


@dramatiq.actor(queue_name=Queue.SYNC_NOW, retry_when=retry_when, priority=-10)
def sync_seller_now(sync_id: int) -> None:
    """Carry out one sync that a person waits for: its queue is never behind the scheduled ones."""
    carry_out(sync_id)


def carry_out(sync_id: int) -> None:
    """Run a sync, send what is to be done next, and let the queue know of a failure."""
    try:
        ran = syncing.run_sync(process.runtime(), sync_id)
    except SQLAlchemyError as error:
        log.warning("sync_put_back", sync_id=sync_id, kind=type(error).__name__, seconds=PUT_BACK_MS // 1000)
        # The row could not be written, so the message is all that knows; the back-off of a failed sync is
        # not meant for this.
        raise dramatiq.Retry("the database is away", delay=PUT_BACK_MS) from error
    send(ran.calls)
    if ran.failure is None:
        return
    if retry_when(0, ran.failure):
        # Dramatiq's word for "not now"; it is not logged as an error a second time.
        raise dramatiq.Retry(str(ran.failure)) from ran.failure
    raise ran.failure


def send(calls: Sequence[Call]) -> int:
    """
    Put a message for each call on the queue; return how many were sent.

    With the queue away, the rows stay unsent and recovery sends them later.
    """
    if not calls:
        return 0
    rt, sent = process.runtime(), 0
    # Noted before it is done: a worker is quick, and may have put the sync off by the time we note it.
    recovery.note_sent(rt, [call.sync_id for call in calls])
    try:
        for call in calls:
            (sync_seller_now if call.urgent else sync_seller).send(call.sync_id)
            sent += 1
    except QUEUE_IS_AWAY as error:
        log.error("queue_away", kind=type(error).__name__, unsent=len(calls) - sent)  # noqa: TRY400
        recovery.note_unsent(rt, [call.sync_id for call in calls[sent:]])
    return sent
