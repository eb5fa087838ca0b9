"""Trouble that many sellers share: one row from the moment it is noticed until a sync works again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, String, case, distinct, func, or_, select, text, update
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


def sellers_that_tried(session: Session, since: datetime, code: str) -> tuple[int, int]:
    """
    Return how many sellers have had an attempt end with *code* since then, and how many have tried at all.

    A sync that is at work and has read a page counts as tried: what works only takes longer than what fails.
    """
    works = SyncAttempt.ended_at.is_(None) & (SyncLog.state == State.RUNNING) & (SyncLog.next_page > 1)
    row = session.execute(
        select(
            func.count(distinct(case((SyncAttempt.code == code, SyncLog.seller_id)))),
            func.count(distinct(SyncLog.seller_id)),
        )
        .select_from(SyncAttempt)
        .join(SyncLog, SyncLog.id == SyncAttempt.sync_id)
        .where(or_(SyncAttempt.ended_at >= since, works))
    ).one()
    return int(row[0]), int(row[1])


def has_probe(session: Session, since: datetime, codes: Sequence[str]) -> bool:
    """
    Return whether a sync that was opened since then is live.

    One that waits, for another cause than *codes*, has trouble of its own and says nothing about the incident.
    """
    probes = or_(
        SyncLog.state.in_((State.QUEUED, State.RUNNING)), (SyncLog.state == State.WAITING) & SyncLog.code.in_(codes)
    )
    found = session.scalar(select(SyncLog.id).where(probes, SyncLog.created_at >= since).limit(1))
    return found is not None
