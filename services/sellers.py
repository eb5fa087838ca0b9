"""Sellers and their keys: registered, entered, tried out, switched off, re-encrypted."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from db import schedules, sellers
from db.notifications import Topic
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_logs import Trigger
from services.cadence import PRESETS
from services.credentials import check_secret_format
from services.errors import CredentialsUnreadable, GConnectError, RetryLater
from services.notifications import close
from services.runtime import Runtime
from services.schedules import UNUSABLE, Call, next_run, request_sync
from services.syncing import credentials_of

log = structlog.get_logger(__name__)

DEFAULT_CRON = PRESETS["4h"]
DEFAULT_ZONE = "Asia/Seoul"
ROTATE_BATCH = 100


class SellerExists(Exception):
    """There is a seller of that name already."""


class SellerUnknown(Exception):
    """There is no seller of that name; *known* are the names that there are."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name, self.known = name, known
        super().__init__(name)


def add_seller(
    rt: Runtime,
    name: str,
    *,
    client_id: str | None,
    secret: str | None,
    cron: str = DEFAULT_CRON,
    zone: str = DEFAULT_ZONE,
) -> Seller:
    """
    Register a seller with a schedule, and with a key where one is given.

    Raise SellerExists, SecretMalformed or CadenceError, and register nothing.
    """
    if secret is not None:
        check_secret_format(secret)
    with rt.database.transaction() as session:
        if sellers.seller_named(session, name) is not None:
            raise SellerExists(name)
        now = rt.clock.now()
        seller = Seller(name=name, credential_enabled=True, created_at=now)
        session.add(seller)
        session.flush()
        if client_id is not None and secret is not None:
            _store_key(rt, seller, client_id, secret)
        session.add(
            SyncSchedule(
                seller_id=seller.id,
                cron=cron,
                zone=zone,
                enabled=True,
                auth_failures=0,
                notify=True,
                next_run=next_run(seller.id, cron, zone, rt.settings.spread, now),
            )
        )
    log.info("seller_added", seller_id=seller.id, seller=name, has_key=seller.credential is not None)
    return seller


def find_seller(rt: Runtime, name: str) -> Seller:
    """Return the seller of that name; raise SellerUnknown."""
    with rt.database.transaction() as session:
        seller = sellers.seller_named(session, name)
        if seller is None:
            raise SellerUnknown(name, [each.name for each in sellers.all_sellers(session)])
        return seller


def enter_key(rt: Runtime, seller_id: int, client_id: str, secret: str) -> None:
    """Store a new key, switched on; raise SecretMalformed, and keep the old one."""
    check_secret_format(secret)
    with rt.database.transaction() as session:
        seller = session.get_one(Seller, seller_id, with_for_update={"key_share": True})
        _store_key(rt, seller, client_id, secret)
        schedule = schedules.schedule_of(session, seller_id, lock=True)
        if schedule is not None:
            schedule.auth_failures = 0
    log.info("key_entered", seller_id=seller_id)


def switch_key(rt: Runtime, seller_id: int, *, enabled: bool) -> None:
    """Let a seller's key be used, or not."""
    with rt.database.transaction() as session:
        session.get_one(Seller, seller_id, with_for_update={"key_share": True}).credential_enabled = enabled
    log.info("key_switched", seller_id=seller_id, enabled=enabled)


@dataclass(frozen=True, slots=True)
class KeyTest:
    """What trying a key out showed: the error, or none; and the sync that a block's end has started."""

    error: GConnectError | None
    unblocked: Call | None = None


def try_key(rt: Runtime, seller_id: int) -> KeyTest:
    """
    Try a seller's key out: a token, then a search for one product.

    A key that works ends a block and starts a sync; it never switches on what a person had switched off.
    """
    try:
        rt.naver.session(credentials_of(rt, seller_id)).check()
    except RetryLater as error:
        # Whether the key works is not known yet; the retries of a sync will tell, and end the block.
        return KeyTest(error, _probe(rt, seller_id))
    except GConnectError as error:
        return KeyTest(error)
    with rt.database.transaction() as session:
        schedule = schedules.schedule_of(session, seller_id, lock=True)
        # A cadence that cannot be followed is no matter of the key.
        was_blocked = schedule is not None and schedule.blocked_code not in (None, UNUSABLE)
        if schedule is not None:
            schedule.auth_failures = 0
            if was_blocked:
                schedule.blocked_code = schedule.blocked_at = None
                close(session, seller_id, Topic.SYNC, rt.clock.now())
                schedule.next_run = next_run(
                    seller_id, schedule.cron, schedule.zone, rt.settings.spread, rt.clock.now()
                )
        enabled = schedule is not None and schedule.enabled
    if not was_blocked or not enabled:
        return KeyTest(None)
    log.info("schedule_unblocked", seller_id=seller_id)
    return KeyTest(None, request_sync(rt, seller_id, Trigger.KEY)[0])


def _probe(rt: Runtime, seller_id: int) -> Call | None:
    with rt.database.transaction() as session:
        schedule = schedules.schedule_of(session, seller_id)
        is_held_up = schedule is not None and schedule.blocked_code is not None and schedule.enabled
    return request_sync(rt, seller_id, Trigger.KEY)[0] if is_held_up else None


def rotate_keys(rt: Runtime) -> tuple[int, int, list[str]]:
    """
    Encrypt every credential anew that is not under the first ENCRYPTION_KEY.

    Return how many were, how many needed nothing, and the names of sellers whose credential none of the
    keys decrypts. Broken off at any point, it goes on where it stood: what is current is left alone.
    """
    rotated, current, unreadable, after = 0, 0, [], 0
    while True:
        with rt.database.transaction() as session:
            batch = sellers.sellers_with_credential(session, after, ROTATE_BATCH)
            for seller in batch:
                after = seller.id
                ciphertext = seller.credential or ""
                if rt.keyring.is_current(ciphertext):
                    current += 1
                    continue
                try:
                    seller.credential = rt.keyring.encrypt(rt.keyring.decrypt(ciphertext, seller.id), seller.id)
                except CredentialsUnreadable:
                    unreadable.append(seller.name)
                    continue
                rotated += 1
        if not batch:
            break
    log.info("keys_rotated", rotated=rotated, current=current, unreadable=len(unreadable))
    return rotated, current, unreadable


def _store_key(rt: Runtime, seller: Seller, client_id: str, secret: str) -> None:
    seller.client_id = client_id
    seller.credential = rt.keyring.encrypt(secret, seller.id)
    seller.secret_last4 = secret[-4:]
    seller.credential_enabled = True
    seller.credential_changed_at = rt.clock.now()
