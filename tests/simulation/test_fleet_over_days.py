"""
A fleet over days of fake time: the real services and database, a queue, six workers, a cap, and a day of downtime.

Naver is an empty shop that answers when the simulation says so; every worker is parked until then.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from db.schedules import SyncSchedule
from db.session import Database
from db.sync_logs import State, SyncLog, count_in
from services import auditing, recovery, schedules, sellers, syncing
from services.cadence import PRESETS
from services.credentials import Keyring
from services.naver.client import NaverClient
from services.runtime import Runtime
from services.schedules import Call
from services.settings import Settings
from tests.conftest import copy_sqlite, sqlite_url
from tests.fakes import FakeClock
from tests.stepping import Job, SteppingMeter
from tests.world import KEY

SELLERS = 100
WORKERS = 6
CAP = 4
EVERY = timedelta(minutes=5)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
UP = timedelta(hours=9)
SECRET = "$2a$04$abcdefghijklmnopqrstuu"


def empty_shop(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/token"):
        return httpx.Response(200, json={"access_token": "t", "expires_in": 10_800, "token_type": "Bearer"})
    return httpx.Response(200, json={"contents": [], "page": 1, "size": 500, "totalElements": 0, "totalPages": 0})


class Fleet:
    """Ticks, messages and workers by the fake clock, each thing at its moment."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock()
        settings = Settings.model_validate(
            {
                "encryption_key": SecretStr(KEY),
                "database_url": url,
                "max_concurrent": CAP,
                "check_interval": str(EVERY // timedelta(milliseconds=1)),
            }
        )
        http = httpx.Client(transport=httpx.MockTransport(empty_shop))
        meter = SteppingMeter()
        client = NaverClient(http, "http://127.0.0.1:9", self.clock, meter, page_timeout=60)
        self.rt = Runtime(settings, Database.open(url), Keyring.parse(KEY), client, self.clock, meter)
        self.queue: deque[Call] = deque()
        self.busy: list[tuple[datetime, int, Job]] = []
        """Workers that wait for Naver's answer, by when it comes."""
        self.order = count()
        self.most_running = 0

    def send(self, calls: list[Call]) -> None:
        self.queue.extend(calls)
        if calls:
            recovery.note_sent(self.rt, [call.sync_id for call in calls])

    def run(self, until: datetime, *, ticks: bool = True) -> None:
        """Let time pass; without *ticks* nobody is at work, as on a machine that is off."""
        next_tick = self.clock.now()
        while ticks and self.clock.now() < until:
            if next_tick <= self.clock.now():
                self.send(schedules.open_due_syncs(self.rt))
                self.send(recovery.recover(self.rt))
                next_tick += EVERY
            self.take_messages()
            at = min([next_tick, until, *(end for end, _, _ in self.busy[:1])])
            self.clock.set_wall(at)
            self.answer()
        self.clock.set_wall(until)

    def take_messages(self) -> None:
        while self.queue and len(self.busy) < WORKERS:
            call = self.queue.popleft()
            job = Job(lambda call=call: self.send(syncing.run_sync(self.rt, call.sync_id).calls))  # type: ignore[misc]
            # The token, and then the page that is waited for.
            job.go_on(2)
            if not job.is_over:
                end = self.clock.now() + timedelta(seconds=5 + 7 * call.sync_id % 50)
                heapq.heappush(self.busy, (end, next(self.order), job))
            with self.rt.database.snapshot() as session:
                self.most_running = max(self.most_running, count_in(session, State.RUNNING))

    def answer(self) -> None:
        while self.busy and self.busy[0][0] <= self.clock.now():
            heapq.heappop(self.busy)[2].go_on()

    def syncs(self) -> dict[int, list[SyncLog]]:
        """Return the syncs of each seller, oldest first."""
        found = defaultdict(list)
        with self.rt.database.snapshot() as session:
            for sync in session.scalars(select(SyncLog).order_by(SyncLog.id)):
                found[sync.seller_id].append(sync)
        return found


@pytest.fixture
def fleet(sqlite_template: Path, tmp_path: Path, quiet: None) -> Iterator[Fleet]:
    copy_sqlite(sqlite_template, tmp_path / "gconnect.db")
    fleet = Fleet(sqlite_url(tmp_path / "gconnect.db"))
    for number in range(SELLERS):
        cron = PRESETS["4h"] if number % 3 else PRESETS["6h"]
        sellers.add_seller(fleet.rt, f"가게 {number}", client_id=f"id{number}", secret=SECRET, cron=cron)
    yield fleet
    fleet.rt.close()


def test_a_fleet_over_days_with_a_day_of_downtime(fleet: Fleet) -> None:
    since = fleet.clock.now()
    fleet.run(since + UP)
    assert auditing.audit(fleet.rt) == []
    down, up = fleet.clock.now(), fleet.clock.now() + DAY
    fleet.run(up, ticks=False)
    fleet.run(up + UP)
    assert auditing.audit(fleet.rt) == []
    assert fleet.most_running == CAP
    caught_up: list[datetime] = []
    with fleet.rt.database.snapshot() as session:
        cadences = {row.seller_id: row for row in session.scalars(select(SyncSchedule))}
    for seller_id, found in fleet.syncs().items():
        schedule = cadences[seller_id]
        instants = [sync.scheduled_for for sync in found if sync.scheduled_for is not None]
        assert len(instants) == len(found)
        assert {sync.state for sync in found} == {State.SUCCEEDED}
        every = every_instant(fleet, schedule, since)
        late = next(sync for sync in found if sync.created_at >= up)
        missed = [instant for instant in every if down < instant <= late.created_at]
        assert late.scheduled_for == missed[0]
        # Those that fell into the day of downtime are one late sync, and no other is missing or doubled.
        assert instants == [instant for instant in every if instant not in missed[1:]]
        for earlier, later in pairwise(found):
            assert earlier.finished_at is not None
            assert earlier.finished_at <= later.created_at
        for sync in found:
            assert sync.scheduled_for is not None
            assert sync.finished_at is not None
            if sync is late:
                caught_up.append(sync.finished_at)
            else:
                assert sync.finished_at - sync.scheduled_for < 40 * MINUTE
    assert len(caught_up) == SELLERS
    # A hundred syncs of 30 seconds, four at once, come to 13 minutes.
    assert max(caught_up) - up < 30 * MINUTE


def every_instant(fleet: Fleet, schedule: SyncSchedule, since: datetime) -> list[datetime]:
    """Return every instant of a schedule from *since* until one that the fleet had time to serve."""
    found, at = [], since
    while (at := _next_run(fleet, schedule, at)) < schedule.next_run:
        found.append(at)
    assert schedule.next_run > fleet.clock.now()
    return found


def _next_run(fleet: Fleet, schedule: SyncSchedule, after: datetime) -> datetime:
    return schedules.next_run(schedule.seller_id, schedule.cron, schedule.zone, fleet.rt.settings.spread, after)
