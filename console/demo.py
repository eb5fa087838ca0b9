"""
The demo: the all-in-one at work for five sellers of a simulated Naver, in a folder and with settings of its own.

Nothing of the user's is read or touched but the language: the environment's settings do not count, the
database and the key are made anew under var/demo.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import URL

from console.all_in_one import INTERRUPTED, Signals, environment_of, open_runtime, prepare_database, working
from console.demo_naver import BUSY_SHOPS, SHOPS, SimulatedNaver, SimulatorMissing
from console.demo_view import PLAIN_WIDTH, Standing, print_table, view_for
from db import notifications, products, schedules, sync_logs
from db.sync_logs import State
from services import sellers
from services.credentials import generate_key
from services.logs import configure_logging
from services.runtime import Runtime
from services.settings import Settings
from services.texts import Texts, language_of

FOLDER = Path("var/demo")
"""In the current folder; wiped at each start."""

EVERY = "*/5 * * * *"
"""The shortest cadence that services/cadence.py allows."""

POLL_S = 0.2
"""How often a round is shown anew."""

IDLE_S = 1.0
"""How often a new round is looked for."""

EDIT_EVERY_S = 30.0
EDITS = 5
"""Changes of a busy shop each time."""


def demo(once: bool) -> None:
    """
    Show the service at work until Ctrl-C, or with *once* until each seller has had one sync.

    With *once* the last line on standard output is a JSON object: syncs, succeeded, partial, failed, waiting
    (how many), products (stored), seconds. Whatever prevents the demo ends it with a sentence and exit code 1.
    """
    began = time.monotonic()
    texts = Texts(language_of())
    console = _console()
    try:
        with Signals() as signals, _own_folder(texts) as folder, SimulatedNaver(folder) as naver:
            rt = _prepare(folder, naver, texts)
            _introduce(console, texts, folder)
            with working(rt):
                show = _Show(rt, naver, console, texts, signals)
                standings = show.round()
                seconds = time.monotonic() - began
                if not once:
                    show.go_on(folder)
    except SimulatorMissing as error:
        raise SystemExit(texts.say("demo.no_simulator", detail=str(error), folder=str(FOLDER))) from error
    if once and signals.count:
        raise SystemExit(INTERRUPTED)
    typer.echo(json.dumps(_summary(standings, seconds)) if once else texts.say("up.stopped"))


def _console() -> Console:
    console = Console(file=sys.stdout)
    return console if console.is_terminal else Console(file=sys.stdout, width=PLAIN_WIDTH)


@contextmanager
def _own_folder(texts: Texts) -> Iterator[Path]:
    """Give the demo an empty folder that no other demo uses at the same time."""
    folder = FOLDER.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # SQLite's lock on a file is the one that Python has on every system; it ends with the process.
    with closing(sqlite3.connect(folder.with_suffix(".lock"), timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise SystemExit(texts.say("demo.running_already", folder=str(FOLDER))) from None
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
        except OSError as error:
            raise SystemExit(texts.say("demo.folder", folder=str(FOLDER), kind=type(error).__name__)) from error
        yield folder


def _prepare(folder: Path, naver: SimulatedNaver, texts: Texts) -> Runtime:
    # Line by line, so that somebody may read along.
    configure_logging("INFO", (folder / "gconnect.log").open("w", encoding="utf-8", buffering=1))
    database_url = URL.create("sqlite", database=(folder / "gconnect.db").as_posix()).render_as_string()
    # While the simulator starts.
    prepare_database(database_url)
    settings = Settings(
        encryption_key=SecretStr(generate_key()),
        database_url=database_url,
        naver_api_url=naver.url,
        spread=timedelta(0),
        metrics_port=0,
        language=texts.language,
    )
    # With it `gconnect logs` and all other commands work on the demo, from within its folder.
    lines = [f"{name}='{text}'\n" for name, text in environment_of(settings).items()]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    for name in ("NO_PROXY", "no_proxy"):
        # No proxy stands between this machine and itself.
        os.environ[name] = "127.0.0.1,localhost"
    rt = open_runtime(settings)
    for shop in SHOPS:
        key = naver.key_for(shop)
        client_id, secret = (None, None) if key is None else (key.client_id, key.secret)
        seller = sellers.add_seller(rt, shop.name, client_id=client_id, secret=secret, cron=EVERY)
        with rt.database.transaction() as session:
            schedule = schedules.schedule_of(session, seller.id, lock=True)
            if schedule is not None:
                schedule.next_run = rt.clock.now()
    return rt


def _introduce(console: Console, texts: Texts, folder: Path) -> None:
    lines = [texts.say("demo.welcome"), *(f"  {shop.name}: {texts.say(f'demo.{shop.shows}')}" for shop in SHOPS)]
    lines.append(texts.say("demo.files", database=str(folder / "gconnect.db"), log=str(folder / "gconnect.log")))
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    console.print()


class _Show:
    """Watches the rows and shows what they say; the work itself is the all-in-one's."""

    def __init__(self, rt: Runtime, naver: SimulatedNaver, console: Console, texts: Texts, signals: Signals) -> None:
        self._rt, self._naver, self._console, self._texts, self._signals = rt, naver, console, texts, signals
        self._last_id = 0
        """The newest sync of the rounds before."""
        self._faults = dict.fromkeys((shop.name for shop in SHOPS), 0)
        self._edited_at = time.monotonic()

    def round(self) -> Sequence[Standing]:
        """Show a round until each of its syncs has ended or waits for a retry; then a table of them."""
        with view_for(self._console, self._texts) as view:
            while True:
                standings = self._standings()
                view.show(standings)
                if self._signals.count or all(each.has_ended for each in standings if self._takes_part(each)):
                    break
                time.sleep(POLL_S)
        if self._signals.count:
            return standings
        print_table(self._console, standings, self._texts, self._healed())
        with self._rt.database.transaction() as session:
            told = len(notifications.notifications(session))
        self._say("demo.notifications", count=told)
        self._last_id = max([self._last_id, *(each.sync.id for each in standings if each.sync is not None)])
        return standings

    def go_on(self, folder: Path) -> None:
        """Show one round after the other until somebody ends it."""
        program = Path(sys.executable).with_name("gconnect")
        self._say("demo.look_around", folder=str(folder), program=str(program))
        while not self._signals.count:
            self._say("demo.next", time=f"{self._next_run():%H:%M:%S}")
            while not self._signals.count and not any(each.sync for each in self._standings()):
                self._edit_shops()
                time.sleep(IDLE_S)
            if not self._signals.count:
                self.round()
        self._say("up.stopping")

    def _takes_part(self, standing: Standing) -> bool:
        """Everybody in the first round; later, whoever has a sync (a blocked schedule has none)."""
        return self._last_id == 0 or standing.sync is not None

    def _standings(self) -> Sequence[Standing]:
        standings = []
        with self._rt.database.transaction() as session:
            for seller, _ in schedules.all_schedules(session):
                newest = sync_logs.recent_syncs(session, seller.id, limit=1)
                sync = newest[0] if newest and newest[0].id > self._last_id else None
                standings.append(Standing(seller.name, sync, products.count_products(session, seller.id)))
        order = {shop.name: place for place, shop in enumerate(SHOPS)}
        return sorted(standings, key=lambda each: order.get(each.name, len(order)))

    def _healed(self) -> dict[str, int]:
        """Return by shop how many faults struck since the round before."""
        struck = {shop.name: self._naver.faults_met(shop.name) for shop in SHOPS}
        new = {name: count - self._faults[name] for name, count in struck.items()}
        self._faults = struck
        return new

    def _next_run(self) -> datetime:
        with self._rt.database.transaction() as session:
            runs = [
                each.next_run for _, each in schedules.all_schedules(session) if each.enabled and not each.blocked_code
            ]
        return min(runs, default=self._rt.clock.now()).astimezone()

    def _edit_shops(self) -> None:
        if time.monotonic() - self._edited_at < EDIT_EVERY_S:
            return
        self._edited_at = time.monotonic()
        for name in BUSY_SHOPS:
            self._naver.change_some(name, EDITS)

    def _say(self, key: str, **params: object) -> None:
        self._console.print(self._texts.say(key, **params), markup=False, highlight=False, soft_wrap=True)


def _summary(standings: Sequence[Standing], seconds: float) -> dict[str, Any]:
    states = [each.sync.state for each in standings if each.sync is not None]
    return {
        "syncs": len(states),
        "succeeded": states.count(State.SUCCEEDED),
        "partial": states.count(State.PARTIAL),
        "failed": states.count(State.FAILED),
        "waiting": states.count(State.WAITING),
        "products": sum(each.products for each in standings),
        "seconds": round(seconds, 1),
    }
