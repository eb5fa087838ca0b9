"""gconnect notifications and gconnect removals: what needs attention, read, confirmed or dismissed."""

from __future__ import annotations

import pytest

from db.product_changes import ChangeKind, ProductChange
from tests.console.conftest import ON_SQLITE, Terminal
from tests.world import World


def test_a_notification_says_what_what_to_do_since_when_and_how_often(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회").faults.add("ip_not_allowed")
    for _ in range(3):
        world.sync("한빛상회")
    said = gconnect("--lang", "ko", "notifications")
    assert said.code == 0
    told = "".join(said.out.split())
    assert "✖조치필요" in told
    assert "이서버의호출IP가'한빛상회'스토어의애플리케이션에등록되어있지않습니다." in told
    assert "API호출IP" in told
    assert "[새알림]" in told
    [document] = gconnect("notifications", "--json").json
    assert document["code"] == "call_ip_not_allowed"
    assert document["occurrences"] == 3
    assert document["seller"] == "한빛상회"
    assert document["person_must_act"] is True
    assert document["read_at"] is None


def test_notifications_are_marked_as_read_one_by_one_or_all(gconnect: Terminal, world: World) -> None:
    for name in ("A", "B", "C"):
        gconnect("seller", "add", name, "--no-key")
        world.sync(name)
    first = gconnect("notifications", "--json").json[0]["id"]
    assert "Marked as read: 1" in gconnect("notifications", "--read", str(first)).out
    assert "Nothing of that was unread" in gconnect("notifications", "--read", f"#{first}").out
    assert gconnect("notifications", "--read", "all", "--json").json == {"marked_read": 2}
    assert "[new]" not in gconnect("notifications").out


def test_what_is_over_is_shown_only_with_all(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회")
    shop.faults.add("ip_not_allowed")
    world.sync("한빛상회")
    shop.faults.clear()
    world.sync("한빛상회")
    said = gconnect("notifications")
    assert (said.code, said.out) == (0, "Nothing needs attention.\n")
    assert "✔ over" in gconnect("notifications", "--all").out


@ON_SQLITE
@pytest.mark.parametrize("which", ["", "one", "0", "-1", "99999999999999999999", "²"])
def test_only_a_number_or_all_can_be_read(gconnect: Terminal, which: str) -> None:
    said = gconnect("notifications", "--read", which)
    assert said.code == 2
    assert "neither the number of a notification" in said.err


def hold_removals(world: World) -> list[int]:
    """Have 25 of 50 products vanish at once; return their numbers."""
    shop = world.shop("한빛상회", products=50)
    world.sync("한빛상회")
    gone = shop.catalogue.shrink(0.5)
    world.sync("한빛상회")
    return gone


def test_held_removals_are_listed_and_confirmed(gconnect: Terminal, world: World) -> None:
    gone = hold_removals(world)
    said = gconnect("removals", "한빛상회")
    assert said.code == 0
    assert all(str(number) in said.out for number in gone)
    assert "--confirm" in said.err
    assert [each["product_no"] for each in gconnect("removals", "한빛상회", "--json").json] == sorted(gone)
    assert "confirm the removal" in " ".join(gconnect("notifications").out.split())
    said = gconnect("--lang", "ko", "removals", "한빛상회", "--confirm")
    assert "'한빛상회' 판매자의 상품 25개를 삭제로 표시했습니다." in said.out
    assert len(world.products("한빛상회")) == 25
    assert len(world.rows(ProductChange, kind=ChangeKind.REMOVED)) == 25
    assert "No removal" in gconnect("removals", "한빛상회", "--confirm").out


def test_held_removals_are_dismissed(gconnect: Terminal, world: World) -> None:
    hold_removals(world)
    assert gconnect("removals", "한빛상회", "--dismiss", "--json").json == {"seller": "한빛상회", "dismissed": 25}
    assert len(world.products("한빛상회")) == 50
    assert gconnect("removals", "한빛상회", "--json").json == []
    assert "No removal" in gconnect("removals", "한빛상회").out


@ON_SQLITE
def test_removals_are_not_confirmed_and_dismissed_at_once(gconnect: Terminal, world: World) -> None:
    hold_removals(world)
    said = gconnect("removals", "한빛상회", "--confirm", "--dismiss")
    assert said.code == 2
    assert len(world.products("한빛상회")) == 50
