"""A recommended step, and one that was ruled out, as they are told; and why, in codes and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

from services.analytics.calculations.reasons import Explanation, Money, Reason, Value, rounded

Why: TypeAlias = Literal[
    "not_met", "holds", "unknown", "holdout", "decided", "to_be_asked", "spend_cap"
]
_WITHOUT_STEP: Final = {
    "do_nothing": "R_DO_NOTHING",
    "excluded": "R_NO_STEP_EXCLUDED",
    "profiling_objection": "R_OBJECTION",
    "terminated": "R_NO_STEP_TERMINATED",
    "blocked": "R_NO_STEP_BLOCKED",
    "termination_case": "R_NO_STEP_TERMINATION_CASE",
    "insufficient_data": "R_NO_STEP_VALUE",
}
_OWED: Final = {
    "privacy_request": "R_PRIVACY_REQUEST",
    "complaint_handling": "R_OPEN_COMPLAINT",
    "answer_message": "R_ANSWER_WAITING",
}
_WORST: Final = 3
_RULED_OUT: Final = {
    "not_met": "R_UNMET_CONDITION",
    "holds": "R_HINDERING_CONDITION",
    "unknown": "R_UNKNOWN_CONDITION",
    "holdout": "R_HOLDOUT",
    "decided": "R_DECIDED",
    "to_be_asked": "R_TO_BE_ASKED",
    "spend_cap": "R_SPEND_CAP",
}


@dataclass(frozen=True, slots=True)
class Triage:
    """How urgent an open complaint is: `complaint_priorities`.

    Attributes
    ----------
    severity
        1 to 3, 3 is worst.
    priority
        Its place in the queue, 0 to 1; None before it was computed.
    open_count
        How many complaints of the customer are open; this one is the gravest.
    """

    severity: int
    priority: float | None
    open_count: int = 1

    @property
    def is_at_once(self) -> bool:
        """Whether a person takes care of it without delay (domain specification 6.9)."""
        return self.severity == _WORST


@dataclass(frozen=True, slots=True)
class Step:
    """One recommended step; amounts are in base currency, None is unknown.

    Attributes
    ----------
    rank
        1 is the best; 0 what is owed, which has no expected value.
    expected_value, stake, contact_cost, incentive_cost, risk_cost
        Base currency; domain specification 6.2.
    base_probability, effect_probability
        The chance of success without it, and by how much it raises that.
    fit, quality
        Factor of the effect, and the part of the channel in it.
    signal_id
        The strongest churn signal that it answers.
    event_id
        The event that calls for it.
    event_record_id
        The record of that event, of the first step; of what is owed the message or case.
    valid_until
        The last day on which the event is open; None without one.
    person_id
        Whom it addresses: of what is owed who wrote, complained or asked.
    language
        Of that person, if it is known.
    due_on
        The last day to settle what is owed; None of a message, which waits too long already.
    is_late
        Whether that day has passed.
    triage
        Of an open complaint.
    incentive_share, incentive_amount
        What is given on success: share of the order, and base currency; None for nothing.
    motive_id
        The motive of the customer, if it favors the strategy.
    """

    rank: int
    recommendation_id: str
    goal_id: str | None
    strategy_id: str | None
    instrument_id: str
    channel_id: str | None = None
    product_id: str | None = None
    product_name: str | None = None
    expected_value: float | None = None
    stake: float | None = None
    base_probability: float | None = None
    effect_probability: float | None = None
    contact_cost: float | None = None
    incentive_cost: float | None = None
    risk_cost: float | None = None
    fit: float | None = None
    quality: float | None = None
    signal_id: str | None = None
    event_id: str | None = None
    event_record_id: str | None = None
    valid_until: date | None = None
    person_id: str | None = None
    language: str | None = None
    due_on: date | None = None
    is_late: bool = False
    triage: Triage | None = None
    incentive_share: float | None = None
    incentive_amount: float | None = None
    motive_id: str | None = None


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A step that would bring more than nothing and is not recommended.

    Attributes
    ----------
    expected_value
        What it would bring; base currency.
    why
        `not_met` (a condition), `holds` (one that speaks against it), `unknown` (a condition of which
        nothing is known), `holdout`, `decided`, `to_be_asked` or `spend_cap`.
    condition_id
        The condition, for the first three.
    experiment_id
        The experiment whose control group the customer is in.
    """

    strategy_id: str
    instrument_id: str
    expected_value: float
    why: Why
    condition_id: str | None = None
    experiment_id: str | None = None


