"""The parts of one process, put together in one place."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from db import migration
from db.session import Database
from services.clock import Clock, SystemClock
from services.credentials import Keyring
from services.meter import Meter, NullMeter
from services.naver.client import NaverClient, open_http
from services.settings import Settings, SettingsError
from services.texts import Sentence


@dataclass(frozen=True)
class Runtime:
    """What flows are given; made in each process, after the fork."""

    settings: Settings
    database: Database
    keyring: Keyring
    naver: NaverClient
    clock: Clock
    meter: Meter
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the process is asked to end: syncs give their turn back at the next page."""

    def close(self) -> None:
        """Give connections back."""
        self.naver.close()
        self.database.close()


def build(settings: Settings, *, clock: Clock | None = None, meter: Meter | None = None, pool_size: int = 8) -> Runtime:
    """
    Put the parts together and check what they need.

    Raise SettingsError where ENCRYPTION_KEY is missing, SchemaMismatch or DatabaseUnreachable where the
    database is not as this program needs it.
    """
    if settings.encryption_key is None:
        raise SettingsError([Sentence("settings.no_encryption_key")])
    keyring = Keyring.parse(settings.encryption_key.get_secret_value())
    database = Database.open(settings.database_url, pool_size=pool_size)
    try:
        migration.check(database)
    except Exception:
        database.close()
        raise
    clock, meter = clock or SystemClock(), meter or NullMeter()
    http = open_http(
        connect_timeout=settings.naver_connect_timeout.total_seconds(),
        read_timeout=settings.naver_read_timeout.total_seconds(),
    )
    naver = NaverClient(
        http,
        settings.naver_api_url,
        clock,
        meter,
        page_timeout=settings.naver_page_timeout.total_seconds(),
    )
    return Runtime(settings, database, keyring, naver, clock, meter)
