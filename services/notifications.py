"""What administrators are told: each lasting thing once, and closed when it is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from db.notifications import Notification, Topic, open_notification, resolve

log = structlog.get_logger(__name__)


def raise_once(
    session: Session,
    seller_id: int | None,
    topic: Topic,
    code: str,
    params: dict[str, Any],
    now: datetime,
    *,
    person_must_act: bool,
    sync_id: int | None = None,
) -> bool:
    """
    Tell of *code* unless it is being told; return whether it is news.

    While the same lasts it is one notification that counts its occurrences. Another code about the same topic
    takes its place: the old one is closed and the new one is unread.
    """
    standing = open_notification(session, seller_id, topic)
    if standing is not None and standing.code == code:
        standing.params, standing.last_at, standing.sync_id = params, now, sync_id
        standing.occurrences += 1
        return False
    if standing is not None:
        standing.resolved_at = now
        session.flush()
    session.add(
        Notification(
            seller_id=seller_id,
            topic=topic,
            code=code,
            params=params,
            person_must_act=person_must_act,
            sync_id=sync_id,
            raised_at=now,
            last_at=now,
        )
    )
    session.flush()
    log.warning("notification_raised", seller_id=seller_id, topic=topic.value, code=code, sync_id=sync_id)
    return True


def close(session: Session, seller_id: int | None, topic: Topic, now: datetime) -> None:
    """Close what is being told of a topic: it is over."""
    if resolve(session, seller_id, topic, now):
        log.info("notification_resolved", seller_id=seller_id, topic=topic.value)
