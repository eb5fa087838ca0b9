"""`gconnect` as people start it: a process of its own, in a folder of its own, with nothing but its environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.actors.fleet import ROOT, wait_until

END_S = 60
"""How long a program may take to end on a busy machine."""


@dataclass
class Program:
    """One run of `gconnect`; it is killed at the end of the block where it has not ended by then."""

    arguments: tuple[str, ...]
    folder: Path
    environ: dict[str, str]
    _process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "console.cli", *self.arguments],
                cwd=self.folder,
                env={**inherited, "GCONNECT_LANG": "en", "PYTHONPATH": str(ROOT), **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if error is not None:
            sys.stderr.write(self.said[-5_000:] + self.errors[-15_000:])

    @property
    def _out(self) -> Path:
        return self.folder / "stdout.txt"

    @property
    def _err(self) -> Path:
        return self.folder / "stderr.txt"

    @property
    def said(self) -> str:
        """What it has written to standard output so far."""
        return self._out.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What it has written to standard error so far: its log, mostly."""
        return self._err.read_text(encoding="utf-8")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_to_say(self, text: str) -> None:
        """Wait until it has written *text*; fail where it has ended without."""
        wait_until(lambda: text in self.said or not self.is_running, f"{text!r} on standard output")
        assert text in self.said

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> int:
        """Ask it to end as a supervisor does; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for its end."""
        return self._process.wait(END_S)
