"""Search finds words by their beginnings and ends, and knows the words there are, for mistyped ones."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_search"
down_revision = "2026_11_26_privacy"
branch_labels = None
depends_on = None

word = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")

WORDS_ON_SQLITE = (
    "SELECT DISTINCT value FROM json_each('[' || replace(json_quote({text}), ' ', '\",\"') || ']') "
    "WHERE length(value) BETWEEN 4 AND 40 AND value NOT GLOB '*[0-9]*'"
)
ADD_ON_SQLITE = (
    f"INSERT INTO search_words (word) {WORDS_ON_SQLITE.format(text='new.search_text')} "
    "AND NOT EXISTS (SELECT 1 FROM search_words WHERE word = value)"
)
FORGET_ON_SQLITE = (
    f"DELETE FROM search_words WHERE word IN ({WORDS_ON_SQLITE.format(text='old.search_text')}) "
    "AND NOT EXISTS (SELECT 1 FROM contact_search WHERE contact_search MATCH '\" ' || word || ' \"')"
)
OF_OLD = "(SELECT row_number FROM contact_search_rows WHERE contact_id = old.id)"
TRIGGERS_ON_SQLITE = (
    "CREATE TRIGGER contact_search_insert AFTER INSERT ON contacts BEGIN "
    "INSERT INTO contact_search_rows (contact_id) VALUES (new.id); "
    "INSERT INTO contact_search (rowid, text) SELECT row_number, ' ' || new.search_text || ' ' "
    f"FROM contact_search_rows WHERE contact_id = new.id; {ADD_ON_SQLITE}; END",
    "CREATE TRIGGER contact_search_update AFTER UPDATE OF search_text ON contacts "
    "WHEN old.search_text <> new.search_text BEGIN "
    "UPDATE contact_search SET text = ' ' || new.search_text || ' ' WHERE rowid = "
    f"{OF_OLD}; {FORGET_ON_SQLITE}; {ADD_ON_SQLITE}; END",
    "CREATE TRIGGER contact_search_delete AFTER DELETE ON contacts BEGIN "
    f"DELETE FROM contact_search WHERE rowid = {OF_OLD}; {FORGET_ON_SQLITE}; "
    "DELETE FROM contact_search_rows WHERE contact_id = old.id; END",
)
TRIGGERS_BEFORE_ON_SQLITE = (
    "CREATE TRIGGER contact_search_insert AFTER INSERT ON contacts BEGIN "
    "INSERT INTO contact_search_rows (contact_id) VALUES (new.id); "
    "INSERT INTO contact_search (rowid, text) SELECT row_number, new.search_text "
    "FROM contact_search_rows WHERE contact_id = new.id; END",
    "CREATE TRIGGER contact_search_update AFTER UPDATE OF search_text ON contacts "
    "WHEN old.search_text <> new.search_text BEGIN "
    f"UPDATE contact_search SET text = new.search_text WHERE rowid = {OF_OLD}; END",
    "CREATE TRIGGER contact_search_delete AFTER DELETE ON contacts BEGIN "
    f"DELETE FROM contact_search WHERE rowid = {OF_OLD}; "
    "DELETE FROM contact_search_rows WHERE contact_id = old.id; END",
)
FILL_ON_SQLITE = (
    "CREATE VIRTUAL TABLE contact_search USING fts5 (text, tokenize = 'trigram')",
    "INSERT INTO contact_search (rowid, text) SELECT row_number, {text} "
    "FROM contacts JOIN contact_search_rows ON contact_id = contacts.id ORDER BY row_number",
)
WORDS_ON_POSTGRESQL = (
    "SELECT DISTINCT word FROM {source} WHERE length(word) BETWEEN 4 AND 40 AND word !~ '[0-9]'"
)
# No unique index: two writers that bring the same new word would wait for each other.
ADD_ON_POSTGRESQL = (
    f"INSERT INTO search_words (word) {WORDS_ON_POSTGRESQL} "
    "AND NOT EXISTS (SELECT 1 FROM search_words AS known WHERE known.word = each.word)"
)
OF_NEW = "unnest(string_to_array(NEW.search_text, ' ')) AS each(word)"
OF_OLD_WORDS = "unnest(string_to_array(OLD.search_text, ' ')) AS each(word)"
OF_MANY = "new_contacts, unnest(string_to_array(search_text, ' ')) AS each(word)"
FUNCTIONS_ON_POSTGRESQL = (
    f"""
