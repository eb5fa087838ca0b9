"""The simulator of Naver as a process of its own, steered by its HTTP control API."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from tests.actors.fleet import ROOT


class NaverProcess:
    """Runs for the length of a block; it holds the truth, so nothing ever happens to it."""

    def __init__(self, seed: int) -> None:
        self._command = [sys.executable, "-m", "tests.simulator", "--stdin", "--seed", str(seed)]
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        if self._process.stdout is None:
            raise AssertionError("the simulator is started with a pipe")
        self.url = json.loads(self._process.stdout.readline())["url"]
        self._http = httpx.Client(base_url=self.url + "/_simulator/", timeout=30, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the simulator is started with pipes")
        # Which is what it ends by.
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def open_shop(self, name: str, products: int, replenish: int) -> tuple[str, str]:
        """Open a shop; return its client id and its secret."""
        shop = self._call("POST", "sellers", name=name, products=products, replenish=replenish)
        return shop["client_id"], shop["client_secret"]

    def add_fault(self, name: str, kind: str, **options: Any) -> None:
        self._call("POST", f"sellers/{quote(name)}/faults", kind=kind, **options)

    def add_fault_for_all(self, kind: str) -> None:
        self._call("POST", "faults", kind=kind)

    def clear_faults(self, kind: str | None = None) -> None:
        """End the faults of one kind, or all of them, of all shops."""
        self._http.delete("faults", params={"kind": kind} if kind else {}).raise_for_status()

    def change(self, name: str, change: str, **options: Any) -> None:
        self._call("POST", f"sellers/{quote(name)}/catalogue", change=change, **options)

    def catalogue(self, name: str) -> dict[int, dict[str, Any]]:
        """Return what a correct and complete sync has seen: each listed item by its origin product number."""
        listed: dict[str, dict[str, Any]] = self._call("GET", f"sellers/{quote(name)}/catalogue")
        return {int(number): item for number, item in listed.items()}

    def _call(self, method: str, path: str, **document: Any) -> Any:
        return self._http.request(method, path, json=document or None).raise_for_status().json()
