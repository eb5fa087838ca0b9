"""
The all-in-one: ticker, workers and metrics in one process, with the queue in its memory.

What dies with the process is only messages. The rows say what is to be done, so the next start goes on from
them; and rows that other processes open (the command line has no queue at hand) are found within a second.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import typer
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from console.ticker import Ticker
from db import migration, sellers
from db.migration import SchemaMismatch
from db.session import Database
from services import recovery
from services.logs import configure_logging
from services.runtime import Runtime
from services.settings import SETTING_NAMES, Settings, variable_of
from services.texts import Texts

if TYPE_CHECKING:
    from actors.broker import InProcessBroker

log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""How often rows without a message are looked for."""

POLL_S = 0.2
"""How long a signal waits at most to be noticed."""

IDLE_MS = 500
"""How long an idle worker thread waits before it looks whether it is to end, and for retries that are due."""

LAST_PAGE = timedelta(seconds=30)
"""What a sync may take beyond the time of a page, to write it and to give its turn back."""

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended, as shells count."""


def up(settings: Settings) -> None:
    """
    Run until SIGTERM or Ctrl-C, then let syncs end at a page boundary; a second Ctrl-C ends at once.

    A SQLite database is made or upgraded first. Raise SettingsError without ENCRYPTION_KEY, SchemaMismatch
    or DatabaseUnreachable where the database is not as this program needs it.
    """
    texts = Texts(settings.language)
    configure_logging(settings.log_level)
    # From here on: whoever stops it while it starts shall not find it half-started.
    with Signals() as signals:
        rt = open_runtime(settings)
        with working(rt):
            _greet(rt, texts)
            while not signals.count:
                # Not an Event: a handler that sets one while the main thread is in its wait() can block for ever.
                time.sleep(POLL_S)
            typer.echo(texts.say("up.stopping"))
        typer.echo(texts.say("up.stopped"))


class Signals:
    """Counts the requests to end instead of dying of them; the second Ctrl-C ends the process where it stands."""

    def __init__(self) -> None:
        self.count = 0
        self._interrupts = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        # SIGBREAK: what Windows sends for Ctrl-Break, and service managers there to end a console program.
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        # Supervisors may send SIGTERM twice, to the process and to its group; only a person's second word counts.
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            os._exit(INTERRUPTED)


def open_runtime(settings: Settings) -> Runtime:
    """
    Prepare this process for work with *settings* and return its parts; `working` then sets them to work.

    To be called before anything else imports `actors`: the broker is chosen when that is imported.
    """
    if "actors" in sys.modules:
        raise RuntimeError("actors was imported before the all-in-one could choose its queue")
    prepare_database(settings.database_url)
    # Above any .env file: the actors read the environment again, and shall find what we were given.
    os.environ.update(environment_of(settings) | {"GCONNECT_QUEUE": "in-process"})
    import actors  # noqa: F401
    from actors import process

    # A connection a thread, and some for the ticker, the exporter and whoever watches.
    return process.runtime(pool_size=settings.worker_threads + 4)


def prepare_database(url: str) -> None:
    """Make or upgrade a SQLite database; raise SchemaMismatch for any other that is not at our schema."""
    database = Database.open(url)
    try:
        migration.check(database)
    except SchemaMismatch as mismatch:
        if database.dialect != "sqlite" or mismatch.kind == "ahead":
            raise
        migration.upgrade(url)
        log.info("database_upgraded", found=mismatch.found, now=mismatch.needed)
    finally:
        database.close()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return every setting by its variable, as load_settings reads it back; what is not set is not in it."""
    values = {variable_of(name): _as_variable(name, getattr(settings, name)) for name in SETTING_NAMES}
    return {name: text for name, text in values.items() if text}


def _as_variable(name: str, value: object) -> str:
    if name == "check_interval" and isinstance(value, timedelta):
        return str(value // timedelta(milliseconds=1))
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.3f}"
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)


@contextmanager
def working(rt: Runtime) -> Iterator[None]:
    """Let ticker, workers and metrics run until the block ends; then syncs give their turn back, all is closed."""
    import dramatiq

    broker: InProcessBroker = dramatiq.get_broker()  # type: ignore[assignment]
    broker.hosted = True
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_timeout=IDLE_MS, worker_threads=rt.settings.worker_threads)
    worker.start()
    ticker = Ticker(broker)
    threads = [
        threading.Thread(target=ticker.run, args=(rt.stopping,), name="ticker", daemon=True),
        threading.Thread(target=_send_unsent, args=(rt,), name="unsent", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        rt.stopping.set()
        for thread in threads:
            thread.join()
        # The workers close the runtime when they have ended.
        worker.stop(timeout=round((rt.settings.naver_page_timeout + LAST_PAGE).total_seconds() * 1000))
        broker.close()


def _send_unsent(rt: Runtime) -> None:
    """Look for queued rows without a message until the process is to stop, and send them."""
    from actors.syncing import send

    # The queue was empty when this process began: whatever was sent before is lost.
    began, in_trouble = rt.clock.now(), False
    while not rt.stopping.wait(LOOK_S):
        # A clock that has been set back since would let every message look lost.
        began = min(began, rt.clock.now())
        try:
            send(recovery.unsent_calls(rt, sent_before=began))
            in_trouble = False
        except SQLAlchemyError as error:
            # Said once, not every second; the ticker's actors say it too.
            if not in_trouble:
                log.exception("unsent_syncs_not_found", kind=type(error).__name__)
            in_trouble = True


def _greet(rt: Runtime, texts: Texts) -> None:
    settings = rt.settings
    with rt.database.transaction() as session:
        count = len(sellers.all_sellers(session))
    lines = [texts.say("up.running"), texts.say("up.database", database=_shown(settings.database_url))]
    lines.append(texts.say("up.sellers", count=count) if count else texts.say("up.no_sellers"))
    if not settings.scheduler_enabled:
        lines.append(texts.say("up.scheduler_off"))
    if settings.metrics_port:
        lines.append(texts.say("up.metrics", address=f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"))
    else:
        lines.append(texts.say("up.metrics_off"))
    typer.echo("\n".join(lines))


def _shown(database_url: str) -> str:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return str(Path(url.database).absolute())
    return url.render_as_string(hide_password=True)
