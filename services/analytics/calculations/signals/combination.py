"""C-PROB: signals and the purchase rhythm combined into one churn probability, and what each adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.signals.columns import SIGNALS

SILENCE: Final = "inactivity"
DEFAULT_WEIGHTS: Final[Mapping[str, float]] = {
    "frequency_drop": 0.8,
    "monetary_drop": 0.6,
    "negative_sentiment": 1.0,
    "unresolved_complaint": 1.6,
    "satisfaction_gap": 1.4,
    "support_burst": 0.8,
    "engagement_drop": 0.7,
    "competitor_loss": 1.2,
    "payment_delay": 0.6,
    "leave_intent": 4.0,
}
"""Those of the catalogue's `churn_signals`."""
VOICE: Final = ("negative_sentiment", "unresolved_complaint", "satisfaction_gap", "support_burst")
"""The group of that name there."""
_TURNS = 60
_LOWEST, _HIGHEST, _BINS = -10.0, 40.0, 10_000


@dataclass(frozen=True, slots=True)
class CombinationParameters:
    """How signals are weighed (domain specification 4).

    Attributes
    ----------
    weights
        ``beta``: log-odds that the full strength of a signal adds, by signal id; no unit; default
        those of the catalogue's `churn_signals`; inactivity has none, being in the rhythm.
    voice
        Signals that often describe one incident: the greatest counts fully; default the group of
        that name in the catalogue.
    further_voice_share
        How much the others of them count; share; default 0.5.
    probability_min, probability_max
        Limits of the baseline before its log-odds are taken; probability; defaults 0.01 and 0.99.
    from_customers
        Customers from which the mean is kept to that of the baseline; count; default 50.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    voice: tuple[str, ...] = VOICE
    further_voice_share: float = 0.5
    probability_min: float = 0.01
    probability_max: float = 0.99
    from_customers: int = 50


@dataclass(frozen=True, slots=True)
class CombinationModel:
    """What is estimated of a base to combine with.

    Attributes
    ----------
    weights
        ``beta`` by signal id; log-odds.
    intercept
        ``beta0``; log-odds; 0 before there are enough customers.
    base_probability
        ``p_base``: mean baseline of the base; probability, NaN without customers.
    """

    weights: Mapping[str, float]
    intercept: float = 0.0
    base_probability: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """The churn probability of units and what is in it.

    Attributes
    ----------
    probability
        NaN where the baseline is; shape (units,).
    log_odds
        What each signal adds, in the order of `SIGNALS`; NaN where there is not enough data; shape
        (units, signals).
    contribution
        ``p - p(without the signal)``; probability, same shape; they need not add up.
    """

    probability: Floats
    log_odds: Floats
    contribution: Floats


def signal_log_odds(
    strengths: Floats, *, weights: Mapping[str, float], parameters: CombinationParameters
) -> Floats:
    """Return what each signal adds to the log-odds: ``beta * s``, of the voices all but one halved.

    Parameters
    ----------
    strengths
        0 to 1, NaN with too little data, in the order of `SIGNALS`; shape (units, signals).

    Source: domain specification 4.
    """
    terms: Floats = strengths * np.array([weights.get(name, 0.0) for name in SIGNALS])
    voices = [SIGNALS.index(name) for name in parameters.voice]
    terms[:, voices] *= voice_shares(terms[:, voices], parameters=parameters)
    terms[:, SIGNALS.index(SILENCE)] = np.where(
        np.isnan(strengths[:, SIGNALS.index(SILENCE)]), np.nan, 0.0
    )
    return terms


def voice_shares(terms: Floats, *, parameters: CombinationParameters) -> Floats:
    """Say how much each voice counts: the greatest of a unit fully, the others by their share.

    Parameters
    ----------
    terms
        What each would add by itself, NaN unknown; shape (units, voices).

    Source: domain specification 4.
    """
    share = np.full(terms.shape, parameters.further_voice_share)
    share[np.arange(len(terms)), np.nan_to_num(terms, nan=-1.0).argmax(axis=1)] = 1.0
    return share


def combine(
    baseline: Floats,
    strengths: Floats,
    *,
    model: CombinationModel,
    parameters: CombinationParameters,
) -> Combined:
    """Combine the baseline and the signals of units.

    Parameters
    ----------
    baseline
        ``p0``: churn probability from the rhythm or the contract alone; NaN without a purchase;
        shape (units,).
    strengths
        In the order of `SIGNALS`; shape (units, signals).

    Notes
    -----
    ``logit(p) = beta0 + logit(p0 clipped to 0.01..0.99) + sum(beta_k * s_k)``; what is not known
    adds nothing. The silence is in ``p0`` already; it is shown with ``logit(p0) - logit(p_base)``.
    Source: domain specification 4; its calibration is that of the stacked model.
    """
    terms = signal_log_odds(strengths, weights=model.weights, parameters=parameters)
    rhythm = baseline_log_odds(baseline, parameters=parameters)
    total = model.intercept + rhythm + _sum_of_known(terms)
    silence = SIGNALS.index(SILENCE)
    usual = logit(
        np.clip(model.base_probability, parameters.probability_min, parameters.probability_max)
    )
    is_silence_known = ~np.isnan(strengths[:, silence])
    terms[:, silence] = np.where(is_silence_known, rhythm - usual, np.nan)
    probability = np.asarray(expit(total), dtype=np.float64)
    contribution = np.empty_like(terms)
    for place in range(len(SIGNALS)):
        contribution[:, place] = probability - expit(total - terms[:, place])
    return Combined(probability, terms, contribution)


def _sum_of_known(terms: Floats) -> Floats:
    """Add up the terms of each unit one after another: for one unit in the same way as for many."""
    total = np.zeros(len(terms))
    for place in range(terms.shape[1]):
        total += np.nan_to_num(terms[:, place], nan=0.0)
    return total


def baseline_log_odds(baseline: Floats, *, parameters: CombinationParameters) -> Floats:
    """Return the log-odds of the baseline within its limits; NaN stays."""
    limited = np.clip(baseline, parameters.probability_min, parameters.probability_max)
    return np.asarray(logit(limited), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class CombinationStatistics:
    """What one part of the base adds to the estimate of the intercept; parts are added up.

    Attributes
    ----------
    count, total
        Customers, and the sum of their log-odds, by bins of log-odds; shape (bins,).
    baseline_total
        Sum of the baselines of the customers; probability.
    """

    count: Floats
    total: Floats
    baseline_total: float

    def __add__(self, other: CombinationStatistics) -> CombinationStatistics:
        return CombinationStatistics(
            self.count + other.count,
            self.total + other.total,
            self.baseline_total + other.baseline_total,
        )


def collect_combination_statistics(
    baseline: Floats,
    strengths: Floats,
    *,
    parameters: CombinationParameters,
) -> CombinationStatistics:
    """Collect what a part of the base adds, with the default weights; shapes as in `combine`."""
    is_customer = ~np.isnan(baseline)
    baseline, strengths = baseline[is_customer], strengths[is_customer]
    terms = signal_log_odds(strengths, weights=parameters.weights, parameters=parameters)
    log_odds = baseline_log_odds(baseline, parameters=parameters) + _sum_of_known(terms)
    width = (_HIGHEST - _LOWEST) / _BINS
    place = np.clip((log_odds - _LOWEST) / width, 0, _BINS - 1).astype(np.int64)
    return CombinationStatistics(
        np.bincount(place, minlength=_BINS).astype(np.float64),
        np.bincount(place, weights=log_odds, minlength=_BINS).astype(np.float64),
        float(baseline.sum()),
    )


def fit_combination(
    statistics: CombinationStatistics, *, parameters: CombinationParameters
) -> CombinationModel:
    """Find the intercept with which the mean of the base is that of its baseline.

    Notes
    -----
    Bisection; 0 with fewer than 50 customers. Log-odds are taken by bins of 0.005 at their mean,
    which moves the mean probability by less than 1e-6. Source: domain specification 4.
    """
    filled = statistics.count > 0
    weight, customers = statistics.count[filled], float(statistics.count.sum())
    base = statistics.baseline_total / customers if customers else float("nan")
    if customers < parameters.from_customers:
        return CombinationModel(dict(parameters.weights), 0.0, base)
    log_odds = statistics.total[filled] / weight
    low, high = -_HIGHEST, _HIGHEST
    for _ in range(_TURNS):
        middle = (low + high) / 2
        if float(weight @ expit(log_odds + middle)) / customers < base:
            low = middle
        else:
            high = middle
    return CombinationModel(dict(parameters.weights), (low + high) / 2, base)


def strengths_of(signals: pd.DataFrame) -> Floats:
    """Return the strengths of a frame with the columns ``signal_<id>``; shape (units, signals)."""
    return np.column_stack(
        [signals[f"signal_{name}"].to_numpy(dtype=np.float64) for name in SIGNALS]
    )


def churn_columns(
    baseline: Floats,
    signals: pd.DataFrame,
    *,
    model: CombinationModel,
    parameters: CombinationParameters,
) -> pd.DataFrame:
    """Return ``churn_probability`` and ``churn_part_<id>`` of units, indexed like `signals`.

    Parameters
    ----------
    baseline
        ``p0`` of each unit; NaN without a purchase; shape (units,).
    signals
        ``signal_<id>`` of each unit.

    Source: domain specification 4.
    """
    combined = combine(baseline, strengths_of(signals), model=model, parameters=parameters)
    columns = {"churn_probability": combined.probability}
    for place, name in enumerate(SIGNALS):
        columns[f"churn_part_{name}"] = combined.contribution[:, place]
    return pd.DataFrame(columns, index=signals.index, copy=False)
