"""The simulator's time: real time, or a test's own, with a shift; and Naver's way of writing it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

KST = timezone(timedelta(hours=9))
"""Naver writes every instant and reads every day in Korean time, which knows no clock changes."""


class SimulatorClock:
    """Unix time in seconds, moved by whatever *shift* added up to."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._offset = 0.0

    def now(self) -> float:
        return self._now() + self._offset

    def shift(self, by: timedelta) -> None:
        """Step forward, or back with a negative span: tokens age, quotas open, time stamps become wrong."""
        self._offset += by.total_seconds()


def written(instant: float) -> str:
    """Return *instant* (Unix seconds) as Naver writes it: 2026-04-01T16:31:02.064+09:00."""
    return datetime.fromtimestamp(instant, KST).isoformat(timespec="milliseconds")
