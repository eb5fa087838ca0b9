"""gconnect db: bring the database to the schema of this program."""

from __future__ import annotations

import typer

from console.commands import AsJson
from console.invocation import check_database, invocation_of
from console.output import marked
from db import migration
from db.migration import SchemaMismatch
from db.session import Database

app = typer.Typer()


@app.command("upgrade")
def upgrade(context: typer.Context) -> None:
    """Create or update the tables; does nothing to a database that is as it should be."""
    call = invocation_of(context)
    url, shown = call.settings.database_url, call.settings.shown()["DATABASE_URL"]
    before, needed = _revision(url), migration.needed_revision()
    migration.upgrade(url)
    key = "db_current" if before == needed else "db_upgraded"
    call.output.say(marked("ok", call.say(key, url=shown, before=before or "–", revision=needed)))


@app.command("status")
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say whether the database is as this program needs it."""
    call = invocation_of(context)
    url, shown = call.settings.database_url, call.settings.shown()["DATABASE_URL"]
    found, needed = _revision(url), migration.needed_revision()
    kind, sentence = "current", call.say("db_current", url=shown, revision=needed)
    try:
        check_database(url)
    except SchemaMismatch as mismatch:
        kind = mismatch.kind
        sentence = call.texts.say(f"database.{kind}", found=found, needed=needed)
    if as_json:
        call.output.json({"status": kind, "found": found, "needed": needed, "url": shown})
    elif kind == "current":
        call.output.say(marked("ok", sentence))
    else:
        call.output.fail(sentence)
    if kind != "current":
        raise typer.Exit(1)


def _revision(url: str) -> str | None:
    database = Database.open(url, pool_size=1)
    try:
        return migration.current_revision(database)
    finally:
        database.close()
