"""
From "every 4 hours", as a cron expression and a time zone, to the next instant, with the seller's own phase.

Pure: no clock, no database. Cron is read on the wall clock of its zone and only then turned into an
instant, so that `0 */4 * * *` and `0 2 * * *` meet a clock change alike.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from services.texts import Refusal

PRESETS = {"4h": "0 */4 * * *", "6h": "0 */6 * * *", "12h": "0 */12 * * *", "daily": "0 2 * * *"}
DEFAULT_CRON = PRESETS["4h"]
DEFAULT_ZONE = "Asia/Seoul"

MIN_INTERVAL = timedelta(minutes=5)
"""A sync may last this long before it gives way to others; more often than that, a seller would never rest."""

MAX_LENGTH = 200
"""Characters of a cron expression; the longest useful one has about 60."""

_FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31",
    "month": "1-12, JAN-DEC",
    "day-of-week": "0-7, SUN-SAT",
}
_SPANS = (60, 24, 31, 12, 7)

# A leap year, so that a search from here sees 29 February within fifty years as from anywhere else.
_SEARCH_FROM = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall-clock time
_SPREAD_FACTOR = 0x9E3779B97F4A7C15


class CadenceError(Refusal):
    """A cron expression or a time zone that cannot be followed; the sentence names the culprit."""


def check(cron: str, zone: str | ZoneInfo) -> None:
    """Raise CadenceError unless *cron* can be followed in *zone*: it has instants, at least five minutes apart."""
    zone_of(zone)
    _next_wall_time(cron, _SEARCH_FROM)
    _check_interval(cron)


def zone_of(name: str | ZoneInfo) -> ZoneInfo:
    """Return the zone of an IANA name such as Asia/Seoul. Raise CadenceError, which proposes one that is near."""
    if isinstance(name, ZoneInfo):
        return name
    try:
        return ZoneInfo(name)
    # KeyError: no such zone. ValueError: not a relative path. OSError: a folder such as "Asia".
    except (KeyError, ValueError, OSError) as error:
        # Without the likes of EST and ROK, which look near to anything short.
        cities = sorted(zone for zone in available_timezones() if "/" in zone)
        near = difflib.get_close_matches(name[:60], cities, n=1, cutoff=0.7)
        raise CadenceError("cadence.zone", zone=name[:60], near=near[0] if near else DEFAULT_ZONE) from error


def preset_of(cron: str) -> str | None:
    """Return the name of the preset that *cron* is, or None."""
    plain = " ".join(cron.split())
    return next((name for name, preset in PRESETS.items() if preset == plain), None)


def phase(seller_id: int, window: timedelta) -> timedelta:
    """
    Return the seller's own delay: whole seconds from 0 up to *window*, the same at every call.

    Multiplying by the golden ratio lays consecutive ids out evenly, so that ten sellers are already
    spread and need no luck (Knuth, The Art of Computer Programming, volume 3, 6.4).
    """
    place = (seller_id * _SPREAD_FACTOR) % 2**64
    return timedelta(seconds=(place * int(window.total_seconds())) >> 64)


def next_run(cron: str, zone: ZoneInfo, phase: timedelta, after: datetime) -> datetime:
    """
    Return the first instant strictly later than *after* at which *cron* falls due, moved by *phase*.

    *cron* is read in *zone*: a time that a clock change skips is run at the next one that exists, and
    one that it repeats is run once, the first time. *after* is aware; the answer is in UTC.
    """
    start = after - phase
    wall = start.astimezone(zone).replace(tzinfo=None, fold=0)
    while True:
        wall = _next_wall_time(cron, wall)
        instant = _instant(wall, zone)
        # In the second pass of a repeated hour, wall times come up whose only run was in the first.
        if instant > start:
            return instant + phase


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    while _is_skipped(wall, zone):
        wall += timedelta(minutes=1)
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    there_and_back = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there_and_back.replace(tzinfo=None) != wall


def _next_wall_time(cron: str, wall: datetime) -> datetime:
    try:
        return next(_parse(cron, wall))
    # CronSim gives up after fifty years without a match: the 30th of February.
    except StopIteration as error:
        raise CadenceError("cadence.never", cron=cron) from error


def _parse(cron: str, wall: datetime) -> CronSim:
    shown = cron[:MAX_LENGTH]
    if len(cron) > MAX_LENGTH:
        raise CadenceError("cadence.length", cron=shown, limit=MAX_LENGTH)
    if cron.strip().startswith("@"):
        raise CadenceError("cadence.nickname", cron=shown)
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        problem = "cadence.seconds" if len(fields) == len(_FIELDS) + 1 else "cadence.fields"
        raise CadenceError(problem, cron=shown, count=len(fields))
    for text, name, span in zip(fields, _FIELDS, _SPANS, strict=True):
        # CronSim would take */90 in the minutes for "at minute 0", which nobody means who writes it.
        if any(int(step) >= span for step in re.findall(r"/([0-9]+)", text)):
            raise CadenceError("cadence.step", cron=shown, text=text, field=name, span=span)
    try:
        return CronSim(cron, wall)
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        text = fields[list(_FIELDS).index(name)]
        # CronSim also says "Bad day-of-month" of a day that its month does not have.
        if name == "day-of-month" and _is_day(text, wall):
            raise CadenceError("cadence.never", cron=shown) from error
        raise CadenceError("cadence.field", cron=shown, text=text, field=name, allowed=_FIELDS[name]) from error


def _is_day(text: str, wall: datetime) -> bool:
    try:
        CronSim(f"0 0 {text} * *", wall)
    except CronSimError:
        return False
    return True


def _check_interval(cron: str) -> None:
    parsed = _parse(cron, _SEARCH_FROM)
    minutes = sorted(60 * hour + minute for hour in parsed.hours for minute in parsed.minutes)
    # The last of a day and the first of the next are taken for neighbours, whichever days they are.
    minutes.append(minutes[0] + 24 * 60)
    shortest = min(later - earlier for earlier, later in pairwise(minutes))
    least = MIN_INTERVAL // timedelta(minutes=1)
    if shortest < least:
        raise CadenceError("cadence.too_often", cron=cron, minutes=shortest, least=least)
