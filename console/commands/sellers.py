"""gconnect seller: register sellers, list them, enter their keys and try these out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Annotated

import typer

from console import documents
from console.commands import AsJson, Name, SecretFromStdin
from console.commands.schedules import Cron, Every, Zone, chosen_cron
from console.invocation import Invocation, find_seller, invocation_of
from console.mistakes import tell_of_seller
from console.output import Cell, cut, marked
from console.phrases import NOTHING, Phrases
from console.secret_entry import read_secret
from console.sending import deliver, tell_of
from db import products, schedules, sync_logs
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_logs import SyncLog
from services import cadence, sellers
from services.runtime import Runtime
from services.sellers import SellerExists, SellerUnknown
from services.texts import Refusal

MAX_NAME = 200
MAX_CLIENT_ID = 100

app = typer.Typer()

ClientId = Annotated[str | None, typer.Option("--client-id", metavar="ID", show_default=False)]


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    client_id: ClientId = None,
    secret_stdin: SecretFromStdin = False,
    no_key: Annotated[bool, typer.Option("--no-key")] = False,
    every: Every = None,
    cron: Cron = None,
    zone: Zone = cadence.DEFAULT_ZONE,
    as_json: AsJson = False,
) -> None:
    """Register a seller with a schedule and a key; nothing is asked of Naver."""
    call = invocation_of(context)
    name = _new_name(name)
    chosen = chosen_cron(every, cron) or cadence.DEFAULT_CRON
    cadence.check(chosen, zone)
    if no_key and (client_id is not None or secret_stdin):
        raise Refusal("usage.no_key_alone")
    if not no_key:
        client_id = _client_id(client_id)
    with call.runtime() as rt:
        # Before the secret is asked for: nobody likes to type one in vain.
        _refuse_taken(rt, name)
        secret = None if no_key else read_secret(call, from_stdin=secret_stdin)
        seller = sellers.add_seller(rt, name, client_id=client_id, secret=secret, cron=chosen, zone=zone)
        with rt.database.transaction() as session:
            schedule = schedules.schedule_of(session, seller.id)
    if schedule is None:
        raise LookupError(f"seller {seller.id} has no schedule")
    if as_json:
        call.output.json({**documents.of_seller(seller), "schedule": documents.of_schedule(schedule)})
        return
    next_run = call.phrases(zone=zone).within(schedule.next_run)
    call.output.say(marked("ok", call.say("seller_added", name=cut(name), next_run=next_run)))
    call.output.note(call.say("seller_added_keyless" if no_key else "seller_added_next", name=cut(name)))


@app.command("list")
def list_sellers(context: typer.Context, as_json: AsJson = False) -> None:
    """List all sellers: key, schedule, next sync, last outcome, products."""
    call = invocation_of(context)
    with call.runtime() as rt:
        now = rt.clock.now()
        with rt.database.transaction() as session:
            known = list(schedules.all_schedules(session))
            newest, counts = sync_logs.newest_syncs(session), products.count_by_seller(session)
    if as_json:
        call.output.json(
            [
                {
                    **documents.of_seller(seller),
                    "schedule": documents.of_schedule(schedule),
                    "last_sync": documents.of_sync(newest[seller.id], seller.name) if seller.id in newest else None,
                    "products": counts.get(seller.id, 0),
                }
                for seller, schedule in known
            ]
        )
        return
    if not known:
        call.output.say(call.say("no_sellers"))
        return
    phrases = call.phrases(now)
    call.output.table(
        call.heads("name", "client_id", "key", "schedule", "next_run", "last_sync", "products"),
        [list(_row(call, phrases, seller, schedule, newest.get(seller.id), counts)) for seller, schedule in known],
        right=[6],
    )


@app.command("key")
def key(
    context: typer.Context,
    name: Name,
    client_id: ClientId = None,
    secret_stdin: SecretFromStdin = False,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Enter a new key and try it out at once, or switch the key on or off."""
    call = invocation_of(context)
    if enabled is not None and (client_id is not None or secret_stdin):
        raise Refusal("usage.key_one_of")
    with call.runtime() as rt:
        seller = find_seller(rt, name)
        if enabled is None:
            client_id = _client_id(client_id if client_id is not None else seller.client_id)
            secret = read_secret(call, from_stdin=secret_stdin)
            sellers.enter_key(rt, seller.id, client_id, secret)
            call.output.note(call.say("key_stored", name=cut(seller.name)))
        else:
            if seller.credential is None:
                raise Refusal("usage.no_key_to_switch", name=cut(seller.name))
            sellers.switch_key(rt, seller.id, enabled=enabled)
        if enabled is False:
            if as_json:
                call.output.json({"seller": seller.name, "key": "off"})
            else:
                call.output.say(marked("ok", call.say("key_disabled", name=cut(seller.name))))
            return
        _try_out(call, rt, seller, as_json=as_json)


