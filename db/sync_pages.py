"""
Which products each page of a sync showed, and what the page's bytes hash to.

They stand here and not in the product row, so that an unchanged catalogue writes no product row. The last
proven pass keeps its pages: what hashes to the same in the same place need not be read again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from sys import byteorder

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId
from db.sync_logs import SyncLog


class SyncPage(Base):
    """One page that a sync has read and written."""

    __tablename__ = "sync_pages"

    sync_id: Mapped[int] = mapped_column(BigId, ForeignKey("sync_logs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1, as Naver counts."""
    total_elements: Mapped[int] = mapped_column(BigInteger)
    """What this page said of the whole catalogue."""
    body_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    product_nos: Mapped[bytes] = mapped_column(LargeBinary)
    """The origin product numbers on it, 8 bytes each, little-endian."""
    rows_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    """Over the content hashes that the rows of these products have since it was written."""


def pack(numbers: Iterable[int]) -> bytes:
    """Return product numbers as the column keeps them."""
    packed = array("q", numbers)
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack(packed: bytes) -> Sequence[int]:
    """Return the product numbers of a column."""
    numbers = array("q")
    numbers.frombytes(packed)
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def page_hashes(session: Session, sync_id: int) -> dict[int, bytes]:
    """Return the hash of each page of a sync by its number."""
    rows = session.execute(select(SyncPage.number, SyncPage.body_hash).where(SyncPage.sync_id == sync_id))
    return {number: body_hash for number, body_hash in rows}


def page_of(session: Session, sync_id: int, number: int) -> SyncPage | None:
    """Return one page of a sync."""
    return session.get(SyncPage, (sync_id, number))


def pages_of(session: Session, sync_id: int) -> Sequence[SyncPage]:
    """Return the pages of a sync, first to last."""
    return session.scalars(select(SyncPage).where(SyncPage.sync_id == sync_id).order_by(SyncPage.number)).all()


def products_seen(session: Session, sync_id: int) -> set[int]:
    """Return the distinct origin product numbers on all pages of a sync."""
    seen: set[int] = set()
    for packed in session.scalars(select(SyncPage.product_nos).where(SyncPage.sync_id == sync_id)):
        seen.update(unpack(packed))
    return seen


def drop_pages(session: Session, sync_ids: Iterable[int]) -> None:
    """Forget the pages of these syncs."""
    session.execute(delete(SyncPage).where(SyncPage.sync_id.in_(list(sync_ids))))


def drop_other_pages(session: Session, seller_id: int, sync_id: int) -> None:
    """Forget the pages of all syncs of a seller but this one."""
    others = select(SyncLog.id).where(SyncLog.seller_id == seller_id, SyncLog.id != sync_id)
    session.execute(delete(SyncPage).where(SyncPage.sync_id.in_(others)).execution_options(synchronize_session=False))
