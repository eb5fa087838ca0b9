"""
Work that is stopped and killed at every step that it takes: one job at a time, each on a thread of its own.

A step ends where another process could come in between: after an answer of Naver's, before a commit, after it.
Only the job that was told to go on runs, so that the order of things is the caller's and the same every time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.fakes import RecordingMeter


class Killed(BaseException):
    """Stands for kill -9: no code of ours answers it."""


class _OfThread(threading.local):
    job: Job | None = None


_of_thread = _OfThread()


class Job:
    """One piece of work, parked before its first step."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._go, self._parked = threading.Semaphore(0), threading.Semaphore(0)
        self._steps: int | None = None
        self._dies = False
        self._error: BaseException | None = None
        self.is_over = False
        self.was_killed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self, steps: int | None = None, *, die: bool = False) -> None:
        """Run so many steps (None: to the end) and park; with *die*, be killed there instead, 0 being at once."""
        self._steps, self._dies = steps, die
        self._go.release()
        self._parked.acquire()
        if self.is_over:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def reach(self, *, may_park: bool) -> None:
        """End a step. Where a transaction is open nobody parks: others would wait for its locks."""
        if self._steps is None:
            return
        self._steps -= 1
        if self._dies and self._steps <= 0:
            raise Killed
        if self._steps <= 0 and may_park:
            self._parked.release()
            self._wait()

    def _wait(self) -> None:
        self._go.acquire()
        if self._dies and self._steps == 0:
            raise Killed

    def _run(self) -> None:
        _of_thread.job = self
        try:
            self._wait()
            self._work()
        except Killed:
            self.was_killed = True
        except BaseException as error:
            self._error = error
        finally:
            self.is_over = True
            self._parked.release()


class SteppingMeter(RecordingMeter):
    """Ends a step at every answer of Naver's."""

    def naver_request(self, endpoint: str, status: str) -> None:
        super().naver_request(endpoint, status)
        _reach(may_park=True)


def _reach(*, may_park: bool) -> None:
    if _of_thread.job is not None:
        _of_thread.job.reach(may_park=may_park)


@contextmanager
def steps_at_commits() -> Iterator[None]:
    """Let every commit end a step right before it and right after it."""

    def before(_session: Session) -> None:
        _reach(may_park=False)

    def after(_session: Session) -> None:
        _reach(may_park=True)

    hooks: list[tuple[str, Any]] = [("before_commit", before), ("after_commit", after)]
    for name, hook in hooks:
        event.listen(Session, name, hook)
    try:
        yield
    finally:
        for name, hook in hooks:
            event.remove(Session, name, hook)
