"""What administrators are told: one open notification for each thing that lasts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId, word


class Topic(StrEnum):
    """What a notification is about; a seller has at most one open one of each."""

    SYNC = "sync"
    REMOVAL = "removal"
    PLATFORM = "platform"
    """An incident that many sellers share: the notification is nobody's in particular."""


class Notification(Base):
    """One thing worth telling: a code and its parameters, not a sentence, so that it can be read in either language."""

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    seller_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sellers.id", ondelete="CASCADE"))
    """Null where it is about the whole fleet."""
    topic: Mapped[Topic] = mapped_column(word(Topic, "topic"))
    code: Mapped[str] = mapped_column(String(40))
    """services/texts.py says what it means and what to do."""
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    person_must_act: Mapped[bool]
    """False where it passes by itself."""
    sync_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sync_logs.id", ondelete="SET NULL"))
    """The sync that last had this to say; null once that has been forgotten."""
    occurrences: Mapped[int] = mapped_column(default=1)
    """How many syncs in a row had the same to say."""
    raised_at: Mapped[datetime]
    last_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    """When an administrator marked it as read; null while unread."""
    resolved_at: Mapped[datetime | None]
    """When it was over, or something else took its place; null while it lasts."""

    __table_args__ = (
        Index(
            "uq_notifications_open",
            "seller_id",
            "topic",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index("ix_notifications_resolved_at", "resolved_at"),
        Index("ix_notifications_sync_id", "sync_id"),
    )


def open_notification(session: Session, seller_id: int | None, topic: Topic) -> Notification | None:
    """Return the open notification of a seller about a topic, locked."""
    return session.scalar(
        select(Notification)
        .where(
            Notification.seller_id == seller_id,
            Notification.topic == topic,
            Notification.resolved_at.is_(None),
        )
        .with_for_update()
    )


def resolve(session: Session, seller_id: int | None, topic: Topic, now: datetime) -> bool:
    """Close the open notification of a seller about a topic; return whether there was one."""
    result = session.execute(
        update(Notification)
        .where(
            Notification.seller_id == seller_id,
            Notification.topic == topic,
            Notification.resolved_at.is_(None),
        )
        .values(resolved_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def resolve_all(session: Session, topic: Topic, code: str, now: datetime) -> None:
    """Close every open notification about a topic that has this code."""
    session.execute(
        update(Notification)
        .where(Notification.topic == topic, Notification.code == code, Notification.resolved_at.is_(None))
        .values(resolved_at=now)
        .execution_options(synchronize_session=False)
    )


def mark_read(session: Session, now: datetime, notification_id: int | None = None) -> int:
    """Mark one unread notification as read, or all; return how many were unread."""
    query = update(Notification).where(Notification.read_at.is_(None)).values(read_at=now)
    if notification_id is not None:
        query = query.where(Notification.id == notification_id)
    return session.execute(query).rowcount  # type: ignore[attr-defined, no-any-return]


def notifications(
    session: Session, *, only_open: bool = True, before_id: int | None = None, limit: int = 50
) -> Sequence[Notification]:
    """Return the newest notifications, those that last or all, from the one before *before_id* on."""
    query = select(Notification).order_by(Notification.id.desc()).limit(limit)
    if only_open:
        query = query.where(Notification.resolved_at.is_(None))
    if before_id is not None:
        query = query.where(Notification.id < before_id)
    return session.scalars(query).all()
