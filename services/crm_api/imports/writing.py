"""Writes the rows of a chunk in its transaction: what is new, what differs, what is rejected."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args

from sqlalchemy import insert, select

from services.crm_api import features, many, records
from services.crm_api.contacts import finding
from services.crm_api.contacts import operations as contacts
from services.crm_api.contacts.schemas import Kind, NewContact
from services.crm_api.contacts.table import CONTACT
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.duplicates import operations as duplicates
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.feature import Feature
from services.crm_api.features import FEATURES
from services.crm_api.imports.placing import ChunkRules, Contacts, LookAgain, named
from services.crm_api.imports.rows import Pair, Prepared, Refused
from services.crm_api.imports.table import rejected_rows
from services.crm_api.interactions import kinds
from services.crm_api.interactions import operations as interactions
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.privacy import suppression
from services.crm_api.products import operations as products
from services.crm_api.schemas import row_values, sent_fields
from services.foundation.calls import Stamp
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.problems import NotFound, Problem
from services.foundation.statements import Record, Statement

_REJECT = Statement(insert(rejected_rows))


@dataclass
class Outcome:
    """What became of the rows of a chunk."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    created_contacts: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    created_rows: list[Prepared] = field(default_factory=list)


@lru_cache(maxsize=8)
def _read_many(plural: str) -> Statement:
    table = FEATURES[plural].resource.table
    return Statement(select(table).where(is_among(table.c.id)))


async def write_rows(
    transaction: Transaction, items: Sequence[Prepared | Refused], rules: ChunkRules, stamp: Stamp
) -> Outcome:
    """Create and change the records of a chunk's rows; a row that breaks a rule is only told.

    Raises
    ------
    LookAgain, UniqueViolation
        A concurrent writer was faster; the whole transaction is to be repeated.
    """
    outcome = Outcome(refused=[item for item in items if isinstance(item, Refused)])
    prepared = [item for item in items if isinstance(item, Prepared)]
    resource = rules.feature.resource
    await products.use_keys(
        transaction, [each for item in prepared for each in (item.row, item.given)]
    )
    found = await external_refs.find(transaction, resource.name, [item.ref for item in prepared])
    ours = await _own(transaction, rules.feature, prepared)
    found |= {item.ref: ours[item.own_id or ""] for item in prepared if item.own_id in ours}
    placed = await Contacts.of(transaction, prepared, rules)
    for group in _in_turn(prepared, placed):
        known = [item for item in group if item.ref in found]
        new = [item for item in group if item.ref not in found]
        await _change(transaction, known, found, placed, rules, stamp, outcome)
        created = await _create(transaction, new, placed, rules, stamp, outcome)
        found.update(created)
        if resource is CONTACT:
            placed.by_ref.update(created)
    outcome.refused.sort(key=lambda refused: refused.ordinal)
    return outcome


async def _own(
    transaction: Transaction, feature: Feature, items: Sequence[Prepared]
) -> Mapping[str, str]:
    """Return the live records that rows name by our own ids."""
    ids = list(dict.fromkeys(item.own_id for item in items if item.own_id))
    if feature.resource is CONTACT:
        return await finding.answering(transaction, ids)
    rows = await transaction.all(_read_many(feature.resource.plural), {"ids": ids}) if ids else []
    return {row["id"]: row["id"] for row in rows if row["deleted_at"] is None}


async def reject(transaction: Transaction, import_id: str, refused: Iterable[Refused]) -> None:
    """Keep the rejected rows of a chunk."""
    kept = [
        {
            "import_id": import_id,
            "record_number": row.ordinal,
            "row_number": row.row_number,
            "column_name": row.column and row.column[:200],
            "code": row.code[:64],
            "message_en": row.message_en,
            "message_de": row.message_de,
            "cells": row.cells,
        }
        for row in refused
    ]
    if kept:
        await transaction.run_many(_REJECT, kept)


