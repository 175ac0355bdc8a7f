"""What is estimated of a base's contracts: survival where it can be, else the share not renewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from services.analytics.calculations.backtest.measures import area_under_curve, brier_score
from services.analytics.calculations.contracts.history import ContractStatistics, History
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.contracts.signals import heard_counts, usual_weights
from services.analytics.calculations.contracts.survival import (
    Months,
    Survival,
    fit_survival,
    monthly_probability,
)
from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.signals.combination import CombinationParameters

_LEAST_LIKELY = 1e-12

ContractBasis: TypeAlias = Literal["default", "share", "survival"]
SignalBasis: TypeAlias = Literal["learned", "usual"]


@dataclass(frozen=True, slots=True)
class ContractModel:
    """How likely contracts are not renewed, and what that rests on; plain numbers.

    Attributes
    ----------
    basis
        ``survival`` by tenure, term and content; ``share`` of ended contracts that were not
        renewed; or the ``default``.
    probability
        Of each contract where there is no survival model: share or default; probability.
    ended_count, not_renewed_count
        Contracts that have reached their end, and those of them that were not renewed; count.
    month_count, event_count
        Months of units that were learned from, and relationships that ended in them; count.
    brier_survival, brier_share
        Mean squared error of the monthly chance of an end, each fifth of the units forecast from
        the others, by the survival model and by one share for all; NaN where nothing was fitted.
    area_under_curve
        How well the survival model ranks these months; 0.5 is chance; NaN likewise.
    survival
        Missing where it is not used.
    signal_basis
        Whether the weights of signals in it were ``learned``, as that forecast these months better,
        or are the ``usual`` ones.
    brier_without_signals
        Mean squared error of the survival model without signals; NaN likewise.
    heard
        By id of a signal: months in which it was to be heard, and ends in them; count.
    """

    basis: ContractBasis = "default"
    probability: float = 0.05
    ended_count: int = 0
    not_renewed_count: int = 0
    month_count: int = 0
    event_count: int = 0
    brier_survival: float = float("nan")
    brier_share: float = float("nan")
    area_under_curve: float = float("nan")
    survival: Survival | None = None
    signal_basis: SignalBasis = "usual"
    brier_without_signals: float = float("nan")
    heard: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def estimate_contracts(
    parts: Sequence[ContractStatistics],
    *,
    parameters: ContractParameters,
    combination: CombinationParameters | None = None,
) -> ContractModel:
    """Estimate how likely contracts are not renewed, by the best that the past allows.

    Parameters
    ----------
    parts
        The statistics of all parts of a base; no unit may be in two of them.
    combination
        The usual weights of signals; the default ones unless given.

    Notes
    -----
    Before 30 contracts have ended: the default. Then the share of them that was not renewed. With
    at least 50 ended relationships: survival, if it forecasts the months of units that were held
    out better than one share for all, in Brier score and in rank. Months before the first end that
    is known are left out: a base loaded from present customers holds none who left before, and a
    month that nobody could be seen leaving in says nothing. The weights of signals are learned if
    the months held out are likelier then than with the usual ones. Source: domain specification
    2.3, 4.
    """
    statistics = ContractStatistics.join(parts, parameters=parameters)
    ended, lost = statistics.ended_count, statistics.not_renewed_count
    is_share = ended >= parameters.share_from_ended
    basis: ContractBasis = "share" if is_share else "default"
    probability = lost / ended if is_share else parameters.default_probability
    history = learned_from(statistics.history, parameters=parameters)
    months, events = len(history), int(history.has_ended.sum())
    if events < parameters.survival_from_events or events == months:
        return ContractModel(basis, probability, ended, lost, months, events)
    rows = Months(
        history.covariates,
        history.left_days,
        history.exposure_months,
        history.has_ended,
        history.signals,
    )
    usual = usual_weights(combination or CombinationParameters())
    fold, is_heard = _folds(history, parameters), bool(history.signals.any())
    survival_forecast, share_forecast = _forecasts(rows, fold, parameters, usual)
    without_signals, learns = survival_forecast, False
    if is_heard:
        learned, _ = _forecasts(rows, fold, parameters, usual, learns_signals=True)
        silent = replace(rows, signals=np.zeros_like(rows.signals))
        without_signals, _ = _forecasts(silent, fold, parameters, usual)
        learns = _loss(learned, rows.has_ended) < _loss(survival_forecast, rows.has_ended)
        survival_forecast = learned if learns else survival_forecast
    brier_survival = brier_score(survival_forecast, rows.has_ended)
    brier_share = brier_score(share_forecast, rows.has_ended)
    area = area_under_curve(survival_forecast, rows.has_ended)
    is_better = brier_survival < brier_share and area > 0.5
    return ContractModel(
        "survival" if is_better else basis,
        probability,
        ended,
        lost,
        months,
        events,
        brier_survival,
        brier_share,
        area,
        fit_survival(rows, parameters=parameters, usual_weights=usual, learns_signals=learns)
        if is_better
        else None,
        "learned" if learns else "usual",
        brier_score(without_signals, rows.has_ended),
        heard_counts(rows.signals, rows.has_ended),
    )


def _loss(forecast: Floats, has_ended: Booleans) -> float:
    """Return the negative log-likelihood of what came."""
    likely = np.clip(np.where(has_ended, forecast, 1 - forecast), _LEAST_LIKELY, 1.0)
    return -float(np.log(likely).sum())


def learned_from(history: History, *, parameters: ContractParameters) -> History:
    """Return the months since the first known end, in an order that only their content decides."""
    since = int(history.month[history.has_ended].max(initial=-1))
    history = history.take(history.month <= since)
    hashes, unit = np.unique(history.unit_hash, return_inverse=True)
    upto = np.cumsum(np.bincount(unit, minlength=len(hashes)))
    history = history.of_units(int(np.searchsorted(upto, parameters.history_rows, side="right")))
    return history.take(np.lexsort(_keys(history)))


def _keys(history: History) -> tuple[Any, ...]:
    """Return what months are told apart by, the least important first; ids are none of it."""
    covariates = history.covariates
    return (
        history.has_ended,
        *history.signals.T,
        _content(history),
        covariates.monthly_amount,
        history.left_days,
        covariates.term_months,
        covariates.tenure_months,
        history.month,
    )


def _content(history: History) -> Integers:
    """Tell apart what contracts are about, whatever the order of the words is."""
    words = history.covariates.words
    total = np.zeros(len(history), dtype=np.int64)
    np.add.at(total, words.row, (words.code + 1) ** 3)
    return total


def _folds(history: History, parameters: ContractParameters) -> Integers:
    """Deal the units out in the order of their newest months, so that no fold is special."""
    _, unit = np.unique(history.unit_hash, return_inverse=True)
    first = np.full(unit.max() + 1, len(unit))
    np.minimum.at(first, unit, np.arange(len(unit)))
    place = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    folds: Integers = (place % parameters.folds)[unit]
    return folds


def _forecasts(
    rows: Months,
    fold: Integers,
    parameters: ContractParameters,
    usual_weights: Floats,
    *,
    learns_signals: bool = False,
) -> tuple[Floats, Floats]:
    """Forecast the months of each fold from those of the others: by survival, and by one share."""
    survival_forecast, share_forecast = np.empty((2, len(fold)))
    for number in range(parameters.folds):
        known, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        survival = fit_survival(
            rows.take(known),
            parameters=parameters,
            usual_weights=usual_weights,
            learns_signals=learns_signals,
        )
        survival_forecast[held] = monthly_probability(rows.take(held), survival, parameters)
        hazard = rows.has_ended[known].sum() / rows.exposure_months[known].sum()
        share_forecast[held] = -np.expm1(-hazard * rows.exposure_months[held])
    return survival_forecast, share_forecast
