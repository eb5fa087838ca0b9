"""The cadences of thousands of sellers over weeks, two clock changes among them: computed twice, by different roads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services import cadence
from services.cadence import PRESETS

SELLERS = 2_000
SPREAD = timedelta(minutes=10)
# Berlin's clocks go back on 25 October 2026, New York's on 1 November; Seoul's never do.
SINCE, UNTIL = datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
ZONES = [ZoneInfo(name) for name in ("Asia/Seoul", "Asia/Seoul", "Europe/Berlin", "America/New_York")]
HOURS = {"4h": range(0, 24, 4), "6h": range(0, 24, 6), "12h": range(0, 24, 12), "daily": [2]}


def every_instant(preset: str, zone: ZoneInfo, phase: timedelta) -> list[datetime]:
    """Return the instants by the calendar: each hour of the preset on each day of the zone."""
    day, found = date(2026, 10, 17), []
    while day < date(2026, 11, 11):
        for hour in HOURS[preset]:
            wall = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            found.append(wall.astimezone(UTC) + phase)
        day += timedelta(days=1)
    return [instant for instant in sorted(found) if SINCE < instant <= UNTIL]


def test_no_instant_of_thousands_of_sellers_is_missed_or_doubled_over_weeks() -> None:
    for seller_id in range(1, SELLERS + 1):
        preset = list(PRESETS)[seller_id % 4]
        zone = ZONES[seller_id // 4 % 4]
        phase = cadence.phase(seller_id, SPREAD)
        served, at = [], SINCE
        while (at := cadence.next_run(PRESETS[preset], zone, phase, at)) <= UNTIL:
            served.append(at)
        assert served == every_instant(preset, zone, phase)


@pytest.mark.parametrize("first_id", [1, 1_000_000])
@pytest.mark.parametrize("sellers", [10, 137, 2_000, 10_000])
def test_sellers_of_one_slot_are_spread_evenly_over_the_window(sellers: int, first_id: int) -> None:
    minutes = Counter(
        cadence.phase(seller_id, SPREAD) // timedelta(minutes=1) for seller_id in range(first_id, first_id + sellers)
    )
    fair = sellers / 10
    # Low discrepancy: no minute is off by more than a few sellers, however many there are.
    assert all(abs(minutes[minute] - fair) <= 3 for minute in range(10))


def test_every_third_seller_who_has_left_leaves_the_others_spread() -> None:
    minutes = Counter(
        cadence.phase(seller_id, SPREAD) // timedelta(minutes=1) for seller_id in range(1, 3_001) if seller_id % 3
    )
    assert all(abs(count - 200) <= 20 for count in minutes.values())
