# ruff: noqa: DTZ001 - wall-clock times are what cron is about
"""Every instant of a schedule comes once, in order, on the wall clock of its zone, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.cadence import (
    DEFAULT_CRON,
    DEFAULT_ZONE,
    PRESETS,
    CadenceError,
    check,
    next_run,
    phase,
    preset_of,
    zone_of,
)
from services.texts import Texts

SEOUL, PARIS = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Paris")
ZONES = [SEOUL, PARIS, *map(ZoneInfo, ["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])]
CRONS = [
    *PRESETS.values(),
    "30 2 * * *",
    "15,45 1-3 * * *",
    "0 0 29 2 *",
    "0 9 * * MON-FRI",
]
NO_PHASE = timedelta(0)


def runs(
    cron: str, zone: ZoneInfo, since: datetime, until: datetime, phase: timedelta = NO_PHASE
) -> Iterator[datetime]:
    at = next_run(cron, zone, phase, since)
    while at < until:
        yield at
        at = next_run(cron, zone, phase, at)


def on_the_wall(zone: ZoneInfo, *runs: datetime) -> list[str]:
    return [f"{run.astimezone(zone):%d. %H:%M%z}" for run in runs]


@cache
def clock_of(zone: ZoneInfo) -> dict[datetime, datetime]:
    """Return when the wall clock of *zone* first stood at, or beyond, each fifth minute of 2026: an oracle."""
    reached: dict[datetime, datetime] = {}
    step = timedelta(minutes=5)
    due = datetime(2025, 12, 31)
    for number in range(-12 * 24, 366 * 24 * 12):
        at = datetime(2026, 1, 1, tzinfo=UTC) + number * step
        while due <= at.astimezone(zone).replace(tzinfo=None):
            reached[due] = at
            due += step
    return reached


def expected_runs(cron: str, zone: ZoneInfo, since: datetime, until: datetime) -> list[datetime]:
    on_a_clock_that_never_changes = runs(cron, ZoneInfo("UTC"), since - timedelta(days=1), until + timedelta(days=1))
    instants = {clock_of(zone).get(wall.replace(tzinfo=None), since) for wall in on_a_clock_that_never_changes}
    return sorted(instant for instant in instants if since < instant < until)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("cron", CRONS)
def test_a_year_has_every_wall_clock_time_once_and_no_other(cron: str, zone: ZoneInfo) -> None:
    since, until = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 12, 30, tzinfo=UTC)
    assert list(runs(cron, zone, since, until)) == expected_runs(cron, zone, since, until)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("change", ["03-08", "03-29", "04-05", "10-04", "10-25", "11-01"])
@pytest.mark.parametrize("cron", ["0 * * * *", "*/5 * * * *", "5-55/25 0-5 * * *"])
def test_the_days_of_clock_changes_have_every_time_once(cron: str, change: str, zone: ZoneInfo) -> None:
    day = datetime.fromisoformat(f"2026-{change}T00:00:00+00:00")
    since, until = day - timedelta(days=1), day + timedelta(days=1)
    assert list(runs(cron, zone, since, until)) == expected_runs(cron, zone, since, until)


@given(
    st.sampled_from(CRONS),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)),
    st.integers(0, 14_400).map(lambda seconds: timedelta(seconds=seconds)),
)
@example("30 2 * * *", PARIS, datetime(2026, 10, 25, 1, 25), timedelta(minutes=10))
def test_the_next_run_is_later_and_nothing_lies_between(
    cron: str, zone: ZoneInfo, after: datetime, phase: timedelta
) -> None:
    start = after.replace(tzinfo=UTC)
    at = next_run(cron, zone, phase, start)
    assert start < at
    assert at.tzinfo is UTC
    assert next_run(cron, zone, phase, at - timedelta(microseconds=1)) == at
    assert next_run(cron, zone, phase, start + (at - start) / 2) == at
    assert next_run(cron, zone, phase, at) > at


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
def test_the_phase_moves_the_instant_and_nothing_else(cron: str, zone: ZoneInfo, after: datetime) -> None:
    start, moved = after.replace(tzinfo=UTC), timedelta(seconds=437)
    assert next_run(cron, zone, moved, start + moved) == next_run(cron, zone, NO_PHASE, start) + moved


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_daily_at_two_runs_on_every_day_of_a_year(zone: ZoneInfo, year: int) -> None:
    since, until = datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    days = [run.astimezone(zone).date() for run in runs(PRESETS["daily"], zone, since, until)]
    assert len(days) == len(set(days)) == (until.date() - since.date()).days


def test_a_skipped_time_runs_at_the_next_one_that_exists() -> None:
    night = datetime(2026, 3, 28, 12, tzinfo=PARIS)
    found = islice(runs("30 2 * * *", PARIS, night, datetime(2030, 1, 1, tzinfo=UTC)), 2)
    assert on_the_wall(PARIS, *found) == ["29. 03:00+0200", "30. 02:30+0200"]


def test_a_repeated_time_runs_once_with_and_without_wildcards() -> None:
    evening, morning = datetime(2026, 10, 24, 23, 30, tzinfo=PARIS), datetime(2026, 10, 25, 4, tzinfo=PARIS)
    once = ["25. 00:00+0200", "25. 01:00+0200", "25. 02:00+0200", "25. 03:00+0100"]
    assert on_the_wall(PARIS, *runs("0 * * * *", PARIS, evening, morning)) == once
    assert on_the_wall(PARIS, *runs("0 0,1,2,3 * * *", PARIS, evening, morning)) == once


def test_times_that_a_clock_change_throws_together_run_once() -> None:
    night, morning = datetime(2026, 3, 29, 1, 30, tzinfo=PARIS), datetime(2026, 3, 29, 4, tzinfo=PARIS)
    assert on_the_wall(PARIS, *runs("*/20 * * * *", PARIS, night, morning)) == [
        *["29. 01:40+0100", "29. 03:00+0200", "29. 03:20+0200", "29. 03:40+0200"],
    ]


def test_a_day_that_a_zone_leaves_out_runs_when_the_next_one_begins() -> None:
    apia = ZoneInfo("Pacific/Apia")
    found = runs("0 2 * * *", apia, datetime(2011, 12, 29, 1, tzinfo=apia), datetime(2012, 1, 1, tzinfo=apia))
    assert on_the_wall(apia, *found) == ["29. 02:00-1000", "31. 00:00+1400", "31. 02:00+1400"]


def test_every_four_hours_in_seoul_falls_on_the_wall_clock_of_seoul() -> None:
    noon = datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=SEOUL)
    found = islice(runs(DEFAULT_CRON, zone_of(DEFAULT_ZONE), noon, datetime(2027, 1, 1, tzinfo=UTC)), 3)
    assert on_the_wall(SEOUL, *found) == ["22. 16:00+0900", "22. 20:00+0900", "23. 00:00+0900"]


@pytest.mark.parametrize("sunday", ["0", "7", "SUN", "sun"])
def test_sunday_has_four_spellings(sunday: str) -> None:
    run = next_run(f"0 3 * * {sunday}", SEOUL, NO_PHASE, datetime(2026, 11, 23, tzinfo=UTC))
    assert on_the_wall(SEOUL, run) == ["29. 03:00+0900"]


@given(st.integers(), st.integers(0, 100_000).map(lambda milliseconds: timedelta(milliseconds=milliseconds)))
def test_the_phase_lies_in_the_window_and_is_whole_seconds(seller_id: int, window: timedelta) -> None:
    found = phase(seller_id, window)
    assert NO_PHASE <= found < max(window, timedelta(seconds=1))
    assert found == phase(seller_id, window)
    assert found.microseconds == 0


@given(st.integers(1, 1_000_000), st.integers(1, 7))
def test_sellers_are_spread_evenly_whichever_of_them_share_a_time(first: int, step: int) -> None:
    window, slots = timedelta(minutes=10), [0] * 10
    for seller_id in range(first, first + 500 * step, step):
        slots[phase(seller_id, window) // timedelta(minutes=1)] += 1
    assert 40 <= min(slots) <= max(slots) <= 60


def test_ten_new_sellers_do_not_share_a_minute() -> None:
    minutes = [phase(seller_id, timedelta(minutes=10)) // timedelta(minutes=1) for seller_id in range(1, 11)]
    assert max(map(minutes.count, minutes)) <= 2


def test_presets_are_known_by_their_expression() -> None:
    assert {preset_of(cron) for cron in PRESETS.values()} == set(PRESETS)
    assert preset_of("  0   */4 * * *\n") == "4h"
    assert preset_of("1 */4 * * *") is None


@pytest.mark.parametrize(
    "cron", [*CRONS, "0 0 L * *", "0 0 LW * *", "0 3 * * 5L", "0 3 * * MON#1", "5/20 * * JAN,JUL *"]
)
def test_what_can_be_followed_is_accepted(cron: str) -> None:
    check(cron, SEOUL)
    check(cron, "Europe/Paris")


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        ("", "0 fields"),
        ("0 0", "2 fields"),
        ("0 0 * * * *", "no seconds"),
        ("0 0 0 * * * 2026", "7 fields"),
        ("@daily", '"0 */4 * * *"'),
        ("60 * * * *", '"60" in "60 * * * *" is not a valid minute; allowed are 0-59'),
        ("0 24 * * *", "not a valid hour"),
        ("0 0 0 * *", "not a valid day-of-month"),
        ("0 0 ? * *", '"?"'),
        ("0 0 * 13 *", "not a valid month"),
        ("0 0 * * 8", "not a valid day-of-week"),
        ("0 0 * * FRI-MON", "ranges upwards"),
        ("0 0 * * 월", '"월"'),
        ("-5 * * * *", '"-5"'),
        ("1.5 * * * *", '"1.5"'),
        ("*/90 * * * *", "steps further than the 60 values of minute"),
        ("0 */24 * * *", "steps further than the 24 values of hour"),
        ("*/0 * * * *", '"*/0"'),
        ("0 0 30 2 *", "no such day"),
        ("0 0 31 4,6 *", "no such day"),
        ("0 0 * * 1#6", "not a valid day-of-week"),
        ("* * * * *", "1 min apart"),
        ("*/4 * * * *", "4 min apart"),
        ("58 23,0 * * *", None),
        ("0,58 0,23 * * *", "2 min apart"),
        ("0 " + "0," * 100 + "0 * * *", "longer than 200"),
        ("9" * 5000 + " * * * *", "longer than 200"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_culprit(cron: str, sentence: str | None) -> None:
    if sentence is None:
        check(cron, SEOUL)
        return
    with pytest.raises(CadenceError) as caught:
        check(cron, SEOUL)
    assert sentence in str(caught.value)
    assert caught.value.told(Texts("ko")) != str(caught.value)


def test_a_day_that_never_comes_ends_the_search() -> None:
    # "Both must match", since a field begins with a star, and the first of a month is in its first week.
    with pytest.raises(CadenceError, match="never falls due"):
        check("0 0 */30 2 1#5", SEOUL)
    with pytest.raises(CadenceError, match="never falls due"):
        next_run("0 0 */30 2 1#5", SEOUL, NO_PHASE, datetime(2026, 1, 1, tzinfo=UTC))


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(), st.lists(st.text("0123456789*/,-#LWSUNMONJAN ", max_size=6), min_size=5, max_size=5).map(" ".join)
    )
)
def test_any_text_is_either_followed_or_refused_with_a_sentence(cron: str) -> None:
    try:
        check(cron, SEOUL)
    except CadenceError as error:
        assert len(str(error)) > 20  # noqa: PT017
    else:
        assert next_run(cron, PARIS, NO_PHASE, datetime(2026, 1, 1, tzinfo=UTC)).year < 2080


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Asia/Soul", "Asia/Seoul"),
        ("Europe/Pariss", "Europe/Paris"),
        ("KST", "Asia/Seoul"),
        ("", "Asia/Seoul"),
        ("Asia", "Asia/Seoul"),
        ("../../etc/passwd", "Asia/Seoul"),
        ("/etc/localtime", "Asia/Seoul"),
        ("a\0b", "Asia/Seoul"),
        ("x" * 10_000, "Asia/Seoul"),
    ],
)
def test_an_unknown_zone_is_refused_with_a_proposal(name: str, near: str) -> None:
    with pytest.raises(CadenceError, match="is not a time zone") as caught:
        check(DEFAULT_CRON, name)
    assert near in str(caught.value)


def test_six_hours_lie_between_the_runs_of_six_hours() -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    found = list(runs(PRESETS["6h"], SEOUL, since, until, timedelta(seconds=123)))
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=6)}
