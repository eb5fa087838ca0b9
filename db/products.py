"""The catalogue as it is known: one row a product of a seller, never deleted, only marked removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    and_,
    false,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId


class Product(Base):
    """One origin product, with the values of its main sales channel."""

    __tablename__ = "products"

    seller_id: Mapped[int] = mapped_column(BigId, ForeignKey("sellers.id", ondelete="CASCADE"), primary_key=True)
    product_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Naver's originProductNo: stable across edits, larger than 32 bits."""
    channel_product_no: Mapped[int | None] = mapped_column(BigInteger)
    """The number that customers see in the address of the product's page."""
    name: Mapped[str | None] = mapped_column(Text)
    status_type: Mapped[str | None] = mapped_column(String(64))
    """Naver's word, such as SALE or OUTOFSTOCK; one that we do not know is kept as it came."""
    display_status: Mapped[str | None] = mapped_column(String(64))
    sale_price: Mapped[int] = mapped_column(BigInteger)
    """Won."""
    discounted_price: Mapped[int | None] = mapped_column(BigInteger)
    """Won."""
    stock_quantity: Mapped[int | None] = mapped_column(BigInteger)
    seller_code: Mapped[str | None] = mapped_column(Text)
    """The seller's own code (sellerManagementCode); not unique at Naver."""
    category_id: Mapped[str | None] = mapped_column(String(64))
    image_url: Mapped[str | None] = mapped_column(Text)
    registered_at: Mapped[datetime | None]
    """When it was registered at Naver."""
    modified_at: Mapped[datetime | None]
    """When it was last edited at Naver; whether a sale moves it is not known."""
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The record as Naver sent it, all channels."""
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    """Of the record: equal hashes mean that nothing needs to be written."""
    first_seen_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """When a sync last wrote this row."""
    removed_at: Mapped[datetime | None]
    """When a proven pass no longer found it; null while it is in the shop."""
    held_at: Mapped[datetime | None]
    """
    When a proven pass missed it, but its removal waits for the next one or for a person: it was one of too many,
    or Naver still had it when asked by number. Null otherwise.
    """

    __table_args__ = (
        Index(
            "ix_products_held",
            "seller_id",
            sqlite_where=text("held_at IS NOT NULL"),
            postgresql_where=text("held_at IS NOT NULL"),
        ),
    )


class KnownProduct(NamedTuple):
    """What must be read of a product to tell whether a record of it is news."""

    content_hash: bytes
    is_removed: bool


def known_products(session: Session, seller_id: int, product_nos: Iterable[int]) -> dict[int, KnownProduct]:
    """Return what is known of these products, by number; those never seen are not in it."""
    rows = session.execute(
        select(Product.product_no, Product.content_hash, Product.removed_at).where(_are(seller_id, product_nos))
    )
    return {number: KnownProduct(content_hash, removed_at is not None) for number, content_hash, removed_at in rows}


def documents(session: Session, seller_id: int, product_nos: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return the records of these products as they were last seen, by number."""
    rows = session.execute(select(Product.product_no, Product.document).where(_are(seller_id, product_nos)))
    return {number: document for number, document in rows}


def names(session: Session, seller_id: int, product_nos: Iterable[int]) -> dict[int, str | None]:
    """Return the names of these products, by number; of any many."""
    wanted = set(product_nos)
    # Read through, since no database takes a hundred thousand parameters.
    rows = session.execute(
        select(Product.product_no, Product.name).where(Product.seller_id == seller_id).execution_options(yield_per=1000)
    )
    return {number: name for number, name in rows if number in wanted}


def _are(seller_id: int, product_nos: Iterable[int]) -> ColumnElement[bool]:
    """
    Select products of one page, whose numbers lie close together.

    With the bounds, the primary key is used for them also on a table that has no statistics yet.
    """
    numbers = list(product_nos)
    if not numbers:
        return false()
    number = Product.product_no
    return and_(Product.seller_id == seller_id, number.between(min(numbers), max(numbers)), number.in_(numbers))


def insert_products(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert products; each row holds every column but removed_at and held_at."""
    if rows:
        # NULLs written out: left out, each other set of them would be a statement of its own.
        session.execute(
            insert(Product).execution_options(render_nulls=True), sorted(rows, key=lambda row: row["product_no"])
        )


def update_products(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write the named columns of products; each row holds the key and the same columns as the others."""
    if rows:
        session.execute(update(Product), sorted(rows, key=lambda row: row["product_no"]))


def present_products(session: Session, seller_id: int) -> dict[int, bool]:
    """Return the numbers of all products that are not removed, and whether their removal is held."""
    rows = session.execute(
        select(Product.product_no, Product.held_at).where(Product.seller_id == seller_id, Product.removed_at.is_(None))
    )
    return {number: held_at is not None for number, held_at in rows}


def count_products(session: Session, seller_id: int | None = None) -> int:
    """Count the products in the shop of a seller, or of all."""
    query = select(func.count()).select_from(Product).where(Product.removed_at.is_(None))
    if seller_id is not None:
        query = query.where(Product.seller_id == seller_id)
    return session.scalar(query) or 0


def count_by_seller(session: Session) -> dict[int, int]:
    """Count the products in each shop, by seller; a shop without any is not in it."""
    rows = session.execute(
        select(Product.seller_id, func.count()).where(Product.removed_at.is_(None)).group_by(Product.seller_id)
    )
    return {seller_id: count for seller_id, count in rows}


def held_products(session: Session, seller_id: int) -> Sequence[Product]:
    """Return the products whose removal waits for the next pass or for a person, by number."""
    return session.scalars(
        select(Product)
        .where(Product.seller_id == seller_id, Product.held_at.is_not(None), Product.removed_at.is_(None))
        .order_by(Product.product_no)
        .with_for_update()
    ).all()


def removed_products(session: Session, seller_id: int) -> set[int]:
    """Return the numbers of all products that are marked removed."""
    return set(
        session.scalars(
            select(Product.product_no).where(Product.seller_id == seller_id, Product.removed_at.is_not(None))
        )
    )


def mark_restored(session: Session, seller_id: int, product_nos: Iterable[int], now: datetime) -> None:
    """Take the mark of removal away from products."""
    rows = [
        {"seller_id": seller_id, "product_no": number, "removed_at": None, "changed_at": now} for number in product_nos
    ]
    update_products(session, rows)


def mark_removed(session: Session, seller_id: int, product_nos: Iterable[int], now: datetime) -> None:
    """Mark products as gone from the shop."""
    rows = [
        {"seller_id": seller_id, "product_no": number, "removed_at": now, "held_at": None, "changed_at": now}
        for number in product_nos
    ]
    update_products(session, rows)


def mark_held(session: Session, seller_id: int, product_nos: Iterable[int], held_at: datetime | None) -> None:
    """Let the removal of products wait for confirmation; None lets go of them."""
    rows = [{"seller_id": seller_id, "product_no": number, "held_at": held_at} for number in product_nos]
    update_products(session, rows)
