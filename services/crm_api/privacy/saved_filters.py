"""Takes a person out of the saved filters of segments and webhooks, which may ask for it by its address."""

from collections.abc import Mapping

from sqlalchemy import String, bindparam, cast, select

from services.crm_api import many, records
from services.crm_api.changes.table import changes
from services.crm_api.privacy.traces import Marks
from services.crm_api.resources import Resource
from services.crm_api.segments.saved import personal_filters
from services.crm_api.segments.table import SEGMENT, segments
from services.crm_api.webhooks import operations as webhooks
from services.crm_api.webhooks.asking import FILTERS
from services.foundation.calls import Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import like_any
from services.foundation.database import Transaction
from services.foundation.statements import Statement

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id that a filter asks for of which nothing else is left: without it, it would ask for everybody."""
_TOWNS = frozenset({"city", "zip"})
_SEGMENTS = Statement(select(segments.c.id).where(segments.c.kind == "filter"))
_FORMER = Statement(
    select(changes.c.record_id)
    .where(
        changes.c.record_id.in_(select(segments.c.id)),
        like_any(cast(changes.c.before, String), bindparam("patterns", type_=Texts)),
    )
    .distinct()
)


async def forget_in_filters(transaction: Transaction, marks: Marks, *, stamp: Stamp) -> None:
    """Drop the values that name the person; a filter that asked only for it asks for nobody then.

    A webhook whose filter is changed so is paused, since it would not tell what it was made for.
    """
    if not marks.texts:
        return
    ids = [row["id"] for row in await transaction.all(_SEGMENTS)]
    forgetful: set[str] = set()
    for segment_id, row in (await records.lock_many(transaction, SEGMENT, ids)).items():
        rest = _without(FILTERS["contacts"][0], row["filter"], marks)
        if rest != row["filter"]:
            values = {"filter": rest}
            await records.change(transaction, SEGMENT, row, values, stamp=stamp, personal=False)
            forgetful.add(segment_id)
    former = await transaction.texts(_FORMER, {"patterns": marks.patterns(of_cells=False)})
    forgetful |= {str(row[0]) for row in former}
    if forgetful:
        await many.forget_before(transaction, sorted(forgetful))
    for row in await webhooks.lock_all(transaction):
        filters = {
            plural: _without(FILTERS[plural][0], saved, marks)
            for plural, saved in row["filters"].items()
        }
        if filters != row["filters"]:
            await webhooks.replace_filters(transaction, row, filters, now=stamp.now)


def _without(
    resource: Resource, saved: Mapping[str, list[str]], marks: Marks
) -> dict[str, list[str]]:
    """Return a filter without the values that name a person; a town may be called like one."""
    personal = set(personal_filters(resource, saved)) - _TOWNS
    rest: dict[str, list[str]] = {}
    for name, values in saved.items():
        texts = [text for text in marks.texts if name in personal or "@" in text]
        kept = [
            value
            for value in values
            if not any(text.casefold() in value.casefold() for text in texts)
        ]
        rest |= {name: kept} if kept else {"id": [NOBODY]}
    return rest
