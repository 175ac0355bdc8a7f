"""The rules of custom fields: of their definitions, and of the values that records carry."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Table, bindparam, select, type_coerce

from services.crm_api.custom_fields.table import custom_fields
from services.crm_api.resources import RESOURCES, Resource
from services.crm_api.satellites import KeyTaken
from services.crm_api.schemas import SUFFIXES
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Texts
from services.foundation.constructs import any_of
from services.foundation.database import NOTHING, Reader, Transaction
from services.foundation.json_constructs import contains_any, json_member
from services.foundation.problems import Conflict, FieldError, Invalid, field_errors
from services.foundation.statements import Record, Statement
from shared.values import Day, Flag, Instant, number, text, whole, wire_instant

_table = custom_fields.c
_DEFINITIONS = Statement(
    select(_table.id, _table.key, _table.type, _table.options).where(
        _table.applies_to == bindparam("applies_to"), _table.deleted_at.is_(None)
    )
)
_LARGEST = 2**53 - 1
_PAGE = 1000
_READERS: Mapping[str, TypeAdapter[Any]] = {
    "text": TypeAdapter(text(2000, lines=True)),
    "integer": TypeAdapter(whole(-_LARGEST, _LARGEST, example=1)),
    "number": TypeAdapter(number(-1e15, 1e15, example=1)),
    "boolean": TypeAdapter(Flag),
    "date": TypeAdapter(Day),
    "instant": TypeAdapter(Instant),
}
_SPELLINGS: Mapping[str, Callable[[Any], Any]] = {
    "date": date.isoformat,
    "instant": wire_instant,
}


class OptionsMismatch(Invalid):
    code, title = "options_mismatch", "A choice has options, each once, and nothing else has any."


class KeyReserved(Invalid):
    code, title = "key_reserved", "The key of a custom field does not end like a filter."


class ValuesLeft(Conflict):
    code, title = "values_left", "Records still have values of a former field with this key."


class OptionHeld(Conflict):
    code, title = "option_held", "An option that records have cannot be left out."


class CustomFieldUnknown(Invalid):
    code, title = "custom_field_unknown", "There is no such custom field."


class CustomValueInvalid(Invalid):
    code, title = "custom_value_invalid", "A custom field has a value that its type does not allow."


class CustomValueOutdated(Conflict):
    code = "custom_value_outdated"
    title = "A custom value that would come back does not fit its field any more."


async def check_definition(
    transaction: Transaction,
    after: Record,
    values: Record,
    /,
    *,
    stamp: Stamp,
) -> None:
    """Refuse choices without options, keys that are taken, and to drop options that records have.

    Raises
    ------
    OptionsMismatch, KeyReserved, KeyTaken, ValuesLeft, OptionHeld
        A rule is broken.
    """
    keys = [option["key"] for option in after["options"] or ()]
    if bool(keys) != (after["type"] in ("choice", "choices")) or len(set(keys)) < len(keys):
        raise OptionsMismatch(
            errors=[FieldError("/body/options", "options_mismatch", OptionsMismatch.title)]
        )
    if "key" in values:
        _check_ending(after["key"])
        await check_key(transaction, after, stamp=stamp)
        holder = await _holder(transaction, after)
        if holder is not None:
            message = (
                f"The record {holder} of {after['applies_to']} still has a value of a former field "
                f"{after['key']}. Restore that field, or set custom.{after['key']} to null first."
            )
            raise _held(ValuesLeft, message, after, holder, stamp)
    elif "options" in values:
        await _check_options(transaction, after, keys, stamp)


def _held(
    refusal: type[Conflict], message: str, definition: Record, holder: str, stamp: Stamp
) -> Conflict:
    """Build the refusal for a value that a record has; it names the record to who may see the value."""
    applies_to = definition["applies_to"]
    if f"{applies_to}:pii" in stamp.scopes:
        return refusal(message, extra={"existing_id": holder})
    return refusal(
        f"Records of {applies_to} have a value of {definition['key']} that stands in the way."
    )


def _check_ending(key: str) -> None:
    ending = next((suffix for suffix in SUFFIXES if key.endswith(suffix)), None)
    if ending is not None:
        message = (
            f"Filters of the field {key.removesuffix(ending)} may be written custom.{key}; "
            f"choose a key that does not end in {ending}."
        )
        raise KeyReserved(message, errors=[FieldError("/body/key", KeyReserved.code, message)])


async def check_key(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:  # noqa: ARG001
    """Refuse a key that another live field has.

    Raises
    ------
    KeyTaken
        There is one.
    """
    known = (await definitions(transaction, current["applies_to"])).get(current["key"])
    if known is not None and known["id"] != current["id"]:
        raise KeyTaken(extra={"existing_id": known["id"]})


async def check_restored(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Refuse to restore a field whose key another one has, or that records have other values of.

    Raises
    ------
    KeyTaken, ValuesLeft
        A rule is broken.
    """
    await check_key(transaction, current, stamp=stamp)
    holder = await _misfit(transaction, current)
    if holder is not None:
        message = (
            f"The record {holder} of {current['applies_to']} has a value of {current['key']} that this "
            f"field does not take. Set custom.{current['key']} to null there first."
        )
        raise _held(ValuesLeft, message, current, holder, stamp)


