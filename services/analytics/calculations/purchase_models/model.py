"""What every purchase model can tell, whatever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from services.analytics.calculations.parameters import Family
from services.analytics.calculations.purchase_models.histories import Histories
from services.analytics.calculations.purchase_models.purchases_ahead import PurchasesAhead
from services.analytics.calculations.purchases import Floats


@dataclass(frozen=True, slots=True)
class PurchaseModel(ABC):
    """A model of purchases: a unit buys at a rate of its own until it drops out unseen.

    A family adds two positive numbers that say how units drop out. All times are in the time unit
    of ``alpha`` (days everywhere but in tests). Arguments: ``repeat_count`` is ``x``, ``recency``
    is ``t_x``, ``age`` is ``T``; shape (units,), ``0 <= t_x <= T``; ``horizon`` is one number or
    one per unit.

    Attributes
    ----------
    r
        Shape of the gamma distribution of purchase rates; no unit, > 0.
    alpha
        Its rate in the time unit of the data, > 0; ``r / alpha`` is the mean purchase rate.
    """

    family: ClassVar[Family]
    r: float
    alpha: float

    @property
    def logs(self) -> Floats:
        """The logarithms of the parameters, in the order of the fields; shape (4,)."""
        return np.log([getattr(self, field.name) for field in fields(self)])

    @classmethod
    def from_logs(cls, logs: Floats) -> Self:
        """Make a model from the logarithms of its parameters."""
        return cls(*(float(value) for value in np.exp(logs)))

    @classmethod
    @abstractmethod
    def log_likelihood(cls, logs: Floats, histories: Histories) -> tuple[float, Floats]:
        """Give the log-likelihood of histories and its gradient by ``logs``; shape (4,)."""

    @abstractmethod
    def alive_probability(self, repeat_count: Floats, recency: Floats, age: Floats) -> Floats:
        """Give the probability that each unit has not dropped out yet."""

    @abstractmethod
    def buying_if_alive(self, repeat_count: Floats, age: Floats, horizon: Floats | float) -> Floats:
        """Give the probability of at least one purchase within the horizon, if alive now."""

    @abstractmethod
    def expected_if_alive(
        self, repeat_count: Floats, age: Floats, horizon: Floats | float
    ) -> Floats:
        """Expect the number of purchases within the horizon, if alive now."""

    @abstractmethod
    def tabulate(self, repeat_count: Floats, age: Floats, *, months: int) -> PurchasesAhead:
        """Prepare the expectation by month of units alive, for up to some months; times in days."""

    def purchase_probability(
        self, repeat_count: Floats, recency: Floats, age: Floats, horizon: Floats | float
    ) -> Floats:
        """Give the probability of at least one purchase within the horizon; shape (units,).

        Never ``1 - P(alive)``: a unit may live and not buy.
        """
        alive = self.alive_probability(repeat_count, recency, age)
        buying: Floats = alive * self.buying_if_alive(repeat_count, age, horizon)
        return buying

    def expected_purchases(
        self, repeat_count: Floats, recency: Floats, age: Floats, horizon: Floats | float
    ) -> Floats:
        """Expect the number of purchases within the horizon; shape (units,)."""
        alive = self.alive_probability(repeat_count, recency, age)
        expected: Floats = alive * self.expected_if_alive(repeat_count, age, horizon)
        return expected

    def silence(self, repeat_count: Floats, recency: Floats, age: Floats) -> Floats:
        r"""Say how long the present gap is: ``-ln P(own gap is longer)``, whatever the family.

        :math:`E = (r + x)\ln\frac{\alpha + T}{\alpha + t_x}`. Source: domain specification 2.1.
        """
        longer: Floats = (self.r + repeat_count) * np.log1p(
            (age - recency) / (self.alpha + recency)
        )
        return longer


def arguments(*values: Any) -> tuple[Floats, ...]:
    """Take numbers of any kind as arrays of one shape."""
    return tuple(
        np.ascontiguousarray(each)
        for each in np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))
    )
