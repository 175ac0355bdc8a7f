"""Finds contacts that are likely the same as one that is there, or as one that is about to be."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, literal_column, select

from services.crm_api.contacts.table import contacts
from services.crm_api.dismissals.operations import dismissed_among, dismissed_with
from services.crm_api.duplicates.matching import (
    IDENTIFYING_KEYS,
    LARGEST_BLOCK,
    LARGEST_WEAK_BLOCK,
    REACHING_KEYS,
    THRESHOLD,
    Compared,
    Match,
    blocking_keys,
    compare,
    compare_read,
    may_be_certain,
    read,
)
from services.crm_api.duplicates.table import contact_match_keys
from services.foundation.columns import Document, Texts
from services.foundation.constructs import any_of, each_text, is_among, joined
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Record, Statement

MOST_CANDIDATES = 20
_COMPARED = (
    *("id", "kind", "name", "given_name", "family_name", "email", "other_emails", "phone"),
    *("phone_e164", "other_phones", "street", "zip", "city", "birth_date"),
)
_keys = contact_match_keys.c
_columns = [contacts.c[name] for name in _COMPARED]
_BY_ID = Statement(
    select(*_columns).where(is_among(contacts.c.id), contacts.c.deleted_at.is_(None))
)
_IN_STREETS = Statement(
    select(*_columns).where(
        is_among(contacts.c.id),
        any_of(contacts.c.street, bindparam("streets", type_=Texts)),
        contacts.c.deleted_at.is_(None),
    )
)
_wanted = each_text(bindparam("keys", type_=Document)).table_valued("value", name="wanted")
_holders: Select[Any] = (
    select(literal_column("1")).where(_keys.key == _wanted.c.value).correlate(_wanted)
)
# A key that too many share is not read beyond that: everybody may have the same name.
_telling = select(_wanted.c.value).where(
    ~_holders.limit(1).offset(literal_column(str(LARGEST_BLOCK))).exists()
)
_SHARING = Statement(
    select(*_columns, contacts.c.display_name, _keys.key)
    .join(contact_match_keys, _keys.contact_id == contacts.c.id)
    .where(_keys.key.in_(_telling), contacts.c.deleted_at.is_(None))
)
_ids = select(joined(_keys.contact_id)).where(_keys.key == _wanted.c.value)
# Key by key, because a planner that does not know the table yet would read all of it; keys that some
# contact has, and not more than can be compared: none is counted further than that.
_HELD = Statement(
    select(_wanted.c.value, _ids.correlate(_wanted).scalar_subquery()).where(
        _holders.exists(), ~_holders.limit(1).offset(bindparam("largest", type_=Integer)).exists()
    )
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
_IDS_AT_ONCE = 1000
_EARLIER = 50


@dataclass(frozen=True)
class Candidate:
    """A contact that may be the same, and how likely it is."""

    id: str
    match: Match

    def document(self, *, personal: bool) -> dict[str, Any]:
        """Return what is told of it; why it is the same says what its personal fields are."""
        if personal:
            return {"id": self.id, **_told(self.match)}
        return {"id": self.id, "score": self.match.score}


def _told(match: Match) -> dict[str, Any]:
    reasons = [{"code": each.code, "weight": each.weight} for each in match.reasons]
    return {"score": match.score, "reasons": reasons}


class PossibleDuplicate(Conflict):
    code, title = "possible_duplicate", "This contact is there already, as far as one can tell."

    def __init__(self, candidates: Sequence[Candidate], *, personal: bool = False) -> None:
        best = candidates[0]
        reasons = ", ".join(reason.code for reason in best.match.reasons if reason.weight > 0)
        why = f" ({reasons})" if personal else ""
        super().__init__(
            f"The contact {best.id} is all but surely the same{why}. Change that one, or create "
            "this one with allow_duplicate.",
            extra={
                "existing_id": best.id,
                "candidates": [candidate.document(personal=personal) for candidate in candidates],
            },
        )


class RepeatedRow(Conflict):
    code, title = "possible_duplicate", "The row is all but surely the same as one further up."

    def __init__(self, row_number: int) -> None:
        super().__init__(f"The row is all but surely the same contact as row {row_number}.")


async def find(reader: Reader, contact: Mapping[str, Any]) -> list[Candidate]:
    """Return the contacts that are likely the same, the likeliest first.

    Itself is none of them, nor are those that are known to be others.
    """
    keys = blocking_keys(contact)
    if not keys:
        return []
    others = {row["id"]: row for row in await reader.all(_SHARING, {"keys": keys})}
    if contact.get("id"):
        for known in {contact["id"], *await dismissed_with(reader, contact["id"])}:
            others.pop(known, None)
    who = read(contact)
    found = [_candidate(who, row["id"], read(row)) for row in others.values()]
    return _likeliest(each for each in found if each and each.match.score >= THRESHOLD)


def _candidate(who: Compared, other_id: str, other: Compared) -> Candidate | None:
    match = compare_read(who, other)
    return None if match is None else Candidate(other_id, match)


def _likeliest(found: Iterable[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda each: (-each.match.score, each.id))[:MOST_CANDIDATES]


async def find_certain(
    reader: Reader, wanted: Sequence[Mapping[str, Any]]
) -> list[list[Candidate]]:
    """Return for each new contact the stored ones that are all but surely the same.

    What identifies two contacts makes them share an identifying key; the other keys only matter for
    the same street beside another postal code, and so few rows are read for them however large the
    base is.
    """
    keys_of = [_keys_of(contact) for contact in wanted]
    strong = {key for keys in keys_of for key in keys if key.startswith(IDENTIFYING_KEYS)}
    streets = sorted({row["street"] for row in wanted if row.get("street")})
    weak = {key for keys in keys_of for key in keys} - strong if streets else set()
    found: dict[str, list[str]] = {}
    read_of: dict[str, Compared] = {}
    for keys, largest, statement in (
        (strong, LARGEST_BLOCK, _BY_ID),
        (weak, LARGEST_WEAK_BLOCK, _IN_STREETS),
    ):
        if not keys:
            continue
        held = await reader.texts(_HELD, {"keys": sorted(keys), "largest": largest})
        found |= {key: ids.split(",") for key, ids in held}
        ids = sorted({each for _, ids in held for each in ids.split(",")} - read_of.keys())
        for at in range(0, len(ids), _IDS_AT_ONCE):
            some = {"ids": ids[at : at + _IDS_AT_ONCE], "streets": streets}
            for row in await reader.all(statement, some):
                read_of[row["id"]] = read(row)
    return [
        _certain(contact, {each for key in keys for each in found.get(key, ())}, read_of)
        for contact, keys in zip(wanted, keys_of, strict=True)
    ]


def _keys_of(contact: Mapping[str, Any]) -> list[str]:
    keys: list[str] | None = contact.get("match_keys")
    return blocking_keys(contact) if keys is None else keys


def _certain(
    contact: Mapping[str, Any], ids: AbstractSet[str], read_of: Mapping[str, Compared]
) -> list[Candidate]:
    others = ids & read_of.keys()
    if not others:
        return []
    who = read(contact)
    found = [
        _candidate(who, other_id, read_of[other_id])
        for other_id in others
        if may_be_certain(who, read_of[other_id])
    ]
    return _likeliest(each for each in found if each and each.match.is_certain)


async def wait_for_twins(transaction: Transaction, wanted: Iterable[Mapping[str, Any]]) -> None:
    """Wait for whoever creates a contact with an address or a number of these at this moment."""
    keys = {key for contact in wanted for key in _keys_of(contact)}
    await transaction.alone(key for key in keys if key.startswith(REACHING_KEYS))


async def refuse_duplicate(
    transaction: Transaction, contact: Mapping[str, Any], *, personal: bool
) -> None:
    """Do nothing if nobody who is there, or who comes at this moment, is all but surely the same.

    Only who may see what is `personal` is told why.

    Raises
    ------
    PossibleDuplicate
        Somebody is; the problem has the candidates.
    """
    await wait_for_twins(transaction, [contact])
    (found,) = await find_certain(transaction, [contact])
    if found:
        raise PossibleDuplicate(found, personal=personal)


class Newcomers:
    """The contacts that are about to be created together, none of which is in the database yet."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)

    def twin(self, contact: Mapping[str, Any], row_number: int) -> int | None:
        """Return the row of an earlier one that is all but surely the same; if there is none, add it."""
        keys = _keys_of(contact)
        earlier = {number: other for key in keys for number, other in self._by_key[key][:_EARLIER]}
        who = read(contact) if earlier else None
        for number, other in earlier.items():
            if who is not None and _is_certain(who, read(other)):
                return number
        for key in keys:
            self._by_key[key].append((row_number, contact))
        return None


