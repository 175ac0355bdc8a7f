"""How far a purchase model is off in total: as far as it was steady, or as a year ago."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.purchases import Floats


def steady_level(
    levels: Sequence[float],
    days_ago: Sequence[float],
    *,
    independent: float,
    parameters: ChurnParameters,
) -> float:
    r"""Expect how far the next forecast will be off from how far those of the past were.

    Parameters
    ----------
    levels
        What each origin needed in addition, on the scale of the link, newest first.
    days_ago
        How long before the day of the forecast each origin lies.
    independent
        How many origins that do not overlap they amount to; at least 1.
    parameters
        What is believed before any data.

    Returns
    -------
    float
        :math:`\bar u\,\frac{s^2}{s^2 + \tau^2 / k}` with the mean :math:`\bar u` of the levels,
        newer ones counting more, the deviation :math:`s` that is usual, ``k`` independent origins
        and the variance :math:`\tau^2` from one to another, itself drawn to what is usual. Origins
        that say the same are believed; a season that only some of them saw is not carried on.
        Sources: best linear unbiased prediction, Robinson (1991); Harrison (1965), discounting.
    """
    if not len(levels):
        return 0.0
    found, ago = (np.asarray(values, dtype=np.float64) for values in (levels, days_ago))
    half_life = parameters.level_half_life * float(ago.max() - ago.min())
    weight = 0.5 ** ((ago - ago.min()) / half_life) if half_life > 0 else np.ones(len(found))
    weight /= weight.sum()
    alike = max(independent / len(found) / float(weight @ weight), 1.0)
    usual = parameters.level_deviation**2
    return float(weight @ found) * usual / (usual + _variance(found, parameters) / alike)


def seasonal_level(
    levels: Sequence[float], days_ago: Sequence[float], *, parameters: ChurnParameters
) -> float:
    r"""Expect the same where origins reach back a year: one at the same season tells the most.

    Parameters
    ----------
    levels
        As in `steady_level`.
    days_ago
        How long before the day of the forecast each origin lies.
    parameters
        What is believed before any data.

    Returns
    -------
    float
        The prediction of a Gaussian process over days with covariance :math:`s^2 + \tau^2
        e^{-2 \sin^2(\pi d / \text{year}) / l^2}` and the noise :math:`\tau^2 (n + a)` of an origin
        ``a`` years ago: older ones say less of today. Source: MacKay (1998), periodic covariance.
    """
    found, ago = (np.asarray(values, dtype=np.float64) for values in (levels, days_ago))
    variance = _variance(found, parameters)
    usual, year = parameters.level_deviation**2, parameters.season_days

    def covariance(apart: Floats) -> Floats:
        season = np.sin(np.pi * apart / year) / parameters.season_width
        alike: Floats = usual + variance * np.exp(-2 * season**2)
        return alike

    noise = variance * (parameters.season_noise + ago / year)
    between = covariance(ago[:, None] - ago) + np.diag(noise)
    return float(covariance(ago) @ np.linalg.solve(between, found))


def _variance(found: Floats, parameters: ChurnParameters) -> float:
    """Estimate how much levels differ from one origin to another, drawn to what is usual."""
    weight = parameters.level_variation_weight
    apart = float(((found - found.mean()) ** 2).sum()) + weight * parameters.level_variation**2
    return apart / (weight + len(found) - 1)
