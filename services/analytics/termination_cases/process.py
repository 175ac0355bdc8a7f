"""The rules of due process: what may follow on what, when, and by whom; nothing is read or written here.

Source: domain specification 5. A case is a row of `termination_cases`; every function returns another one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from services.foundation.problems import Problem, invalid
from shared.values import Language, wire_instant

SIGNALS_FROM: Final = 2
REMEDY: Final = timedelta(days=60)
HEARING: Final = timedelta(days=14)
SHORTEST_TEXT: Final = 40
"""Letters of a text that a decision or a hearing rests on."""
MOST_OF_A_KIND: Final = 20
"""Statements and contests that one case holds."""
Case = dict[str, Any]


class ReviewNotPermissible(Problem):
    code, status = "review_not_permissible", 409
    title = "Fewer than two signals are met, so a review is not permissible."


class CaseBlocked(Problem):
    code, status, title = "case_blocked", 409, "Something forbids any step against this customer."


class WrongStep(Problem):
    code, status, title = "wrong_step", 409, "This does not follow on what the case has come to."


class TermRunning(Problem):
    code, status, title = "term_running", 409, "A term is still running and cannot be cut short."

    def __init__(self, until: datetime | date) -> None:
        is_instant = isinstance(until, datetime)
        shown = wire_instant(until) if isinstance(until, datetime) else until.isoformat()
        super().__init__(f"This is possible from {shown} on{' (UTC)' if is_instant else ''}.")


class FourEyes(Problem):
    code, status = "four_eyes", 409
    title = "Another person decides than who proposed, or who decided before."


class CounterEvidenceUnread(Problem):
    code, status = "counter_evidence_unread", 409
    title = "Whoever decides has to open the counter-evidence first."


@dataclass(frozen=True)
class Standing:
    """What a published version says of a unit.

    Attributes
    ----------
    version, as_of
        Which version, and the day it is of.
    signals, blocks
        Ids; in alphabetical order.
    is_ended
        The relationship is over.
    has_active_contract
        A won contract runs.
    evidence
        Signal id -> ``grounds`` and ``counter_evidence``, ids of records.
    language
        That of the customer, None if it is not known.
    """

    version: int
    as_of: date
    signals: tuple[str, ...]
    blocks: tuple[str, ...]
    is_ended: bool
    has_active_contract: bool
    evidence: Mapping[str, Mapping[str, list[str]]]
    language: Language | None = None


@dataclass(frozen=True)
class Actor:
    """Who acts, when, and on which day of the numbers: the earlier one of today and theirs."""

    key_id: str | None
    name: str
    now: datetime
    day: date

    def mark(self) -> dict[str, Any]:
        return {"at": wire_instant(self.now), "key_id": self.key_id, "name": self.name}


def check_permissible(standing: Standing) -> None:
    """Refuse what the published version does not allow.

    Raises
    ------
    ReviewNotPermissible
        Fewer than two different signals are met.
    CaseBlocked
        Something forbids it; that always wins.
    """
    if len(set(standing.signals)) < SIGNALS_FROM:
        raise ReviewNotPermissible()
    if standing.blocks:
        raise CaseBlocked(f"What forbids it: {', '.join(standing.blocks)}.")


def fallen(case: Case, standing: Standing) -> str | None:
    """Return the outcome of a case that closes by itself; None if it goes on.

    A decided end may have come true in the CRM before that is recorded here. What a customer contests is
    always answered by a person, as what was decided would stand otherwise.
    """
    content = case["content"]
    is_contested = case["step"] == "review" and bool(content["contests"])
    if case["step"] == "closed" or is_contested or content["execution"] is not None:
        return None
    if standing.is_ended:
        return None if case["step"] == "approved" else "ended_otherwise"
    return "signals_gone" if len(set(standing.signals)) < SIGNALS_FROM else None


def checked(case: Case, standing: Standing) -> Case:
    """Remember what the signals and blocks were when a step was taken."""
    found = {"version": standing.version, "as_of": standing.as_of.isoformat()}
    found |= {"signals": list(standing.signals), "blocks": list(standing.blocks)}
    return case | {"content": case["content"] | {"checked": found}}


def open_case(
    case_id: str, unit_id: str, *, profiles: list[str], note: str, standing: Standing, actor: Actor
) -> Case:
    """Return a new case."""
    content = {
        "profile_ids": profiles,
        "note": note,
        "proposed": actor.mark(),
        "remedy": None,
        "hearing": None,
        "statements": [],
        "openings": [],
        "review_since": None,
        "justification": None,
        "decisions": [],
        "contests": [],
        "execution": None,
        "closing": None,
    }
    case: Case = {
        "id": case_id,
        "unit_id": unit_id,
        "open_unit_id": unit_id,
        "version": 1,
        "step": "proposed",
        "step_day": actor.day,
        "outcome": None,
        "language": standing.language,
        "opened_at": actor.now,
        "opened_day": actor.day,
        "remedy_failed_day": None,
        "hearing_closed_day": None,
        "closed_day": None,
        "updated_at": actor.now,
        "content": content,
    }
    return checked(case, standing)


def offer_remedy(case: Case, actor: Actor, *, note: str | None) -> Case:
    """Offer the remedy of the profiles; it has 60 days."""
    _at(case, "proposed")
    remedy = actor.mark() | {"note": note, "result": None, "result_at": None, "result_note": None}
    remedy["due_at"] = wire_instant(actor.now + REMEDY)
    return _to(case, "remedy", actor, remedy=remedy)


def record_remedy(case: Case, actor: Actor, *, result: str, note: str | None) -> Case:
    """Record how the remedy went: kept closes the case, failed lets a hearing follow."""
    remedy = case["content"]["remedy"]
    _at(case, "remedy", is_right=remedy is not None and remedy["result"] is None)
    told = remedy | {"result": result, "result_at": wire_instant(actor.now), "result_note": note}
    if result == "kept":
        return close(_to(case, "remedy", actor, remedy=told), actor, outcome="remedy_kept")
    _after(remedy["due_at"], actor)
    return _to(case, "remedy", actor, remedy=told) | {"remedy_failed_day": actor.day}


def check_substance(text: str, place: str) -> None:
    """Refuse a text that says too little.

    Raises
    ------
    Invalid
        It has too few letters.
    """
    if len("".join(text.split())) < SHORTEST_TEXT:
        message = f"At least {SHORTEST_TEXT} letters are expected, spaces not counted."
        raise invalid(place, "too_short", message)


def open_hearing(case: Case, actor: Actor, *, text: str, language: str) -> Case:
    """Record that the customer was told the facts; 14 days to answer begin.

    Raises
    ------
    WrongStep, Invalid
        The remedy has not failed, the text says too little, or it is not in the customer's language.
    """
    _at(case, "remedy", is_right=case["remedy_failed_day"] is not None)
    check_substance(text, "/body/text")
    known = case["language"]
    if known is not None and language != known:
        message = f"The customer is heard in the language {known}."
        raise invalid("/body/language", "not_of_customer", message)
    hearing = actor.mark() | {"text": text, "language": language, "closed_at": None}
    hearing["due_at"] = wire_instant(actor.now + HEARING)
    return _to(case, "hearing", actor, hearing=hearing)


def add_statement(case: Case, actor: Actor, *, text: str) -> Case:
    """Record what the customer says; possible until a person has decided."""
    statements = case["content"]["statements"]
    is_right = case["step"] in ("hearing", "review") and len(statements) < MOST_OF_A_KIND
    _at(case, case["step"], is_right=is_right)
    said = [*statements, actor.mark() | {"text": text}]
    return _to(case, case["step"], actor, statements=said) | {"step_day": case["step_day"]}


def close_hearing(case: Case, actor: Actor) -> Case:
    """End the hearing; the review by another person may begin."""
    _at(case, "hearing")
    hearing = case["content"]["hearing"]
    _after(hearing["due_at"], actor)
    now = wire_instant(actor.now)
    after = _to(case, "review", actor, hearing=hearing | {"closed_at": now}, review_since=now)
    return after | {"hearing_closed_day": actor.day}


def note_opening(case: Case, actor: Actor) -> Case:
    """Remember who opened the counter-evidence, newest last; that alone changes nothing else."""
    kept = [each for each in case["content"]["openings"] if each["key_id"] != actor.key_id]
    openings = [*kept, actor.mark()][-MOST_OF_A_KIND:]
    return case | {"content": case["content"] | {"openings": openings}}


def justify(case: Case, actor: Actor, *, text: str) -> Case:
    """Attach the written justification without which covert strategies stay hidden."""
    _at(case, "review")
    after = _to(case, "review", actor, justification=actor.mark() | {"text": text})
    return after | {"step_day": case["step_day"]}


def check_reviewer(case: Case, actor: Actor) -> None:
    """Refuse who may not decide.

    Raises
    ------
    WrongStep
        There is no review.
    FourEyes
        The key, or another one of the same name, proposed the case, or decided it before.
    CounterEvidenceUnread
        The key has not opened the counter-evidence since the review began.
    """
    _at(case, "review")
    content = case["content"]
    before = [content["proposed"], *content["decisions"]]
    # A person may have several keys, and gives all of them the same name.
    if any(
        each["key_id"] == actor.key_id or _folded(each["name"]) == _folded(actor.name)
        for each in before
    ):
        raise FourEyes()
    since = content["review_since"]
    if not any(o["key_id"] == actor.key_id and o["at"] >= since for o in content["openings"]):
        raise CounterEvidenceUnread()


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def decide(case: Case, actor: Actor, *, decision: Mapping[str, Any]) -> Case:
    """Record the decision of a reviewer who was checked; to end a relationship it has to be executed."""
    content = case["content"]
    decisions = [*content["decisions"], actor.mark() | dict(decision)]
    choice = decision["choice"]
    if choice == "terminate" and content["execution"] is None:
        return _to(case, "approved", actor, decisions=decisions)
    outcome = {"continue": "continued", "modify": "modified", "terminate": "terminated"}[choice]
    return close(_to(case, "review", actor, decisions=decisions), actor, outcome=outcome)


def execute(case: Case, actor: Actor, *, executed_on: date, note: str | None) -> Case:
    """Record that people carried the decision out, on the planned day or later.

    Raises
    ------
    WrongStep, TermRunning, Invalid
        No end is decided, its day has not come, or a day to come is named.
    """
    _at(case, "approved")
    planned = date.fromisoformat(case["content"]["decisions"][-1]["planned_end_on"])
    if executed_on > actor.now.date():
        raise invalid("/body/executed_on", "out_of_range", "A day up to today is expected.")
    if executed_on < planned or actor.now.date() < planned:
        raise TermRunning(planned)
    execution = actor.mark() | {"executed_on": executed_on.isoformat(), "note": note}
    return close(_to(case, "approved", actor, execution=execution), actor, outcome="terminated")


def contest(case: Case, actor: Actor, *, statement: str) -> Case:
    """Record that the customer contests the decision: another reviewer decides anew."""
    contests = case["content"]["contests"]
    is_decided = case["step"] == "approved" or case["outcome"] in ("modified", "terminated")
    _at(case, case["step"], is_right=is_decided and len(contests) < MOST_OF_A_KIND)
    added = [*contests, actor.mark() | {"statement": statement}]
    since = wire_instant(actor.now)
    after = _to(case, "review", actor, contests=added, review_since=since, closing=None)
    return after | {"open_unit_id": case["unit_id"], "outcome": None, "closed_day": None}


def join_contest(case: Case, contested: Case) -> Case:
    """Let a contest be answered by the review that another decision of this customer is in."""
    contests = [*case["content"]["contests"], contested["content"]["contests"][-1]]
    return case | {"content": case["content"] | {"contests": contests[-MOST_OF_A_KIND:]}}


def withdraw(case: Case, actor: Actor, *, reason: str) -> Case:
    """Give the proposal up; possible as long as nothing is executed."""
    is_right = case["step"] != "closed" and case["content"]["execution"] is None
    _at(case, case["step"], is_right=is_right)
    return close(case, actor, outcome="withdrawn", reason=reason)


def close(case: Case, actor: Actor, *, outcome: str, reason: str | None = None) -> Case:
    """End the case."""
    closing = actor.mark() | {"reason": reason}
    after = _to(case, "closed", actor, closing=closing)
    return after | {"open_unit_id": None, "outcome": outcome, "closed_day": actor.day}


def open_conditions(
    required: Collection[str],
    forbidden: Collection[str],
    *,
    case: Case,
    standing: Standing,
    decision: Mapping[str, Any],
    today: date,
) -> tuple[list[str], list[str]]:
    """Return which conditions of a strategy do not hold: unmet prerequisites, and what stands against it.

    What no record says a reviewer has to confirm with a proof.
    """
    content = case["content"]
    notice_ends = today + timedelta(days=decision["notice_days"])
    holds = {
        "human_decision": True,
        "two_signals": len(set(standing.signals)) >= SIGNALS_FROM
        or content["execution"] is not None,
        "due_process_done": None not in (case["remedy_failed_day"], case["hearing_closed_day"]),
        "justification_documented": content["justification"] is not None,
        "notice_period_kept": decision["planned_end_on"] >= notice_ends,
    }
    confirmed = {each["condition"] for each in decision["confirmations"]}
    stands = {"protected": bool(standing.blocks), "active_contract": standing.has_active_contract}
    unmet = [name for name in sorted(set(required)) if not holds.get(name, name in confirmed)]
    return unmet, [name for name in sorted(set(forbidden)) if stands.get(name, True)]


def _at(case: Case, step: str, *, is_right: bool = True) -> None:
    if case["step"] != step or not is_right:
        raise WrongStep(f"The case stands at the step {case['step']}.")


def _after(due: str, actor: Actor) -> None:
    until = datetime.fromisoformat(due)
    if actor.now < until:
        raise TermRunning(until)


def _to(case: Case, step: str, actor: Actor, **content: Any) -> Case:
    changed = {"step": step, "step_day": actor.day, "updated_at": actor.now}
    return case | changed | {"content": case["content"] | content}
