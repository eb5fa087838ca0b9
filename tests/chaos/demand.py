"""What the fleet is asked to do while it is being hit: schedules fall due, and people want syncs now."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from types import TracebackType
from typing import Self

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from db.schedules import SyncSchedule
from services import recovery, schedules, sellers
from services.schedules import Call
from tests.chaos import doorbell, witness
from tests.chaos.stage import Stage

PAUSE_S = (0.3, 1.2)
AT_ONCE = 4
"""Schedules that fall due in one moment, at most."""


class Demand:
    """Makes instants due and asks for syncs, in a thread of its own, until the block ends."""

    def __init__(self, stage: Stage) -> None:
        self.made: Counter[str] = Counter()
        self._stage = stage
        self._chance = Random(f"{stage.seed}:demand")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demand", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._chance.uniform(*PAUSE_S)):
            chosen = self._chance.sample(sorted(self._stage.shops.values()), AT_ONCE)
            wants_now = self._chance.random() < 0.25
            try:
                with self._stage.rt.database.transaction() as session:
                    self.made["due"] += witness.make_due(session, chosen, self._stage.rt.clock.now())
                if wants_now:
                    ask_for_sync(self._stage, chosen[0])
                    self.made["now"] += 1
            except SQLAlchemyError:
                # Whether it was committed stands in the same database, should the answer have been lost.
                self.made["database away"] += 1


def ask_for_sync(stage: Stage, seller_id: int) -> None:
    """Want a seller synced now, as `gconnect sync` does."""
    call, _ = schedules.request_sync(stage.rt, seller_id)
    send(stage, call)


def send(stage: Stage, call: Call) -> None:
    """Put a message for a sync on the queue; with the queue away, the row stays unsent."""
    try:
        doorbell.send_syncs(stage.rabbitmq.url, [call.sync_id], urgent=call.urgent)
    except doorbell.QUEUE_IS_AWAY:
        return
    recovery.note_sent(stage.rt, [call.sync_id])


def work_as_operator(stage: Stage) -> int:
    """Try the key of each blocked seller out, as a person does who was told; return how many are blocked."""
    with stage.rt.database.transaction() as session:
        blocked = session.scalars(
            select(SyncSchedule.seller_id)
            .where(SyncSchedule.blocked_code.is_not(None))
            .order_by(SyncSchedule.seller_id)
        ).all()
    for seller_id in blocked:
        with stage.rt.database.transaction() as session:
            witness.withdraw_due(session, seller_id)
        tried = sellers.try_key(stage.rt, seller_id)
        if tried.unblocked is not None:
            send(stage, tried.unblocked)
    return len(blocked)
