"""Removals that are held: too many products vanished at once, and a person says whether that is right."""

from __future__ import annotations

import structlog

from db import product_changes, products
from db.notifications import Topic
from db.product_changes import ChangeKind
from services import notifications
from services.runtime import Runtime

log = structlog.get_logger(__name__)


def confirm_removals(rt: Runtime, seller_id: int) -> int:
    """Mark the held products of a seller as removed; return how many."""
    with rt.database.transaction() as session:
        now = rt.clock.now()
        held = [each.product_no for each in products.held_products(session, seller_id)]
        products.mark_removed(session, seller_id, held, now)
        product_changes.record_changes(
            session,
            [
                {
                    "seller_id": seller_id,
                    "product_no": number,
                    "sync_id": None,
                    "kind": ChangeKind.REMOVED,
                    "field": None,
                    "old": None,
                    "new": None,
                    "changed_at": now,
                }
                for number in held
            ],
        )
        notifications.close(session, seller_id, Topic.REMOVAL, now)
    log.info("removals_confirmed", seller_id=seller_id, count=len(held))
    return len(held)


def dismiss_removals(rt: Runtime, seller_id: int) -> int:
    """Keep the held products of a seller in the shop; the next proven pass that misses them holds them anew."""
    with rt.database.transaction() as session:
        now = rt.clock.now()
        held = [each.product_no for each in products.held_products(session, seller_id)]
        products.mark_held(session, seller_id, held, None)
        notifications.close(session, seller_id, Topic.REMOVAL, now)
    log.info("removals_dismissed", seller_id=seller_id, count=len(held))
    return len(held)
