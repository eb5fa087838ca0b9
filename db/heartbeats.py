"""Signs of life of the periodic work, so that its absence can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, insert_unless_there


class Heartbeat(Base):
    """When something periodic last did its work."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    """The actor, such as find_due_schedules."""
    beat_at: Mapped[datetime]


def beat(session: Session, name: str, now: datetime) -> None:
    """Write down that *name* is alive."""
    if not insert_unless_there(session, Heartbeat, {"name": name, "beat_at": now}):
        session.execute(update(Heartbeat).where(Heartbeat.name == name).values(beat_at=now))


def heartbeats(session: Session) -> Sequence[Heartbeat]:
    """Return every sign of life."""
    return session.scalars(select(Heartbeat).order_by(Heartbeat.name)).all()


def last_beat(session: Session, name: str) -> datetime | None:
    """Return the last sign of life of *name*; None where it never gave one."""
    beat_at: datetime | None = session.scalar(select(Heartbeat.beat_at).where(Heartbeat.name == name))
    return beat_at
