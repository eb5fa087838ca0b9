"""gconnect logs and gconnect changes: what the syncs did, and what they found in a catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from console import change_words, documents
from console.commands import AsJson, Name
from console.invocation import Invocation, find_seller, invocation_of
from console.output import Cell, cut
from console.phrases import NOTHING, Phrases
from db import product_changes, products, rejected_records, schedules, sellers, sync_attempts, sync_logs
from db.rejected_records import RejectedRecord
from db.sync_logs import SyncLog
from services.cadence import DEFAULT_ZONE
from services.runtime import Runtime
from services.texts import Refusal

MAX_ROWS = 1000
MAX_REJECTS = 200

Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_ROWS)]
Before = Annotated[int | None, typer.Option("--before", metavar="ID", min=1, max=2**63 - 1, show_default=False)]


def logs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False)] = None,
    limit: Limit = 20,
    before: Before = None,
    sync_id: Annotated[
        int | None, typer.Option("--sync", metavar="ID", min=1, max=2**63 - 1, show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the sync log, the newest first, of one seller or of all; or one sync with its attempts and rejects."""
    call = invocation_of(context)
    with call.runtime() as rt:
        seller = None if name is None else find_seller(rt, name)
        if sync_id is not None:
            _one(call, rt, sync_id, None if seller is None else seller.id, as_json=as_json)
            return
        with rt.database.transaction() as session:
            seller_id = None if seller is None else seller.id
            found = sync_logs.recent_syncs(session, seller_id, before_id=before, limit=limit)
            names = {each.id: each.name for each in sellers.all_sellers(session)}
            zones = {each.id: schedule.zone for each, schedule in schedules.all_schedules(session)}
        phrases = call.phrases(rt.clock.now())
    if as_json:
        call.output.json([documents.of_sync(each, names.get(each.seller_id)) for each in found])
        return
    if not found:
        call.output.say(call.say("no_syncs"))
        return
    rows = [_row(phrases, each, names, zones) for each in found]
    heads = call.heads("id", "name", "outcome", "started", "duration", "products", "changes", "tries")
    call.output.table(heads, rows, right=[0, 4, 5, 7])
    _reasons(call, phrases, [(each, names.get(each.seller_id, "?")) for each in found])
    if len(found) == limit:
        call.output.note(call.say("older_logs", before=found[-1].id))


def changes(
    context: typer.Context,
    name: Name,
    limit: Limit = 50,
    before: Before = None,
    as_json: AsJson = False,
) -> None:
    """Show what changed in a seller's catalogue, the newest first."""
    call = invocation_of(context)
    with call.runtime() as rt:
        seller = find_seller(rt, name)
        with rt.database.transaction() as session:
            found = product_changes.recent_changes(session, seller.id, before_id=before, limit=limit)
            names = products.names(session, seller.id, {each.product_no for each in found})
            schedule = schedules.schedule_of(session, seller.id)
        phrases = call.phrases(rt.clock.now(), DEFAULT_ZONE if schedule is None else schedule.zone)
    if as_json:
        call.output.json([documents.of_change(each, names.get(each.product_no)) for each in found])
        return
    if not found:
        call.output.say(call.say("no_changes", name=cut(seller.name)))
        return
    rows = [
        [
            phrases.both(group[0].changed_at),
            f"{cut(names.get(group[0].product_no), 60)}\n{group[0].product_no}",
            "\n".join(change_words.sentences(group, phrases)),
        ]
        for group in change_words.grouped(found)
    ]
    call.output.table(call.heads("seen_at", "product", "change"), rows)
    if len(found) == limit:
        call.output.note(call.say("older_changes", name=cut(seller.name), before=found[-1].id))


def _row(phrases: Phrases, sync: SyncLog, names: dict[int, str], zones: dict[int, str]) -> list[Cell]:
    started = sync.started_at or sync.created_at
    return [
        str(sync.id),
        cut(names.get(sync.seller_id), 30),
        phrases.state(sync.state.value),
        phrases.both(started, zones.get(sync.seller_id)),
        phrases.duration(sync),
        NOTHING if sync.seen is None else f"{sync.seen:,}",
        phrases.found(sync),
        str(sync.tries),
    ]


