"""What can be chosen for whom, at what cost, within which limits; and the plan that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.analytics.calculations.purchases import Booleans, Floats, Integers

SLACK: Final = 1e-9
"""What sums of amounts may be off by; base currency."""
BLOCK_ROWS: Final = 16_384
"""Customers looked at together: as many as stay in the processor's cache."""
NOBODY: Final = -1
"""In place of an option: nothing is done for this customer."""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """What some options may cost together, or how many customers may get one of them.

    Attributes
    ----------
    members
        Which options; anything that broadcasts to customers x options.
    budget
        What they may cost together; base currency; without a limit unless given.
    most_customers
        How many may be chosen; count; without a limit unless given.
    """

    members: Booleans
    budget: float = float("inf")
    most_customers: float = float("inf")


@dataclass(frozen=True, slots=True)
class LimitPrice:
    """What more of a limit would bring.

    Attributes
    ----------
    per_money
        Expected value of one more of base currency of its budget; ratio.
    per_customer
        Expected value of one more customer; base currency.
    """

    per_money: float
    per_customer: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """At most one option for each customer.

    Attributes
    ----------
    choice
        Place of the chosen option of each customer, `NOBODY` for none; shape (customers,).
    spent, value
        Cost and expected value of what is chosen; base currency.
    bound
        What no plan can exceed; base currency; the value where that is proven to be the best.
    relaxed_bound
        The bound of the relaxation in which customers can be divided; base currency.
    is_optimal
        Whether it is proven that no plan brings more.
    shadow_price
        Expected value of one more of base currency of the budget; ratio.
    limit_prices
        The same of each limit, in their order.
    """

    choice: Integers
    spent: float
    value: float
    bound: float
    relaxed_bound: float
    is_optimal: bool
    shadow_price: float
    limit_prices: tuple[LimitPrice, ...]

    @property
    def gap(self) -> float:
        """Share of the bound that is missing at most."""
        return (self.bound - self.value) / self.bound if self.bound > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """Options worth choosing: of more than no value, and within the budget each alone.

    Attributes
    ----------
    cost
        Base currency; shape (customers, options); 0 where there is no such option.
    value
        Expected value in base currency; minus infinity where there is no such option.
    """

    cost: Floats
    value: Floats

    @classmethod
    def worthwhile(cls, cost: Floats, value: Floats, *, budget: float) -> Offers:
        """Leave out what is worth nothing or alone exceeds the budget.

        Raises
        ------
        ValueError
            Shapes differ, the budget is negative or not finite, or a cost of an option is.
        """
        if cost.ndim != 2 or cost.shape != value.shape:
            raise ValueError("cost and value have one row a customer and one column an option")
        if not (np.isfinite(budget) and budget >= 0):
            raise ValueError("a budget is finite and not negative")
        is_offer = value > 0
        if not bool(np.all((cost >= 0) & np.isfinite(cost) | ~is_offer)):
            raise ValueError("a cost is finite and not negative")
        is_offer &= cost <= budget + SLACK
        return cls(np.where(is_offer, cost, 0.0), np.where(is_offer, value, -np.inf))

    @property
    def count(self) -> int:
        """Number of customers."""
        return len(self.cost)

    def take(self, rows: Integers) -> Offers:
        return Offers(self.cost[rows], self.value[rows])

    def totals(self, choice: Integers) -> tuple[float, float]:
        """Return what is spent, and its expected value; base currency."""
        rows = np.flatnonzero(choice >= 0)
        chosen = choice[rows]
        return float(self.cost[rows, chosen].sum()), float(self.value[rows, chosen].sum())

    def chosen(self, choice: Integers) -> tuple[Floats, Floats]:
        """Return cost and value of what each customer gets, 0 for nothing."""
        rows = np.arange(self.count)
        is_chosen = choice >= 0
        place = np.where(is_chosen, choice, 0)
        if not self.cost.shape[1]:
            return np.zeros(self.count), np.zeros(self.count)
        return (
            np.where(is_chosen, self.cost[rows, place], 0.0),
            np.where(is_chosen, self.value[rows, place], 0.0),
        )


def fits(limits: Sequence[Limit], offers: Offers, choice: Integers) -> bool:
    """Tell whether a choice keeps all limits."""
    rows = np.flatnonzero(choice >= 0)
    chosen = choice[rows]
    cost = offers.cost[rows, chosen]
    for limit in limits:
        inside = np.broadcast_to(limit.members, offers.cost.shape)[rows, chosen]
        if cost[inside].sum() > limit.budget + SLACK or inside.sum() > limit.most_customers:
            return False
    return True
