"""A simulated base, computed and published without a CRM, for tests of the API alone."""

import asyncio
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from services.analytics.backtesting import card_of
from services.analytics.calculations.backtest.origins import Known
from services.analytics.calculations.report import calculate
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.publishing import NewVersion, publish
from services.analytics.refresh import BESIDE, model_summary
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from tests.analytics.simulation import simulate_base


def unit_id(number: int) -> str:
    return f"01977b3a-5c00-7000-8000-{number:012x}"


@cache
def card_of_simulated(count: int = 300, seed: int = 7) -> dict[str, Any]:
    """Return the model card of the simulated base; made once, as it takes longer than the rest."""
    base = simulate_base(count, seed=seed, lead_share=0.2)

    def known_at(day: int) -> Known:
        return Known(day, base.units, base.deals[base.deals["day"] <= day])

    report = calculate(base.units, base.deals, as_of_day=base.as_of_day)
    return card_of(report, known_at, currency="EUR", left_out={"deals_without_fx_rate": 3})


def publish_simulated(url: str, *, count: int = 300, seed: int = 7) -> int:
    """Publish customers and leads of every state, some of whom object to profiling."""
    base = simulate_base(count, seed=seed, lead_share=0.2)
    units, dice = base.units, np.random.default_rng(seed)
    units["has_profiling_objection"] = dice.random(len(units)) < 0.05
    units["has_open_complaint"] = dice.random(len(units)) < 0.1
    units["status"] = pd.Categorical(
        np.where(dice.random(len(units)) < 0.03, "terminated", "active"),
        categories=["active", "blocked", "terminated"],
    )
    options = strategy_options(load_catalogue())
    report = calculate(units, base.deals, as_of_day=base.as_of_day, options=options)
    beside: dict[str, Any] = {
        "unit_id": [unit_id(number) for number in range(len(units))],
        "kind": "person",
        "deals_without_fx_rate_count": 0,
        "first_deal_id": [unit_id(10_000 + number) for number in range(len(units))],
        "last_deal_id": [unit_id(20_000 + number) for number in range(len(units))],
    }
    beside |= {name: units[name] for name in BESIDE if name in units and name != "unit_id"}
    customers = report.customers.join(pd.DataFrame(beside, index=units.index))
    unconverted = pd.DataFrame(
        {"unit": [1, 1, 2], "currency": ["USD", "CHF", "USD"], "amount_minor": [100.0, 250.0, 50.0]}
    )
    now = utc_now()
    new = NewVersion(
        as_of=date(1970, 1, 1) + timedelta(days=base.as_of_day),
        currency="EUR",
        crm_read_at=now,
        mirror_cursor="",
        fingerprint="",
        model=model_summary(report.card),
        data_gaps={"deals_without_fx_rate": 3},
        summary=total_customers(customers, unconverted),
        model_card=card_of_simulated(count, seed),
    )

    async def run() -> int:
        database = connect(url)
        await database.open()
        try:
            return await publish(database, new, customers, now=now)
        finally:
            await database.close()

    return asyncio.run(run())