def _in_turn(items: Sequence[Prepared], placed: Contacts) -> Iterator[list[Prepared]]:
    """Cut a chunk where a reference comes again: its second row changes what the first created.

    It is cut too where a person follows its organisation, and where an interaction follows one of the
    same customer that its rules look at.
    """
    group: list[Prepared] = []
    seen: set[Any] = set()
    for item in items:
        own: tuple[Any, ...] = item.ref
        heeded: tuple[Any, ...] = item.ref
        kind = item.given.get("kind")
        if kind in kinds.HEEDED:
            unit = placed.unit(item)
            product = item.given.get("product_id") if kind == "offer" else None
            own, heeded = (kind, unit, product), (kinds.HEEDED[kind], unit, product)
        if not seen.isdisjoint((item.ref, item.parent_ref, heeded)):
            yield group
            group, seen = [], set()
        group.append(item)
        seen.update((item.ref, own))
    yield group


async def _create(
    transaction: Transaction,
    items: Sequence[Prepared],
    placed: Contacts,
    rules: ChunkRules,
    stamp: Stamp,
    outcome: Outcome,
) -> dict[Pair, str]:
    if rules.feature.resource is CONTACT:
        items = await _not_erased(transaction, items, placed, outcome)
    good: list[Prepared] = []
    for item in items:
        if item.fault is not None:
            outcome.refused.append(placed.refused(item, item.fault))
            continue
        try:
            if rules.feature.resource is not CONTACT:
                item.row["contact_id"] = placed.place(item)
            elif item.parent_ref is not None:
                item.row["parent_id"] = placed.parent(item)
            if item.row["custom"]:
                item.row["custom"] = custom_fields.checked_values(
                    placed.custom, rules.feature.resource.plural, None, item.row["custom"]
                )
            await _check(transaction, rules, item.row, stamp)
        except Problem as problem:
            outcome.refused.append(placed.refused(item, problem))
            continue
        good.append(item)
    if rules.feature.resource is CONTACT and not rules.converter.settings.allow_duplicates:
        good = await _distinct(transaction, good, placed, outcome)
    if not good:
        return {}
    await _create_contacts(transaction, good, placed, stamp, outcome)
    ids = await many.create_many(
        transaction, rules.feature.resource, [item.row for item in good], stamp=stamp
    )
    outcome.created += len(good)
    outcome.created_rows += good
    return {item.ref: record_id for item, record_id in zip(good, ids, strict=True)}


async def _check(transaction: Transaction, rules: ChunkRules, row: Record, stamp: Stamp) -> None:
    """Apply the rules that `RowConverter` could not: those that may need the database."""
    if rules.feature.resource is INTERACTION:
        row["id"] = records.new_id()
        await interactions.check_new(transaction, row, stamp=stamp)
    elif rules.feature.resource is CONTACT:
        await contacts.check_row(transaction, row, row["kind"], now=stamp.now)


async def _not_erased(
    transaction: Transaction, items: Sequence[Prepared], placed: Contacts, outcome: Outcome
) -> list[Prepared]:
    """Leave out people who were erased: an import does not bring them back."""
    rows = [item.row or item.given | named(item.ref) for item in items]
    found = await suppression.suppressed(transaction, rows)
    kept = []
    for item, is_suppressed in zip(items, found, strict=True):
        if is_suppressed:
            problem = suppression.Suppressed("This person was erased; the import leaves it out.")
            outcome.refused.append(placed.refused(item, problem))
        else:
            kept.append(item)
    return kept


async def _distinct(
    transaction: Transaction, items: Sequence[Prepared], placed: Contacts, outcome: Outcome
) -> list[Prepared]:
    """Leave out rows that are all but surely somebody who is there, or who stands further up."""
    stored = await duplicates.find_certain(transaction, [item.row for item in items])
    newcomers = duplicates.Newcomers()
    distinct = []
    for item, certain in zip(items, stored, strict=True):
        problem: Problem | None = None
        if certain:
            problem = duplicates.PossibleDuplicate(certain)
        elif (twin := newcomers.twin(item.row, item.row_number)) is not None:
            problem = duplicates.RepeatedRow(twin)
        if problem is None:
            distinct.append(item)
        else:
            outcome.refused.append(placed.refused(item, problem))
    return distinct


