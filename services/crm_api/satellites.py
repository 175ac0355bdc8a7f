"""What the small resources around contacts, interactions and deals share: their shapes and their writes.

A satellite is a table, the fields that people enter and, where it has any, its rules; the rest is here.
"""

from collections.abc import Awaitable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import Field, create_model
from sqlalchemy import bindparam, select

from services.crm_api import records
from services.crm_api.feature import Feature, OnTrash
from services.crm_api.records import Written
from services.crm_api.resources import Resource
from services.crm_api.schemas import (
    ExternalRefs,
    Kept,
    ListPage,
    ListQuery,
    Partial,
    absent,
    listed,
    never_null,
    row_values,
)
from services.foundation.calls import Stamp
from services.foundation.database import NOTHING, Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Record, Statement
from shared.values import RecordId, Shape


class KeyTaken(Conflict):
    code, title = "key_taken", "Another live record has this key."


class Check(Protocol):
    """The rules of a satellite: sees the row as it will be and what of it is new; may complete it."""

    def __call__(
        self, transaction: Transaction, after: Record, values: Record, /, *, stamp: Stamp
    ) -> Awaitable[None]: ...


async def no_rules(_: Transaction, __: Record, ___: Record, /, *, stamp: Stamp) -> None:
    """Accept every row whose fields are valid."""


@dataclass(frozen=True)
class Shapes:
    """What a satellite looks like in each direction."""

    new: type[Shape]
    patch: type[Shape]
    upsert: type[Shape]
    shown: type[Shape]
    page: type[ListPage]


def shapes_of(
    title: str,
    fields: type[Shape],
    *,
    about: str,
    fixed: tuple[str, ...] = (),
    filled: tuple[str, ...] = (),
    kept: type[Shape] | None = None,
) -> Shapes:
    """Build the shapes of a satellite from the fields that people enter.

    `about` describes one record; `fixed` names the fields that never change after the creation,
    `filled` those that the service fills in where a new record lacks them, and that no change clears;
    `kept` is what is shown if that is not just the fields and what is kept of every record.
    """
    refs: Any = (
        ExternalRefs,
        Field(default=[], description="How other systems name this record."),
    )
    changeable: dict[str, Any] = {}
    settable: dict[str, Any] = {}
    for name, info in fields.model_fields.items():
        optional = copy(info)
        if info.is_required():
            optional = absent(optional)
        settable[name] = (info.annotation, optional if name not in fixed else info)
        if name in filled:
            changeable[name] = (never_null(info.annotation), absent(info))
        elif name not in fixed:
            changeable[name] = (info.annotation, optional)

    def model(named: str, base: Any, doc: str, /, **more: Any) -> Any:
        return create_model(named, __base__=base, __doc__=doc, **more)

    shown = model(
        title,
        kept or (Kept, fields),
        about,
        id=(RecordId, Field(description="Made by this service.")),
    )
    item = listed(shown)
    return Shapes(
        new=model(f"New{title}", fields, f"{about} To create.", external_refs=refs),
        patch=model(
            f"{title}Patch",
            Partial,
            "The fields to change (merge patch): null clears a field, an absent one stays, lists are replaced.",
            **changeable,
            external_refs=refs,
        ),
        upsert=model(
            f"Upsert{title}",
            Partial,
            "Fields that are sent are set, absent ones keep their value.",
            **settable,
            external_refs=refs,
        ),
        shown=shown,
        page=model(
            f"{title}Page",
            ListPage,
            "A page.",
            items=(
                Annotated[list[item], Field(max_length=200)],
                Field(description="What is on this page."),
            ),
        ),
    )


_of_key: dict[str, Statement] = {}


async def _claim_key(
    transaction: Transaction, resource: Resource, record_id: str, key: str
) -> None:
    statement = _of_key.get(resource.name)
    if statement is None:
        table = resource.table.c
        statement = _of_key[resource.name] = Statement(
            select(table.id).where(table.key == bindparam("key"), table.deleted_at.is_(None))
        )
    holder = await transaction.first(statement, {"key": key})
    if holder is not None and holder["id"] != record_id:
        raise KeyTaken(
            f"The {resource.title} {holder['id']} has the key.", extra={"existing_id": holder["id"]}
        )


def satellite(
    resource: Resource,
    shapes: Shapes,
    query: type[ListQuery],
    *,
    example: Mapping[str, Any],
    example_patch: Mapping[str, Any],
    more_examples: Mapping[str, Mapping[str, Any]] = NOTHING,
    fixed: tuple[str, ...] = (),
    check: Check = no_rules,
    is_keyed: bool = False,
    on_trash: OnTrash | None = None,
    on_restore: OnTrash | None = None,
    on_deletion: str = "",
) -> Feature:
    """Put a satellite together; `is_keyed` ones have a `key` of their own, by default their id."""

    async def finish(
        transaction: Transaction, after: Record, values: Record, *, stamp: Stamp
    ) -> Record:
        if is_keyed and "key" in values:
            values["key"] = after["key"] = values["key"] or after["id"]
            await _claim_key(transaction, resource, after["id"], values["key"])
        await check(transaction, after, values, stamp=stamp)
        return values

    async def create(
        transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
    ) -> Written:
        values = row_values(dict(given), resource.money)
        values["id"] = records.new_id()
        after = {**resource.blank, **values}
        values = await finish(transaction, after, values, stamp=stamp)
        return await records.create(transaction, resource, values, stamp=stamp, personal=personal)

    async def change(
        transaction: Transaction,
        record_id: str,
        /,
        *,
        given: Mapping[str, Any],
        version: int | None,
        stamp: Stamp,
        personal: bool,
    ) -> Written:
        current = await records.lock(transaction, resource, record_id, version=version)
        values = row_values(dict(given), resource.money)
        values = await finish(transaction, {**current, **values}, values, stamp=stamp)
        return await records.change(
            transaction, resource, current, values, stamp=stamp, personal=personal
        )

    async def restore(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
        if is_keyed:
            await _claim_key(transaction, resource, current["id"], current["key"])
        if on_restore is not None:
            await on_restore(transaction, current, stamp=stamp)

    async def put_back(
        transaction: Transaction, current: Record, after: Record, /, *, stamp: Stamp
    ) -> None:
        values = {name: value for name, value in after.items() if value != current[name]}
        await finish(transaction, after, values, stamp=stamp)

    return Feature(
        resource=resource,
        new=shapes.new,
        patch=shapes.patch,
        upsert=shapes.upsert,
        shown=shapes.shown,
        page=shapes.page,
        query=query,
        create=create,
        change=change,
        example=example,
        example_patch=example_patch,
        more_examples=more_examples,
        fixed=fixed,
        on_trash=on_trash,
        on_restore=restore,
        on_return=put_back,
        on_deletion=on_deletion,
    )
