"""`gconnect demo`: five sellers of a simulated Naver, in a folder of its own, whatever the user's settings are."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from dotenv import dotenv_values
from rich.console import Console

from console.demo_naver import SHOPS, SimulatedNaver, SimulatorMissing
from console.demo_view import Bars, Lines, Standing, print_table, view_for
from db.sync_logs import State, SyncLog, Trigger
from services.texts import Texts
from tests.console.programs import Program

HOSTILE = {
    "DATABASE_URL": "sqlite:///users_own.db",
    "SCHEDULER_ENABLED": "false",
    "SCHEDULER_MAX_CONCURRENT": "1",
    "NAVER_API_URL": "http://127.0.0.1:9",
    "RETRY_MAX": "0",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
}
"""What a user's shell may say; in the demo nothing of it counts."""


def rows_of(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "var/demo/gconnect.db")) as database:
        return database.execute(query).fetchall()


def sync_of(state: State = State.RUNNING, **columns: object) -> SyncLog:
    counts = dict.fromkeys(("added", "changed", "unchanged", "restored", "removed", "rejected", "turns"), 0)
    values = {"id": 1, "seller_id": 1, "trigger": Trigger.SCHEDULE, "attempt": 1, "created_at": datetime.now(UTC)}
    return SyncLog(**values, **{**counts, "state": state, **columns})


@pytest.fixture
def screen() -> Console:
    """A terminal of the usual width that is none: what is written to it can be read."""
    return Console(file=io.StringIO(), width=80)


def text_on(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_one_round_ends_with_its_figures_and_touches_nothing_of_the_users(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SCHEDULER_CHECK_INTERVAL=nonsense\n", encoding="utf-8")
    with Program(("demo", "--once"), tmp_path, HOSTILE) as demo:
        assert demo.exit_code() == 0
    lines = demo.said.splitlines()
    figures = json.loads(lines[-1])
    assert figures.pop("seconds") > 0
    assert figures == {"syncs": 5, "succeeded": 3, "partial": 0, "failed": 2, "waiting": 0, "products": 6350}
    assert not (tmp_path / "users_own.db").exists()
    assert demo.errors == ""
    # As it happened, not only at the end: how often one looks depends on the machine.
    assert any("서울종합몰: running" in line for line in lines)
    outcomes = rows_of(
        tmp_path,
        "SELECT s.name, l.state, l.code, l.attempt FROM sync_logs l JOIN sellers s ON s.id = l.seller_id ORDER BY s.id",
    )
    assert outcomes == [
        ("한빛상회", "succeeded", None, 1),
        ("서울종합몰", "succeeded", None, 1),
        ("달빛문구", "failed", "credentials_refused", 1),
        ("새벽과일", "failed", "credentials_missing", 1),
        ("바다건어물", "succeeded", None, 1),
    ]
    told = rows_of(tmp_path, "SELECT code FROM notifications WHERE resolved_at IS NULL ORDER BY code")
    assert told == [("credentials_missing",), ("credentials_refused",)]
    assert "it was tried again in place" in demo.said


def test_it_goes_on_until_ctrl_c_alone_in_its_folder_and_takes_its_simulator_with_it(tmp_path: Path) -> None:
    with Program(("demo",), tmp_path, {}) as demo:
        demo.wait_to_say("The next syncs start at")
        with Program(("demo",), tmp_path, {}) as second:
            assert second.exit_code() == 1
            assert "Another demo" in second.errors
        settings = dotenv_values(tmp_path / "var/demo/.env")
        simulator = f"{settings['NAVER_API_URL']}/_simulator/sellers"
        assert httpx.get(simulator, trust_env=False).status_code == 200
        assert demo.is_running
        demo.interrupt()
        assert demo.exit_code() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(simulator, trust_env=False)


def test_a_demo_that_is_broken_off_leaves_no_figures(tmp_path: Path) -> None:
    with Program(("demo", "--once"), tmp_path, {}) as demo:
        demo.wait_to_say("The demo of GConnect")
        demo.interrupt()
        assert demo.exit_code() == 130
    assert '"syncs"' not in demo.said


def test_without_the_simulator_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SimulatorMissing, match="tests/simulator"):
        SimulatedNaver(tmp_path, root=tmp_path)


def test_a_simulator_that_dies_is_noticed_and_not_waited_for(tmp_path: Path) -> None:
    with SimulatedNaver(tmp_path) as naver:
        assert naver.key_for(SHOPS[0]) is not None
        naver.end()
        with pytest.raises(SimulatorMissing):
            naver.change_some(SHOPS[0].name, 1)


def test_lines_are_written_only_when_something_has_moved(screen: Console) -> None:
    view = view_for(screen, Texts("en"))
    assert isinstance(view, Lines)
    running = Standing("가게", sync_of(total_at_start=900, added=500), 500)
    with view:
        view.show([Standing("가게", None, 0)])
        view.show([running])
        view.show([running])
        view.show([Standing("가게", sync_of(State.SUCCEEDED, total_at_start=900, added=900), 900)])
    lines = [line.split(" ", 1)[1] for line in text_on(screen).splitlines()]
    assert lines == ["가게: running 500/900", "가게: succeeded 900/900"]


def test_on_a_terminal_each_seller_has_a_bar() -> None:
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    view = view_for(terminal, Texts("en"))
    assert isinstance(view, Bars)
    with view:
        view.show([Standing("가게", sync_of(total_at_start=900, added=500), 500), Standing("[없음]", None, 0)])
    shown = text_on(terminal)
    assert "500/900 running" in shown
    assert "[없음]" in shown


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_tells_the_reason_and_what_to_do_on_any_width(width: int) -> None:
    screen = Console(file=io.StringIO(), width=width)
    failed = sync_of(State.FAILED, code="credentials_missing", params={"seller": "가게"}, failures=1)
    print_table(
        screen, [Standing("가게", failed, 0), Standing("[다른] 곳", sync_of(State.SUCCEEDED), 7)], Texts("en"), {}
    )
    flat = " ".join(text_on(screen).replace("│", " ").split())
    assert "No application ID and secret are stored" in flat
    assert "Commerce API" in flat
    assert "[다른] 곳" in flat
