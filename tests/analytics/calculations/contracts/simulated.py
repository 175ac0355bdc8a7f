"""A simulated base of monthly and yearly contracts whose risk is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from services.analytics.calculations.contracts.history import collect_contract_statistics
from services.analytics.calculations.contracts.model import ContractModel, estimate_contracts
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.events import Events

TODAY = 20_000
PARAMETERS = ContractParameters()
RISK = {"fiber": 0.10, "copper": 0.03}
"""Monthly chance of an end under a monthly contract; a yearly one has a fifth of it."""


@dataclass(frozen=True)
class Contracts:
    """Units, and their contracts with one product each."""

    units: pd.DataFrame
    frame: pd.DataFrame

    def events(self) -> Events:
        columns = ["unit", "start_day", "end_day", "cancelled_day", "product", "category"]
        return replace(
            Events.empty(),
            contracts=self.frame[["unit", "start_day", "end_day", "cancelled_day", "amount"]],
            contract_products=self.frame[columns],
        )

    def model(self, *, as_of_day: int = TODAY) -> ContractModel:
        statistics = collect_contract_statistics(
            self.units, self.events(), as_of_day=as_of_day, parameters=PARAMETERS
        )
        return estimate_contracts([statistics], parameters=PARAMETERS)


def contracts_of(
    rows: list[tuple[int, int, int, int | None]], *, amount: float = 120.0
) -> Contracts:
    """Make contracts from unit, first and last day and day of cancellation."""
    unit, start, end, cancelled = zip(*rows, strict=True) if rows else ((), (), (), ())
    frame = pd.DataFrame(
        {
            "unit": np.array(unit, dtype=np.int64),
            "start_day": np.array(start, dtype=np.int32),
            "end_day": np.array(end, dtype=np.int32),
            "cancelled_day": np.array(cancelled, dtype=np.float64),
            "amount": np.full(len(rows), amount),
            "product": pd.Categorical(["copper"] * len(rows)),
            "category": pd.Categorical([None] * len(rows), categories=["internet"]),
        }
    )
    return Contracts(units_of(max(unit, default=-1) + 1), frame)


def units_of(count: int) -> pd.DataFrame:
    return pd.DataFrame({"unit_id": [f"u{unit:06}" for unit in range(count)], "is_excluded": False})


@cache
def simulated(unit_count: int = 600, *, seed: int = 1) -> Contracts:
    """Simulate renewals of contracts over up to four years; ends are cancelled or just not renewed."""
    random = np.random.default_rng(seed)
    rows = []
    for unit in range(unit_count):
        product = ("fiber", "copper")[unit % 2]
        days, risk = (365, RISK[product] / 5) if unit % 3 == 0 else (30, RISK[product])
        start = TODAY - int(random.integers(1, 4 * 365))
        monthly = float(random.lognormal(3, 0.5))
        while start <= TODAY:
            months = random.geometric(risk)
            has_left = months * 30 <= days
            is_said = has_left and random.random() < 0.5
            cancelled = start + months * 30 if is_said else np.nan
            amount = monthly * days / 30
            rows.append((unit, start, start + days, cancelled, amount, product, "internet"))
            if has_left:
                break
            start += days
    names = ["unit", "start_day", "end_day", "cancelled_day", "amount", "product", "category"]
    frame = pd.DataFrame(rows, columns=names).astype(
        {"start_day": "int32", "end_day": "int32", "product": "category", "category": "category"}
    )
    frame.loc[frame["cancelled_day"] > TODAY, "cancelled_day"] = np.nan
    return Contracts(units_of(unit_count), frame)
