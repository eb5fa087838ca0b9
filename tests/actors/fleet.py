"""The very commands that operators run, as processes, on a real broker and a real database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.world import KEY

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0
"""How long a condition may take on a busy machine; a pass does not wait for it."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail, saying what did not come, when it does not hold in time."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"did not come within {PATIENCE_S:.0f} s: {what}")
        time.sleep(0.05)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Fleet:
    """Processes that share settings; all of them end with the block."""

    folder: Path
    database_url: str
    rabbitmq_url: str
    naver_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    metrics_port: int = field(default_factory=free_port)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _files: ExitStack = field(default_factory=ExitStack)

    @property
    def environ(self) -> dict[str, str]:
        """Nothing but environment variables, as the issue of these commands demands."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **inherited,
            "DATABASE_URL": self.database_url,
            "RABBITMQ_URL": self.rabbitmq_url,
            "NAVER_API_URL": self.naver_url,
            "ENCRYPTION_KEY": KEY,
            "METRICS_PORT": str(self.metrics_port),
            "METRICS_DIR": str(self.folder / "metrics"),
            "RETRY_MIN_BACKOFF_SECONDS": "0.5",
            "RETRY_MAX_BACKOFF_SECONDS": "2",
            **self.settings,
        }

    @property
    def logs(self) -> Path:
        return self.folder / "fleet.log"

    def workers(self, processes: int = 2, threads: int = 4) -> subprocess.Popen[bytes]:
        return self.start("dramatiq", "actors", "-p", str(processes), "-t", str(threads))

    def ticker(self) -> subprocess.Popen[bytes]:
        return self.start("periodiq", "actors")

    def start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program of the environment from the checkout; its output goes to the fleet's log."""
        log = self._files.enter_context(self.logs.open("ab"))
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / program), *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self._processes.append(process)
        return process

    def log_text(self) -> str:
        return self.logs.read_text(encoding="utf-8", errors="replace")

    def metrics(self) -> dict[str, float]:
        """Scrape the exporter: each sample's name with its labels, and its value; nothing while nobody serves."""
        try:
            text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10).text
        except httpx.TransportError:
            return {}
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def worker_pids(self, master: subprocess.Popen[bytes]) -> list[int]:
        """Return every process that a master has started."""
        listing = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(master.pid)], capture_output=True, text=True, check=True
        )
        return sorted(int(pid) for pid in listing.stdout.split())

    def kill_workers(self, master: subprocess.Popen[bytes]) -> None:
        """Let kill -9 meet every process that a master has started, and no other."""
        for pid in self.worker_pids(master):
            os.kill(pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._files.close()
        if error is not None and self.logs.exists():
            sys.stderr.write(self.log_text()[-20_000:])
