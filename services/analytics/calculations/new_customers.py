"""What a new customer of each source brings in the first year; nothing about those one has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd

from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchases import Floats

NO_SOURCE: Final = ""


@dataclass(frozen=True, slots=True, eq=False)
class SourceStatistics:
    """How many customers each source brought and what their first year earned; parts join.

    Attributes
    ----------
    table
        By source (`NO_SOURCE` for none): ``count`` and ``total`` of all customers, ``over_count``
        and ``over_total`` of those whose first year is over; base currency.
    """

    table: pd.DataFrame

    @classmethod
    def of(
        cls,
        source: pd.Series,
        first_year_contribution: Floats,
        age_days: Floats,
        *,
        parameters: ValueParameters,
    ) -> Self:
        """Count the customers of each source.

        Parameters
        ----------
        source
            Campaign each unit came from, missing for none or unknown; shape (units,).
        first_year_contribution
            Base currency, NaN for units that are no customers; shape (units,).
        age_days
            Days since the first purchase; shape (units,).
        parameters
            Length of the first year.
        """
        is_customer = ~np.isnan(first_year_contribution)
        is_over = is_customer & (age_days >= parameters.first_year_days)
        value = np.where(is_customer, first_year_contribution, 0.0)
        columns = {
            "count": is_customer.astype(np.int64),
            "total": value,
            "over_count": is_over.astype(np.int64),
            "over_total": np.where(is_over, value, 0.0),
        }
        frame = pd.DataFrame(columns).loc[is_customer]
        named = source.astype(object).where(source.notna(), NO_SOURCE).to_numpy()[is_customer]
        return cls(frame.groupby(named, sort=True).sum())

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Add up parts of a base."""
        return cls(pd.concat([part.table for part in parts]).groupby(level=0, sort=True).sum())


@dataclass(frozen=True, slots=True)
class NewValues:
    """First-year contribution of a new customer; base currency; estimated from a base.

    Attributes
    ----------
    of_any_source
        Where a source has brought nobody yet, and without a source.
    by_source
        Of the sources that have.
    """

    of_any_source: float
    by_source: Mapping[str, float]


def estimate_new_values(sources: SourceStatistics, *, parameters: ValueParameters) -> NewValues:
    """Weigh the mean of each source with that of the base: ``(20 mu + sum) / (20 + count)``.

    Only customers whose first year is over count, unless there are none; before any data the
    configured value stands. Source: domain specification 3.2.
    """
    over = "over_" if sources.table["over_count"].sum() else ""
    count, total = sources.table[f"{over}count"], sources.table[f"{over}total"]
    base = float(total.sum() / count.sum()) if count.sum() else parameters.base_new_value
    weight = parameters.new_value_weight
    values = (weight * base + total) / (weight + count)
    return NewValues(base, {str(source): float(value) for source, value in values.items()})


def expected_new_value(source: pd.Series, values: NewValues) -> Floats:
    """Expect what each unit would bring in a first year; base currency, shape (units,)."""
    words = pd.Categorical(source)
    by_word = [values.by_source.get(str(word), values.of_any_source) for word in words.categories]
    none = values.by_source.get(NO_SOURCE, values.of_any_source)
    value: Floats = np.array([*by_word, none], dtype=np.float64)[words.codes]
    return value
