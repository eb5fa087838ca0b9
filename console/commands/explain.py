"""gconnect explain: why a seller has or has not synced."""

from __future__ import annotations

import typer

from console.commands import AsJson, Name
from console.invocation import find_seller, invocation_of
from console.output import cut
from services.explaining import Told, explanation, facts_of


def explain(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Say in a few sentences why a seller has or has not synced, and what comes next."""
    call = invocation_of(context)
    with call.runtime() as rt:
        seller = find_seller(rt, name)
        facts = facts_of(rt, seller.id)
    items = explanation(facts)
    if as_json:
        call.output.json(
            {
                "seller": seller.name,
                "reasons": [
                    {"code": each.code if isinstance(each, Told) else each.key, "params": dict(each.params)}
                    for each in items
                ],
            }
        )
        return
    phrases = call.phrases(facts.now, facts.zone)
    call.output.say(call.say("explained", name=cut(seller.name)))
    for item in items:
        call.output.say(f"  {phrases.told(item)}")
