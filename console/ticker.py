"""
The all-in-one's own ticker: sends the periodic actors of a broker, as periodiq does for a fleet.

It reads the same `periodic` option and needs no signals, so that it runs on a thread, and on Windows. A tick
is only a hint that something may be due: one too many, or one that is late, does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import structlog

log = structlog.get_logger(__name__)

MINUTE = timedelta(minutes=1)

MOST_MISSED = timedelta(hours=1)
"""Minutes that were slept through are looked at no further back: every periodic actor ticks within an hour."""


def local_now() -> datetime:
    """Return the instant in this machine's own zone, by which periodiq reads its specs too."""
    return datetime.now().astimezone()


def minutes_since(last: datetime, now: datetime) -> Iterator[datetime]:
    """Yield each minute that began after the one of *last*, up to that of *now*; at least none, at most an hour's."""
    minute = max(_minute_of(last) + MINUTE, _minute_of(now) - MOST_MISSED + MINUTE)
    while minute <= now:
        yield minute
        minute += MINUTE


def seconds_to_next_minute(now: datetime) -> float:
    """Return the seconds from *now* until the next minute begins; more than 0, at most 60."""
    return (_minute_of(now) + MINUTE - now).total_seconds()


def _minute_of(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


class Ticker:
    """Sends every actor with the option `periodic` once at the start, then at each minute that its spec names."""

    def __init__(self, broker: dramatiq.Broker, now: Callable[[], datetime] = local_now) -> None:
        self._actors: list[dramatiq.Actor[Any, Any]] = [
            actor for actor in broker.actors.values() if "periodic" in actor.options
        ]
        self._now = now
        self._last: datetime | None = None

    def tick(self) -> None:
        """Send what has fallen due since the last call; a minute that was slept through is made up for, once."""
        now, last = self._now(), self._last
        self._last = now
        if last is not None and now < last:
            # The clock was put back: its minutes count anew from here.
            last = now - MINUTE
        for actor in self._actors:
            if last is None or any(actor.options["periodic"].validate(each) for each in minutes_since(last, now)):
                # The option says how old the tick is: PeriodiqMiddleware drops one that nobody took in time.
                actor.send_with_options(scheduled_at=now.isoformat())

    def run(self, stopping: threading.Event) -> None:
        """Tick until *stopping* is set; what goes wrong with a tick is logged, and the next one comes."""
        while not stopping.is_set():
            try:
                self.tick()
            except Exception:
                log.exception("tick_failed")
            stopping.wait(seconds_to_next_minute(self._now()))