def _is_certain(one: Compared, other: Compared) -> bool:
    match = compare_read(one, other) if may_be_certain(one, other) else None
    return match is not None and match.is_certain


@dataclass(frozen=True)
class Pair:
    """Two contacts that are likely one."""

    first: Record
    second: Record
    match: Match

    @property
    def ids(self) -> tuple[str, str]:
        return self.first["id"], self.second["id"]

    def document(self) -> dict[str, Any]:
        return {
            "first_id": self.first["id"],
            "first_display_name": self.first["display_name"],
            "second_id": self.second["id"],
            "second_display_name": self.second["display_name"],
            **_told(self.match),
        }


async def pairs_behind(
    reader: Reader, after: str, *, page_size: int
) -> tuple[list[Pair], str | None]:
    """Return the pairs that share the next keys behind `after`, and the last of these keys if more follow.

    A pair that shares several keys comes with the first of them only, a dismissed one not at all.
    """
    rows = await reader.all(_SHARED_KEYS, {"after": after, "page_size": page_size})
    keys = [row["key"] for row in rows]
    if not keys:
        return [], None
    sharing = await reader.all(_SHARING, {"keys": keys})
    blocks: dict[str, list[Record]] = defaultdict(list)
    for row in sharing:
        blocks[row["key"]].append(row)
    found: list[Pair] = []
    for key in keys:
        members = sorted(blocks[key], key=lambda row: str(row["id"]))
        found += _pairs(key, members)
    dismissed = await dismissed_among(reader, {pair.ids for pair in found})
    left = [pair for pair in found if pair.ids not in dismissed]
    return left, keys[-1] if len(keys) == page_size else None


def _pairs(key: str, members: Sequence[Record]) -> Iterable[Pair]:
    keys_of = [set(blocking_keys(member)) for member in members]
    for at, one in enumerate(members):
        for place in range(at + 1, len(members)):
            if min(keys_of[at] & keys_of[place], default=key) != key:
                continue
            match = compare(one, members[place])
            if match is not None and match.score >= THRESHOLD:
                yield Pair(one, members[place], match)
