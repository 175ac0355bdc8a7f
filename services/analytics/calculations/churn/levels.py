"""How far a purchase model is off in total, carried over from the past as far as it was steady."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.analytics.calculations.churn.parameters import ChurnParameters


def steady_level(
    levels: Sequence[float], *, independent: float, parameters: ChurnParameters
) -> float:
    r"""Expect how far the next forecast will be off from how far those of the past were.

    Parameters
    ----------
    levels
        What each origin needed in addition, on the scale of the link, newest first.
    independent
        How many origins that do not overlap they amount to; at least 1.
    parameters
        What is believed before any data.

    Returns
    -------
    float
        :math:`\bar u\,\frac{s^2}{s^2 + \tau^2 / k}` with the mean :math:`\bar u` of the levels, the
        deviation :math:`s` that is usual, ``k`` independent origins and the variance
        :math:`\tau^2` from one to another, itself drawn to what is usual. Origins that say the same
        are believed; a season that only some of them saw is not carried on. Source: best linear
        unbiased prediction, Robinson (1991).
    """
    if not len(levels):
        return 0.0
    found = np.asarray(levels, dtype=np.float64)
    mean, weight = float(found.mean()), parameters.level_variation_weight
    apart = float(((found - mean) ** 2).sum()) + weight * parameters.level_variation**2
    variance = apart / (weight + len(found) - 1)
    usual = parameters.level_deviation**2
    return mean * usual / (usual + variance / max(independent, 1.0))
