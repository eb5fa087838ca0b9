"""gconnect sync: sync one seller now, watch it, cancel it, or only look at what it would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from console import change_words, documents
from console.commands import AsJson, Name
from console.invocation import Invocation, find_seller, invocation_of
from console.mistakes import tell_of_seller
from console.output import Cell, cut, marked
from console.sending import deliver, tell_of
from console.waiting import NobodyWorks, follow, read_sync
from db.sellers import Seller
from db.sync_logs import State, SyncLog
from services import schedules, syncing
from services.errors import GConnectError
from services.preview import Preview, preview_sync
from services.runtime import Runtime
from services.texts import Refusal

SHOWN = 20
"""Products of each kind that a dry run lists; JSON has them all."""


def sync(
    context: typer.Context,
    name: Name,
    wait: Annotated[bool, typer.Option("--wait")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run")] = False,
    cancel: Annotated[bool, typer.Option("--cancel")] = False,
    as_json: AsJson = False,
) -> None:
    """Sync a seller now, ahead of the scheduled ones; joins the sync that is live, if there is one."""
    call = invocation_of(context)
    if sum((wait, dry_run, cancel)) > 1:
        raise Refusal("usage.sync_one_of")
    with call.runtime() as rt:
        seller = find_seller(rt, name)
        if cancel:
            _cancel(call, rt, seller, as_json=as_json)
        elif dry_run:
            _preview(call, rt, seller, as_json=as_json)
        else:
            _sync(call, rt, seller, wait=wait, as_json=as_json)


def _sync(call: Invocation, rt: Runtime, seller: Seller, *, wait: bool, as_json: bool) -> None:
    opened, joined = schedules.request_sync(rt, seller.id)
    live = read_sync(rt, opened.sync_id)
    if not as_json:
        key = "sync_joined" if joined else "sync_opened"
        call.output.say(call.say(key, sync_id=opened.sync_id, name=cut(seller.name)))
    delivery = None if live.state == State.RUNNING else deliver(rt, [opened])
    works = True if delivery is None else tell_of(call, rt, delivery)
    document = {
        "sync_id": opened.sync_id,
        "joined": joined,
        "delivery": None if delivery is None else delivery.value,
        "workers_seem_alive": works,
    }
    if not wait:
        if as_json:
            call.output.json({**document, "sync": documents.of_sync(live, seller.name)})
        return
    try:
        ended = follow(call, rt, opened.sync_id, quiet=as_json)
    except NobodyWorks:
        call.output.fail(call.say("sync_not_taken", sync_id=opened.sync_id))
        if as_json:
            call.output.json({**document, "sync": documents.of_sync(read_sync(rt, opened.sync_id), seller.name)})
        raise typer.Exit(1) from None
    if as_json:
        call.output.json({**document, "sync": documents.of_sync(ended, seller.name)})
    else:
        _tell_end(call, rt, seller, ended)
    if ended.state != State.SUCCEEDED:
        raise typer.Exit(1)


def _tell_end(call: Invocation, rt: Runtime, seller: Seller, ended: SyncLog) -> None:
    phrases = call.phrases(rt.clock.now())
    products = "–" if ended.seen is None else f"{ended.seen:,}"
    row: list[Cell] = [
        phrases.state(ended.state.value),
        products,
        phrases.found(ended),
        str(ended.tries),
        phrases.duration(ended),
    ]
    call.output.table(call.heads("outcome", "products", "changes", "tries", "duration"), [row], right=[1, 3, 4])
    reason = phrases.reason(ended, cut(seller.name))
    if reason is not None:
        call.output.fail(reason)
    if ended.rejected:
        call.output.note(call.say("see_rejects", name=cut(seller.name), sync_id=ended.id))
    if ended.held:
        call.output.warn(call.say("see_removals", name=cut(seller.name), count=ended.held))


def _cancel(call: Invocation, rt: Runtime, seller: Seller, *, as_json: bool) -> None:
    ended = syncing.cancel(rt, seller.id)
    if as_json:
        call.output.json({"cancelled_sync_id": None if ended is None else ended.id})
    elif ended is None:
        call.output.say(call.say("nothing_to_cancel", name=cut(seller.name)))
    else:
        call.output.say(marked("cancelled", call.say("sync_cancelled", sync_id=ended.id, name=cut(seller.name))))


def _preview(call: Invocation, rt: Runtime, seller: Seller, *, as_json: bool) -> None:
    try:
        with call.output.err.status(call.say("reading_catalogue")):
            preview = preview_sync(rt, seller.id)
    except GConnectError as error:
        if as_json:
            call.output.json({"seller": seller.name, "error": documents.of_error(error)})
        tell_of_seller(call, seller.name, error)
        raise typer.Exit(1) from None
    if as_json:
        call.output.json({"seller": seller.name, **documents.of_preview(preview)})
        return
    call.output.say(call.say("dry_run", name=cut(seller.name), total=preview.total))
    counts = {name: len(getattr(preview, name)) for name in ("added", "changed", "restored", "removed", "held")}
    phrases = call.phrases(rt.clock.now())
    call.output.say(phrases.counted({**counts, "rejected": preview.rejected, "unchanged": preview.unchanged}))
    for kind in ("added", "restored", "removed", "held"):
        _list_products(call, kind, getattr(preview, kind))
    _list_changed(call, rt, preview)
    if preview.verdict.code is not None:
        params = {"seller": cut(seller.name), **preview.verdict.params}
        call.output.warn(call.texts.what(preview.verdict.code, **params))
        call.output.warn(call.say("dry_run_unproven"))


def _list_products(call: Invocation, kind: str, products: Sequence[tuple[int, str | None]]) -> None:
    if not products:
        return
    heads = [call.texts.say("column.number"), call.say(f"dry_run_{kind}")]
    call.output.say()
    call.output.table(heads, [[str(number), cut(name)] for number, name in products[:SHOWN]])
    _tell_more(call, len(products))


def _list_changed(call: Invocation, rt: Runtime, preview: Preview) -> None:
    if not preview.changed:
        return
    phrases = call.phrases(rt.clock.now())
    rows = [
        [str(number), cut(name, 40), "\n".join(change_words.field_lines(fields, phrases))]
        for number, name, fields in preview.changed[:SHOWN]
    ]
    call.output.say()
    call.output.table([*call.heads("number"), call.say("dry_run_changed"), *call.heads("change")], rows)
    _tell_more(call, len(preview.changed))


def _tell_more(call: Invocation, count: int) -> None:
    if count > SHOWN:
        call.output.say(call.say("and_more", count=count - SHOWN))
