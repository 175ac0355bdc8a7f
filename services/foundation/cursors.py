"""Cursors of keyset paging: opaque to the caller, bound to the filters and the order they came from."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from services.foundation.problems import Invalid, invalid
from services.foundation.statements import Record
from shared.values import wire_instant

Position = TypeVar("Position")


def _digest(question: Mapping[str, Any]) -> str:
    text = orjson.dumps(question, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.blake2b(text, digest_size=6).hexdigest()


def write_cursor(position: Sequence[Any], question: Mapping[str, Any]) -> str:
    """Spell the position behind the last row of a page of the answers to `question`."""
    text = orjson.dumps([_digest(question), *position])
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read_cursor(cursor: str, question: Mapping[str, Any], *, length: int) -> list[Any]:
    """Read a position back.

    Raises
    ------
    Invalid
        The cursor is not one of ours, or belongs to other filters or another order.
    """
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise bad_cursor() from None
    if not isinstance(position, list) or len(position) != length + 1:
        raise bad_cursor()
    if position[0] != _digest(question):
        raise invalid(
            "/query/cursor",
            "foreign_cursor",
            "This cursor belongs to other filters or another order; start without a cursor.",
        )
    return position[1:]


def read_position(
    cursor: str, question: Mapping[str, Any], kind: TypeAdapter[Position], *, length: int
) -> Position:
    """Read a position back, whose parts are of some kinds.

    Raises
    ------
    Invalid
        The cursor is not one of ours, or belongs to other filters or another order.
    """
    position = read_cursor(cursor, question, length=length)
    try:
        return kind.validate_python(tuple(position))
    except ValidationError:
        raise bad_cursor() from None


def cut_page(
    rows: list[Record], limit: int, question: Mapping[str, Any], *order: str
) -> tuple[list[Record], str | None]:
    """Return a page and the cursor behind it, of rows one more than the limit if there is a further page.

    `order` are the columns that the rows are ordered by.
    """
    if len(rows) <= limit:
        return rows, None
    last = [rows[limit - 1][name] for name in order]
    position = [wire_instant(value) if isinstance(value, datetime) else value for value in last]
    return rows[:limit], write_cursor(position, question)


def bad_cursor() -> Invalid:
    return invalid(
        "/query/cursor",
        "invalid_cursor",
        "This is no cursor of ours; follow `next` as it was given.",
    )
