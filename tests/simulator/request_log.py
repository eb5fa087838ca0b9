"""Which requests came and how each was answered, for tests to assert on."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

KEPT = 200_000
"""The newest so many: an hour of chaos at fifty requests a second."""


@dataclass(frozen=True)
class RequestRecord:
    """One request to the simulated platform, written down before its answer is sent."""

    number: int
    seller: str | None
    """Null where no seller has the client_id or the token."""
    endpoint: str
    """token, search, or the path of anything else."""
    page: int | None
    size: int | None
    status: int | None
    """Null where the connection was reset in place of an answer."""
    faults: tuple[str, ...]
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat()}


class RequestLog:
    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=KEPT)
        self._last = 0
        self._lock = Lock()

    def note(
        self,
        seller: str | None,
        endpoint: str,
        now: float,
        *,
        page: int | None = None,
        size: int | None = None,
        status: int | None,
        faults: tuple[str, ...] = (),
    ) -> None:
        with self._lock:
            self._last += 1
            at = datetime.fromtimestamp(now, UTC)
            self._records.append(RequestRecord(self._last, seller, endpoint, page, size, status, faults, at))

    def records(self, seller: str | None = None, after: int = 0) -> list[RequestRecord]:
        """Return the requests of *seller* (null: of all) whose number is above *after*, oldest first."""
        with self._lock:
            kept = list(self._records)
        return [r for r in kept if r.number > after and (seller is None or r.seller == seller)]

    def clear(self) -> None:
        with self._lock:
            self._records.clear()
