"""Plans over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import Path, Query

from services.analytics.decisions.automatic import load_rejections
from services.analytics.experiments.loading import load_holdouts
from services.analytics.frames.clock import Clock
from services.analytics.plans import listing, operations, showing
from services.analytics.plans.asking import CrmNews
from services.analytics.plans.dropping import DROP_REASONS, NewestSteps
from services.analytics.plans.options import Words
from services.analytics.plans.schemas import (
    EXAMPLE,
    ExportPlan,
    ListPlanChoices,
    ListPlans,
    NewPlan,
    Plan,
    PlanChoicePage,
    PlanPage,
)
from services.analytics.plans.solving import Since
from services.analytics.publication import Publication
from services.foundation import idempotency
from services.foundation.answers import StreamAnswer
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.database import Transaction
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from services.foundation.statements import Record
from shared.values import RecordId

routes = Routes("plans")
PlanId = Annotated[RecordId, Path(description="The id of the plan.")]
_HERE = {"plan_id": of_answer("id")}
_LINKS = (
    Link("get_plan", "Read it again.", _HERE),
    Link("list_plan_choices", "Who was chosen for what.", _HERE),
    Link("export_plan", "Take the list.", _HERE),
    Link("cancel_plan", "Cancel this version.", {**_HERE, "If-Match": ANSWERED_VERSION}),
)
_CSV = "text/csv; charset=utf-8"
_MEDIA = {"csv": _CSV, "excel_csv": _CSV, "ndjson": "application/x-ndjson"}
_ENDINGS = {"csv": "csv", "excel_csv": "csv", "ndjson": "ndjson"}


def _shown(call: Call, row: Record, exports: list[Record]) -> bytes:
    return orjson.dumps(
        showing.show_plan(row, exports, catalogue=call.app.state.catalogue, language=call.language)
    )


@routes.add(
    "POST",
    "/plans",
    answer=Plan,
    status=201,
    scope="plans:write",
    retryable=True,
    localized=True,
    headers=(("Location", ""), ("ETag", "")),
    links=_LINKS,
    responses={200: {"model": Plan, "description": "Computed only; nothing was kept."}},
    summary="Plan whom to do what for, under a budget",
)
async def create_plan(call: Call, body: Annotated[NewPlan, typical(EXAMPLE)]) -> Answer:
    """Chooses for every customer at most one of the recommended steps, so that all together bring most
    within the budget and the limits, and keeps the plan. Steps that cost nothing come first.

    The answer says how good that is: no plan can bring more than `upper_bound`, and `gap` is what this
    one lacks to it at most. `shadow_price` tells what one more unit of currency would bring. With `save`
    false nothing is kept: try what another budget or limit would change. The plan is of the version that
    is published at this moment; later ones do not change it. What was decided on since is left out,
    and what an experiment tries for those whom it leaves alone, also if it was begun since.
    """
    publication = await call.app.state.publications.current()
    catalogue = call.app.state.catalogue
    wanted = operations.wanted(
        body,
        as_of=publication.version["as_of"],
        currency=publication.currency,
        catalogue=catalogue,
    )
    solved = await call.app.state.planner.solve(
        wanted,
        Words.of(publication.version, publication.products),
        Since(
            await load_rejections(call.database, now=call.now), await load_holdouts(call.database)
        ),
    )
    described = await operations.describe(call.database, body, solved)
    language = {"Content-Language": call.language}
    if not body.save:
        return Answer(_shown(call, described, []), headers=language)

    async def work(transaction: Transaction) -> Answer:
        row = await operations.keep(
            transaction, described, solved.choices, principal=call.principal, stamp=call.stamp
        )
        headers = {**etag(1), **language, "Location": f"/v1/plans/{row['id']}"}
        return Answer(_shown(call, row, []), 201, headers=headers)

    return await idempotency.write_once(call, body.model_dump_json(by_alias=True).encode(), work)


@routes.add(
    "GET",
    "/plans",
    answer=PlanPage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    summary="List plans",
)
async def list_plans(call: Call, query: Annotated[ListPlans, Query()]) -> Answer:
    """A page of plans, the newest first, canceled ones as well."""
    rows, cursor = await operations.list_plans(
        call.database, cursor=query.cursor, limit=query.limit
    )
    following, link = call.following(cursor)
    headers = {"Content-Language": call.language, **link}
    body = {"items": [showing.show_head(row) for row in rows], "next": following}
    return Answer(orjson.dumps(body), headers=headers)


@routes.add(
    "GET",
    "/plans/{plan_id}",
    answer=Plan,
    scope="analytics:read",
    localized=True,
    headers=(("ETag", ""),),
    problems=(404,),
    summary="Read a plan",
)
async def get_plan(call: Call, plan_id: PlanId) -> Answer:
    """A plan as it was computed, with its parts, and which lists were taken of it."""
    row = await operations.find_plan(call.database, plan_id)
    exports = await operations.exports_of(call.database, plan_id)
    headers = {**etag(row["version"]), "Content-Language": call.language}
    return Answer(_shown(call, row, exports), headers=headers)


@routes.add(
    "GET",
    "/plans/{plan_id}/choices",
    answer=PlanChoicePage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    problems=(404,),
    summary="List who was chosen for what",
)
async def list_plan_choices(
    call: Call, plan_id: PlanId, query: Annotated[ListPlanChoices, Query()]
) -> Answer:
    """Each chosen customer with the step, its cost and what it is expected to bring, the most worth
    first. Who was erased since or objects to profiling now is left out."""
    row = await operations.find_plan(call.database, plan_id)
    publication, (rows, cursor) = await call.app.state.publications.read(
        lambda current: operations.list_choices(
            call.database, current, plan_id, cursor=query.cursor, limit=query.limit
        )
    )
    following, link = call.following(cursor)
    headers = {"Content-Language": call.language, **link}
    keys = _product_keys(publication)
    items = [_choice(call, each, row["currency"], keys) for each in rows]
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)


def _product_keys(publication: Publication) -> dict[str, str]:
    return {product["id"]: product["key"] for product in publication.products}


def _choice(call: Call, row: Record, currency: str, keys: Mapping[str, str]) -> dict[str, Any]:
    return showing.show_choice(
        row,
        currency=currency,
        product_keys=keys,
        catalogue=call.app.state.catalogue,
        language=call.language,
    )


@routes.add(
    "POST",
    "/plans/{plan_id}/cancel",
    answer=Plan,
    scope="plans:write",
    writes=True,
    if_match="required",
    localized=True,
    headers=(("ETag", ""),),
    problems=(404, 409),
    summary="Cancel a plan",
)
async def cancel_plan(call: Call, plan_id: PlanId) -> Answer:
    """Ends a plan for good: no list is taken of it any more. It stays to be read, with who canceled it;
    409 `plan_canceled` if that was done before."""
    row = await operations.cancel(
        call.transaction,
        plan_id,
        version=call.expected_version(),
        principal=call.principal,
        stamp=call.stamp,
    )
    exports = await operations.exports_of(call.transaction, plan_id)
    headers = {**etag(row["version"]), "Content-Language": call.language}
    return Answer(_shown(call, row, exports), headers=headers)


@routes.add(
    "GET",
    "/plans/{plan_id}/export",
    answer=None,
    scope="plans:export",
    localized=True,
    headers=(("Content-Disposition", ""), ("X-Listed-Count", ""), ("X-Dropped", "")),
    media_types=("text/csv", "application/x-ndjson"),
    problems=(404, 409),
    summary="Take the list of a plan for a campaign",
)
async def export_plan(
    call: Call, plan_id: PlanId, query: Annotated[ExportPlan, Query()]
) -> StreamAnswer:
    """The list of a plan, one line for each customer, streamed; names and addresses are in the CRM under
    the same ids. 409 `plan_canceled` if the plan was canceled.

    What holds now decides. Everybody is looked at once more in the newest version, and the CRM is asked
    what was changed since the last refresh; 503 `crm_not_asked` if it does not answer, 503
    `refresh_first` if that is too much to look through. Dropped is, by the first reason that holds, who
    was erased, objects to profiling, refused the channel, changed in another way since the last refresh or
    complained since, where the step waits for that (`changed_since_refresh`: take the list again after the
    next), was addressed since so that the contact
    cap allows no more touch today (services are free of it), is in the control group of an open
    experiment with this instrument, was decided on, or is not recommended this step any
    more: for want of consent or of an address, for the contact cap, or because something else is better.
    `X-Dropped` says how many by reason; with `X-Listed-Count` that is everybody who was chosen.
    `GET /v1/plans/{plan_id}` keeps it with the reason for which the list was taken and by whom. In CSV a
    text that a spreadsheet would run as a formula has an apostrophe before it.
    """
    row = await operations.find_plan(call.database, plan_id)
    if row["status"] == "canceled":
        raise operations.PlanCanceled()
    publication = await call.app.state.publications.current()
    words = Words.of(publication.version, publication.products)
    newest = await call.app.state.planner.ask(lambda ledger: NewestSteps.of(ledger, words))
    crm: CrmNews = call.app.state.crm_news
    checks = await listing.gather_checks(
        call.database,
        newest,
        crm,
        now=call.now,
        clock=Clock(call.app.state.day_at(call.now), call.app.state.time_zone),
        catalogue=call.app.state.catalogue,
    )
    publication, checked = await call.app.state.publications.read(
        lambda current: listing.check(call.database, current, row, checks, crm)
    )
    await operations.note_export(
        call.database,
        plan_id,
        form=query.format,
        reason=query.reason,
        listed_count=checked.listed_count,
        dropped=checked.counts,
        principal=call.principal,
        stamp=call.stamp,
    )
    counts = [(reason, checked.counts.get(reason, 0)) for reason in DROP_REASONS]
    keys = _product_keys(publication)
    chunks = listing.write_list(
        call.database,
        plan_id,
        checked,
        form=listing.Form.of(query.format, call.language),
        period=(row["period_from"], row["period_until"]),
        show=lambda each: _choice(call, each, row["currency"], keys),
    )
    headers = {
        "Content-Disposition": f'attachment; filename="plan-{plan_id}.{_ENDINGS[query.format]}"',
        "Content-Language": call.language,
        "X-Listed-Count": str(checked.listed_count),
        "X-Dropped": ", ".join(f"{reason}={count}" for reason, count in counts),
    }
    return StreamAnswer(chunks, _MEDIA[query.format], headers=headers)
