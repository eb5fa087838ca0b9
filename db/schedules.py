"""When each seller is synced: the schedule, what is due, and the claim that moves it on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, String, and_, exists, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId
from db.sellers import Seller
from db.sync_logs import LIVE, SyncLog


class SyncSchedule(Base):
    """The one schedule of a seller."""

    __tablename__ = "sync_schedules"

    seller_id: Mapped[int] = mapped_column(BigId, ForeignKey("sellers.id", ondelete="CASCADE"), primary_key=True)
    cron: Mapped[str] = mapped_column(String(100))
    """Five fields, read in *zone*."""
    zone: Mapped[str] = mapped_column(String(64))
    """An IANA time zone, Asia/Seoul where nothing else was asked for."""
    enabled: Mapped[bool] = mapped_column(default=True)
    """False where a person switched the schedule off; nothing else ever changes it."""
    blocked_code: Mapped[str | None] = mapped_column(String(40))
    """The error that two syncs in a row gave up with, when the key needs attention; null while all is well."""
    blocked_at: Mapped[datetime | None]
    """Since when; null while not blocked."""
    auth_failures: Mapped[int] = mapped_column(default=0)
    """Syncs in a row that ended with an authentication failure."""
    notify: Mapped[bool] = mapped_column(default=True)
    """False where failures of this seller need not be told (a block and a held removal are, all the same)."""
    next_run: Mapped[datetime]
    """The next due instant, with the seller's phase in it."""
    held_until: Mapped[datetime | None]
    """An instant that fell due in an incident waits for this one, so that not all start at once; null otherwise."""
    last_run: Mapped[datetime | None]
    """When the last sync ended, however it did; null before the first."""

    __table_args__ = (Index(None, "next_run"),)

    @property
    def waits_since(self) -> datetime:
        """Since when its instant could have been opened."""
        return max(self.next_run, self.held_until or self.next_run)


def is_active() -> ColumnElement[bool]:
    """Select the schedules that a due instant of starts a sync."""
    return and_(SyncSchedule.enabled, SyncSchedule.blocked_code.is_(None))


def schedule_of(session: Session, seller_id: int, *, lock: bool = False) -> SyncSchedule | None:
    """Return the schedule of a seller, as it stands in the database now; *lock* keeps others off it."""
    return session.get(SyncSchedule, seller_id, with_for_update=lock or None, populate_existing=lock)


def all_schedules(session: Session) -> Sequence[tuple[Seller, SyncSchedule]]:
    """Return every seller with its schedule, by the seller's name."""
    rows = session.execute(
        select(Seller, SyncSchedule).join(SyncSchedule, SyncSchedule.seller_id == Seller.id).order_by(Seller.name)
    )
    return [(seller, schedule) for seller, schedule in rows]


def due(session: Session, now: datetime, limit: int) -> Sequence[SyncSchedule]:
    """
    Return active schedules whose instant has come, longest due first, locked until the transaction ends.

    A seller with a live sync is left out: the instant stays due and gives one late sync when that one ends.
    """
    return session.scalars(
        select(SyncSchedule)
        .where(_is_due(now))
        .order_by(SyncSchedule.next_run, SyncSchedule.seller_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def forget_auth_failures(session: Session, seller_ids: Collection[int]) -> None:
    """Count the authentication failures of these sellers anew; a block that stands is left as it is."""
    session.execute(
        update(SyncSchedule)
        .where(SyncSchedule.seller_id.in_(seller_ids), SyncSchedule.blocked_code.is_(None))
        .values(auth_failures=0)
        .execution_options(synchronize_session=False)
    )


def later_than(session: Session, now: datetime) -> Sequence[SyncSchedule]:
    """Return the active schedules whose next instant is later than *now*, locked, without those that others hold."""
    return session.scalars(
        select(SyncSchedule)
        .where(is_active(), SyncSchedule.next_run > now)
        .order_by(SyncSchedule.seller_id)
        .with_for_update(skip_locked=True)
    ).all()


def count_due(session: Session, now: datetime) -> int:
    """Count the active schedules whose instant has come and that have no live sync."""
    return session.scalar(select(func.count()).select_from(SyncSchedule).where(_is_due(now))) or 0


def oldest_due(session: Session, now: datetime) -> datetime | None:
    """Return the instant of the schedule that has been due longest and has no live sync; None where none is due."""
    at: datetime | None = session.scalar(select(func.min(SyncSchedule.next_run)).where(_is_due(now)))
    return at


def hold(session: Session, now: datetime, until: Callable[[int], datetime]) -> int:
    """Let every due schedule wait until the instant that *until* gives for its seller; return how many wait."""
    due_sellers = session.scalars(select(SyncSchedule.seller_id).where(_is_due(now))).all()
    rows = [{"seller_id": seller_id, "held_until": until(seller_id)} for seller_id in sorted(due_sellers)]
    if rows:
        session.execute(update(SyncSchedule), rows)
    return len(rows)


def _is_due(now: datetime) -> ColumnElement[bool]:
    is_held = SyncSchedule.held_until.is_not(None) & (SyncSchedule.held_until > now)
    return and_(is_active(), SyncSchedule.next_run <= now, ~is_held, ~_has_live_sync())


def _has_live_sync() -> ColumnElement[bool]:
    return exists().where(SyncLog.seller_id == SyncSchedule.seller_id, SyncLog.state.in_(LIVE))
