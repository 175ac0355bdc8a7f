"""What a backtest says in plain words: codes with values; the catalogue has their texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, TypeAlias

import numpy as np

from services.analytics.calculations.backtest.comparison import (
    Comparison,
    ForecasterAccuracy,
    PhaseAccuracy,
    Subject,
)
from services.analytics.calculations.backtest.origins import BacktestParameters

Tone: TypeAlias = Literal["good", "caution", "bad", "note"]
Value: TypeAlias = str | int | float

FALLING_STATES: Final = ("retained", "at_risk", "lapsed")
_CODE_OF_SUBJECT: Final[Mapping[Subject, str]] = {
    "area_under_curve": "V_CHURN",
    "brier_score": "V_PROBABILITY",
    "count_error": "V_COUNT",
    "normalized_gini": "V_SPEND",
}
_WITH_INTERVAL: Final = ("area_under_curve", "normalized_gini")
_TONE_OF_RESULT: Final[Mapping[str, Tone]] = {"better": "good", "level": "caution", "worse": "bad"}
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a verdict.

    Attributes
    ----------
    code
        An id of the catalogue's verdicts.
    tone
        ``good``, ``caution``, ``bad``, or ``note`` where nothing is judged.
    params
        The values of its text.
    """

    code: str
    tone: Tone
    params: Mapping[str, Value]


def day_of(number: int) -> str:
    """Write a day, given in days since 1970-01-01, as YYYY-MM-DD."""
    return (_EPOCH + timedelta(days=number)).isoformat()


def too_little(
    *,
    origin_day: int,
    horizon_days: int,
    customers: int,
    buyers: int,
    parameters: BacktestParameters,
) -> Finding | None:
    """Say what is missing where a measure would be chance; None where there is enough."""
    others = customers - buyers
    enough = customers >= parameters.customers_needed
    if enough and min(buyers, others) >= parameters.buyers_needed:
        return None
    return Finding(
        "V_TOO_LITTLE",
        "caution",
        {
            "origin": day_of(origin_day),
            "horizon": horizon_days,
            "customers": customers,
            "customers_needed": parameters.customers_needed,
            "buyers": buyers,
            "others": others,
            "buyers_needed": parameters.buyers_needed,
        },
    )


def judge(
    own: ForecasterAccuracy,
    nothing: ForecasterAccuracy,
    comparisons: tuple[Comparison, ...],
    *,
    parameters: BacktestParameters,
) -> Iterator[Finding]:
    """Judge one forecaster at one origin: in all, against yardsticks, in totals, by phase.

    `nothing` is the yardstick that forecasts no purchase.
    """
    yield _overall(own, comparisons)
    yield from (_against(own, comparison) for comparison in comparisons)
    yield from _about_zero(own, nothing)
    error = own.accuracy.calibration_error
    is_off = error > parameters.calibration_limit
    code, tone = ("V_MISCALIBRATED", "caution") if is_off else ("V_CALIBRATED", "good")
    yield Finding(code, tone, {"error": error})  # type: ignore[arg-type]
    yield from _total("V_TOTAL", own.accuracy.purchase_ratio, parameters.total_limit)
    yield from _total("V_REVENUE", own.accuracy.revenue_ratio, parameters.revenue_limit)
    if own.phases:
        yield judge_phases(own.phases, parameters=parameters)


def judge_phases(phases: tuple[PhaseAccuracy, ...], *, parameters: BacktestParameters) -> Finding:
    """Check that the share that buys falls strictly from retained to at risk to lapsed.

    Source: domain specification 2.3.
    """
    found = {phase.state: phase for phase in phases}
    counts = [found[state].customer_count if state in found else 0 for state in FALLING_STATES]
    if min(counts) < parameters.phase_customers_needed:
        return Finding(
            "V_PHASES_UNKNOWN",
            "note",
            {"needed": parameters.phase_customers_needed, "fewest": min(counts)},
        )
    shares = {state: found[state].purchase_share for state in FALLING_STATES}
    falls = shares["retained"] > shares["at_risk"] > shares["lapsed"]
    return Finding(
        "V_PHASES_FALL" if falls else "V_PHASES_MIXED", "good" if falls else "bad", shares
    )


def _overall(own: ForecasterAccuracy, comparisons: tuple[Comparison, ...]) -> Finding:
    """Better means better in who buys and worse in nothing; not at all means better in nothing."""
    results = {comparison.measure: comparison.result for comparison in comparisons}
    won = sum(result == "better" for result in results.values())
    model: dict[str, Value] = {"model": own.forecaster}
    if not won:
        return Finding("V_OVERALL_NOT", "bad", model)
    if results.get("area_under_curve") == "better" and "worse" not in results.values():
        return Finding("V_OVERALL_BETTER", "good", model)
    return Finding("V_OVERALL_MIXED", "caution", model | {"won": won, "compared": len(results)})


def _against(own: ForecasterAccuracy, comparison: Comparison) -> Finding:
    params: dict[str, Value] = {
        "model": own.forecaster,
        "yardstick": comparison.yardstick,
        "value": comparison.value,
        "yardstick_value": comparison.yardstick_value,
    }
    if comparison.measure in _WITH_INTERVAL:
        params |= {"low": comparison.low, "high": comparison.high}
    code = f"{_CODE_OF_SUBJECT[comparison.measure]}_{comparison.result.upper()}"
    return Finding(code, _TONE_OF_RESULT[comparison.result], params)


def _about_zero(own: ForecasterAccuracy, nothing: ForecasterAccuracy) -> Iterator[Finding]:
    error, zero_error = own.accuracy.count_error, nothing.accuracy.count_error
    if zero_error < error:
        yield Finding(
            "V_ZERO_ERROR",
            "note",
            {"model": own.forecaster, "zero_error": zero_error, "error": error},
        )


def _total(code: str, ratio: float, limit: float) -> Iterator[Finding]:
    if np.isnan(ratio):
        return
    if ratio > 1 + limit:
        yield Finding(f"{code}_HIGH", "bad", {"ratio": ratio})
    elif ratio < 1 - limit:
        yield Finding(f"{code}_LOW", "bad", {"ratio": ratio})
    else:
        yield Finding(f"{code}_NEAR", "good", {"ratio": ratio})
