"""
One row a sync: its state, who holds it, how far it came, and how it ended.

    queued ──take──▶ running ──finish──▶ succeeded | partial | failed | cancelled
      ▲  ▲             │  │
      │  └──yield_turn─┘  └──wait──▶ waiting ──take──▶ running
      └── open_sync (a schedule fell due, or a person asked)

Queued, running and waiting are *live*; a unique index lets a seller have one live sync. What a worker writes
to a running sync stands in db/sync_leases.py, which of them have a message on the queue in db/sync_messages.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, case, func, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId, insert_unless_there, word


class State(StrEnum):
    """Where a sync stands; the module's text draws who moves it."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = (State.QUEUED, State.RUNNING, State.WAITING)


class Trigger(StrEnum):
    """Why a sync was opened: it fell due, a person asked, or a new key was entered."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    KEY = "key"


class SyncLog(Base):
    """One synchronisation of one seller."""

    __tablename__ = "sync_logs"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    seller_id: Mapped[int] = mapped_column(BigId, ForeignKey("sellers.id", ondelete="CASCADE"))
    trigger: Mapped[Trigger] = mapped_column(word(Trigger, "trigger"))
    scheduled_for: Mapped[datetime | None]
    """The due instant that this sync serves; null where nobody's schedule asked for it."""
    state: Mapped[State] = mapped_column(word(State, "state"), default=State.QUEUED)
    urgent: Mapped[bool] = mapped_column(default=False)
    """True where a person waits: goes ahead of the scheduled ones."""
    attempt: Mapped[int] = mapped_column(default=0)
    """How often a worker has taken this sync; the number that every write of that worker must name."""
    turns: Mapped[int] = mapped_column(default=0)
    """How often it gave its thread back at a page boundary; attempts less turns are what people count as tries."""
    failures: Mapped[int] = mapped_column(default=0)
    """Attempts that ended with an error."""
    deaths: Mapped[int] = mapped_column(default=0)
    """Attempts whose worker vanished."""
    lease_until: Mapped[datetime | None]
    """The worker that took this sync is taken for dead after this instant; null while nobody holds it."""
    next_attempt_at: Mapped[datetime | None]
    """When a waiting sync is tried again; null in every other state."""
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime]
    """Since when it waits for a worker: opened, its turn given back, or put off; older ones go ahead."""
    sent_at: Mapped[datetime | None]
    """When a message for it was last put on the queue; null where none was, so recovery sends one."""
    started_at: Mapped[datetime | None]
    """When it was first taken."""
    finished_at: Mapped[datetime | None]
    """When it reached its outcome; null while live."""
    next_page: Mapped[int] = mapped_column(default=1)
    """The page to be read next; it moves in the transaction that writes the page before it."""
    total_at_start: Mapped[int | None] = mapped_column(BigInteger)
    """Origin products by Naver's totalElements on the first page; null before it."""
    total_at_end: Mapped[int | None] = mapped_column(BigInteger)
    """The same on the page read last."""
    seen: Mapped[int | None]
    """Distinct origin products on all pages; null before the end."""
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    restored: Mapped[int] = mapped_column(default=0)
    """Products that had been marked removed and were seen again."""
    removed: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    """Records that could not be read; they stand in rejected_records."""
    held: Mapped[int] = mapped_column(default=0)
    """Products that were not seen, but whose removal waits for the next pass or for a person."""
    code: Mapped[str | None] = mapped_column(String(40))
    """The error of the last attempt, or why the outcome is partial; null where all is well."""
    params: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What the sentence for *code* needs."""
    trace_id: Mapped[str | None] = mapped_column(String(128))
    """Naver's id of the failed call, for a question to their support."""

    __table_args__ = (
        # Promise 2: a seller has at most one live sync.
        Index(
            "uq_sync_logs_live_seller",
            "seller_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running', 'waiting')"),
            postgresql_where=text("state IN ('queued', 'running', 'waiting')"),
        ),
        # Promise 1: a due instant gives one sync.
        Index("uq_sync_logs_seller_id_scheduled_for", "seller_id", "scheduled_for", unique=True),
        Index("ix_sync_logs_seller_id_id", "seller_id", "id"),
        Index(
            "ix_sync_logs_live_state",
            "state",
            sqlite_where=text("state IN ('queued', 'running', 'waiting')"),
            postgresql_where=text("state IN ('queued', 'running', 'waiting')"),
        ),
        Index("ix_sync_logs_finished_at", "finished_at"),
    )

    @property
    def goes_ahead(self) -> bool:
        """Whether a person waits for it, who has not kept the others waiting for a whole turn yet."""
        return self.urgent and self.turns == 0

    @property
    def waits_since(self) -> datetime:
        """Since when it could have been at work: queued, or its next attempt due."""
        return self.next_attempt_at or self.queued_at

    @property
    def tries(self) -> int:
        """What people count as attempts: takes that were not the next turn of the one before."""
        return self.attempt - self.turns


def open_sync(
    session: Session,
    seller_id: int,
    trigger: Trigger,
    now: datetime,
    *,
    scheduled_for: datetime | None = None,
    urgent: bool = False,
) -> SyncLog | None:
    """Queue a sync; return None where the seller has a live one, or that instant has had its own."""
    values = {
        "seller_id": seller_id,
        "trigger": trigger,
        "scheduled_for": scheduled_for,
        "urgent": urgent,
        "created_at": now,
        "queued_at": now,
    }
    if not insert_unless_there(session, SyncLog, values):
        return None
    return live_sync(session, seller_id)


