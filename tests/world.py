"""A whole GConnect without a queue: real services on a real database, against the simulator, by a fake clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import select

from db.base import Base
from db.notifications import Notification
from db.product_changes import ProductChange
from db.products import Product
from db.rejected_records import RejectedRecord
from db.schedules import SyncSchedule
from db.session import Database
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog
from services import schedules, sellers, syncing
from services.clock import Clock
from services.credentials import Keyring, generate_key
from services.naver.client import NaverClient, open_http
from services.runtime import Runtime
from services.settings import Settings
from services.syncing import Ran
from tests.fakes import RecordingMeter
from tests.simulator import Simulator
from tests.simulator.sellers import Seller as Shop

T = TypeVar("T", bound=Base)

KEY = generate_key()
"""One for all worlds of a test run: two of them may share a database."""


@dataclass
class World:
    """One runtime and the shops that it syncs; the runtime's clock is the simulator's too."""

    rt: Runtime
    clock: Any
    """The FakeClock that tests turn; the machine's own where real processes are at work."""
    meter: RecordingMeter
    naver: Simulator

    @classmethod
    def at(cls, database_url: str, naver: Simulator, clock: Clock, **settings: Any) -> World:
        """Build a world on a migrated database; *settings* stand above the defaults."""
        chosen = Settings.model_validate(
            {"encryption_key": SecretStr(KEY), "database_url": database_url, "naver_api_url": naver.url} | settings
        )
        meter = RecordingMeter()
        http = open_http(connect_timeout=5, read_timeout=min(5, chosen.naver_read_timeout.total_seconds()))
        client = NaverClient(http, naver.url, clock, meter, page_timeout=chosen.naver_page_timeout.total_seconds())
        rt = Runtime(chosen, Database.open(database_url), Keyring.parse(KEY), client, clock, meter)
        return cls(rt, clock, meter, naver)

    def shop(self, name: str = "한빛상회", products: int = 30, **options: Any) -> Shop:
        """Open a shop at Naver and register its seller with its key."""
        shop = self.naver.add_seller(name, products, **options)
        sellers.add_seller(self.rt, name, client_id=shop.client_id, secret=shop.secret)
        return shop

    def id_of(self, name: str = "한빛상회") -> int:
        return sellers.find_seller(self.rt, name).id

    def sync(self, name: str = "한빛상회") -> SyncLog:
        """Ask for a sync, run it until its attempt has ended, turn by turn, and return its row."""
        call, _ = schedules.request_sync(self.rt, self.id_of(name))
        return self.run(call.sync_id)

    def run(self, sync_id: int) -> SyncLog:
        """Run a sync until its attempt has ended, and return its row."""
        ran = syncing.run_sync(self.rt, sync_id)
        while any(call.sync_id == sync_id for call in ran.calls):
            ran = syncing.run_sync(self.rt, sync_id)
        return self.sync_log(sync_id)

    def turn(self, sync_id: int) -> Ran:
        """Run one turn of a sync."""
        return syncing.run_sync(self.rt, sync_id)

    def rows(self, table: type[T], **where: Any) -> Sequence[T]:
        """Return the rows of a table whose columns have these values, by primary key."""
        with self.rt.database.transaction() as session:
            return session.scalars(select(table).filter_by(**where).order_by(*table.__table__.primary_key)).all()

    def sync_log(self, sync_id: int) -> SyncLog:
        return self.rows(SyncLog, id=sync_id)[0]

    def attempts(self, sync_id: int) -> Sequence[SyncAttempt]:
        return self.rows(SyncAttempt, sync_id=sync_id)

    def schedule(self, name: str = "한빛상회") -> SyncSchedule:
        return self.rows(SyncSchedule, seller_id=self.id_of(name))[0]

    def products(self, name: str = "한빛상회") -> dict[int, Product]:
        """Return the products of a seller that are not removed, by number."""
        return {row.product_no: row for row in self.rows(Product, seller_id=self.id_of(name)) if row.removed_at is None}

    def documents(self, name: str = "한빛상회") -> dict[int, dict[str, Any]]:
        """Return the records of a seller's products, as the simulator's catalogue.expected() gives them."""
        return {number: row.document for number, row in self.products(name).items()}

    def changes(self, name: str = "한빛상회") -> list[tuple[int, str, str | None, Any, Any]]:
        """Return the change history of a seller: number, kind, field, old, new."""
        return [
            (row.product_no, row.kind.value, row.field, row.old, row.new)
            for row in self.rows(ProductChange, seller_id=self.id_of(name))
        ]

    def rejects(self, sync_id: int) -> list[tuple[int | None, str, str | None]]:
        """Return the rejected records of a sync: number, reason, field."""
        return [(row.product_no, row.reason, row.field) for row in self.rows(RejectedRecord, sync_id=sync_id)]

    def open_notifications(self) -> list[tuple[str, int]]:
        """Return the code and the occurrences of each notification that lasts."""
        return [(row.code, row.occurrences) for row in self.rows(Notification) if row.resolved_at is None]

    def live(self) -> list[SyncLog]:
        return [row for row in self.rows(SyncLog) if row.state in (State.QUEUED, State.RUNNING, State.WAITING)]

    def searches(self, name: str = "한빛상회") -> list[int | None]:
        """Return the pages that were asked for, in order."""
        return [each.page for each in self.naver.requests_of(name) if each.endpoint != "token"]