@app.command("test")
def try_key(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Try the stored key out: a token, then a search for one product; says what is wrong."""
    call = invocation_of(context)
    with call.runtime() as rt:
        _try_out(call, rt, find_seller(rt, name), as_json=as_json)


def _try_out(call: Invocation, rt: Runtime, seller: Seller, *, as_json: bool) -> None:
    tried = sellers.try_key(rt, seller.id)
    delivery = None if tried.unblocked is None else deliver(rt, [tried.unblocked])
    if as_json:
        call.output.json(
            {
                "seller": seller.name,
                "ok": tried.error is None,
                "error": None if tried.error is None else documents.of_error(tried.error),
                "started_sync_id": None if tried.unblocked is None else tried.unblocked.sync_id,
            }
        )
    elif tried.error is not None:
        tell_of_seller(call, seller.name, tried.error)
    else:
        call.output.say(marked("ok", call.say("key_works", name=cut(seller.name))))
        if delivery is not None and tried.unblocked is not None:
            call.output.say(call.say("key_unblocked", sync_id=tried.unblocked.sync_id))
    if tried.error is not None:
        raise typer.Exit(1)
    if delivery is not None:
        tell_of(call, rt, delivery)


def _row(
    call: Invocation,
    phrases: Phrases,
    seller: Seller,
    schedule: SyncSchedule,
    newest: SyncLog | None,
    counts: dict[int, int],
) -> Iterator[Cell]:
    yield cut(seller.name, 40)
    yield cut(seller.client_id, 30)
    state = documents.key_state(seller)
    yield f"••••{cut(seller.secret_last4)}" if state == "on" else call.say(f"key_{state}")
    yield phrases.cadence(schedule.cron)
    yield next_run(call, phrases, schedule)
    if newest is None:
        yield NOTHING
    else:
        yield phrases.state(newest.state.value) + f"\n{phrases.ago(newest.finished_at or newest.created_at)}"
    yield f"{counts.get(seller.id, 0):,}"


def next_run(call: Invocation, phrases: Phrases, schedule: SyncSchedule) -> Cell:
    """Return when a schedule falls due next, or why it does not."""
    if not schedule.enabled:
        return marked("skipped", call.say("schedule_disabled"))
    if schedule.blocked_code is not None:
        return marked("warn", call.say("schedule_blocked"))
    return phrases.both(schedule.next_run, schedule.zone)


def _refuse_taken(rt: Runtime, name: str) -> None:
    try:
        taken = find_seller(rt, name)
    except SellerUnknown:
        return
    raise SellerExists(taken.name)


def _new_name(name: str) -> str:
    """Return the name as it is stored; what no screen or database shows rightly is refused."""
    composed = unicodedata.normalize("NFC", name.strip())
    if not composed:
        raise Refusal("usage.name_empty")
    if len(composed) > MAX_NAME:
        raise Refusal("usage.name_long", limit=MAX_NAME, length=len(composed))
    if not composed.isprintable():
        raise Refusal("usage.name_characters")
    return composed


def _client_id(text: str | None) -> str:
    if text is None:
        raise Refusal("usage.client_id_missing")
    stripped = text.strip()
    if not stripped or len(stripped) > MAX_CLIENT_ID or not (stripped.isascii() and stripped.isprintable()):
        raise Refusal("usage.client_id", limit=MAX_CLIENT_ID)
    if " " in stripped:
        raise Refusal("usage.client_id", limit=MAX_CLIENT_ID)
    return stripped
