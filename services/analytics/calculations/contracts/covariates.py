"""What is known of a relationship by contract on a day: tenure, term, time left, amount, products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.contracts.relationships import (
    Relationships,
    relationships_of,
)
from services.analytics.calculations.purchases import Floats, Integers, float_column

DAYS_PER_MONTH = 365 / 12

Integer = TypeVar("Integer", bound=np.integer[Any])


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Products and categories of rows; a row may have none or several, each of them once.

    Attributes
    ----------
    row, code
        Which row has which word; shape (pairs,).
    words
        The words, ``product:`` or ``category:`` and the key or name.
    """

    row: Integers
    code: Integers
    words: tuple[str, ...]

    @classmethod
    def none(cls) -> Self:
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), ())

    def take(self, rows: Integers, row_count: int) -> Words:
        """Return the words of some rows, numbered anew."""
        place = np.full(row_count, -1)
        place[rows] = np.arange(len(rows))
        kept = place[self.row] >= 0
        return Words(place[self.row[kept]], self.code[kept], self.words)

    @classmethod
    def join(cls, parts: Sequence[Words], row_counts: Sequence[int]) -> Words:
        """Put rows one below the other; their words need not be the same."""
        words = tuple(sorted({word for part in parts for word in part.words}))
        place = {word: code for code, word in enumerate(words)}
        first = np.concatenate([[0], np.cumsum(row_counts)]).astype(np.int64)
        rows, codes = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for part, offset in zip(parts, first, strict=False):
            rows.append(part.row + offset)
            codes.append(np.array([place[word] for word in part.words], dtype=np.int64)[part.code])
        return Words(np.concatenate(rows), np.concatenate(codes), words)


@dataclass(frozen=True, slots=True, eq=False)
class Covariates:
    """What is known of relationships; all arrays have the shape (rows,).

    Attributes
    ----------
    tenure_months
        Since the relationship began; months of 365/12 days.
    term_months
        Length of the present contract: of that which ends last; months.
    end_day
        When it ends; days since 1970-01-01.
    monthly_amount
        Of all running contracts; base currency per month, NaN unknown.
    words
        Products and categories under contract.
    """

    tenure_months: Floats
    term_months: Floats
    end_day: Floats
    monthly_amount: Floats
    words: Words

    def __len__(self) -> int:
        return len(self.tenure_months)

    def take(self, rows: Integers) -> Covariates:
        """Return some rows."""
        return Covariates(
            self.tenure_months[rows],
            self.term_months[rows],
            self.end_day[rows],
            self.monthly_amount[rows],
            self.words.take(rows, len(self)),
        )

    @classmethod
    def join(cls, parts: Sequence[Covariates]) -> Covariates:
        """Put rows one below the other."""

        def joined(name: str) -> Floats:
            return np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)])

        return cls(
            joined("tenure_months"),
            joined("term_months"),
            joined("end_day"),
            joined("monthly_amount"),
            Words.join([part.words for part in parts], [len(part) for part in parts]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ContractedProducts:
    """Products and categories under contract; shape (pairs,) but for the words.

    Attributes
    ----------
    relationship
        That they belong to.
    start_day, over_day
        Since when and until when; days since 1970-01-01.
    code
        Place among the words.
    words
        As in `Words`.
    """

    relationship: Integers
    start_day: Integers
    over_day: Integers
    code: Integers
    words: tuple[str, ...]


def read_products(
    products: pd.DataFrame, relationships: Relationships, *, as_of_day: int
) -> ContractedProducts:
    """Read what the contracts of relationships are about.

    Parameters
    ----------
    products
        Frame of events: ``unit``, ``start_day``, ``end_day``, ``cancelled_day``, ``product``,
        ``category``; in any order.
    """
    start = products["start_day"].to_numpy(dtype=np.int64)
    end = products["end_day"].to_numpy(dtype=np.int64)
    cancelled = float_column(products, "cancelled_day")
    over = np.minimum(end, np.where(cancelled <= as_of_day, cancelled, np.inf)).astype(np.int64)
    owner = relationships_of(relationships, products["unit"].to_numpy(dtype=np.int64), start)
    is_read = (owner >= 0) & (start <= as_of_day) & (end > start)
    rows, codes, words = [], [], list[str]()
    for kind in ("product", "category"):
        column = products[kind].cat
        code = column.codes.to_numpy().astype(np.int64)
        named = np.flatnonzero(is_read & (code >= 0))
        rows.append(named)
        codes.append(code[named] + len(words))
        words += [f"{kind}:{word}" for word in column.categories]
    row = np.concatenate(rows)
    # In the order of the alphabet, whatever a part of the base holds.
    order = sorted(range(len(words)), key=words.__getitem__)
    place = np.argsort(np.array(order, dtype=np.int64))
    return ContractedProducts(
        owner[row],
        start[row],
        over[row],
        place[np.concatenate(codes)],
        tuple(words[each] for each in order),
    )


def covariates_on(
    relationships: Relationships, products: ContractedProducts, day: Integers
) -> tuple[Integers, Covariates]:
    """Tell what is known of the relationships that run on a day.

    Parameters
    ----------
    day
        The day each relationship is looked at, at its end, days since 1970-01-01; what begins later
        is not known, what is over by then does not run; shape (relationships,).

    Returns
    -------
    numpy.ndarray
        The relationships that run; ascending.
    Covariates
        What is known of these, in this order.
    """
    at = day[relationships.relationship]
    runs = (relationships.start_day <= at) & (relationships.over_day > at)
    rows = np.flatnonzero(runs)
    owner = relationships.relationship[rows]
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1])[: len(owner)])
    running = owner[starts]
    if not len(running):
        empty = np.zeros(0)
        return running, Covariates(empty, empty, empty, empty, Words.none())
    end = relationships.end_day[rows]
    days = (end - relationships.start_day[rows]).astype(np.float64)
    last_end = np.maximum.reduceat(end, starts)
    row_of = np.repeat(np.arange(len(running)), np.diff(np.append(starts, len(rows))))
    term = np.maximum.reduceat(np.where(end == last_end[row_of], days, 0.0), starts)
    monthly = relationships.amount[rows] / (days / DAYS_PER_MONTH)
    is_known = ~np.isnan(monthly)
    total = np.add.reduceat(np.where(is_known, monthly, 0.0), starts)
    is_told = np.logical_or.reduceat(is_known, starts)
    return running, Covariates(
        (day - relationships.first_day)[running] / DAYS_PER_MONTH,
        term / DAYS_PER_MONTH,
        last_end.astype(np.float64),
        np.where(is_told, total, np.nan),
        _words_on(products, day, running, len(relationships.unit)),
    )


def _words_on(
    products: ContractedProducts, day: Integers, running: Integers, relationship_count: int
) -> Words:
    place = np.full(relationship_count, -1)
    place[running] = np.arange(len(running))
    at, row = day[products.relationship], place[products.relationship]
    runs = (products.start_day <= at) & (products.over_day > at) & (row >= 0)
    width = max(len(products.words), 1)
    pairs = distinct(row[runs] * width + products.code[runs])
    return Words(pairs // width, pairs % width, products.words)


def distinct(values: NDArray[Integer]) -> NDArray[Integer]:
    """Return the values that occur, ascending; by sorting, which is faster here than by hashing."""
    ordered = np.sort(values)
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    found: NDArray[Integer] = ordered[is_first]
    return found