async def check_return(
    transaction: Transaction,
    resource: Resource,
    after: Record,
    /,
    *,
    present: Mapping[str, Any] = NOTHING,
) -> None:
    """Refuse to bring values back that their fields do not take any more.

    A field may have been thrown away and made anew meanwhile, and an option may be gone. `after` is the
    record as it will be, and `present` those of its custom values that it has all along.

    Raises
    ------
    CustomValueOutdated
        There is such a value; the problem names its field.
    """
    values = after.get("custom") or {}
    back = {key: value for key, value in values.items() if present.get(key) != value}
    known = await definitions(transaction, resource.plural) if back else {}
    for key in back:
        if key in known and not _fits(known[key], back[key]):
            way = "give it its former options back" if known[key]["options"] else "delete it"
            message = (
                f"The {resource.title} {after['id']} would have a value of custom.{key} again that the "
                f"field {known[key]['id']} does not take as it is now; {way} first."
            )
            where = f"/{resource.plural}/{after['id']}/custom/{key}"
            raise CustomValueOutdated(
                message, errors=[FieldError(where, CustomValueOutdated.code, message)]
            )


async def _check_options(
    transaction: Transaction, after: Record, keys: list[str], stamp: Stamp
) -> None:
    known = (await definitions(transaction, after["applies_to"]))[after["key"]]
    for option in known["options"]:
        if option["key"] in keys:
            continue
        holder = await _holder(transaction, after, option["key"])
        if holder is not None:
            message = (
                f"The option {option['key']} is the value of records of {after['applies_to']}, for "
                f"instance of {holder}."
            )
            raise _held(OptionHeld, message, after, holder, stamp)


async def _holder(
    transaction: Transaction, definition: Record, option: str | None = None
) -> str | None:
    """Return a live record that has a value of the field, or that option of it."""
    table, key = _records_with(definition), definition["key"]
    fits: ColumnElement[bool]
    if option is None:
        fits = json_member(table.c.custom, key, "text").is_not(None)
    elif definition["type"] == "choices":
        chosen = type_coerce(json_member(table.c.custom, key, "json"), Document())
        fits = contains_any(chosen, bindparam("options", type_=Texts))
    else:
        fits = any_of(json_member(table.c.custom, key, "text"), bindparam("options", type_=Texts))
    found = Statement(select(table.c.id).where(fits, table.c.deleted_at.is_(None)).limit(1))
    row = await transaction.first(found, {} if option is None else {"options": [option]})
    return None if row is None else str(row["id"])


async def _misfit(transaction: Transaction, definition: Record) -> str | None:
    """Return a live record that has a value of the field's key which the field does not take."""
    table = _records_with(definition)
    value = type_coerce(json_member(table.c.custom, definition["key"], "json"), Document())
    page = Statement(
        select(table.c.id, value.label("value"))
        .where(table.c.id > bindparam("after"), value.is_not(None), table.c.deleted_at.is_(None))
        .order_by(table.c.id)
        .limit(_PAGE)
    )
    after = "00000000-0000-0000-0000-000000000000"
    while rows := await transaction.all(page, {"after": after}):
        for row in rows:
            if not _fits(definition, row["value"]):
                return str(row["id"])
        after = rows[-1]["id"]
    return None


