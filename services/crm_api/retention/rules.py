"""The rules of retention: what is due when, and how it goes. A new rule is one more entry of `rules`."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from services.crm_api import features, many
from services.crm_api.audit.table import audit_events
from services.crm_api.changes.table import changes
from services.crm_api.consents.table import consent_events
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.deals.table import DEAL, deals
from services.crm_api.imports.operations import RUNNING
from services.crm_api.imports.table import imports
from services.crm_api.interactions.table import INTERACTION, interactions
from services.crm_api.privacy import erasing
from services.crm_api.privacy.traces import forget_samples
from services.crm_api.resources import RESOURCES, Resource, metadata
from services.crm_api.segments.table import SEGMENT, segment_members
from services.crm_api.settings import Settings
from services.crm_api.webhooks.deliveries import KEPT
from services.crm_api.webhooks.table import deliveries, webhooks
from services.foundation.calls import Stamp
from services.foundation.columns import Instant
from services.foundation.constructs import is_among, one_of
from services.foundation.database import Transaction
from services.foundation.statements import Statement
from services.foundation.tables import idempotency_records

PART = 500
"""So much goes in one transaction, so that other writes pass between."""

BEFORE: ColumnElement[Any] = bindparam("before", type_=Instant)


@dataclass(frozen=True)
class Turn:
    """When a part is removed: what is older than `before` is due, and changes bear the stamp."""

    before: datetime
    stamp: Stamp


class Remove(Protocol):
    """Removes a part of what is due: these ids, or as many that are due."""

    def __call__(
        self, transaction: Transaction, ids: list[str], turn: Turn, /
    ) -> Awaitable[None]: ...


@dataclass(frozen=True)
class Rule:
    """What is due, as the ids of a query that takes `before`, and what is done with a part of it.

    `days` is how long it is kept, None for ever. What is only proposed (`remove` is None) is told of
    and stays. After `remove` an id is not due any more.
    """

    name: str
    about: str
    days: int | None
    due: Select[Any]
    remove: Remove | None
    has_files: bool = False

    @cached_property
    def statements(self) -> tuple[Statement, Statement]:
        """The statement that counts what is due, and the one that takes a part of it."""
        counted = self.due.subquery("due")
        part = self.due.limit(bindparam("part"))
        return Statement(select(func.count().label("count")).select_from(counted)), Statement(part)


def _references(to: Table) -> list[tuple[Table, Any]]:
    """Return all columns that point to a table."""
    return [
        (table, column)
        for table in metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table is to
    ]


def _is_free(table: Table, kept: Sequence[tuple[Table, Any]]) -> list[ColumnElement[bool]]:
    """Build the conditions that nothing points to a row."""
    conditions = []
    for other, column in kept:
        inner = other.alias(f"of_{other.name}_{column.name}")
        points = select(inner.c[column.name]).where(inner.c[column.name] == table.c.id)
        conditions.append(~points.exists())
    return conditions


def _of_trash(resource: Resource, days: int) -> Rule:
    """What was thrown away: gone for good, unless something that is kept cannot do without it."""
    table = resource.table
    links = [
        (other, column, owner)
        for other, column in _references(table)
        for owner in RESOURCES.values()
        if owner.table is other and column.nullable
    ]
    loose = {(other, column.name) for other, column, _ in links}
    tight = [
        (other, column)
        for other, column in _references(table)
        if (other, column.name) not in loose and other is not segment_members
    ]
    held = [
        (
            owner,
            column.name,
            Statement(select(other.c.id).where(is_among(other.c[column.name]))),
        )
        for other, column, owner in links
    ]

    async def remove(transaction: Transaction, ids: list[str], turn: Turn, /) -> None:
        for owner, name, statement in held:
            pointing = [row["id"] for row in await transaction.all(statement, {"ids": ids})]
            await many.change_many(transaction, owner, pointing, {name: None}, stamp=turn.stamp)
        if resource is SEGMENT:
            await transaction.run(_MEMBERS_OF, {"ids": ids})
        await many.remove_many(transaction, resource, ids, stamp=turn.stamp)

    due = (
        select(table.c.id.label("id"))
        .where(table.c.deleted_at < BEFORE, *_is_free(table, tight))
        .order_by(table.c.id)
    )
    about = f"{resource.plural.replace('-', ' ').capitalize()} in the trash."
    return Rule(f"trash_{resource.plural.replace('-', '_')}", about, days, due, remove)


_MEMBERS_OF = Statement(delete(segment_members).where(is_among(segment_members.c.segment_id)))


async def _empty(transaction: Transaction, ids: list[str], turn: Turn, /) -> None:
    for contact_id in ids:
        await erasing.erase(
            transaction,
            contact_id,
            reason="retention",
            request_ref=None,
            stamp=turn.stamp,
            is_remembered=False,
        )


async def _remove_contacts(transaction: Transaction, ids: list[str], turn: Turn, /) -> None:
    await many.remove_many(transaction, CONTACT, ids, stamp=turn.stamp)


async def _trash_contacts(transaction: Transaction, ids: list[str], turn: Turn, /) -> None:
    for contact_id in ids:
        await features.trash(
            transaction, features.CONTACTS, contact_id, version=None, stamp=turn.stamp
        )


def _contacts_in_trash(days: int) -> Rule:
    c = contacts.c
    due = (
        select(c.id.label("id"))
        .where(c.deleted_at < BEFORE, c.erased_at.is_(None), c.merged_into_id.is_(None))
        .order_by(c.id)
    )
    about = (
        "Contacts in the trash, with those merged into them: emptied like an erasure, but not kept "
        "from coming back."
    )
    return Rule("trash_contacts", about, days, due, _empty)


def _emptied_contacts(days: int) -> Rule:
    c = contacts.c
    part = contacts.alias("part")
    points = select(part.c.id).where(part.c.merged_into_id == c.id)
    due = (
        select(c.id.label("id"))
        .where(c.erased_at < BEFORE, *_is_free(contacts, _references(contacts)), ~points.exists())
        .order_by(c.id)
    )
    about = "What is left of emptied contacts, once no deal, interaction or proof belongs to it."
    return Rule("emptied_contacts", about, days, due, _remove_contacts)


def _inactive_contacts(days: int | None, *, is_automatic: bool) -> Rule:
    c = contacts.c
    recent = (
        select(deals.c.id).where(
            deals.c.contact_id == c.id,
            deals.c.deleted_at.is_(None),
            or_(
                deals.c.stage_kind == "open",
                deals.c.opened_at >= BEFORE,
                deals.c.closed_at >= BEFORE,
                deals.c.contract_end_at >= BEFORE,
            ),
        ),
        select(interactions.c.id).where(
            interactions.c.contact_id == c.id,
            interactions.c.deleted_at.is_(None),
            interactions.c.occurred_at >= BEFORE,
        ),
    )
    person = contacts.alias("person")
    persons = select(person.c.id).where(person.c.parent_id == c.id, person.c.deleted_at.is_(None))
    due = (
        select(c.id.label("id"))
        .where(c.deleted_at.is_(None), c.created_at < BEFORE, ~persons.exists())
        .where(*(~each.exists() for each in recent))
        .order_by(c.id)
    )
    about = "Contacts with no deal and no interaction for so long; into the trash only if told to."
    return Rule("inactive_contacts", about, days, due, _trash_contacts if is_automatic else None)


def _rows(
    table: Table, *conditions: ColumnElement[bool], set_null: str | None = None
) -> tuple[Select[Any], Remove]:
    """Return what is due of a table without records, and what removes a part, or empties a column."""
    key = tuple(table.primary_key.columns)
    id = cast(key[0], String) if len(key) == 1 else cast(key[-1], String)
    due = select(id.label("id")).select_from(table).where(*conditions).order_by(*key)
    chosen = select(*key).where(*conditions).order_by(*key).limit(bindparam("part"))
    here = tuple_(*key).in_(chosen) if len(key) > 1 else key[0].in_(chosen)
    change: Any = delete(table).where(here)
    if set_null is not None:
        nothing = bindparam("nothing", type_=table.c[set_null].type)
        change = update(table).where(here).values({set_null: nothing})
    statement = Statement(change)

    async def remove(transaction: Transaction, _: list[str], turn: Turn, /) -> None:
        values = {"before": turn.before, "part": PART, "nothing": None}
        await transaction.run(statement, values)

    return due, remove


def _proof() -> tuple[Select[Any], Remove]:
    """What an erased person allowed: proof for five years after the last use (§ 7a UWG)."""
    e = consent_events.c
    later, used, of = (
        consent_events.alias("later"),
        interactions.alias("used"),
        contacts.alias("of"),
    )
    conditions = (
        e.occurred_at < BEFORE,
        select(of.c.id).where(of.c.id == e.contact_id, of.c.erased_at.is_not(None)).exists(),
        ~select(later.c.id)
        .where(
            later.c.contact_id == e.contact_id,
            later.c.channel == e.channel,
            later.c.occurred_at >= BEFORE,
        )
        .exists(),
        ~select(used.c.id)
        .where(
            used.c.contact_id == e.contact_id,
            or_(used.c.channel == e.channel, and_(e.channel == "phone", used.c.kind == "call")),
            used.c.occurred_at >= BEFORE,
        )
        .exists(),
    )
    return _rows(consent_events, *conditions)


_BLANK_IMPORTS = Statement(
    update(imports)
    .where(is_among(imports.c.id))
    .values(emptied_at=bindparam("now", type_=Instant), file_name=bindparam("nothing"))
)


async def _empty_imports(transaction: Transaction, ids: list[str], turn: Turn, /) -> None:
    await forget_samples(transaction, ids)
    await transaction.run(_BLANK_IMPORTS, {"ids": ids, "now": turn.stamp.now, "nothing": None})


def _imports() -> Select[Any]:
    i = imports.c
    return (
        select(i.id.label("id"))
        .where(
            func.coalesce(i.finished_at, i.created_at) < BEFORE,
            i.emptied_at.is_(None),
            ~one_of(i.status, RUNNING),
        )
        .order_by(i.id)
    )


def _of_webhooks() -> tuple[Rule, Rule]:
    """What was sent to webhooks, and those that were deleted."""
    d, deleted = deliveries.c, webhooks.alias("deleted")
    is_of_deleted = (
        select(deleted.c.id)
        .where(deleted.c.id == d.webhook_id, deleted.c.deleted_at.is_not(None))
        .exists()
    )
    has_some = select(d.id).where(d.webhook_id == webhooks.c.id).exists()
    return (
        Rule(
            "webhook_deliveries",
            "What was sent to webhooks, and how that went; of deleted ones at once.",
            KEPT.days,
            *_rows(deliveries, or_(d.created_at < BEFORE, is_of_deleted)),
        ),
        Rule(
            "webhooks",
            "Webhooks that were deleted.",
            0,
            *_rows(webhooks, webhooks.c.deleted_at < BEFORE, ~has_some),
        ),
    )


def rules(settings: Settings) -> tuple[Rule, ...]:
    """Return all rules in the order in which they are run: what points to others goes first."""
    return _rules(
        trash=settings.retention_trash_days,
        imported=settings.retention_import_days,
        undo_values=settings.retention_undo_days,
        audit=settings.retention_audit_days,
        proof=settings.retention_proof_days,
        inactive_months=settings.retention_inactive_months,
        is_automatic=settings.retention_inactive_contacts == "trash",
    )


@cache  # building the queries takes longer than all else that a start of the service does
def _rules(
    *,
    trash: int,
    imported: int,
    undo_values: int,
    audit: int,
    proof: int,
    inactive_months: int | None,
    is_automatic: bool,
) -> tuple[Rule, ...]:
    others = [
        resource for resource in RESOURCES.values() if resource not in (CONTACT, INTERACTION, DEAL)
    ]
    undo = _rows(
        changes, changes.c.occurred_at < BEFORE, changes.c.before.is_not(None), set_null="before"
    )
    answers = _rows(idempotency_records, idempotency_records.c.created_at < BEFORE)
    logs = (
        (table, _rows(table, table.c.occurred_at < BEFORE)) for table in (audit_events, changes)
    )
    return (
        _of_trash(INTERACTION, trash),
        _of_trash(DEAL, trash),
        *(_of_trash(resource, trash) for resource in others),
        _contacts_in_trash(trash),
        _emptied_contacts(trash),
        _inactive_contacts(
            None if inactive_months is None else inactive_months * 30,
            is_automatic=is_automatic,
        ),
        *_of_webhooks(),
        Rule("idempotency", "Stored answers of writes.", 7, *answers),
        Rule(
            "imports",
            "Files of imports and the rows that they refused.",
            imported,
            _imports(),
            _empty_imports,
            has_files=True,
        ),
        Rule(
            "undo_values",
            "Values from before a change, for undoing it.",
            undo_values,
            *undo,
        ),
        Rule(
            "consent_proof",
            "What an erased person allowed: proof for five years after the last use (§ 7a UWG).",
            proof,
            *_proof(),
        ),
        *(
            Rule(f"log_{table.name}", "Who did what when, without values.", audit, *parts)
            for table, parts in logs
        ),
    )
