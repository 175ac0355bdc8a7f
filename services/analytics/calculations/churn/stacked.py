"""The stacked model: purchase model, what bends it, and where each part of a probability comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import expit

from services.analytics.calculations.churn.features import (
    HISTORY,
    MONEY,
    FeatureBase,
)
from services.analytics.calculations.churn.residuals import inverse
from services.analytics.calculations.churn.targets import (
    LEVEL,
    LINKS,
    TARGETS,
    Forecasts,
    Target,
    columns_of,
    offset_of,
    plain_forecasts,
    signal_names,
)
from services.analytics.calculations.parameters import Family
from services.analytics.calculations.purchase_models.families import FAMILIES
from services.analytics.calculations.purchases import Floats

Reason: TypeAlias = Literal[
    "better",
    "history_too_short",
    "too_few_customers",
    "too_few_buyers",
    "not_better",
    "rival_better",
]

_PURCHASE: Final[tuple[Target, ...]] = ("purchase",)
PARTS: Final = {"history": (LEVEL, *HISTORY), "money": MONEY}


@dataclass(frozen=True, slots=True)
class Residual:
    """What bends the forecast of one target.

    Attributes
    ----------
    names
        Of the columns, in their order.
    effects
        What a column adds on the scale of the link, per unit of it.
    lowest, highest
        Where a column is taken as at the edge.
    usual
        Mean of each column on the day of training, 0 for signals: what a part without says.
    usual_offset
        The same of the plain forecast, on the scale of the link.
    shift
        What is added to all, so that the total is that of the purchase model at its steady level.
    level
        That steady level, on the scale of the link; 0 where it did not help on held-out origins.
    penalty
        The chosen one; customers.
    """

    names: tuple[str, ...]
    effects: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    usual: tuple[float, ...]
    usual_offset: float
    shift: float
    level: float
    penalty: float

    def bend(self, columns: Floats) -> Floats:
        """Give what each column adds; shape (units, columns)."""
        added: Floats = np.clip(columns, self.lowest, self.highest) * np.array(self.effects)
        return added


@dataclass(frozen=True, slots=True)
class Measured:
    """How near one way to forecast came on the newest held-out origin, with one horizon.

    Attributes
    ----------
    loss
        Mean negative log-likelihood but for a constant, over all held-out rows.
    total_ratio
        Forecast total by actual total.
    mean_absolute_error
        Of probabilities or counts.
    area_under_curve, brier_score, calibration_error
        Of a probability, NaN of the others.
    gini
        Normalized, of counts, NaN of a probability.
    """

    loss: float
    total_ratio: float
    mean_absolute_error: float
    area_under_curve: float
    brier_score: float
    calibration_error: float
    gini: float


@dataclass(frozen=True, slots=True)
class HorizonAccuracy:
    """How well the stacked probability is calibrated for horizons of some length.

    Attributes
    ----------
    from_days, until_days
        Half-open.
    customer_count
        Held-out customers.
    predicted, observed
        Mean probability, and the share that bought.
    """

    from_days: float
    until_days: float
    customer_count: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether the stacked forecast of a target is used, and why.

    Attributes
    ----------
    is_used, reason
        The answer; a code for a person.
    gain, gain_error
        By how much the loss falls on the held-out origins, mean per customer, with its standard
        error; NaN if it could not be measured.
    measured
        By name of the forecaster: ``stacked``, the running family and its rivals.
    """

    is_used: bool
    reason: Reason
    gain: float
    gain_error: float
    measured: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """What a base's own past says of purchases to come; plain numbers, kept with the version.

    Attributes
    ----------
    family
        Of the purchase model it stands on.
    base
        What features are told against.
    residuals
        By target; a target that is not in it is forecast by the purchase model alone.
    choices
        By target: why.
    by_horizon
        Calibration of the stacked probability, by length of the horizon.
    horizon_days
        The horizon of decisions it was trained for.
    origin_days
        The days it learned from, newest first; days since 1970-01-01.
    """

    family: Family
    base: FeatureBase
    residuals: Mapping[Target, Residual]
    choices: Mapping[Target, Choice]
    by_horizon: tuple[HorizonAccuracy, ...]
    horizon_days: int
    origin_days: tuple[int, ...]

    @property
    def basis(self) -> Literal["stacked", "rhythm"]:
        """What the churn probability rests on; without the stack, what comes next is to be taken."""
        return "stacked" if "purchase" in self.residuals else "rhythm"

    def forecast(self, features: pd.DataFrame, horizon_days: Floats | float) -> Forecasts:
        """Forecast purchases within a horizon, one for all or one for each.

        Parameters
        ----------
        features
            As `features_at` makes them with `base`.
        horizon_days
            Days, > 0.
        """
        plain = plain_forecasts(features, horizon_days, model=self.base.model)
        purchase, count = (self._bent(target, plain, features, horizon_days) for target in TARGETS)
        count = np.maximum(count, purchase)
        return Forecasts(purchase, count, count * features["mean_order"].to_numpy())

    def probability(self, features: pd.DataFrame, horizon_days: Floats | float) -> Floats:
        """Give the probability of at least one purchase within the horizon; shape (units,)."""
        plain = plain_forecasts(features, horizon_days, model=self.base.model, targets=_PURCHASE)
        return self._bent("purchase", plain, features, horizon_days)

    def factor(
        self, features: pd.DataFrame, expected_purchases: Floats, horizon_days: float
    ) -> Floats:
        """Tell by what plain expectations of a horizon are multiplied; ones if they are not bent.

        Parameters
        ----------
        features
            As in `forecast`.
        expected_purchases
            What the purchase model expects within the horizon; shape (units,).
        horizon_days
            The same for all.
        """
        residual = self.residuals.get("count")
        if residual is None:
            return np.ones(len(features))
        nothing = np.full(len(features), np.nan)
        plain = Forecasts(nothing, expected_purchases, nothing)
        columns = self._columns("count", plain, features, horizon_days)
        added: Floats = residual.bend(columns).sum(axis=1)
        return np.exp(residual.shift + added)

    def contributions(self, features: pd.DataFrame, horizon_days: Floats | float) -> pd.DataFrame:
        """Tell what each part adds to the churn probability: ``p - p(without the part)``.

        Parameters
        ----------
        features, horizon_days
            As in `forecast`.

        Returns
        -------
        pandas.DataFrame
            ``churn_part_history``, ``churn_part_money`` and ``churn_part_<signal>``, indexed like
            the features; without history and money means: those usual in the base, without a
            signal: no such term. They need not add up. No columns if the stack is not used. Source:
            domain specification 4, C-PROB.
        """
        residual = self.residuals.get("purchase")
        if residual is None:
            return pd.DataFrame(index=features.index)
        plain = plain_forecasts(features, horizon_days, model=self.base.model, targets=_PURCHASE)
        offset = offset_of("purchase", plain)
        columns = self._columns("purchase", plain, features, horizon_days)
        added = residual.bend(columns)
        usual = residual.bend(np.array([residual.usual]))[0]
        linear = offset + residual.shift + added.sum(axis=1)
        churn = expit(-linear)
        place = {name: number for number, name in enumerate(residual.names)}
        parts = {}
        for part, names in PARTS.items():
            chosen = [place[name] for name in names]
            without = linear - (added[:, chosen] - usual[chosen]).sum(axis=1)
            if part == "history":
                without -= offset - residual.usual_offset
            parts[f"churn_part_{part}"] = churn - expit(-without)
        for name in signal_names(features):
            without = linear - added[:, place[name]]
            parts[f"churn_part_{name.removeprefix('signal_')}"] = churn - expit(-without)
        return pd.DataFrame(parts, index=features.index, copy=False)

    def _bent(
        self,
        target: Target,
        plain: Forecasts,
        features: pd.DataFrame,
        horizon_days: Floats | float,
    ) -> Floats:
        values: Floats = getattr(plain, target)
        residual = self.residuals.get(target)
        if residual is None:
            return values
        columns = self._columns(target, plain, features, horizon_days)
        linear = offset_of(target, plain) + residual.shift
        return inverse(linear + residual.bend(columns).sum(axis=1), link=LINKS[target])

    def _columns(
        self,
        target: Target,
        plain: Forecasts,
        features: pd.DataFrame,
        horizon_days: Floats | float,
    ) -> Floats:
        gap = self.base.typical_gap_days
        return columns_of(target, plain, features, horizon_days, typical_gap_days=gap)


def read_churn_model(document: Mapping[str, Any]) -> ChurnModel:
    """Make a model from what ``dataclasses.asdict`` made of it, also after a way through JSON."""
    model = FAMILIES[document["family"]](**document["base"]["model"])

    def numbers(values: Mapping[str, Any]) -> dict[str, Any]:
        """Turn null back into NaN, and lists into tuples."""
        return {
            name: np.nan if value is None else tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }

    choices = {
        target: Choice(
            **{
                **numbers(choice),
                "measured": {
                    name: Measured(**numbers(each)) for name, each in choice["measured"].items()
                },
            }
        )
        for target, choice in document["choices"].items()
    }
    residuals = {
        target: Residual(**numbers(values)) for target, values in document["residuals"].items()
    }
    return ChurnModel(
        document["family"],
        FeatureBase(**{**numbers(document["base"]), "model": model}),
        residuals,
        choices,
        tuple(HorizonAccuracy(**numbers(each)) for each in document["by_horizon"]),
        document["horizon_days"],
        tuple(document["origin_days"]),
    )
