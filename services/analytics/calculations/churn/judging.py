"""Whether a stacked forecast is better than the purchase models where it was held out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.analytics.calculations.backtest import measures
from services.analytics.calculations.churn.learning import Task
from services.analytics.calculations.churn.origins import Origin, Rows
from services.analytics.calculations.churn.residuals import inverse, loss
from services.analytics.calculations.churn.stacked import (
    Choice,
    HorizonAccuracy,
    Measured,
    Reason,
    Residual,
)
from services.analytics.calculations.churn.targets import plain_forecasts
from services.analytics.calculations.parameters import Family
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats, Integers

_HORIZON_EDGES = (0.0, 60.0, 120.0, 240.0, 36_500.0)
_STACKED = "stacked"


def too_little(task: Task, origins: Sequence[Origin]) -> Reason | None:
    """Tell why there is not enough to learn from and to judge by, if so."""
    needed = task.parameters
    if len(origins) < 2:
        return "history_too_short"
    for some in (origins[:1], origins[1:]):
        bought = np.concatenate([origin.common.actual.purchase for origin in some])
        if len(bought) < needed.rows_needed:
            return "too_few_customers"
        if not needed.events_needed <= bought.sum() <= len(bought) - needed.events_needed:
            return "too_few_buyers"
    return None


def judge(
    task: Task, origins: Sequence[Origin], trials: Sequence[Residual], *, family: Family
) -> Choice:
    """Compare stacked forecasts of the newest origins with those of the purchase models.

    Parameters
    ----------
    task
        What is forecast.
    origins
        Newest first.
    trials
        One for each of the newest origins, learned from older ones only.
    family
        The running purchase model, which the stack has to beat by the gain needed, and on the newest
        origin alone; the others it has to beat on average.
    """
    names: tuple[str, ...] = (_STACKED, *origins[0].models)
    losses: dict[str, list[Floats]] = {name: [] for name in names}
    units: list[Integers] = []
    measured: dict[str, Measured] = {}
    for origin, residual in zip(origins, trials, strict=False):
        for rows in (origin.common, origin.own):
            outcome = task.outcome(rows)
            forecasts = {_STACKED: task.bent(residual, rows)} | {
                plain: task.offset(_by_model(rows, model)) for plain, model in origin.models.items()
            }
            units.append(rows.features.index.to_numpy())
            for name in names:
                linear = forecasts[name]
                losses[name].append(loss(outcome, linear, link=task.link))
                if origin is origins[0] and rows is origin.common:
                    measured[name] = _measure(task, inverse(linear, link=task.link), outcome)
    gain, gain_error = _gain(units, losses[family], losses[_STACKED])
    means = {name: float(np.mean([each.mean() for each in losses[name]])) for name in names}
    reason: Reason = "better"
    if not gain > task.parameters.gain_needed * gain_error or not _is_nearer(
        [(losses[family][place], losses[_STACKED][place]) for place in (0, 1)],
        measured[family].brier_score,
        measured[_STACKED].brier_score,
    ):
        reason = "not_better"
    elif means[_STACKED] > min(means.values()):
        reason = "rival_better"
    measured = {name: replace(each, loss=means[name]) for name, each in measured.items()}
    return Choice(reason == "better", reason, gain, gain_error, measured)


def _is_nearer(newest: Sequence[tuple[Floats, Floats]], plain: float, bent: float) -> bool:
    """Tell whether the newest origin alone speaks for the stack, too: in loss and squared error."""
    gain = float(np.mean([float((before - after).mean()) for before, after in newest]))
    return gain > 0 and not bent > plain


def calibration_by_horizon(
    task: Task, origins: Sequence[Origin], trials: Sequence[Residual]
) -> tuple[HorizonAccuracy, ...]:
    """Compare held-out probabilities with what came, by length of the customers' own horizons."""
    pairs = [
        (origin.own, task.bent(residual, origin.own))
        for origin, residual in zip(origins, trials, strict=False)
    ]
    horizon = np.concatenate([rows.horizon_days for rows, _ in pairs])
    outcome = np.concatenate([rows.actual.purchase for rows, _ in pairs])
    probability = inverse(np.concatenate([linear for _, linear in pairs]), link=task.link)
    found = []
    for low, high in itertools.pairwise(_HORIZON_EDGES):
        chosen = (horizon >= low) & (horizon < high)
        if chosen.any():
            predicted, observed = probability[chosen].mean(), outcome[chosen].mean()
            found.append(
                HorizonAccuracy(low, high, int(chosen.sum()), float(predicted), float(observed))
            )
    return tuple(found)


def _gain(
    units: Sequence[Integers], plain: Sequence[Floats], bent: Sequence[Floats]
) -> tuple[float, float]:
    """Average by how much the loss falls, over all sets of rows alike, with its standard error.

    A customer stands in several sets: the error is that of a sum over customers, not over rows.
    """
    gains = np.concatenate(
        [(before - after) / len(before) for before, after in zip(plain, bent, strict=True)]
    )
    by_unit = np.bincount(np.concatenate(units), weights=gains) / len(units)
    by_unit = by_unit[np.unique(np.concatenate(units))]
    apart = by_unit - by_unit.mean()
    return float(by_unit.sum()), float(np.sqrt(apart @ apart))


def _by_model(rows: Rows, model: PurchaseModel) -> Rows:
    """Take the plain forecast from another family."""
    return replace(rows, plain=plain_forecasts(rows.features, rows.horizon_days, model=model))


def _measure(task: Task, forecast: Floats, outcome: Floats) -> Measured:
    nan = float("nan")
    if task.target == "purchase":
        return Measured(
            nan,
            measures.total_ratio(forecast, outcome),
            measures.mean_absolute_error(forecast, outcome),
            measures.area_under_curve(forecast, outcome),
            measures.brier_score(forecast, outcome),
            measures.expected_calibration_error(forecast, outcome),
            nan,
        )
    return Measured(
        nan,
        measures.total_ratio(forecast, outcome),
        measures.mean_absolute_error(forecast, outcome),
        nan,
        nan,
        nan,
        measures.normalized_gini(forecast, outcome),
    )