async def _create_contacts(
    transaction: Transaction,
    items: Sequence[Prepared],
    placed: Contacts,
    stamp: Stamp,
    outcome: Outcome,
) -> None:
    """Create a contact for every reference that none has, and point persons to their organisations."""
    missing = [ref for item in items if (ref := placed.missing(item)) is not None]
    await _create_missing(transaction, missing, placed, stamp, outcome)
    for item in items:
        if item.parent_ref is not None:
            item.row["parent_id"] = placed.by_ref[item.parent_ref]


async def _create_missing(
    transaction: Transaction,
    refs: Iterable[Pair],
    placed: Contacts,
    stamp: Stamp,
    outcome: Outcome,
) -> None:
    """Create a person that a deal or an interaction names, or an organisation that a person names."""
    wanted = [ref for ref in dict.fromkeys(refs) if ref not in placed.by_ref]
    if wanted:
        bodies = [_contact(placed.kind, ref) | {"id": placed.new_ids.get(ref)} for ref in wanted]
        ids = await many.create_many(transaction, CONTACT, bodies, stamp=stamp)
        placed.by_ref.update(zip(wanted, ids, strict=True))
        outcome.created_contacts += [external_id for _, external_id in wanted]


_BODIES = {kind: NewContact(kind=kind).model_dump() for kind in get_args(Kind)}


def _contact(kind: str, ref: Pair) -> Record:
    return contacts.new_row(_BODIES[kind] | named(ref))


async def _change(
    transaction: Transaction,
    items: Sequence[Prepared],
    found: dict[Pair, str],
    placed: Contacts,
    rules: ChunkRules,
    stamp: Stamp,
    outcome: Outcome,
) -> None:
    if not items:
        return
    feature = rules.feature
    ids = [found[item.ref] for item in items]
    rows = await transaction.all(_read_many(feature.resource.plural), {"ids": ids})
    stored = {row["id"]: row for row in rows}
    for item in items:
        current = stored.get(found[item.ref])
        if current is None:
            raise LookAgain
        try:
            placed.check_fixed(item, current)
            parent_id: str | None = None
            if item.parent_ref is not None:
                if placed.parent(item) is None:
                    await _create_missing(transaction, [item.parent_ref], placed, stamp, outcome)
                item.given["parent_id"] = parent_id = placed.by_ref[item.parent_ref]
            if _is_same(feature, item, current):
                outcome.unchanged += 1
                continue
            sent = sent_fields(rules.converter.wire_body(item.cells, parent_id))
            written = await features.set_fields(
                transaction,
                feature,
                current["id"],
                _but_as_shown(item, sent, current),
                version=None,
                stamp=stamp,
                personal=False,
            )
        except (NotFound, records.MergedAway):
            raise LookAgain from None
        except Problem as problem:
            outcome.refused.append(placed.refused(item, problem))
            continue
        if written.action == "unchanged":
            outcome.unchanged += 1
        else:
            outcome.updated += 1


def _but_as_shown(item: Prepared, sent: Mapping[str, Any], stored: Record) -> dict[str, Any]:
    """Leave out what an export of ours shows of its record: a sheet knows no fractions of a second."""
    if item.own_id is None:
        return dict(sent)
    return {
        name: value
        for name, value in sent.items()
        if not isinstance(value, datetime)
        or not isinstance(stored.get(name), datetime)
        or value != stored[name].replace(microsecond=0)
    }


def changeable(feature: Feature, given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a record keeps from its creation: its contact, its kind."""
    return {name: value for name, value in given.items() if name in feature.patch.model_fields}


def _is_same(feature: Feature, item: Prepared, stored: Record) -> bool:
    """Say whether every sent field that may change equals the stored one; a no proves nothing."""
    sent = changeable(feature, _but_as_shown(item, item.given, stored))
    sent.pop("parent_ref", None)  # by now it is in parent_id
    money = feature.resource.money
    for name, value in sent.items():
        if name in money and value is not None and value["currency"] != stored[money[name][1]]:
            return False
    return all(stored[name] == value for name, value in row_values(sent, money).items())
