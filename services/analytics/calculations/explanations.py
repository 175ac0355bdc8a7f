"""Why one unit has its state, churn probability and value: codes and numbers; steps explain themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from services.analytics.calculations.contracts.reasons import contract_reasons
from services.analytics.calculations.parameters import PhaseThresholds
from services.analytics.calculations.reasons import (
    Explanation,
    Money,
    Reason,
    Row,
    Value,
    flag,
    money_in,
    number,
    rounded,
    word,
)
from services.analytics.calculations.signals.reasons import (
    has_churn_parts,
    signal_gaps,
    signal_reasons,
    silence_reasons,
)

Score: TypeAlias = Literal["state", "churn_probability", "value"]

SCORES: Final[tuple[Score, ...]] = ("state", "churn_probability", "value")

# A change of the value is told from this share of it, and of the margin of a purchase.
_TOLD_SHARE: Final = 0.05
_TOLD_MARGIN: Final = 0.01
_LAPSED, _AT_RISK, _NEW, _DEVELOPING, _RETAINED = 6, 7, 8, 9, 10


def explain(
    customer: Row,
    *,
    currency: str,
    basis: str | None = None,
    thresholds: PhaseThresholds | None = None,
) -> dict[Score, Explanation]:
    """Explain the scores of one unit; an objection to profiling is all that is said of it.

    Parameters
    ----------
    customer
        One row of the customers frame with its goal, by column; amounts in currency
        units, unknown as None or NaN; and ``has_active_contract`` of the units, which decides what
        silence means.
    currency
        Base currency, ISO 4217.
    basis
        What the purchase model rests on; unknown if not given.
    thresholds
        Those the states were assigned with; those of the domain specification unless given.

    Raises
    ------
    ValueError
        The currency is unknown.
    """
    money = money_in(currency)
    if word(customer, "recommendation_basis") == "profiling_objection":
        return dict.fromkeys(SCORES, Explanation((Reason("R_OBJECTION", {}),)))
    return {
        "state": explain_state(customer, thresholds=thresholds or PhaseThresholds()),
        "churn_probability": explain_churn(customer, money=money, basis=basis),
        "value": explain_value(customer, money=money),
    }


def explain_state(customer: Row, *, thresholds: PhaseThresholds) -> Explanation:
    """Explain state and phase by the rule that matched and the numbers in it.

    Source: domain specification 2.3.
    """
    rule = number(customer, "phase_rule")
    if rule is None:
        return Explanation(())
    reasons = _rule_reasons(customer, int(rule), thresholds)
    if word(customer, "state") == "at_risk" and word(customer, "phase") == "winback":
        reasons.append(Reason("R_PHASE_LEAVING", {}))
    if flag(customer, "has_active_contract") and rule >= _AT_RISK:
        reasons.append(Reason("R_CONTRACT", {}))
    stage, goal = word(customer, "lead_stage"), word(customer, "goal_id")
    if stage is not None and goal is not None:
        reasons.append(Reason("R_LEAD_STAGE", {"stage": stage, "goal": goal}))
    return Explanation(tuple(reasons))


def explain_churn(
    customer: Row, *, money: Callable[[float], Money], basis: str | None = None
) -> Explanation:
    """Explain the churn probability by rhythm or contract and by signals.

    Contributions are probabilities. Without signals they add up: what holds right after a purchase,
    and what the silence since then has added; those of signals need not. Source: domain
    specification 2.1, 2.2, 4.
    """
    churn = number(customer, "churn_probability")
    if churn is None:
        return Explanation(())
    has_parts = has_churn_parts(customer)
    has_contract = flag(customer, "has_active_contract")
    reasons: list[Reason] = []
    horizon = number(customer, "churn_horizon_days")
    reference = number(customer, "reference_churn_probability")
    if has_contract:
        of_contract = None if has_parts else rounded(churn)
        reasons.append(Reason("R_CHURN_CONTRACT", {"p": rounded(churn)}, of_contract))
        reasons += contract_reasons(customer, money=money)
    elif horizon is not None and reference is not None:
        params: dict[str, Value] = {"p": rounded(churn), "horizon": round(horizon)}
        # The reference is that of the rhythm: a learned model has a level of its own, and signals
        # of some lower the level of all others.
        is_comparable = word(customer, "churn_basis") != "stacked" and churn >= reference
        if not has_parts or is_comparable:
            params["reference"] = rounded(reference)
            reasons.append(Reason("R_CHURN", params, None if has_parts else rounded(reference)))
        else:
            reasons.append(Reason("R_CHURN_AHEAD", params))
        if not has_parts:
            reasons += silence_reasons(customer, rounded(churn - reference))
    reasons += signal_reasons(customer)
    alive = number(customer, "alive_probability")
    if alive is not None and not has_contract:
        reasons.append(Reason("R_PHASE_ALIVE", {"p": rounded(alive)}))
    count = number(customer, "purchase_count")
    # Several purchases of unknown amounts are thin ground for the value, not for the rhythm.
    is_of_value_alone = number(customer, "valued_purchase_count") == 0 and basis != "prior"
    if word(customer, "confidence") == "low" and count and not (is_of_value_alone and count > 1):
        reasons.append(Reason("R_THIN", {"n": int(count)}))
    gaps = signal_gaps(customer)
    if word(customer, "churn_basis") == "signals":
        gaps = (*gaps, "churn_not_calibrated")
    return Explanation(tuple(reasons), gaps)


def explain_value(customer: Row, *, money: Callable[[float], Money]) -> Explanation:
    """Explain the value of the next 12 months; contributions are in base currency.

    Source: domain specification 3.1, 3.2.
    """
    new_value = number(customer, "expected_new_value")
    if new_value is not None:
        reason = Reason("R_VALUE_NEW", {"value": money(new_value)}, round(new_value, 2))
        return Explanation((reason,), _amount_gaps(customer))
    reasons: list[Reason] = []
    value = number(customer, "clv_alive_365")
    churn, risked = number(customer, "churn_probability"), number(customer, "value_at_risk")
    purchases = number(customer, "expected_purchases_365")
    margin = number(customer, "margin_per_purchase")
    count = number(customer, "valued_purchase_count")
    if count is None:
        count = number(customer, "purchase_count")
    earned, service = number(customer, "contribution"), number(customer, "service_cost")
    if value is not None:
        reasons.append(Reason("R_VALUE", {"value": money(value)}, round(value, 2)))
    if churn is not None and risked is not None and risked > 0:
        params: dict[str, Value] = {"p": rounded(churn), "value": money(risked)}
        reasons.append(Reason("R_VALUE_AT_RISK", params, -round(risked, 2)))
    if purchases is not None and margin is not None:
        params = {"purchases": rounded(purchases), "margin": money(margin)}
        reasons.append(Reason("R_VALUE_PARTS", params))
    expected, alone = number(customer, "clv_365"), number(customer, "rhythm_clv_365")
    if expected is not None and alone is not None and margin is not None:
        told_from = max(_TOLD_SHARE * abs(expected), _TOLD_MARGIN * abs(margin))
        if abs(expected - alone) > told_from:
            code = "R_VALUE_RAISED" if expected > alone else "R_VALUE_LOWERED"
            params = {"value": money(expected), "alone": money(alone)}
            reasons.append(Reason(code, params))
    if count and earned is not None and service is not None:
        params = {"n": int(count), "contribution": money(earned), "service_cost": money(service)}
        reasons.append(Reason("R_VALUE_HISTORY", params))
    gaps = [*_amount_gaps(customer)]
    if word(customer, "state") == "terminated":
        reasons.insert(0, Reason("R_VALUE_ENDED", {}))
    elif value is None:
        gaps.append("value_unknown")
    if flag(customer, "is_cost_estimated"):
        gaps.append("cost_estimated")
    return Explanation(tuple(reasons), tuple(gaps))


def _amount_gaps(customer: Row) -> tuple[str, ...]:
    """Name what is not known of the amounts; a purchase counts without, its value does not."""
    gaps = []
    count, valued = number(customer, "purchase_count"), number(customer, "valued_purchase_count")
    if number(customer, "deals_without_fx_rate_count"):
        gaps.append("deals_without_fx_rate")
    if count and valued is not None and valued < count:
        gaps.append("amount_unknown" if valued else "every_amount_unknown")
    return tuple(gaps)


def _rule_reasons(customer: Row, rule: int, thresholds: PhaseThresholds) -> list[Reason]:
    code = f"R_STATE_RULE_{rule}"
    vitality, gap = number(customer, "purchase_vitality"), number(customer, "gap_days")
    count = number(customer, "purchase_count")
    if rule < _LAPSED:
        return [Reason(code, {})]
    if rule == _LAPSED and vitality is not None:
        limit = thresholds.lapsed_below_vitality
        return [Reason(code, {"vitality": rounded(vitality), "limit": limit})]
    if rule == _AT_RISK:
        return _risk_reasons(customer, thresholds)
    if rule == _NEW and gap is not None:
        return [Reason(code, {"days": round(gap)})]
    if rule in (_DEVELOPING, _RETAINED) and count is not None:
        return [Reason(code, {"n": int(count), "from": thresholds.retained_from_purchases})]
    return []


def _risk_reasons(customer: Row, thresholds: PhaseThresholds) -> list[Reason]:
    """Name what has crossed its limit; vitality does not count under an active contract."""
    reasons = []
    vitality = number(customer, "purchase_vitality")
    limit = thresholds.at_risk_below_vitality
    if vitality is not None and vitality < limit and not flag(customer, "has_active_contract"):
        params: dict[str, Value] = {"vitality": rounded(vitality), "limit": limit}
        reasons.append(Reason("R_STATE_RULE_7_VITALITY", params))
    churn = number(customer, "churn_probability")
    reference = number(customer, "reference_churn_probability")
    if churn is not None and reference is not None:
        limit = max(
            thresholds.at_risk_from_churn_probability,
            reference + thresholds.at_risk_above_reference,
        )
        if churn >= limit:
            params = {"churn": rounded(churn), "limit": rounded(limit)}
            reasons.append(Reason("R_STATE_RULE_7_CHURN", params))
    return reasons
