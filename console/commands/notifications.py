"""gconnect notifications: what the administrator is told, and marking it as read."""

from __future__ import annotations

from typing import Annotated

import typer

from console import documents
from console.commands import AsJson
from console.invocation import Invocation, invocation_of
from console.output import Cell, cut, marked
from console.phrases import Phrases
from db import sellers
from db.notifications import Notification, mark_read, notifications
from services.runtime import Runtime
from services.texts import Refusal

LIMIT = 100
ALL = "all"


def list_notifications(
    context: typer.Context,
    with_closed: Annotated[bool, typer.Option("--all")] = False,
    read: Annotated[str | None, typer.Option("--read", metavar="ID|all", show_default=False)] = None,
    before: Annotated[int | None, typer.Option("--before", metavar="ID", min=1, show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show what lasts and what to do about it; with --all also what is over."""
    call = invocation_of(context)
    with call.runtime() as rt:
        if read is not None:
            _mark_read(call, rt, read, as_json=as_json)
            return
        with rt.database.transaction() as session:
            found = notifications(session, only_open=not with_closed, before_id=before, limit=LIMIT)
            names = {each.id: each.name for each in sellers.all_sellers(session)}
        phrases = call.phrases(rt.clock.now())
    if as_json:
        call.output.json([documents.of_notification(each, names.get(each.seller_id or 0)) for each in found])
        return
    if not found:
        call.output.say(call.say("no_notifications"))
        return
    rows = [_row(call, phrases, each) for each in found]
    call.output.table(call.heads("id", "urgency", "since", "times", "what_and_act"), rows, right=[0, 3])
    if len(found) == LIMIT:
        call.output.note(call.say("older_notifications", before=found[-1].id))


def _mark_read(call: Invocation, rt: Runtime, read: str, *, as_json: bool) -> None:
    which = read.strip().removeprefix("#")
    is_id = which.isascii() and which.isdigit() and 0 < int(which) < 2**63
    if which != ALL and not is_id:
        raise Refusal("usage.read", value=cut(read, 40))
    with rt.database.transaction() as session:
        count = mark_read(session, rt.clock.now(), int(which) if is_id else None)
    if as_json:
        call.output.json({"marked_read": count})
    elif count:
        call.output.say(marked("ok", call.say("marked_read", count=count)))
    else:
        call.output.say(call.say("nothing_unread"))


def _row(call: Invocation, phrases: Phrases, notification: Notification) -> list[Cell]:
    code, params = notification.code, notification.params
    if notification.resolved_at is not None:
        urgency: Cell = marked("ok", call.say("is_over"))
    elif notification.person_must_act:
        urgency = marked("fail", call.say("must_act"))
    else:
        urgency = marked("waiting", call.say("passes"))
    unread = "" if notification.read_at is not None else f"{call.say('unread')}\n"
    return [
        str(notification.id),
        urgency,
        phrases.both(notification.raised_at),
        str(notification.occurrences),
        f"{unread}{call.texts.what(code, **params)}\n{call.texts.act(code, **params)}",
    ]
