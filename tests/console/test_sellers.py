"""gconnect seller: registered, listed, keys entered and tried out, in sentences that say what is wrong."""

from __future__ import annotations

import unicodedata

import pytest
from rich.cells import cell_len

from db.sync_logs import SyncLog, Trigger
from services import sellers
from tests.console.conftest import ON_SQLITE, Terminal
from tests.simulator import Simulator
from tests.world import World

SECRET = "$2a$04$abcdefghijklmnopqrstuu"


def test_a_seller_is_added_with_a_secret_from_standard_input(gconnect: Terminal, world: World) -> None:
    said = gconnect("seller", "add", "한빛상회", "--client-id", "abc123", "--secret-stdin", stdin=SECRET + "\n")
    assert said.code == 0
    assert '"한빛상회" is registered; next sync: 20' in said.out
    seller = sellers.find_seller(world.rt, "한빛상회")
    assert (seller.client_id, seller.secret_last4) == ("abc123", "stuu")
    assert world.rt.keyring.decrypt(seller.credential or "", seller.id) == SECRET
    assert SECRET not in said.all


@ON_SQLITE
@pytest.mark.parametrize("stdin", [SECRET, SECRET + "\r\n", "\ufeff" + SECRET + "\n"])
def test_whatever_ends_or_marks_the_line_is_not_part_of_the_secret(
    gconnect: Terminal, world: World, stdin: str
) -> None:
    assert gconnect("seller", "add", "A", "--client-id", "abc", "--secret-stdin", stdin=stdin).code == 0
    seller = sellers.find_seller(world.rt, "A")
    assert world.rt.keyring.decrypt(seller.credential or "", seller.id) == SECRET


def test_adding_gives_json_with_the_schedule_and_without_the_secret(gconnect: Terminal) -> None:
    said = gconnect(
        *("seller", "add", "A", "--client-id", "abc", "--secret-stdin", "--every", "12h", "--json"), stdin=SECRET
    )
    assert said.json["name"] == "A"
    assert said.json["key"] == "on"
    assert said.json["schedule"]["preset"] == "12h"
    assert said.json["schedule"]["next_run"].endswith("+00:00")
    assert SECRET not in said.all


@ON_SQLITE
@pytest.mark.parametrize(
    ("stdin", "sentence"),
    [("", "is empty"), ("a04bcdef\n", "Shells and .env files eat the $"), (SECRET[:-1], "it must be 29 characters")],
)
def test_a_secret_of_the_wrong_form_registers_nothing(
    gconnect: Terminal, world: World, stdin: str, sentence: str
) -> None:
    said = gconnect("seller", "add", "A", "--client-id", "abc", "--secret-stdin", stdin=stdin)
    assert said.code == 2
    assert sentence in said.err
    assert not stdin.strip() or stdin.strip() not in said.all
    assert gconnect("seller", "list", "--json").json == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["A"], "--client-id is missing"),
        (["A", "--client-id", "abc"], "--secret-stdin"),
        (["A", "--client-id", "a b"], "without blanks"),
        (["A", "--client-id", ""], "without blanks"),
        (["A", "--client-id", "한글"], "without blanks"),
        (["A", "--no-key", "--client-id", "abc"], "--no-key goes with neither"),
        (["", "--no-key"], "name is empty"),
        (["  ", "--no-key"], "name is empty"),
        (["x" * 201, "--no-key"], "201 characters"),
        (["a\nb", "--no-key"], "control characters"),
        (["a\udcffb", "--no-key"], "bytes that are no text"),
        (["A", "--no-key", "--every", "5h"], "choose one of 4h, 6h, 12h, daily"),
        (["A", "--no-key", "--every", "4h", "--cron", "0 * * * *"], "not both"),
        (["A", "--no-key", "--cron", "0 0 31 2 *"], "never falls due"),
        (["A", "--no-key", "--zone", "Asia/Soul"], "Asia/Seoul"),
        ([], "'NAME' is missing"),
    ],
)
def test_a_wrong_use_of_add_is_refused_with_a_sentence(gconnect: Terminal, arguments: list[str], sentence: str) -> None:
    said = gconnect("seller", "add", *arguments)
    assert said.code == 2
    assert sentence in said.err
    assert gconnect("seller", "list", "--json").json == []