def _records_with(definition: Record) -> Table:
    """Return the table of the records that may have the field."""
    return next(
        each.table for each in RESOURCES.values() if each.plural == definition["applies_to"]
    )


async def definitions(reader: Reader, applies_to: str) -> dict[str, Record]:
    """Return the live definitions for records of this kind, by key."""
    rows = await reader.all(_DEFINITIONS, {"applies_to": applies_to})
    return {row["key"]: row for row in rows}


async def merge_values(
    transaction: Transaction,
    applies_to: str,
    stored: Mapping[str, Any] | None,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the custom values of a record after a change: null takes one away, absent ones stay.

    Raises
    ------
    CustomFieldUnknown, CustomValueInvalid
        A key has no definition, or a value is not of its type; the problem names it.
    """
    sent = {key: value for key, value in given.items() if value is not None}
    known = await definitions(transaction, applies_to) if sent else {}
    return checked_values(known, applies_to, stored, given)


def checked_values(
    known: Mapping[str, Record],
    applies_to: str,
    stored: Mapping[str, Any] | None,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Do what `merge_values` does by definitions that were read before.

    Raises
    ------
    CustomFieldUnknown, CustomValueInvalid
        As there.
    """
    values = dict(stored or {})
    for key, value in given.items():
        if value is None:
            values.pop(key, None)
            continue
        if key not in known:
            names = ", ".join(sorted(known)[:20]) or "none"
            message = f"There is no custom field {key} of {applies_to}; there are: {names}."
            raise CustomFieldUnknown(
                message, errors=[FieldError(f"/body/custom/{key}", "unknown", message)]
            )
        values[key] = _read(known[key], value)
    return dict(sorted(values.items()))


def _fits(definition: Mapping[str, Any], value: Any) -> bool:
    try:
        _read(definition, value)
    except CustomValueInvalid:
        return False
    return True


def _read(definition: Mapping[str, Any], value: Any) -> Any:
    kind, key = definition["type"], definition["key"]
    if kind in ("choice", "choices"):
        options = [option["key"] for option in definition["options"]]
        chosen = value if kind == "choices" and isinstance(value, list) else [value]
        if any(item not in options for item in chosen) or (
            kind == "choices" and not isinstance(value, list)
        ):
            what = "a list of these" if kind == "choices" else "one of these"
            message = f"{what.capitalize()} is expected: {', '.join(options)}."
            raise CustomValueInvalid(
                message, errors=[FieldError(f"/body/custom/{key}", "not_an_option", message)]
            )
        return list(dict.fromkeys(chosen)) if kind == "choices" else value
    try:
        read = _READERS[kind].validate_python(value)
    except ValidationError as error:
        errors = field_errors("body/custom", error, name=key)
        raise CustomValueInvalid(f"{key}: {errors[0].message}", errors=errors) from None
    spell = _SPELLINGS.get(kind)
    return read if spell is None else spell(read)


def read_filter(definition: Mapping[str, Any], sent: list[str], *, pointer: str) -> list[Any]:
    """Read the values of a filter of a custom field from the query string.

    Raises
    ------
    CustomValueInvalid
        One is not of the field's type.
    """
    kind = definition["type"]
    read: list[Any] = []
    for text_value in sent:
        value: Any = text_value
        try:
            if kind == "integer":
                value = int(text_value)
            elif kind == "number":
                value = float(text_value)
            elif kind == "boolean":
                value = {"true": True, "false": False}[text_value]
            value = _read(definition, [value] if kind == "choices" else value)
        except (ValueError, KeyError, CustomValueInvalid) as fault:
            message = f"A value of the type {kind} is expected."
            if isinstance(fault, CustomValueInvalid):
                message = fault.errors[0].message
            raise CustomValueInvalid(
                message, errors=[FieldError(pointer, "custom_value_invalid", message)]
            ) from None
        if kind == "choices":
            value = value[0]
        read.append(str(value).lower() if kind == "boolean" else value)
    return read