def explain_steps(
    basis: str | None,
    steps: Sequence[Step],
    ruled_out: Sequence[RuledOut],
    *,
    gaps: Sequence[str] = (),
    money: Callable[[float], Money],
) -> Explanation:
    """Explain what comes first and why, or why there is no step.

    The contributions of a step, base currency, add up to its expected value. Source: domain
    specification 6.1, 6.2.
    """
    reasons: list[Reason] = []
    if basis in _WITHOUT_STEP:
        reasons.append(Reason(_WITHOUT_STEP[basis], {}))
    for step in steps:
        if step.rank == 0:
            reasons += explain_step(step, money=money)
    best = next((step for step in steps if step.rank == 1), None)
    if best is not None:
        reasons += explain_step(best, money=money)
    if ruled_out:
        reasons.append(explain_ruled_out(ruled_out[0], money=money))
    return Explanation(tuple(reasons), tuple(gaps))


def explain_step(step: Step, *, money: Callable[[float], Money]) -> list[Reason]:
    """Say why a step is recommended, and what its value is made of."""
    if step.rank == 0:
        return [
            Reason(_OWED[step.instrument_id], {}),
            *_urgency(step),
            Reason("R_NEXT_OBLIGATION", {"instrument": step.instrument_id}),
        ]
    named: dict[str, Value] = {
        "instrument": step.instrument_id,
        "strategy": step.strategy_id or "",
        "goal": step.goal_id or "",
    }
    reasons = [Reason("R_NEXT_STEP", named)]
    if step.event_id is not None:
        reasons.append(Reason("R_EVENT", {"event": step.event_id}))
    if step.signal_id is not None:
        reasons.append(Reason("R_ANSWERS", {"signal": step.signal_id}))
    if step.motive_id is not None:
        params: dict[str, Value] = {"motive": step.motive_id, "strategy": step.strategy_id or ""}
        reasons.append(Reason("R_MOTIVE", params))
    if step.channel_id is not None:
        reasons.append(Reason("R_CHANNEL", {"channel": step.channel_id}))
    if step.product_name is not None:
        reasons.append(Reason("R_OFFERED_PRODUCT", {"product": step.product_name}))
    return reasons + _parts(step, money)


def _urgency(step: Step) -> list[Reason]:
    if step.due_on is None:
        return []
    named: dict[str, Value] = {"due": step.due_on.isoformat()}
    if step.triage is None:
        return [
            Reason("R_PRIVACY_REQUEST_LATE" if step.is_late else "R_PRIVACY_REQUEST_DUE", named)
        ]
    named["severity"] = step.triage.severity
    if step.is_late:
        return [Reason("R_COMPLAINT_LATE", named)]
    return [Reason("R_COMPLAINT_AT_ONCE" if step.triage.is_at_once else "R_COMPLAINT_DUE", named)]


def _parts(step: Step, money: Callable[[float], Money]) -> list[Reason]:
    value, stake, effect = step.expected_value, step.stake, step.effect_probability
    if value is None or stake is None or effect is None:
        return []
    costs = (step.contact_cost, step.incentive_cost, step.risk_cost)
    params: dict[str, Value] = {
        "ev": money(value),
        "effect": rounded(effect),
        "value": money(stake),
        "cost": money(sum(cost or 0.0 for cost in costs)),
    }
    reasons = [Reason("R_EV", params)]
    params = {
        "instrument": step.instrument_id,
        "effect": rounded(effect),
        "value": money(stake),
        "gain": money(effect * stake),
    }
    reasons.append(Reason("R_EV_EFFECT", params, rounded(effect * stake)))
    if step.contact_cost and step.channel_id is not None:
        params = {"channel": step.channel_id, "cost": money(step.contact_cost)}
        reasons.append(Reason("R_EV_CONTACT", params, -rounded(step.contact_cost)))
    for code, cost in (("R_EV_INCENTIVE", step.incentive_cost), ("R_EV_RISK", step.risk_cost)):
        if cost:
            reasons.append(Reason(code, {"cost": money(cost)}, -rounded(cost)))
    return reasons


def explain_ruled_out(step: RuledOut, *, money: Callable[[float], Money]) -> Reason:
    """Say why a step is not recommended."""
    code = _RULED_OUT[step.why]
    if step.why == "holdout":
        return Reason(code, {"experiment": step.experiment_id or ""})
    params: dict[str, Value] = {
        "instrument": step.instrument_id,
        "ev": money(step.expected_value),
    }
    if step.condition_id is not None:
        params["condition"] = step.condition_id
    return Reason(code, params)
