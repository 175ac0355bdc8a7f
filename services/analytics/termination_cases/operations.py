"""Opens termination cases and takes their steps; the rules are in `process`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, insert, select, update
from uuid_utils import uuid7

from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.customers.operations import CustomerMissing, find_customer
from services.analytics.publication import Publication, Publications
from services.analytics.termination_cases import log, process
from services.analytics.termination_cases.naming import Names
from services.analytics.termination_cases.present import ChangedSince, Present
from services.analytics.termination_cases.process import Actor, Case, Standing
from services.analytics.termination_cases.strategies import checked_decision
from services.analytics.termination_cases.table import termination_cases
from services.foundation.calls import Call
from services.foundation.columns import Identifier
from services.foundation.database import Reader, Transaction
from services.foundation.problems import NotFound, Problem, StaleVersion, invalid
from services.foundation.statements import Record, Statement

_c = termination_cases.c
_one = select(termination_cases).where(_c.id == bindparam("id", type_=Identifier))
_ONE, _LOCK = Statement(_one), Statement(_one.with_for_update())
_OPEN = Statement(select(_c.id).where(_c.open_unit_id == bindparam("unit_id", type_=Identifier)))
_ADD = Statement(insert(termination_cases))
_CHANGED = [column.name for column in _c if column.name not in ("id", "unit_id")]
_SET = Statement(
    update(termination_cases)
    .where(_c.id == bindparam("at_id", type_=Identifier))
    .values({name: bindparam(f"set_{name}", type_=_c[name].type) for name in _CHANGED})
)


class CaseMissing(NotFound):
    code, title = "case_missing", "There is no such termination case."


class CaseIsOpen(Problem):
    code, status, title = "case_is_open", 409, "This customer has an open case already."


class ProfileNotMet(Problem):
    code, status, title = "profile_not_met", 409, "A profile needs a signal that is not met."


class ClosedByItself(Problem):
    code, status = "closed_by_itself", 409
    title = "The grounds are gone, so the case has closed by itself and the step was not taken."


@dataclass(frozen=True)
class Looked:
    """Which version was compared with the CRM, what stands against resting on it, and names of records."""

    version: int
    problem: Problem | None
    names: Names = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """Who asks for a step, and what that needs."""

    transaction: Transaction
    publications: Publications
    call: Call
    looked: Looked | None = None

    def check_present(self, publication: Publication) -> None:
        """Refuse to rest on what is published if a refresh would publish something else."""
        if self.looked is None or self.looked.version != publication.number:
            raise ChangedSince()
        if self.looked.problem is not None:
            raise self.looked.problem

    def actor(self, publication: Publication) -> Actor:
        principal = self.call.principal
        day = min(self.call.now.date(), publication.version["as_of"])
        return Actor(principal.key_id, principal.name, self.call.now, day)

    async def note(self, action: str, case: Case, *, by_itself: bool = False) -> None:
        """Put a change into the log."""
        row = log.case_entry(
            action,
            case,
            now=self.call.now,
            by=None if by_itself else self.call.principal,
            request_id=self.call.request_id,
        )
        await log.add(self.transaction, row)


def standing_of(row: Record, publication: Publication) -> Standing:
    """Read what the published version says of a unit."""

    def ids(name: str) -> tuple[str, ...]:
        return tuple((row[name] or "").split())

    return Standing(
        version=publication.number,
        as_of=publication.version["as_of"],
        signals=ids("termination_signal_ids"),
        blocks=ids("termination_block_ids"),
        is_ended=row["state"] in ("excluded", "terminated"),
        has_active_contract=bool(row["has_active_contract"]),
        evidence=orjson.loads(row["termination_evidence"] or "{}"),
        language=row["language"],
    )


async def find_standing(
    reader: Reader, publications: Publications, unit_id: str
) -> tuple[Publication, Standing]:
    """Return what is published of a unit now.

    Raises
    ------
    CustomerMissing
        The published version has no such unit.
    """
    publication, row = await publications.read(
        lambda current: find_customer(reader, current, unit_id)
    )
    return publication, standing_of(row, publication)


async def look(
    reader: Reader, publications: Publications, present: Present, unit_id: str, *, now: datetime
) -> Looked | None:
    """Compare what is published of a unit with the CRM; None if nothing is."""
    try:
        publication, _ = await find_standing(reader, publications, unit_id)
    except CustomerMissing:
        return None
    try:
        await present.check(publication.version, unit_id, now=now)
    except Problem as problem:
        return Looked(publication.number, problem)
    return Looked(publication.number, None)


async def find_case(reader: Reader, case_id: str) -> Case:
    """Return a case.

    Raises
    ------
    CaseMissing
        There is none with this id.
    """
    case = await reader.first(_ONE, {"id": case_id})
    if case is None:
        raise CaseMissing(f"There is no termination case {case_id}.")
    return case


async def open_case(
    asked: Asked, *, unit_id: str, profile_ids: list[str], note: str, catalogue: Catalogue
) -> Case:
    """Open a case, if the published version permits a review; always of one unit.

    Raises
    ------
    CustomerMissing, ReviewNotPermissible, CaseBlocked
        The published version does not permit it.
    CaseIsOpen
        The unit has an open case.
    Invalid
        A profile is none of the catalogue.
    ProfileNotMet
        The signal of a profile is not met.
    OfAnotherDay, ChangedSince, CrmUnread
        What is published is not what holds now.
    """
    publication, standing = await find_standing(asked.transaction, asked.publications, unit_id)
    signals = {each.id: each.signal for each in catalogue.terminate_profiles}
    for place, profile_id in enumerate(profile_ids):
        if profile_id not in signals:
            known = f"Known are: {', '.join(signals)}."
            raise invalid(f"/body/profile_ids/{place}", "unknown_id", known)
    process.check_permissible(standing)
    for profile_id in profile_ids:
        if signals[profile_id] not in standing.signals:
            raise ProfileNotMet(f"The profile {profile_id} needs the signal {signals[profile_id]}.")
    found = await asked.transaction.first(_OPEN, {"unit_id": unit_id})
    if found is not None:
        raise CaseIsOpen(extra={"existing_id": found["id"]})
    asked.check_present(publication)
    case = process.open_case(
        str(uuid7()),
        unit_id,
        profiles=list(dict.fromkeys(profile_ids)),
        note=note,
        standing=standing,
        actor=asked.actor(publication),
    )
    await asked.transaction.run(_ADD, case)
    await asked.note("case_opened", case)
    return case


async def lock(transaction: Transaction, case_id: str, version: int | None) -> Case:
    """Return a case that nobody else changes until the end of the transaction.

    Raises
    ------
    CaseMissing, StaleVersion
        There is none, or it is not at that version.
    """
    case = await transaction.first(_LOCK, {"id": case_id})
    if case is None:
        raise CaseMissing(f"There is no termination case {case_id}.")
    if version is not None and case["version"] != version:
        raise StaleVersion(f"The record's version is {case['version']}, If-Match named {version}.")
    return case


async def store(transaction: Transaction, case: Case) -> None:
    """Write a case as it is."""
    values = {f"set_{name}": case[name] for name in _CHANGED} | {"at_id": case["id"]}
    await transaction.run(_SET, values)


Work = Callable[[Case, Actor], Case]


async def take_step(
    asked: Asked, case_id: str, work: Work, *, action: str, version: int | None
) -> Case:
    """Take a step that only helps the customer, so that nothing has to be met.

    Raises
    ------
    CaseMissing, StaleVersion, WrongStep, TermRunning
        It cannot be taken.
    """
    case = await lock(asked.transaction, case_id, version)
    actor = asked.actor(await asked.publications.current())
    return await _keep(asked, case, work(case, actor), action)


async def take_checked_step(
    asked: Asked,
    case_id: str,
    work: Callable[[Case, Actor, Standing], Case],
    *,
    action: str,
    version: int | None,
) -> tuple[Case, bool]:
    """Take a step if the published version still permits it; tells whether the case closed instead.

    Raises
    ------
    CaseMissing, CustomerMissing, StaleVersion, CaseBlocked, WrongStep, TermRunning
        It cannot be taken.
    OfAnotherDay, ChangedSince, CrmUnread
        What is published is not what holds now.
    """
    case = await lock(asked.transaction, case_id, version)
    publication, standing = await find_standing(
        asked.transaction, asked.publications, case["unit_id"]
    )
    actor = asked.actor(publication)
    outcome = process.fallen(case, standing)
    if outcome is not None:
        asked.check_present(publication)
        by_itself = Actor(None, log.AUTOMATIC, actor.now, actor.day)
        closed = process.close(process.checked(case, standing), by_itself, outcome=outcome)
        return await _keep(asked, case, closed, "case_closed", by_itself=True), True
    # After an end was carried out, an objection to it is looked at whatever is published.
    if case["step"] != "closed" and case["content"]["execution"] is None and not standing.is_ended:
        process.check_permissible(standing)
    after = work(process.checked(case, standing), actor, standing)
    asked.check_present(publication)
    return await _keep(asked, case, after, action), False


async def contest(asked: Asked, case_id: str, *, statement: str, version: int | None) -> Case:
    """Record that the customer contests a decision, whatever else is open about the customer.

    What was proposed since closes, as the earlier decision is reviewed first; if that is in review
    because the customer contests it as well, one review answers both.

    Raises
    ------
    CaseMissing, StaleVersion, WrongStep
        There is no such decision.
    """
    case = await lock(asked.transaction, case_id, version)
    actor = asked.actor(await asked.publications.current())
    after = process.contest(case, actor, statement=statement)
    found = await asked.transaction.first(_OPEN, {"unit_id": case["unit_id"]})
    if found is not None and found["id"] != case_id:
        other = await lock(asked.transaction, found["id"], None)
        if other["step"] == "review" and other["content"]["contests"]:
            joined = process.join_contest(other, after)
            await _keep(asked, other, joined, "decision_contested")
            after = case | {"content": case["content"] | {"contests": after["content"]["contests"]}}
        else:
            by_itself = Actor(None, log.AUTOMATIC, actor.now, actor.day)
            closed = process.close(other, by_itself, outcome="objection_first")
            await _keep(asked, other, closed, "case_closed", by_itself=True)
    return await _keep(asked, case, after, "decision_contested")


async def _keep(
    asked: Asked, before: Case, after: Case, action: str, *, by_itself: bool = False
) -> Case:
    kept = after | {"version": before["version"] + 1}
    await store(asked.transaction, kept)
    await asked.note(action, kept, by_itself=by_itself)
    return kept


async def open_counter_evidence(asked: Asked, case_id: str) -> tuple[Case, Standing]:
    """Return what speaks for and against each signal, and remember who opened it.

    Raises
    ------
    CaseMissing, CustomerMissing
        There is no such case, or nothing is published of its unit.
    """
    case = await lock(asked.transaction, case_id, None)
    publication, standing = await find_standing(
        asked.transaction, asked.publications, case["unit_id"]
    )
    opened = process.note_opening(case, asked.actor(publication))
    await store(asked.transaction, opened)
    await asked.note("counter_evidence_read", opened)
    return opened, standing


async def decide(
    asked: Asked,
    case_id: str,
    decision: Mapping[str, Any],
    *,
    catalogue: Catalogue,
    version: int | None,
) -> tuple[Case, bool]:
    """Record what a reviewer decided; that the relationship continues needs no grounds to be left.

    Raises
    ------
    CaseMissing, CustomerMissing, StaleVersion, CaseBlocked, WrongStep
        It cannot be decided.
    FourEyes, CounterEvidenceUnread
        Not by this key, or not yet.
    Invalid, PrerequisiteUnmet
        The reason is too short, or the strategy cannot be chosen so.
    """

    publication = await asked.publications.current()
    products = {product["id"] for product in publication.products}

    def work(case: Case, actor: Actor, standing: Standing | None) -> Case:
        process.check_reviewer(case, actor)
        process.check_substance(decision["reason"], "/body/reason")
        shown = checked_decision(
            decision, case=case, standing=standing, today=actor.now.date(), catalogue=catalogue
        )
        whole = decision["whole_offer"]
        if whole is not None and whole not in products:
            raise invalid("/body/whole_offer", "unknown_product", "There is no such product.")
        return process.decide(case, actor, decision=shown)

    if decision["choice"] == "continue":

        def keep_on(case: Case, actor: Actor) -> Case:
            return work(case, actor, None)

        after = await take_step(asked, case_id, keep_on, action="case_decided", version=version)
        return after, False
    return await take_checked_step(asked, case_id, work, action="case_decided", version=version)