CREATE FUNCTION keep_new_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {ADD_ON_POSTGRESQL.format(source=OF_MANY)};
  RETURN NULL;
END $$
""",
    f"""
CREATE FUNCTION keep_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE gone text; is_used boolean;
BEGIN
  FOR gone IN {WORDS_ON_POSTGRESQL.format(source=OF_OLD_WORDS)}
  LOOP
    CONTINUE WHEN TG_OP = 'UPDATE'
      AND ' ' || NEW.search_text || ' ' LIKE '% ' || gone || ' %';
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM contacts WHERE '
      'array_to_tsvector(array_remove(string_to_array(search_text, '' ''), '''')) @@ %L::tsquery)',
      quote_literal(gone)) INTO is_used;
    IF NOT is_used THEN
      DELETE FROM search_words WHERE search_words.word = gone;
    END IF;
  END LOOP;
  IF TG_OP = 'UPDATE' THEN
    {ADD_ON_POSTGRESQL.format(source=OF_NEW)};
  END IF;
  RETURN NULL;
END $$
""",
)
TRIGGERS_ON_POSTGRESQL = (
    "CREATE TRIGGER search_words_insert AFTER INSERT ON contacts "
    "REFERENCING NEW TABLE AS new_contacts FOR EACH STATEMENT "
    "EXECUTE FUNCTION keep_new_search_words()",
    "CREATE TRIGGER search_words_delete AFTER DELETE ON contacts FOR EACH ROW "
    "EXECUTE FUNCTION keep_search_words()",
    "CREATE TRIGGER search_words_update AFTER UPDATE OF search_text ON contacts FOR EACH ROW "
    "WHEN (OLD.search_text IS DISTINCT FROM NEW.search_text) EXECUTE FUNCTION keep_search_words()",
)


def _run(text: str) -> None:
    op.execute(sa.text(text.replace(":", r"\:")))


def _fill_again(text: str) -> None:
    """Make the index of SQLite anew, of the given text."""
    for name in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER contact_search_{name}")
    op.execute("DROP TABLE contact_search")
    for statement in FILL_ON_SQLITE:
        _run(statement.format(text=text))


def upgrade() -> None:
    op.create_table("search_words", sa.Column("word", word, nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        whole = "contacts, unnest(string_to_array(search_text, ' ')) AS each(word)"
        _run(f"INSERT INTO search_words (word) {WORDS_ON_POSTGRESQL.format(source=whole)}")
        op.execute("DROP INDEX ix_contacts_search")
        op.execute(
            "CREATE INDEX ix_contacts_search ON contacts "
            "USING gin ((' ' || search_text || ' ') gin_trgm_ops)"
        )
        op.execute(
            "CREATE INDEX ix_contacts_search_words ON contacts "
            "USING gin (array_to_tsvector(array_remove(string_to_array(search_text, ' '), '')))"
        )
        for text in FUNCTIONS_ON_POSTGRESQL + TRIGGERS_ON_POSTGRESQL:
            _run(text)
    else:
        _fill_again("' ' || search_text || ' '")
        words = WORDS_ON_SQLITE.format(text="search_text").replace("FROM ", "FROM contacts, ", 1)
        _run(f"INSERT INTO search_words (word) {words}")
        for text in TRIGGERS_ON_SQLITE:
            _run(text)
    op.create_index("ix_search_words_word", "search_words", ["word"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER search_words_{name} ON contacts")
        op.execute("DROP FUNCTION keep_new_search_words()")
        op.execute("DROP FUNCTION keep_search_words()")
        op.execute("DROP INDEX ix_contacts_search_words")
        op.execute("DROP INDEX ix_contacts_search")
        op.execute(
            "CREATE INDEX ix_contacts_search ON contacts USING gin (search_text gin_trgm_ops)"
        )
    else:
        _fill_again("search_text")
        for text in TRIGGERS_BEFORE_ON_SQLITE:
            _run(text)
    op.drop_table("search_words")
