"""Simulated lives under each family: what was seen, who is alive, and what came after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.purchase_models.beta_geometric import (
    BetaGeometric,
    BgNbd,
    MbgNbd,
)
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchase_models.pareto import ParetoNbd
from services.analytics.calculations.purchases import Booleans, Floats

MODELS: dict[str, PurchaseModel] = {
    "mbg_nbd": MbgNbd(1.0, 60.0, 0.8, 3.2),
    "bg_nbd": BgNbd(0.55, 42.0, 0.6, 3.2),
    "pareto_nbd": ParetoNbd(0.7, 50.0, 0.8, 300.0),
}


@dataclass(frozen=True)
class Lives:
    """Histories ``x``, ``t_x``, ``T``, whether alive at ``T``, and the purchases after it.

    ``later_time`` is the time from ``T`` of each of those purchases, by unit.
    """

    repeat_count: Floats
    recency: Floats
    age: Floats
    is_alive: Booleans
    later_count: Floats
    later_time: Floats


def simulate_lives(
    model: PurchaseModel, count: int, *, oldest: float, horizon: float, seed: int
) -> Lives:
    """Draw units of every age up to the oldest; times are not whole."""
    random = np.random.default_rng(seed)
    age = random.uniform(0, oldest, count)
    rate = random.gamma(model.r, 1 / model.alpha, count)
    death = _deaths(model, rate, random)
    x, t_x, later = np.zeros((3, count))
    unit, time = np.arange(count), np.zeros(count)
    later_unit, later_time = [unit[:0]], [time[:0]]
    while len(unit):
        time = time + random.standard_exponential(len(unit)) / np.maximum(rate[unit], 1e-300)
        stays = (time < age[unit] + horizon) & death.outlives(unit, time)
        unit, time = unit[stays], time[stays]
        seen = time <= age[unit]
        x[unit[seen]] += 1
        t_x[unit[seen]] = time[seen]
        later[unit[~seen]] += 1
        later_unit.append(unit[~seen])
        later_time.append((time - age[unit])[~seen])
    by_unit = np.argsort(np.concatenate(later_unit), kind="stable")
    times = np.concatenate(later_time)[by_unit]
    return Lives(x, t_x, age, death.alive_at(age, x), later, times)


@dataclass
class _Deaths:
    """Purchases a unit makes in its life after the first, or how long it lives."""

    most: NDArray[np.float64]
    time: NDArray[np.float64]

    def __post_init__(self) -> None:
        self.made = np.zeros(len(self.most))

    def outlives(self, unit: NDArray[np.int64], time: Floats) -> Booleans:
        self.made[unit] += 1
        stays: Booleans = (self.made[unit] <= self.most[unit]) & (time < self.time[unit])
        return stays

    def alive_at(self, age: Floats, repeat_count: Floats) -> Booleans:
        alive: Booleans = (repeat_count < self.most) & (age < self.time)
        return alive


def _deaths(model: PurchaseModel, rate: Floats, random: np.random.Generator) -> _Deaths:
    count = len(rate)
    if isinstance(model, ParetoNbd):
        hazard = random.gamma(model.s, 1 / model.beta, count)
        time = random.standard_exponential(count) / np.maximum(hazard, 1e-300)
        return _Deaths(np.full(count, np.inf), time)
    assert isinstance(model, BetaGeometric)
    dropout = random.beta(model.a, model.b, count)
    # Of the chances to drop out, the first is taken with the first purchase or with the next one.
    chances = random.geometric(np.maximum(dropout, 1e-12)) - model.first_chance
    return _Deaths(chances.astype(np.float64), np.full(count, np.inf))
