"""What signals weigh under a contract, learned from the months of relationships: signals as covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from services.analytics.calculations.contracts.history import (
    Hashes,
    History,
    collect_contract_statistics,
)
from services.analytics.calculations.contracts.parameters import MONTH_DAYS, ContractParameters
from services.analytics.calculations.contracts.survival import (
    Months,
    Survival,
    monthly_probability,
)
from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import (
    CombinationModel,
    CombinationParameters,
    baseline_log_odds,
)
from services.analytics.calculations.signals.of_events import event_signals
from services.analytics.calculations.signals.parameters import SignalParameters
from services.analytics.calculations.signals.whole_base import SignalBase


@dataclass(frozen=True, slots=True, eq=False)
class SignalMonths:
    """Months of relationships with what was to be heard when each began.

    Attributes
    ----------
    unit_hash
        Hash of the id of the unit; shape (months,).
    baseline
        Chance of an end in the month by the survival model; probability, shape (months,).
    strengths
        0 to 1, NaN with too little data, in the order of `SIGNALS`; shape (months, signals).
    has_ended
        Shape (months,).
    """

    unit_hash: Hashes
    baseline: Floats
    strengths: Floats
    has_ended: Booleans


def collect_signal_months(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    events: Events,
    *,
    survival: Survival,
    base: SignalBase,
    as_of_day: int,
    parameters: ContractParameters,
    signals: SignalParameters,
) -> SignalMonths:
    """Collect the months of a part of a base, and the signals of events at the start of each.

    Parameters
    ----------
    units, deals, events
        As given to `observe`: units indexed by ``unit`` (0 to n - 1).
    survival
        What the months would be without signals.
    base
        What the whole base says.
    as_of_day
        The day looked from, days since 1970-01-01.

    Notes
    -----
    Silence, frequency and amounts of purchases say nothing under a contract and are unknown here.
    """
    history = collect_contract_statistics(
        units, events, as_of_day=as_of_day, parameters=parameters
    ).history
    ids = units["unit_id"].to_numpy(dtype=object)
    hashes: Hashes = pd.util.hash_array(ids, categorize=False)
    is_told = np.flatnonzero(np.isin(hashes, history.unit_hash))
    order = is_told[np.argsort(hashes[is_told], kind="stable")]
    place = np.searchsorted(hashes[order], history.unit_hash)
    told, wins = _of_units(deals, events, order, len(units))
    strengths = np.full((len(history), len(SIGNALS)), np.nan)
    for month in np.unique(history.month).tolist():
        rows = np.flatnonzero(history.month == month)
        day = as_of_day - (month + 1) * MONTH_DAYS
        found = _strengths_on(day, told, wins, len(order), base=base, signals=signals)
        strengths[rows] = found[place[rows]]
    return SignalMonths(
        history.unit_hash,
        monthly_probability(_months(history), survival, parameters),
        strengths,
        history.has_ended,
    )


def _months(history: History) -> Months:
    return Months(history.covariates, history.left_days, history.exposure_months, history.has_ended)


def _of_units(
    deals: pd.DataFrame, events: Events, chosen: Integers, unit_count: int
) -> tuple[Events, pd.DataFrame]:
    """Return the events and purchases of some units, which are numbered by their places."""
    number = np.full(unit_count, -1)
    number[chosen] = np.arange(len(chosen))

    def restricted(frame: pd.DataFrame) -> pd.DataFrame:
        unit = number[frame["unit"].to_numpy(dtype=np.int64)]
        chosen: pd.DataFrame = frame.assign(unit=unit).loc[unit >= 0]
        return chosen

    frames = {each.name: restricted(getattr(events, each.name)) for each in fields(events)}
    return Events(**frames), restricted(deals[["unit", "day"]])


def _strengths_on(
    day: int,
    events: Events,
    wins: pd.DataFrame,
    unit_count: int,
    *,
    base: SignalBase,
    signals: SignalParameters,
) -> Floats:
    last = np.full(unit_count, -np.inf)
    by_then = wins.loc[wins["day"] <= day]
    np.maximum.at(last, by_then["unit"].to_numpy(), by_then["day"].to_numpy(dtype=np.float64))
    found = event_signals(
        events,
        last_purchase_day=np.where(np.isfinite(last), last, np.nan),
        unit_count=unit_count,
        as_of_day=day,
        base=base,
        parameters=signals,
    ).signals
    unknown = np.full(unit_count, np.nan)
    columns = (found[name].strength if name in found else unknown for name in SIGNALS)
    return np.column_stack(list(columns))


def fit_contract_signals(
    parts: Sequence[SignalMonths],
    *,
    parameters: ContractParameters,
    combination: CombinationParameters,
) -> CombinationModel | None:
    """Fit what signals add to the log-odds of an end, on top of the survival model.

    Returns
    -------
    CombinationModel or None
        None if no signal was to be heard in any month, or if the months of units that were held out
        are forecast no better than with the usual weights.

    Notes
    -----
    Logistic regression with the log-odds of the survival model as offset; none below 0, with a
    normal prior around the usual weights: what the past has no examples of keeps its usual weight.
    All signals count fully, as they are fitted beside one another. Source: domain specification 4.
    """
    if not parts:
        return None
    baseline = baseline_log_odds(
        np.concatenate([each.baseline for each in parts]), parameters=combination
    )
    strengths = np.nan_to_num(np.concatenate([each.strengths for each in parts]))
    has_ended = np.concatenate([each.has_ended for each in parts])
    hashes = np.concatenate([each.unit_hash for each in parts])
    heard = strengths.any(axis=1)
    if has_ended.sum() < parameters.survival_from_events or not (heard & has_ended).any():
        return None
    usual = np.array([combination.weights.get(name, 0.0) for name in SIGNALS])
    fold = (hashes % np.uint64(parameters.folds)).astype(np.int64)
    loss_fitted = loss_usual = 0.0
    for number in range(parameters.folds):
        known, held = fold != number, fold == number
        rows = _Rows(baseline[known], strengths[known], has_ended[known])
        held_out = _Rows(baseline[held], strengths[held], has_ended[held])
        loss_fitted += held_out.loss(rows.fitted(usual, parameters))
        loss_usual += held_out.loss(rows.fitted(usual, replace(parameters, signal_deviation=0.0)))
    if loss_fitted >= loss_usual:
        return None
    fitted = _Rows(baseline, strengths, has_ended).fitted(usual, parameters)
    return CombinationModel(
        {name: float(weight) for name, weight in zip(SIGNALS, fitted[1:], strict=True)},
        float(fitted[0]),
        float(expit(baseline).mean()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    baseline: Floats
    strengths: Floats
    has_ended: Booleans

    def loss(self, theta: Floats) -> float:
        """Return the negative log-likelihood of intercept and weights."""
        log_odds = self.baseline + theta[0] + self.strengths @ theta[1:]
        return float(np.logaddexp(0.0, np.where(self.has_ended, -log_odds, log_odds)).sum())

    def fitted(self, usual: Floats, parameters: ContractParameters) -> Floats:
        """Return intercept and weights of the greatest posterior; with no spread, of usual weights."""
        spread = parameters.signal_deviation
        is_free = self.strengths.any(axis=0) & (spread > 0)
        columns = self.strengths[:, is_free]
        offset = self.baseline + self.strengths[:, ~is_free] @ usual[~is_free]

        def posterior(theta: Floats) -> tuple[float, Floats]:
            log_odds = offset + theta[0] + columns @ theta[1:]
            away = (theta[1:] - usual[is_free]) / (spread or 1.0)
            value = np.logaddexp(0.0, np.where(self.has_ended, -log_odds, log_odds)).sum()
            surprise = expit(log_odds) - self.has_ended
            slope = np.append(surprise.sum(), surprise @ columns + away / (spread or 1.0))
            return float(value + 0.5 * away @ away), slope

        start = np.append(0.0, usual[is_free])
        bounds: list[Any] = [(None, None), *([(0.0, None)] * int(is_free.sum()))]
        found = minimize(posterior, start, jac=True, method="L-BFGS-B", bounds=bounds)
        theta = np.append(found.x[0], usual)
        theta[1:][is_free] = found.x[1:]
        return np.asarray(theta, dtype=np.float64)
