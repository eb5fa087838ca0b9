"""Dramatiq's retries, joined to the rows: the predicate that it asks, and the time that it chose."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import dramatiq
import structlog
from dramatiq.middleware import Middleware
from sqlalchemy.exc import SQLAlchemyError

from actors import process
from actors.intake import sync_id_of
from services import recovery
from services.retrying import AttemptFailed, worth_retrying

log = structlog.get_logger(__name__)


def retry_when(retries: int, error: BaseException) -> bool:
    """
    Return whether Dramatiq shall bring a message back; it takes this over its own count of retries.

    The row's count of failed attempts stands above the message's: recovery may have sent a new message.
    An exception from here would lose the message without a word.
    """
    failed = failed_attempt(error)
    failures = retries if failed is None else failed.failures
    return worth_retrying(failures, error, process.prepare().retry_max)


def failed_attempt(error: BaseException | None) -> AttemptFailed | None:
    """Return the failed attempt at a sync that *error* is or was caused by; None where there is none."""
    while error is not None and not isinstance(error, AttemptFailed):
        error = error.__cause__
    return error


class RetryTimes(Middleware):
    """Writes the time of a retry, which Dramatiq chooses with jitter, to the row that waits for it."""

    def __init__(self) -> None:
        self._thread = threading.local()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        # Retries enqueues next, in this thread. A message that is only put back, the database being away, says
        # nothing about when the row's next attempt is due.
        self._thread.retries = failed_attempt(exception) is not None

    def after_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None) -> None:
        sync_id = sync_id_of(message)
        if delay is None or sync_id is None or not getattr(self._thread, "retries", False):
            return
        try:
            at = recovery.note_retry(process.runtime(), sync_id, timedelta(milliseconds=delay))
        except SQLAlchemyError as error:
            # The row has the latest time that it can be.
            log.warning("retry_not_noted", sync_id=sync_id, kind=type(error).__name__)
            return
        log.info("sync_will_be_retried", sync_id=sync_id, at=at.isoformat())
