"""Transactions that outlast a restart of the database: tried again for as long as the lease allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.orm import Session

from services.runtime import Runtime

log = structlog.get_logger(__name__)

T = TypeVar("T")

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0

# Connections cut, a server that restarts, a deadlock, a lock or a statement that took too long, a pool used up.
PASSING = (OperationalError, InterfaceError, NoConnectionLeft)

# What the driver calls internal, beside real defects: a server that is read-only until another one has taken over,
# and a transaction that it ended for standing still.
PASSING_SQLSTATES = frozenset({"25006", "25P03"})


def passes_by_itself(trouble: Exception) -> bool:
    """Return whether trouble with the database is such that the same step may well succeed a moment later."""
    if isinstance(trouble, InternalError):
        return getattr(trouble.orig, "sqlstate", None) in PASSING_SQLSTATES
    return isinstance(trouble, PASSING)


def persist(rt: Runtime, step: Callable[[Session], T]) -> T:
    """
    Run a step in a transaction of its own and return what it returns.

    What passes by itself is tried again, up to half the lease: a worker that waits longer could be taken for
    dead. The step must bear being run again after a commit whose answer was lost.
    """
    end = rt.clock.monotonic() + rt.settings.lease.total_seconds() / 2
    pause = FIRST_PAUSE_S
    while True:
        try:
            with rt.database.transaction() as session:
                return step(session)
        except SQLAlchemyError as trouble:
            if not passes_by_itself(trouble) or rt.clock.monotonic() + pause > end:
                raise
            log.warning("database_away", kind=type(trouble).__name__, cause=type(trouble.__cause__).__name__)
        # Jitter, so that not all threads knock at the same moment.
        rt.clock.sleep(pause * (0.5 + rt.clock.random()))
        pause = min(2 * pause, LONGEST_PAUSE_S)
