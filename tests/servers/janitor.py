"""
Clean up behind a test process even when it is killed.

The janitor is a child in its own session that reads promises from a pipe. When the pipe ends, because the test
process closed it, crashed, was killed or ran into its time limit, it keeps what has not been kept yet, last first.
This file imports nothing but the standard library, so that it starts in a blink.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO, Any

ROOT = Path(__file__).parents[2]
END_LIMIT = 10.0
"""Seconds that a process gets to end after a signal."""


@dataclass(frozen=True)
class Promise:
    """One thing that is cleaned up for certain: by *keep*, or by the janitor when we are gone."""

    number: int
    janitor: Janitor
    function: Callable[..., None]
    arguments: dict[str, Any]

    def keep(self) -> None:
        """Clean up now."""
        self.function(**self.arguments)
        self.withdraw()

    def withdraw(self) -> None:
        """Tell the janitor that it was cleaned up another way."""
        self.janitor.tell({"number": self.number})


class Janitor:
    """The test process's end of the pipe; the other process starts with the first promise."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None

    def promise(self, function: Callable[..., None], **arguments: Any) -> Promise:
        """Promise that *function*, one of a module's own, is called with *arguments* (JSON) in the end."""
        number = next(self._numbers)
        name = f"{function.__module__}:{function.__name__}"
        self.tell({"number": number, "function": name, "arguments": arguments})
        return Promise(number, self, function, arguments)

    def tell(self, message: dict[str, Any]) -> None:
        """Write one line to the janitor."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.janitor"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                cwd=ROOT,
                start_new_session=True,
            )
            atexit.register(self.close)
        _pipe(self._process).write(json.dumps(message) + "\n")
        _pipe(self._process).flush()

    def close(self) -> None:
        """End the janitor after it has kept what is left, and wait for it."""
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                _pipe(self._process).close()
            self._process.wait()
            self._process = None
            atexit.unregister(self.close)


@functools.cache
def janitor() -> Janitor:
    """Return this process's janitor."""
    return Janitor()


def end_process(pid: int, signal_number: int) -> None:
    """End process *pid* with a signal, and with SIGKILL when that does not help."""
    for number in (signal_number, signal.SIGKILL):
        deadline = time.monotonic() + END_LIMIT
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        while lives(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return


def lives(pid: int) -> bool:
    """Whether process *pid* runs; one that has ended and that nobody has asked about does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True


def remove_directory(path: str) -> None:
    """Remove a directory with all that is in it, present or not."""
    shutil.rmtree(path, ignore_errors=True)


def remove_file(path: str) -> None:
    """Remove a file, present or not."""
    Path(path).unlink(missing_ok=True)


def _pipe(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdin is None:
        raise AssertionError("the janitor is started with a pipe")
    return process.stdin


class _Duty:
    """A promise as the janitor's process holds it."""

    def __init__(self, function: str, arguments: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        # The number of a process can be given to another one; this handle cannot.
        self.handle = -1
        if "pid" in arguments and hasattr(os, "pidfd_open"):
            with contextlib.suppress(ProcessLookupError):
                self.handle = os.pidfd_open(arguments["pid"])

    def carry_out(self) -> None:
        if self.handle >= 0 and select.select([self.handle], [], [], 0)[0]:
            return
        module, _, name = self.function.partition(":")
        getattr(importlib.import_module(module), name)(**self.arguments)


def main() -> None:
    """Note promises until the pipe ends, then keep those that are open."""
    duties: dict[int, _Duty] = {}
    for line in sys.stdin:
        # A process that is killed while it writes leaves half a line.
        with contextlib.suppress(json.JSONDecodeError):
            message = json.loads(line)
            if "function" in message:
                duties[message["number"]] = _Duty(message["function"], message["arguments"])
            else:
                duties.pop(message["number"], None)
    for duty in reversed(duties.values()):
        try:
            duty.carry_out()
        except Exception as error:  # the other promises must be kept all the same
            sys.stderr.write(f"Left behind by the tests: {duty.function} ended with {type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main()
