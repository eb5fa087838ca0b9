"""The periodic actors. Their ticks may come twice, late or not at all: the rows say what is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps

import dramatiq
import structlog
from periodiq import cron

from actors import process
from actors.broker import TICK_MAX_AGE_S, Queue
from actors.syncing import send
from services import recovery, retention, schedules
from services.persistence import PASSING

log = structlog.get_logger(__name__)

MINUTES = process.prepare().check_interval // timedelta(minutes=1)


def periodic(spec: str) -> Callable[[Callable[[], None]], dramatiq.Actor[[], None]]:
    """Declare an actor that ticks by *spec*; a tick that fails is not retried, the next one comes."""

    declare = dramatiq.actor(
        queue_name=Queue.SCHEDULER,
        periodic=cron(spec),
        max_retries=0,
        max_age=TICK_MAX_AGE_S * 1000,
        priority=-20,
    )

    def declare_tick(tick: Callable[[], None]) -> dramatiq.Actor[[], None]:
        @wraps(tick)
        def tick_or_let_go() -> None:
            try:
                tick()
            except PASSING as trouble:
                log.error("tick_let_go", actor=tick.__name__, kind=type(trouble).__name__)  # noqa: TRY400

        return declare(tick_or_let_go)

    return declare_tick


@periodic("0 * * * *" if MINUTES == 60 else f"*/{MINUTES} * * * *")
def find_due_schedules() -> None:
    """Open a sync for each seller whose schedule has fallen due, and send it."""
    send(schedules.open_due_syncs(process.runtime()))


@periodic("* * * * *")
def recover_stalled_syncs() -> None:
    """Send again whatever has lost its message or its worker."""
    send(recovery.recover(process.runtime()))


# Hourly at the queue, daily in effect: a tick a day would be missed for a day.
@periodic("17 * * * *")
def prune_history() -> None:
    """Forget what is older than HISTORY_DAYS, once a day."""
    retention.prune_daily(process.runtime())
