"""gconnect keys: made without any settings, rotated over all rows."""

from __future__ import annotations

from services import sellers
from services.credentials import Keyring, generate_key
from tests.console.conftest import Terminal
from tests.world import KEY, World


def test_a_key_is_made_without_any_settings_and_nothing_else_is_printed(terminal: Terminal) -> None:
    said = terminal("keys", "generate")
    assert said.code == 0
    assert said.err == ""
    assert said.out.count("\n") == 1
    assert Keyring.parse(said.out.strip()).current_id
    assert terminal("keys", "generate").out != said.out


def test_a_key_is_made_even_where_the_present_one_cannot_be_used(terminal: Terminal) -> None:
    terminal.set(ENCRYPTION_KEY="nonsense", DATABASE_URL="nonsense://")
    assert terminal("keys", "generate").code == 0


def test_rotation_encrypts_anew_and_needs_doing_once(gconnect: Terminal, world: World) -> None:
    shop = world.shop("한빛상회")
    new = generate_key()
    gconnect.set(ENCRYPTION_KEY=f"{new},{KEY}")
    said = gconnect("keys", "rotate")
    assert said.code == 0
    assert "Encrypted anew: 1; under the first key already: 0." in said.out
    assert "no longer needed" in said.err
    seller = sellers.find_seller(world.rt, "한빛상회")
    assert Keyring.parse(new).decrypt(seller.credential or "", seller.id) == shop.secret
    assert gconnect("keys", "rotate", "--json").json == {"rotated": 0, "current": 1, "unreadable": []}


def test_rotation_names_the_sellers_whose_secret_no_key_decrypts(gconnect: Terminal, world: World) -> None:
    world.shop("한빛상회")
    gconnect.set(ENCRYPTION_KEY=generate_key())
    said = gconnect("--lang", "ko", "keys", "rotate")
    assert said.code == 1
    assert "복호화할 수 없는 시크릿이 1건 있습니다: 한빛상회." in said.err
    assert gconnect("keys", "rotate", "--json").json["unreadable"] == ["한빛상회"]
