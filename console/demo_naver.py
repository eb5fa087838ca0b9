"""The simulated Naver of the demo: a process of its own, its shops, and how the demo turns its switches."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
"""The checkout: the simulator belongs to the tests and is not installed with the program."""

END_S = 10.0
"""How long the simulator may take to end once its standard input is closed."""


@dataclass(frozen=True)
class Shop:
    """One seller of the demo; *shows* is the text in the table [demo] that says what he is there for."""

    name: str
    shows: str
    products: int
    faults: tuple[dict[str, Any], ...] = ()
    key_of: str | None = None
    """The shop whose secret is entered for this one; null where none is."""


SHOPS = (
    Shop("한빛상회", "small", 150, key_of="한빛상회"),
    Shop("서울종합몰", "large", 5_000, key_of="서울종합몰"),
    # The mistake that people make: another shop's secret.
    Shop("달빛문구", "wrong_secret", 40, key_of="한빛상회"),
    Shop("새벽과일", "no_key", 60),
    Shop("바다건어물", "healed", 1_200, ({"kind": "block", "page": 2, "times": 1},), key_of="바다건어물"),
)

BUSY_SHOPS = ("한빛상회", "바다건어물")
"""Those whose catalogue changes now and then while the demo goes on."""


class SimulatorMissing(Exception):
    """There is no simulator to be started, or it ended; the text says which."""


@dataclass(frozen=True)
class Key:
    """What a seller copies from Naver's page: the application's id and secret."""

    client_id: str
    secret: str


class SimulatedNaver:
    """The simulator, started when the block begins and ended with it, however that ends."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        """*folder* takes the list of shops and what the simulator writes to standard error."""
        if not (root / "tests" / "simulator" / "__main__.py").is_file():
            raise SimulatorMissing(f"no tests/simulator in {root}")
        sellers = folder / "shops.json"
        shops = [{"name": shop.name, "products": shop.products, "faults": shop.faults} for shop in SHOPS]
        sellers.write_text(json.dumps(shops), encoding="utf-8")
        with (folder / "simulator.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
                # It ends when its standard input closes, and so also when this process is killed.
                [sys.executable, "-m", "tests.simulator", "--port", "0", "--stdin", "--sellers", str(sellers)],
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for us alone: the simulator is needed until the syncs have ended.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        # No proxy stands between this machine and itself.
        self._http = httpx.Client(trust_env=False, verify=False, timeout=END_S)  # noqa: S501 - plain http to loopback

    def __enter__(self) -> SimulatedNaver:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._http.close()

    def end(self) -> None:
        """Let the simulator end, and see to it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @cached_property
    def _announcement(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise SimulatorMissing("the simulator ended before it listened")
        announcement: dict[str, Any] = json.loads(line)
        return announcement

    @property
    def url(self) -> str:
        """The address of the API; waits until the simulator listens. Raise SimulatorMissing where it never does."""
        return str(self._announcement["url"])

    def key_for(self, shop: Shop) -> Key | None:
        """Return the key that the demo enters for a shop, right or wrong; None where it enters none."""
        known = {each["name"]: each for each in self._announcement["sellers"]}
        if shop.key_of is None:
            return None
        return Key(known[shop.name]["client_id"], known[shop.key_of]["client_secret"])

    def change_some(self, name: str, changes: int) -> None:
        """Let a shop be edited as a busy seller does: prices, stock, names, and a product that comes or goes."""
        self._call("POST", f"{name}/catalogue", {"change": "churn", "changes": changes})

    def faults_met(self, name: str) -> int:
        """Return how often a fault has struck the requests for this shop."""
        return sum(fault["fired"] for fault in self._call("GET", f"{name}/faults"))

    def _call(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(method, f"{self.url}/_simulator/sellers/{path}", json=document)
            return answer.raise_for_status().json()
        except httpx.HTTPError as error:
            raise SimulatorMissing(f"the simulator does not answer: {type(error).__name__}") from error
