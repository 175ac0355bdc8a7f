"""Plans under a budget for a million customers, against sorting all values of their options once."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bench.figures import Figure
from services.analytics.calculations.budget.offers import Limit
from services.analytics.calculations.budget.planning import plan_within
from services.analytics.calculations.purchases import Floats

SIZES = ((1_000_000, 5), (1_000_000, 20))
QUICK_SIZES = ((100_000, 5),)
SEED = 20261127
GAP_AT_MOST = 0.001
_PER_CUSTOMER = 1.0
"""Budget for each customer; base currency: enough for about every tenth."""


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield, for each size, a plan without limits and one with four of them, and their gaps."""
    for count, width in QUICK_SIZES if is_quick else SIZES:
        cost, value, dice = invented(count, width)
        started = time.process_time()
        np.sort(value, axis=None)
        sorting = time.process_time() - started
        channel = dice.integers(0, 4, cost.shape, dtype=np.int8)
        tier = dice.integers(0, 3, (count, 1), dtype=np.int8)
        limits = [
            Limit(channel == 0, budget=0.1 * count),
            Limit(channel == 1, most_customers=count // 50),
            Limit(tier == 0, budget=0.3 * count),
            Limit(tier == 2, most_customers=count // 100),
        ]
        for name, of in (("one budget", ()), ("four limits", limits)):
            yield from _figures(f"{name}, {count:,} x {width}", cost, value, of, sorting)


def _figures(
    name: str, cost: Floats, value: Floats, limits: Sequence[Limit], sorting: float
) -> Iterator[Figure]:
    started, clock = time.process_time(), time.perf_counter()
    plan = plan_within(cost, value, budget=_PER_CUSTOMER * len(cost), limits=limits)
    took, passed = time.process_time() - started, time.perf_counter() - clock
    details = {
        "took": f"{took:.2f} s",
        "passed": f"{passed:.1f} s",
        "sorting": f"{sorting:.2f} s",
        "chosen": f"{int((plan.choice >= 0).sum()):,}",
        "price": f"{plan.shadow_price:.3f}",
    }
    yield Figure("plans", name, took / sorting, "sorting", details=details)
    yield Figure(
        "plans",
        "  gap to the bound",
        plan.gap,
        "the bound",
        at_most=GAP_AT_MOST,
        details={"gap": f"{100 * plan.gap:.7f} %"},
    )


def invented(count: int, width: int) -> tuple[Floats, Floats, np.random.Generator]:
    """Draw options whose costs and values are skewed and go together; every fifth is missing."""
    dice = np.random.default_rng(SEED)
    cost = np.round(dice.lognormal(1, 1.2, (count, width)), 2)
    value = cost * dice.lognormal(0.3, 0.8, (count, width)) - 2
    value[dice.random((count, width)) < 0.2] = np.nan
    return cost, value, dice
