"""What breaks, and when: decided by the seed before anything starts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.simulator import KINDS

LEASE_S = 6.0
"""The lease of the fleet under test; who is frozen stays so for longer."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that breaks."""

    number: int
    at: float
    """Seconds from the beginning."""
    kind: str
    lasts: float
    """Seconds until it is undone, where it can be."""
    detail: str = ""
    """Which fault of the API."""

    def chance(self, seed: int) -> Random:
        """Return what decides the rest, its victim say: the same for the same seed."""
        return Random(f"{seed}:{self.number}")

    def __str__(self) -> str:
        lasting = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.kind} {self.detail}".rstrip() + lasting


@dataclass(frozen=True, slots=True)
class Deck:
    """Cards that are dealt without replacement, so that even a short run meets each kind."""

    cards: Sequence[str]
    every: float
    """Seconds between two blows, on average."""
    lasts: tuple[float, float] = (0.0, 0.0)


FROZEN = (LEASE_S + 1, LEASE_S + 5)

DECKS = (
    Deck(
        (
            *("kill_worker",) * 7,
            *("kill_master",) * 2,
            *("kill_ticker",) * 3,
            "kill_tree",
            *("restart_master", "restart_ticker"),
        ),
        every=6.5,
    ),
    Deck(
        (
            "freeze_worker",
            "wake_zombies",
            "freeze_worker",
            "wake_zombies",
            "freeze_master",
            "freeze_ticker",
            "freeze_tree",
        ),
        every=15.0,
        lasts=FROZEN,
    ),
    Deck(
        ("stop_database", "kill_database", "cut_database_connections", "lock_schedules"),
        every=22.0,
        lasts=(0.5, 9.0),
    ),
    # A broker needs many seconds to start, and until it has nothing can be tried.
    Deck(("stop_queue", "kill_queue", "block_queue", "cut_queue_connections"), every=32.0, lasts=(0.5, 6.0)),
    Deck(("send_twice", "send_twice", "send_twice", "purge_queues"), every=6.0),
    # As a second periodiq would that was started by mistake.
    Deck(("tick_once_more",), every=4.0),
    Deck(("change_price", "change_price", "add_products", "remove_products", "churn_in_mid_walk"), every=1.0),
    Deck(("trouble_everybody",), every=45.0, lasts=(2.0, 6.0)),
    Deck(("work_as_operator", "audit_meanwhile"), every=7.0),
)
FAULTS = Deck(tuple(KINDS), every=2.0, lasts=(0.5, 4.0))


def plan(seed: int, seconds: float) -> list[Blow]:
    """Return the blows of a run, first to last; the same for the same seed and length."""
    chance = Random(seed)
    dealt = [(at, card, deck, "") for deck in DECKS for at, card in _deal(deck, seconds, chance)]
    dealt += [(at, "api_fault", FAULTS, card) for at, card in _deal(FAULTS, seconds, chance)]
    dealt.sort(key=lambda blow: blow[0])
    return [
        Blow(number, at, kind, chance.uniform(*deck.lasts), detail)
        for number, (at, kind, deck, detail) in enumerate(dealt, 1)
    ]


def _deal(deck: Deck, seconds: float, chance: Random) -> list[tuple[float, str]]:
    dealt: list[tuple[float, str]] = []
    left: list[str] = []
    at = deck.every * chance.random()
    while at < seconds:
        if not left:
            left = chance.sample(deck.cards, len(deck.cards))
        dealt.append((at, left.pop()))
        at += deck.every * chance.uniform(0.4, 1.6)
    return dealt
