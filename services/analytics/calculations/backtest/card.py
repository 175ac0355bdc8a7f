"""The model card of a version: what its numbers rest on and how they did, as one JSON document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.analytics.calculations.backtest.running import Backtest, OriginResult
from services.analytics.calculations.backtest.verdict import Finding, day_of

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimated parameter: its name, its value, and its standard error (None if unknown)."""

    name: str
    value: float
    standard_error: float | None = None


@dataclass(frozen=True, slots=True)
class ModelPart:
    """The running model.

    Attributes
    ----------
    forecaster
        An id of the catalogue's forecasters.
    basis
        ``prior``, ``blended`` or ``fitted``.
    estimates
        Its parameters; times in days.
    log_likelihood
        Of the data under them; None if unknown.
    is_converged
        Whether the estimation ended at a maximum.
    """

    forecaster: str
    basis: str
    estimates: tuple[Estimate, ...]
    log_likelihood: float | None
    is_converged: bool


@dataclass(frozen=True, slots=True)
class ContractPart:
    """What the churn of customers under contract rests on.

    Attributes
    ----------
    basis
        ``default``, ``share`` of ended contracts that were not renewed, or ``survival``.
    probability
        Of each contract where there is no survival model.
    ended_count, not_renewed_count
        Contracts that have reached their end, and those of them that were not renewed.
    month_count, event_count
        Months of customers that were learned from, and relationships that ended in them.
    brier_survival, brier_share, area_under_curve
        How the survival model forecast months of customers held out, beside one share for all.
    brier_without_signals
        The same of the survival model without signals.
    signals
        By id of a signal that was to be heard in these months: its ``weight`` (what its full strength
        adds to the log hazard), ``month_count`` and ``event_count``, the months and the ends in them.
    signal_basis
        Whether these weights were ``learned`` or are the ``usual`` ones.
    verdict
        The same in sentences; none without contracts.
    """

    basis: str
    probability: float
    ended_count: int
    not_renewed_count: int
    month_count: int
    event_count: int
    brier_survival: float
    brier_share: float
    area_under_curve: float
    brier_without_signals: float
    signals: Mapping[str, Mapping[str, float]]
    signal_basis: str
    verdict: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class UsedData:
    """What the model was estimated from.

    Attributes
    ----------
    first_day
        First purchase, days since 1970-01-01; None without any.
    as_of_day
        The day looked from.
    customer_count, repeat_buyer_count, purchase_count
        Units with a purchase, with a second one, and their purchases.
    """

    first_day: int | None
    as_of_day: int
    customer_count: int
    repeat_buyer_count: int
    purchase_count: int


def model_card(
    *,
    used: UsedData,
    model: ModelPart,
    churn_basis: str,
    churn_bases: Mapping[str, int],
    contracts: ContractPart,
    choice: Finding,
    left_out: Mapping[str, int],
    backtest: Backtest,
) -> Json:
    """Put the card of a version together; days as YYYY-MM-DD, unknown as None.

    Parameters
    ----------
    used, model
        What was estimated from what.
    churn_basis
        What the churn probabilities are where there is no contract: ``signals``, ``stacked``.
    churn_bases
        How many customers have a churn probability on each basis.
    contracts
        What those of customers under contract rest on.
    choice
        Why it is that one, a verdict ``V_CHOICE_...``.
    left_out
        What was missing or left out, counts by code; zeros are not shown.
    backtest
        How the forecasts did.
    """
    card = {
        "window": {
            "first_day": None if used.first_day is None else day_of(used.first_day),
            "last_day": day_of(used.as_of_day),
            "day_count": 0 if used.first_day is None else used.as_of_day - used.first_day,
        },
        "customer_count": used.customer_count,
        "repeat_buyer_count": used.repeat_buyer_count,
        "purchase_count": used.purchase_count,
        "model": asdict(model),
        "churn_basis": churn_basis,
        "churn_bases": [
            {"basis": basis, "customer_count": count} for basis, count in churn_bases.items()
        ],
        "contracts": asdict(contracts),
        "choice": asdict(choice),
        "left_out": [{"code": code, "count": count} for code, count in left_out.items() if count],
        "backtest": backtest_document(backtest),
    }
    plain: Json = _without_nan(card)
    return plain


def backtest_document(backtest: Backtest) -> Json:
    """Write a backtest as JSON can hold it; days as YYYY-MM-DD, unknown as None."""
    document = {
        "horizon_days": backtest.horizon_days,
        "first_day": day_of(backtest.first_day),
        "last_day": day_of(backtest.end_day),
        "forecaster": backtest.chosen,
        "sample_share": backtest.sample_share,
        "verdict": [asdict(finding) for finding in backtest.verdict],
        "origins": [_origin(origin) for origin in backtest.origins],
    }
    plain: Json = _without_nan(document)
    return plain


def _origin(origin: OriginResult) -> Json:
    document = asdict(origin)
    return {"day": day_of(document.pop("day")), **document}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value
