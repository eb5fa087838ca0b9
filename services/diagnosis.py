"""
What may be wrong with an installation, as far as the settings and the database show it: the doctor's questions.

Nothing is changed and nothing is called. The queue and the way to Naver are looked at by the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db import heartbeats, incidents, migration, schedules, sellers, sync_logs
from db.clock_steps import SLACK
from db.migration import DatabaseUnreachable, SchemaMismatch
from db.session import Database
from services.credentials import Keyring
from services.errors import CredentialsUnreadable
from services.settings import Settings

STALE_AFTER = timedelta(hours=26)
"""A seller whose catalogue was not proven for so long is behind even with the daily schedule."""

PRUNED_WITHIN = timedelta(hours=48)
"""History is pruned once a day; a day is allowed for a machine that was off."""

NAMED = 5
"""Sellers that a finding names; of the others it gives the number."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one question showed: a code of the tables [doctor] and [doctor_act], and the parameters of both."""

    check: str
    level: Level
    code: str
    params: Mapping[str, object] = field(default_factory=dict)


def examine(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Yield what settings and database show, one finding after the other; nothing is raised for a sick database."""
    yield from _settings(settings)
    database = Database.open(settings.database_url, pool_size=1)
    try:
        mismatch = _schema(settings, database)
        yield mismatch
        if mismatch.level is Level.OK:
            with database.transaction() as session:
                yield from _rows(session, settings, now)
    except (SQLAlchemyError, OSError) as error:
        yield Finding("database", Level.FAIL, "database_trouble", {"kind": type(error).__name__})
    finally:
        database.close()


def ticks_arrive(session: Session, settings: Settings, now: datetime) -> bool:
    """Return whether the periodic work gave a sign of life lately, so that somebody seems to be at work."""
    at = [beat.beat_at for beat in heartbeats.heartbeats(session) if beat.name in _allowed(settings)]
    return bool(at) and now - max(at) <= max(_allowed(settings).values())


def _settings(settings: Settings) -> Iterator[Finding]:
    for doubt in settings.warnings:
        yield Finding("settings", Level.WARN, "settings_doubt", {"doubt": doubt})
    if settings.encryption_key is None:
        yield Finding("settings", Level.FAIL, "no_encryption_key")
    elif not settings.warnings:
        yield Finding("settings", Level.OK, "settings_ok")
    if not settings.scheduler_enabled:
        yield Finding("scheduler", Level.WARN, "scheduler_disabled")


def _schema(settings: Settings, database: Database) -> Finding:
    shown = settings.shown()["DATABASE_URL"]
    try:
        migration.check(database)
    except DatabaseUnreachable:
        return Finding("database", Level.FAIL, "database_unreachable", {"url": shown})
    except SchemaMismatch as error:
        params = {"found": error.found, "needed": error.needed}
        return Finding("database", Level.FAIL, f"database_{error.kind}", params)
    return Finding("database", Level.OK, "database_ok", {"url": shown, "revision": migration.needed_revision()})


def _rows(session: Session, settings: Settings, now: datetime) -> Iterator[Finding]:
    yield from _keys(session, settings)
    yield from _ticks(session, settings, now)
    yield from _incidents(session)
    yield _due(session, settings, now)
    yield from _sellers(session, now)


def _keys(session: Session, settings: Settings) -> Iterator[Finding]:
    if settings.encryption_key is None:
        return
    keyring = Keyring.parse(settings.encryption_key.get_secret_value())
    unreadable, old, count = [], [], 0
    for seller in sellers.all_sellers(session):
        if seller.credential is None:
            continue
        count += 1
        try:
            keyring.decrypt(seller.credential, seller.id)
        except CredentialsUnreadable:
            unreadable.append(seller.name)
            continue
        if not keyring.is_current(seller.credential):
            old.append(seller.name)
    if unreadable:
        yield Finding("keys", Level.FAIL, "keys_unreadable", _named(unreadable))
    if old:
        yield Finding("keys", Level.WARN, "keys_old", _named(old))
    if not unreadable and not old:
        yield Finding("keys", Level.OK, "keys_ok", {"count": count})


def _allowed(settings: Settings) -> dict[str, timedelta]:
    """Return how old a sign of life may be: two ticks and a minute, since a worker may be busy when one comes."""
    minute = timedelta(minutes=1)
    return {
        "find_due_schedules": 2 * settings.check_interval + minute,
        "recover_stalled_syncs": 3 * minute,
    }


def _ticks(session: Session, settings: Settings, now: datetime) -> Iterator[Finding]:
    last = {beat.name: beat.beat_at for beat in heartbeats.heartbeats(session)}
    for name, allowed in _allowed(settings).items():
        if name not in last:
            yield Finding("ticks", Level.FAIL, "ticks_never", {"actor": name})
        elif now - last[name] > allowed:
            yield Finding("ticks", Level.FAIL, "ticks_late", {"actor": name, "at": last[name]})
        elif last[name] > now + SLACK:
            yield Finding("ticks", Level.WARN, "ticks_ahead", {"actor": name, "at": last[name]})
        else:
            yield Finding("ticks", Level.OK, "ticks_ok", {"actor": name, "at": last[name]})
    pruned = last.get("prune_history")
    if pruned is not None and now - pruned > PRUNED_WITHIN:
        yield Finding("ticks", Level.WARN, "not_pruned", {"at": pruned})


def _incidents(session: Session) -> Iterator[Finding]:
    for each in incidents.open_incidents(session):
        params = {"code": each.code, "sellers": each.sellers, "since": each.opened_at}
        yield Finding("incident", Level.WARN, "incident", params)


def _due(session: Session, settings: Settings, now: datetime) -> Finding:
    oldest = schedules.oldest_due(session, now)
    if oldest is None:
        return Finding("schedules", Level.OK, "nothing_overdue")
    params = {"count": schedules.count_due(session, now), "since": oldest}
    if now - oldest <= _allowed(settings)["find_due_schedules"]:
        return Finding("schedules", Level.OK, "due_now", params)
    if not settings.scheduler_enabled:
        return Finding("schedules", Level.WARN, "overdue_disabled", params)
    if incidents.open_incidents(session):
        return Finding("schedules", Level.WARN, "overdue_incident", params)
    if settings.max_concurrent:
        return Finding("schedules", Level.WARN, "overdue_capped", {**params, "limit": settings.max_concurrent})
    return Finding("schedules", Level.FAIL, "overdue", params)


def _sellers(session: Session, now: datetime) -> Iterator[Finding]:
    proven = sync_logs.last_proven_at(session)
    blocked, keyless, stale, count = [], [], [], 0
    for seller, schedule in schedules.all_schedules(session):
        count += 1
        if not schedule.enabled:
            continue
        if seller.credential is None or not seller.credential_enabled:
            keyless.append(seller.name)
        elif schedule.blocked_code is not None:
            blocked.append(seller.name)
        elif now - proven.get(seller.id, seller.created_at) > STALE_AFTER:
            stale.append(seller.name)
    if not count:
        yield Finding("sellers", Level.WARN, "no_sellers")
        return
    if blocked:
        yield Finding("sellers", Level.WARN, "sellers_blocked", _named(blocked))
    if keyless:
        yield Finding("sellers", Level.WARN, "sellers_keyless", _named(keyless))
    if stale:
        hours = STALE_AFTER // timedelta(hours=1)
        yield Finding("sellers", Level.WARN, "sellers_stale", {**_named(stale), "hours": hours})
    if not (blocked or keyless or stale):
        yield Finding("sellers", Level.OK, "sellers_ok", {"count": count})


def _named(names: list[str]) -> dict[str, object]:
    shown = ", ".join(name[:40] for name in names[:NAMED])
    return {"count": len(names), "names": shown if len(names) <= NAMED else f"{shown}, …"}
