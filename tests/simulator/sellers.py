"""A seller of the simulated platform: an application, a shop, limits, and the faults that are on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Lock

from tests.simulator.accounts import Application, generate_secret
from tests.simulator.catalogue import Catalogue
from tests.simulator.faults import Faults
from tests.simulator.limits import Limits

NONSTANDARD_TOKEN_MODES = ("refuse", "penalise")


@dataclass
class Seller:
    """What one seller is to the simulator; every part may be used from any thread."""

    name: str
    application: Application
    catalogue: Catalogue
    limits: Limits
    rng: Random
    """Makes up what is asked for later."""
    faults: Faults = field(default_factory=Faults)
    nonstandard_tokens: str = "refuse"
    """What a token request against the specification meets: 415 or 400, or a token and a quota of 1 an hour."""
    _before_page: defaultdict[int, list[Callable[[Catalogue], object]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _lock: Lock = field(default_factory=Lock)

    @property
    def client_id(self) -> str:
        return self.application.client_id

    @property
    def secret(self) -> str:
        return self.application.secret

    def change_secret(self, secret: str | None = None) -> str:
        """Replace the secret by *secret*, or by a made-up one, and return it; the old one is refused at once."""
        self.application.change_secret(secret or generate_secret(self.rng))
        return self.application.secret

    def before_page(self, page: int, change: Callable[[Catalogue], object]) -> None:
        """Let *change* happen once, right before *page* is next answered: the shop changes during a walk."""
        with self._lock:
            self._before_page[page].append(change)

    def page_asked(self, page: int) -> None:
        with self._lock:
            changes = self._before_page.pop(page, [])
        for change in changes:
            change(self.catalogue)
