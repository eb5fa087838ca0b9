"""The periodic actors. Their ticks may come twice, late or not at all: the rows say what is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps

import dramatiq
import structlog
from periodiq import cron
from sqlalchemy.exc import SQLAlchemyError

from actors import process
from actors.broker import TICK_MAX_AGE_S, Queue
from actors.syncing import QUEUE_IS_AWAY, send
from services import recovery, retention, schedules
from services.persistence import passes_by_itself

log = structlog.get_logger(__name__)

HALF_A_MINUTE_MS = 30_000

MINUTES = process.prepare().check_interval // timedelta(minutes=1)


Tick = Callable[[], None]


def let_go(tick: Tick) -> Tick:
    """Let a tick that meets no database end with a line in the log: the next one comes."""

    @wraps(tick)
    def tick_or_let_go() -> None:
        try:
            tick()
        except SQLAlchemyError as trouble:
            if not passes_by_itself(trouble):
                raise
            log.error("tick_let_go", actor=tick.__name__, kind=type(trouble).__name__)  # noqa: TRY400

    return tick_or_let_go


def periodic(spec: str) -> Callable[[Tick], dramatiq.Actor[[], None]]:
    """Declare an actor that ticks by *spec*; a tick that fails is not retried, the next one comes."""
    declare = dramatiq.actor(
        queue_name=Queue.SCHEDULER,
        periodic=cron(spec),
        max_retries=0,
        max_age=TICK_MAX_AGE_S * 1000,
        priority=-20,
    )
    return lambda tick: declare(let_go(tick))


@periodic("0 * * * *" if MINUTES == 60 else f"*/{MINUTES} * * * *")
def find_due_schedules() -> None:
    """Open a sync for each seller whose schedule has fallen due, and send it."""
    send(schedules.open_due_syncs(process.runtime()))


@periodic("* * * * *")
def recover_stalled_syncs() -> None:
    """Send again whatever has lost its message or its worker."""
    # First, so that a recovery that fails is tried again soon.
    try:
        recover_between_ticks.send_with_options(delay=HALF_A_MINUTE_MS)
    except QUEUE_IS_AWAY as error:
        log.warning("queue_away", kind=type(error).__name__)
    send(recovery.recover(process.runtime()))


@dramatiq.actor(
    queue_name=Queue.SCHEDULER, max_retries=0, max_age=HALF_A_MINUTE_MS + TICK_MAX_AGE_S * 1000, priority=-20
)
@let_go
def recover_between_ticks() -> None:
    """
    Do the same half a minute later, for nothing ticks more often than once a minute.

    A killed worker's sync goes on within 2.5 minutes: a lease of 90 seconds, and the time until somebody looks.
    """
    send(recovery.recover(process.runtime()))


# Hourly at the queue, daily in effect: a tick a day would be missed for a day.
@periodic("17 * * * *")
def prune_history() -> None:
    """Forget what is older than HISTORY_DAYS, once a day."""
    retention.prune_daily(process.runtime())
