"""What changed in a catalogue, field by field, and when a product came or went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId, JsonText, word


class ChangeKind(StrEnum):
    """What happened to the product."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    RESTORED = "restored"


class ProductChange(Base):
    """One change of one product that one sync found."""

    __tablename__ = "product_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    seller_id: Mapped[int] = mapped_column(BigId, ForeignKey("sellers.id", ondelete="CASCADE"))
    product_no: Mapped[int] = mapped_column(BigInteger)
    sync_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sync_logs.id", ondelete="SET NULL"))
    """The sync that found it; null where a person confirmed a removal, or the sync has been forgotten."""
    kind: Mapped[ChangeKind] = mapped_column(word(ChangeKind, "kind"))
    field: Mapped[str | None] = mapped_column(String(200))
    """Naver's field name, of a channel product as CHANNEL.field; null where the whole product came or went."""
    old: Mapped[Any] = mapped_column(JsonText, nullable=True)
    """The value before; null where there was none."""
    new: Mapped[Any] = mapped_column(JsonText, nullable=True)
    """The value since; null where there is none."""
    changed_at: Mapped[datetime]
    """When the sync saw it, not when the seller did it."""

    __table_args__ = (
        Index("ix_product_changes_seller_id_id", "seller_id", "id"),
        Index("ix_product_changes_changed_at", "changed_at"),
        # For the syncs that are forgotten: each looks for the rows that point to it.
        Index("ix_product_changes_sync_id", "sync_id"),
    )


def record_changes(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keep changes; each row holds every column but the id."""
    if rows:
        session.execute(insert(ProductChange).execution_options(render_nulls=True), rows)


def recent_changes(
    session: Session, seller_id: int, *, before_id: int | None = None, limit: int = 50
) -> Sequence[ProductChange]:
    """Return the newest changes of a seller's catalogue, from the one before *before_id* on."""
    query = select(ProductChange).where(ProductChange.seller_id == seller_id)
    if before_id is not None:
        query = query.where(ProductChange.id < before_id)
    return session.scalars(query.order_by(ProductChange.id.desc()).limit(limit)).all()
