"""A server process of our own on free loopback ports, with its files in a temporary directory."""

from __future__ import annotations

import abc
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import ClassVar, Self

from tests.servers.janitor import Promise, end_process, janitor, remove_directory

START_LIMIT = 90.0
"""Seconds until a server that is starting must answer; RabbitMQ takes 4 to 8 on an idle machine with two cores."""
STOP_LIMIT = 30.0
"""Seconds that an orderly stop may take before it is a failure."""
STARTS = 3
"""Tries to start: between choosing a free port and listening on it another process can take it."""


class ServerMissing(Exception):
    """There is no such server for the tests; the text says what was looked for and what to do."""


class ServerFailed(Exception):
    """A private server did not start or did not stop; the text ends with its log."""


class PrivateServer(abc.ABC):
    """
    A server that a test can start, stop, kill and start again; what it stored stays until *close*.

    As a context manager it is started at the beginning and closed at the end. Ports and URL stay the same
    from the first start on.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._promises: list[Promise] = []
        self._process_promise: Promise | None = None
        self._ports: tuple[int, ...] = ()
        self._has_answered = False

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Where clients find it; known from the first start on."""

    @abc.abstractmethod
    def _prepare(self) -> None:
        """Write what the server needs in the directory, before each start."""

    @abc.abstractmethod
    def _command(self) -> list[str]:
        """Return the program and its arguments; it must become the server, not start it as a child."""

    @abc.abstractmethod
    def _answers(self) -> bool:
        """Whether a real client is served; must return within a few seconds."""

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def _account(self) -> tuple[int, int] | None:
        """User and group to run as, where it cannot be our own."""
        return None

    @property
    def directory(self) -> Path:
        """The server's files; made at first use."""
        if self._directory is None:
            # Not pytest's own directory: it is closed to the other account that some servers must run as.
            path = tempfile.mkdtemp(prefix=f"gconnect-{self.name.lower()}-")
            self._promises.append(janitor().promise(remove_directory, path=path))
            self._directory = Path(path)
            if account := self._account():
                os.chown(path, *account)
        return self._directory

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The end of what it wrote."""
        path = self.directory / "output.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def start(self) -> None:
        """Start it and return when it serves clients; nothing happens when it runs. Raises ServerFailed."""
        if self.running:
            return
        for _ in range(STARTS):
            self._forget_process()
            if not self._has_answered:
                self._ports = free_ports(4)
            self._prepare()
            self._process = self._spawn(self._command())
            self._process_promise = janitor().promise(
                end_process, pid=self._process.pid, signal_number=int(self.stop_signal)
            )
            if self._wait_until_it_answers():
                self._has_answered = True
                return
        raise ServerFailed(f"The private {self.name} ended while starting. Its log:\n{self.log}")

    def stop(self) -> None:
        """Stop it in good order and wait for its end; what it stored stays."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a crash would, with no chance to tidy up; what it stored stays."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it in good order and start it again on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove what it stored."""
        self.kill()
        for promise in reversed(self._promises):
            promise.keep()
        self._promises.clear()
        self._directory = None
        self._has_answered = False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        user, group = self._account() or (None, None)
        with (self.directory / "output.log").open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for the tests, which end the server in their own time.
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )

    def _wait_until_it_answers(self) -> bool:
        """Return whether it serves, or False when its process has ended."""
        process = self._require_process()
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
                return False
            if self._answers():
                return True
        self.kill()
        raise ServerFailed(f"The private {self.name} did not answer in {START_LIMIT:.0f} s. Its log:\n{self.log}")

    def _end(self, signal_number: signal.Signals) -> None:
        if self._process is None:
            return
        children = descendants(self._process.pid)
        self._process.send_signal(signal_number)
        try:
            self._process.wait(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ServerFailed(
                f"The private {self.name} did not stop in {STOP_LIMIT:.0f} s. Its log:\n{self.log}"
            ) from None
        finally:
            # Children that outlive it would hold its port and files against the next start.
            for pid in children:
                end_process(pid, signal.SIGKILL)
            self._forget_process()

    def _forget_process(self) -> None:
        if self._process_promise is not None:
            self._process_promise.withdraw()
        self._process = self._process_promise = None

    def _require_process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerFailed(f"The private {self.name} is not running.")
        return self._process


def descendants(pid: int) -> list[int]:
    """Return the processes below *pid*, nearest first; none where the system has no /proc."""
    found: list[int] = []
    for parent in (queue := [pid]):
        with contextlib.suppress(OSError):
            children = [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
            queue.extend(children)
            found.extend(children)
    return found


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def find_program(name: str, *patterns: str) -> Path | None:
    """Return the newest program of this name in the directories that *patterns* (absolute globs) give, else on PATH."""
    for pattern in patterns:
        found = [path for path in Path("/").glob(pattern.lstrip("/")) if (path / name).is_file()]
        if found:
            return max(found, key=_version) / name
    program = shutil.which(name)
    return Path(program) if program else None


def _version(path: Path) -> list[int]:
    digits = "".join(character if character.isdigit() else " " for character in str(path))
    return [int(number) for number in digits.split()]
