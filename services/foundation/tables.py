"""Tables that both services have, each in its own database: keys and idempotency records."""

from sqlalchemy import Column, Integer, MetaData, String, Table, Text
from sqlalchemy import text as sql

from services.foundation.columns import Document, Instant, Whole

CONSTRAINT_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=CONSTRAINT_NAMES)

keys = Table(
    "keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    # Secrets from before a rotation, each with the instant until which it is good.
    Column("previous_secrets", Document, nullable=False, server_default=sql("'[]'")),
    Column("requests_per_minute", Integer),
    Column("last_used_at", Instant),
    Column("created_by", String(8)),
    Column("version", Whole, nullable=False, server_default=sql("1")),
)

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("key_id", String(8), primary_key=True),
    Column("method", String(8), primary_key=True),
    Column("path", String(600), primary_key=True),
    Column("idempotency_key", String(255), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("headers", Document, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)
