"""Seeded bases for tests and benchmarks: purchases by the MBG/NBD or BG/NBD, gamma margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.purchase_models.beta_geometric import BetaGeometric, MbgNbd
from services.analytics.tables import CHANNELS

AS_OF_DAY = 20_454


@dataclass(frozen=True, slots=True)
class SimulatedBase:
    """The frames a calculation takes, and the day they are looked at from."""

    units: pd.DataFrame
    deals: pd.DataFrame
    as_of_day: int


def simulate_histories(
    count: int,
    *,
    model: BetaGeometric,
    span_days: int,
    seed: int,
    family: Literal["mbg_nbd", "bg_nbd"] = "mbg_nbd",
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw unit and day (0 to ``span_days``, the day looked from) of every purchase, by unit.

    First purchases are spread evenly over the span. One round draws the next purchase of all
    customers still alive, so the rounds shrink quickly.
    """
    random = np.random.default_rng(seed)
    unit = np.arange(count)
    rate = random.gamma(model.r, 1 / model.alpha, count)
    dropout = random.beta(model.a, model.b, count)
    time = random.uniform(0, span_days + 1, count)
    drawn_units, drawn_times = [unit], [time]
    is_first = True
    while len(unit):
        stays = np.ones(len(unit), dtype=np.bool_)
        if not (is_first and family == "bg_nbd"):
            stays = random.random(len(unit)) >= dropout
        with np.errstate(divide="ignore", over="ignore"):
            time = time + random.standard_exponential(len(unit)) / rate
        stays &= time < span_days + 1
        unit, rate, dropout, time = unit[stays], rate[stays], dropout[stays], time[stays]
        drawn_units.append(unit)
        drawn_times.append(time)
        is_first = False
    units = np.concatenate(drawn_units)
    days = np.floor(np.concatenate(drawn_times)).astype(np.int64)
    packed = np.sort(units * (span_days + 1) + days)
    return packed // (span_days + 1), packed % (span_days + 1)


def simulate_base(
    count: int,
    *,
    seed: int,
    model: BetaGeometric | None = None,
    span_days: int = 1_095,
    lead_share: float = 0.0,
    family: Literal["mbg_nbd", "bg_nbd"] = "mbg_nbd",
) -> SimulatedBase:
    """Draw a base of customers, and leads beside them, with amounts, costs and a few gaps."""
    model = model or MbgNbd(0.55, 42.0, 0.6, 3.2)
    unit, day = simulate_histories(
        count, model=model, span_days=span_days, seed=seed, family=family
    )
    random = np.random.default_rng(seed + 1)
    deals = simulate_deals(unit, day + (AS_OF_DAY - span_days), count=count, random=random)
    leads = int(count * lead_share)
    units = plain_units(count + leads)
    campaigns = pd.Index([f"campaign-{number:02d}" for number in range(20)])
    units["source_campaign_id"] = pd.Categorical.from_codes(
        random.integers(-1, 20, len(units)), categories=campaigns
    )
    units["service_cost"] = random.poisson(1.0, len(units)) * 6.0
    units["service_cost_730"] = units["service_cost"] / 2
    acquisition = random.gamma(2.0, 10.0, len(units))
    units["acquisition_cost"] = np.where(random.random(len(units)) < 0.3, acquisition, np.nan)
    units["has_active_contract"] = random.random(len(units)) < 0.02
    ends = AS_OF_DAY + random.integers(1, 500, len(units))
    units["contract_end_day"] = np.where(units["has_active_contract"], ends, np.nan)
    units["is_reached"] = random.random(len(units)) < 0.5
    units["has_responded"] = units["is_reached"] & (random.random(len(units)) < 0.3)
    return SimulatedBase(units, deals, AS_OF_DAY)


def simulate_deals(
    unit: NDArray[np.int64],
    day: NDArray[np.int64],
    *,
    count: int,
    random: np.random.Generator,
) -> pd.DataFrame:
    """Draw what each purchase brought: gamma amounts around a level of the customer's own."""
    level = 40 / random.gamma(3.0, 0.5, count)
    amount = np.round(random.gamma(4.0, 0.25, len(unit)) * level[unit], 2)
    cost = np.round(amount * random.uniform(0.5, 0.75, len(unit)), 2)
    refund = np.where(random.random(len(unit)) < 0.01, amount, np.nan)
    return pd.DataFrame(
        {
            "unit": unit,
            "day": day.astype(np.int32),
            "amount": amount,
            "list_amount": np.nan,
            "discount_pct": np.where(random.random(len(unit)) < 0.2, 10.0, np.nan),
            "cost": np.where(random.random(len(unit)) < 0.05, np.nan, cost),
            "refund": refund,
            "cost_recovered": np.where(np.isnan(refund), np.nan, cost),
            "written_off": np.nan,
            "deal_id": pd.Series(np.arange(len(unit)))
            .map("01977b3a-5c00-7000-9000-{:012x}".format)
            .astype("str"),
        }
    )


def plain_units(count: int) -> pd.DataFrame:
    """Make units nothing is known about, but that they may be reached over every channel."""
    false, unknown = np.zeros(count, dtype=np.bool_), np.full(count, np.nan)
    return pd.DataFrame(
        {
            "unit_id": pd.Series(np.arange(count)).map("unit-{:08d}".format).astype("str"),
            "status": pd.Categorical(
                ["active"] * count, categories=["active", "blocked", "terminated"]
            ),
            "is_excluded": false,
            "has_profiling_objection": false,
            "acquisition_cost": unknown,
            "service_cost": np.zeros(count),
            "service_cost_730": np.zeros(count),
            "source_campaign_id": pd.Categorical([None] * count, categories=[]),
            "is_reached": false,
            "has_responded": false,
            "has_open_qualified_deal": false,
            "is_active_in_window": ~false,
            "has_active_contract": false,
            "contract_end_day": unknown,
            "is_cancellation_effective": false,
            "leave_intent": unknown,
            "competitor_loss": unknown,
            "has_open_complaint": false,
            "purchase_motive": pd.Categorical([None] * count, categories=[]),
            "termination_case": pd.Categorical([None] * count, categories=[]),
            "is_referred": false,
            "has_previous_supplier": false,
            "is_innovation_partner": false,
            "protection_ids": pd.Series([None] * count, dtype="str"),
            "pressure_ok": ~false,
            **{f"quality_{name}": np.ones(count) for name in CHANNELS},
            **{f"service_{name}": ~false for name in CHANNELS},
            **{f"survey_{name}": ~false for name in CHANNELS},
        },
        index=pd.RangeIndex(count, name="unit"),
    )


def plain_deals(
    unit: Sequence[int], day: Sequence[int], **columns: float | Sequence[float]
) -> pd.DataFrame:
    """Make won deals of 100 that cost 60, with nothing else known unless given."""
    known: dict[str, float | Sequence[float]] = {
        "amount": 100.0,
        "list_amount": np.nan,
        "discount_pct": np.nan,
        "cost": 60.0,
        "refund": np.nan,
        "cost_recovered": np.nan,
        "written_off": np.nan,
    }
    known.update(columns)
    deals = pd.DataFrame(
        {"unit": np.array(unit, dtype=np.int64), "day": np.array(day, dtype=np.int32)}
    )
    for name, values in known.items():
        deals[name] = np.broadcast_to(np.asarray(values, dtype=np.float64), len(deals))
    deals["deal_id"] = (
        pd.Series(np.arange(len(deals))).map("01977b3a-5c00-7000-9000-{:012x}".format).astype("str")
    )
    return deals
