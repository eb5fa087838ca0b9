"""Rows as JSON: stable English names and codes, instants in ISO 8601 with their offset, nothing translated."""

from __future__ import annotations

from typing import Any

from db.notifications import Notification
from db.product_changes import ProductChange
from db.products import Product
from db.rejected_records import RejectedRecord
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_attempts import SyncAttempt
from db.sync_logs import SyncLog
from services.cadence import preset_of
from services.errors import GConnectError
from services.preview import Preview

Document = dict[str, Any]

SYNC_COLUMNS = (
    *("created_at", "scheduled_for", "started_at", "finished_at", "next_attempt_at"),
    *("tries", "failures", "total_at_start", "total_at_end", "seen"),
    *("added", "changed", "unchanged", "restored", "removed", "rejected", "held"),
    *("code", "params", "trace_id"),
)


def of_seller(seller: Seller) -> Document:
    """Return a seller; of the key at most the last four characters."""
    return {
        "id": seller.id,
        "name": seller.name,
        "client_id": seller.client_id,
        "key": key_state(seller),
        "secret_last4": seller.secret_last4,
        "key_changed_at": seller.credential_changed_at,
        "created_at": seller.created_at,
    }


def key_state(seller: Seller) -> str:
    """Return none, off or on."""
    if seller.credential is None:
        return "none"
    return "on" if seller.credential_enabled else "off"


def of_schedule(schedule: SyncSchedule) -> Document:
    """Return a schedule."""
    return {
        "cron": schedule.cron,
        "preset": preset_of(schedule.cron),
        "zone": schedule.zone,
        "enabled": schedule.enabled,
        "blocked_code": schedule.blocked_code,
        "blocked_at": schedule.blocked_at,
        "notify": schedule.notify,
        "next_run": schedule.next_run,
        "last_run": schedule.last_run,
    }


def of_sync(sync: SyncLog, seller: str | None) -> Document:
    """Return a sync of the seller of that name."""
    return {
        "id": sync.id,
        "seller": seller,
        "state": sync.state.value,
        "trigger": sync.trigger.value,
        **{name: getattr(sync, name) for name in SYNC_COLUMNS},
    }


def of_attempt(attempt: SyncAttempt) -> Document:
    """Return one attempt."""
    names = ("number", "started_at", "ended_at", "code", "detail", "trace_id")
    return {name: getattr(attempt, name) for name in names}


def of_reject(record: RejectedRecord) -> Document:
    """Return a rejected record with what came, as text."""
    names = ("page", "position", "product_no", "reason", "field")
    return {**{name: getattr(record, name) for name in names}, "raw": record.raw.decode("utf-8", "backslashreplace")}


def of_change(change: ProductChange, product: str | None) -> Document:
    """Return one change of the product of that name."""
    names = ("id", "product_no", "sync_id", "field", "old", "new", "changed_at")
    return {"kind": change.kind.value, "product": product, **{name: getattr(change, name) for name in names}}


def of_notification(notification: Notification, seller: str | None) -> Document:
    """Return a notification about the seller of that name."""
    names = ("id", "code", "params", "person_must_act", "sync_id", "occurrences")
    instants = ("raised_at", "last_at", "read_at", "resolved_at")
    return {
        "seller": seller,
        "topic": notification.topic.value,
        **{name: getattr(notification, name) for name in (*names, *instants)},
    }


def of_held(product: Product) -> Document:
    """Return a product whose removal waits for confirmation."""
    names = ("product_no", "channel_product_no", "name", "status_type", "sale_price", "held_at")
    return {name: getattr(product, name) for name in names}


def of_error(error: GConnectError) -> Document:
    """Return an error."""
    return {"code": error.code, "params": error.params, "trace_id": error.trace_id}


def of_preview(preview: Preview) -> Document:
    """Return what a sync would do."""
    return {
        "outcome": preview.verdict.outcome.value,
        "code": preview.verdict.code,
        "params": preview.verdict.params,
        "total": preview.total,
        "unchanged": preview.unchanged,
        "rejected": preview.rejected,
        "changed": [
            {
                "product_no": number,
                "name": name,
                "fields": [{"field": each.field, "old": each.old, "new": each.new} for each in fields],
            }
            for number, name, fields in preview.changed
        ],
        **{
            kind: [{"product_no": number, "name": name} for number, name in getattr(preview, kind)]
            for kind in ("added", "restored", "removed", "held")
        },
    }
