"""A tiny supervisor: starts the product's programs, and starts again what exits, as systemd or PM2 would."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.actors.fleet import ROOT
from tests.servers.janitor import Promise, end_process, janitor, lives
from tests.servers.private import descendants

LOOK_EVERY_S = 0.1
RESTART_AFTER_S = 1.0
"""systemd's RestartSec, a hundred milliseconds by default, would leave the two cores with nothing but starts."""
END_S = 60.0
"""How long a program may take to end after SIGTERM, on a busy machine."""
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Unit:
    """One supervised program."""

    name: str
    command: Sequence[str]
    sweeps: bool
    """Whether what a dead main process leaves behind is killed (systemd's KillMode=mixed) or left (PM2)."""
    process: subprocess.Popen[bytes] | None = None
    promise: Promise | None = None
    leaders: set[int] = field(default_factory=set)
    """Every main process that it ever had: what one of them left behind is in its session."""
    exits: Counter[int] = field(default_factory=Counter)
    died_at: float | None = None

    @property
    def main(self) -> int | None:
        """The main process, while it lives."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    @property
    def workers(self) -> list[int]:
        """The processes below the main one."""
        return [] if self.main is None else descendants(self.main)


class Supervisor:
    """Keeps units running until the block ends; every process that it ends is one that it started."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.units: dict[str, Unit] = {}
        self.restarts = 0
        self.stubborn: list[str] = []
        """Programs that did not end when they were asked to."""
        self._folder, self._environ = folder, dict(environ)
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def add(self, name: str, *command: str, sweeps: bool = True) -> None:
        """Start a program of the environment from the checkout, and keep it running."""
        unit = Unit(name, (str(Path(sys.executable).parent / command[0]), *command[1:]), sweeps)
        with self._lock:
            self.units[name] = unit
            self._start(unit)

    def pids(self) -> list[int]:
        """Return every process of every unit, the ones left behind too."""
        with self._lock:
            below = [pid for unit in self.units.values() for pid in unit.workers]
            mains = [unit.main for unit in self.units.values() if unit.main is not None]
            return [*mains, *below, *(pid for unit in self.units.values() for pid in self._left_behind(unit))]

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def stop(self) -> None:
        """Ask every program to end, as a supervisor does that is itself to end; kill what does not."""
        self._stopping.set()
        self._thread.join()
        for unit in self.units.values():
            if unit.process is not None and unit.process.poll() is None:
                unit.process.send_signal(signal.SIGTERM)
        for unit in self.units.values():
            if unit.process is None:
                continue
            try:
                unit.exits[unit.process.wait(END_S)] += 1
            except subprocess.TimeoutExpired:
                self.stubborn.append(unit.name)
                unit.process.kill()
                unit.process.wait()
            self._sweep(unit)
            if unit.promise is not None:
                unit.promise.withdraw()

    def __enter__(self) -> Self:
        # Workers whose master is killed become our children instead of init's, so that we know them for ours.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._stopping.is_set():
            self.stop()

    def _supervise(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            with self._lock:
                for unit in self.units.values():
                    self._look_after(unit)

    def _look_after(self, unit: Unit) -> None:
        for pid in self._left_behind(unit):
            # One that has ended stays a zombie until its parent, which we are now, has asked.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        code = None if unit.process is None else unit.process.poll()
        if code is None:
            return
        if unit.died_at is None:
            unit.died_at = time.monotonic()
            unit.exits[code] += 1
            if unit.sweeps:
                self._sweep(unit)
        elif time.monotonic() - unit.died_at >= RESTART_AFTER_S:
            self.restarts += 1
            self._start(unit)

    def _start(self, unit: Unit) -> None:
        if unit.promise is not None:
            unit.promise.withdraw()
        with self.log(unit.name).open("ab") as log:
            unit.process = subprocess.Popen(
                unit.command,
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        unit.leaders.add(unit.process.pid)
        unit.promise = janitor().promise(end_process, pid=unit.process.pid, signal_number=int(signal.SIGTERM))
        unit.died_at = None

    def _left_behind(self, unit: Unit) -> list[int]:
        """Return our adopted children that an earlier main process of the unit had started."""
        me = os.getpid()
        found = []
        for child in Path(f"/proc/{me}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(pid) for pid in child.read_text().split()]
        return [pid for pid in found if pid not in unit.leaders and session_of(pid) in unit.leaders]

    def _sweep(self, unit: Unit) -> None:
        for pid in self._left_behind(unit):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def session_of(pid: int) -> int | None:
    """Return the session of a process, which its first main process gave its number to; None where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Send a signal to a process of ours; return False where it had ended."""
    if not lives(pid):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False
