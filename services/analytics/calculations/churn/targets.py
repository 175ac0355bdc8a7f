"""What is forecast of a customer, what the purchase model alone says, and how it is written as rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import logit

from services.analytics.calculations.churn.features import SHAPES
from services.analytics.calculations.churn.residuals import Link
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats

Target: TypeAlias = Literal["purchase", "count"]

TARGETS: Final[tuple[Target, ...]] = ("purchase", "count")
LINKS: Final[dict[Target, Link]] = {"purchase": "logit", "count": "log"}
LEVEL: Final = "level"

_EDGE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """What is forecast of units within a horizon of each; shape (units,).

    Attributes
    ----------
    purchase
        Probability of at least one purchase.
    count
        Expected number of days with a purchase.
    spend
        Expected amount of these purchases; base currency, NaN if no amount is known.
    """

    purchase: Floats
    count: Floats
    spend: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of units within a horizon of each; shape (units,).

    Attributes
    ----------
    purchase
        1 with a purchase, else 0.
    count
        Days with a purchase.
    """

    purchase: Floats
    count: Floats


def plain_forecasts(
    features: pd.DataFrame,
    horizon_days: Floats | float,
    *,
    model: PurchaseModel,
    targets: Collection[Target] = TARGETS,
) -> Forecasts:
    """Forecast by a purchase model and credible amounts alone; NaN what is not asked for.

    Sources: domain specification 2.1, 3.2.
    """
    x, t_x, age = (
        features[name].to_numpy() for name in ("repeat_count", "recency_days", "age_days")
    )
    purchase = count = np.full(len(features), np.nan)
    if "purchase" in targets:
        purchase = model.purchase_probability(x, t_x, age, horizon_days)
    if "count" in targets:
        count = model.expected_purchases(x, t_x, age, horizon_days)
    return Forecasts(purchase, count, count * features["mean_order"].to_numpy())


def offset_of(target: Target, plain: Forecasts) -> Floats:
    """Write the plain forecast on the scale of the link."""
    if target == "purchase":
        likely: Floats = logit(np.clip(plain.purchase, _EDGE, 1 - _EDGE))
        return likely
    return np.log(np.maximum(plain.count, _EDGE))


def columns_of(
    target: Target,
    plain: Forecasts,
    features: pd.DataFrame,
    horizon_days: Floats | float,
    *,
    typical_gap_days: float,
) -> Floats:
    r"""Write what the forecast may be bent by: its own level, the shapes and the signals.

    Returns
    -------
    numpy.ndarray
        Shape (units, columns), in the order of `column_names`. The level is the logarithm of the
        purchases per typical gap that the plain forecast amounts to, :math:`-\ln(1 - p)` for a
        probability: by the day, so that it means the same for any horizon.
    """
    if target == "purchase":
        amount = -np.log1p(-np.clip(plain.purchase, _EDGE, 1 - _EDGE))
    else:
        amount = np.maximum(plain.count, _EDGE)
    level = np.log(amount) - np.log(np.asarray(horizon_days) / typical_gap_days)
    rest = [features[name].to_numpy() for name in (*SHAPES, *signal_names(features))]
    return np.column_stack([level, *rest])


def signal_names(features: pd.DataFrame) -> tuple[str, ...]:
    """List the columns of signals."""
    return tuple(str(name) for name in features if str(name).startswith("signal_"))


def column_names(features: pd.DataFrame) -> tuple[str, ...]:
    """Name the columns that a forecast may be bent by."""
    return (LEVEL, *SHAPES, *signal_names(features))
