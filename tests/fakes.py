"""Stand-ins for the machine's clock and for the exporter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.clock import SystemClock


class FakeClock:
    """A clock that stands still until it is moved or slept on; *chance* is what random() always returns."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 3, 0, tzinfo=UTC), *, chance: float = 0.5) -> None:
        self._now = now
        self._monotonic = 1000.0
        self.chance = chance

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))

    def random(self) -> float:
        return self.chance

    def advance(self, span: timedelta) -> None:
        """Let time pass; a negative span is refused, as the stopwatch never runs backwards."""
        if span < timedelta(0):
            raise ValueError("time passes forwards only; use set_wall for a clock that is put back")
        self._now += span
        self._monotonic += span.total_seconds()

    def set_wall(self, now: datetime) -> None:
        """Put the clock on the wall forwards or back; the stopwatch does not notice."""
        self._now = now


class HastyClock(SystemClock):
    """The real clock, but nobody waits: for faults on real sockets, where the pauses are not the point."""

    def sleep(self, seconds: float) -> None:
        pass


class RecordingMeter:
    """Keeps what was counted."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """By endpoint and status."""
        self.waited = 0.0
        """Seconds for the rate limit."""
        self.attempts: Counter[str] = Counter()
        """By result."""
        self.ended: Counter[tuple[str, str, str]] = Counter()
        """By outcome, trigger and code."""
        self.changes: Counter[str] = Counter()
        """Products by change."""
        self.on_request: dict[tuple[str, int], Callable[[], object]] = {}
        """What happens right after the so-many-th answer of an endpoint."""

    def naver_request(self, endpoint: str, status: str) -> None:
        self.requests[endpoint, status] += 1
        count = sum(number for (name, _), number in self.requests.items() if name == endpoint)
        self.on_request.pop((endpoint, count), lambda: None)()

    def rate_limit_wait(self, seconds: float) -> None:
        self.waited += seconds

    def sync_attempt(self, result: str) -> None:
        self.attempts[result] += 1

    def sync_ended(self, outcome: str, trigger: str, code: str) -> None:
        self.ended[outcome, trigger, code] += 1

    def products(self, change: str, count: int) -> None:
        self.changes[change] += count
