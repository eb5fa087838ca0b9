"""How each kind of blow is dealt, and undone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from threading import Lock

from httpx import HTTPStatusError
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from db.sync_logs import SyncLog
from services.auditing import audit
from tests.chaos import doorbell
from tests.chaos.demand import ask_for_sync, work_as_operator
from tests.chaos.plan import LEASE_S, Blow
from tests.chaos.record import ALLOWED_MEANWHILE, Hit, said
from tests.chaos.stage import MASTERS, TICKER, Stage
from tests.chaos.supervisor import Unit, send_signal
from tests.servers.janitor import Promise, end_process, janitor
from tests.servers.private import PrivateServer, ServerFailed

AT_ONCE = 16
"""Blows that may last at the same time; more wait for their turn."""

AWAY = (SQLAlchemyError, ServerFailed, HTTPStatusError, *doorbell.QUEUE_IS_AWAY)
"""What a blow may meet whose target is down, or a product gone, because of another one."""


class Blows:
    """Deals blows to a stage, each in a thread, and keeps count."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self.dealt: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        """Blows whose target was away."""
        self.kills = 0
        self.server_starts = 0
        self.findings: list[str] = []
        """What the auditor found in mid-run."""
        self.hits: list[Hit] = []
        self.returns: list[float] = []
        """When a server was back, in Unix seconds."""
        self._stage, self._tell = stage, tell
        self._count = Lock()
        self._frozen: dict[int, Promise] = {}
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, "blow")
        self._begun: list[Future[None]] = []

    def deal(self, plan: Sequence[Blow], seconds: float) -> None:
        """Deal the blows at their times, and return when the time is over; what lasts still lasts."""
        begin = time.monotonic()
        for blow in plan:
            self._over.wait(max(0.0, begin + blow.at - time.monotonic()))
            self._begun.append(self._pool.submit(self._strike, blow))
        self._over.wait(max(0.0, begin + seconds - time.monotonic()))

    def undo(self) -> None:
        """End whatever lasts: servers run, nothing is frozen, no fault is on. Raise what went wrong in a blow."""
        self._over.set()
        self._pool.shutdown()
        for future in self._begun:
            future.result()
        stage = self._stage
        for server, lock in ((stage.postgresql, stage.database_lock), (stage.rabbitmq, stage.queue_lock)):
            with lock:
                self._start(server)
        stage.naver.clear_faults()

    def _strike(self, blow: Blow) -> None:
        try:
            action: Callable[[Random, Blow], bool | None] = getattr(self, f"_{blow.kind}")
            happened = action(blow.chance(self._stage.seed), blow) is not False
        except AWAY as error:
            self._tell(f"{blow} missed: {type(error).__name__}")
            happened = False
        else:
            self._tell(f"{blow}{'' if happened else ' missed'}")
        with self._count:
            (self.dealt if happened else self.missed)[blow.kind] += 1

    # Processes.

    def _kill_worker(self, chance: Random, blow: Blow) -> bool:
        return self._kill(_one(chance, self._workers()))

    def _kill_master(self, chance: Random, blow: Blow) -> bool:
        return self._kill(_one(chance, self._mains(MASTERS)))

    def _kill_ticker(self, chance: Random, blow: Blow) -> bool:
        return self._kill(self._mains((TICKER,)))

    def _kill_tree(self, chance: Random, blow: Blow) -> bool:
        return self._kill(self._stage.supervisor.pids())

    def _restart_master(self, chance: Random, blow: Blow) -> bool:
        return any(send_signal(pid, SIGTERM) for pid in _one(chance, self._mains(MASTERS)))

    def _restart_ticker(self, chance: Random, blow: Blow) -> bool:
        return any(send_signal(pid, SIGTERM) for pid in self._mains((TICKER,)))

    def _freeze_worker(self, chance: Random, blow: Blow) -> bool:
        return self._freeze(_one(chance, self._workers()), blow.lasts)

    def _freeze_master(self, chance: Random, blow: Blow) -> bool:
        return self._freeze(_one(chance, self._mains(MASTERS)), blow.lasts)

    def _freeze_ticker(self, chance: Random, blow: Blow) -> bool:
        return self._freeze(self._mains((TICKER,)), blow.lasts)

    def _freeze_tree(self, chance: Random, blow: Blow) -> bool:
        return self._freeze(self._stage.supervisor.pids(), blow.lasts)

    def _wake_zombies(self, chance: Random, blow: Blow) -> bool:
        """Freeze all workers of one master in mid-sync, and let them go on while others are at the same syncs."""
        stage, unit = self._stage, self._unit(chance.choice(MASTERS))
        for seller_id in stage.large:
            ask_for_sync(stage, seller_id)
        self._wait_for(stage.large_ones_run, 5)
        began = stage.rt.clock.now()
        hit = self._stop(unit.workers)
        try:
            self._over.wait(LEASE_S)
            self._wait_for(lambda: stage.was_taken_over(since=began), blow.lasts)
        finally:
            self._go_on(hit)
        return bool(hit)

    def _wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not condition() and not self._over.wait(0.1):
            pass

    def _workers(self) -> list[int]:
        return sorted(pid for name in MASTERS for pid in self._unit(name).workers)

    def _mains(self, names: Sequence[str]) -> list[int]:
        return [pid for name in names if (pid := self._unit(name).main) is not None]

    def _unit(self, name: str) -> Unit:
        return self._stage.supervisor.units[name]

    def _kill(self, pids: Sequence[int]) -> bool:
        hit = frozenset(pid for pid in pids if send_signal(pid, SIGKILL))
        with self._count:
            self.kills += len(hit)
            self.hits.append(Hit(time.time(), hit))
        return bool(hit)

    def _freeze(self, pids: Sequence[int], seconds: float) -> bool:
        hit = self._stop(pids)
        self._over.wait(seconds)
        self._go_on(hit)
        return bool(hit)

    def _stop(self, pids: Sequence[int]) -> frozenset[int]:
        hit = frozenset(pid for pid in pids if send_signal(pid, SIGSTOP))
        with self._count:
            self.hits.append(Hit(time.time(), hit))
            # Frozen, it would not even hear that we have gone.
            self._frozen |= {pid: janitor().promise(end_process, pid=pid, signal_number=int(SIGKILL)) for pid in hit}
        return hit

    def _go_on(self, pids: Iterable[int]) -> None:
        for pid in pids:
            send_signal(pid, SIGCONT)
            with self._count:
                if pid in self._frozen:
                    self._frozen.pop(pid).withdraw()

    # Servers.

    def _stop_database(self, chance: Random, blow: Blow) -> None:
        self._away(self._stage.postgresql, self._stage.database_lock, blow.lasts)

    def _kill_database(self, chance: Random, blow: Blow) -> None:
        self._away(self._stage.postgresql, self._stage.database_lock, blow.lasts, kill=True)

    def _stop_queue(self, chance: Random, blow: Blow) -> None:
        self._away(self._stage.rabbitmq, self._stage.queue_lock, blow.lasts)

    def _kill_queue(self, chance: Random, blow: Blow) -> None:
        self._away(self._stage.rabbitmq, self._stage.queue_lock, blow.lasts, kill=True)

    def _away(self, server: PrivateServer, lock: Lock, seconds: float, *, kill: bool = False) -> None:
        with lock:
            try:
                (server.kill if kill else server.stop)()
                with self._count:
                    self.kills += kill
                self._over.wait(seconds)
            finally:
                self._start(server)

    def _start(self, server: PrivateServer) -> None:
        if not server.running:
            server.start()
            with self._count:
                self.server_starts += 1
                self.returns.append(time.time())

    def _cut_database_connections(self, chance: Random, blow: Blow) -> None:
        with self._stage.rt.database.transaction() as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'gconnect' AND pid <> pg_backend_pid()"
                )
            )

    def _lock_schedules(self, chance: Random, blow: Blow) -> None:
        with self._stage.database_lock, self._stage.rt.database.transaction() as session:
            session.execute(text(f"LOCK TABLE {chance.choice(('sync_schedules', 'sync_logs', 'products'))}"))
            # Some longer than the statements of others wait for a lock.
            self._over.wait(blow.lasts + 4)

    def _block_queue(self, chance: Random, blow: Blow) -> None:
        with self._stage.queue_lock, self._memory_alarm():
            self._over.wait(blow.lasts)

    @contextmanager
    def _memory_alarm(self) -> Iterator[None]:
        self._stage.rabbitmq.ctl("set_vm_memory_high_watermark", "0.000001")
        try:
            yield
        finally:
            self._stage.rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")

    def _cut_queue_connections(self, chance: Random, blow: Blow) -> None:
        with self._stage.queue_lock:
            self._stage.rabbitmq.ctl("close_all_connections", "chaos")

    # Messages.

    def _send_twice(self, chance: Random, blow: Blow) -> None:
        with self._stage.rt.database.transaction() as session:
            newest = session.scalars(select(SyncLog.id).order_by(SyncLog.id.desc()).limit(40)).all()
        chosen = chance.sample(sorted(newest), min(5, len(newest)))
        doorbell.send_syncs(self._stage.rabbitmq.url, chosen * 2, urgent=chance.random() < 0.3)

    def _tick_once_more(self, chance: Random, blow: Blow) -> None:
        doorbell.send_ticks(self._stage.rabbitmq.url)

    def _purge_queues(self, chance: Random, blow: Blow) -> None:
        doorbell.purge(self._stage.rabbitmq.url)

    # The platform, the shops and the person.

    def _api_fault(self, chance: Random, blow: Blow) -> None:
        self._stage.naver.add_fault(
            self._shop(chance), blow.detail, times=chance.randint(1, 3), seconds=round(blow.lasts, 1)
        )

    def _change_price(self, chance: Random, blow: Blow) -> None:
        name = self._shop(chance)
        number = chance.choice(sorted(self._stage.naver.catalogue(name)))
        self._stage.naver.change(name, "price", product_no=number, price=chance.randrange(1, 3000) * 100)

    def _add_products(self, chance: Random, blow: Blow) -> None:
        self._stage.naver.change(self._shop(chance), "add", count=chance.randint(1, 3))

    def _remove_products(self, chance: Random, blow: Blow) -> bool:
        name = self._shop(chance)
        numbers = sorted(self._stage.naver.catalogue(name))
        if len(numbers) < 30:
            return False
        self._stage.naver.change(name, "remove", product_nos=chance.sample(numbers, chance.randint(1, 2)))
        return True

    def _churn_in_mid_walk(self, chance: Random, blow: Blow) -> None:
        self._stage.naver.change(self._shop(chance), "churn", changes=3, before_page=chance.randint(1, 3))

    def _trouble_everybody(self, chance: Random, blow: Blow) -> None:
        kind = chance.choice(("maintenance", "internal", "ip_not_allowed", "reset"))
        self._stage.naver.add_fault_for_all(kind)
        self._over.wait(blow.lasts)
        self._stage.naver.clear_faults(kind)

    def _audit_meanwhile(self, chance: Random, blow: Blow) -> None:
        found = [said(each) for each in audit(self._stage.rt) if each.code not in ALLOWED_MEANWHILE]
        with self._count:
            self.findings += [f"at {blow.at:.1f} s: {each}" for each in found]

    def _work_as_operator(self, chance: Random, blow: Blow) -> None:
        work_as_operator(self._stage)

    def _shop(self, chance: Random) -> str:
        return chance.choice(sorted(self._stage.shops))


def _one(chance: Random, pids: Sequence[int]) -> Sequence[int]:
    return [chance.choice(pids)] if pids else []
