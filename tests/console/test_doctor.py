"""gconnect doctor: each question a line with icon, word, sentence and what to do; a failure is exit code 1."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from db.heartbeats import Heartbeat
from db.sync_logs import SyncLog
from services import recovery, retention, schedules
from services.credentials import generate_key
from tests.console.conftest import ON_SQLITE, Terminal
from tests.world import World


def be_alive(world: World) -> None:
    """Let all periodic work give its sign of life, with nothing to do."""
    schedules.open_due_syncs(world.rt)
    recovery.recover(world.rt)
    retention.prune(world.rt)


def levels(document: Any) -> dict[str, str]:
    return {each["code"]: each["level"] for each in document["findings"]}


def test_a_healthy_installation_has_nothing_but_ok(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    world.sync("한빛상회")
    be_alive(world)
    said = gconnect("--lang", "ko", "doctor")
    assert said.code == 0
    assert all(line.startswith("✔ 정상") for line in said.out.splitlines())
    assert "네이버 연결 (접속만 확인)" in said.out
    said = gconnect("doctor", "--json")
    assert (said.code, said.json["ok"]) == (0, True)
    assert set(levels(said.json).values()) == {"ok"}


def test_ticks_that_never_came_or_stopped_are_a_failure(gconnect: Terminal, world: World) -> None:
    said = gconnect("doctor", "--offline")
    assert said.code == 1
    assert "✖ FAILED  Periodic ticks: find_due_schedules has never come." in said.out
    assert "→ Start `gconnect up`" in said.out
    be_alive(world)
    with world.rt.database.transaction() as session:
        for beat in session.query(Heartbeat):
            beat.beat_at = beat.beat_at.replace(year=2020)
    found = levels(gconnect("doctor", "--offline", "--json").json)
    assert found["ticks_late"] == "fail"
    assert found["not_pruned"] == "warn"


def test_keys_that_cannot_be_read_or_are_old_are_named(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    be_alive(world)
    gconnect.set(ENCRYPTION_KEY=generate_key())
    said = gconnect("doctor", "--offline")
    assert said.code == 1
    assert "1 cannot be decrypted with any key of ENCRYPTION_KEY: 한빛상회" in said.out
    gconnect.set(ENCRYPTION_KEY=f"{generate_key()},{world.rt.settings.encryption_key.get_secret_value()}")  # type: ignore[union-attr]
    said = gconnect("doctor", "--offline")
    assert said.code == 0
    assert "▲ warning  Stored keys" in said.out
    assert "→ Run `gconnect keys rotate`." in said.out


@ON_SQLITE
def test_a_missing_encryption_key_is_a_failure_and_the_rest_is_checked(gconnect: Terminal) -> None:
    gconnect.forget("ENCRYPTION_KEY")
    found = gconnect("doctor", "--offline", "--json")
    assert found.code == 1
    assert levels(found.json)["no_encryption_key"] == "fail"
    assert levels(found.json)["database_ok"] == "ok"


def test_settings_that_cannot_be_used_are_all_named(terminal: Terminal) -> None:
    terminal.set(SCHEDULER_CHECK_INTERVAL="7", RETRY_MAX="many", DATABASE_URL="mysql://me:geheim1234@host/x")
    said = terminal("doctor")
    assert said.code == 1
    for name in ("SCHEDULER_CHECK_INTERVAL", "RETRY_MAX", "DATABASE_URL"):
        assert name in said.out
    assert "geheim1234" not in said.all
    assert {each["code"] for each in terminal("doctor", "--json").json["findings"]} == {"settings_bad"}


@ON_SQLITE
def test_a_setting_that_is_nearly_one_is_a_warning(gconnect: Terminal, world: World) -> None:
    be_alive(world)
    gconnect.set(SCHEDULER_ENABLE="true")
    said = gconnect("doctor", "--offline")
    assert said.code == 0
    assert "SCHEDULER_ENABLE is not a setting" in said.out


def test_a_database_that_does_not_answer_or_has_no_tables_is_a_failure(
    terminal: Terminal, empty_database_url: str
) -> None:
    terminal.set(ENCRYPTION_KEY=generate_key(), DATABASE_URL=empty_database_url, GCONNECT_QUEUE="in-process")
    said = terminal("doctor", "--offline")
    assert said.code == 1
    assert "→ Run `gconnect db upgrade`." in said.out
    terminal.set(DATABASE_URL="postgresql://me:geheim1234@127.0.0.1:1/gc")
    said = terminal("doctor", "--offline")
    assert said.code == 1
    assert "does not answer" in said.out
    assert "geheim1234" not in said.all


@ON_SQLITE
def test_the_way_to_naver_is_looked_at_unless_told_not_to(
    gconnect: Terminal, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_alive(world)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    gconnect.set(NAVER_API_URL=f"http://127.0.0.1:{port}")
    said = gconnect("doctor")
    assert said.code == 1
    assert f"127.0.0.1:{port} cannot be reached (ConnectionRefusedError)" in said.out
    assert gconnect("doctor", "--offline").code == 0


@ON_SQLITE
def test_a_proxy_is_told_and_not_gone_around(gconnect: Terminal, world: World) -> None:
    be_alive(world)
    gconnect.set(NAVER_API_URL="https://api.invalid", https_proxy="http://127.0.0.1:9", no_proxy="")
    said = gconnect("doctor", "--json")
    assert levels(said.json)["naver_by_proxy"] == "skipped"
    assert said.code == 0


def test_an_audit_of_a_sound_database_says_so(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    world.sync("한빛상회")
    be_alive(world)
    said = gconnect("doctor", "--offline", "--audit")
    assert said.code == 0
    assert "Nothing was lost and nothing is spoilt." in said.out
    assert "Audit" not in gconnect("doctor", "--offline").out


def test_what_an_audit_finds_is_a_failure_that_is_told_with_what_to_do(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    sync = world.sync("한빛상회")
    be_alive(world)
    with world.rt.database.transaction() as session:
        session.get_one(SyncLog, sync.id).rejected = 1
    assert gconnect("doctor", "--offline").code == 0
    said = gconnect("doctor", "--offline", "--audit")
    assert said.code == 1
    assert f'Syncs of "한빛상회" that are called succeeded without the proof: 1 (#{sync.id}).' in said.out
    assert "→ This must never be" in said.out
    said = gconnect("doctor", "--offline", "--audit", "--json")
    assert (said.code, said.json["ok"]) == (1, False)
    found = next(each for each in said.json["findings"] if each["code"] == "unproven")
    assert (found["check"], found["params"]["seller"], found["params"]["ids"]) == ("audit", "한빛상회", str(sync.id))


def test_an_audit_is_left_out_where_the_settings_cannot_be_used(gconnect: Terminal) -> None:
    gconnect.forget("ENCRYPTION_KEY")
    assert levels(gconnect("doctor", "--offline", "--audit", "--json").json)["audit_skipped"] == "skipped"