def test_a_name_that_is_taken_is_refused_before_the_secret_is_asked_for(gconnect: Terminal, world: World) -> None:
    world.shop("A")
    said = gconnect("seller", "add", "A", "--client-id", "abc")
    assert said.code == 2
    assert 'There is a seller called "A" already' in said.err


def test_a_name_of_single_letters_is_the_name_of_syllables(gconnect: Terminal, world: World) -> None:
    decomposed = unicodedata.normalize("NFD", "한빛상회")
    assert gconnect("seller", "add", decomposed, "--no-key").code == 0
    assert sellers.find_seller(world.rt, "한빛상회").name == "한빛상회"
    assert gconnect("explain", decomposed).code == 0


def test_the_list_shows_key_schedule_next_sync_last_outcome_and_products(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회", products=3)
    world.sync("한빛상회")
    gconnect("seller", "add", "둘째", "--no-key", "--every", "daily")
    said = gconnect("seller", "list")
    assert said.code == 0
    row = next(line for line in said.out.splitlines() if "한빛상회" in line)
    assert f"••••{shop.secret[-4:]}" in row
    assert "every 4 h" in row
    assert "✔ succeeded" in row
    assert row.rstrip().endswith("3")
    assert "daily at 02:00" in said.out
    assert "KST" in said.out
    assert max(map(cell_len, said.out.splitlines())) <= 100


def test_the_list_as_json_keeps_its_names_in_every_language(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회", products=3)
    sync = world.sync("한빛상회")
    english, korean = gconnect("seller", "list", "--json"), gconnect("--lang", "ko", "seller", "list", "--json")
    assert english.out == korean.out
    [seller] = english.json
    assert seller["name"] == "한빛상회"
    assert seller["products"] == 3
    assert seller["secret_last4"] == shop.secret[-4:]
    assert seller["last_sync"]["id"] == sync.id
    assert seller["last_sync"]["state"] == "succeeded"
    assert shop.secret not in english.out


@ON_SQLITE
def test_an_empty_list_says_what_to_do_next(gconnect: Terminal) -> None:
    said = gconnect("--lang", "ko", "seller", "list")
    assert said.code == 0
    assert "`gconnect seller add NAME --client-id ID`로 등록해 주세요." in said.out


@ON_SQLITE
def test_a_hostile_name_cannot_reach_the_terminal(gconnect: Terminal, world: World) -> None:
    sellers.add_seller(world.rt, "a\x1b[2J\n[red]b" + "가" * 180, client_id=None, secret=None)
    for command in (["seller", "list"], ["schedule", "list"], ["doctor", "--offline"]):
        said = gconnect(*command)
        assert "\x1b" not in said.out
        assert "[red]b" in said.out.replace("\n", "")


def test_an_unknown_seller_is_answered_with_the_nearest_names(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    world.shop("달빛상점")
    said = gconnect("seller", "test", "한빚상회")
    assert said.code == 2
    assert 'Did you mean "한빛상회"?' in said.err
    assert gconnect("seller", "test", "달빛").code == 2
    assert "혹시" in gconnect("--lang", "ko", "seller", "test", "달빛").err


@pytest.mark.parametrize("name", ["nobody\0", "a\udcff", "x" * 5000, "%", ""])
def test_any_name_may_be_asked_for(gconnect: Terminal, world: World, name: str) -> None:
    world.shop("한빛상회")
    said = gconnect("sync", name)
    assert said.code == 2
    assert "There is no seller called" in said.err


def test_a_key_that_works_is_said_to_work(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("--lang", "ko", "seller", "test", "한빛상회")
    assert said.code == 0
    assert "'한빛상회' 판매자의 키가 정상입니다." in said.out
    assert gconnect("seller", "test", "한빛상회", "--json").json == {
        "seller": "한빛상회",
        "ok": True,
        "error": None,
        "started_sync_id": None,
    }


@ON_SQLITE
@pytest.mark.parametrize(
    ("fault", "options", "code", "sentence"),
    [
        ("ip_not_allowed", {}, "call_ip_not_allowed", "API호출 IP"),
        ("authn_403", {}, "access_denied", "API groups"),
        ("token_bad_request", {"field": "timestamp"}, "clock_skewed", "clock"),
        ("token_bad_request", {"field": "client_id"}, "credentials_refused", "application ID"),
        ("token_bad_request", {"field": "client_secret_sign"}, "credentials_refused", "secret"),
        ("maintenance", {}, "naver_maintenance", "maintenance"),
        ("quota", {}, "quota_exhausted", "used up"),
    ],
)
def test_a_key_that_does_not_work_is_answered_with_what_is_wrong_and_what_to_do(
    gconnect: Terminal, world: World, naver: Simulator, fault: str, options: dict[str, str], code: str, sentence: str
) -> None:
    world.shop("한빛상회").faults.add(fault, **options)
    said = gconnect("seller", "test", "한빛상회")
    assert said.code == 1
    assert sentence in said.err
    assert "→" in said.err
    assert "trace id" in said.err
    said = gconnect("seller", "test", "한빛상회", "--json")
    assert said.code == 1
    assert (said.json["ok"], said.json["error"]["code"]) == (False, code)


@ON_SQLITE
def test_a_wrong_secret_is_told_from_a_missing_key(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").change_secret()
    gconnect("seller", "add", "둘째", "--no-key")
    assert "does not accept the application" in gconnect("seller", "test", "한빛상회").err
    said = gconnect("seller", "test", "둘째")
    assert said.code == 1
    assert "No application ID and secret are stored" in said.err


def test_a_new_key_is_stored_tried_out_and_ends_a_block(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회")
    new = shop.change_secret()
    world.sync("한빛상회")
    world.sync("한빛상회")
    assert world.schedule("한빛상회").blocked_code == "credentials_refused"
    said = gconnect("seller", "key", "한빛상회", "--secret-stdin", stdin=new)
    assert said.code == 0
    assert "The automatic sync goes on" in said.out
    assert world.schedule("한빛상회").blocked_code is None
    [live] = world.live()
    assert live.trigger is Trigger.KEY
    assert "No worker seems to run" in said.err
    assert new not in said.all


@ON_SQLITE
def test_a_new_key_that_does_not_work_is_stored_and_said_to_be_wrong(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("seller", "key", "한빛상회", "--client-id", "other", "--secret-stdin", stdin=SECRET)
    assert said.code == 1
    assert "is stored" in said.err
    assert "does not know the application ID" in said.err
    assert sellers.find_seller(world.rt, "한빛상회").client_id == "other"


def test_a_key_is_switched_off_and_on(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    assert gconnect("seller", "key", "한빛상회", "--disable").code == 0
    assert "off" in next(line for line in gconnect("seller", "list").out.splitlines() if "한빛상회" in line)
    assert "switched off" in gconnect("seller", "test", "한빛상회").err
    assert gconnect("seller", "key", "한빛상회", "--enable").code == 0
    assert gconnect("seller", "key", "한빛상회", "--disable", "--json").json == {"seller": "한빛상회", "key": "off"}
    assert world.rows(SyncLog) == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--enable", "--client-id", "x"], "go with neither"),
        (["--disable"], "has no key that could be switched"),
        ([], "--client-id is missing"),
    ],
)
def test_a_wrong_use_of_key_is_refused(gconnect: Terminal, arguments: list[str], sentence: str) -> None:
    gconnect("seller", "add", "A", "--no-key")
    said = gconnect("seller", "key", "A", *arguments)
    assert said.code == 2
    assert sentence in said.err
