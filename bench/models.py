"""Purchase models of a simulated base, step by step, against reading its columns once from a file."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from bench.figures import Figure
from services.analytics.calculations.margins import (
    Earnings,
    MarginEstimate,
    deal_margins,
    estimate_margins,
    margin_per_purchase,
    margin_spread,
)
from services.analytics.calculations.parameters import Family, Parameters, RhythmParameters
from services.analytics.calculations.purchase_models.beta_geometric import BgNbd
from services.analytics.calculations.purchase_models.fitting import PurchaseFit, fit_histories
from services.analytics.calculations.purchase_models.histories import group_histories
from services.analytics.calculations.purchase_models.rhythm import score_rhythm
from services.analytics.calculations.purchase_models.spend import fit_spending, group_spending
from services.analytics.calculations.purchases import Purchases, summarize_purchases
from services.analytics.calculations.value import lifetime_value
from services.analytics.calculations.value_intervals import value_intervals
from tests.analytics.simulation import plain_units, simulate_deals, simulate_histories

SIZES, QUICK_SIZES = (2_357, 100_000, 1_000_000), (2_357, 100_000)
TRUTH, SPAN_DAYS, SEED = BgNbd(0.55, 42.0, 0.6, 3.2), 1_560, 20261126
"""As in the evidence on models: 5,700,000 purchases of 1,000,000 customers."""
# A prototype with a compiler took 3.7 times the reading for all, and 1.5 s the Pareto/NBD alone may.
ALL_AT_MOST, PARETO_AT_MOST = 11.0, 5.0
_COLUMNS = ["unit", "day", "amount", "cost"]


@dataclass
class _Timed:
    """CPU seconds by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - started
        return result


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield, for each size, one model from summary to value, and every family and extra alone."""
    for count in QUICK_SIZES if is_quick else SIZES:
        seconds, purchases = run(count)
        reading = seconds.pop("reading")
        whole = ("summary", "mbg_nbd fit", "mbg_nbd alive", "margins", "mbg_nbd value")
        yield Figure(
            "models",
            f"one model, {count:,} customers",
            sum(seconds[name] for name in whole) / reading,
            "reading",
            at_most=ALL_AT_MOST if count == SIZES[-1] else None,
            details={"purchases": f"{purchases:,}", "reading": f"{reading:.2f} s"}
            | {name: f"{seconds[name]:.2f} s" for name in whole},
        )
        for name in [name for name in seconds if name not in whole]:
            is_target = name == "pareto_nbd fit" and count == SIZES[-1]
            yield Figure(
                "models",
                f"  {name}, {count:,}",
                seconds[name] / reading,
                "reading",
                at_most=PARETO_AT_MOST if is_target else None,
                details={"took": f"{seconds[name]:.2f} s"},
            )


def run(count: int) -> tuple[dict[str, float], int]:
    """Compute everything of a base once; return the CPU seconds of each step and its purchases."""
    timed, parameters, units = _Timed(), Parameters(), plain_units(count)
    with tempfile.TemporaryDirectory(prefix="phasewise-bench-") as folder:
        path = Path(folder) / "deals.parquet"
        _draw(count).to_parquet(path)
        pd.read_parquet(path)  # the first reading loads the library
        deals = timed("reading", lambda: pd.read_parquet(path, columns=_COLUMNS))
    deals = deals.assign(
        **dict.fromkeys(("list_amount", "discount_pct", "refund", "cost_recovered"), np.nan),
        written_off=np.nan,
    )
    purchases: Purchases = timed(
        "summary", lambda: summarize_purchases(deals, unit_count=count, as_of_day=SPAN_DAYS)
    )
    margins = deal_margins(deals, default_margin=parameters.value.default_margin)

    def weigh() -> tuple[Any, MarginEstimate]:
        earnings = Earnings.of(units, deals, margins=margins, purchases=purchases)
        estimate = estimate_margins(
            earnings, parameters=parameters.value, spend_parameters=parameters.spend
        )
        has_purchase = purchases.has_purchase
        margin = margin_per_purchase(earnings, has_purchase=has_purchase, estimate=estimate)
        return margin, estimate

    margin, estimate = timed("margins", weigh)
    number = purchases.purchase_count.astype(np.float64)
    x, t_x, age = number - 1, purchases.recency_days, purchases.age_days
    spread = margin_spread(number, margin, estimate=estimate)
    for family in get_args(Family):
        rhythm = RhythmParameters(family=family)

        def fit(rhythm: RhythmParameters = rhythm) -> PurchaseFit:
            histories = group_histories(x, t_x, age)
            return fit_histories(histories, prior=parameters.prior, parameters=rhythm)

        found = timed(f"{family} fit", fit)
        model = found.model
        alive = timed(f"{family} alive", lambda: model.alive_probability(x, t_x, age))  # noqa: B023
        timed(
            f"{family} value",
            lambda: lifetime_value(
                x,
                age,
                alive,  # noqa: B023
                margin,
                model=model,  # noqa: B023
                parameters=parameters.value,
            ),
        )
        timed(
            f"{family} rhythm",
            lambda: score_rhythm(x, t_x, age, model=model, parameters=rhythm),  # noqa: B023
        )
        timed(
            f"{family} intervals",
            lambda: value_intervals(
                x,
                t_x,
                age,
                margin,
                margin_spread=spread,
                fit=found,  # noqa: B023
                parameters=parameters.value,
            ),
        )
    total = np.bincount(deals["unit"], margins.margin, count)
    timed(
        "gamma-gamma fit",
        lambda: fit_spending(group_spending(number, total), parameters=parameters.spend),
    )
    return timed.seconds, len(purchases.starts)


def _draw(count: int) -> pd.DataFrame:
    unit, day = simulate_histories(
        count, model=TRUTH, span_days=SPAN_DAYS, seed=SEED, family="bg_nbd"
    )
    random = np.random.default_rng(SEED)
    return simulate_deals(unit, day, count=count, random=random)[_COLUMNS].fillna({"cost": 0.0})
