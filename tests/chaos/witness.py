"""
What the database itself saw: a trigger keeps every step of every sync, and a table the due instants that were made.

Both live in the run's own database and know nothing of the product but its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from db.schedules import SyncSchedule, is_active
from services.runtime import Runtime

STATEMENTS = (
    """
    CREATE TABLE chaos_due (
        seller_id bigint, due_at timestamptz, withdrawn boolean NOT NULL DEFAULT false, PRIMARY KEY (seller_id, due_at)
    )
    """,
    """
    CREATE TABLE chaos_steps (
        id bigserial PRIMARY KEY, sync_id bigint, seller_id bigint, before text, after text, attempt integer,
        live integer, running integer, seen_at timestamptz DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE FUNCTION chaos_witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO chaos_steps (sync_id, seller_id, before, after, attempt, live, running)
        SELECT NEW.id, NEW.seller_id, CASE TG_OP WHEN 'UPDATE' THEN OLD.state END, NEW.state, NEW.attempt,
            (SELECT count(*) FROM sync_logs
             WHERE seller_id = NEW.seller_id AND state IN ('queued', 'running', 'waiting')),
            (SELECT count(*) FROM sync_logs WHERE state = 'running');
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER chaos_inserted AFTER INSERT ON sync_logs FOR EACH ROW EXECUTE FUNCTION chaos_witness()",
    """
    CREATE TRIGGER chaos_updated AFTER UPDATE ON sync_logs FOR EACH ROW
        WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.attempt <> NEW.attempt) EXECUTE FUNCTION chaos_witness()
    """,
    "CREATE TABLE chaos_zombies (sync_id bigint, attempt integer, deed text)",
    """
    CREATE FUNCTION chaos_cursor_witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO chaos_zombies VALUES (NEW.id, NEW.attempt, 'moved the cursor back');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER chaos_cursor AFTER UPDATE ON sync_logs FOR EACH ROW
        WHEN (NEW.next_page < OLD.next_page) EXECUTE FUNCTION chaos_cursor_witness()
    """,
    """
    CREATE FUNCTION chaos_attempt_witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO chaos_zombies VALUES (NEW.sync_id, NEW.number, 'wrote after its end');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER chaos_attempt AFTER UPDATE ON sync_attempts FOR EACH ROW
        WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION chaos_attempt_witness()
    """,
)

ALLOWED = {
    (None, "queued"),
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "queued"),
    ("running", "running"),
    ("running", "waiting"),
    ("running", "succeeded"),
    ("running", "partial"),
    ("running", "failed"),
    ("waiting", "running"),
    ("waiting", "queued"),
}
"""The state diagram of db/sync_logs.py; nobody cancels here."""


@dataclass(frozen=True, slots=True)
class DueInstant:
    """An instant at which a schedule was made to fall due."""

    seller_id: int
    due_at: datetime
    withdrawn: bool
    """The schedule was blocked before anybody claimed it, so that it is owed no sync (it may have got one)."""


def install(rt: Runtime) -> None:
    """Make the tables and the trigger."""
    with rt.database.engine.begin() as connection:
        for statement in STATEMENTS:
            connection.execute(text(statement))


def make_due(session: Session, seller_ids: Sequence[int], now: datetime) -> int:
    """Let schedules fall due now, as far as they are active and not due already; return how many did."""
    rows = session.execute(
        update(SyncSchedule)
        .where(SyncSchedule.seller_id.in_(seller_ids), is_active(), SyncSchedule.next_run > now)
        .values(next_run=now)
        .returning(SyncSchedule.seller_id)
        .execution_options(synchronize_session=False)
    ).all()
    for (seller_id,) in rows:
        session.execute(text("INSERT INTO chaos_due VALUES (:id, :at)"), {"id": seller_id, "at": now})
    return len(rows)


def withdraw_due(session: Session, seller_id: int) -> None:
    """Write down that the instant for which a blocked schedule is due will not be served."""
    session.execute(
        text(
            "UPDATE chaos_due SET withdrawn = true FROM sync_schedules"
            " WHERE sync_schedules.seller_id = chaos_due.seller_id AND next_run = due_at"
            " AND blocked_code IS NOT NULL AND chaos_due.seller_id = :id"
        ),
        {"id": seller_id},
    )


def due_instants(session: Session) -> list[DueInstant]:
    """Return every instant that was made."""
    rows = session.execute(text("SELECT seller_id, due_at, withdrawn FROM chaos_due ORDER BY due_at, seller_id"))
    return [DueInstant(seller_id, due_at, withdrawn) for seller_id, due_at, withdrawn in rows]


def sellers_with_two_live(session: Session) -> int:
    """Count the steps after which a seller had more than one live sync."""
    return int(session.scalar(text("SELECT count(*) FROM chaos_steps WHERE live > 1")) or 0)


def deeds_of_zombies(session: Session) -> list[str]:
    """Return what workers wrote that had been taken for dead."""
    rows = session.execute(text("SELECT sync_id, attempt, deed FROM chaos_zombies ORDER BY 1, 2"))
    return [f"attempt {attempt} of sync {sync_id} {deed}" for sync_id, attempt, deed in rows]


def most_running(session: Session) -> int:
    """Return how many syncs were running at once."""
    return int(session.scalar(text("SELECT max(running) FROM chaos_steps")) or 0)


def forbidden_steps(session: Session) -> list[str]:
    """Return the steps that the state diagram does not have, an ended sync that lives again above all."""
    rows = session.execute(text("SELECT sync_id, before, after, count(*) FROM chaos_steps GROUP BY 1, 2, 3"))
    return [
        f"sync {sync_id} went from {before} to {after}" + (f" {count} times" if count > 1 else "")
        for sync_id, before, after, count in rows
        if (before, after) not in ALLOWED
    ]
