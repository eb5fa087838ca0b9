"""gconnect schedule: how often, in which zone, on or off; and the list that says why one rests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.console.conftest import ON_SQLITE, Terminal
from tests.world import World


def test_a_preset_is_set_and_the_exact_next_sync_is_told(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("--lang", "ko", "schedule", "set", "한빛상회", "--every", "daily")
    assert said.code == 0
    assert "'한빛상회' 판매자를 매일 02:00 동기화합니다. (Asia/Seoul)" in said.out
    assert "02:0" in said.out
    assert world.schedule("한빛상회").cron == "0 2 * * *"


def test_a_cron_expression_is_set_in_a_zone_of_its_own(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("schedule", "set", "한빛상회", "--cron", "30 9,15 * * 1-5", "--zone", "Europe/Berlin")
    assert said.code == 0
    assert '"한빛상회" is synced Monday to Friday at 09:30, 15:30 (Europe/Berlin).' in said.out
    assert "CE" in said.out


def test_setting_gives_json(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("schedule", "set", "한빛상회", "--every", "6h", "--no-notify", "--json")
    assert said.json["seller"] == "한빛상회"
    assert said.json["preset"] == "6h"
    assert said.json["notify"] is False
    assert datetime.fromisoformat(said.json["next_run"]) > datetime.now(UTC)


def test_switching_off_and_on_says_so(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    assert "switched off" in gconnect("schedule", "set", "한빛상회", "--disable").out
    assert world.schedule("한빛상회").enabled is False
    assert "Next sync:" in gconnect("schedule", "set", "한빛상회", "--enable").out
    assert "Failures are not told" in gconnect("schedule", "set", "한빛상회", "--no-notify").out


@ON_SQLITE
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say what to change"),
        (["--every", "4h", "--cron", "0 * * * *"], "not both"),
        (["--every", "weekly"], "choose one of"),
        (["--cron", "* * * * *"], "leave at least 5 min"),
        (["--cron", "0 0 * *"], "has 4 fields"),
        (["--zone", "Mars"], "is not a time zone"),
    ],
)
def test_a_bad_schedule_is_refused_and_changes_nothing(
    gconnect: Terminal, world: World, arguments: list[str], sentence: str
) -> None:
    world.shop("한빛상회")
    before = world.schedule("한빛상회").next_run
    said = gconnect("schedule", "set", "한빛상회", *arguments)
    assert said.code == 2
    assert sentence in said.err
    assert (world.schedule("한빛상회").cron, world.schedule("한빛상회").next_run) == ("0 */4 * * *", before)


def test_the_list_tells_on_from_off_from_blocked(gconnect: Terminal, world: World) -> None:
    world.shop("켜진집")
    world.shop("꺼진집")
    world.shop("막힌집").change_secret()
    gconnect("schedule", "set", "꺼진집", "--disable")
    world.sync("막힌집")
    world.sync("막힌집")
    said = gconnect("schedule", "list")
    assert said.code == 0
    lines = {
        name: line for line in said.out.splitlines() for name in ("켜진집", "꺼진집", "막힌집") if line.startswith(name)
    }
    assert "✔ on" in lines["켜진집"]
    assert "– off" in lines["꺼진집"]
    assert "▲ key needs" in lines["막힌집"]
    assert "✖ failed" in lines["막힌집"]
    assert "every 4 h" in lines["켜진집"]
    assert '▲ The key of "막힌집" did not work twice in a row' in said.out
    documents = {each["seller"]: each for each in gconnect("schedule", "list", "--json").json}
    assert documents["막힌집"]["blocked_code"] == "credentials_refused"
    assert documents["꺼진집"]["enabled"] is False
    said = gconnect("schedule", "set", "막힌집", "--every", "6h")
    assert "Enter a key that works" in said.err


def test_the_next_sync_is_shown_to_the_second_in_the_sellers_zone(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    due = world.schedule("한빛상회").next_run
    seoul = (due + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M:%S KST")
    assert seoul in gconnect("schedule", "list").out


@ON_SQLITE
def test_an_empty_list_says_what_to_do_next(gconnect: Terminal) -> None:
    assert "gconnect seller add" in gconnect("schedule", "list").out
    assert gconnect("schedule", "list", "--json").json == []
