"""Each attempt at a sync is kept: when, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId
from db.sync_leases import Holder


class SyncAttempt(Base):
    """One worker's hold of one sync."""

    __tablename__ = "sync_attempts"

    sync_id: Mapped[int] = mapped_column(BigId, ForeignKey("sync_logs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """The attempt number of the sync when this one took it."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """Null while it is at work, or where its worker died and nobody has taken the sync since."""
    code: Mapped[str | None] = mapped_column(String(40))
    """The error that ended it; worker_died where its lease expired, cancelled by a person; null where it ended well."""
    detail: Mapped[str | None] = mapped_column(String(500))
    """The error's parameters as text; never a body or a secret."""
    trace_id: Mapped[str | None] = mapped_column(String(128))
    """Naver's id of the failed call."""

    __table_args__ = (Index("ix_sync_attempts_ended_at", "ended_at"),)


def begin_attempt(session: Session, holder: Holder, now: datetime) -> None:
    """Write down that an attempt begins; whichever was still open before it has died."""
    end_open_attempt(session, holder.sync_id, now, code="worker_died")
    session.add(SyncAttempt(sync_id=holder.sync_id, number=holder.attempt, started_at=now))
    session.flush()


def end_open_attempt(session: Session, sync_id: int, now: datetime, *, code: str) -> None:
    """Write down that whichever attempt at a sync is open has ended, without its worker having a say."""
    session.execute(
        update(SyncAttempt)
        .where(SyncAttempt.sync_id == sync_id, SyncAttempt.ended_at.is_(None))
        .values(ended_at=now, code=code)
    )


def end_attempt(
    session: Session,
    holder: Holder,
    now: datetime,
    *,
    code: str | None = None,
    detail: str | None = None,
    trace_id: str | None = None,
) -> datetime:
    """Write down how the attempt ended; return when it began."""
    began: datetime = session.scalars(
        update(SyncAttempt)
        .where(SyncAttempt.sync_id == holder.sync_id, SyncAttempt.number == holder.attempt)
        .values(ended_at=now, code=code, detail=detail[:500] if detail else None, trace_id=trace_id)
        .returning(SyncAttempt.started_at)
        .execution_options(synchronize_session=False)
    ).one()
    return began


def attempts_of(session: Session, sync_id: int) -> Sequence[SyncAttempt]:
    """Return the attempts of a sync, first to last."""
    return session.scalars(select(SyncAttempt).where(SyncAttempt.sync_id == sync_id).order_by(SyncAttempt.number)).all()
