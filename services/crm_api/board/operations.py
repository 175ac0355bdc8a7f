"""Reads a board: one statement for the figures, one for the cards of all columns."""

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, union_all

from services.crm_api.deals.table import DEAL, deals
from services.crm_api.filters import Question
from services.crm_api.listing import ItemShape
from services.foundation.columns import Instant
from services.foundation.constructs import exact_sum
from services.foundation.statements import Statement


def _clauses(question: Question, *, is_recent: bool) -> list[ColumnElement[bool]]:
    clauses = [*question.clauses(), deals.c.pipeline_id == bindparam("board")]
    if is_recent:
        since = bindparam("closed_since", type_=Instant)
        clauses.append(or_(deals.c.stage_kind == "open", deals.c.closed_at >= since))
    return clauses


@lru_cache(maxsize=200)
def figures(question: Question, *, is_recent: bool) -> Statement:
    """Return the statement of counts and sums by stage and currency, in no order."""
    d = deals.c
    return Statement(
        select(
            d.stage,
            d.currency,
            func.count(),
            func.count(d.amount_minor),
            exact_sum(d.amount_minor),
        )
        .where(*_clauses(question, is_recent=is_recent))
        .group_by(d.stage, d.currency)
    )


@lru_cache(maxsize=200)
def cards(question: Question, shape: ItemShape, *, is_recent: bool, columns: int) -> Statement:
    """Return the statement of the newest deals of each stage; the stages are `stage_0` and so on."""
    d = deals.c
    parts: list[Any] = []
    for at in range(columns):
        newest = (
            select(d.stage, shape.json(DEAL).label("item"), d.opened_at, d.id)
            .where(*_clauses(question, is_recent=is_recent), d.stage == bindparam(f"stage_{at}"))
            .order_by(d.opened_at.desc(), d.id.desc())
            .limit(bindparam("cards"))
        )
        parts.append(select(*newest.subquery(f"column_{at}").c))
    whole = union_all(*parts).subquery("whole")
    order = (whole.c.opened_at.desc(), whole.c.id.desc())
    shown = (whole.c.stage, whole.c.item, whole.c.opened_at, whole.c.id)
    return Statement(select(*shown).order_by(*order))
