"""gconnect explain: a few sentences, in either language, or as codes."""

from __future__ import annotations

from services import recovery
from tests.console.conftest import Terminal
from tests.world import World


def test_a_seller_that_is_well_is_explained_in_a_few_sentences(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회", products=12)
    world.sync("한빛상회")
    said = gconnect("--lang", "ko", "explain", "한빛상회")
    assert said.code == 0
    assert "'한빛상회' 판매자:" in said.out
    assert "다음 동기화는" in said.out
    assert "성공했습니다. 상품 12개, 추가 12, 변경 0, 삭제 0." in said.out


def test_a_blocked_seller_is_explained_with_the_reason_and_what_to_do(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").change_secret()
    world.sync("한빛상회")
    world.sync("한빛상회")
    said = gconnect("explain", "한빛상회")
    assert "has been blocked since" in said.out
    assert "Enter a key that works" in said.out
    assert "The last sync failed at" in said.out
    assert "No sync has ever seen the whole catalogue." in said.out


def test_a_queued_sync_that_nobody_takes_is_explained(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    gconnect("sync", "한빛상회")
    assert "But no worker seems to run" in gconnect("explain", "한빛상회").out
    recovery.recover(world.rt)
    assert "But no worker seems to run" not in gconnect("explain", "한빛상회").out


def test_the_explanation_as_json_has_codes_and_parameters(gconnect: Terminal, world: World) -> None:
    gconnect("seller", "add", "A", "--no-key")
    found = gconnect("--lang", "ko", "explain", "A", "--json").json
    assert found["seller"] == "A"
    codes = {each["code"] for each in found["reasons"]}
    assert {"credentials_missing", "explain.next", "explain.never"} <= codes
    [next_one] = [each for each in found["reasons"] if each["code"] == "explain.next"]
    assert next_one["params"]["at"].endswith("+00:00")
