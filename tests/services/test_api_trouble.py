"""Whatever Naver does, a sync ends in an outcome that says so, nothing untrue is stored, and the next one is well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.sync_logs import LIVE, State
from services import schedules
from tests.simulator.faults import KINDS
from tests.world import World

PARAMETERS: dict[str, dict[str, Any]] = {
    "silence": {"seconds": 1.0},
    # The clock of this world stands still while the body comes: tests of the client show its time-out.
    "drip": {"seconds": 0.3},
    "token_expired": {"times": 1},
    "duplicated_page": {"page": 2},
    "moving_product": {"page": 2},
    "changing_total": {"page": 2},
    "empty_shop": {},
    "half_shop": {},
}

OUTCOMES = {
    # Nobody need act: tried again by itself.
    "rate_limit": (State.WAITING, "naver_busy"),
    "proxy": (State.WAITING, "naver_unavailable"),
    "internal": (State.WAITING, "naver_unavailable"),
    "api_internal": (State.WAITING, "naver_unavailable"),
    "plain_internal": (State.WAITING, "naver_unavailable"),
    "token_internal": (State.WAITING, "naver_unavailable"),
    "block": (State.WAITING, "naver_unavailable"),
    "bad_gateway": (State.WAITING, "naver_unavailable"),
    "maintenance": (State.WAITING, "naver_maintenance"),
    "gateway_timeout": (State.WAITING, "naver_timeout"),
    "silence": (State.WAITING, "naver_timeout"),
    "reset": (State.WAITING, "naver_unreachable"),
    "truncated": (State.WAITING, "naver_unreachable"),
    "missing_key": (State.WAITING, "answer_unreadable"),
    "total_as_text": (State.WAITING, "answer_unreadable"),
    "null_contents": (State.WAITING, "answer_unreadable"),
    "not_an_object": (State.WAITING, "answer_unreadable"),
    "invalid_json": (State.WAITING, "answer_unreadable"),
    "deep_nesting": (State.WAITING, "answer_unreadable"),
    "empty_body": (State.WAITING, "answer_unreadable"),
    "token_without_value": (State.WAITING, "answer_unreadable"),
    # Somebody must act.
    "authn_401": (State.FAILED, "access_denied"),
    "authn_403": (State.FAILED, "access_denied"),
    "forbidden": (State.FAILED, "access_denied"),
    "ip_not_allowed": (State.FAILED, "call_ip_not_allowed"),
    "quota": (State.FAILED, "quota_exhausted"),
    "not_found": (State.FAILED, "request_refused"),
    "bad_request": (State.FAILED, "request_refused"),
    "too_many_products": (State.FAILED, "request_refused"),
    "token_bad_request": (State.FAILED, "credentials_refused"),
    "token_forbidden": (State.FAILED, "store_unavailable"),
    "token_unsupported": (State.FAILED, "request_refused"),
    # The walk does not add up.
    "duplicated_page": (State.PARTIAL, "products_missing"),
    "moving_product": (State.PARTIAL, "products_missing"),
    "changing_total": (State.PARTIAL, "total_changed"),
    # One record is not to be read.
    "numbers_as_text": (State.PARTIAL, "records_rejected"),
    "odd_characters": (State.PARTIAL, "records_rejected"),
    "huge_name": (State.PARTIAL, "records_rejected"),
    "lone_surrogate": (State.PARTIAL, "records_rejected"),
    "missing_price": (State.PARTIAL, "records_rejected"),
    "absurd_types": (State.PARTIAL, "records_rejected"),
    "absurd_number": (State.PARTIAL, "records_rejected"),
    "no_channels": (State.PARTIAL, "records_rejected"),
    "not_a_record": (State.PARTIAL, "records_rejected"),
    # Nothing is wrong with it.
    "token_expired": (State.SUCCEEDED, None),
    "unknown_enum": (State.SUCCEEDED, None),
    "drip": (State.SUCCEEDED, None),
    "empty_shop": (State.SUCCEEDED, None),
    "half_shop": (State.SUCCEEDED, None),
}


def test_every_fault_of_the_simulator_has_its_outcome_here() -> None:
    assert OUTCOMES.keys() == KINDS.keys()


@pytest.mark.parametrize("database_backend", ["sqlite"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fault_has_its_outcome_and_the_next_due_instant_is_met(kind: str, make_world) -> None:  # type: ignore[no-untyped-def]
    world: World = make_world(
        naver_read_timeout=timedelta(seconds=0.5),
        naver_connect_timeout=timedelta(seconds=2),
        naver_page_timeout=timedelta(seconds=20),
    )
    shop = world.shop(products=520, replenish=50)
    world.sync()
    stored = world.documents()
    shop.catalogue.change_price(shop.catalogue.numbers()[500], 4321)
    shop.faults.add(kind, **PARAMETERS.get(kind, {}))
    sync = world.sync()
    assert (sync.state, sync.code) == OUTCOMES[kind]
    # What was stored before and is still in the shop is there, whatever the answers said.
    assert stored.keys() == world.documents().keys()

    shop.faults.clear()
    while world.live():
        world.clock.advance(timedelta(minutes=20))
        for live in world.live():
            world.run(live.id)
    blocked = world.schedule().blocked_code is not None
    world.clock.advance(timedelta(hours=4))
    (call,) = schedules.open_due_syncs(world.rt)
    assert not blocked
    assert world.run(call.sync_id).state == State.SUCCEEDED
    assert world.documents() == shop.catalogue.expected()
    assert not [row for row in world.live() if row.state in LIVE]
