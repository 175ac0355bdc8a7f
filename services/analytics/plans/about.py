"""Tells a customer which plans name it, and which lists were taken of them."""

from collections import defaultdict
from typing import Any

from sqlalchemy import bindparam, select

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.plans.showing import show_choice, show_export, show_period
from services.analytics.plans.table import plan_choices, plan_exports, plans
from services.analytics.publication import Publication
from services.foundation.constructs import is_among
from services.foundation.database import Reader
from services.foundation.statements import Record, Statement

MOST_PLANS = 1000
_MOST_LISTS = 100
_ABOUT = Statement(
    select(plan_choices)
    .where(plan_choices.c.unit_id == bindparam("unit_id"))
    .order_by(plan_choices.c.plan_id.desc())
    .limit(MOST_PLANS)
)
_PLANS = Statement(select(plans).where(is_among(plans.c.id)))
_EXPORTS = Statement(
    select(plan_exports)
    .where(is_among(plan_exports.c.plan_id))
    .order_by(plan_exports.c.exported_at.desc(), plan_exports.c.id.desc())
)


async def plans_about(
    reader: Reader,
    publication: Publication,
    unit_id: str,
    *,
    catalogue: Catalogue,
    language: Language,
) -> list[dict[str, Any]]:
    """Return the plans that name a customer, the newest first, with the lists that were taken of them."""
    rows = await reader.all(_ABOUT, {"unit_id": unit_id})
    ids = {"ids": [row["plan_id"] for row in rows]}
    known = {each["id"]: each for each in await reader.all(_PLANS, ids)}
    lists: defaultdict[str, list[Record]] = defaultdict(list)
    for each in await reader.all(_EXPORTS, ids):
        lists[each["plan_id"]].append(each)
    keys = {product["id"]: product["key"] for product in publication.products}
    return [
        {
            **{name: plan[name] for name in ("id", "name", "status")},
            "period": show_period(plan),
            "choice": show_choice(
                row,
                currency=plan["currency"],
                product_keys=keys,
                catalogue=catalogue,
                language=language,
            ),
            "lists": [show_export(each) for each in lists[plan["id"]][:_MOST_LISTS]],
        }
        for row in rows
        if (plan := known.get(row["plan_id"])) is not None
    ]
