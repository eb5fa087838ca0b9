"""After the blows: let the work drain, then let every seller fall due once more and succeed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from signal import SIGTERM

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.products import Product
from db.schedules import SyncSchedule, is_active
from db.sync_logs import LIVE, State, SyncLog
from tests.chaos import witness
from tests.chaos.demand import work_as_operator
from tests.chaos.stage import TICKER, Stage
from tests.chaos.supervisor import send_signal

LIMIT_S = 600.0
"""Far more than anything takes: what has not come by then does not come."""
LOOK_EVERY_S = 0.5
TICK_EVERY_S = 10.0
"""The programs tick once a minute and at their start; a ticker that is started anew saves waiting."""
PASSES = 3
"""Proven passes until a removal that was held is agreed upon; one seller's first may prove nothing yet."""


@dataclass(frozen=True, slots=True)
class Drained:
    """How the end went: what did not come, a sentence each, and how long it took."""

    problems: list[str]
    seconds: float


def drain(stage: Stage, tell: Callable[[str], None]) -> Drained:
    """Wait until nothing is due or live, then let all sellers fall due until each has had a proven pass."""
    begin = time.monotonic()
    problems = [] if _settle(stage) else [f"not drained after {LIMIT_S:.0f} s: {_state(stage)}"]
    tell(f"drained after {time.monotonic() - begin:.0f} s")
    left = sorted(stage.shops.values())
    for number in range(1, PASSES + 1):
        now = stage.rt.clock.now()
        with stage.rt.database.transaction() as session:
            made = witness.make_due(session, left, now)
        if made < len(left):
            problems.append(f"{len(left) - made} sellers could not fall due after everything was healed")
        if not _settle(stage):
            problems.append(f"pass {number} after the end did not end in {LIMIT_S:.0f} s: {_state(stage)}")
            break
        left = _unproven(stage, left, now)
        tell(f"pass {number}: {len(left)} sellers left, after {time.monotonic() - begin:.0f} s")
        if not left:
            break
    else:
        problems += _why_unproven(stage, left)
    return Drained(problems, time.monotonic() - begin)


def _settle(stage: Stage) -> bool:
    """Wait until nothing is live, due or blocked; return False where that does not come."""
    end = time.monotonic() + LIMIT_S
    next_tick = time.monotonic() + TICK_EVERY_S / 2
    while time.monotonic() < end:
        try:
            if _is_quiet(stage):
                return True
        except SQLAlchemyError:
            # Our own pool has connections to the server as it was before its restart.
            pass
        if time.monotonic() > next_tick:
            next_tick = time.monotonic() + TICK_EVERY_S
            ticker = stage.supervisor.units[TICKER].main
            if ticker is not None:
                send_signal(ticker, SIGTERM)
        time.sleep(LOOK_EVERY_S)
    return False


def _is_quiet(stage: Stage) -> bool:
    blocked = work_as_operator(stage)
    with stage.rt.database.transaction() as session:
        live = sum(_live(session).values())
        due = _due(session, stage.rt.clock.now())
    return blocked == live == due == 0


def _live(session: Session) -> dict[str, int]:
    rows = session.execute(select(SyncLog.state, func.count()).where(SyncLog.state.in_(LIVE)).group_by(SyncLog.state))
    return {state.value: count for state, count in rows}


def _due(session: Session, now: datetime) -> int:
    """Count the schedules that wait for their sync, the ones that an incident holds too."""
    query = select(func.count()).select_from(SyncSchedule).where(is_active(), SyncSchedule.next_run <= now)
    return session.scalar(query) or 0


def _state(stage: Stage) -> str:
    with stage.rt.database.transaction() as session:
        return f"live {_live(session)}, due {_due(session, stage.rt.clock.now())}"


def _unproven(stage: Stage, seller_ids: Iterable[int], since: datetime) -> list[int]:
    """Return the sellers that have no proven pass for the instant, or whose removals are held."""
    with stage.rt.database.transaction() as session:
        proven = set(
            session.scalars(
                select(SyncLog.seller_id).where(SyncLog.scheduled_for == since, SyncLog.state == State.SUCCEEDED)
            )
        )
        held = set(
            session.scalars(
                select(Product.seller_id).where(Product.held_at.is_not(None), Product.removed_at.is_(None)).distinct()
            )
        )
    return [seller_id for seller_id in seller_ids if seller_id not in proven or seller_id in held]


def _why_unproven(stage: Stage, seller_ids: Sequence[int]) -> list[str]:
    with stage.rt.database.transaction() as session:
        newest = [
            session.scalar(select(SyncLog).where(SyncLog.seller_id == seller_id).order_by(SyncLog.id.desc()).limit(1))
            for seller_id in seller_ids
        ]
    return [
        f"seller {sync.seller_id} has no proven pass after {PASSES} tries: {sync.state.value}, {sync.code}"
        for sync in newest
        if sync is not None
    ]
