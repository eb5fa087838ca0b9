"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeats"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("sellers", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["code"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "sellers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=True),
        sa.Column("credential", sa.Text(), nullable=True),
        sa.Column("secret_last4", sa.String(length=4), nullable=True),
        sa.Column("credential_enabled", sa.Boolean(), nullable=False),
        sa.Column("credential_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sellers"),
        sa.UniqueConstraint("name", name="uq_sellers_name"),
    )
    op.create_table(
        "products",
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel_product_no", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("status_type", sa.String(length=64), nullable=True),
        sa.Column("display_status", sa.String(length=64), nullable=True),
        sa.Column("sale_price", sa.BigInteger(), nullable=False),
        sa.Column("discounted_price", sa.BigInteger(), nullable=True),
        sa.Column("stock_quantity", sa.BigInteger(), nullable=True),
        sa.Column("seller_code", sa.Text(), nullable=True),
        sa.Column("category_id", sa.String(length=64), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["sellers.id"], name="fk_products_seller_id_sellers", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seller_id", "product_no", name="pk_products"),
    )
    op.create_index(
        "ix_products_held",
        "products",
        ["seller_id"],
        unique=False,
        sqlite_where=sa.text("held_at IS NOT NULL"),
        postgresql_where=sa.text("held_at IS NOT NULL"),
    )
    op.create_table(
        "sync_logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "trigger",
            sa.Enum("schedule", "manual", "key", name="trigger", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "waiting",
                "succeeded",
                "partial",
                "failed",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_page", sa.Integer(), nullable=False),
        sa.Column("total_at_start", sa.BigInteger(), nullable=True),
        sa.Column("total_at_end", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.Integer(), nullable=True),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("params", sa.JSON(), nullable=True),
        sa.Column("trace_id", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["sellers.id"], name="fk_sync_logs_seller_id_sellers", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sync_logs"),
    )
    op.create_index("ix_sync_logs_finished_at", "sync_logs", ["finished_at"], unique=False)
    op.create_index(
        "ix_sync_logs_live_state",
        "sync_logs",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"),
    )
    op.create_index("ix_sync_logs_seller_id_id", "sync_logs", ["seller_id", "id"], unique=False)
    op.create_index(
        "uq_sync_logs_live_seller",
        "sync_logs",
        ["seller_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"),
    )
    op.create_index("uq_sync_logs_seller_id_scheduled_for", "sync_logs", ["seller_id", "scheduled_for"], unique=True)
    op.create_table(
        "sync_schedules",
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cron", sa.String(length=100), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("blocked_code", sa.String(length=40), nullable=True),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("auth_failures", sa.Integer(), nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("next_run", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["sellers.id"], name="fk_sync_schedules_seller_id_sellers", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seller_id", name="pk_sync_schedules"),
    )
    op.create_index("ix_sync_schedules_next_run", "sync_schedules", ["next_run"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "topic",
            sa.Enum("sync", "removal", "platform", name="topic", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("person_must_act", sa.Boolean(), nullable=False),
        sa.Column("sync_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["sellers.id"], name="fk_notifications_seller_id_sellers", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["sync_logs.id"], name="fk_notifications_sync_id_sync_logs", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_resolved_at", "notifications", ["resolved_at"], unique=False)
    op.create_index("ix_notifications_sync_id", "notifications", ["sync_id"], unique=False)
    op.create_index(
        "uq_notifications_open",
        "notifications",
        ["seller_id", "topic"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "product_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_no", sa.BigInteger(), nullable=False),
        sa.Column("sync_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "added",
                "changed",
                "removed",
                "restored",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("field", sa.String(length=200), nullable=True),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["sellers.id"], name="fk_product_changes_seller_id_sellers", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["sync_logs.id"], name="fk_product_changes_sync_id_sync_logs", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_product_changes"),
    )
    op.create_index("ix_product_changes_changed_at", "product_changes", ["changed_at"], unique=False)
    op.create_index("ix_product_changes_seller_id_id", "product_changes", ["seller_id", "id"], unique=False)
    op.create_index("ix_product_changes_sync_id", "product_changes", ["sync_id"], unique=False)
    op.create_table(
        "rejected_records",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sync_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_no", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["sync_logs.id"], name="fk_rejected_records_sync_id_sync_logs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_rejected_records"),
    )
    op.create_index("ix_rejected_records_sync_id_id", "rejected_records", ["sync_id", "id"], unique=False)
    op.create_table(
        "sync_attempts",
        sa.Column("sync_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=500), nullable=True),
        sa.Column("trace_id", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["sync_logs.id"], name="fk_sync_attempts_sync_id_sync_logs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sync_id", "number", name="pk_sync_attempts"),
    )
    op.create_index("ix_sync_attempts_ended_at", "sync_attempts", ["ended_at"], unique=False)
    op.create_table(
        "sync_pages",
        sa.Column("sync_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("total_elements", sa.BigInteger(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("product_nos", sa.LargeBinary(), nullable=False),
        sa.Column("rows_hash", sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["sync_logs.id"], name="fk_sync_pages_sync_id_sync_logs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sync_id", "number", name="pk_sync_pages"),
    )


def downgrade() -> None:
    op.drop_table("sync_pages")
    op.drop_index("ix_sync_attempts_ended_at", table_name="sync_attempts")
    op.drop_table("sync_attempts")
    op.drop_index("ix_rejected_records_sync_id_id", table_name="rejected_records")
    op.drop_table("rejected_records")
    op.drop_index("ix_product_changes_sync_id", table_name="product_changes")
    op.drop_index("ix_product_changes_seller_id_id", table_name="product_changes")
    op.drop_index("ix_product_changes_changed_at", table_name="product_changes")
    op.drop_table("product_changes")
    op.drop_index(
        "uq_notifications_open",
        table_name="notifications",
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_index("ix_notifications_sync_id", table_name="notifications")
    op.drop_index("ix_notifications_resolved_at", table_name="notifications")
    op.drop_table("notifications")
    op.drop_index("ix_sync_schedules_next_run", table_name="sync_schedules")
    op.drop_table("sync_schedules")
    op.drop_index("uq_sync_logs_seller_id_scheduled_for", table_name="sync_logs")
    op.drop_index(
        "uq_sync_logs_live_seller",
        table_name="sync_logs",
        sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"),
    )
    op.drop_index("ix_sync_logs_seller_id_id", table_name="sync_logs")
    op.drop_index(
        "ix_sync_logs_live_state",
        table_name="sync_logs",
        sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"),
    )
    op.drop_index("ix_sync_logs_finished_at", table_name="sync_logs")
    op.drop_table("sync_logs")
    op.drop_index(
        "ix_products_held",
        table_name="products",
        sqlite_where=sa.text("held_at IS NOT NULL"),
        postgresql_where=sa.text("held_at IS NOT NULL"),
    )
    op.drop_table("products")
    op.drop_table("sellers")
    op.drop_index(
        "uq_incidents_open",
        table_name="incidents",
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_table("incidents")
    op.drop_table("heartbeats")
