"""The command line in this process, on a database and a simulator of the test's own, in either language."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from console.cli import main
from services import recovery, syncing
from services.clock import SystemClock
from services.settings import SETTING_NAMES, variable_of
from tests.simulator import Simulator
from tests.world import KEY, World

ON_SQLITE = pytest.mark.parametrize("database_backend", ["sqlite"])
"""For tests that one kind of database is enough for: nothing that they ask of it differs."""


@dataclass(frozen=True)
class Said:
    """What one call of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


class Terminal:
    """Calls `gconnect` with the environment of the test; English unless told otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, stdin: str = "") -> Said:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        self._capsys.readouterr()
        code = main(list(arguments))
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    def set(self, **environ: str) -> None:
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)

    def forget(self, *names: str) -> None:
        for name in names:
            self._monkeypatch.delenv(name, raising=False)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in an empty folder, with no setting said but the language."""
    monkeypatch.chdir(tmp_path)
    for name in [variable_of(each) for each in SETTING_NAMES] + ["COLUMNS", "LC_ALL", "LC_MESSAGES", "LANG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GCONNECT_LANG", "en")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Terminal(monkeypatch, capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def naver() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def world(migrated_database_url: str, naver: Simulator) -> Iterator[World]:
    """The services on the database that the command line sees, by the real clock."""
    world = World.at(migrated_database_url, naver, SystemClock())
    yield world
    world.rt.close()


@pytest.fixture
def gconnect(terminal: Terminal, migrated_database_url: str, naver: Simulator) -> Terminal:
    """A terminal with all settings that a shop needs, and the queue within some other process."""
    terminal.set(
        DATABASE_URL=migrated_database_url, ENCRYPTION_KEY=KEY, NAVER_API_URL=naver.url, GCONNECT_QUEUE="in-process"
    )
    return terminal


@pytest.fixture
def at_work(world: World) -> Callable[[], Any]:
    """Let somebody take syncs as the all-in-one does, for the length of a block."""

    @contextmanager
    def work() -> Iterator[None]:
        ended = threading.Event()
        recovery.recover(world.rt)

        def run() -> None:
            while not ended.wait(0.02):
                for call in recovery.unsent_calls(world.rt):
                    syncing.run_sync(world.rt, call.sync_id)

        worker = threading.Thread(target=run)
        worker.start()
        try:
            yield
        finally:
            ended.set()
            worker.join()

    return work
