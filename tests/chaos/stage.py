"""What a run needs, made for it alone: servers, simulator, shops, supervised programs, a runtime to look in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Lock

from sqlalchemy import select

from db.migration import upgrade
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog
from services import sellers
from services.credentials import generate_key
from services.runtime import Runtime, build
from services.settings import load_settings
from tests.actors.fleet import free_port
from tests.chaos import witness
from tests.chaos.naver import NaverProcess
from tests.chaos.plan import LEASE_S
from tests.chaos.supervisor import Supervisor
from tests.servers.postgresql import PrivatePostgreSQL, private_postgresql
from tests.servers.rabbitmq import PrivateRabbitMQ, private_rabbitmq

MASTERS = ("workers-1", "workers-2")
TICKER = "ticker"

LARGE = {3: 560, 9: 1100, 14: 1300, 20: 1900}
"""Shops with two to four pages; the others have one."""


@dataclass
class Stage:
    """The parts of a run."""

    seed: int
    postgresql: PrivatePostgreSQL
    rabbitmq: PrivateRabbitMQ
    naver: NaverProcess
    rt: Runtime
    """This process's own, on the same database."""
    supervisor: Supervisor
    shops: dict[str, int]
    """The id of each seller by the name of its shop."""
    cap: int
    database_lock: Lock = field(default_factory=Lock)
    """Held while somebody does something to PostgreSQL: two blows must not meet there."""
    queue_lock: Lock = field(default_factory=Lock)
    """The same for RabbitMQ."""

    @property
    def large(self) -> list[int]:
        """The sellers whose walk takes several pages."""
        return [seller_id for number, seller_id in enumerate(self.shops.values()) if number in LARGE]

    def large_ones_run(self) -> bool:
        """Return whether at least two large sellers are being synced."""
        query = select(SyncLog.id).where(SyncLog.state == State.RUNNING, SyncLog.seller_id.in_(self.large))
        with self.rt.database.transaction() as session:
            return len(session.scalars(query).all()) >= min(2, len(self.large))

    def was_taken_over(self, since: datetime) -> bool:
        """Return whether a sync is running whose worker was found dead since then."""
        query = (
            select(SyncLog.id)
            .join(SyncAttempt, SyncAttempt.sync_id == SyncLog.id)
            .where(SyncLog.state == State.RUNNING, SyncAttempt.code == "worker_died", SyncAttempt.ended_at >= since)
        )
        with self.rt.database.transaction() as session:
            return session.scalar(query.limit(1)) is not None


@contextmanager
def set_up(seed: int, folder: Path, count: int) -> Iterator[Stage]:
    """Start the servers, the simulator with *count* shops, and the programs; end all of it after the block."""
    chance = Random(seed)
    # Every other seed runs under a cap: claims and takes are decided differently then.
    cap = chance.choice((0, 5))
    with ExitStack() as stack:
        postgresql = stack.enter_context(private_postgresql())
        rabbitmq = stack.enter_context(private_rabbitmq())
        naver = stack.enter_context(NaverProcess(seed))
        upgrade(postgresql.url)
        environ = settings_of_the_fleet(folder, postgresql.url, rabbitmq.url, naver.url, cap)
        rt = build(load_settings(environ, folder))
        stack.callback(rt.close)
        shops = _open_shops(rt, naver, count, chance)
        witness.install(rt)
        supervisor = stack.enter_context(Supervisor(folder, environ))
        supervisor.add(MASTERS[0], "dramatiq", "actors", "-p", "2", "-t", "4")
        supervisor.add(MASTERS[1], "dramatiq", "actors", "-p", "2", "-t", "4", sweeps=False)
        supervisor.add(TICKER, "periodiq", "actors")
        yield Stage(seed, postgresql, rabbitmq, naver, rt, supervisor, shops, cap)


def settings_of_the_fleet(
    folder: Path, database_url: str, rabbitmq_url: str, naver_url: str, cap: int
) -> dict[str, str]:
    """Return the environment of the programs: what operators may set, with all waiting made short."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **inherited,
        "DATABASE_URL": database_url,
        "RABBITMQ_URL": rabbitmq_url,
        "NAVER_API_URL": naver_url,
        "ENCRYPTION_KEY": generate_key(),
        "METRICS_PORT": str(free_port()),
        "METRICS_DIR": str(folder / "metrics"),
        "SCHEDULER_MAX_CONCURRENT": str(cap),
        "SCHEDULER_SPREAD_SECONDS": "10",
        "RETRY_MIN_BACKOFF_SECONDS": "0.5",
        "RETRY_MAX_BACKOFF_SECONDS": "4",
        "SYNC_LEASE_SECONDS": f"{LEASE_S:g}",
        "SYNC_SLICE_SECONDS": "1",
        "RECOVERY_RESEND_SECONDS": "20",
        "NAVER_CONNECT_TIMEOUT_SECONDS": "2",
        "NAVER_READ_TIMEOUT_SECONDS": "2",
        "NAVER_PAGE_TIMEOUT_SECONDS": f"{LEASE_S - 1:g}",
    }


def _open_shops(rt: Runtime, naver: NaverProcess, count: int, chance: Random) -> dict[str, int]:
    # Nobody falls due by the clock: an instant that the run did not make is one too many.
    away = datetime.now(UTC) + timedelta(hours=12)
    shops = {}
    for number in range(count):
        name = f"가게 {number:02}"
        size = LARGE.get(number, chance.randint(35, 90))
        # The platform's own pace for the large ones, so that their walks take a while.
        client_id, secret = naver.open_shop(name, size, 2 if number in LARGE else 20)
        # A slow platform: a sync that takes no time is hit by nothing.
        naver.add_fault(name, "silence", seconds=0.8, probability=0.5, seed=number)
        cron = f"{away.minute} {away.hour} * * *"
        shops[name] = sellers.add_seller(rt, name, client_id=client_id, secret=secret, cron=cron, zone="UTC").id
    return shops
