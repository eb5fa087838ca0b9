"""gconnect logs and gconnect changes: every sync with its reason, every change in the words of the shop."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from tests.console.conftest import ON_SQLITE, Terminal
from tests.world import World


def test_the_log_shows_outcome_counts_and_why_one_failed(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회", products=12)
    world.shop("달빛상점").change_secret()
    good, bad = world.sync("한빛상회"), world.sync("달빛상점")
    said = gconnect("logs")
    assert said.code == 0
    rows = said.out.splitlines()
    assert any("한빛상회" in row and "✔ succeeded" in row and "12 added" in row for row in rows)
    assert any("달빛상점" in row and "✖ failed" in row for row in rows)
    assert f"#{bad.id}  Naver does not accept the application" in said.out
    assert f"#{good.id}  " not in said.out
    assert "just now" in said.out
    assert "KST" in said.out
    assert max(map(cell_len, next(said.out.split("\n\n", 1) for _ in [0])[0].splitlines())) <= 100


def test_the_same_reason_is_told_once(gconnect: Terminal, world: World) -> None:
    gconnect("seller", "add", "A", "--no-key")
    ids = [world.sync("A").id for _ in range(2)]
    said = gconnect("--lang", "ko", "logs", "A")
    assert said.out.count("등록되어 있지 않아") == 1
    assert f"#{ids[1]}, #{ids[0]}" in said.out


def test_the_log_is_paged_by_number(gconnect: Terminal, world: World) -> None:
    gconnect("seller", "add", "A", "--no-key")
    ids = [world.sync("A").id for _ in range(3)]
    newest = gconnect("logs", "A", "--limit", "2", "--json").json
    older = gconnect("logs", "A", "--limit", "2", "--before", str(newest[-1]["id"]), "--json").json
    assert [each["id"] for each in newest + older] == ids[::-1]
    assert f"--before {ids[1]}" in gconnect("logs", "A", "--limit", "2").err


def test_the_log_as_json_has_codes_and_instants_with_offset(gconnect: Terminal, world: World) -> None:
    gconnect("seller", "add", "A", "--no-key")
    world.sync("A")
    [document] = gconnect("--lang", "ko", "logs", "--json").json
    assert document["state"] == "failed"
    assert document["code"] == "credentials_missing"
    assert document["trigger"] == "manual"
    assert datetime.fromisoformat(document["finished_at"]).tzinfo is not None


def test_one_sync_is_shown_with_its_attempts_and_rejected_records(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").faults.add("missing_price")
    sync = world.sync("한빛상회")
    said = gconnect("logs", "한빛상회", "--sync", str(sync.id))
    assert said.code == 0
    assert "◐ partly succeeded" in said.out
    assert 'A product has no "salePrice".' in " ".join(said.out.split())
    document = gconnect("logs", "--sync", str(sync.id), "--json").json
    assert [each["number"] for each in document["attempts"]] == [1]
    [reject] = document["rejected_records"]
    assert (reject["reason"], reject["field"]) == ("missing", "salePrice")
    assert "originProductNo" in reject["raw"]


def test_one_sync_names_the_error_and_naver_s_trace_id(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").faults.add("quota")
    sync = world.sync("한빛상회")
    said = gconnect("logs", "--sync", str(sync.id))
    assert "quota_exhausted" in said.out
    assert sync.trace_id
    assert sync.trace_id in said.out.replace("\n", "").replace(" ", "")


@ON_SQLITE
def test_a_sync_of_somebody_else_is_not_found(gconnect: Terminal, world: World) -> None:
    gconnect("seller", "add", "A", "--no-key")
    gconnect("seller", "add", "B", "--no-key")
    sync = world.sync("A")
    for arguments in (["B", "--sync", str(sync.id)], ["--sync", "999"]):
        said = gconnect("logs", *arguments)
        assert said.code == 2
        assert "There is no sync" in said.err


@ON_SQLITE
def test_an_empty_log_says_what_to_do_next(gconnect: Terminal) -> None:
    assert "gconnect sync NAME" in gconnect("logs").out
    assert gconnect("logs", "--json").json == []


@ON_SQLITE
@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--limit", "many"], ["--before", "-1"], ["--sync", "0"]])
def test_numbers_out_of_range_are_refused(gconnect: Terminal, arguments: list[str]) -> None:
    said = gconnect("logs", *arguments)
    assert said.code == 2
    assert "cannot have this value" in said.err


def test_changes_are_told_in_the_words_of_the_shop(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회", products=12)
    numbers = shop.catalogue.numbers()
    shop.catalogue.update(numbers[0], salePrice=12900, stockQuantity=3, statusType="SALE", name="원목 선반")
    world.sync("한빛상회")
    shop.catalogue.update(numbers[0], salePrice=9900, stockQuantity=0, statusType="OUTOFSTOCK", name="원목 선반 L")
    shop.catalogue.remove(numbers[1])
    shop.catalogue.add()
    world.sync("한빛상회")
    said = gconnect("--lang", "ko", "changes", "한빛상회")
    assert said.code == 0
    assert "판매가 12,900 → 9,900원" in said.out
    assert "재고수량 3 → 0" in said.out
    assert "판매상태 판매중 → 품절" in said.out
    assert '상품명 "원목 선반" → "원목 선반 L"' in said.out
    assert "추가됨" in said.out
    assert "삭제됨" in said.out
    assert "수정일" not in said.out
    english = gconnect("changes", "한빛상회").out
    assert "Price 12,900 → 9,900 won" in english
    assert "Status on sale → out of stock" in english


def test_changes_as_json_keep_naver_s_names_and_page_by_number(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회", products=12)
    world.sync("한빛상회")
    shop.catalogue.change_price(shop.catalogue.numbers()[0], 100)
    world.sync("한빛상회")
    found = gconnect("changes", "한빛상회", "--json").json
    assert {each["field"] for each in found} >= {"salePrice", "modifiedDate"}
    assert all(each["kind"] == "changed" for each in found)
    older = gconnect("changes", "한빛상회", "--json", "--before", str(found[0]["id"]), "--limit", "1").json
    assert older == [found[1]]


@ON_SQLITE
def test_no_changes_are_no_error(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    said = gconnect("changes", "한빛상회")
    assert said.code == 0
    assert "The first import is no change" in said.out


@ON_SQLITE
def test_times_are_those_of_the_sellers_zone(gconnect: Terminal, world: World) -> None:
    gconnect("seller", "add", "A", "--no-key", "--zone", "UTC")
    world.sync("A")
    assert datetime.now(UTC).strftime("%Y-%m-%d %H:") in gconnect("logs").out
    assert "UTC" in gconnect("logs").out
