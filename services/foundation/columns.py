"""Column types that mean the same on PostgreSQL and on SQLite; no tables are here."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Date,
    Dialect,
    String,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from shared.values import wire_instant


class Identifier(TypeDecorator[str]):
    """A UUID, a string on the Python side: `uuid` on PostgreSQL, 36 characters on SQLite."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Uuid(as_uuid=False) if dialect.name == "postgresql" else String(36)

    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else str(value)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC; naive values are refused. SQLite keeps the wire spelling, which sorts."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value if dialect.name == "postgresql" else wire_instant(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(
            UTC
        )


class Day(TypeDecorator[date]):
    """A calendar date without a time: `date` on PostgreSQL, ISO text on SQLite."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Date() if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.isoformat()

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value


class Document(TypeDecorator[Any]):
    """A JSON value: `jsonb` on PostgreSQL, text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _RawJsonb() if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


class _RawJsonb(JSONB):
    """`jsonb` whose text is made and read by `Document` alone, so that it is not encoded twice."""

    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def result_processor(self, dialect: Dialect, coltype: Any) -> None:
        return None


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id (`xid8`); SQLite, with its one writer, keeps a plain zero."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


@compiles(TransactionId, "sqlite")
def _transaction_id_on_sqlite(*_: Any, **__: Any) -> str:
    return "BIGINT"


class Texts(TypeDecorator[Sequence[str]]):
    """A list of strings as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        values = [str(item) for item in value or ()]
        return values if dialect.name == "postgresql" else orjson.dumps(values).decode()


Whole = BigInteger
"""64-bit integers: minor units, versions, counts."""
