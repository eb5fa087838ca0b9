"""Trouble that many sellers share: one row from the moment it is noticed until a sync works again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, String, exists, func, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId, insert_unless_there
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog


class Incident(Base):
    """One cause for which most sellers fail at once."""

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40))
    """The error that they share."""
    sellers: Mapped[int]
    """How many had failed with it when it was noticed."""
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    """When a sync worked again; null while it lasts."""

    __table_args__ = (
        Index(
            "uq_incidents_open",
            "code",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )


def open_incidents(session: Session) -> Sequence[Incident]:
    """Return the incidents that last, oldest first."""
    return session.scalars(select(Incident).where(Incident.resolved_at.is_(None)).order_by(Incident.id)).all()


def open_incident(session: Session, code: str, sellers: int, now: datetime) -> bool:
    """Write an incident down; return False where one of that code lasts already."""
    return insert_unless_there(session, Incident, {"code": code, "sellers": sellers, "opened_at": now})


def resolve_incidents(session: Session, opened_before: datetime, now: datetime) -> bool:
    """End the incidents that were noticed before *opened_before*; return whether there were any."""
    ended = session.scalars(
        update(Incident)
        .where(Incident.resolved_at.is_(None), Incident.opened_at < opened_before)
        .values(resolved_at=now)
        .returning(Incident.id)
    ).all()
    return bool(ended)


def sellers_that_tried(session: Session, since: datetime, code: str) -> tuple[list[int], int]:
    """
    Return which sellers have had their newest attempt end with *code* since then, and how many have tried at all.

    A sync that is at work and has read a page counts as tried: what works only takes longer than what fails.
    """
    newest_first = (SyncAttempt.ended_at.desc(), SyncAttempt.sync_id.desc(), SyncAttempt.number.desc())
    ended = (
        select(
            SyncLog.seller_id,
            SyncAttempt.code,
            func.row_number().over(partition_by=SyncLog.seller_id, order_by=newest_first).label("nth"),
        )
        .join(SyncLog, SyncLog.id == SyncAttempt.sync_id)
        .where(SyncAttempt.ended_at >= since)
        .subquery()
    )
    newest = select(ended.c.seller_id, (ended.c.code == code).label("failed")).where(ended.c.nth == 1)
    failed = {seller_id: bool(has_failed) for seller_id, has_failed in session.execute(newest)}
    works = session.scalars(select(SyncLog.seller_id).where(SyncLog.state == State.RUNNING, SyncLog.next_page > 1))
    return [seller_id for seller_id, has_failed in failed.items() if has_failed], len(failed.keys() | set(works))


def has_probe(session: Session, since: datetime, codes: Sequence[str], failed_after: datetime) -> bool:
    """
    Return whether a sync that was opened since then is about to show whether all is well, or has just shown that not.

    The latter is one that failed with one of *codes* after *failed_after*, and now waits or has ended. One that
    waits for a cause of its own says nothing.
    """
    at_work = SyncLog.state.in_((State.QUEUED, State.RUNNING))
    has_failed = exists().where(
        SyncAttempt.sync_id == SyncLog.id, SyncAttempt.ended_at > failed_after, SyncAttempt.code.in_(codes)
    )
    probe = select(SyncLog.id).where(or_(at_work, has_failed), SyncLog.created_at >= since).limit(1)
    return session.scalar(probe) is not None
