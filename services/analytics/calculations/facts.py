"""What is known of units when steps are weighed, as plain arrays; nothing is weighed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.candidates import StrategyOptions, StrategyParameters
from services.analytics.calculations.purchases import Booleans, Floats, float_column

Codes: TypeAlias = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A condition of units: what it counts as, and whether that is only its value while unknown."""

    holds: Booleans
    is_unknown: Booleans

    def take(self, rows: NDArray[np.intp]) -> Answers:
        return Answers(self.holds[rows], self.is_unknown[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of units; every array has the shape (units,).

    Attributes
    ----------
    stake
        Value of success; base currency, NaN unknown.
    base_probability
        Chance of success without us; NaN unknown.
    spend_limit
        What a step may cost; base currency.
    order_value, margin
        Expected amount and contribution of a purchase; base currency, NaN unknown.
    motive
        Code of the purchase motive among `motives`, -1 unknown.
    signals
        Strength of the churn signals that are known; 0 where unknown.
    conditions
        Answers to the conditions that are known of some unit.
    motives
        Purchase motives in the order of their codes.
    while_unknown
        What each condition counts as while unknown.
    """

    stake: Floats
    base_probability: Floats
    spend_limit: Floats
    order_value: Floats
    margin: Floats
    motive: Codes
    signals: dict[str, Floats]
    conditions: dict[str, Answers]
    motives: tuple[str, ...]
    while_unknown: dict[str, bool]

    def take(self, rows: NDArray[np.intp]) -> Facts:
        """Return the facts of some rows."""
        return Facts(
            self.stake[rows],
            self.base_probability[rows],
            self.spend_limit[rows],
            self.order_value[rows],
            self.margin[rows],
            self.motive[rows],
            {name: strength[rows] for name, strength in self.signals.items()},
            {name: answers.take(rows) for name, answers in self.conditions.items()},
            self.motives,
            self.while_unknown,
        )


def collect_facts(
    customers: pd.DataFrame,
    units: pd.DataFrame,
    *,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> Facts:
    """Read what is known of units from their numbers.

    The value of success is the expected first-year contribution for leads, 0.8 of the lifetime
    value of a year in win-back and all of it elsewhere. Source: domain specification 6.2.
    """
    is_lead = (customers["state"] == "lead").to_numpy(dtype=np.bool_, na_value=False)
    is_winback = (customers["phase"] == "winback").to_numpy(dtype=np.bool_, na_value=False)
    value = float_column(customers, "clv_alive_365").copy()
    value[is_lead] = float_column(customers, "expected_new_value")[is_lead]
    base = 1 - float_column(customers, "churn_probability")
    base[is_lead] = parameters.lead_conversion_probability
    margin = float_column(customers, "margin_per_purchase").copy()
    margin[is_lead] = parameters.base_margin
    order_value = np.full(len(customers), np.nan)
    if "order_value" in customers:
        order_value = float_column(customers, "order_value").copy()
    order_value[is_lead] = parameters.base_order_value
    motives = tuple(dict.fromkeys(name for name, _, _ in options.affinities))
    motive = codes_of(units["purchase_motive"], motives)
    return Facts(
        stake=np.where(is_winback, parameters.winback_value_share * value, value),
        base_probability=base,
        spend_limit=parameters.spend_share * value,
        order_value=order_value,
        margin=margin,
        motive=motive,
        signals={
            "leave_intent": _strength(float_column(units, "leave_intent")),
            "competitor_loss": _strength(float_column(units, "competitor_loss")),
            "inactivity": _strength((float_column(customers, "gap_rank") - 0.5) / 0.5),
        },
        conditions=_conditions(customers, units, motive=motive, motives=motives, options=options),
        motives=motives,
        while_unknown=dict(options.unknown_conditions),
    )


def codes_of(words: pd.Series, known: tuple[str, ...]) -> Codes:
    """Number words by their place among the known ones, -1 for any other."""
    return pd.Categorical(words, categories=known).codes.astype(np.int16)


def _strength(values: Floats) -> Floats:
    return np.nan_to_num(np.clip(values, 0.0, 1.0), nan=0.0)


def _conditions(
    customers: pd.DataFrame,
    units: pd.DataFrame,
    *,
    motive: Codes,
    motives: tuple[str, ...],
    options: StrategyOptions,
) -> dict[str, Answers]:
    """Answer the conditions that the frames know; a column named as a condition answers it."""
    known = {
        "open_complaint": units["has_open_complaint"],
        "active_contract": units["has_active_contract"],
        "retained_rhythm": customers["state"] == "retained",
    }
    answers = {}
    for name, while_unknown in options.unknown_conditions:
        column = units[name] if name in units else known.get(name)
        if column is not None:
            is_unknown = column.isna().to_numpy(dtype=np.bool_)
            holds = column.to_numpy(dtype=np.bool_, na_value=while_unknown)
            answers[name] = Answers(holds, is_unknown)
        elif name == "motive_monopoly" and "monopoly" in motives:
            answers[name] = Answers(motive == motives.index("monopoly"), motive < 0)
    return answers
