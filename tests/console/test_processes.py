"""`gconnect` as a process of its own: a secret typed at a terminal, a queue that is there or away, clean streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services import sellers
from services.clock import SystemClock
from tests.servers.rabbitmq import rabbitmq_virtual_host
from tests.simulator import Simulator
from tests.world import KEY, World

ROOT = Path(__file__).parents[2]
SECRET = "$2a$04$abcdefghijklmnopqrstuu"

Gconnect = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def postgresql_world(
    fresh_postgresql_database: Callable[..., str], postgresql_template: str, naver: Simulator
) -> Iterator[World]:
    """A database that a fleet would use, seen by the real clock."""
    world = World.at(fresh_postgresql_database(postgresql_template), naver, SystemClock())
    yield world
    world.rt.close()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    plain = {"GCONNECT_LANG": "en", "PYTHONPATH": str(ROOT), "ENCRYPTION_KEY": KEY, "METRICS_DIR": str(folder / "m")}
    return {**inherited, **plain, **settings}


@pytest.fixture
def run(tmp_path: Path) -> Gconnect:
    def call(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "console.cli", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path, **settings),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return call


def test_a_first_hour_on_sqlite(run: Gconnect, naver: Simulator) -> None:
    shop = naver.add_seller("한빛상회", products=3)
    settings = {"NAVER_API_URL": naver.url}
    assert run("db", "upgrade").returncode == 0
    added = run("seller", "add", "한빛상회", "--client-id", shop.client_id, "--secret-stdin", stdin=shop.secret)
    assert (added.returncode, shop.secret in added.stdout + added.stderr) == (0, False)
    assert run("seller", "test", "한빛상회", **settings).returncode == 0
    said = run("sync", "한빛상회", "--dry-run", **settings, GCONNECT_LANG="ko")
    assert said.returncode == 0
    assert "추가 3" in said.stdout
    assert said.stderr == ""


def test_a_log_level_that_is_asked_for_leaves_standard_output_to_the_answer(run: Gconnect, naver: Simulator) -> None:
    shop = naver.add_seller("A")
    run("db", "upgrade")
    said = run(
        *("seller", "add", "A", "--client-id", shop.client_id, "--secret-stdin", "--json"),
        stdin=shop.secret,
        LOG_LEVEL="DEBUG",
    )
    assert json.loads(said.stdout)["name"] == "A"
    assert "seller_added" in said.stderr
    assert shop.secret not in said.stderr


def test_a_terminal_that_knows_no_korean_still_gets_an_answer(run: Gconnect) -> None:
    run("db", "upgrade")
    run("seller", "add", "한빛상회", "--no-key")
    settings = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    assert run("seller", "list", **settings).returncode == 0
    said = run("seller", "list", "--json", **settings)
    assert json.loads(said.stdout)[0]["name"] == "한빛상회"


def test_a_reader_that_goes_away_is_no_stack_trace(run: Gconnect, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "console.cli", "--help"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of Windows cannot be made here")
def test_a_secret_that_is_typed_at_the_terminal_is_not_shown(run: Gconnect, tmp_path: Path, naver: Simulator) -> None:
    import pty

    run("db", "upgrade")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "console.cli", "seller", "add", "A", "--client-id", "abc"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, SECRET.encode() + b"\n")
        shown += _rest(ours)
    os.close(ours)
    assert process.returncode == 0
    assert b"is registered" in shown
    assert SECRET.encode() not in shown
    world = World.at(f"sqlite:///{(tmp_path / 'var/gconnect.db').as_posix()}", naver, SystemClock())
    assert sellers.find_seller(world.rt, "A").secret_last4 == SECRET[-4:]
    world.rt.close()


def _rest(terminal: int) -> bytes:
    """Read until nobody has the other end open any more."""
    found = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            # How Linux says so.
            return found
        if not piece:
            return found
        found += piece


def test_a_sync_is_sent_to_rabbitmq_and_the_doctor_sees_who_listens(
    run: Gconnect, postgresql_world: World, naver: Simulator
) -> None:
    postgresql_world.shop("한빛상회")
    with rabbitmq_virtual_host(os.environ) as url:
        settings = {
            "DATABASE_URL": postgresql_world.rt.settings.database_url,
            "RABBITMQ_URL": url,
            "NAVER_API_URL": naver.url,
        }
        said = run("sync", "한빛상회", "--json", **settings)
        assert said.returncode == 0
        assert json.loads(said.stdout)["delivery"] == "sent"
        [row] = postgresql_world.live()
        assert row.sent_at is not None
        said = run("doctor", "--offline", "--json", **settings)
    assert said.returncode == 1
    findings = {
        (each["code"], each["params"].get("queue")): each["params"] for each in json.loads(said.stdout)["findings"]
    }
    assert ("queue_ok", None) in findings
    assert findings["not_consumed", "sync_now"]["messages"] == 1
    assert ("queue_missing", "scheduler") in findings


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("amqp://guest:guest@127.0.0.1:1/", "queue_unreachable"),
        ("amqp://nobody:geheim1234@{host}/", "queue_refused"),
        ("amqp://guest:guest@{host}/no-such-place", "queue_no_vhost"),
    ],
)
def test_with_rabbitmq_away_the_sync_stays_in_the_database_and_the_doctor_says_why(
    run: Gconnect, postgresql_world: World, rabbitmq_url: str, naver: Simulator, url: str, code: str
) -> None:
    postgresql_world.shop("한빛상회")
    settings = {
        "DATABASE_URL": postgresql_world.rt.settings.database_url,
        "RABBITMQ_URL": url.format(host=rabbitmq_url.rpartition("@")[2].partition("/")[0]),
        "NAVER_API_URL": naver.url,
    }
    said = run("sync", "한빛상회", **settings)
    assert said.returncode == 0
    assert "RabbitMQ does not answer. The sync is queued in the database" in said.stderr
    [row] = postgresql_world.live()
    assert row.sent_at is None
    said = run("doctor", "--offline", "--json", **settings)
    assert said.returncode == 1
    assert code in {each["code"] for each in json.loads(said.stdout)["findings"]}
    assert "geheim1234" not in said.stdout + said.stderr
