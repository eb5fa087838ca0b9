"""The simulator as a thing to start, fill with sellers, and stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from threading import RLock
from types import TracebackType
from typing import Self

from tests.simulator.accounts import Application, generate_secret, generate_text
from tests.simulator.answers import Answer, Request
from tests.simulator.catalogue import Catalogue
from tests.simulator.clock import SimulatorClock
from tests.simulator.control import CONTROL_PREFIX, Control
from tests.simulator.gateway import Gateway
from tests.simulator.limits import REPLENISH_RATE, Limits
from tests.simulator.request_log import RequestLog, RequestRecord
from tests.simulator.sellers import NONSTANDARD_TOKEN_MODES, Seller
from tests.simulator.server import SimulatorServer

FIRST_PRODUCT_NUMBER = 13_000_000_000
"""Real numbers have left 32 bits behind; each seller has ten million of his own."""


class Simulator:
    """
    Naver's Commerce API on a loopback port: `with Simulator() as naver: naver.add_seller("한빛상회")`.

    Everything that it generates is the same for the same *seed*. *now* returns Unix seconds: pass a test's
    own clock, or move `naver.clock`. Leaving the block raises what went wrong in the simulator itself.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.clock = SimulatorClock(now)
        self._seed = seed
        self._made = 0
        self._sellers: dict[str, Seller] = {}
        self._lock = RLock()
        self._log = RequestLog()
        self._gateway = Gateway(self.clock, self.sellers, self._log)
        self._control = Control(self)
        self._server = SimulatorServer(host, port, self._answer)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def requests(self) -> list[RequestRecord]:
        """All requests to the simulated platform so far, oldest first."""
        return self._log.records()

    def requests_of(self, seller: str, after: int = 0) -> list[RequestRecord]:
        """Return the requests of the seller of that name whose number is above *after*."""
        return self._log.records(seller, after)

    def forget_requests(self) -> None:
        self._log.clear()

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Cut all connections, end all threads."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None and self._server.defects:
            raise RuntimeError("the simulator itself failed") from self._server.defects[0]

    def add_seller(
        self,
        name: str,
        products: int = 150,
        *,
        client_id: str | None = None,
        secret: str | None = None,
        replenish: int = REPLENISH_RATE,
        burst: int | None = None,
        nonstandard_tokens: str = "refuse",
    ) -> Seller:
        """
        Open a shop with so many generated products; id and secret are made up unless given.

        *replenish* is in requests a second, *burst* twice as much unless given. Raises ValueError with a
        sentence for a name or id that is taken, or a secret that is no bcrypt salt.
        """
        if nonstandard_tokens not in NONSTANDARD_TOKEN_MODES:
            raise ValueError(f"nonstandard_tokens is one of {', '.join(NONSTANDARD_TOKEN_MODES)}")
        with self._lock:
            ordinal = self._made
            self._made += 1
        rng = Random(f"{self._seed}:{ordinal}")
        application = Application(
            client_id or generate_text(22, rng), secret or generate_secret(rng), Random(rng.random())
        )
        first_number = FIRST_PRODUCT_NUMBER + ordinal * 10_000_000
        catalogue = Catalogue(products, first_number, rng.randrange(2**32), self.clock)
        limits = Limits()
        limits.set_rate(replenish, burst)
        seller = Seller(name, application, catalogue, limits, rng, nonstandard_tokens=nonstandard_tokens)
        with self._lock:
            taken = {name for one in self._sellers.values() for name in (one.name, one.client_id)}
            if name in taken or application.client_id in taken:
                raise ValueError(f"there is a seller of that name or client id already: {name}")
            self._sellers[name] = seller
        return seller

    def seller(self, name: str) -> Seller:
        with self._lock:
            if name not in self._sellers:
                raise KeyError(f"no seller is called {name!r}")
            return self._sellers[name]

    def sellers(self) -> list[Seller]:
        with self._lock:
            return list(self._sellers.values())

    def remove_seller(self, name: str) -> None:
        """Close the shop: its key and its tokens are unknown from now on."""
        with self._lock:
            del self._sellers[self.seller(name).name]

    def reset(self) -> None:
        """Forget all sellers and all requests; generated keys start anew."""
        with self._lock:
            self._sellers.clear()
            self._made = 0
        self._log.clear()

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith(CONTROL_PREFIX):
            return self._control.answer(request)
        return self._gateway.answer(request)
