"""What is known of units when steps are weighed, as plain arrays; nothing is weighed here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.feedback.parameters import FEATURES
from services.analytics.calculations.feedback.responders import individual_effects
from services.analytics.calculations.next_products.choosing import UPGRADE
from services.analytics.calculations.purchases import Booleans, Floats, float_column
from services.analytics.calculations.recommendations.candidates import (
    Purpose,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.signals.columns import SIGNALS

Codes: TypeAlias = NDArray[np.int16]
Decided: TypeAlias = Mapping[str, Collection[str]]
"""Units for which an instrument was decided on already."""

PRODUCTS: Final = 3
"""Products that are looked at for a unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A condition of units: what it counts as, and whether that is only its value while unknown."""

    holds: Booleans
    is_unknown: Booleans

    def take(self, rows: NDArray[np.intp]) -> Answers:
        return Answers(self.holds[rows], self.is_unknown[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A product that could be offered to each unit; shape (units,), NaN and 0 where there is none.

    Attributes
    ----------
    place
        Its number among the products of the base.
    probability
        Chance that it is bought without us.
    margin
        What it earns; base currency.
    flags
        `OBVIOUS`, `UPGRADE`, `REPEAT`.
    conditions
        Answers to the conditions that ask of the product offered.
    """

    place: Floats
    probability: Floats
    margin: Floats
    flags: Codes
    conditions: dict[str, Answers] = field(default_factory=dict)

    def take(self, rows: NDArray[np.intp]) -> Product:
        return Product(
            self.place[rows],
            self.probability[rows],
            self.margin[rows],
            self.flags[rows],
            {name: each.take(rows) for name, each in self.conditions.items()},
        )


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
        What a step may cost after what was spent already; base currency.
    order_value, margin
        Expected amount and contribution of a purchase; base currency, NaN unknown.
    motive
        Code of the purchase motive among `motives`, -1 unknown.
    is_inferred
        Whether the motive was inferred.
    is_loyal_elsewhere
        Whether a lead is loyal to another supplier.
    dimension
        Dimension of satisfaction with the widest gap, -1 none.
    may_sell
        Whether a new customer has had a contact that was positive or neutral.
    is_selling_blocked
        Whether a complaint is open.
    signals
        Strength of the churn signals; 0 where unknown.
    conditions
        Answers to the conditions that are known of some unit.
    quality
        How well each channel suits the unit, by what it is addressed for and place of the channel;
        NaN where it may not be used.
    products
        What could be offered, the best first.
    events
        Whether an event has happened and its time has come, by place of the event.
    controls
        Whether it is in the control group, by place of the experiment.
    decided
        Whether an instrument was decided on already.
    effects
        Own effect of an instrument in a phase, where some respond more than others; probability.
    motives
        Purchase motives in the order of their codes.
    while_unknown
        What each condition counts as while unknown, or is declared to be.
    """

    stake: Floats
    base_probability: Floats
    spend_limit: Floats
    order_value: Floats
    margin: Floats
    motive: Codes
    is_inferred: Booleans
    is_loyal_elsewhere: Booleans
    dimension: Codes
    may_sell: Booleans
    is_selling_blocked: Booleans
    signals: dict[str, Floats]
    conditions: dict[str, Answers]
    quality: dict[Purpose, dict[int, Floats]]
    products: tuple[Product, ...]
    events: dict[int, Booleans]
    controls: dict[int, Booleans]
    decided: dict[str, Booleans]
    effects: dict[tuple[str, str], Floats]
    motives: tuple[str, ...]
    while_unknown: dict[str, bool]

    def take(self, rows: NDArray[np.intp]) -> Facts:
        """Return the facts of some rows."""

        def part(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return value[rows]
            if isinstance(value, dict):
                return {name: part(each) for name, each in value.items()}
            if isinstance(value, Answers | Product):
                return value.take(rows)
            return tuple(map(part, value)) if isinstance(value, tuple) else value

        return Facts(*(part(getattr(self, each.name)) for each in fields(self)))

    def __len__(self) -> int:
        return len(self.stake)


def collect_facts(
    customers: pd.DataFrame,
    units: pd.DataFrame,
    *,
    options: StrategyOptions,
    parameters: StrategyParameters,
    decided: Decided,
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
    order_value = _numbers(customers, "order_value").copy()
    order_value[is_lead] = parameters.base_order_value
    motives = tuple(dict.fromkeys(name for name, _, _ in options.affinities))
    motive = codes_of(customers["motive"], motives)
    spent = np.nan_to_num(_numbers(units, "spent_365"))
    return Facts(
        stake=np.where(is_winback, parameters.winback_value_share * value, value),
        base_probability=base,
        spend_limit=parameters.spend_share * value - spent,
        order_value=order_value,
        margin=margin,
        motive=motive,
        is_inferred=_are(customers, "motive_basis", "inferred"),
        is_loyal_elsewhere=is_lead & _flags(units, "is_loyal_to_competitor"),
        dimension=np.nan_to_num(_numbers(customers, "gap_dimension"), nan=-1).astype(np.int16),
        may_sell=_numbers(customers, "sentiment_level") >= 0,
        is_selling_blocked=units["has_open_complaint"].to_numpy(dtype=np.bool_, na_value=False),
        signals={name: _strength(_numbers(customers, f"signal_{name}")) for name in SIGNALS},
        conditions=_conditions(
            customers,
            units,
            motive=motive,
            motives=motives,
            options=options,
            tier_floor=parameters.tier_floor,
        ),
        quality={purpose: _channels(units, purpose, options) for purpose in get_args(Purpose)},
        products=_products(customers, units, options),
        events=_events(units, options),
        controls={
            place: holdout.holds_out(units["unit_id"].tolist())
            for place, holdout in enumerate(options.holdouts)
        },
        decided={
            instrument: units["unit_id"].isin(list(who)).to_numpy()
            for instrument, who in decided.items()
        },
        effects={
            pair: individual_effects(model, customers[list(FEATURES)].to_numpy(dtype=np.float64))
            for pair, model in options.responders
        },
        motives=motives,
        while_unknown={**dict(options.while_unknown), **dict(options.declared)},
    )


def codes_of(words: pd.Series, known: tuple[str, ...]) -> Codes:
    """Number words by their place among the known ones, -1 for any other."""
    if isinstance(words.dtype, pd.CategoricalDtype):
        places = pd.Index(known).get_indexer(words.cat.categories)
        found: Codes = np.append(places, -1)[words.cat.codes].astype(np.int16)
        return found
    return pd.Index(known).get_indexer(pd.Index(words)).astype(np.int16)


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    return float_column(frame, name) if name in frame else np.full(len(frame), np.nan)


def _words(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)


def _flags(frame: pd.DataFrame, name: str) -> Booleans:
    if name not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    return frame[name].to_numpy(dtype=np.bool_, na_value=False)


def _are(frame: pd.DataFrame, name: str, word: str) -> Booleans:
    return (_words(frame, name) == word).to_numpy(dtype=np.bool_, na_value=False)


def _strength(values: Floats) -> Floats:
    return np.nan_to_num(np.clip(values, 0.0, 1.0), nan=0.0)


def _channels(units: pd.DataFrame, purpose: Purpose, options: StrategyOptions) -> dict[int, Floats]:
    """Read how well channels suit, by place; a channel that nobody may use is left out.

    Where advertising is not allowed, the answers to it say nothing of anything else.
    """
    found = {}
    for place, channel in enumerate(options.channels):
        quality = _numbers(units, f"quality_{channel.channel_id}")
        if purpose == "survey":
            may = _flags(units, f"survey_{channel.channel_id}")
            quality = np.where(may, np.nan_to_num(quality, nan=1.0), np.nan)
        if purpose == "request":
            asks = _flags(units, "has_open_request")
            may = asks & _flags(units, f"service_{channel.channel_id}")
            quality = np.where(may, np.nan_to_num(quality, nan=1.0), quality)
        if not np.isnan(quality).all():
            found[place] = quality
    return found


def _products(
    customers: pd.DataFrame, units: pd.DataFrame, options: StrategyOptions
) -> tuple[Product, ...]:
    """Read what could be offered; a column named as a product and a condition answers that for it."""
    declared = dict(options.declared)
    asked = [pair for pair in options.while_unknown if pair[0] not in declared]
    return tuple(
        Product(
            float_column(customers, f"product{number}"),
            float_column(customers, f"product{number}_probability"),
            float_column(customers, f"product{number}_margin"),
            np.nan_to_num(float_column(customers, f"product{number}_flags")).astype(np.int16),
            {
                name: _answers(units[f"product{number}_{name}"], while_unknown)
                for name, while_unknown in asked
                if f"product{number}_{name}" in units
            },
        )
        for number in _offered(customers)
    )


def _offered(customers: pd.DataFrame) -> list[int]:
    """List the numbers under which some unit has a product."""
    return [
        number
        for number in range(1, PRODUCTS + 1)
        if f"product{number}" in customers and customers[f"product{number}"].notna().any()
    ]


def _answers(column: pd.Series, while_unknown: bool) -> Answers:
    is_unknown = column.isna().to_numpy(dtype=np.bool_)
    return Answers(column.to_numpy(dtype=np.bool_, na_value=while_unknown), is_unknown)


def _events(units: pd.DataFrame, options: StrategyOptions) -> dict[int, Booleans]:
    found = {}
    for place, event in enumerate(options.events):
        name = f"event_{event.event_id}"
        if name in units:
            happened = units[name].notna().to_numpy()
            if happened.any():
                found[place] = happened
    return found


def _conditions(
    customers: pd.DataFrame,
    units: pd.DataFrame,
    *,
    motive: Codes,
    motives: tuple[str, ...],
    options: StrategyOptions,
    tier_floor: float,
) -> dict[str, Answers]:
    """Answer the conditions that the frames know; a column named as a condition answers it."""
    known: dict[str, Any] = {
        "open_complaint": units["has_open_complaint"],
        "active_contract": units["has_active_contract"],
        "retained_rhythm": customers["state"] == "retained",
        **_of_value(customers, tier_floor),
        **_of_satisfaction(customers),
        **_of_products(customers),
    }
    declared = dict(options.declared)
    answers = {}
    for name, while_unknown in options.while_unknown:
        column = units[name] if name in units else known.get(name)
        if name in declared:
            continue
        if column is not None:
            answers[name] = _answers(column, while_unknown)
        elif name == "motive_monopoly" and "monopoly" in motives:
            answers[name] = Answers(motive == motives.index("monopoly"), motive < 0)
    return answers


def _of_value(customers: pd.DataFrame, floor: float) -> dict[str, pd.Series]:
    """Tell who is of tier A or B; NA of whom no value is known, or where no floor is."""
    worth = pd.Series(_numbers(customers, "clv_alive_1095"), index=customers.index)
    if np.isnan(floor):
        return {}
    return {"tier_a_or_b": (worth >= floor).astype("boolean").mask(worth.isna())}


def _of_satisfaction(customers: pd.DataFrame) -> dict[str, pd.Series]:
    """Tell who is satisfied and who is not; NA where nobody asked (catalogue, `conditions`)."""
    gap, mood, difference, nps = (
        pd.Series(_numbers(customers, name), index=customers.index)
        for name in (
            "signal_satisfaction_gap",
            "signal_negative_sentiment",
            "satisfaction_difference",
            "nps",
        )
    )
    is_dissatisfied = ((gap >= 0.25) | (mood >= 0.5)).astype("boolean")
    is_satisfied = ((difference >= 0) | (nps >= 9)).astype("boolean")
    return {
        "dissatisfied": is_dissatisfied.mask(gap.isna() & mood.isna()),
        "satisfied": is_satisfied.mask(difference.isna() & nps.isna()),
    }


def _of_products(customers: pd.DataFrame) -> dict[str, pd.Series]:
    """Tell who has a next product and who a successor of what it owns."""
    numbers = _offered(customers)
    if not numbers:
        return {}
    is_there = np.logical_or.reduce([customers[f"product{each}"].notna() for each in numbers])
    flags = [
        np.nan_to_num(float_column(customers, f"product{each}_flags")).astype(np.int16)
        for each in numbers
    ]
    is_upgrade = np.logical_or.reduce([each & UPGRADE > 0 for each in flags])
    return {
        "next_product_exists": pd.Series(is_there, index=customers.index, dtype="boolean"),
        "successor_exists": pd.Series(is_upgrade, index=customers.index, dtype="boolean"),
    }
