"""Records of an answer that could not be read as a product, with the reason, so that none is lost silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId


class RejectedRecord(Base):
    """One record that one sync could not store."""

    __tablename__ = "rejected_records"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sync_id: Mapped[int] = mapped_column(BigId, ForeignKey("sync_logs.id", ondelete="CASCADE"))
    page: Mapped[int]
    position: Mapped[int]
    """Place in the page's contents, from 0."""
    product_no: Mapped[int | None] = mapped_column(BigInteger)
    """The origin product number, where at least that could be read."""
    reason: Mapped[str] = mapped_column(String(40))
    """A code, such as missing_field; services/texts.py has its sentence."""
    field: Mapped[str | None] = mapped_column(String(200))
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    """The record as it came, cut to 4 KiB."""

    __table_args__ = (Index("ix_rejected_records_sync_id_id", "sync_id", "id"),)


def record_rejects(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keep rejected records; each row holds every column but the id."""
    if rows:
        session.execute(insert(RejectedRecord).execution_options(render_nulls=True), rows)


def rejects_of(session: Session, sync_id: int, limit: int = 100) -> Sequence[RejectedRecord]:
    """Return the rejected records of a sync in the order in which they came."""
    return session.scalars(
        select(RejectedRecord).where(RejectedRecord.sync_id == sync_id).order_by(RejectedRecord.id).limit(limit)
    ).all()