def sync_with_id(session: Session, sync_id: int) -> SyncLog | None:
    """Return the sync, as it stands in the database now."""
    return session.get(SyncLog, sync_id, populate_existing=True)


def live_sync(session: Session, seller_id: int) -> SyncLog | None:
    """Return the seller's live sync, if it has one."""
    return session.scalar(select(SyncLog).where(SyncLog.seller_id == seller_id, SyncLog.state.in_(LIVE)))


def is_served(session: Session, seller_id: int, instant: datetime) -> bool:
    """Return whether a due instant of the seller has had its sync."""
    query = select(SyncLog.id).where(SyncLog.seller_id == seller_id, SyncLog.scheduled_for == instant)
    return session.scalar(query) is not None


def cancel(session: Session, sync_id: int, now: datetime) -> bool:
    """End a live sync; a worker that holds it finds out at its next write. Return whether it was live."""
    result = session.execute(
        update(SyncLog)
        .where(SyncLog.id == sync_id, SyncLog.state.in_(LIVE))
        .values(state=State.CANCELLED, finished_at=now, lease_until=None, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def put_off(session: Session, sync_id: int, now: datetime, due_by: datetime) -> None:
    """Let a sync that is to be had stay queued, unsent: there is no room for it now; *due_by* is as for a take."""
    is_due = (SyncLog.state == State.QUEUED) | ((SyncLog.state == State.WAITING) & (SyncLog.next_attempt_at <= due_by))
    session.execute(
        update(SyncLog)
        .where(SyncLog.id == sync_id, is_due)
        .values(
            state=State.QUEUED,
            queued_at=case((SyncLog.state == State.WAITING, now), else_=SyncLog.queued_at),
            next_attempt_at=None,
            sent_at=None,
        )
    )


def hurry(session: Session, sync_id: int, now: datetime) -> None:
    """Let a queued or waiting sync go ahead at once: a person waits for it."""
    session.execute(
        update(SyncLog)
        .where(SyncLog.id == sync_id, SyncLog.state.in_((State.QUEUED, State.WAITING)))
        .values(
            urgent=True,
            next_attempt_at=case((SyncLog.state == State.WAITING, now), else_=SyncLog.next_attempt_at),
        )
        .execution_options(synchronize_session=False)
    )


def count_in(session: Session, *states: State) -> int:
    """Count the syncs in these live states."""
    return session.scalar(select(func.count()).select_from(SyncLog).where(SyncLog.state.in_(states))) or 0


def count_live(session: Session) -> dict[State, int]:
    """Count the live syncs by state; every live state is a key."""
    rows = session.execute(select(SyncLog.state, func.count()).where(SyncLog.state.in_(LIVE)).group_by(SyncLog.state))
    return dict.fromkeys(LIVE, 0) | {state: count for state, count in rows}


def last_proven(session: Session, seller_id: int) -> SyncLog | None:
    """Return the newest sync of the seller that succeeded."""
    return session.scalar(
        select(SyncLog)
        .where(SyncLog.seller_id == seller_id, SyncLog.state == State.SUCCEEDED)
        .order_by(SyncLog.id.desc())
        .limit(1)
    )


def last_proven_at(session: Session) -> dict[int, datetime]:
    """Return when each seller's newest sync that succeeded ended, by seller; those without one are not in it."""
    rows = session.execute(
        select(SyncLog.seller_id, func.max(SyncLog.finished_at))
        .where(SyncLog.state == State.SUCCEEDED)
        .group_by(SyncLog.seller_id)
    )
    return {seller_id: at for seller_id, at in rows if at is not None}


def newest_syncs(session: Session) -> dict[int, SyncLog]:
    """Return the newest sync of each seller, by seller, whatever its state."""
    newest = select(func.max(SyncLog.id)).group_by(SyncLog.seller_id)
    return {sync.seller_id: sync for sync in session.scalars(select(SyncLog).where(SyncLog.id.in_(newest)))}


def last_writer(session: Session, seller_id: int, before_id: int | None = None) -> SyncLog | None:
    """Return the newest sync, before *before_id* where it is given, that succeeded or that wrote a product row."""
    query = (
        select(SyncLog)
        .where(
            SyncLog.seller_id == seller_id,
            or_(SyncLog.state == State.SUCCEEDED, SyncLog.added + SyncLog.changed + SyncLog.restored > 0),
        )
        .order_by(SyncLog.id.desc())
        .limit(1)
    )
    return session.scalar(query if before_id is None else query.where(SyncLog.id < before_id))


def recent_syncs(
    session: Session, seller_id: int | None = None, *, before_id: int | None = None, limit: int = 20
) -> Sequence[SyncLog]:
    """Return the newest syncs, of one seller or of all, from the one before *before_id* on."""
    query = select(SyncLog).order_by(SyncLog.id.desc()).limit(limit)
    if seller_id is not None:
        query = query.where(SyncLog.seller_id == seller_id)
    if before_id is not None:
        query = query.where(SyncLog.id < before_id)
    return session.scalars(query).all()
