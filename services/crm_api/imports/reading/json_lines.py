"""The objects of NDJSON as cells: numbers keep their spelling."""

import json
from typing import BinaryIO, NoReturn

from services.crm_api.imports.reading.lines import Lines
from services.crm_api.imports.reading.records import (
    COLUMN_NAME,
    ENCODINGS,
    MOST_COLUMNS,
    Dialect,
    NumberText,
    Unreadable,
)
from services.foundation.sheet_texts import as_cell


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("repeated_key")
    return found


def _no_number(_: str) -> NoReturn:
    raise Unreadable("broken_json")


_JSON = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=NumberText,
    parse_int=NumberText,
    parse_constant=_no_number,
)


def json_object(text: str) -> dict[str, str]:
    """Return a JSON object's members as texts: null is empty, lists and objects stay JSON.

    Raises
    ------
    Unreadable
        The text is no JSON object, repeats a key, or holds half a character.
    """
    try:
        found = _JSON.decode(text.strip("\ufeff \t\r\n"))
        text.encode()
    except (ValueError, RecursionError):
        raise Unreadable("broken_json") from None
    if not isinstance(found, dict):
        raise Unreadable("broken_json")
    cells = {key: _cell(value) for key, value in found.items()}
    try:
        "".join((*cells, *cells.values())).encode()
    except UnicodeEncodeError:
        raise Unreadable("broken_json") from None
    return cells


def object_keys(file: BinaryIO, dialect: Dialect) -> tuple[str, ...]:
    """Return the keys of every object of an NDJSON file in order of appearance, 1,000 at most.

    A key that is no name of a column is left out; the rows that have it are rejected.
    """
    keys: dict[str, None] = {}
    lines = Lines(file, dialect)
    while (taken := lines.take()) is not None and len(keys) < MOST_COLUMNS:
        try:
            found = json_object(taken[0].decode(ENCODINGS[dialect.encoding]))
        except (Unreadable, UnicodeDecodeError):
            continue
        keys |= dict.fromkeys(key for key in found if COLUMN_NAME.fullmatch(key))
    return tuple(keys)[:MOST_COLUMNS]


def _cell(value: object) -> str:
    if isinstance(value, str):
        return as_cell(value) if type(value) is str else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json_text(value)


def _json_text(value: object) -> str:
    """Spell a nested value as JSON, its numbers exactly as the file did."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_json_text, value)) + "]"
    if isinstance(value, dict):
        members = (f"{_json_text(key)}:{_json_text(member)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    return json.dumps(value, ensure_ascii=False)
