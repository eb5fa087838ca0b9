"""What the services count. They know no Prometheus: actors/metrics.py is the meter that the exporter shows."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Counts what happens; every label has few values."""

    def naver_request(self, endpoint: str, status: str) -> None:
        """Count a request to *endpoint* (token, products_search); *status*: an HTTP status, timeout, unreachable."""
        ...

    def rate_limit_wait(self, seconds: float) -> None:
        """Add the time that a sync waited for the rate limit."""
        ...

    def sync_attempt(self, result: str) -> None:
        """Count one ended attempt of a sync; *result* is an error code, or ok."""
        ...

    def sync_ended(self, outcome: str, trigger: str, code: str) -> None:
        """Count one ended sync; *code* is its error or reason, or none."""
        ...

    def products(self, change: str, count: int) -> None:
        """Count products that a sync added, changed, found unchanged, removed, restored or rejected."""
        ...


class NullMeter:
    """Counts nothing: for the command line and for tests that do not ask."""

    def naver_request(self, endpoint: str, status: str) -> None: ...
    def rate_limit_wait(self, seconds: float) -> None: ...
    def sync_attempt(self, result: str) -> None: ...
    def sync_ended(self, outcome: str, trigger: str, code: str) -> None: ...
    def products(self, change: str, count: int) -> None: ...
