"""Erasures that go on behind the answer, retention, audit of keys, and logs that only grow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_privacy"
down_revision = "2026_11_26_webhooks"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
whole = sa.BigInteger()

TRASHES = ("contacts", "interactions", "deals")
# Entries may go five years after they were written, and not before; nothing of them ever changes.
KEPT_FOR = "5 years"
KEPT_OF_CONSENTS = ("channel", "purpose", "action", "basis", "occurred_at", "text_version", "created_at")


def _on_postgresql() -> tuple[str, ...]:
    kept = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in KEPT_OF_CONSENTS)
    return (
        "CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' AND OLD.occurred_at < now() - interval '{KEPT_FOR}' THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'the audit log only grows'; END $$",
        "CREATE TRIGGER audit_events_only_grow BEFORE UPDATE OR DELETE ON audit_events "
        "FOR EACH ROW EXECUTE FUNCTION keep_audit()",
        "CREATE FUNCTION keep_consents() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {kept} THEN RAISE EXCEPTION 'events of consents are never changed'; END IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER consent_events_stay BEFORE UPDATE ON consent_events "
        "FOR EACH ROW EXECUTE FUNCTION keep_consents()",
    )


def _on_sqlite() -> tuple[str, ...]:
    kept = " OR ".join(f"old.{name} IS NOT new.{name}" for name in KEPT_OF_CONSENTS)
    return (
        "CREATE TRIGGER audit_events_only_grow_update BEFORE UPDATE ON audit_events BEGIN "
        "SELECT RAISE(ABORT, 'the audit log only grows'); END",
        "CREATE TRIGGER audit_events_only_grow_delete BEFORE DELETE ON audit_events "
        f"WHEN old.occurred_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-{KEPT_FOR}') BEGIN "
        "SELECT RAISE(ABORT, 'the audit log only grows'); END",
        f"CREATE TRIGGER consent_events_stay BEFORE UPDATE ON consent_events WHEN {kept} BEGIN "
        "SELECT RAISE(ABORT, 'events of consents are never changed'); END",
    )


def upgrade() -> None:
    op.add_column("erasures", sa.Column("contact_ids", document))
    op.add_column("erasures", sa.Column("checkpoint", document))
    op.add_column("erasures", sa.Column("address_hashes", document))
    op.add_column("erasures", sa.Column("finished_at", instant))
    op.add_column("erasures", sa.Column("scrubbed_at", instant))
    # Those from before were done at once; what they left in the file is scrubbed by the next one.
    op.execute("UPDATE erasures SET finished_at = erased_at, scrubbed_at = erased_at")
    op.add_column("imports", sa.Column("emptied_at", instant))
    with op.batch_alter_table(
        "audit_events", table_kwargs={"sqlite_autoincrement": True}
    ) as audit:
        audit.alter_column("record_id", existing_type=identifier, nullable=True)
        audit.add_column(sa.Column("about_key_id", sa.String(8)))
    op.create_index("ix_audit_events_key", "audit_events", ["about_key_id"])
    op.create_table(
        "retention_runs",
        sa.Column("id", identifier, nullable=False),
        sa.Column("is_dry_run", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("day", sa.String(10)),
        sa.Column("results", document, nullable=False),
        sa.Column("key_id", sa.String(8)),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("finished_at", instant),
        sa.Column("lease_until", instant),
        sa.PrimaryKeyConstraint("id", name="pk_retention_runs"),
        sa.UniqueConstraint("day", name="uq_retention_runs_day"),
    )
    op.create_index("ix_retention_runs_created", "retention_runs", ["created_at", "id"])
    for table in TRASHES:
        where = sa.text("deleted_at IS NOT NULL")
        op.create_index(
            f"ix_{table}_trash", table, ["deleted_at", "id"], postgresql_where=where, sqlite_where=where
        )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for text in _on_postgresql() if is_postgresql else _on_sqlite():
        op.execute(text)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER consent_events_stay ON consent_events")
        op.execute("DROP FUNCTION keep_consents()")
        op.execute("DROP TRIGGER audit_events_only_grow ON audit_events")
        op.execute("DROP FUNCTION keep_audit()")
    else:
        for name in ("consent_events_stay", "audit_events_only_grow_delete", "audit_events_only_grow_update"):
            op.execute(f"DROP TRIGGER {name}")
    for table in TRASHES:
        op.drop_index(f"ix_{table}_trash", table)
    op.drop_table("retention_runs")
    op.execute("DELETE FROM audit_events WHERE record_id IS NULL")
    op.drop_index("ix_audit_events_key", "audit_events")
    with op.batch_alter_table(
        "audit_events", table_kwargs={"sqlite_autoincrement": True}
    ) as audit:
        audit.drop_column("about_key_id")
        audit.alter_column("record_id", existing_type=identifier, nullable=False)
    op.drop_column("imports", "emptied_at")
    for name in ("scrubbed_at", "finished_at", "address_hashes", "checkpoint", "contact_ids"):
        op.drop_column("erasures", name)
