"""How values read to people: instants, spans, cadences, outcomes, counts. In the language of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from console.output import marked
from db.sync_logs import SyncLog
from services.cadence import DEFAULT_ZONE, CadenceError, zone_of
from services.explaining import Told
from services.texts import Sentence, Texts

NOTHING = "–"

COUNTS = ("added", "changed", "restored", "removed", "held", "rejected")


class Phrases:
    """Puts values into words, as seen from *now*; instants stand in *zone* unless another one is given."""

    def __init__(self, texts: Texts, now: datetime, zone: str = DEFAULT_ZONE) -> None:
        self.texts = texts
        self.now = now
        self.zone = zone

    def at(self, instant: datetime | None, zone: str | None = None) -> str:
        """Return an instant exactly, with its zone: 2026-11-22 14:37:10 KST."""
        if instant is None:
            return NOTHING
        return instant.astimezone(_zone(zone or self.zone)).strftime("%Y-%m-%d %H:%M:%S %Z")

    def ago(self, instant: datetime | None) -> str:
        """Return how long ago, or in how long: 3분 전, 3분 뒤."""
        if instant is None:
            return NOTHING
        seconds = (instant - self.now).total_seconds()
        if abs(seconds) < 60:
            return self.texts.say("time.now" if seconds <= 0 else "time.soon")
        span = self._rough(abs(seconds))
        return self.texts.say("time.ago" if seconds < 0 else "time.ahead", span=span)

    def both(self, instant: datetime | None, zone: str | None = None) -> str:
        """Return an instant exactly and in words, a line each, for a cell."""
        return NOTHING if instant is None else f"{self.ago(instant)}\n{self.at(instant, zone)}"

    def within(self, instant: datetime | None, zone: str | None = None) -> str:
        """Return an instant exactly and in words, within a sentence."""
        return NOTHING if instant is None else f"{self.at(instant, zone)} ({self.ago(instant)})"

    def lasting(self, span: timedelta | None) -> str:
        """Return a span: 12초, 3분 20초, 2시간 5분."""
        if span is None:
            return NOTHING
        seconds = max(0, round(span.total_seconds()))
        if seconds < 60:
            return self.texts.say("time.seconds", count=seconds)
        if seconds < 3600:
            parts = [("minutes", seconds // 60), ("seconds", seconds % 60)]
        elif seconds < 86_400:
            parts = [("hours", seconds // 3600), ("minutes", seconds % 3600 // 60)]
        else:
            parts = [("days", seconds // 86_400), ("hours", seconds % 86_400 // 3600)]
        return " ".join(self.texts.say(f"time.{unit}", count=count) for unit, count in parts if count)

    def cadence(self, cron: str) -> str:
        """Return a cron expression in words where it has plain ones, else as it stands."""
        fields = cron.split()
        if len(fields) != 5 or fields[2] != "*" or fields[3] != "*" or not re.fullmatch(r"\d{1,2}", fields[0]):
            return cron
        minute, hour, day = int(fields[0]), fields[1], fields[4].upper()
        every = re.fullmatch(r"\*/(\d{1,2})", hour)
        if (every or hour == "*") and minute == 0 and day == "*":
            return self.texts.say("time.every_hours", count=int(every[1]) if every else 1)
        if not re.fullmatch(r"\d{1,2}(,\d{1,2}){0,5}", hour) or day not in ("*", "1-5", "MON-FRI"):
            return cron
        times = ", ".join(f"{int(each):02}:{minute:02}" for each in hour.split(","))
        return self.texts.say("time.daily" if day == "*" else "time.weekdays", times=times)

    def state(self, state: str) -> Text:
        """Return a sync's state as an icon and a word."""
        return marked(state, self.texts.say(f"status.{state}"))

    def found(self, sync: SyncLog) -> str:
        """Return what a sync found; of one that did not come to its end, only what there is."""
        came_to_an_end = sync.seen is not None
        return self.counts(sync) if came_to_an_end or any(getattr(sync, name) for name in COUNTS) else NOTHING

    def counts(self, sync: SyncLog) -> str:
        """Return what a sync has found so far: 추가 5 · 변경 3."""
        return self.counted({name: getattr(sync, name) for name in COUNTS})

    def counted(self, counts: Mapping[str, int]) -> str:
        """Return counts that are not 0, each with its word."""
        found = [self.texts.say(f"count.{name}", count=count) for name, count in counts.items() if count]
        return " · ".join(found) or self.texts.say("count.none")

    def duration(self, sync: SyncLog) -> str:
        """Return how long a sync took, or has been at work so far."""
        if sync.started_at is None:
            return NOTHING
        return self.lasting((sync.finished_at or self.now) - sync.started_at)

    def reason(self, sync: SyncLog, seller: str) -> str | None:
        """Return why a sync is not well, and what to do; None where all is well."""
        if sync.code is None:
            return None
        return self.told(Told(sync.code, {"seller": seller, **(sync.params or {})}))

    def told(self, item: Sentence | Told) -> str:
        """Return a sentence; of a code, what happened and what to do."""
        params = {name: self._word(value) for name, value in item.params.items()}
        if isinstance(item, Sentence):
            return self.texts.say(item.key, **params)
        return f"{self.texts.what(item.code, **params)} {self.texts.act(item.code, **params)}"

    def _word(self, value: object) -> object:
        if isinstance(value, datetime):
            return self.within(value)
        if isinstance(value, timedelta):
            return self.lasting(value)
        return value.told(self.texts) if isinstance(value, Sentence) else value

    def _rough(self, seconds: float) -> str:
        if seconds < 3600:
            return self.texts.say("time.minutes", count=int(seconds // 60))
        if seconds < 48 * 3600:
            return self.texts.say("time.hours", count=int(seconds // 3600))
        return self.texts.say("time.days", count=int(seconds // 86_400))


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except CadenceError:
        # Entered by other hands than ours; a list must still be shown.
        return ZoneInfo(DEFAULT_ZONE)
