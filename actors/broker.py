"""The broker of this process: its queues, and its middleware in order with one reason a line."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Middleware, Retries, TimeLimit
from periodiq import PeriodiqMiddleware

from actors.exporter import Exporter
from actors.lifecycle import Lifecycle, PrefetchAsManyAsThreads
from actors.rabbitmq import StrictRabbitmqBroker
from actors.retries import RetryTimes
from actors.watchdog import Watchdog
from services.settings import Settings

TICK_MAX_AGE_S = 55
"""An older tick is dropped: the next one does its work."""

TIME_LIMIT_MS = 15 * 60_000
"""Far above a turn of a sync: every call has its own time-out, so this only ends what should not exist."""


class Queue(StrEnum):
    """Queues by class of work, so that none waits behind another. New arguments need a new name."""

    SCHEDULER = "scheduler"
    SYNC = "sync"
    SYNC_NOW = "sync_now"


class InProcessBroker(StubBroker):
    """A queue within this process, for the all-in-one; only a program that also runs the workers may use it."""

    hosted = False

    def __init__(self, middleware: list[Middleware]) -> None:
        super().__init__(middleware)
        # Dramatiq keeps every dead letter for ever; the last few tell enough.
        self.dead_letters_by_queue.default_factory = lambda: deque(maxlen=20)  # type: ignore[assignment, return-value]

    def enqueue(self, message: dramatiq.Message[object], *, delay: int | None = None) -> dramatiq.Message[object]:
        self.require_host()
        return super().enqueue(message, delay=delay)

    def require_host(self) -> None:
        """End the program, with a sentence, where nobody in it would ever work on a message."""
        if not self.hosted:
            raise SystemExit(
                "The in-process queue works only inside `gconnect up`. For `dramatiq actors` and `periodiq actors`"
                " set DATABASE_URL to PostgreSQL and RABBITMQ_URL, or GCONNECT_QUEUE=rabbitmq."
            )


def make_broker(settings: Settings) -> dramatiq.Broker:
    """Return the broker that *settings* ask for; nothing is connected yet."""
    middleware: list[Middleware] = [
        Lifecycle(),  # builds the runtime at boot and closes it at the end: the others need it
        PrefetchAsManyAsThreads(),  # no message waits behind a busy thread while another worker idles
        AgeLimit(),  # lets a tick that nobody could take in time go
        TimeLimit(time_limit=TIME_LIMIT_MS),  # the last resort against a call that never returns
        PeriodiqMiddleware(skip_delay=TICK_MAX_AGE_S),  # knows the option `periodic`, skips stale ticks
        Watchdog(),  # a process with a dead thread would hold messages and do nothing
        Exporter(),  # serves the counters of all workers on one port
        Retries(
            min_backoff=_ms(settings.retry_min_backoff.total_seconds()),
            max_backoff=_ms(settings.retry_max_backoff.total_seconds()),
        ),  # brings back what failed, minutes later
        RetryTimes(),  # writes down when that will be; behind Retries, so that it sees the failure first
    ]
    if settings.queue == "in-process":
        broker: dramatiq.Broker = InProcessBroker(middleware)
    else:
        broker = StrictRabbitmqBroker(
            url=settings.broker_url,
            middleware=middleware,
            # Without it a publish on a dead connection "succeeds" and the message is gone.
            confirm_delivery=True,
        )
    return broker


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
