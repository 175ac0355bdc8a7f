"""How the stacked model bends what units are worth: by purchases and by who is still a customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.value import LifetimeValue

_YEAR: Final = 365.0
_NOTHING: Final = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What the stacked model takes and says of the units that have bought.

    Attributes
    ----------
    model
        It is used for the churn probability.
    features
        As `churn.features.features_at` makes them.
    purchase_probability
        Of a purchase within the own horizon; shape (units,).
    """

    model: ChurnModel
    features: pd.DataFrame
    purchase_probability: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """How purchases and values of units are bent; shape (units that have bought,).

    Attributes
    ----------
    is_bent
        False under an active contract, of which the stacked model has seen nothing.
    alive
        Probability to be a customer still, with what was learned.
    weight
        Purchases of the year by those of the purchase model if certainly alive.
    factor
        Purchases of the year by those of the purchase model, before any limit.
    """

    is_bent: Booleans
    alive: Floats
    weight: Floats
    factor: Floats


def bend_of(
    learned: Learned, lifetime: LifetimeValue, alive_probability: Floats, *, is_free: Booleans
) -> Bend:
    r"""Find how the stacked model bends the values of units.

    Parameters
    ----------
    learned
        What it says.
    lifetime
        What the purchase model says.
    alive_probability
        P(alive) of the purchase model; shape (units,).
    is_free
        Who has no active contract; shape (units,).

    Notes
    -----
    With the purchases of a year :math:`A` if alive and :math:`E = P A` of the purchase model, the
    factor :math:`f` of the stacked model and its probabilities of a purchase, :math:`p` within the
    year and :math:`q` within the own horizon: :math:`E' = \max(fE, p, q)`, as no mean lies below the
    chance of one (a horizon beyond a year says nothing of it). What is lost by what was learned, is
    lost with the customer: :math:`P' = E'/A`; what is gained, by customers and purchases alike:
    :math:`P' = 1 - (1 - P)^{E'/E}`, in the end certain; never below :math:`q`, and :math:`E' = P' A'`.
    """
    factor = learned.model.factor(learned.features, lifetime.expected_purchases, _YEAR)
    likely = learned.purchase_probability
    is_within = learned.features["own_horizon_days"].to_numpy() <= _YEAR
    within_year = learned.model.probability(learned.features, _YEAR)
    expected = np.maximum(factor * lifetime.expected_purchases, within_year)
    expected = np.maximum(expected, np.where(is_within, likely, 0.0))
    weight = expected / np.maximum(lifetime.alive_purchases, _NOTHING)
    is_bent = is_free & np.isfinite(weight) & (lifetime.alive_purchases > 0)
    alive = np.maximum(_alive(weight, alive_probability), likely)
    return Bend(is_bent, np.where(is_bent, alive, alive_probability), weight, factor)


def _alive(weight: Floats, alive_probability: Floats) -> Floats:
    """Split what units are bent by: give the chance to be a customer still that it leaves."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = -np.expm1(weight / alive_probability * np.log1p(-alive_probability))
    is_gain = (weight > alive_probability) & (alive_probability > 0)
    found: Floats = np.where(is_gain, gained, np.minimum(weight, 1.0))
    return found


def bent_lifetime(lifetime: LifetimeValue, bend: Bend) -> LifetimeValue:
    """Bend the first year; what comes later stays as the purchase model says."""
    decision = bend.weight * lifetime.alive_decision
    tier = lifetime.tier + decision - lifetime.decision
    alive = np.where(bend.is_bent & (bend.alive > 0), bend.alive, 1.0)

    def chosen(bent: Floats, plain: Floats) -> Floats:
        return np.where(bend.is_bent, bent, plain)

    return LifetimeValue(
        alive_purchases=chosen(
            bend.weight * lifetime.alive_purchases / alive, lifetime.alive_purchases
        ),
        expected_purchases=chosen(
            bend.weight * lifetime.alive_purchases, lifetime.expected_purchases
        ),
        alive_decision=chosen(decision / alive, lifetime.alive_decision),
        decision=chosen(decision, lifetime.decision),
        alive_tier=chosen(tier / alive, lifetime.alive_tier),
        tier=chosen(tier, lifetime.tier),
    )
