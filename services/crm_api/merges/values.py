"""What a merge sets in the survivor, and what taking it back leaves: pure values."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from services.crm_api import records
from services.crm_api.contacts import operations as contacts
from services.crm_api.contacts.schemas import ContactFields
from services.crm_api.contacts.table import CONTACT
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record
from services.foundation.unknown_names import advice_among

_UNITED = ("flags", "tags", "roles", "protections", "other_addresses", "external_refs")
_KEPT = {
    *("id", "kind", "version", "created_at", "updated_at", "deleted_at", "merged_into_id"),
    *("erased_at", "consents", "display_name", "phone_e164", "search_text", "match_keys"),
    *("other_emails", "other_phones", "custom", "credit_hold", "individual_price", *_UNITED),
    *("status", "terminated_at", "terminated_by"),
}
_TAKEN = {"status", "credit_hold", "individual_price"}
"""Fields that always have a value, so that they are only taken, never filled in."""
_ALWAYS_DERIVED = tuple(name for name in contacts.DERIVED if name != "other_phones")
_TAKEABLE = sorted(CONTACT.wire_names - _KEPT - {"is_redacted"} | _TAKEN)
_ADDRESSES = {"other_emails": "email", "other_phones": "phone"}
Columns = Mapping[str, Mapping[str, Any]]
"""Of each column that a merge set: `before` and `after`."""


class MergeImpossible(Invalid):
    code, title = "merge_impossible", "These two contacts cannot be merged."


def columns_to_take(take: Sequence[str]) -> set[str]:
    """Return the columns of the fields that the duplicate is to give.

    Raises
    ------
    MergeImpossible
        One of them is none that can be taken.
    """
    taken: set[str] = set()
    for at, name in enumerate(take):
        if name not in _TAKEABLE:
            message = advice_among(_TAKEABLE, name, what="field to take")
            raise MergeImpossible(
                message, errors=[FieldError(f"/body/take/{at}", "unknown", message)]
            )
        taken |= set(CONTACT.money.get(name, (name,)))
    return taken


def merged_values(survivor: Record, duplicate: Record, taken: Set[str]) -> Record:
    """Return the columns of the survivor that a merge sets which takes these columns."""
    values: Record = {}
    own_id, other_id = survivor["id"], duplicate["id"]
    for name in survivor.keys() - _KEPT | _TAKEN:
        is_lacking = name not in _TAKEN and survivor[name] in (None, "")
        if (name in taken or is_lacking) and duplicate[name] not in (None, ""):
            values[name] = duplicate[name]
    if values.get("parent_id", survivor["parent_id"]) in (own_id, other_id):
        values["parent_id"] = None
    if values.get("referred_by_id", survivor["referred_by_id"]) in (own_id, other_id):
        values["referred_by_id"] = None
    ended = duplicate if "status" in taken else survivor  # an end goes with the status
    values |= {name: ended[name] for name in ("terminated_at", "terminated_by")}
    for name in _UNITED:
        more = [item for item in duplicate[name] if item not in survivor[name]]
        values[name] = [*survivor[name], *more]
    values["custom"] = dict(sorted({**duplicate["custom"], **survivor["custom"]}.items()))
    for name, one in _ADDRESSES.items():
        values[name] = _others(survivor, duplicate, values, name, one)
    return values | _derived({**survivor, **values})


def set_columns(survivor: Record, values: Record, taken: Set[str]) -> dict[str, dict[str, Any]]:
    """Return what a merge keeps of the columns that it set, for the way back.

    Money is kept as a whole, and what was taken even if it was the same.
    """
    fields = {CONTACT.wire_name(name) for name, value in values.items() if value != survivor[name]}
    names = [name for name in values if CONTACT.wire_name(name) in fields or name in taken]
    before = records.portable({name: survivor[name] for name in names})
    after = records.portable({name: values[name] for name in names})
    return {name: {"before": before[name], "after": after[name]} for name in names}


def check_room(values: Record) -> None:
    """Refuse to lose what one contact has no room for.

    Raises
    ------
    MergeImpossible
        There is more than one contact has room for.
    """
    for name in (*_UNITED, "other_emails", "other_phones", "custom"):
        limits = ContactFields.model_fields[name].metadata
        most = next(limit.max_length for limit in limits if hasattr(limit, "max_length"))
        if len(values[name]) > most:
            message = (
                f"Together they have {len(values[name])} {name}, and a contact has at most {most}."
            )
            raise MergeImpossible(
                message, errors=[FieldError("/body/duplicate_id", "too_long", message)]
            )


def _others(
    survivor: Record, duplicate: Record, values: Record, many: str, one: str
) -> list[dict[str, Any]]:
    """Unite the further addresses; a main one that gives way becomes a further one."""
    main = values.get(one, survivor[one])
    others = [*survivor[many], *duplicate[many]]
    for former in (survivor[one], duplicate[one]):
        if former and former != main:
            entry = {"label": None, one: former}
            others.append(entry | ({"e164": None} if one == "phone" else {}))
    united: list[dict[str, Any]] = []
    for entry in others:
        if entry[one] != main and all(entry[one] != have[one] for have in united):
            united.append(entry)
    return united


@dataclass(frozen=True)
class Merge:
    """A merge that stands: what it set in the survivor, and the columns of the duplicate."""

    columns: Columns
    duplicate: Record


def values_without(
    survivor: Record, columns: Columns, later: Sequence[Merge]
) -> tuple[Record, list[str], list[Columns]]:
    """Return the survivor's columns without a merge, the fields that changed since, and what each of the
    later merges sets now.

    The later ones are taken back first and made again afterwards, so that each brings what the earlier
    one had brought before it. Nothing comes back that was taken out by hand.
    """
    row, stay = dict(survivor), list[Set[str]]()
    for merge in reversed(later):
        back, kept = _values_back(row, merge.columns)
        row |= back
        stay.insert(0, kept)
    back, kept = _values_back(row, columns)
    row |= back
    free = columns.keys() - kept.union(*stay)
    set_now: list[Columns] = []
    for merge, own in zip(later, stay, strict=True):
        taken = _taken(merge)
        merged = merged_values(row, merge.duplicate, taken)
        may = free | (merge.columns.keys() - own)
        values = {
            name: _still_there(survivor, row, name, value)
            for name, value in merged.items()
            if name in may
        }
        values |= _derived({**row, **values})
        told = set_columns(row, values, taken & may)
        set_now.append({name: merge.columns[name] for name in own} | told)
        row |= values
    wanted = {name: value for name, value in row.items() if value != survivor[name]}
    return wanted, sorted({CONTACT.wire_name(name) for name in kept}), set_now


def _taken(merge: Merge) -> set[str]:
    """Return the columns that a merge took from the duplicate over what the survivor had."""
    after = records.as_columns(CONTACT, {n: each["after"] for n, each in merge.columns.items()})
    return {
        name
        for name, value in after.items()
        if (name in _TAKEN or name not in _KEPT)
        and value == merge.duplicate[name]
        and (name in _TAKEN or merge.columns[name]["before"] not in (None, ""))
    }


def _still_there(survivor: Record, before: Record, name: str, value: Any) -> Any:
    """Leave out what a merge would add again, and what the survivor does not have any more."""
    if name == "custom":
        known = survivor[name].keys() | before[name].keys()
        return {key: each for key, each in value.items() if key in known}
    if not isinstance(value, list):
        return value
    if name in _ADDRESSES:
        one = _ADDRESSES[name]
        held = {survivor[one], *(each[one] for each in (*survivor[name], *before[name]))}
        return [item for item in value if item[one] in held]
    return [item for item in value if item in survivor[name] or item in before[name]]


def _values_back(survivor: Record, columns: Columns) -> tuple[Record, set[str]]:
    """Return the survivor's columns without what a merge set, and the columns that changed since.

    Of a list, and of the custom fields, what the merge added goes and what came later stays; any other
    field that changed since stays as it is.
    """
    names = [name for name in columns if name not in ("consents", *_ALWAYS_DERIVED)]
    before = records.as_columns(CONTACT, {name: columns[name]["before"] for name in names})
    after = records.as_columns(CONTACT, {name: columns[name]["after"] for name in names})
    changed = {CONTACT.wire_name(name) for name in names if before[name] != after[name]}
    names = [name for name in names if CONTACT.wire_name(name) in changed]
    touched = {CONTACT.wire_name(name) for name in names if survivor[name] != after[name]}
    back: Record = {}
    kept: set[str] = set()
    for name in names:
        now = survivor[name]
        if CONTACT.wire_name(name) not in touched:
            back[name] = before[name]
        elif name == "custom":
            back[name] = _custom_back(now, before[name], after[name])
        elif isinstance(now, list):
            added = [item for item in after[name] if item not in before[name]]
            back[name] = [item for item in now if item not in added]
        else:
            kept.add(name)
    return back | _derived({**survivor, **back}), kept


def _derived(row: Record) -> Record:
    whole = contacts.complete(row)
    return {name: whole[name] for name in contacts.DERIVED}


def _custom_back(now: Record, before: Record, after: Record) -> Record:
    """Return the custom fields without the values that the merge brought, as far as they still are there."""
    set_by_merge = {key for key, value in after.items() if before.get(key) != value}
    gone = {key for key in set_by_merge if key in now and now[key] == after[key]}
    former = {key: before[key] for key in gone if key in before}
    return dict(sorted({**{k: v for k, v in now.items() if k not in gone}, **former}.items()))
