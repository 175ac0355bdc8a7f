"""Termination cases over HTTP; every reading and every step goes into the log."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Path, Query

from services.analytics.termination_cases import listing, log, operations, process, showing
from services.analytics.termination_cases import schemas as shapes
from services.analytics.termination_cases.draft_schemas import Draft, DraftQuery
from services.analytics.termination_cases.drafts import draft, hearing_records, purpose_of
from services.analytics.termination_cases.naming import Names, names_of
from services.analytics.termination_cases.operations import Asked
from services.analytics.termination_cases.process import Actor, Case, Standing
from services.foundation.answers import problem_answer
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Endpoint, Routes
from shared.values import Language, RecordId

routes = Routes("termination")
CaseId = Annotated[RecordId, Path(description="The id of the case.")]
READ, WRITE, DECIDE, MANAGE = (
    f"termination:{right}" for right in ("read", "write", "decide", "manage")
)
_PLACE = {"case_id": of_answer("id")}
_LINKS = (
    Link("get_termination_case", "Read it again.", _PLACE),
    Link("read_counter_evidence", "What speaks against it.", _PLACE),
    Link("withdraw_termination_case", "Give it up.", {**_PLACE, "If-Match": ANSWERED_VERSION}),
)
_CUT = "A step is refused while anything blocks it, and the case closes by itself (409 "
_BY_ITSELF = (
    f"{_CUT}`closed_by_itself`) once fewer than two signals are left. It rests on what holds now: if "
    "what is published is of another day (409 `version_of_another_day`), or the customer's records have "
    "changed in the CRM since (409 `changed_since`), refresh first; while the CRM cannot be read, no step "
    "is taken (503 `crm_unread`)."
)


def _asked(call: Call) -> Asked:
    return Asked(call.transaction, call.app.state.publications, call, call.prepared)


async def _look(call: Call, arguments: Mapping[str, Any]) -> operations.Looked | None:
    """Compare with the CRM before the transaction, in which nothing is waited for."""
    try:
        unit_id = (
            (await operations.find_case(call.database, arguments["case_id"]))["unit_id"]
            if "case_id" in arguments
            else arguments["body"].unit_id
        )
    except operations.CaseMissing:
        return None
    state = call.app.state
    return await operations.look(
        call.database, state.publications, state.present, unit_id, now=call.now
    )


async def _named(call: Call, standing: Standing, language: Language) -> Names:
    state = call.app.state
    return await names_of(
        standing, data_dir=state.data_dir, time_zone=state.time_zone, language=language
    )


async def _look_and_name(call: Call, arguments: Mapping[str, Any]) -> operations.Looked | None:
    """Beside `_look`, name the records of the letter, if it is written here."""
    looked, body = await _look(call, arguments), arguments["body"]
    if looked is None or body.text is not None:
        return looked
    case = await operations.find_case(call.database, arguments["case_id"])
    _, standing = await operations.find_standing(
        call.database, call.app.state.publications, case["unit_id"]
    )
    return replace(looked, names=await _named(call, standing, body.language))


_CHECKED: dict[str, Any] = {"prepare": _look, "problems": (404, 409, 503)}


def _answer(call: Call, case: Case, *, status: int = 200) -> Answer:
    body = showing.show(case, catalogue=call.app.state.catalogue, language=call.language)
    headers = {**etag(case["version"]), "Content-Language": call.language}
    if status == 201:
        headers["Location"] = f"/v1/termination-cases/{case['id']}"
    return Answer(orjson.dumps(body), status, headers=headers)


def _stepped(call: Call, case: Case, has_closed: bool) -> Answer:
    """Answer a step; that a case closed instead is kept, so it is no exception that would undo it."""
    if has_closed:
        return problem_answer(operations.ClosedByItself(), call.scope)
    return _answer(call, case)


async def _step(call: Call, case_id: str, work: Callable[..., Case], *, action: str) -> Answer:
    case = await operations.take_step(
        _asked(call), case_id, work, action=action, version=call.expected_version()
    )
    return _answer(call, case)


async def _checked(call: Call, case_id: str, work: Callable[..., Case], *, action: str) -> Answer:
    def checked(case: Case, actor: Actor, _: Standing) -> Case:
        return work(case, actor)

    case, has_closed = await operations.take_checked_step(
        _asked(call), case_id, checked, action=action, version=call.expected_version()
    )
    return _stepped(call, case, has_closed)


def _declared(path: str, scope: str, summary: str, **more: Any) -> Callable[[Endpoint], Endpoint]:
    """Declare a step of a case."""
    options: dict[str, Any] = {
        "answer": shapes.TerminationCase,
        "scope": scope,
        "writes": True,
        "if_match": "required",
        "localized": True,
        "problems": (404, 409),
        "headers": (("ETag", ""),),
        "links": _LINKS,
        "summary": summary,
    }
    return routes.add("POST", f"/termination-cases/{{case_id}}/{path}", **(options | more))


@routes.add(
    "POST",
    "/termination-cases",
    answer=shapes.TerminationCase,
    status=201,
    scope=WRITE,
    writes=True,
    localized=True,
    **_CHECKED,
    headers=(("Location", ""), ("ETag", "")),
    links=_LINKS,
    summary="Open a termination case",
)
async def open_termination_case(
    call: Call, body: Annotated[shapes.NewCase, typical(shapes.EXAMPLE)]
) -> Answer:
    """Opens a review of one customer, if the published version permits it: two different signals at
    least, nothing that blocks it, no other open case. What is published has to be of today
    (`version_of_another_day`), the customer's records unchanged in the CRM since (`changed_since`), and
    the CRM readable (503 `crm_unread`). The service never proposes that by itself, and
    nothing happens to the customer by it."""
    try:
        case = await operations.open_case(
            _asked(call),
            unit_id=body.unit_id,
            profile_ids=list(body.profile_ids),
            note=body.note,
            catalogue=call.app.state.catalogue,
        )
    except (
        process.CaseBlocked,
        process.ReviewNotPermissible,
        operations.ProfileNotMet,
    ) as refused:
        # It tells of signals and blocks, so it is kept like a reading; raised, it would be undone.
        entry = log.entry(
            "opening_refused",
            now=call.now,
            unit_id=body.unit_id,
            by=call.principal,
            request_id=call.request_id,
            details={"code": refused.code},
        )
        await log.add(call.transaction, entry)
        return problem_answer(refused, call.scope)
    return _answer(call, case, status=201)


@routes.add(
    "GET",
    "/termination-cases",
    answer=shapes.CasePage,
    scope=READ,
    localized=True,
    headers=(("Link", ""),),
    summary="List termination cases",
)
async def list_termination_cases(call: Call, query: Annotated[shapes.ListCases, Query()]) -> Answer:
    """A page of cases, the newest first; that each of them was shown is logged."""
    filters = query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
    cases, cursor = await listing.list_cases(
        call.database, filters=filters, cursor=query.cursor, limit=query.limit
    )
    await _note(call, "case_listed", *cases)
    catalogue, language = call.app.state.catalogue, call.language
    items = [showing.summarize(case, catalogue=catalogue, language=language) for case in cases]
    following, link = call.following(cursor)
    headers = {"Content-Language": call.language, **link}
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)


async def _note(call: Call, action: str, *cases: Case) -> None:
    """Log that cases were read."""
    by, now, request_id = call.principal, call.now, call.request_id
    rows = [log.case_entry(action, case, now=now, by=by, request_id=request_id) for case in cases]
    await log.add_all(call.database, rows)


@routes.add(
    "GET",
    "/termination-cases/{case_id}",
    answer=shapes.TerminationCase,
    scope=READ,
    localized=True,
    problems=(404,),
    headers=(("ETag", ""),),
    links=_LINKS,
    summary="Read a termination case",
)
async def get_termination_case(call: Call, case_id: CaseId) -> Answer:
    """One case with all its steps. Signals and blocks are those of the last step; what is published now
    is told by `GET /v1/termination-cases/{case_id}/counter-evidence`. The reading is logged."""
    case = await operations.find_case(call.database, case_id)
    await _note(call, "case_read", case)
    return _answer(call, case)


@routes.add(
    "GET",
    "/termination-cases/{case_id}/counter-evidence",
    answer=shapes.CounterEvidence,
    scope=READ,
    localized=True,
    problems=(404,),
    summary="Open the counter-evidence",
)
async def read_counter_evidence(call: Call, case_id: CaseId) -> Answer:
    """What speaks for and against each signal, with ids of records of the CRM, and what the customer
    said. Whoever decides has to have opened it since the review began: the case remembers who did."""

    async def read(transaction: Any) -> tuple[Case, Standing]:
        asked = Asked(transaction, call.app.state.publications, call)
        return await operations.open_counter_evidence(asked, case_id)

    case, standing = await call.database.write(read)
    body = showing.show_evidence(
        case, standing, catalogue=call.app.state.catalogue, language=call.language
    )
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})


@routes.add(
    "GET",
    "/termination-cases/{case_id}/draft",
    answer=Draft,
    scope=READ,
    localized=True,
    problems=(404, 409),
    summary="Read the draft of a letter",
)
async def read_termination_draft(
    call: Call, case_id: CaseId, query: Annotated[DraftQuery, Query()]
) -> Answer:
    """A letter that offers the remedy, tells the facts for the hearing, or tells the decision with
    reasons, contact person and the way to contest it (409 `not_decided` before): the one that is asked for,
    else the one that the step of the case calls for. The facts of a hearing are named by days and amounts,
    and by a placeholder where they are not on this machine; `records` has their ids. Nothing is sent. The
    reading is logged."""
    case = await operations.find_case(call.database, case_id)
    publications, catalogue = call.app.state.publications, call.app.state.catalogue
    _, standing = await operations.find_standing(call.database, publications, case["unit_id"])
    await _note(call, "draft_read", case)
    own: Language | None = case["language"] or standing.language
    language: Language = query.language or own or call.language
    purpose = query.purpose or purpose_of(case)
    named = await _named(call, standing, language) if purpose == "hearing" else {}
    letter = draft(
        purpose, case, standing, named, catalogue=catalogue, language=language, now=call.now
    )
    body = {
        "purpose": purpose,
        "language": language,
        "is_customer_language": None if own is None else language == own,
        **letter,
        "records": hearing_records(standing, named) if purpose == "hearing" else [],
    }
    return Answer(orjson.dumps(body), headers={"Content-Language": language})


@_declared("remedy", WRITE, "Offer the remedy", description=f"Records that the remedy of the profiles "
           f"was offered to the customer, who has 60 days. {_BY_ITSELF}", **_CHECKED)  # fmt: skip
async def offer_termination_remedy(
    call: Call, case_id: CaseId, body: Annotated[shapes.NewRemedy, typical({"note": None})]
) -> Answer:
    work = partial(process.offer_remedy, note=body.note)
    return await _checked(call, case_id, work, action="remedy_offered")


@_declared("remedy-result", WRITE, "Record how the remedy went", description="`kept` closes the case. "
           "`failed` lets a hearing follow; before the 60 days are over: 409 `term_running`. "
           f"{_BY_ITSELF}", **_CHECKED)  # fmt: skip
async def record_termination_remedy(
    call: Call,
    case_id: CaseId,
    body: Annotated[
        shapes.RemedyResult, typical({"result": "failed", "note": "Two more were late."})
    ],
) -> Answer:
    work = partial(process.record_remedy, result=body.result, note=body.note)
    if body.result == "kept":
        return await _step(call, case_id, work, action="remedy_kept")
    return await _checked(call, case_id, work, action="remedy_failed")


@_declared("hearing", WRITE, "Open the hearing", description="Records that the customer was told the "
           "facts, in the customer's language where it is known; 14 days to answer begin. "
           f"`GET …/draft` writes the letter. {_BY_ITSELF}",
           **_CHECKED | {"prepare": _look_and_name})  # fmt: skip
async def open_termination_hearing(
    call: Call, case_id: CaseId, body: Annotated[shapes.NewHearing, typical({"language": "de"})]
) -> Answer:
    catalogue = call.app.state.catalogue
    names = {} if call.prepared is None else call.prepared.names

    def work(case: Case, actor: Actor, standing: Standing) -> Case:
        options: dict[str, Any] = {"catalogue": catalogue, "language": body.language}
        text = (
            body.text or draft("hearing", case, standing, names, now=actor.now, **options)["text"]
        )
        return process.open_hearing(case, actor, text=text, language=body.language)

    case, has_closed = await operations.take_checked_step(
        _asked(call), case_id, work, action="hearing_opened", version=call.expected_version()
    )
    return _stepped(call, case, has_closed)


@_declared("statements", WRITE, "Record what the customer says", description="Possible from the hearing "
           "until a person has decided, as often as the customer has something to say.")  # fmt: skip
async def add_termination_statement(
    call: Call,
    case_id: CaseId,
    body: Annotated[shapes.NewStatement, typical({"text": "Our own customers paid late."})],
) -> Answer:
    work = partial(process.add_statement, text=body.text)
    return await _step(call, case_id, work, action="statement_recorded")


@_declared("hearing-end", WRITE, "Close the hearing", description="The review by another person may "
           f"begin; before the 14 days are over: 409 `term_running`. {_BY_ITSELF}", **_CHECKED)  # fmt: skip
async def close_termination_hearing(call: Call, case_id: CaseId) -> Answer:
    return await _checked(call, case_id, process.close_hearing, action="hearing_closed")


@_declared("justification", MANAGE, "Justify looking at covert ways", description="Without a written "
           "justification only open ways to end the relationship are shown, and can be chosen. "
           f"{_BY_ITSELF}", **_CHECKED)  # fmt: skip
async def justify_termination_case(
    call: Call,
    case_id: CaseId,
    body: Annotated[
        shapes.NewJustification,
        typical({"text": "Threats against our staff make an explained end unsafe; see file 17."}),
    ],
) -> Answer:
    work = partial(process.justify, text=body.text)
    return await _checked(call, case_id, work, action="case_justified")


@_declared("decision", DECIDE, "Decide a termination case", description="By another person (no key of "
           "the same name) than who proposed or decided it before, after opening the counter-evidence. "
           "To end the relationship needs a strategy all of whose prerequisites hold. Nothing is done to "
           f"the customer: people carry the decision out. {_BY_ITSELF}", **_CHECKED)  # fmt: skip
async def decide_termination_case(
    call: Call,
    case_id: CaseId,
    body: Annotated[shapes.NewDecision, typical(shapes.EXAMPLE_DECISION)],
) -> Answer:
    case, has_closed = await operations.decide(
        _asked(call),
        case_id,
        body.model_dump(),
        catalogue=call.app.state.catalogue,
        version=call.expected_version(),
    )
    return _stepped(call, case, has_closed)


@_declared("execution", WRITE, "Record that the decision was carried out", description="On the planned day "
           f"or later; before: 409 `term_running`. {_BY_ITSELF}", **_CHECKED)  # fmt: skip
async def execute_termination_case(
    call: Call,
    case_id: CaseId,
    body: Annotated[shapes.NewExecution, typical({"executed_on": "2027-03-31"})],
) -> Answer:
    work = partial(process.execute, executed_on=body.executed_on, note=body.note)
    return await _checked(call, case_id, work, action="decision_executed")


@_declared("contest", WRITE, "Record that the customer contests", description="Of a decision to modify or "
           "end the relationship: it is reviewed anew, by another reviewer. A case that was opened since "
           "closes (`objection_first`), or, if it is reviewed as it is contested as well, answers both.",
           )  # fmt: skip
async def contest_termination_case(
    call: Call,
    case_id: CaseId,
    body: Annotated[shapes.NewContest, typical({"statement": "The invoices were disputed."})],
) -> Answer:
    case = await operations.contest(
        _asked(call), case_id, statement=body.statement, version=call.expected_version()
    )
    return _answer(call, case)


@_declared("withdrawal", WRITE, "Withdraw a termination case", description="Closes the case; possible "
           "until its decision was carried out.")  # fmt: skip
async def withdraw_termination_case(
    call: Call,
    case_id: CaseId,
    body: Annotated[shapes.Withdrawal, typical({"reason": "Opened by mistake."})],
) -> Answer:
    work = partial(process.withdraw, reason=body.reason)
    return await _step(call, case_id, work, action="case_withdrawn")
