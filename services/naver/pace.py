"""
When the next request may go, from the headers of the answers before. Pure; each seller has its own.

The gateway's headers are those of Spring Cloud Gateway's RedisRateLimiter, whose bucket counts in whole
seconds of its own clock: it is filled in steps and not in a stream. A full second after an answer was
received, at least one step has been taken, wherever in its second the gateway stood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

ASSUMED_RATE = 2
"""Requests a second where no header says it: measured by several own-store applications, not documented."""

ASSUMED_BURST = 4
"""Requests at once where no header says it: documented as twice the rate."""

STEP = 1.01
"""Seconds until the bucket is certain to have been refilled: one, and a hundredth for clocks that differ."""

LONGEST_WAIT = 10.0
"""Seconds; for a rate of 0, and against absurd headers. A request that is refused then says so itself."""

_COUNT = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pace:
    """
    What is certain of the bucket: at least *tokens* requests were free at *counted_at*.

    Before the first answer it is assumed full.
    """

    tokens: int = ASSUMED_BURST
    rate: int = ASSUMED_RATE
    burst: int = ASSUMED_BURST
    counted_at: float = 0.0
    """Seconds of the monotonic clock."""

    def after(self, headers: Mapping[str, str], received: float) -> Self:
        """
        Return the pace after an answer, or after a request that was not answered (no headers).

        *headers* have lower-case names; *received* is monotonic. Where the remaining tokens are missing or
        garbled, the request is counted off what was known.
        """
        rate = _count(headers, "gncp-gw-ratelimit-replenish-rate")
        burst = _count(headers, "gncp-gw-ratelimit-burst-capacity")
        remaining = _count(headers, "gncp-gw-ratelimit-remaining")
        if remaining is None:
            remaining = max(0, self._tokens_at(received) - 1)
        rate = self.rate if rate is None else rate
        # A capacity below 1 would let nothing pass, and this answer did.
        burst = max(1, self.burst if burst is None else burst)
        return replace(self, tokens=min(remaining, burst), rate=rate, burst=burst, counted_at=received)

    def wait(self, now: float) -> float:
        """Return the seconds from *now* (monotonic) until the next request may go; 0 when it may at once."""
        if self._tokens_at(now) >= 1:
            return 0.0
        step = STEP if self.rate else LONGEST_WAIT
        return min(max(0.0, self.counted_at + step - now), LONGEST_WAIT)

    def _tokens_at(self, now: float) -> int:
        steps = int(max(0.0, now - self.counted_at) / STEP)
        return min(self.burst, self.tokens + steps * self.rate)


def _count(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if _COUNT.fullmatch(value) else None
