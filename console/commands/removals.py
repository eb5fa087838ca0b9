"""gconnect removals: products that vanished in such numbers that a person must say whether that is right."""

from __future__ import annotations

from typing import Annotated

import typer

from console import documents
from console.commands import AsJson, Name
from console.invocation import Invocation, find_seller, invocation_of
from console.output import cut, marked
from db import products, schedules
from db.sellers import Seller
from services.cadence import DEFAULT_ZONE
from services.removals import confirm_removals, dismiss_removals
from services.runtime import Runtime
from services.texts import Refusal

SHOWN = 200
"""Products that the table lists; JSON has them all."""


def removals(
    context: typer.Context,
    name: Name,
    confirm: Annotated[bool, typer.Option("--confirm")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss")] = False,
    as_json: AsJson = False,
) -> None:
    """List the removals that are held; confirm them, or keep the products in the shop."""
    call = invocation_of(context)
    if confirm and dismiss:
        raise Refusal("usage.removals_one_of")
    with call.runtime() as rt:
        seller = find_seller(rt, name)
        if confirm or dismiss:
            _settle(call, rt, seller, confirm=confirm, as_json=as_json)
        else:
            _list(call, rt, seller, as_json=as_json)


def _settle(call: Invocation, rt: Runtime, seller: Seller, *, confirm: bool, as_json: bool) -> None:
    count = (confirm_removals if confirm else dismiss_removals)(rt, seller.id)
    word = "confirmed" if confirm else "dismissed"
    if as_json:
        call.output.json({"seller": seller.name, word: count})
    elif count:
        call.output.say(marked("ok", call.say(f"removals_{word}", count=count, name=cut(seller.name))))
    else:
        call.output.say(call.say("no_removals", name=cut(seller.name)))


def _list(call: Invocation, rt: Runtime, seller: Seller, *, as_json: bool) -> None:
    with rt.database.transaction() as session:
        held = products.held_products(session, seller.id)
        schedule = schedules.schedule_of(session, seller.id)
    if as_json:
        call.output.json([documents.of_held(each) for each in held])
        return
    if not held:
        call.output.say(call.say("no_removals", name=cut(seller.name)))
        return
    phrases = call.phrases(rt.clock.now(), DEFAULT_ZONE if schedule is None else schedule.zone)
    rows = [
        [
            str(each.product_no),
            cut(each.name, 60),
            call.texts.say("change.won", amount=f"{each.sale_price:,}"),
            phrases.both(each.held_at),
        ]
        for each in held[:SHOWN]
    ]
    call.output.table(call.heads("number", "product", "price", "held_since"), rows, right=[2])
    if len(held) > SHOWN:
        call.output.say(call.say("and_more", count=len(held) - SHOWN))
    call.output.note(call.say("removals_next", name=cut(seller.name), count=len(held)))
