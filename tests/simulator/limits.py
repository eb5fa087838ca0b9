"""
How much an application may call: the token bucket of each API, and a quota over all of them.

The bucket is the one of Spring Cloud Gateway's RedisRateLimiter, whose headers Naver's gateway shows: it
counts in WHOLE seconds of the server's clock, so that the refill comes in steps and not as a stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

REPLENISH_RATE = 2
"""Requests a second; measured on several own-store applications."""

BURST_CAPACITY = 4
"""Documented as twice the replenish rate."""

QUOTA_WINDOW_SECONDS = {"SECONDS": 1, "HOURS": 3600, "ROUND": 3600}
"""INFERRED for SECONDS and ROUND: the documentation names the periods and not their length."""


@dataclass(frozen=True)
class Verdict:
    """Whether a request may pass; else *code* is the gateway's. The headers belong on either answer."""

    code: str | None
    headers: dict[str, str]


@dataclass
class _Bucket:
    tokens: int
    refreshed: int = 0


@dataclass
class _Quota:
    limit: int
    period: str
    window: int = 0
    used: int = 0


@dataclass
class Limits:
    """The limits of one application; all may be changed while it is being called."""

    replenish: int = REPLENISH_RATE
    burst: int = BURST_CAPACITY
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _quota: _Quota | None = None
    _lock: Lock = field(default_factory=Lock)

    def set_rate(self, replenish: int, burst: int | None = None) -> None:
        """Allow *replenish* requests a second and API, *burst* (twice as many by default) at once."""
        with self._lock:
            self.replenish, self.burst = replenish, 2 * replenish if burst is None else burst
            self._buckets.clear()

    def set_quota(self, limit: int, period: str) -> None:
        """Allow *limit* calls a *period* (SECONDS, HOURS, ROUND) over all APIs; 1 and HOURS is the penalty."""
        if period not in QUOTA_WINDOW_SECONDS:
            raise ValueError(f"quota period {period!r} is none of {', '.join(QUOTA_WINDOW_SECONDS)}")
        with self._lock:
            self._quota = _Quota(limit, period)

    def lift_quota(self) -> None:
        with self._lock:
            self._quota = None

    def take(self, api: str, now: float) -> Verdict:
        """Count a call of *api* at *now* (Unix seconds). A refused call costs nothing."""
        with self._lock:
            bucket = self._refilled(api, int(now))
            if bucket.tokens < 1:
                return Verdict("GW.RATE_LIMIT", self._rate_headers(bucket))
            bucket.tokens -= 1
            headers = self._rate_headers(bucket)
            if self._quota is None:
                return Verdict(None, headers)
            allowed = self._within_quota(self._quota, int(now))
            headers |= quota_headers(self._quota.limit, self._quota.period, self._quota.limit - self._quota.used)
            return Verdict(None if allowed else "GW.QUOTA_LIMIT", headers)

    def _refilled(self, api: str, second: int) -> _Bucket:
        bucket = self._buckets.setdefault(api, _Bucket(self.burst))
        gained = max(0, second - bucket.refreshed) * self.replenish
        bucket.tokens = min(self.burst, bucket.tokens + gained)
        bucket.refreshed = second
        return bucket

    @staticmethod
    def _within_quota(quota: _Quota, second: int) -> bool:
        window = second // QUOTA_WINDOW_SECONDS[quota.period]
        if window != quota.window:
            quota.window, quota.used = window, 0
        if quota.used >= quota.limit:
            return False
        quota.used += 1
        return True

    def _rate_headers(self, bucket: _Bucket) -> dict[str, str]:
        return {
            "gncp-gw-ratelimit-replenish-rate": str(self.replenish),
            "gncp-gw-ratelimit-burst-capacity": str(self.burst),
            "gncp-gw-ratelimit-remaining": str(bucket.tokens),
        }


def quota_headers(limit: int, period: str, remaining: int) -> dict[str, str]:
    return {
        "gncp-gw-quota-limit": str(limit),
        "gncp-gw-quota-period": period,
        "gncp-gw-quota-remaining": str(remaining),
    }
