"""The command line `gconnect`: its commands, its language, and what becomes of errors."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, cast

import typer
from typer.exceptions import TyperException

from console import mistakes
from console.commands import database, explain, history, keys, notifications, removals, schedules, sellers, service
from console.commands import doctor as doctors
from console.commands import syncs as syncs
from console.help_texts import Command, translate
from console.invocation import Invocation
from services.texts import LANGUAGES

PROGRAM = "gconnect"
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, context_settings={"max_content_width": 100})
for group, commands in (
    ("db", database.app),
    ("seller", sellers.app),
    ("schedule", schedules.app),
    ("keys", keys.app),
):
    app.add_typer(commands, name=group, no_args_is_help=True)
app.command("up")(service.up)
app.command("demo")(service.demo)
app.command("sync")(syncs.sync)
app.command("logs")(history.logs)
app.command("changes")(history.changes)
app.command("notifications")(notifications.list_notifications)
app.command("removals")(removals.removals)
app.command("doctor")(doctors.doctor)
app.command("explain")(explain.explain)


@app.callback()
def gconnect(
    _version: Annotated[
        bool, typer.Option("--version", callback=lambda wanted: _say_version() if wanted else None, is_eager=True)
    ] = False,
    _lang: Annotated[str | None, typer.Option("--lang", metavar="|".join(LANGUAGES), show_default=False)] = None,
) -> None:
    """Keep the product catalogues of SmartStore sellers in step with Naver."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 asked for wrongly. Nothing is raised."""
    _let_any_character_through()
    given = _language_first(list(sys.argv[1:] if arguments is None else arguments))
    language = given[1] if given[:1] == ["--lang"] and len(given) > 1 else None
    call = Invocation(language)
    call.set_up_logging()
    try:
        if language is not None and language not in LANGUAGES:
            return _refuse_language(call, language)
        command = translate(cast("Command", typer.main.get_command(app)), call.texts)
        ended: Any = command.main(given, prog_name=PROGRAM, standalone_mode=False, obj=call)
    except (typer.Abort, KeyboardInterrupt):
        call.output.note(call.say("interrupted"))
        return INTERRUPTED
    except (TyperException, Exception) as error:
        return mistakes.tell(call, error)
    return ended if isinstance(ended, int) else 0


def _refuse_language(call: Invocation, language: str) -> int:
    call.output.fail(call.texts.say("usage.lang", value=language[:40], words=", ".join(LANGUAGES)))
    return mistakes.MISUSED


def _language_first(arguments: list[str]) -> list[str]:
    """Return the arguments with `--lang xx` at their front, wherever it was said."""
    for index, word in enumerate(arguments):
        if word == "--":
            break
        if word == "--lang" and index + 1 < len(arguments):
            return [word, arguments[index + 1], *arguments[:index], *arguments[index + 2 :]]
        if word.startswith("--lang="):
            return ["--lang", word.removeprefix("--lang="), *arguments[:index], *arguments[index + 1 :]]
    return arguments


def _say_version() -> None:
    with suppress(PackageNotFoundError):
        sys.stdout.write(f"{PROGRAM} {version(PROGRAM)}\n")
    raise typer.Exit


def _let_any_character_through() -> None:
    """Have what a terminal or pipe cannot show replaced: on Windows these may know no ✔, and no Korean."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
