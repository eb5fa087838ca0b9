"""What is forgotten, and when: history older than HISTORY_DAYS. The catalogue itself never is."""

from __future__ import annotations

from datetime import timedelta

import structlog

from db import heartbeats, history
from services.runtime import Runtime

log = structlog.get_logger(__name__)

BATCH = 500


def prune(rt: Runtime) -> dict[str, int]:
    """
    Delete what ended before the oldest day that is kept; return how many rows of each kind went.

    Of each seller the newest sync, the newest proven one and the last that wrote stay, however old they are: the
    catalogue rests on them.
    """
    before = rt.clock.now() - timedelta(days=rt.settings.history_days)
    gone = dict.fromkeys(history.KINDS, 0)
    for kind in history.KINDS:
        while True:
            with rt.database.transaction() as session:
                heartbeats.beat(session, "prune_history", rt.clock.now())
                count = history.delete_before(session, kind, before, BATCH)
            gone[kind] += count
            if count < BATCH:
                break
    log.info("history_pruned", before=before.isoformat(), **gone)
    return gone


def prune_daily(rt: Runtime) -> dict[str, int] | None:
    """Prune unless that was done within the last 20 hours; return what went, or None."""
    with rt.database.transaction() as session:
        last = heartbeats.last_beat(session, "prune_history")
    if last is not None and rt.clock.now() - last < timedelta(hours=20):
        return None
    return prune(rt)
