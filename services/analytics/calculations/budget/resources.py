"""Budget and limits as resources that options use up, and what options are worth at their prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.budget.greedy import blocks
from services.analytics.calculations.budget.offers import NOBODY, SLACK, Limit, Offers
from services.analytics.calculations.purchases import Booleans, Floats, Integers

Signatures = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Resources:
    """What is limited; the budget of the plan is the first.

    Options that use the same resources have one signature, so that a price is looked up once for
    all limits together.

    Attributes
    ----------
    signature
        Which row of `uses` an option has; shape (customers, options).
    uses
        Which signatures use which resources; the last signature is that of doing nothing.
    counts
        Which resources count customers; the others are amounts of base currency.
    amount
        How much there is of each.
    """

    signature: Signatures
    uses: Booleans
    counts: Booleans
    amount: Floats

    @classmethod
    def of(cls, offers: Offers, budget: float, limits: Sequence[Limit]) -> Resources:
        """Turn a budget and limits into resources."""
        bits = np.zeros(offers.cost.shape, dtype=np.int32)
        for place, limit in enumerate(limits):
            bits |= limit.members.astype(np.int32) << place
        found = np.bincount(bits.ravel(), minlength=1)
        present = np.flatnonzero(found)
        number = np.zeros(len(found), dtype=np.int32)
        number[present] = np.arange(len(present))
        columns = [np.append(np.ones(len(present), dtype=np.bool_), False)]
        counts, amount = [False], [budget]
        for place, limit in enumerate(limits):
            inside = np.append((present >> place & 1).astype(np.bool_), False)
            for is_count, most in ((False, limit.budget), (True, limit.most_customers)):
                if np.isfinite(most):
                    columns.append(inside)
                    counts.append(is_count)
                    amount.append(most)
        return cls(
            number[bits],
            np.column_stack(columns),
            np.array(counts),
            np.array(amount, dtype=np.float64),
        )

    def take(self, rows: Integers, *, share: float) -> Resources:
        """Keep some customers and a share of every amount."""
        return Resources(self.signature[rows], self.uses, self.counts, self.amount * share)

    def signatures(self, choice: Integers) -> Signatures:
        """Return the signature of what each customer gets."""
        nothing = len(self.uses) - 1
        if not self.signature.shape[1]:
            return np.full(len(choice), nothing, dtype=np.int32)
        own = self.signature[np.arange(len(choice)), np.maximum(choice, 0)]
        return np.where(choice >= 0, own, nothing).astype(np.int32)

    def used(self, offers: Offers, choice: Integers) -> Floats:
        """Return how much of each resource a choice uses."""
        signature, (cost, _) = self.signatures(choice), offers.chosen(choice)
        size = len(self.uses)
        money = np.bincount(signature, weights=cost, minlength=size) @ self.uses
        count = np.bincount(signature, minlength=size) @ self.uses
        used: Floats = np.where(self.counts, count, money)
        return used

    def exceeded(self, used: Floats) -> Booleans:
        """Tell which resources are not enough."""
        over: Booleans = used > self.amount + SLACK
        return over

    def net(self, offers: Offers, prices: Floats, block: slice) -> Floats:
        """Return what options are worth less what they use at these prices; base currency."""
        per_money = self.uses @ np.where(self.counts, 0.0, prices)
        per_customer = self.uses @ np.where(self.counts, prices, 0.0)
        signature = self.signature[block]
        net: Floats = (
            offers.value[block]
            - offers.cost[block] * per_money[signature]
            - per_customer[signature]
        )
        return net


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What everybody would choose at some prices.

    Attributes
    ----------
    prices
        Of each resource; base currency per unit of it.
    choice
        The option that is worth most at them, `NOBODY` if none is worth its price.
    bound
        What no plan can exceed, by Lagrangian duality; base currency.
    left
        What is left of each resource, below zero where it is exceeded: a subgradient of the bound.
    """

    prices: Floats
    choice: Integers
    bound: float
    left: Floats


def answer(offers: Offers, resources: Resources, prices: Floats) -> Answer:
    """Let everybody choose at prices of the resources."""
    choice = np.full(offers.count, NOBODY)
    total = 0.0
    for block in blocks(offers.count if offers.cost.shape[1] else 0):
        net = resources.net(offers, prices, block)
        place = net.argmax(axis=1)
        best = net[np.arange(len(net)), place]
        is_taken = best > 0
        choice[block] = np.where(is_taken, place, NOBODY)
        total += float(best[is_taken].sum())
    left = resources.amount - resources.used(offers, choice)
    return Answer(prices, choice, total + float(prices @ resources.amount), left)
