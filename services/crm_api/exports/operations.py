"""The statements behind exports."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, literal_column, or_, select

from services.crm_api.contacts.table import CONTACT
from services.crm_api.custom_fields.table import custom_fields
from services.crm_api.filters import Question
from services.crm_api.resources import Resource
from services.foundation.database import Reader
from services.foundation.json_constructs import json_length
from services.foundation.problems import Invalid
from services.foundation.statements import Record, Statement

MOST_SHEET_ROWS = 1_048_575
"""What a sheet of Excel holds below its header."""
_CUSTOM = Statement(
    select(
        custom_fields.c.key,
        custom_fields.c.type,
        custom_fields.c.label_en,
        custom_fields.c.label_de,
    )
    .where(custom_fields.c.applies_to == bindparam("plural"), custom_fields.c.deleted_at.is_(None))
    .order_by(custom_fields.c.created_at, custom_fields.c.id)
)


class TooManyRows(Invalid):
    code, title = "too_many_rows", "A sheet cannot hold so many records."


@lru_cache(maxsize=500)
def export_statement(
    question: Question,
    *,
    is_flat: bool,
    personal: bool,
    only: frozenset[str] | None,
    sort: str | None,
    has_erased: bool,
) -> Statement:
    """Return the statement that yields the records of a question, as flat columns or as JSON.

    With `has_erased`, contacts that were live when they were erased are there too, empty, where nothing
    but ids is asked for: their deals belong to totals.
    """
    resource = question.resource
    table = resource.table
    columns: Any = [resource.json(personal=personal, only=only)]
    if is_flat:
        columns = resource.flat(personal=personal)
    is_there: ColumnElement[bool] = table.c.deleted_at.is_(None)
    is_all = not replace(question, names=question.names - {"id"}).is_filtered
    if has_erased and is_all and resource is CONTACT:
        is_shell = and_(table.c.erased_at == table.c.deleted_at, table.c.merged_into_id.is_(None))
        is_there = or_(is_there, is_shell)
    clause = select(*columns).where(is_there, *question.conditions())
    if sort is not None:
        column = table.c[sort.removeprefix("-")]
        if sort.startswith("-"):
            clause = clause.order_by(column.desc().nulls_first(), table.c.id.desc())
        else:
            clause = clause.order_by(column.asc().nulls_last(), table.c.id)
    return Statement(clause)


@lru_cache(maxsize=500)
def _some(question: Question) -> Statement:
    rows = (
        select(literal_column("1"))
        .select_from(question.resource.table)
        .where(*question.clauses())
        .limit(MOST_SHEET_ROWS + 1)
        .subquery()
    )
    return Statement(select(func.count()).select_from(rows))


async def refuse_too_many(reader: Reader, question: Question) -> None:
    """Do nothing if the records fit into one sheet.

    Raises
    ------
    TooManyRows
        They do not.
    """
    if int(await reader.text(_some(question), question.values) or 0) > MOST_SHEET_ROWS:
        raise TooManyRows(
            f"A sheet holds {MOST_SHEET_ROWS:,} records and these are more: filter them, or take "
            "format=excel_csv."
        )


@lru_cache(maxsize=500)
def _longest(question: Question, names: tuple[str, ...]) -> Statement:
    table = question.resource.table
    longest = [func.max(json_length(table.c[name])).label(name) for name in names]
    return Statement(select(*longest).where(*question.clauses()))


async def longest_lists(
    reader: Reader, question: Question, names: tuple[str, ...]
) -> dict[str, int]:
    """Return how many entries the longest of these lists has in any of the records."""
    if not names:
        return {}
    row = await reader.first(_longest(question, names), question.values)
    return {name: int(value or 0) for name, value in (row or {}).items()}


async def custom_columns(reader: Reader, resource: Resource) -> list[Record]:
    """Return the custom fields that records of this kind may carry."""
    return await reader.all(_CUSTOM, {"plural": resource.plural})
