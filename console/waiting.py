"""Watches a sync until it ends: a bar on a terminal, a line for each step elsewhere. It reads rows and nothing else."""

from __future__ import annotations

from datetime import datetime

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from console.invocation import Invocation
from console.output import clean
from console.phrases import Phrases
from console.sending import somebody_works
from db import sync_logs
from db.sync_logs import LIVE, State, SyncLog
from services.explaining import pages_of
from services.runtime import Runtime

POLL_S = 0.5

NOBODY_AFTER_S = 60.0
"""A sync that nobody holds for so long, with no sign of life from anybody, is not waited for any longer."""


class NobodyWorks(Exception):
    """Nobody holds the sync, and nobody shows a sign of life."""


def follow(call: Invocation, rt: Runtime, sync_id: int, *, quiet: bool = False) -> SyncLog:
    """Wait for the end of a sync and return it; raise NobodyWorks, or LookupError where the sync is gone."""
    with _Progress(call, shown=not quiet) as progress:
        idle_since = rt.clock.monotonic()
        while True:
            sync = read_sync(rt, sync_id)
            progress.show(sync, call.phrases(rt.clock.now()))
            if sync.state not in LIVE:
                return sync
            if _is_held(sync, rt.clock.now()) or somebody_works(rt):
                idle_since = rt.clock.monotonic()
            elif rt.clock.monotonic() - idle_since >= NOBODY_AFTER_S:
                raise NobodyWorks
            rt.clock.sleep(POLL_S)


def read_sync(rt: Runtime, sync_id: int) -> SyncLog:
    """Return the sync as it stands now; raise LookupError where it is gone."""
    with rt.database.transaction() as session:
        sync = sync_logs.sync_with_id(session, sync_id)
    if sync is None:
        raise LookupError(f"sync {sync_id} is gone")
    return sync


def _is_held(sync: SyncLog, now: datetime) -> bool:
    """Return whether a worker holds the sync, or nobody need do anything with it yet."""
    until = sync.lease_until if sync.state == State.RUNNING else sync.next_attempt_at
    return until is not None and until >= now


class _Progress:
    """How far the sync is, on standard error; the same step is told once."""

    def __init__(self, call: Invocation, *, shown: bool) -> None:
        self._call = call
        self._shown = shown
        self._told: str | None = None
        self._bar: Progress | None = None
        if shown and call.output.err.is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=call.output.err, transient=True)
            self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> _Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, sync: SyncLog, phrases: Phrases) -> None:
        """Show how far the sync is."""
        step = self._step(sync, phrases)
        if not self._shown:
            return
        if self._bar is not None:
            total = None if sync.total_at_end is None else pages_of(sync)
            self._bar.update(self._task, description=clean(step).plain, total=total, completed=sync.next_page - 1)
        elif step != self._told:
            self._told = step
            self._call.output.note(step)

    def _step(self, sync: SyncLog, phrases: Phrases) -> str:
        word = self._call.texts.say(f"status.{sync.state.value}")
        if sync.state == State.WAITING:
            at = phrases.at(sync.next_attempt_at)
            code = sync.code or "unknown"
            why = self._call.texts.what(code, **(sync.params or {}))
            return self._call.say("progress_waiting", word=word, at=at, why=why)
        if sync.total_at_end is None:
            return word
        read = sync.added + sync.changed + sync.restored + sync.unchanged + sync.rejected
        figures = {"page": sync.next_page - 1, "pages": pages_of(sync), "read": read, "total": sync.total_at_end}
        return self._call.say("progress", word=word, counts=phrases.counts(sync), **figures)
