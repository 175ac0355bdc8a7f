"""Finds contacts that are likely the same as one that is there, or as one that is about to be."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, bindparam, func, literal, literal_column, select

from services.crm_api.contacts.table import contacts
from services.crm_api.duplicates.evidence import THRESHOLD, Match
from services.crm_api.duplicates.matching import (
    LARGEST_BLOCK,
    blocking_keys,
    compare,
    compare_all,
)
from services.crm_api.duplicates.table import contact_match_keys
from services.foundation.columns import Texts
from services.foundation.constructs import each_text
from services.foundation.database import Reader
from services.foundation.problems import Conflict
from services.foundation.statements import Record, Statement

MOST_CANDIDATES = 20
_COMPARED = (
    *("id", "kind", "name", "given_name", "family_name", "email", "other_emails", "phone"),
    *("phone_e164", "other_phones", "street", "zip", "city", "birth_date"),
)
_keys = contact_match_keys.c
_columns = [contacts.c[name] for name in _COMPARED]
_key = literal_column("each.value", String())
_holders = select(literal(1)).where(_keys.key == _key).limit(LARGEST_BLOCK + 1).subquery("holders")
# A key that too many share is not read beyond that: everybody may have the same name.
_telling = (
    select(_key)
    .select_from(each_text(bindparam("keys", type_=Texts)))
    .where(select(func.count()).select_from(_holders).scalar_subquery() <= LARGEST_BLOCK)
)
_SHARING = Statement(
    select(*_columns, _keys.key)
    .join(contact_match_keys, _keys.contact_id == contacts.c.id)
    .where(_keys.key.in_(_telling), contacts.c.deleted_at.is_(None))
)
_SHARED_KEYS = Statement(
    select(_keys.key)
    .join(contacts, contacts.c.id == _keys.contact_id)
    .where(_keys.key > bindparam("after"), contacts.c.deleted_at.is_(None))
    .group_by(_keys.key)
    .having(func.count() > 1, func.count() <= LARGEST_BLOCK)
    .order_by(_keys.key)
    .limit(bindparam("page_size"))
)


@dataclass(frozen=True)
class Candidate:
    """A contact that may be the same, and how likely it is."""

    id: str
    match: Match

    def document(self) -> dict[str, Any]:
        reasons = [{"code": each.code, "weight": each.weight} for each in self.match.reasons]
        return {"id": self.id, "score": self.match.score, "reasons": reasons}


class PossibleDuplicate(Conflict):
    code, title = "possible_duplicate", "This contact is there already, as far as one can tell."

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        best = candidates[0]
        why = ", ".join(reason.code for reason in best.match.reasons if reason.weight > 0)
        super().__init__(
            f"The contact {best.id} is all but surely the same ({why}). Change that one, or create "
            "this one with allow_duplicate.",
            extra={
                "existing_id": best.id,
                "candidates": [candidate.document() for candidate in candidates],
            },
        )


class RepeatedRow(Conflict):
    code, title = "possible_duplicate", "The row is all but surely the same as one further up."

    def __init__(self, row_number: int) -> None:
        super().__init__(f"The row is all but surely the same contact as row {row_number}.")


def is_certain(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two contacts are all but surely one."""
    match = compare(one, other)
    return match is not None and match.is_certain


async def find(
    reader: Reader, contact: Mapping[str, Any], *, threshold: float = THRESHOLD
) -> list[Candidate]:
    """Return the contacts that are likely the same, the likeliest first; itself is none of them."""
    (found,) = await find_many(reader, [contact], threshold=threshold)
    return found


async def find_many(
    reader: Reader, wanted: Sequence[Mapping[str, Any]], *, threshold: float = THRESHOLD
) -> list[list[Candidate]]:
    """Return for each contact those that are likely the same, in one query for all of them."""
    keys = [blocking_keys(contact) for contact in wanted]
    every = sorted({key for some in keys for key in some})
    if not every:
        return [[] for _ in wanted]
    rows = await reader.all(_SHARING, {"keys": every})
    by_key: dict[str, dict[str, Record]] = defaultdict(dict)
    for row in rows:
        by_key[row["key"]][row["id"]] = row
    return [
        _candidates(
            contact,
            {other_id: row for key in some for other_id, row in by_key.get(key, {}).items()},
            threshold,
        )
        for contact, some in zip(wanted, keys, strict=True)
    ]


def _candidates(
    contact: Mapping[str, Any], others: Mapping[str, Record], threshold: float
) -> list[Candidate]:
    own = contact.get("id")
    strangers = (other for other_id, other in others.items() if other_id != own)
    found = [
        Candidate(str(other["id"]), match)
        for other, match in compare_all(contact, strangers)
        if match.score >= threshold
    ]
    return sorted(found, key=lambda each: (-each.match.score, each.id))[:MOST_CANDIDATES]


async def refuse_duplicate(reader: Reader, contact: Mapping[str, Any]) -> None:
    """Do nothing if nobody who is there is all but surely the same.

    Raises
    ------
    PossibleDuplicate
        Somebody is; the problem has the candidates.
    """
    found = [each for each in await find(reader, contact) if each.match.is_certain]
    if found:
        raise PossibleDuplicate(found)


async def pairs_behind(
    reader: Reader, after: str, *, page_size: int
) -> tuple[list[tuple[str, str, Match]], str | None]:
    """Return the pairs that share the next keys behind `after`, and the last of these keys if more follow.

    A pair that shares several keys comes with the first of them only.
    """
    rows = await reader.all(_SHARED_KEYS, {"after": after, "page_size": page_size})
    keys = [row["key"] for row in rows]
    if not keys:
        return [], None
    sharing = await reader.all(_SHARING, {"keys": keys})
    blocks: dict[str, list[Record]] = defaultdict(list)
    for row in sharing:
        blocks[row["key"]].append(row)
    found: list[tuple[str, str, Match]] = []
    for key in keys:
        members = sorted(blocks[key], key=lambda row: str(row["id"]))
        found += _pairs(key, members)
    return found, keys[-1] if len(keys) == page_size else None


def _pairs(key: str, members: Sequence[Record]) -> Iterable[tuple[str, str, Match]]:
    keys_of = [set(blocking_keys(member)) for member in members]
    for at, one in enumerate(members):
        for place in range(at + 1, len(members)):
            if min(keys_of[at] & keys_of[place], default=key) != key:
                continue
            match = compare(one, members[place])
            if match is not None and match.score >= THRESHOLD:
                yield one["id"], members[place]["id"], match
