"""The recommended steps of all customers as arrays of options: the one way from the ledger to plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.feedback.known import Holdout
from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.recommendations.candidates import STEPS
from services.analytics.ledger import Ledger

_CODES: Final = ("option", "channel", "product")
_AMOUNTS: Final = ("value", "contact_cost", "incentive_cost", "until_day")
_COLUMNS: Final = tuple(
    f"step{step}_{name}" for step in range(1, STEPS + 1) for name in (*_CODES, *_AMOUNTS)
)
_OF_CUSTOMERS: Final = (
    *("unit_id", "phase", "tier", "rfm_segment", "quadrant", "owner_id", "has_profiling_objection"),
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the numbers in the columns of steps stand for.

    Attributes
    ----------
    strategies, instruments
        Of each candidate.
    channels, products
        Their ids.
    """

    strategies: tuple[str, ...]
    instruments: tuple[str, ...]
    channels: tuple[str, ...]
    products: tuple[str, ...] = ()

    @classmethod
    def of(cls, version: Mapping[str, Any], products: Iterable[Mapping[str, Any]]) -> Self:
        """Take them from the published version."""
        known = version["options"] or {"candidates": [], "channels": []}
        return cls(
            tuple(each["strategy_id"] for each in known["candidates"]),
            tuple(each["instrument_id"] for each in known["candidates"]),
            tuple(known["channels"]),
            tuple(each["id"] for each in products),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of few words: a number for each row, -1 for none, and what the numbers mean."""

    codes: Integers
    words: tuple[str, ...]

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        kept = column.astype("category")
        return cls(kept.cat.codes.to_numpy().astype(np.int64), tuple(map(str, kept.cat.categories)))

    def are(self, words: Iterable[str]) -> Booleans:
        """Tell which rows hold one of these words."""
        wanted = frozenset(words)
        return np.array([*(word in wanted for word in self.words), False])[self.codes]


@dataclass(frozen=True, slots=True, eq=False)
class StepOptions:
    """What can be done for whom: one row a customer, one column a step.

    Attributes
    ----------
    unit_ids
        Of the customers.
    phase, tier, segment, quadrant, owner
        Of the customers; the segment is that of RFM.
    strategy, instrument, channel, product
        Of the steps; codes of shape (customers, steps).
    cost
        Contact and incentive together; base currency.
    value
        Expected value; base currency; NaN where there is no step.
    until_day
        Last day on which the occasion of a step lasts, as a day number; NaN if it has none.
    """

    unit_ids: pd.Series
    phase: Coded
    tier: Coded
    segment: Coded
    quadrant: Coded
    owner: Coded
    strategy: Coded
    instrument: Coded
    channel: Coded
    product: Coded
    cost: Floats
    value: Floats
    until_day: Floats

    def only(self, is_meant: Booleans) -> StepOptions:
        """Leave out the options that are not meant."""
        return replace(self, value=np.where(is_meant, self.value, np.nan))

    def members(self, kind: str, words: Sequence[str]) -> Booleans:
        """Tell which options are of one of these words; it broadcasts to customers x steps."""
        column: Coded = getattr(self, kind)
        found = column.are(words)
        return found[:, None] if found.ndim == 1 else found


def step_options(ledger: Ledger, words: Words) -> StepOptions:
    """Take the steps of everybody who may get one; who was erased or objects to profiling has none."""
    customers = ledger.customers
    steps = customers.reindex(columns=list(_COLUMNS))
    about = customers.reindex(columns=list(_OF_CUSTOMERS))

    def numbers(name: str) -> Floats:
        return np.column_stack(
            [steps[f"step{step}_{name}"].to_numpy(np.float64) for step in range(1, STEPS + 1)]
        )

    def places(name: str) -> Integers:
        return np.nan_to_num(numbers(name), nan=-1.0).astype(np.int64)

    candidate = places("option")
    is_barred = about["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False) | about[
        "unit_id"
    ].isin(ledger.erased).to_numpy(dtype=np.bool_)
    value = np.where(is_barred[:, None] | (candidate < 0), np.nan, numbers("value"))
    return StepOptions(
        unit_ids=about["unit_id"],
        phase=Coded.of(about["phase"]),
        tier=Coded.of(about["tier"]),
        segment=Coded.of(about["rfm_segment"]),
        quadrant=Coded.of(about["quadrant"]),
        owner=Coded.of(about["owner_id"]),
        strategy=_named(candidate, words.strategies),
        instrument=_named(candidate, words.instruments),
        channel=Coded(places("channel"), words.channels),
        product=Coded(places("product"), words.products),
        cost=np.nan_to_num(numbers("contact_cost")) + np.nan_to_num(numbers("incentive_cost")),
        value=value,
        until_day=numbers("until_day"),
    )


def without(options: StepOptions, decided: Iterable[tuple[str, str]]) -> StepOptions:
    """Leave out what was decided on: unit and instrument, whatever strategy it is part of."""
    known = list(decided)
    place = pd.Index(options.unit_ids).get_indexer(pd.Index([unit_id for unit_id, _ in known]))
    value = options.value.copy()
    for row, (_, instrument) in zip(place.tolist(), known, strict=True):
        if row >= 0:
            value[row, _is(options.instrument, row, instrument)] = np.nan
    return replace(options, value=value)


def without_controls(options: StepOptions, holdouts: Iterable[Holdout]) -> StepOptions:
    """Leave out what open experiments try for those whom they leave alone."""
    value = options.value.copy()
    for holdout in holdouts:
        is_tried = options.instrument.are(filter(holdout.tries, options.instrument.words))
        rows = np.flatnonzero((is_tried & (value > 0)).any(axis=1))
        held = rows[holdout.holds_out(options.unit_ids.iloc[rows].tolist())]
        value[held] = np.where(is_tried[held], np.nan, value[held])
    return replace(options, value=value)


def _is(column: Coded, row: int, word: str) -> Booleans:
    """Tell which steps of a customer are of a word."""
    if word not in column.words:
        return np.zeros(column.codes.shape[1], dtype=np.bool_)
    found: Booleans = column.codes[row] == column.words.index(word)
    return found


def _named(candidate: Integers, names: Sequence[str]) -> Coded:
    """Write names of candidates in place of the candidates, several of which have the same."""
    known = sorted(set(names))
    place: NDArray[np.int64] = np.array([*(known.index(name) for name in names), -1])
    return Coded(place[candidate], tuple(known))
