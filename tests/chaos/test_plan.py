"""The plan of a chaos run, and the checks of its verdict: what would make the suite blind."""

from __future__ import annotations

from typing import Any

from db.product_changes import ChangeKind, ProductChange
from tests.chaos.blows import Blows
from tests.chaos.plan import DECKS, plan
from tests.chaos.verdict import broken_chains
from tests.simulator import KINDS


def change(field: str | None, old: Any = None, new: Any = None, kind: ChangeKind = ChangeKind.CHANGED) -> ProductChange:
    return ProductChange(field=field, old=old, new=new, kind=kind)


def test_a_seed_gives_the_same_plan_again() -> None:
    assert plan(7, 120) == plan(7, 120)
    assert plan(7, 120) != plan(8, 120)


def test_two_minutes_meet_every_kind_of_blow_and_of_api_fault() -> None:
    for seed in range(20):
        blows = plan(seed, 120)
        dealt = {blow.kind for blow in blows if blow.kind != "api_fault"}
        missing = {card for deck in DECKS for card in deck.cards} - dealt
        assert len(missing) <= 3, missing
        assert len({blow.detail for blow in blows if blow.kind == "api_fault"}) >= len(KINDS) - 3
        assert {"kill_tree", "wake_zombies", "kill_worker", "kill_master", "kill_ticker", "purge_queues"} <= dealt


def test_twenty_minutes_kill_two_hundred_times() -> None:
    for seed in range(20):
        killed = [blow for blow in plan(seed, 1200) if blow.kind.startswith("kill_")]
        # Of a whole tree are killed two masters, their four workers and the ticker.
        assert sum(7 if blow.kind == "kill_tree" else 1 for blow in killed) >= 215


def test_every_blow_can_be_dealt() -> None:
    cards = {card for deck in DECKS for card in deck.cards} | {"api_fault"}
    assert all(callable(getattr(Blows, f"_{card}")) for card in cards)


def test_history_that_adds_up_is_accepted() -> None:
    history = [
        change(None, kind=ChangeKind.ADDED),
        change("salePrice", 1, 2),
        change(None, kind=ChangeKind.REMOVED),
        change(None, kind=ChangeKind.RESTORED),
        change("salePrice", 2, 3),
    ]
    assert broken_chains(history, {"salePrice": 3}) == []


def test_a_change_written_twice_is_found() -> None:
    assert broken_chains([change("salePrice", 1, 2), change("salePrice", 1, 2)], {"salePrice": 2})


def test_a_change_that_the_record_does_not_show_is_found() -> None:
    assert broken_chains([change("salePrice", 1, 2)], {"salePrice": 1})


def test_a_product_removed_twice_is_found() -> None:
    assert broken_chains([change(None, kind=ChangeKind.REMOVED), change(None, kind=ChangeKind.REMOVED)], {})
