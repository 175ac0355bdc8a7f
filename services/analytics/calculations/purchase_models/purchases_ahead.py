"""Purchases that are ahead of units alive, by month: counted, discounted, in pairs, at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from services.analytics.calculations.parameters import DAYS_PER_MONTH
from services.analytics.calculations.purchase_models.histories import distinct
from services.analytics.calculations.purchases import Floats, Integers

_TABLE_CELLS = 4_000_000
_CHUNK_ROWS = 8_192

Block = Callable[[slice], Floats]
"""Gives the table of some of the distinct ``x`` by all distinct ``T``."""


class PurchasesAhead(ABC):
    """The purchases ahead of a base if alive, by month of 365/12 days.

    What is costly depends on ``x`` and ``T`` only, so it is done for the distinct ones and handed
    out to the units. `weighted` and `pairs` take one weight per month; `within` and
    `squared_within` make them from a discount rate.

    Attributes
    ----------
    months
        The longest horizon.
    repeats, ages
        Distinct ``x`` and ``T`` (days) of the base.
    repeat_index, age_index
        Where each unit's ``x`` and ``T`` lie among the distinct ones; shape (units,).
    table_cells
        How large a table of distinct ``x`` by distinct ``T`` may grow before it is worked through
        in blocks.
    """

    def __init__(
        self,
        repeat_count: Floats,
        age_days: Floats,
        *,
        months: int,
        table_cells: int = _TABLE_CELLS,
    ) -> None:
        self.months = months
        self.repeats, self.repeat_index = distinct(repeat_count)
        self.ages, self.age_index = distinct(age_days)
        self.table_cells = table_cells

    @abstractmethod
    def _weighted(self, weights: Floats) -> Block:
        """Tabulate the purchases of each month times its weight; weights of shape (months,)."""

    @abstractmethod
    def _pairs(self, weights: Floats) -> Block:
        """Tabulate the pairs of purchases (ordered), by the weight of the month of the later."""

    @abstractmethod
    def _buying(self, days: float) -> Block:
        """Tabulate the probability to buy at all within some days."""

    @abstractmethod
    def within_each(self, months: Integers, *, discount_rate: float, rows: Integers) -> Floats:
        """Expect purchases within a horizon of each unit's own.

        Parameters
        ----------
        months
            Months of 365/12 days; shape (rows,).
        discount_rate
            Per year; 0 counts the purchases.
        rows
            Which units.

        Returns
        -------
        numpy.ndarray
            Purchases if alive; shape (rows,).
        """

    def within(self, *, months: int, discount_rate: float = 0.0) -> Floats:
        """Expect purchases within some months, discounted to today at the middle of each month.

        Parameters
        ----------
        months
            Months of 365/12 days, at most those the table was made for.
        discount_rate
            Per year; 0 counts the purchases.

        Returns
        -------
        numpy.ndarray
            Purchases if alive; shape (units,). Source: domain specification 3.2.
        """
        return self._of_units(self._weighted(self._discounts(months, discount_rate)))

    def moments_within(self, *, months: int, discount_rate: float = 0.0) -> tuple[Floats, Floats]:
        r"""Expect discounted purchases with their discounts squared, and in pairs.

        Returns
        -------
        tuple
            :math:`E \sum_j d_j^2` and :math:`E \sum_{j \ne k} d_j d_k` over the purchases if alive,
            ``d`` the discount at the middle of the month of a purchase; shape (units,). Their sum
            is the second moment of the discounted number of purchases.
        """
        weights = self._discounts(months, discount_rate)
        # The earlier purchase of a pair lies anywhere before the later one.
        earlier = (np.cumsum(weights) - weights / 2) * DAYS_PER_MONTH
        return (
            self._of_units(self._weighted(weights**2)),
            self._of_units(self._pairs(2 * weights * earlier)),
        )

    def buying_within(self, *, months: int) -> Floats:
        """Give the probability of a purchase within some months, if alive; shape (units,)."""
        return self._of_units(self._buying(months * DAYS_PER_MONTH))

    def _discounts(self, months: int, discount_rate: float) -> Floats:
        """Discount the middle of each month to today; shape (months,)."""
        if months > self.months:
            raise ValueError(f"tabulated for {self.months} months, not for {months}")
        weights: Floats = (1 + discount_rate) ** (-(np.arange(months) + 0.5) / 12)
        return weights

    def _of_units(self, table: Block) -> Floats:
        block = max(1, self.table_cells // max(1, len(self.ages)))
        if block >= len(self.repeats):
            whole: Floats = table(slice(None))[self.repeat_index, self.age_index]
            return whole
        values = np.empty(len(self.repeat_index))
        order = np.argsort(self.repeat_index, kind="stable")
        firsts = np.arange(0, len(self.repeats), block)
        edges = np.searchsorted(self.repeat_index[order], np.append(firsts, len(self.repeats)))
        for first, start, end in zip(firsts, edges[:-1], edges[1:], strict=True):
            part = order[start:end]
            cells = table(slice(first, first + block))
            values[part] = cells[self.repeat_index[part] - first, self.age_index[part]]
        return values