def _reasons(call: Invocation, phrases: Phrases, syncs: list[tuple[SyncLog, str]]) -> None:
    """Write under the table why syncs are not well and what to do; the same reason once, with its syncs."""
    by_reason: dict[str, list[int]] = {}
    for sync, seller in syncs:
        reason = phrases.reason(sync, cut(seller, 40))
        if reason is not None:
            by_reason.setdefault(reason, []).append(sync.id)
    if by_reason:
        call.output.say()
    for reason, ids in by_reason.items():
        call.output.say(f"{', '.join(f'#{each}' for each in ids)}  {reason}")


def _one(call: Invocation, rt: Runtime, sync_id: int, seller_id: int | None, *, as_json: bool) -> None:
    with rt.database.transaction() as session:
        sync = sync_logs.sync_with_id(session, sync_id)
        if sync is None or seller_id not in (None, sync.seller_id):
            raise Refusal("usage.no_such_sync", sync_id=sync_id)
        seller = session.get_one(sellers.Seller, sync.seller_id)
        schedule = schedules.schedule_of(session, sync.seller_id)
        attempts = sync_attempts.attempts_of(session, sync_id)
        rejects = rejected_records.rejects_of(session, sync_id, MAX_REJECTS)
    if as_json:
        call.output.json(
            {
                **documents.of_sync(sync, seller.name),
                "attempts": [documents.of_attempt(each) for each in attempts],
                "rejected_records": [documents.of_reject(each) for each in rejects],
            }
        )
        return
    phrases = call.phrases(rt.clock.now(), DEFAULT_ZONE if schedule is None else schedule.zone)
    _details(call, phrases, sync, seller.name)
    if attempts:
        rows: list[list[Cell]] = [
            [
                str(each.number),
                phrases.at(each.started_at),
                phrases.lasting((each.ended_at or phrases.now) - each.started_at),
                each.code or NOTHING,
                cut(each.detail),
                cut(each.trace_id),
            ]
            for each in attempts
        ]
        call.output.say()
        call.output.table(call.heads("attempt", "started", "duration", "code", "detail", "trace_id"), rows)
    if rejects:
        call.output.say()
        call.output.table(
            call.heads("page", "number", "reason"),
            [
                [
                    f"{each.page}-{each.position}",
                    str(each.product_no or NOTHING),
                    "\n".join(_why_rejected(call, each)),
                ]
                for each in rejects
            ],
        )
        if sync.rejected > len(rejects):
            call.output.say(call.say("and_more_rejects", count=sync.rejected - len(rejects)))


def _why_rejected(call: Invocation, record: RejectedRecord) -> tuple[str, str]:
    params = {"field": record.field, "product_no": record.product_no}
    return call.texts.what(record.reason, **params), call.texts.act(record.reason, **params)


def _details(call: Invocation, phrases: Phrases, sync: SyncLog, seller: str) -> None:
    lines: list[tuple[str, Cell]] = [
        ("id", str(sync.id)),
        ("name", cut(seller)),
        ("outcome", phrases.state(sync.state.value)),
        ("trigger", call.texts.say(f"trigger.{sync.trigger.value}")),
        ("due", phrases.within(sync.scheduled_for)),
        ("started", phrases.within(sync.started_at)),
        ("ended", phrases.within(sync.finished_at)),
        ("next_attempt", phrases.within(sync.next_attempt_at)),
        ("duration", phrases.duration(sync)),
        ("products", NOTHING if sync.seen is None else f"{sync.seen:,}"),
        ("changes", phrases.found(sync)),
        ("tries", str(sync.tries)),
        ("reason", phrases.reason(sync, cut(seller)) or NOTHING),
        ("trace_id", cut(sync.trace_id)),
    ]
    told = [(call.texts.say(f"column.{name}"), value) for name, value in lines if value != NOTHING]
    call.output.facts(told)
