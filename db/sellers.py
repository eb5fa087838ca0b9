"""Sellers, and their credential as ciphertext."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId


class Seller(Base):
    """One SmartStore shop whose catalogue we keep in step."""

    __tablename__ = "sellers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    """What people call the shop; the command line finds it by this."""
    client_id: Mapped[str | None] = mapped_column(String(100))
    """The application id at Naver; null where no key was entered."""
    credential: Mapped[str | None] = mapped_column(Text)
    """The application secret, encrypted and bound to this row's id; null where no key was entered."""
    secret_last4: Mapped[str | None] = mapped_column(String(4))
    """The secret's last four characters: all that is ever shown of it again."""
    credential_enabled: Mapped[bool] = mapped_column(default=True)
    """False where a person switched the key off: no call is made with it."""
    credential_changed_at: Mapped[datetime | None]
    """When the key was last entered; null where none ever was."""
    created_at: Mapped[datetime]


def seller_named(session: Session, name: str) -> Seller | None:
    """Return the seller of that very name."""
    return session.scalar(select(Seller).where(Seller.name == name))


def all_sellers(session: Session) -> Sequence[Seller]:
    """Return every seller by name."""
    return session.scalars(select(Seller).order_by(Seller.name)).all()


def sellers_with_credential(session: Session, after_id: int, limit: int) -> Sequence[Seller]:
    """Return sellers that have a credential, by id, from the first one after *after_id*; locked until the end."""
    return session.scalars(
        select(Seller)
        .where(Seller.id > after_id, Seller.credential.is_not(None))
        .order_by(Seller.id)
        .limit(limit)
        # Not against those who only point to the row: they hold its schedule, and wait for nobody.
        .with_for_update(key_share=True)
    ).all()
