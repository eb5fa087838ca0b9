"""gconnect keys: the keys of ENCRYPTION_KEY, which encrypt the sellers' secrets."""

from __future__ import annotations

import typer

from console.commands import AsJson
from console.invocation import invocation_of
from console.output import cut, marked
from services.credentials import generate_key
from services.sellers import rotate_keys

app = typer.Typer()


@app.command("generate")
def generate(context: typer.Context) -> None:
    """Make a new key for ENCRYPTION_KEY and print nothing else; needs no settings."""
    call = invocation_of(context)
    call.output.out.print(generate_key(), soft_wrap=True)


@app.command("rotate")
def rotate(context: typer.Context, as_json: AsJson = False) -> None:
    """Encrypt all stored secrets anew with the first key of ENCRYPTION_KEY; goes on where it was broken off."""
    call = invocation_of(context)
    with call.runtime() as rt:
        rotated, current, unreadable = rotate_keys(rt)
    if as_json:
        call.output.json({"rotated": rotated, "current": current, "unreadable": unreadable})
    else:
        call.output.say(
            marked("warn" if unreadable else "ok", call.say("keys_rotated", rotated=rotated, current=current))
        )
    if unreadable:
        names = ", ".join(cut(name, 40) for name in unreadable)
        call.output.fail(call.say("keys_unreadable", count=len(unreadable), names=names))
        raise typer.Exit(1)
    if not as_json:
        call.output.note(call.say("keys_rotated_next"))
