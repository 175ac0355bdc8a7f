"""What each signal says and adds to the churn probability of one unit, read from its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from services.analytics.calculations.reasons import (
    Reason,
    Row,
    Value,
    flag,
    number,
    rounded,
)
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import SILENCE
from services.analytics.calculations.signals.parameters import SignalParameters

REASON_LIMIT: Final = 5
_PARAMETERS: Final = SignalParameters()
_OF_LEARNING: Final = {
    "history": ("R_PAST_LOWERS", "R_PAST_RAISES"),
    "money": ("R_AMOUNTS_LOWER", "R_AMOUNTS_RAISE"),
}
_UNKNOWN: Final = {
    "negative_sentiment": "mood_unknown",
    "satisfaction_gap": "satisfaction_unknown",
}
Telling = tuple[str, dict[str, Value]]


def has_churn_parts(customer: Row) -> bool:
    """Tell whether signals went into the churn probability of this row."""
    return any(
        number(customer, f"churn_part_{name}") is not None for name in (*SIGNALS, *_OF_LEARNING)
    )


def signal_reasons(customer: Row) -> list[Reason]:
    """Return what adds most to or takes most from the churn probability, the greatest first.

    A signal of strength 0 is no reason; under an active contract silence is none. Source: domain
    specification 4, "Combined probability".
    """
    reasons: list[Reason] = []
    for name in (*SIGNALS, *_OF_LEARNING):
        part = number(customer, f"churn_part_{name}")
        if part is None or rounded(part) == 0:
            continue
        if name in _OF_LEARNING:
            reasons.append(Reason(_OF_LEARNING[name][part > 0], {}, rounded(part)))
        elif name == SILENCE:
            if not flag(customer, "has_active_contract"):
                reasons += silence_reasons(customer, rounded(part))
        else:
            strength = number(customer, f"signal_{name}")
            if strength:
                code, params = _TELLING[name](strength, customer)
                reasons.append(Reason(code, params, rounded(part)))
    reasons.sort(key=lambda reason: -abs(reason.contribution or 0.0))
    return reasons[:REASON_LIMIT]


def signal_gaps(customer: Row) -> tuple[str, ...]:
    """Name what is not known of the signals that only the customer's own words could tell."""
    if not has_churn_parts(customer):
        return ("signals_not_used",)
    gaps = [gap for name, gap in _UNKNOWN.items() if number(customer, f"signal_{name}") is None]
    if flag(customer, "is_expectation_assumed"):
        gaps.append("expectation_assumed")
    return tuple(gaps)


def silence_reasons(customer: Row, contribution: float) -> list[Reason]:
    """Compare the present gap with the unit's own; overdue is what counts as a signal (C-INACT)."""
    gap, median = number(customer, "gap_days"), number(customer, "median_gap_days")
    rank = number(customer, "gap_rank")
    if gap is None or median is None or rank is None:
        return []
    params: dict[str, Value] = {"gap": round(gap), "median_gap": round(median)}
    if rank > _PARAMETERS.inactivity.from_gap_rank:
        return [Reason("R_OVERDUE", {**params, "rank": rounded(rank)}, contribution)]
    return [Reason("R_IN_RHYTHM", params, contribution)]


def _of_frequency(strength: float, _: Row) -> Telling:
    return "R_FREQ", {"p": rounded((1 - strength) * _PARAMETERS.frequency.chance_without_signal)}


def _of_amounts(strength: float, _: Row) -> Telling:
    limit = _PARAMETERS.monetary.drop_of_full_strength
    return "R_MONETARY", {"drop": rounded(strength * limit), "limit": limit}


def _of_mood(_: float, customer: Row) -> Telling:
    return "R_SENTIMENT", {"level": rounded(number(customer, "sentiment_level") or 0.0)}


def _of_complaints(strength: float, _: Row) -> Telling:
    return "R_COMPLAINT", {"strength": rounded(strength)}


def _of_satisfaction(strength: float, customer: Row) -> Telling:
    """Name the difference if it tells as much as the recommendation does."""
    difference, nps = number(customer, "satisfaction_difference"), number(customer, "nps")
    limit = _PARAMETERS.satisfaction.recommending_from
    gap = -(difference or 0.0)
    of_gap = min(gap / _PARAMETERS.satisfaction.gap_of_full_strength, 1.0)
    if nps is None or of_gap >= rounded(strength) - 1e-4:
        return "R_GAP", {"gap": rounded(gap)}
    return "R_NPS", {"nps": nps, "limit": limit}


def _of_requests(strength: float, _: Row) -> Telling:
    return "R_SUPPORT", {
        "p": rounded(10 ** (-strength * _PARAMETERS.burst.digits_of_full_strength))
    }


def _of_reactions(strength: float, _: Row) -> Telling:
    """Tell by the strength alone who has unsubscribed: it has its own."""
    engagement = _PARAMETERS.engagement
    if strength == engagement.unsubscribed_strength:
        return "R_UNSUBSCRIBED", {"days": engagement.unsubscribed_days}
    return "R_ENGAGEMENT", {"drop": rounded(strength)}


def _of_competitors(strength: float, _: Row) -> Telling:
    return "R_COMPETITOR", {"strength": rounded(strength)}


def _of_payments(strength: float, _: Row) -> Telling:
    limit = _PARAMETERS.payment.days_of_full_strength
    return "R_PAYMENT", {"days": round(strength * limit), "limit": round(limit)}


def _of_leaving(strength: float, _: Row) -> Telling:
    leaving = _PARAMETERS.leaving
    if strength >= leaving.cancelled_strength:
        return "R_CANCELLED", {}
    if strength > leaving.ending_strength:
        return "R_LEAVE", {"days": leaving.announced_days}
    share = 1 - strength / leaving.ending_strength
    return "R_CONTRACT_ENDS", {"days": round(share * leaving.ending_days)}


_TELLING: Final[Mapping[str, Callable[[float, Row], Telling]]] = {
    "frequency_drop": _of_frequency,
    "monetary_drop": _of_amounts,
    "negative_sentiment": _of_mood,
    "unresolved_complaint": _of_complaints,
    "satisfaction_gap": _of_satisfaction,
    "support_burst": _of_requests,
    "engagement_drop": _of_reactions,
    "competitor_loss": _of_competitors,
    "payment_delay": _of_payments,
    "leave_intent": _of_leaving,
}
