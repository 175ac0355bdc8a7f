"""What a merge sets in the survivor, and what taking it back leaves: pure values."""

from collections.abc import Mapping, Sequence
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


class MergeImpossible(Invalid):
    code, title = "merge_impossible", "These two contacts cannot be merged."


def merged_values(survivor: Record, duplicate: Record, take: Sequence[str]) -> Record:
    """Return the columns of the survivor that the merge sets."""
    taken: set[str] = set()
    for at, name in enumerate(take):
        if name not in _TAKEABLE:
            message = advice_among(_TAKEABLE, name, what="field to take")
            raise MergeImpossible(
                message, errors=[FieldError(f"/body/take/{at}", "unknown", message)]
            )
        taken |= set(CONTACT.money.get(name, (name,)))
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
    values["other_emails"] = _others(survivor, duplicate, values, "other_emails", "email")
    values["other_phones"] = _others(survivor, duplicate, values, "other_phones", "phone")
    _check_room(values)
    after = contacts.complete({**survivor, **values})
    return values | {name: after[name] for name in contacts.DERIVED}


def _check_room(values: Record) -> None:
    """Refuse to lose what one contact has no room for."""
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


def values_back(
    survivor: Record, set_columns: Mapping[str, Mapping[str, Any]]
) -> tuple[Record, list[str]]:
    """Return the survivor's columns without what the merge set, and the fields that changed since.

    Of a list, and of the custom fields, what the merge added goes and what came later stays; any other
    field that changed since stays as it is.
    """
    names = [name for name in set_columns if name not in ("consents", *_ALWAYS_DERIVED)]
    before = records.as_columns(CONTACT, {name: set_columns[name]["before"] for name in names})
    after = records.as_columns(CONTACT, {name: set_columns[name]["after"] for name in names})
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
    whole = contacts.complete({**survivor, **back})
    for name in contacts.DERIVED:
        if whole[name] != survivor[name]:
            back[name] = whole[name]
    return back, sorted({CONTACT.wire_name(name) for name in kept - set(contacts.DERIVED)})


def _custom_back(now: Record, before: Record, after: Record) -> Record:
    """Return the custom fields without the values that the merge brought, as far as they still are there."""
    set_by_merge = {key for key, value in after.items() if before.get(key) != value}
    gone = {key for key in set_by_merge if key in now and now[key] == after[key]}
    former = {key: before[key] for key in gone if key in before}
    return dict(sorted({**{k: v for k, v in now.items() if k not in gone}, **former}.items()))
