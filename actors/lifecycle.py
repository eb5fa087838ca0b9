"""What happens once in the life of a worker process: its runtime, its signs of life, its end."""

from __future__ import annotations

import logging
import sys
from typing import Any

import dramatiq
import structlog
from dramatiq.middleware import Middleware

from actors import process
from db.migration import DatabaseUnreachable, SchemaMismatch
from services.retrying import AttemptFailed
from services.settings import SettingsError

log = structlog.get_logger(__name__)


class Lifecycle(Middleware):
    """Makes the runtime when the workers boot, says so, and lets syncs end at a page when they are to stop."""

    def __init__(self) -> None:
        self._tick_was_announced = False

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        require_host = getattr(broker, "require_host", None)
        if require_host is not None:
            require_host()
        logging.getLogger("dramatiq.worker.WorkerThread").addFilter(is_news)
        try:
            # A connection a thread, and some for the exporter and the ticks.
            process.runtime(pool_size=worker.worker_threads + 4)
        except (SettingsError, SchemaMismatch, DatabaseUnreachable) as error:
            print(error, file=sys.__stderr__)
            # Any other exception from a hook would be logged and forgotten.
            raise SystemExit(2) from None
        log.info("workers_started", threads=worker.worker_threads, **_said_at_start())

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        process.runtime().stopping.set()
        log.info("workers_stopping")

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        process.close()

    def before_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None) -> None:
        # periodiq has no hook for its start, but sends a tick at once.
        if "scheduled_at" in message.options and not self._tick_was_announced:
            self._tick_was_announced = True
            log.info("ticker_started", **_said_at_start())


class PrefetchAsManyAsThreads(Middleware):
    """Takes as many messages from a queue as there are threads; Dramatiq's default is twice as many."""

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        worker.queue_prefetch = worker.worker_threads


def is_news(record: logging.LogRecord) -> bool:
    """Return False for Dramatiq's traceback of a failure that the sync's own log line has told already."""
    return not (record.exc_info and isinstance(record.exc_info[1], AttemptFailed))


def _said_at_start() -> dict[str, Any]:
    settings = process.prepare()
    return {
        "scheduler_enabled": settings.scheduler_enabled,
        "check_interval_ms": int(settings.check_interval.total_seconds() * 1000),
        "max_concurrent": settings.max_concurrent,
        "queue": settings.queue,
    }
