"""Fitting the weights of the signals to the base's own past, and whether that may be used."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import (
    SILENCE,
    CombinationModel,
    CombinationParameters,
    baseline_log_odds,
    combine,
    signal_log_odds,
)

_TURNS = 5
_WEIGHED = tuple(name for name in SIGNALS if name != SILENCE)


@dataclass(frozen=True, slots=True)
class CalibrationParameters:
    """When weights are fitted, and how far they may go (domain specification 4).

    Attributes
    ----------
    from_rows, from_events
        Labelled rows, and rows that churned, from which fitted weights may be used; count; defaults
        300 and 50.
    standard_deviation
        Spread of the prior of every weight around its default; log-odds; default 0.5.
    older_share
        Share of the rows, the older ones, that are fitted to; share; default 2/3.
    """

    from_rows: int = 300
    from_events: int = 50
    standard_deviation: float = 0.5
    older_share: float = 2 / 3


@dataclass(frozen=True, slots=True)
class ChurnCalibration:
    """The weights to use, and what speaks for them; Brier scores are those of the newest third.

    Attributes
    ----------
    model
        The fitted weights if they may be used, else those given.
    row_count, event_count
        Labelled rows, and those that churned.
    brier_fitted, brier_default, brier_baseline
        Mean squared error of the fitted weights, of those given, and of the baseline alone; NaN
        where nothing could be fitted.
    """

    model: CombinationModel
    row_count: int
    event_count: int
    brier_fitted: float
    brier_default: float
    brier_baseline: float


def calibrate_churn(
    baseline: Floats,
    strengths: Floats,
    has_churned: Booleans,
    day: Integers,
    *,
    default: CombinationModel,
    parameters: CombinationParameters,
    calibration: CalibrationParameters | None = None,
) -> ChurnCalibration:
    """Fit intercept, slope and weights to labelled snapshots, and use them only if they are better.

    Parameters
    ----------
    baseline, strengths
        ``p0`` and the signals (in the order of `SIGNALS`) of units on past days; shapes (rows,) and
        (rows, signals).
    has_churned
        Whether nothing was bought within the horizon; shape (rows,).
    day
        The day of each snapshot, days since 1970-01-01; snapshots of a day are never parted.
    default
        The model to beat, and the center of the prior.

    Notes
    -----
    Logistic regression with a normal prior of standard deviation 0.5 around the defaults, weights
    not below 0, on the older two thirds. Used with at least 300 rows and 50 events and a lower
    Brier score on the newest third than both the defaults and the baseline alone. Source: domain
    specification 4.
    """
    calibration = calibration or CalibrationParameters()
    usable = ~np.isnan(baseline)
    baseline, strengths, day = baseline[usable], strengths[usable], day[usable]
    churned = has_churned[usable].astype(np.float64)
    rows, events = len(churned), int(churned.sum())
    unused = ChurnCalibration(default, rows, events, *(float("nan"),) * 3)
    if rows < calibration.from_rows or events < calibration.from_events:
        return unused
    first_new = np.sort(day)[int(np.floor(calibration.older_share * rows))]
    old = day < first_new
    if not old.any():
        return unused
    fitted = _fit(baseline[old], strengths[old], churned[old], default, parameters, calibration)
    new = ~old

    def brier(probability: Floats) -> float:
        return float(np.mean((probability - churned[new]) ** 2))

    scores = [
        brier(combine(baseline[new], strengths[new], model=each, parameters=parameters).probability)
        for each in (fitted, default)
    ]
    scores.append(brier(baseline[new]))
    is_better = scores[0] < min(scores[1:])
    return ChurnCalibration(fitted if is_better else default, rows, events, *scores)


def _fit(
    baseline: Floats,
    strengths: Floats,
    churned: Floats,
    default: CombinationModel,
    parameters: CombinationParameters,
    calibration: CalibrationParameters,
) -> CombinationModel:
    """Fit; which voice counts fully follows from the weights, hence a few turns."""
    center = np.array(
        [default.intercept, default.slope, *(default.weights.get(name, 0.0) for name in _WEIGHED)]
    )
    precision = calibration.standard_deviation**-2
    weighed = [SIGNALS.index(name) for name in _WEIGHED]
    rhythm = baseline_log_odds(baseline, parameters=parameters)
    model, theta = default, center
    for _ in range(_TURNS):
        counted = _counted_strengths(strengths, model, parameters)[:, weighed]
        design = np.column_stack([np.ones_like(rhythm), rhythm, counted])

        def loss(theta: Floats, design: Floats = design) -> tuple[float, Floats]:
            log_odds, away = design @ theta, theta - center
            value = np.logaddexp(0, log_odds).sum() - churned @ log_odds
            gradient = design.T @ (expit(log_odds) - churned) + precision * away
            return float(value + 0.5 * precision * away @ away), gradient

        bounds = [(None, None), (0.0, None), *[(0.0, None)] * len(_WEIGHED)]
        found = minimize(loss, theta, jac=True, method="L-BFGS-B", bounds=bounds)
        moved, theta = bool(np.abs(found.x - theta).max() > 1e-4), found.x
        model = replace(
            default,
            intercept=float(theta[0]),
            slope=float(theta[1]),
            weights=dict(zip(_WEIGHED, theta[2:].tolist(), strict=True)),
            calibration="fitted",
        )
        if not moved:
            break
    return model


def _counted_strengths(
    strengths: Floats, model: CombinationModel, parameters: CombinationParameters
) -> Floats:
    """Return the strengths as they count: unknown ones as 0, of the voices all but one halved."""
    weights = {name: max(model.weights.get(name, 0.0), 1e-9) for name in _WEIGHED}
    terms = signal_log_odds(strengths, weights=weights, parameters=parameters)
    per_weight = terms / np.array([weights.get(name, 1.0) for name in SIGNALS])
    counted: Floats = np.nan_to_num(per_weight)
    return counted
