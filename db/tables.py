"""Every table, so that one import knows the whole schema."""

from db.heartbeats import Heartbeat
from db.incidents import Incident
from db.notifications import Notification
from db.product_changes import ProductChange
from db.products import Product
from db.rejected_records import RejectedRecord
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_attempts import SyncAttempt
from db.sync_logs import SyncLog
from db.sync_pages import SyncPage

ALL_TABLES = (
    Seller,
    SyncSchedule,
    SyncLog,
    SyncAttempt,
    SyncPage,
    Product,
    ProductChange,
    RejectedRecord,
    Notification,
    Incident,
    Heartbeat,
)
