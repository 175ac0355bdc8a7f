"""Many contacts at once are indexed at once; imports remember their runs and can be reverted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_bulk"
down_revision = "2026_11_26_search"
branch_labels = None
depends_on = None

instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
whole = sa.BigInteger()

# PostgreSQL: one statement for all rows of an insert instead of one for each.
TOGETHER_ON_POSTGRESQL = (
    "DROP TRIGGER contact_match_keys_insert ON contacts",
    "CREATE FUNCTION keep_new_contact_match_keys() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO contact_match_keys (key, contact_id) SELECT DISTINCT value, id FROM new_contacts, "
    "LATERAL jsonb_array_elements_text(coalesce(match_keys, '[]')); RETURN NULL; END $$",
    "CREATE TRIGGER contact_match_keys_insert AFTER INSERT ON contacts "
    "REFERENCING NEW TABLE AS new_contacts FOR EACH STATEMENT "
    "EXECUTE FUNCTION keep_new_contact_match_keys()",
)
APART_ON_POSTGRESQL = (
    "DROP TRIGGER contact_match_keys_insert ON contacts",
    "DROP FUNCTION keep_new_contact_match_keys()",
    "CREATE TRIGGER contact_match_keys_insert AFTER INSERT ON contacts FOR EACH ROW "
    "EXECUTE FUNCTION keep_contact_match_keys()",
)
# SQLite has no such trigger, and its FTS5 writes out what it holds at every row of one. Whoever inserts
# many names them in `contact_search_bulk` before, and empties it behind, which indexes them in one go.
ADD_WORDS = (
    "INSERT INTO search_words (word) SELECT DISTINCT each.value FROM {source}"
    "json_each('[' || replace(json_quote({text}), ' ', '\",\"') || ']') AS each "
    "WHERE length(each.value) BETWEEN 4 AND 40 AND each.value NOT GLOB '*[0-9]*' "
    "AND NOT EXISTS (SELECT 1 FROM search_words WHERE word = each.value); "
)
SEARCH = (
    "INSERT INTO contact_search_rows (contact_id) VALUES (new.id); "
    "INSERT INTO contact_search (rowid, text) SELECT row_number, ' ' || new.search_text || ' ' "
    "FROM contact_search_rows WHERE contact_id = new.id; "
    + ADD_WORDS.format(source="", text="new.search_text")
)
KEYS = (
    "INSERT OR IGNORE INTO contact_match_keys (key, contact_id) "
    "SELECT value, new.id FROM json_each(coalesce(new.match_keys, '[]')); "
)
NO_BULK = "WHEN NOT EXISTS (SELECT 1 FROM contact_search_bulk) "
OF_BULK = "FROM json_each(old.ids) AS named JOIN contacts ON contacts.id = named.value "
TOGETHER_ON_SQLITE = (
    "CREATE TABLE contact_search_bulk (ids TEXT NOT NULL)",
    "CREATE TRIGGER contact_search_bulk_delete AFTER DELETE ON contact_search_bulk BEGIN "
    "INSERT INTO contact_search_rows (contact_id) SELECT named.value FROM json_each(old.ids) AS named; "
    f"INSERT INTO contact_search (rowid, text) SELECT row_number, ' ' || search_text || ' ' {OF_BULK} "
    "JOIN contact_search_rows ON contact_id = contacts.id; "
    + ADD_WORDS.format(source=f"{OF_BULK.removeprefix('FROM ').rstrip()}, ", text="contacts.search_text")
    +     f"INSERT OR IGNORE INTO contact_match_keys (key, contact_id) SELECT matched.value, contacts.id "
    f"{OF_BULK}, json_each(coalesce(contacts.match_keys, '[]')) AS matched ORDER BY 1; END",
    "DROP TRIGGER contact_search_insert",
    "DROP TRIGGER contact_match_keys_insert",
    f"CREATE TRIGGER contact_search_insert AFTER INSERT ON contacts {NO_BULK}BEGIN {SEARCH}END",
    f"CREATE TRIGGER contact_match_keys_insert AFTER INSERT ON contacts {NO_BULK}BEGIN {KEYS}END",
)
APART_ON_SQLITE = (
    "DROP TRIGGER contact_search_insert",
    "DROP TRIGGER contact_match_keys_insert",
    "DROP TABLE contact_search_bulk",
    f"CREATE TRIGGER contact_search_insert AFTER INSERT ON contacts BEGIN {SEARCH}END",
    f"CREATE TRIGGER contact_match_keys_insert AFTER INSERT ON contacts BEGIN {KEYS}END",
)


def _run(postgresql_texts: tuple[str, ...], sqlite_texts: tuple[str, ...]) -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for text in postgresql_texts if is_postgresql else sqlite_texts:
        op.execute(sa.text(text.replace(":", r"\:")))


def upgrade() -> None:
    _run(TOGETHER_ON_POSTGRESQL, TOGETHER_ON_SQLITE)
    op.drop_index("ix_changes_request", "changes")
    op.create_index("ix_changes_request", "changes", ["request_id", "seq"])
    op.add_column(
        "imports",
        sa.Column("run_requests", document, nullable=False, server_default=sa.text("'[]'")),
    )
    op.add_column("imports", sa.Column("revert", document))
    # An import that has run before this release ran, as far as is known, in its last request.
    started = "started_at IS NOT NULL AND NOT is_dry_run"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"UPDATE imports SET run_requests = jsonb_build_array(request_id) WHERE {started}"
        )
    else:
        op.execute(f"UPDATE imports SET run_requests = json_array(request_id) WHERE {started}")
    op.create_table(
        "import_kept_records",
        sa.Column(
            "import_id",
            identifier,
            sa.ForeignKey("imports.id", name="fk_import_kept_records_import_id"),
            nullable=False,
        ),
        sa.Column("record_id", identifier, nullable=False),
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("version", whole),
        sa.Column("request_id", sa.String(64)),
        sa.Column("kept_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "record_id", name="pk_import_kept_records"),
    )


def downgrade() -> None:
    op.drop_table("import_kept_records")
    op.drop_column("imports", "revert")
    op.drop_column("imports", "run_requests")
    op.drop_index("ix_changes_request", "changes")
    op.create_index("ix_changes_request", "changes", ["request_id"])
    _run(APART_ON_POSTGRESQL, APART_ON_SQLITE)
