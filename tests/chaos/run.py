"""One run from the first start to the verdict."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from db.sync_attempts import SyncAttempt
from db.sync_logs import SyncLog
from services.auditing import audit
from tests.chaos.blows import Blows
from tests.chaos.demand import Demand
from tests.chaos.draining import drain
from tests.chaos.plan import plan
from tests.chaos.record import said
from tests.chaos.stage import Stage, set_up
from tests.chaos.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict, and what else a reader may want to know, by name."""

    verdict: Verdict
    notes: dict[str, str] = field(default_factory=dict)


def run(seed: int, minutes: float, sellers: int, folder: Path, tell: Callable[[str], None]) -> Report:
    """Break things for so many minutes by the plan of the seed, heal them, drain, and judge."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    verdict = Verdict(seed)
    with set_up(seed, folder, sellers) as stage:
        tell(f"everything runs; {'no cap' if stage.cap == 0 else f'a cap of {stage.cap}'}")
        blows = Blows(stage, tell)
        try:
            with Demand(stage) as demand:
                blows.deal(plan(seed, minutes * 60), minutes * 60)
        finally:
            blows.undo()
        tell("everything is healed")
        drained = drain(stage, tell)
        verdict.findings += [*blows.findings, *drained.problems]
        verdict.findings += [said(finding) for finding in audit(stage.rt)]
        judge(stage, verdict, blows.hits, blows.returns)
        # Last, so that ending them is part of what is judged.
        stage.supervisor.stop()
        verdict.findings += [f"{name} did not end after SIGTERM" for name in stage.supervisor.stubborn]
        verdict.kills = blows.kills
        verdict.restarts = stage.supervisor.restarts + blows.server_starts
        notes = {
            "blows": _counted(blows.dealt),
            "missed": _counted(blows.missed),
            "demand": _counted(demand.made),
            "exits": "; ".join(f"{unit.name} {dict(unit.exits)}" for unit in stage.supervisor.units.values()),
            "drained in": f"{drained.seconds:.0f} s",
            **_rows_in_figures(stage),
        }
    return Report(verdict, notes)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "none"


def _rows_in_figures(stage: Stage) -> dict[str, str]:
    with stage.rt.database.transaction() as session:
        syncs = session.execute(select(SyncLog.state, SyncLog.code, func.count()).group_by(SyncLog.state, SyncLog.code))
        attempts = session.execute(select(SyncAttempt.code, func.count()).group_by(SyncAttempt.code))
        outcomes = Counter({f"{state.value} {code or ''}".strip(): count for state, code, count in syncs})
        return {
            "syncs": _counted(outcomes),
            "attempts": _counted(Counter({code or "well": count for code, count in attempts})),
        }
