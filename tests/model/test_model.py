"""The protocol's model is searched everywhere, and finds what goes wrong when one of its safeguards is taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.model.spin import SpinMissing, find_tools, search

# An installation of spin may be among it.
pytestmark = pytest.mark.timeout(900)

NOTHING = {
    "INSTANTS": 1,
    "REQUESTS": 0,
    "PAGES": 1,
    "RETRY_MAX": 1,
    "MAX_DEATHS": 2,
    "CRASHES": 0,
    "STALLS": 0,
    "LOSSES": 0,
    "DOUBLES": 0,
    "YIELDS": 0,
    "CANCELS": 0,
    "SETBACKS": 0,
}
ONE_SYNC = NOTHING | {
    "PAGES": 2,
    "MAX_DEATHS": 3,
    "CRASHES": 2,
    "STALLS": 2,
    "LOSSES": 1,
    "DOUBLES": 1,
    "YIELDS": 1,
    "CANCELS": 1,
}
"""Everything that can happen to one sync, most of it twice."""
TWO_SYNCS = NOTHING | {"INSTANTS": 2, "CRASHES": 1, "STALLS": 1, "DOUBLES": 1, "CANCELS": 1}
"""A worker of the first sync may come back while the second is at work."""
INSTANTS = NOTHING | {
    "INSTANTS": 2,
    "REQUESTS": 1,
    "RETRY_MAX": 0,
    "CRASHES": 1,
    "CANCELS": 1,
    "SETBACKS": 1,
}
"""Two tickers and a person open syncs; one is cancelled, and the schedule is set back to an instant that was served."""
CIRCLES = NOTHING | {"LIVENESS": 1, "TICKERS": 1, "CRASHES": 1, "STALLS": 1, "LOSSES": 1, "DOUBLES": 1, "YIELDS": 1}
"""Searched for runs that never end, too; that multiplies the work, so there is one ticker."""

ALL_IS_NOT_DONE = "next_run=="
TWO_LIVE_SYNCS = "assertion violated  !("
A_ZOMBIE_WROTE = "sync[r].holder=="
TWO_SYNCS_FOR_AN_INSTANT = "!(has_row[next_run])"
AN_INSTANT_WITHOUT_A_SYNC = "covered[next_run]"
AN_ENDLESS_CIRCLE = "acceptance cycle"


@pytest.fixture(scope="module")
def tools() -> tuple[str, str]:
    try:
        return find_tools()
    except SpinMissing as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(ONE_SYNC, id="one sync"),
        pytest.param(TWO_SYNCS, id="two syncs"),
        pytest.param(INSTANTS, id="instants"),
        pytest.param(CIRCLES, id="circles"),
    ],
)
def test_no_order_of_steps_breaks_a_promise(tools: tuple[str, str], tmp_path: Path, bounds: dict[str, int]) -> None:
    verdict = search(tools, tmp_path, bounds, thorough=True)
    assert verdict.finding == ""
    assert verdict.complete, verdict.output
    # The smallest of them; fewer would mean that the bounds leave nothing to search.
    assert verdict.states > 100_000


@pytest.mark.parametrize(
    ("switch", "bounds", "finding"),
    [
        ("NO_ATTEMPT_CHECK", ONE_SYNC, A_ZOMBIE_WROTE),
        ("NO_LIVE_INDEX", INSTANTS, TWO_LIVE_SYNCS),
        ("NO_INSTANT_INDEX", INSTANTS, TWO_SYNCS_FOR_AN_INSTANT),
        ("NO_RECOVERY", ONE_SYNC, ALL_IS_NOT_DONE),
        ("NO_BURIAL", CIRCLES, AN_ENDLESS_CIRCLE),
        ("LOOKS_FOR_A_LIVE_SYNC", INSTANTS, AN_INSTANT_WITHOUT_A_SYNC),
        ("COUNTS_FROM_NOW", INSTANTS, AN_INSTANT_WITHOUT_A_SYNC),
    ],
)
def test_without_a_safeguard_a_promise_is_broken(
    tools: tuple[str, str], tmp_path: Path, switch: str, bounds: dict[str, int], finding: str
) -> None:
    assert finding in search(tools, tmp_path, bounds | {switch: 1}, thorough=False).finding


@pytest.mark.parametrize(
    ("place", "bounds"),
    [
        ("ZOMBIE_IS_REFUSED", ONE_SYNC),
        ("POISON_IS_BURIED", ONE_SYNC),
        ("RETRY_IS_RECOVERED", ONE_SYNC),
        ("ONE_LATE_SYNC_FOR_TWO", INSTANTS),
        ("SERVED_INSTANT_IS_PASSED", INSTANTS),
        ("LIVE_SYNC_IS_WAITED_FOR", INSTANTS),
    ],
)
def test_the_search_comes_to_the_places_that_matter(
    tools: tuple[str, str], tmp_path: Path, place: str, bounds: dict[str, int]
) -> None:
    finding = search(tools, tmp_path, bounds | {"SHOW": place}, thorough=False).finding
    # The model's PLACE, which fails nowhere but there.
    assert re.match(r"assertion violated \(\((\d)!=\1\)", finding), finding
