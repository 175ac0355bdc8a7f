"""Counts and sums of a list by groups: `group_by=stage,month:closed_at`."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field, create_model
from sqlalchemy import ColumnElement, bindparam, cast, func, select
from sqlalchemy import String as Text

from services.crm_api import filters
from services.crm_api.filters import Question
from services.crm_api.resources import Resource
from services.crm_api.schemas import AggregateQuery
from services.crm_api.times import business_time_zone
from services.foundation.calls import Call
from services.foundation.columns import Day, Instant
from services.foundation.constructs import calendar_unit, exact_sum
from services.foundation.problems import Answer, Forbidden, invalid, pointer
from services.foundation.statements import Statement
from shared.values import Count, Shape, Total, text

MOST_GROUPS = 1000
MOST_KEYS = 4
UNITS = tuple(calendar_unit.FORMS)


class Sum(Shape):
    """The sums of one currency; sums never mix currencies."""

    total: Total = Field(description="The sum of the known amounts.")
    known_count: Count = Field(description="How many of the group have an amount in this currency.")


class Group(Shape):
    """One group."""

    group: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-z_:0-9]{1,100}$")],
            text(410, example="won") | None,
        ],
        Field(max_length=MOST_KEYS, examples=[{"stage": "won", "month:closed_at": "2026-03"}]),
    ] = Field(description="The values that its records share; null is unknown.")
    count: Count = Field(description="How many records.")
    sums: Annotated[list[Sum], Field(max_length=200)] = Field(
        description="Sums of `amount` by currency; empty for records without one."
    )


class Aggregate(Shape):
    """Counts and sums by group."""

    items: Annotated[list[Group], Field(max_length=MOST_GROUPS)] = Field(
        description="The groups, in the order of their values."
    )


@dataclass(frozen=True)
class Key:
    """What to group by: a column, of an instant or a day by a unit of the calendar."""

    name: str
    column: str
    unit: str = ""


def grouped_query(
    resource: Resource, query: type[AggregateQuery], groupable: tuple[str, ...]
) -> Any:
    """Build the parameters of an aggregate: its filters, and `group_by` with what it may name."""
    dated = [name for name in groupable if _is_dated(resource, name)]
    plain = [name for name in groupable if name not in dated]
    possible = {*plain, *(f"{unit}:{name}" for unit in UNITS for name in dated)}
    one = f"({'|'.join(plain)}|({'|'.join(UNITS)}):({'|'.join(dated)}))"

    personal = [f"`{name}`" for name in plain if name in resource.personal]
    seen = f" By {' or '.join(personal)} it needs `{resource.pii_scope}`." if personal else ""

    def check(group_by: str) -> str:
        names = group_by.split(",")
        unknown = next((name for name in names if name not in possible), None)
        if unknown is not None:
            raise ValueError(
                f"there is no group `{pointer(unknown)}`; there are: {', '.join(plain)}, and with one of "
                f"{', '.join(f'{unit}:' for unit in UNITS)} before them: {', '.join(dated)}"
            )
        if len(names) > MOST_KEYS:
            raise ValueError(f"at most {MOST_KEYS} groups are possible")
        return group_by

    group_by = Annotated[
        str,
        AfterValidator(check),
        Field(
            max_length=400,
            json_schema_extra={"pattern": f"^{one}(,{one}){{0,{MOST_KEYS - 1}}}$"},
            examples=[f"{plain[0]},month:{dated[0]}"],
            description="One to four groups, separated by commas. Dates have `day:`, `week:`, "
            f"`month:`, `quarter:` or `year:` before them.{seen}",
        ),
    ]
    return create_model(
        f"{query.__name__}By", __base__=query, __doc__=query.__doc__, group_by=(group_by, ...)
    )


def _is_dated(resource: Resource, name: str) -> bool:
    return isinstance(resource.table.c[name].type, Instant | Day)


def read_keys(group_by: str) -> tuple[Key, ...]:
    """Read `group_by`.

    Raises
    ------
    Invalid
        It names a group twice.
    """
    keys = []
    for name in group_by.split(","):
        unit, _, column = name.rpartition(":")
        keys.append(Key(name, column, unit))
    if len({key.name for key in keys}) < len(keys):
        raise invalid("/query/group_by", "repeated", "Name each group once.")
    return tuple(keys)


@lru_cache(maxsize=500)
def _statement(question: Question, keys: tuple[Key, ...], has_sums: bool) -> Statement:
    table = question.resource.table
    zone = bindparam("time_zone", type_=Text)
    parts: list[ColumnElement[Any]] = [
        calendar_unit(table.c[key.column], key.unit, zone)
        if key.unit
        else cast(table.c[key.column], Text)
        for key in keys
    ]
    inner = select(
        *(part.label(f"key_{at}") for at, part in enumerate(parts)),
        *((table.c.currency, table.c.amount_minor) if has_sums else ()),
    ).where(*question.clauses())
    rows = inner.subquery("rows")
    groups = [rows.c[f"key_{at}"] for at in range(len(keys))]
    figures: list[ColumnElement[Any]] = [func.count()]
    if has_sums:
        groups_of = [*groups, rows.c.currency]
        figures += [
            rows.c.currency,
            func.count(rows.c.amount_minor),
            exact_sum(rows.c.amount_minor),
        ]
    else:
        groups_of = groups
    order = [part.asc().nulls_last() for part in groups_of]
    return Statement(
        select(*groups, *figures).group_by(*groups_of).order_by(*order).limit(MOST_GROUPS + 1)
    )


async def answer_aggregate(call: Call, resource: Resource, query: Any) -> Answer:
    """Answer counts, and sums where records have an amount, of what the list would show.

    Raises
    ------
    Invalid
        The groups are unknown, or too many.
    """
    keys = read_keys(query.group_by)
    hidden = resource.personal.intersection(key.column for key in keys)
    if hidden and not call.may(resource.pii_scope):
        raise Forbidden(f"This group needs a key with the scope {resource.pii_scope}.")
    question = await filters.ask(call, resource, query)
    has_sums = "amount" in resource.money
    statement = _statement(question, keys, has_sums)
    zone = {"time_zone": query.time_zone or business_time_zone(call)}
    rows = await call.database.texts(statement, {**question.values, **zone})
    if not rows and (meant := await filters.of_survivors(call.database, question)) is not question:
        rows = await call.database.texts(statement, {**meant.values, **zone})
    if len(rows) > MOST_GROUPS:
        raise invalid(
            "/query/group_by",
            "too_many_groups",
            f"There are more than {MOST_GROUPS} groups; narrow it.",
        )
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        at = tuple(row[: len(keys)])
        names = (key.name for key in keys)
        group = groups.setdefault(
            at, {"group": dict(zip(names, at, strict=True)), "count": 0, "sums": []}
        )
        count, *sums = row[len(keys) :]
        group["count"] += count
        if sums and sums[0] is not None and sums[1]:
            currency, known, total = sums
            shown = Total.of_minor(int(total), currency).model_dump()
            group["sums"].append({"total": shown, "known_count": known})
    return Answer(orjson.dumps({"items": list(groups.values())}))
