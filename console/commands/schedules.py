"""gconnect schedule: when each seller is synced."""

from __future__ import annotations

from typing import Annotated

import typer

from console import documents
from console.commands import AsJson, Name
from console.invocation import Invocation, find_seller, invocation_of
from console.output import Cell, cut, marked
from console.phrases import NOTHING, Phrases
from db import schedules, sync_logs
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_logs import SyncLog
from services.cadence import PRESETS
from services.schedules import change_schedule
from services.texts import Refusal

app = typer.Typer()

Every = Annotated[str | None, typer.Option("--every", metavar="|".join(PRESETS), show_default=False)]
Cron = Annotated[str | None, typer.Option("--cron", metavar="EXPR", show_default=False)]
Zone = Annotated[str, typer.Option("--zone", metavar="ZONE")]


def chosen_cron(every: str | None, cron: str | None) -> str | None:
    """Return the cron expression of what was asked for; None where nothing was; raise Refusal."""
    if every is not None and cron is not None:
        raise Refusal("usage.every_and_cron")
    if every is None:
        return cron
    if every not in PRESETS:
        raise Refusal("usage.every", value=every, words=", ".join(PRESETS))
    return PRESETS[every]


@app.command("set")
def set_schedule(
    context: typer.Context,
    name: Name,
    every: Every = None,
    cron: Cron = None,
    zone: Annotated[str | None, typer.Option("--zone", metavar="ZONE", show_default=False)] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", show_default=False)] = None,
    notify: Annotated[bool | None, typer.Option("--notify/--no-notify", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Change a seller's schedule: how often, in which time zone, on or off, with notifications or without."""
    call = invocation_of(context)
    chosen = chosen_cron(every, cron)
    if chosen is None and zone is None and enabled is None and notify is None:
        raise Refusal("usage.schedule_nothing")
    with call.runtime() as rt:
        seller = find_seller(rt, name)
        schedule = change_schedule(rt, seller.id, cron=chosen, zone=zone, enabled=enabled, notify=notify)
        phrases = call.phrases(rt.clock.now(), schedule.zone)
    if as_json:
        call.output.json({"seller": seller.name, **documents.of_schedule(schedule)})
        return
    params = {"name": cut(seller.name), "cadence": phrases.cadence(schedule.cron), "zone": schedule.zone}
    call.output.say(marked("ok", call.say("schedule_set", **params)))
    if not schedule.enabled:
        call.output.say(call.say("schedule_is_off"))
    elif schedule.blocked_code is not None:
        call.output.warn(_why_blocked(call, seller.name, schedule.blocked_code))
    else:
        call.output.say(call.say("next_sync", at=phrases.within(schedule.next_run)))
    if not schedule.notify:
        call.output.say(call.say("schedule_is_quiet"))


@app.command("list")
def list_schedules(context: typer.Context, as_json: AsJson = False) -> None:
    """List all schedules: how often, the exact next sync, why one rests, the last run."""
    call = invocation_of(context)
    with call.runtime() as rt:
        phrases = call.phrases(rt.clock.now())
        with rt.database.transaction() as session:
            known = list(schedules.all_schedules(session))
            newest = sync_logs.newest_syncs(session)
    if as_json:
        call.output.json([{"seller": seller.name, **documents.of_schedule(each)} for seller, each in known])
        return
    if not known:
        call.output.say(call.say("no_sellers"))
        return
    rows = [_row(call, phrases, seller, schedule, newest.get(seller.id)) for seller, schedule in known]
    call.output.table(call.heads("name", "schedule", "zone", "state", "next_run", "last_run"), rows)
    for seller, schedule in known:
        if schedule.enabled and schedule.blocked_code is not None:
            call.output.say(marked("warn", _why_blocked(call, seller.name, schedule.blocked_code)))


def _row(
    call: Invocation, phrases: Phrases, seller: Seller, schedule: SyncSchedule, newest: SyncLog | None
) -> list[Cell]:
    if not schedule.enabled:
        state = marked("skipped", call.say("schedule_disabled"))
    elif schedule.blocked_code is not None:
        state = marked("warn", call.say("schedule_blocked"))
    else:
        state = marked("ok", call.say("schedule_enabled"))
    is_active = schedule.enabled and schedule.blocked_code is None
    last: Cell = NOTHING if schedule.last_run is None else phrases.both(schedule.last_run, schedule.zone)
    if newest is not None and schedule.last_run is not None:
        last = phrases.state(newest.state.value) + f"\n{last}"
    cadence = phrases.cadence(schedule.cron)
    return [
        cut(seller.name, 40),
        cadence if cadence == schedule.cron else f"{cadence}\n{schedule.cron}",
        schedule.zone,
        state,
        phrases.both(schedule.next_run, schedule.zone) if is_active else NOTHING,
        last,
    ]


def _why_blocked(call: Invocation, seller: str, cause: str) -> str:
    told = {"seller": cut(seller, 40), "cause": cause}
    return f"{call.texts.what('schedule_blocked', **told)} {call.texts.act('schedule_blocked', **told)}"
