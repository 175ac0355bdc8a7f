"""Why one unit has its state, churn probability, value and next step: codes and numbers, no text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal, TypeAlias

from services.analytics.calculations.parameters import PhaseThresholds
from shared.money import currency_exponent

Money: TypeAlias = dict[str, str]
Value: TypeAlias = str | int | float | Money
Row: TypeAlias = Mapping[str, object]
Score: TypeAlias = Literal["state", "churn_probability", "value", "recommendation"]

_NO_STEP: Final = {
    "do_nothing": "R_DO_NOTHING",
    "obligation": "R_OPEN_COMPLAINT",
    "excluded": "R_NO_STEP_EXCLUDED",
    "profiling_objection": "R_OBJECTION",
    "terminated": "R_NO_STEP_TERMINATED",
    "blocked": "R_NO_STEP_BLOCKED",
    "termination_case": "R_NO_STEP_TERMINATION_CASE",
    "insufficient_data": "R_NO_STEP_VALUE",
}
_ALTERNATIVE: Final = {
    "not_met": "R_UNMET_CONDITION",
    "holds": "R_HINDERING_CONDITION",
    "unknown": "R_UNKNOWN_CONDITION",
    "spend_cap": "R_SPEND_CAP",
    "no_gain": "R_BEST_LOSES",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes
    ----------
    code
        Id of the catalogue's `reason_codes`.
    params
        Numbers and ids for its text: shares 0 to 1, money as on the wire, dates as ISO 8601.
    contribution
        What it adds, in the unit of the explained score (probability, or base currency); none for
        a reason that adds nothing by itself.
    """

    code: str
    params: dict[str, Value]
    contribution: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for one score, the weightiest first, and what it could not take into account."""

    reasons: tuple[Reason, ...]
    data_gaps: tuple[str, ...] = ()


def explain(
    customer: Row, *, currency: str, thresholds: PhaseThresholds | None = None
) -> dict[Score, Explanation]:
    """Explain the four scores of one unit.

    Parameters
    ----------
    customer
        The columns of one row of the customers frame with its recommendation, by name; amounts in
        currency units, unknown as None or NaN. ``has_active_contract`` of the units may be among
        them and makes the reasons more exact.
    currency
        Base currency, ISO 4217.
    thresholds
        Those the states were assigned with; those of the domain specification unless given.

    Raises
    ------
    ValueError
        The currency is unknown.
    """
    money = _money_in(currency)
    if _word(customer, "recommendation_basis") == "profiling_objection":
        nothing = Explanation((Reason("R_OBJECTION", {}),))
        return dict.fromkeys(("state", "churn_probability", "value", "recommendation"), nothing)
    return {
        "state": explain_state(customer, thresholds=thresholds or PhaseThresholds()),
        "churn_probability": explain_churn(customer),
        "value": explain_value(customer, money=money),
        "recommendation": explain_recommendation(customer, money=money),
    }


def explain_state(customer: Row, *, thresholds: PhaseThresholds) -> Explanation:
    """Explain state and phase by the rule that matched and the numbers in it (A-PHASE, A-LEAD)."""
    rule = _number(customer, "phase_rule")
    if rule is None:
        return Explanation(())
    reasons = _rule_reasons(customer, int(rule), thresholds)
    if _word(customer, "state") == "at_risk" and _word(customer, "phase") == "winback":
        reasons.append(Reason("R_PHASE_LEAVING", {}))
    if customer.get("has_active_contract") is True and rule >= _RULE_AT_RISK:
        reasons.append(Reason("R_CONTRACT", {}))
    stage, goal = _word(customer, "lead_stage"), _word(customer, "goal_id")
    if stage is not None and goal is not None:
        reasons.append(Reason("R_LEAD_STAGE", {"stage": stage, "goal": goal}))
    return Explanation(tuple(reasons))


_RULE_AT_RISK: Final = 7


def _rule_reasons(customer: Row, rule: int, thresholds: PhaseThresholds) -> list[Reason]:
    code = f"R_STATE_RULE_{rule}"
    vitality = _number(customer, "vitality")
    count, gap = _number(customer, "purchase_count"), _number(customer, "gap_days")
    if rule == 6 and vitality is not None:
        limit = thresholds.lapsed_below_vitality
        return [Reason(code, {"vitality": vitality, "limit": limit})]
    if rule == _RULE_AT_RISK:
        return _risk_reasons(customer, thresholds)
    if rule == 8 and gap is not None:
        return [Reason(code, {"days": round(gap)})]
    if rule in (9, 10) and count is not None:
        known = {"n": int(count), "from": thresholds.retained_from_purchases}
        return [Reason(code, dict(known))]
    return [Reason(code, {})] if rule < _RULE_AT_RISK else []


def _risk_reasons(customer: Row, thresholds: PhaseThresholds) -> list[Reason]:
    """Name what crossed its limit; vitality does not count under an active contract."""
    vitality = _number(customer, "vitality")
    churn = _number(customer, "churn_probability")
    reference = _number(customer, "reference_churn_probability")
    reasons = []
    if churn is not None and reference is not None:
        limit = max(
            thresholds.at_risk_from_churn_probability,
            reference + thresholds.at_risk_above_reference,
        )
        if churn >= limit:
            params: dict[str, Value] = {"churn": churn, "limit": limit}
            reasons.append(Reason("R_STATE_RULE_7_CHURN", params, churn - limit))
    has_contract = customer.get("has_active_contract")
    may_count = has_contract is False or (has_contract is None and not reasons)
    if vitality is not None and vitality < thresholds.at_risk_below_vitality and may_count:
        params = {"vitality": vitality, "limit": thresholds.at_risk_below_vitality}
        reasons.insert(0, Reason("R_STATE_RULE_7_VITALITY", params))
    return reasons


def explain_churn(customer: Row) -> Explanation:
    """Explain the churn probability by rhythm and contract; contributions are probabilities."""
    churn = _number(customer, "churn_probability")
    if churn is None:
        return Explanation((), ("value_unknown",) if _is_customer(customer) else ())
    reasons: list[Reason] = []
    horizon = _number(customer, "churn_horizon_days")
    reference = _number(customer, "reference_churn_probability")
    if customer.get("has_active_contract") is True:
        reasons.append(Reason("R_CHURN_CONTRACT", {"p": churn}, churn))
    elif horizon is not None and reference is not None:
        params: dict[str, Value] = {"p": churn, "horizon": round(horizon), "reference": reference}
        reasons.append(Reason("R_CHURN", params, reference))
        reasons += _rhythm_reasons(customer, churn - reference)
    alive = _number(customer, "alive_probability")
    if alive is not None:
        reasons.append(Reason("R_PHASE_ALIVE", {"p": alive}))
    reasons += _thin(customer)
    gaps = ()
    if churn == _number(customer, "baseline_churn_probability"):
        gaps = ("signals_not_used",)
    return Explanation(tuple(reasons), gaps)
