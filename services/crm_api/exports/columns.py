"""The columns of an export for people: what they are called and where their values stand in a record."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Boolean, Float, Integer, SmallInteger

from services.crm_api.exports.labels import label
from services.crm_api.resources import Resource
from services.foundation.columns import Day, Document, Instant
from services.foundation.statements import Record

SPREAD: Mapping[str, tuple[str, ...]] = {
    "other_emails": ("label", "email"),
    "other_phones": ("label", "phone"),
    "other_addresses": ("label", "street", "additional", "zip", "city", "country_code"),
}
"""Lists of objects whose entries get columns of their own."""
_DECIMALS = frozenset({"discount_pct", "fx_rate"})
_CUSTOM_KINDS = {
    "integer": "number",
    "number": "number",
    "boolean": "flag",
    "date": "day",
    "instant": "moment",
    "choices": "list",
}
Take = Callable[[Record], Any]


@dataclass(frozen=True)
class SheetColumn:
    """A column: its header, what its cells are, and how a record's value is found.

    A moment is an instant whose fraction of a second tells something.
    """

    header: str
    kind: str
    take: Take


def sheet_columns(
    resource: Resource,
    *,
    fields: Sequence[str] | None,
    custom: Iterable[Mapping[str, Any]],
    lengths: Mapping[str, int],
    language: str,
) -> list[SheetColumn]:
    """Return the columns of a resource's table, in the order of `fields` if they are given.

    `lengths` says how many entries the longest list of each field of `SPREAD` has.
    """
    found: list[SheetColumn] = []
    for field in fields or default_fields(resource):
        header = label(resource.plural, field, language)
        if field == "custom":
            found += _custom(custom, {each.header for each in found}, language)
        elif field in SPREAD and field in lengths:
            found += _spread(field, lengths[field], header, language)
        elif field in resource.money:
            found.append(SheetColumn(header, "decimal", _inside(field, "amount")))
            if resource.money[field][1] != "currency":
                currency = label(resource.plural, f"{field}_currency", language)
                found.append(SheetColumn(currency, "text", _inside(field, "currency")))
        else:
            found.append(SheetColumn(header, _kind(resource, field), _plain(field)))
    return found


def default_fields(resource: Resource) -> list[str]:
    """Return the fields of the wire in the order of the table; what tells nothing is left out."""
    names = dict.fromkeys(resource.wire_name(column.name) for column in resource.table.columns)
    shared = {"currency"} if any(pair[1] == "currency" for pair in resource.money.values()) else {}
    left_out = resource.hidden | {"deleted_at", "merged_into_id", "erased_at"}
    return [
        name for name in names if name not in left_out and (name in resource.wire_names or shared)
    ]


def _kind(resource: Resource, field: str) -> str:
    if field in _DECIMALS:
        return "decimal"
    if field == "is_redacted":
        return "flag"
    kind = resource.table.c[field].type
    if isinstance(kind, Document):
        return "list"
    if isinstance(kind, Instant):
        return "instant"
    if isinstance(kind, Day):
        return "day"
    if isinstance(kind, Boolean):
        return "flag"
    return "number" if isinstance(kind, Float | Integer | SmallInteger) else "text"


def _plain(field: str) -> Take:
    return lambda record: record[field]


def _inside(field: str, member: str) -> Take:
    def take(record: Record) -> Any:
        value = record[field]
        return None if value is None else value[member]

    return take


def _entry(field: str, place: int, member: str) -> Take:
    def take(record: Record) -> Any:
        entries = record[field]
        return entries[place][member] if place < len(entries) else None

    return take


def _member(key: str) -> Take:
    return lambda record: record["custom"].get(key)


def _spread(field: str, count: int, header: str, language: str) -> list[SheetColumn]:
    members = {member: label("", member, language) for member in SPREAD[field]}
    if language == "en":
        members = {member: name.lower() for member, name in members.items()}
    return [
        SheetColumn(
            f"{header} {place + 1} {members[member]}",
            "text",
            _entry(field, place, member),
        )
        for place in range(count)
        for member in SPREAD[field]
    ]


def _custom(
    custom: Iterable[Mapping[str, Any]], taken: set[str], language: str
) -> list[SheetColumn]:
    found = []
    for each in custom:
        header = each[f"label_{language}"]
        header = each["key"] if header in taken else header
        taken.add(header)
        kind = _CUSTOM_KINDS.get(each["type"], "text")
        found.append(SheetColumn(header, kind, _member(each["key"])))
    return found


def listed(value: Any) -> str | None:
    """Return a list or an object as the text of one cell: words apart by semicolons, else JSON."""
    if not value:
        return None
    if isinstance(value, list):
        if all(isinstance(each, str) and not set(each) & set(";|[") for each in value):
            return "; ".join(value)
        if all(isinstance(each, dict) and each.keys() == {"source", "id"} for each in value):
            return "; ".join(f"{each['source']}:{each['id']}" for each in value)
    return orjson.dumps(value).decode()
