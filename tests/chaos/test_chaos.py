"""Two minutes of chaos by the real commands: nothing is lost, nothing done twice, nothing left wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.actors.fleet import ROOT

FIGURES = {
    "seed",
    "due",
    "done",
    "started_twice",
    "kills",
    "restarts",
    "lost",
    "doubled",
    "findings",
    "longest_recovery_s",
}


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="freezes and adopts processes as only Linux can")
def test_two_minutes_of_chaos_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    # A process of its own: it adopts what its children leave behind, and a test runner must not.
    ran = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--minutes", "2", "--json", "--folder", str(tmp_path / "chaos")],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    said = f"{ran.stderr[-8000:]}\n{ran.stdout}"
    assert ran.returncode == 0, said
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert figures.keys() == FIGURES
    assert figures["due"] == figures["done"] > 0, said
    assert figures["kills"] > 10, said
    assert (figures["lost"], figures["doubled"], figures["findings"]) == (0, 0, 0), said
