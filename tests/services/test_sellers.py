from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from db.sellers import Seller
from db.sync_logs import State, SyncLog, Trigger
from services import schedules, sellers
from services.credentials import Keyring, SecretMalformed, generate_key
from services.runtime import Runtime
from tests.world import KEY, World


def with_keys(world: World, *keys: str) -> Runtime:
    rt = world.rt
    setting = ",".join(keys)
    settings = rt.settings.model_copy(update={"encryption_key": SecretStr(setting)})
    return Runtime(settings, rt.database, Keyring.parse(setting), rt.naver, rt.clock, rt.meter)


def test_a_key_is_stored_as_ciphertext_and_shown_by_its_last_four(world: World) -> None:
    shop = world.shop()
    (row,) = world.rows(Seller)
    assert row.secret_last4 == shop.secret[-4:]
    assert shop.secret not in str(row.credential)
    assert world.rt.keyring.decrypt(row.credential or "", row.id) == shop.secret


def test_a_name_is_taken_once(world: World) -> None:
    world.shop()
    with pytest.raises(sellers.SellerExists):
        sellers.add_seller(world.rt, "한빛상회", client_id=None, secret=None)


def test_a_mangled_secret_is_refused_and_registers_nothing(world: World) -> None:
    with pytest.raises(SecretMalformed):
        sellers.add_seller(world.rt, "한빛상회", client_id="id", secret="a$04$abcdef")
    assert world.rows(Seller) == []


def test_an_unknown_name_says_which_there_are(world: World) -> None:
    world.shop()
    with pytest.raises(sellers.SellerUnknown) as caught:
        sellers.find_seller(world.rt, "한빛")
    assert caught.value.known == ["한빛상회"]


def test_a_key_that_works_passes_the_test(world: World) -> None:
    world.shop()
    assert sellers.try_key(world.rt, world.id_of()) == sellers.KeyTest(None)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("authn_403", "access_denied"),
        ("ip_not_allowed", "call_ip_not_allowed"),
        ("maintenance", "naver_maintenance"),
        ("token_forbidden", "store_unavailable"),
    ],
)
def test_the_test_says_what_is_wrong(world: World, fault: str, code: str) -> None:
    world.shop().faults.add(fault)
    error = sellers.try_key(world.rt, world.id_of()).error
    assert error is not None
    assert error.code == code


def test_a_working_key_ends_the_block_and_starts_a_sync(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    world.sync()
    world.sync()
    sellers.enter_key(world.rt, world.id_of(), shop.client_id, shop.secret)
    call = sellers.try_key(world.rt, world.id_of()).unblocked
    assert call is not None
    assert world.schedule().blocked_code is None
    assert world.sync_log(call.sync_id).trigger == Trigger.KEY
    assert world.run(call.sync_id).state == State.SUCCEEDED


def test_a_working_key_does_not_switch_on_what_a_person_switched_off(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    world.sync()
    world.sync()
    schedules.change_schedule(world.rt, world.id_of(), enabled=False)
    sellers.enter_key(world.rt, world.id_of(), shop.client_id, shop.secret)
    assert sellers.try_key(world.rt, world.id_of()).unblocked is None
    assert (world.schedule().enabled, world.schedule().blocked_code) == (False, None)
    assert len(world.rows(SyncLog)) == 2


def test_a_bad_new_key_keeps_the_old_one(world: World) -> None:
    shop = world.shop()
    with pytest.raises(SecretMalformed):
        sellers.enter_key(world.rt, world.id_of(), "other", "secret")
    assert world.rows(Seller)[0].client_id == shop.client_id


def test_rotation_encrypts_everything_anew_and_may_be_run_again(world: World) -> None:
    for number in range(3):
        world.shop(f"가게 {number}", products=0)
    new = generate_key()
    rotating = with_keys(world, new, KEY)
    assert sellers.rotate_keys(rotating) == (3, 0, [])
    assert sellers.rotate_keys(rotating) == (0, 3, [])
    only_new = with_keys(world, new)
    for row in world.rows(Seller):
        only_new.keyring.decrypt(row.credential or "", row.id)


def test_rotation_names_whom_no_key_fits_and_does_the_others(world: World) -> None:
    world.shop("가")
    world.shop("나")
    ids = world.id_of("가"), world.id_of("나")
    with world.rt.database.transaction() as session:
        first, second = (session.get_one(Seller, each) for each in ids)
        # Bound to its seller: copied to another row it is refused.
        second.credential = first.credential
    assert sellers.rotate_keys(with_keys(world, generate_key(), KEY)) == (1, 0, ["나"])


def test_a_credential_that_no_key_fits_fails_the_sync_and_calls_nobody(world: World) -> None:
    world.shop()
    other = World(with_keys(world, generate_key()), world.clock, world.meter, world.naver)
    sync = other.sync()
    assert (sync.state, sync.code) == (State.FAILED, "credentials_unreadable")
    assert world.naver.requests == []


def test_an_unblocked_schedule_goes_on_with_its_next_instant(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    world.sync()
    world.sync()
    world.clock.advance(timedelta(days=1))
    sellers.enter_key(world.rt, world.id_of(), shop.client_id, shop.secret)
    sellers.try_key(world.rt, world.id_of())
    assert world.schedule().next_run > world.clock.now()


def test_a_good_key_that_cannot_be_tried_out_now_is_tried_by_a_sync(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    world.sync()
    world.sync()
    sellers.enter_key(world.rt, world.id_of(), shop.client_id, shop.secret)
    shop.faults.add("maintenance")
    tried = sellers.try_key(world.rt, world.id_of())
    assert tried.error is not None
    assert tried.unblocked is not None
    shop.faults.clear()
    assert world.run(tried.unblocked.sync_id).state == State.SUCCEEDED
    assert world.schedule().blocked_code is None


def test_a_working_key_closes_what_was_told_of_the_block(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    world.sync()
    world.sync()
    schedules.change_schedule(world.rt, world.id_of(), enabled=False)
    sellers.enter_key(world.rt, world.id_of(), shop.client_id, shop.secret)
    sellers.try_key(world.rt, world.id_of())
    assert world.open_notifications() == []


def test_a_wrong_encryption_key_blocks_nobody(world: World) -> None:
    world.shop()
    other = World(with_keys(world, generate_key()), world.clock, world.meter, world.naver)
    other.sync()
    other.sync()
    assert world.schedule().blocked_code is None
