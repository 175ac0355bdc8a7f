"""How far a lifetime value may be off: chance, parameters, margins; standard error and interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

from services.analytics.calculations.purchase_models.fitting import PurchaseFit
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchase_models.purchases_ahead import PurchasesAhead
from services.analytics.calculations.purchases import Booleans, Floats, Integers

PARTS: Final = ("purchases", "purchase_model", "margin_of_unit", "margin_of_purchase")
"""What an interval holds. Not in it: that the model is another one, that the base mean of margins,
its credibility and the discount rate are estimates, and what changes tomorrow."""

COVERAGE: Final = 0.9
_STEP = 1e-3
_NOTHING = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class MarginSpread:
    """How margins vary around what is expected of each unit.

    Attributes
    ----------
    of_unit
        Variance of what is believed of the unit's own mean, base currency squared; shape (units,).
    of_purchase
        Variance of single margins around that mean, base currency squared; shape (units,), or one
        number.
    can_be_negative
        Whether single margins below zero were seen.
    """

    of_unit: Floats
    of_purchase: Floats | float
    can_be_negative: bool


@dataclass(frozen=True, slots=True, eq=False)
class ValueInterval:
    """How far the lifetime values of units may be off; shape (units,), base currency.

    Attributes
    ----------
    low, high
        What comes lies between them with 90 % probability; the expected value always does.
    standard_error
        Of what comes around the expected value.
    """

    low: Floats
    high: Floats
    standard_error: Floats


def parameter_variance(evaluate: Callable[[PurchaseModel], Floats], *, fit: PurchaseFit) -> Floats:
    r"""Tell the variance that comes from the uncertainty of the estimated parameters.

    Parameters
    ----------
    evaluate
        Computes what is looked at under some model; an array of any shape.
    fit
        The estimate with its covariance; parameters of unknown error add nothing.

    Notes
    -----
    Delta method: :math:`g^\top \Sigma g = \sum_k (g^\top c_k)^2` with ``c_k`` the columns of a
    square root of the covariance of the logarithms, so that four evaluations do.
    """
    model, here = fit.model, evaluate(fit.model)
    variance = np.zeros_like(here)
    values, vectors = np.linalg.eigh(np.nan_to_num(np.array(fit.log_covariance), nan=0.0))
    for direction in (vectors * np.sqrt(np.maximum(values, 0.0))).T:
        length = float(np.abs(direction).max())
        if length > 0:
            shifted = type(model).from_logs(model.logs + _STEP / length * direction)
            variance += ((evaluate(shifted) - here) * (length / _STEP)) ** 2
    return variance


def value_interval(
    purchases: Floats,
    margin: Floats,
    *,
    margin_spread: MarginSpread,
    alive: Floats,
    ahead: PurchasesAhead,
    months: int,
    discount_rate: float,
    from_parameters: Floats,
) -> ValueInterval:
    r"""Give the standard error and the 90 % interval of what units will bring.

    Parameters
    ----------
    purchases
        Discounted purchases expected within the horizon; shape (units,).
    margin, margin_spread
        Contribution expected per purchase, base currency, and how it varies.
    alive
        Probability to be alive or under contract; shape (units,).
    ahead
        The purchases ahead of the units if alive, as the purchase model says; where ``purchases``
        and ``alive`` say others, they come at another rate.
    months, discount_rate
        The horizon, months of 365/12 days, and the yearly rate.
    from_parameters
        `parameter_variance` of ``purchases``; shape (units,).

    Notes
    -----
    With ``N`` purchases of discounts ``d``, :math:`Z = \sum d`, margins of mean :math:`m` with
    variance :math:`\tau^2` of the mean and :math:`\sigma^2` of each, and ``w`` the probability to be
    alive: :math:`E S^2 = w\,(\sigma^2 E\sum d^2 + (m^2 + \tau^2) E Z^2)`, from
    which the squared value is taken and to which the variance from the parameters is added.

    Nothing comes with probability ``1 - w P(N > 0)``. What comes else follows a gamma distribution
    of the same mean and variance, or a normal one where margins below zero are likely. The interval
    leaves out 5 % at either end; where nothing is likelier than 5 % its low end is 0, below which
    nothing is left out, and so 10 % are at the other. It always contains the expected value.
    """
    value = purchases * margin
    within = ahead.within(months=months, discount_rate=discount_rate)
    rate = purchases / np.maximum(alive * within, _NOTHING)
    singles, pairs = ahead.moments_within(months=months, discount_rate=discount_rate)
    singles, pairs = singles * rate, pairs * rate**2
    of_purchase, of_unit = margin_spread.of_purchase, margin_spread.of_unit
    square = of_purchase * singles + (margin**2 + of_unit) * (singles + pairs)
    square = alive * square + from_parameters * margin**2
    variance = np.maximum(square - value**2, 0.0)
    none = np.maximum(1 - ahead.buying_within(months=months), 0.0)
    some = np.clip(alive * (1 - none**rate), 1e-12, 1.0)
    mean = value / some
    spread = np.maximum(square / some - mean**2, 0.0)
    can_turn = margin_spread.can_be_negative & (of_purchase + of_unit > margin**2)
    something = _Something(mean, spread, np.broadcast_to(can_turn, mean.shape))
    low, high = _ends(some, something)
    return ValueInterval(np.minimum(low, value), np.maximum(high, value), np.sqrt(variance))


@dataclass(frozen=True, slots=True, eq=False)
class _Something:
    """What comes if something comes: gamma of either sign, or normal where the sign can turn."""

    mean: Floats
    variance: Floats
    can_turn: Booleans

    def share_below_zero(self) -> Floats:
        share = (self.mean < 0).astype(np.float64)
        rows = np.flatnonzero(self.can_turn & (self.variance > 0))
        share[rows] = ndtr(-self.mean[rows] / np.sqrt(self.variance[rows]))
        return share

    def quantile(self, rows: Integers, share: Floats) -> Floats:
        """Find below what some share of what comes to some units lies."""
        mean, variance = self.mean[rows], self.variance[rows]
        share = np.clip(share, 0.0, 1.0)
        found = np.where(np.isnan(variance), np.nan, mean)
        normal = np.flatnonzero(self.can_turn[rows] & (variance > 0))
        found[normal] += np.sqrt(variance[normal]) * ndtri(share[normal])
        gamma = np.flatnonzero(~self.can_turn[rows] & (variance > 0) & (mean != 0))
        mean, variance = mean[gamma], variance[gamma]
        share = np.where(mean > 0, share[gamma], 1 - share[gamma])
        found[gamma] = variance / mean * gammaincinv(mean**2 / variance, share)
        return found


def _ends(some: Floats, something: _Something) -> tuple[Floats, Floats]:
    """Find the ends of the interval of a mixture of nothing and something."""
    tail, nothing = (1 - COVERAGE) / 2, 1 - some
    below = some * something.share_below_zero()
    above = some - below
    # Where an end is zero, what it does not leave out is left out at the other end.
    starts_at_zero = (below <= tail) & (below + nothing > tail)
    ends_at_zero = (above <= tail) & (above + nothing > tail)
    low_share = np.where(ends_at_zero, 2 * tail - above, tail)
    high_share = 1 - np.where(starts_at_zero, 2 * tail - below, tail)

    def end(share: Floats) -> Floats:
        is_zero = (share >= below) & (share <= below + nothing)
        found = np.where(np.isnan(something.mean + something.variance), np.nan, 0.0)
        rows = np.flatnonzero(~is_zero)
        own = share[rows] - np.where(share[rows] > below[rows], nothing[rows], 0.0)
        found[rows] = something.quantile(rows, own / some[rows])
        return found

    return end(low_share), end(high_share)
