"""
Products that a pass missed: Naver is asked for them by number before they are removed.

Removals that are held wait until the next pass agrees, or a person says that they are right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import structlog

from db import product_changes, products
from db.notifications import Topic
from db.product_changes import ChangeKind
from services import notifications
from services.errors import GConnectError
from services.naver.client import NaverSession
from services.naver.products import Page
from services.naver.protocol import PAGE_SIZE
from services.runtime import Runtime

log = structlog.get_logger(__name__)

DELETED = "DELETE"
"""The status of a deleted product; whether Naver shows such products is not known."""


def gone_by_number(naver: NaverSession, product_nos: Iterable[int], go_on: Callable[[], bool]) -> set[int]:
    """
    Return those of the products that Naver does not have when asked for them by number.

    *go_on* is asked before each question, of 500 products. Where it says no, and where Naver does not answer
    what it was asked, nothing is known to be gone; the pass is no less proven, so nothing is raised.
    """
    wanted = sorted(product_nos)
    gone = set(wanted)
    for start in range(0, len(wanted), PAGE_SIZE):
        asked = wanted[start : start + PAGE_SIZE]
        if not go_on():
            return set()
        try:
            page = naver.find(asked)
        except GConnectError as error:
            # The search by number is documented, but no answer to it was ever published.
            log.warning("removals_not_confirmed", code=error.code, trace_id=error.trace_id, **error.params)
            return set()
        if not _answers(page, asked):
            log.warning("removals_not_confirmed", total=page.total_elements, items=len(page.items))
            return set()
        gone.difference_update(item.product_no for item in page.items if item.status_type != DELETED)
        gone.difference_update(each.product_no for each in page.rejected if each.product_no is not None)
    return gone


def _answers(page: Page, asked: Collection[int]) -> bool:
    """Return whether a page can be the answer: complete, and of nothing but the products that were asked for."""
    numbers = [*(item.product_no for item in page.items), *(each.product_no for each in page.rejected)]
    return page.total_elements == len(numbers) and set(asked).issuperset(numbers)


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
    """Keep the held products of a seller in the shop; the next proven pass that misses them decides anew."""
    with rt.database.transaction() as session:
        now = rt.clock.now()
        held = [each.product_no for each in products.held_products(session, seller_id)]
        products.mark_held(session, seller_id, held, None)
        notifications.close(session, seller_id, Topic.REMOVAL, now)
    log.info("removals_dismissed", seller_id=seller_id, count=len(held))
    return len(held)
