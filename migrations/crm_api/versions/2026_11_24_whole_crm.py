"""What people record of customers beyond the core, and the small tables around it."""

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_24_whole_crm"
down_revision = "2026_11_23_first"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
day = sa.Text().with_variant(sa.Date(), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
whole = sa.BigInteger()

LIST, OBJECT, NO = sa.text("'[]'"), sa.text("'{}'"), sa.false()
# The defaults are for rows that are there, and for the release before, which may still be writing.
CONTACTS = {
    "job_title": sa.String(200),
    "birth_date": day,
    "additional": sa.String(200),
    "communication_style": sa.String(16),
    "preferred_channel": sa.String(32),
    "previous_supplier_id": sa.String(64),
    "supplier_loyalty": sa.String(16),
    "roles": (document, LIST),
    "protections": (document, LIST),
    "credit_hold": (sa.Boolean(), NO),
    "individual_price": (sa.Boolean(), NO),
    "other_emails": (document, LIST),
    "other_phones": (document, LIST),
    "other_addresses": (document, LIST),
    "custom": (document, OBJECT),
    "consents": (document, LIST),
    "merged_into_id": identifier,
    "erased_at": instant,
    "search_text": (sa.Text(), sa.text("''")),
    "match_keys": document,
}
INTERACTIONS = {
    "product_id": sa.String(64),
    "treatment_id": sa.String(64),
    "recording_ref": sa.String(500),
    "due_at": instant,
    "done_at": instant,
    "is_planned": (sa.Boolean(), NO),
    "status": sa.String(16),
    "status_history": (document, LIST),
    "reason": sa.Text(),
    "discount_pct": sa.String(8),
    "price_minor": whole,
    "price_currency": sa.String(3),
    "valid_until": instant,
    "despite_open_complaint": (sa.Boolean(), NO),
    "custom": (document, OBJECT),
}
DEALS = {
    "pipeline_id": (sa.String(64), sa.text("'default'")),
    "stage_kind": (sa.String(8), sa.text("'open'")),
    "lost_note": sa.String(1000),
    "owner_id": sa.String(64),
    "treatment_id": sa.String(64),
    "document_refs": (document, LIST),
    "custom": (document, OBJECT),
    "payment_status": (sa.String(16), sa.text("'none'")),
    "disputed_at": instant,
    "written_off_at": instant,
    "fraud_confirmed_at": instant,
    "fraud_confirmed_by": sa.String(64),
}
CHANGES = {"before": document}
ADDED = {"changes": CHANGES, "contacts": CONTACTS, "interactions": INTERACTIONS, "deals": DEALS}
_OPEN_CASES = "status IN ('open', 'acknowledged', 'reopened')"
INDEXES = (
    ("ix_changes_request", "changes", ["request_id"], None),
    ("ix_contacts_phone", "contacts", ["phone_e164"], None),
    ("ix_contacts_referred_by_id", "contacts", ["referred_by_id"], None),
    ("ix_contacts_merged_into_id", "contacts", ["merged_into_id"], None),
    ("ix_interactions_planned", "interactions", ["due_at", "id"], "is_planned"),
    ("ix_interactions_open_cases", "interactions", ["contact_id", "occurred_at"], _OPEN_CASES),
    ("ix_deals_board", "deals", ["pipeline_id", "stage", "opened_at", "id"], None),
    ("ix_deals_owner", "deals", ["owner_id", "opened_at", "id"], None),
)
STAGES = (
    '[{"key": "new", "name": "New", "kind": "open", "win_probability": null, "next": []},'
    ' {"key": "qualified", "name": "Qualified", "kind": "open", "win_probability": null, "next": []},'
    ' {"key": "proposal", "name": "Proposal", "kind": "open", "win_probability": null, "next": []},'
    ' {"key": "negotiation", "name": "Negotiation", "kind": "open", "win_probability": null, "next": []},'
    ' {"key": "won", "name": "Won", "kind": "won", "win_probability": null, "next": []},'
    ' {"key": "lost", "name": "Lost", "kind": "lost", "win_probability": null, "next": []}]'
)


def _kept() -> list[sa.Column]:
    return [
        sa.Column("external_refs", document, nullable=False),
        sa.Column("version", whole, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("deleted_at", instant),
    ]


def _table(name: str, *columns: sa.Column, by_name: bool = False, keyed: bool = False) -> None:
    op.create_table(
        name,
        sa.Column("id", identifier, nullable=False),
        *([sa.Column("key", sa.String(64), nullable=False)] if keyed else []),
        *columns,
        *_kept(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_created", name, ["created_at", "id"])
    op.create_index(f"ix_{name}_updated", name, ["updated_at", "id"])
    if by_name:
        op.create_index(f"ix_{name}_name", name, ["name", "id"])
    if keyed:
        _unique(f"uq_{name}_key", name, ["key"])


def _unique(index: str, table: str, columns: list[str]) -> None:
    live = sa.text("deleted_at IS NULL")
    op.create_index(
        index, table, columns, unique=True, postgresql_where=live, sqlite_where=live
    )


def _money(name: str) -> list[sa.Column]:
    return [sa.Column(f"{name}_minor", whole), sa.Column(f"{name}_currency", sa.String(3))]


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, kind in columns.items():
            if isinstance(kind, tuple):
                op.add_column(
                    table, sa.Column(name, kind[0], nullable=False, server_default=kind[1])
                )
            else:
                op.add_column(table, sa.Column(name, kind))
    for index, table, columns, where in INDEXES:
        text = None if where is None else sa.text(where)
        op.create_index(index, table, columns, postgresql_where=text, sqlite_where=text)
    _fill()
    _make_searchable()
    _make_comparable()
    _table(
        "products",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("category", sa.String(100)),
        *_money("list_price"),
        *_money("unit_cost"),
        sa.Column("complements", document, nullable=False),
        sa.Column("successor_id", sa.String(64)),
        sa.Column("is_repeatable", sa.Boolean(), nullable=False),
        sa.Column("replacement_days", sa.Integer()),
        sa.Column("service_interval_days", sa.Integer()),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.Column("is_for_sale", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.String(64)),
        by_name=True,
        keyed=True,
    )
    _table(
        "campaigns",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("phase", sa.String(32)),
        sa.Column("strategy_id", sa.String(64)),
        sa.Column("instrument_id", sa.String(64)),
        sa.Column("product_id", sa.String(64)),
        sa.Column("channel", sa.String(32)),
        sa.Column("reason", sa.String(2000)),
        *_money("budget"),
        *_money("fixed_cost"),
        *_money("unit_cost"),
        sa.Column("starts_at", instant),
        sa.Column("ends_at", instant),
        sa.Column("experiment_id", sa.String(64)),
        sa.Column("flags", document, nullable=False),
        sa.Column("owner_id", sa.String(64)),
        by_name=True,
        keyed=True,
    )
    _table(
        "campaign_members",
        sa.Column(
            "campaign_id",
            identifier,
            sa.ForeignKey("campaigns.id", name="fk_campaign_members_campaign_id"),
            nullable=False,
        ),
        sa.Column(
            "contact_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_campaign_members_contact_id"),
            nullable=False,
        ),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("joined_at", instant, nullable=False),
    )
    _unique("uq_campaign_members_live", "campaign_members", ["campaign_id", "contact_id"])
    op.create_index(
        "ix_campaign_members_contact", "campaign_members", ["contact_id", "joined_at", "id"]
    )
    _table(
        "competitors",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("website", sa.String(500)),
        sa.Column("note", sa.Text()),
        by_name=True,
        keyed=True,
    )
    _table(
        "swot_items",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("quadrant", sa.String(16), nullable=False),
        sa.Column("statement", sa.String(2000), nullable=False),
        sa.Column("weight", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", sa.String(64)),
        sa.Column("evidence", sa.String(2000)),
        sa.Column("source", sa.String(500)),
        sa.Column("valid_from", day),
        sa.Column("valid_to", day),
        sa.Column("confirmed_by", sa.String(64)),
    )
    op.create_index("ix_swot_items_subject", "swot_items", ["subject", "created_at", "id"])
    _table(
        "competitor_activities",
        sa.Column("competitor_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("occurred_at", instant, nullable=False),
        sa.Column("description", sa.String(2000), nullable=False),
        sa.Column("product_id", sa.String(64)),
        sa.Column("source", sa.String(500)),
        sa.Column("impact", sa.SmallInteger()),
    )
    op.create_index(
        "ix_competitor_activities_competitor",
        "competitor_activities",
        ["competitor_id", "occurred_at", "id"],
    )
    op.create_index(
        "ix_competitor_activities_occurred", "competitor_activities", ["occurred_at", "id"]
    )
    _table(
        "custom_fields",
        sa.Column("applies_to", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("label_en", sa.String(100), nullable=False),
        sa.Column("label_de", sa.String(100), nullable=False),
        sa.Column("description", sa.String(1000)),
        sa.Column("options", document, nullable=False),
    )
    _unique("uq_custom_fields_key", "custom_fields", ["applies_to", "key"])
    _table(
        "pipelines",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("stages", document, nullable=False),
        by_name=True,
        keyed=True,
    )
    op.execute(
        sa.text(
            "INSERT INTO pipelines (id, key, name, stages, external_refs, version, created_at, "
            "updated_at) VALUES ('00000000-0000-7000-8000-000000000001', 'default', 'Sales', "
            f"'{STAGES}', '[]', 1, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z')".replace(
                ":", r"\:"
            )
        )
    )
    _table(
        "segments",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.String(1000)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("filter", document, nullable=False),
        sa.Column("owner_id", sa.String(64)),
        by_name=True,
        keyed=True,
    )
    op.create_table(
        "segment_members",
        sa.Column(
            "segment_id",
            identifier,
            sa.ForeignKey("segments.id", name="fk_segment_members_segment_id"),
            nullable=False,
        ),
        sa.Column(
            "contact_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_segment_members_contact_id"),
            nullable=False,
        ),
        sa.Column("added_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "contact_id", name="pk_segment_members"),
    )
    op.create_index("ix_segment_members_contact", "segment_members", ["contact_id"])
    op.create_table(
        "consent_events",
        sa.Column("id", identifier, nullable=False),
        sa.Column(
            "contact_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_consent_events_contact_id"),
            nullable=False,
        ),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("basis", sa.String(32), nullable=False),
        sa.Column("occurred_at", instant, nullable=False),
        sa.Column("text_version", sa.String(100)),
        sa.Column("source", sa.String(200)),
        sa.Column("evidence_ref", sa.String(500)),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consent_events"),
    )
    op.create_index(
        "ix_consent_events_contact", "consent_events", ["contact_id", "occurred_at", "id"]
    )
    op.create_table(
        "erasures",
        sa.Column("id", identifier, nullable=False),
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("request_ref", sa.String(200)),
        sa.Column("counts", document, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("erased_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_contact", "erasures", ["contact_id"])
    op.create_index("ix_erasures_erased", "erasures", ["erased_at", "id"])
    op.create_table(
        "suppressions",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("erasure_id", identifier, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_suppressions"),
    )
    salt = op.create_table(
        "suppression_salt",
        sa.Column("salt", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("salt", name="pk_suppression_salt"),
    )
    op.bulk_insert(salt, [{"salt": secrets.token_hex(32)}])
    op.create_table(
        "audit_events",
        sa.Column("seq", whole.with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("record_id", identifier, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("occurred_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_events_occurred", "audit_events", ["occurred_at", "seq"])
    op.create_index("ix_audit_events_record", "audit_events", ["record_id"])
    op.create_index("ix_changes_occurred", "changes", ["occurred_at", "seq"])
    op.create_table(
        "merges",
        sa.Column("id", identifier, nullable=False),
        sa.Column(
            "survivor_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_merges_survivor_id"),
            nullable=False,
        ),
        sa.Column(
            "duplicate_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_merges_duplicate_id"),
            nullable=False,
        ),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("set_columns", document, nullable=False),
        sa.Column("moved", document, nullable=False),
        sa.Column("merged_at", instant, nullable=False),
        sa.Column("unmerged_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_merges"),
    )
    op.create_index("ix_merges_duplicate", "merges", ["duplicate_id"])
    op.create_index("ix_merges_survivor", "merges", ["survivor_id", "merged_at", "id"])
    op.create_table(
        "live_terms",
        sa.Column("unit_id", identifier, nullable=False),
        sa.Column("product_id", sa.String(64), nullable=False),
        sa.Column("discount_pct", sa.String(8)),
        sa.Column("price_minor", whole),
        sa.Column("price_currency", sa.String(3)),
        sa.Column("holders", document, nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "product_id", name="pk_live_terms"),
    )


# SQLite numbers the rows of a table without an integer key anew when it is vacuumed; these stay.
SEARCH_ON_SQLITE = (
    "CREATE TABLE contact_search_rows (row_number INTEGER PRIMARY KEY, contact_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE contact_search USING fts5 (text, tokenize = 'trigram')",
    "INSERT INTO contact_search_rows (contact_id) SELECT id FROM contacts",
    "INSERT INTO contact_search (rowid, text) SELECT row_number, search_text FROM contacts "
    "JOIN contact_search_rows ON contact_id = contacts.id",
    "CREATE TRIGGER contact_search_insert AFTER INSERT ON contacts BEGIN "
    "INSERT INTO contact_search_rows (contact_id) VALUES (new.id); "
    "INSERT INTO contact_search (rowid, text) SELECT row_number, new.search_text "
    "FROM contact_search_rows WHERE contact_id = new.id; END",
    "CREATE TRIGGER contact_search_update AFTER UPDATE OF search_text ON contacts "
    "WHEN old.search_text <> new.search_text BEGIN "
    "UPDATE contact_search SET text = new.search_text WHERE rowid = "
    "(SELECT row_number FROM contact_search_rows WHERE contact_id = new.id); END",
    "CREATE TRIGGER contact_search_delete AFTER DELETE ON contacts BEGIN "
    "DELETE FROM contact_search WHERE rowid = "
    "(SELECT row_number FROM contact_search_rows WHERE contact_id = old.id); "
    "DELETE FROM contact_search_rows WHERE contact_id = old.id; END",
)


MATCH_KEYS_ON_SQLITE = (
    "CREATE TRIGGER contact_match_keys_insert AFTER INSERT ON contacts BEGIN "
    "INSERT OR IGNORE INTO contact_match_keys (key, contact_id) "
    "SELECT value, new.id FROM json_each(coalesce(new.match_keys, '[]')); END",
    "CREATE TRIGGER contact_match_keys_update AFTER UPDATE OF match_keys ON contacts "
    "WHEN old.match_keys IS NOT new.match_keys BEGIN "
    "DELETE FROM contact_match_keys WHERE contact_id = new.id; "
    "INSERT OR IGNORE INTO contact_match_keys (key, contact_id) "
    "SELECT value, new.id FROM json_each(coalesce(new.match_keys, '[]')); END",
)
MATCH_KEYS_ON_POSTGRESQL = (
    "CREATE FUNCTION keep_contact_match_keys() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'UPDATE' THEN DELETE FROM contact_match_keys WHERE contact_id = NEW.id; END IF; "
    "INSERT INTO contact_match_keys (key, contact_id) "
    "SELECT DISTINCT value, NEW.id FROM jsonb_array_elements_text(coalesce(NEW.match_keys, '[]')); "
    "RETURN NULL; END $$",
    "CREATE TRIGGER contact_match_keys_insert AFTER INSERT ON contacts FOR EACH ROW "
    "EXECUTE FUNCTION keep_contact_match_keys()",
    "CREATE TRIGGER contact_match_keys_update AFTER UPDATE OF match_keys ON contacts FOR EACH ROW "
    "WHEN (OLD.match_keys IS DISTINCT FROM NEW.match_keys) "
    "EXECUTE FUNCTION keep_contact_match_keys()",
)


def _make_comparable() -> None:
    op.create_table(
        "contact_match_keys",
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column(
            "contact_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_contact_match_keys_contact_id"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("key", "contact_id", name="pk_contact_match_keys"),
    )
    op.create_index("ix_contact_match_keys_contact_id", "contact_match_keys", ["contact_id"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for text in MATCH_KEYS_ON_POSTGRESQL if is_postgresql else MATCH_KEYS_ON_SQLITE:
        op.execute(sa.text(text.replace(":", r"\:")))


def _make_incomparable() -> None:
    table = " ON contacts" if op.get_bind().dialect.name == "postgresql" else ""
    for name in ("insert", "update"):
        op.execute(f"DROP TRIGGER contact_match_keys_{name}{table}")
    if table:
        op.execute("DROP FUNCTION keep_contact_match_keys()")
    op.drop_table("contact_match_keys")


def _make_searchable() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute(
            "CREATE INDEX ix_contacts_search ON contacts USING gin (search_text gin_trgm_ops)"
        )
    else:
        for text in SEARCH_ON_SQLITE:
            op.execute(text)


def _make_unsearchable() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_contacts_search")
    else:
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER contact_search_{name}")
        op.execute("DROP TABLE contact_search")
        op.execute("DROP TABLE contact_search_rows")


def _fill() -> None:
    """Derive for the rows that are there what the code derives for new ones."""
    op.execute("UPDATE deals SET stage_kind = stage WHERE stage IN ('won', 'lost')")
    op.execute(
        "UPDATE deals SET payment_status = CASE WHEN chargeback_at IS NOT NULL THEN 'charged_back' "
        "WHEN refunded_at IS NOT NULL THEN 'refunded' WHEN paid_at IS NOT NULL THEN 'paid' "
        "WHEN invoiced_at IS NOT NULL THEN 'issued' ELSE 'none' END"
    )
    settled = "resolved_at IS NOT NULL OR resolution IS NOT NULL"
    op.execute(
        f"UPDATE interactions SET status = CASE WHEN NOT ({settled}) THEN 'open' "
        "WHEN resolution = 'rejected' THEN 'rejected' ELSE 'resolved' END "
        "WHERE kind IN ('complaint', 'service_request')"
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    parts = "display_name, email, phone_e164, phone, city"
    if is_postgresql:
        op.execute(
            "UPDATE deals SET stage_history = (SELECT jsonb_agg(entry || jsonb_build_object('kind', "
            "CASE WHEN entry->>'stage' IN ('won', 'lost') THEN entry->>'stage' ELSE 'open' END)) "
            "FROM jsonb_array_elements(stage_history) AS entry)"
        )
        op.execute(f"UPDATE contacts SET search_text = lower(concat_ws(' ', {parts}))")
    else:
        op.execute(
            "UPDATE deals SET stage_history = (SELECT json_group_array(json_set(value, '$.kind', "
            "CASE WHEN json_extract(value, '$.stage') IN ('won', 'lost') "
            "THEN json_extract(value, '$.stage') ELSE 'open' END)) FROM json_each(stage_history))"
        )
        joined = " || ' ' || ".join(f"coalesce({part}, '')" for part in parts.split(", "))
        op.execute(f"UPDATE contacts SET search_text = lower({joined})")


def downgrade() -> None:
    _make_incomparable()
    _make_unsearchable()
    op.drop_index("ix_changes_occurred", "changes")
    for table in (
        "audit_events",
        "suppression_salt",
        "suppressions",
        "erasures",
        "merges",
        "live_terms",
        "consent_events",
        "segment_members",
        "segments",
        "pipelines",
        "custom_fields",
        "competitor_activities",
        "swot_items",
        "competitors",
        "campaign_members",
        "campaigns",
        "products",
    ):
        op.drop_table(table)
    for index, table, _, _ in INDEXES:
        op.drop_index(index, table)
    for table, columns in ADDED.items():
        for name in columns:
            op.drop_column(table, name)
