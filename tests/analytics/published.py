"""A simulated base, computed and published without a CRM, for tests of the API alone."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from services.analytics.backtesting import card_of
from services.analytics.calculations.backtest.origins import Known
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.quality import (
    FIELDS,
    FINDINGS,
    NOBODY,
    Completeness,
    Finding,
    Quality,
    quality_document,
)
from services.analytics.calculations.reach.parameters import BARRIERS
from services.analytics.calculations.recommendations.triage import triage
from services.analytics.calculations.report import calculate
from services.analytics.calculations.standing.ranks import place_by_rank
from services.analytics.calculations.standing.summary import standing_summary
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import options_document, strategy_options
from services.analytics.computing import BESIDE
from services.analytics.frames.product_list import ProductName
from services.analytics.ledger import LEDGER_COLUMNS, Ledger, Mark, write_ledger
from services.analytics.publishing import NewVersion, publish
from services.analytics.refresh import model_summary
from services.analytics.tables import CHANNELS, RFM_COLUMNS, SIGNALS
from services.foundation.application import utc_now
from tests.analytics.beside import BEGINNING
from tests.analytics.simulation import simulate_base
from tests.databases import on_database

OWN: Any = object()
"""What is published of standing is that of the base itself, and some data are missing."""
QUALITY = quality_document(
    Quality(
        {name: Finding(3, ("01977b3a-5c00-7000-8000-000000000001",), 2, 1) for name in FINDINGS}
        | {"deals_without_fx_rate": Finding(3, (), 2, 1, {"USD": 150, "CHF": 250})},
        {name: Completeness(2, 3) for name in FIELDS},
        {NOBODY: {name: Completeness(1, 2) for name in FIELDS}},
    )
)


def unit_id(number: int) -> str:
    return f"01977b3a-5c00-7000-8000-{number:012x}"


PRODUCTS = [ProductName(unit_id(30_000 + n), f"SKU-{n}", f"Bank Nr. {n}") for n in range(4)]


@cache
def card_of_simulated(count: int = 300, seed: int = 7) -> dict[str, Any]:
    """Return the model card of the simulated base; made once, as it takes longer than the rest."""
    base = simulate_base(count, seed=seed, lead_share=0.2)

    def known_at(day: int) -> Known:
        return Known(day, base.units, base.deals[base.deals["day"] <= day])

    report = calculate(base.units, base.deals, as_of_day=base.as_of_day)
    return card_of(
        report.estimates,
        report.customers,
        known_at,
        parameters=Parameters(),
        as_of_day=base.as_of_day,
        currency="EUR",
        left_out={"deals_without_fx_rate": 3},
    )


def with_reach(count: int, dice: np.random.Generator) -> dict[str, Any]:
    """Draw who may be reached, how and how often; the first channel is barred for everybody."""
    digits = dice.integers(0, len(BARRIERS), (count, len(CHANNELS)))
    digits[:, 0] = BARRIERS.index("no_consent")
    touches = dice.poisson(0.3, (count, len(CHANNELS)))
    wait = dice.choice([0, 0, 2, 11], count)
    counts = {
        f"{kind}_count_{channel}": touches[:, place] // divisor
        for place, channel in enumerate(CHANNELS)
        for kind, divisor in (("touch", 1), ("response", 2))
    }
    return {
        "channel_barriers": digits @ len(BARRIERS) ** np.arange(len(CHANNELS)),
        "touches_30": np.where(wait == 11, 4, 1),
        "cap_30": np.full(count, 4),
        "wait_days": wait,
        "spent_365": touches.sum(axis=1) * 0.02,
        "language": dice.choice(np.array(["de", "en", None], dtype=object), count),
        "style": dice.choice(np.array(["brief", "normal", None], dtype=object), count),
        "preferred_channel": dice.choice(np.array([*CHANNELS, "web", None], dtype=object), count),
        "person": [unit_id(30_000 + n) if n % 3 else None for n in range(count)],
        "must_answer_interaction": [None if n % 5 else unit_id(40_000 + n) for n in range(count)],
        **counts,
    }


def with_more_scores(customers: pd.DataFrame, dice: np.random.Generator) -> pd.DataFrame:
    """Give every column that a base without events leaves empty a value of its kind, or none."""
    count = len(customers)

    def some(*choices: Any) -> Any:
        return dice.choice(np.array([*choices, None], dtype=object), count)

    def shares() -> Any:
        return np.where(dice.random(count) < 0.4, np.nan, dice.random(count).round(2))

    more: dict[str, Any] = {
        "churn_basis": some("rhythm", "signals", "stacked", "contract"),
        "tier": some("A", "B", "C"),
        "historic_tier": some("A", "B", "C"),
        "quadrant": some("partners", "value_at_stake", "steady_small", "occasional"),
        "rfm_segment": some("champions", "loyal", "average"),
        "ladder_rung": some("prospect", "customer", "client", "partner"),
        "newness_ids": some("first_time_buyer", "diverted new_to_product"),
        "motive": some("monopoly", "habit"),
        "motive_basis": some("declared", "inferred", "unknown"),
        "termination_step": some("none", "observe", "blocked"),
        "termination_signal_ids": some("chronic_late_payment serial_complaints"),
        "termination_block_ids": some("hardship", "open_dispute short_tenure"),
        "signal_evidence": some(
            f'{{"leave_intent": ["interaction 2025-03-04 {unit_id(1)}", "deal 2024-12-31 {unit_id(2)}"]}}'
        ),
        **{name: dice.integers(1, 6, count) for name in RFM_COLUMNS},
        **{f"signal_{signal}": shares() for signal in SIGNALS},
        **{f"churn_part_{signal}": shares() for signal in SIGNALS},
        **{name: shares() for name in ("ambassador_score", "sentiment_level")},
        "satisfaction_difference": shares() - 0.5,
        **with_reach(count, dice),
        "nps": dice.integers(0, 11, count).astype(float),
        "referral_value": 100 * shares(),
        "clv_365_low": customers["clv_365"] - 10,
        "clv_365_high": customers["clv_365"] + 10,
        "clv_365_standard_error": 5 * shares(),
        "clv_1095_low": customers["clv_1095"] - 20,
        "clv_1095_high": customers["clv_1095"] + 20,
    }
    for rank in (1, 2, 3):
        more |= {
            f"product{rank}": dice.integers(0, len(PRODUCTS), count).astype(float),
            f"product{rank}_affinity": dice.random(count).round(3),
            f"product{rank}_probability": shares(),
            f"product{rank}_margin": 10 * shares(),
            f"product{rank}_price": 20 * shares(),
            f"product{rank}_owned": dice.integers(0, len(PRODUCTS), count).astype(float),
            f"product{rank}_flags": dice.choice([0, 1, 2, 4], count).astype(float),
        }
    complains = customers["complaint_severity"].notna().tolist()
    more |= {
        "complaint_interaction": [
            unit_id(50_000 + n) if complains[n] else None for n in range(count)
        ],
        "complaint_person": [unit_id(60_000 + n) if complains[n] else None for n in range(count)],
        "complaint_language": ["de" if complaint else None for complaint in complains],
        "complaint_due_day": np.where(complains, 20_000.0, np.nan),
    }
    asks = (
        customers["obligation_ids"]
        .astype("str")
        .fillna("")
        .str.contains("privacy_request")
        .tolist()
    )
    more |= {
        "privacy_interaction": [unit_id(70_000 + n) if asks[n] else None for n in range(count)],
        "privacy_person": [unit_id(80_000 + n) if asks[n] else None for n in range(count)],
        "privacy_language": ["de" if ask else None for ask in asks],
        "privacy_due_day": np.where(asks, 20_030.0, np.nan),
    }
    # Some first steps offer a product.
    more["step1_product"] = np.where(
        customers["step1_option"].notna(), np.arange(count) % len(PRODUCTS), np.nan
    )
    real = {"tier", "historic_tier", "quadrant", "rfm_segment", *RFM_COLUMNS}
    given = {name: more[name] for name in more if name not in real}
    return pd.DataFrame({**{str(name): column for name, column in customers.items()}, **given})


def publish_simulated(
    url: str,
    *,
    count: int = 300,
    seed: int = 7,
    standing: Any = OWN,
    data_gaps: Any = OWN,
    data_dir: Path | None = None,
) -> int:
    """Publish customers and leads of every state, some of whom object to profiling.

    With `data_dir` the ledger is written, too, as a refresh does, for what reads it.
    """
    base = simulate_base(count, seed=seed, lead_share=0.2)
    units, dice = base.units, np.random.default_rng(seed)
    units["has_profiling_objection"] = dice.random(len(units)) < 0.05
    units["has_open_complaint"] = dice.random(len(units)) < 0.1
    units["has_pending_request"] = np.arange(len(units)) % 40 == 7
    units["status"] = pd.Categorical(
        np.where(dice.random(len(units)) < 0.03, "terminated", "active"),
        categories=["active", "blocked", "terminated"],
    )
    options = strategy_options(load_catalogue())
    units["owner_id"] = dice.choice(np.array(["anna", "ben", None], dtype=object), len(units))
    report = calculate(units, base.deals, as_of_day=base.as_of_day, options=options)
    beside: dict[str, Any] = {
        "unit_id": [unit_id(number) for number in range(len(units))],
        "kind": "person",
        "deals_without_fx_rate_count": 0,
        "first_deal_id": [unit_id(10_000 + number) for number in range(len(units))],
        "last_deal_id": [unit_id(20_000 + number) for number in range(len(units))],
    }
    severity = dice.choice([1.0, 2.0, 3.0], len(units))
    beside["complaint_severity"] = np.where(units["has_open_complaint"], severity, np.nan)
    beside |= {name: units[name] for name in BESIDE if name in units and name != "unit_id"}
    customers = report.customers.join(pd.DataFrame(beside, index=units.index))
    ranks = place_by_rank(customers).assign(
        referral_value=0.0, complaint_priority=triage(customers)
    )
    customers = pd.concat([customers, ranks], axis=1)
    standing = standing_summary(customers) if standing is OWN else standing
    customers = with_more_scores(customers, dice)
    unconverted = pd.DataFrame(
        {
            "unit_id": [unit_id(1), unit_id(1), unit_id(2)],
            "currency": ["USD", "CHF", "USD"],
            "amount_minor": [100.0, 250.0, 50.0],
        }
    )
    now = utc_now()
    new = NewVersion(
        as_of=date(1970, 1, 1) + timedelta(days=base.as_of_day),
        currency="EUR",
        crm_read_at=now,
        mirror_cursor="",
        fingerprint="",
        model=model_summary(report.estimates, customers["purchase_count"]),
        data_gaps=QUALITY if data_gaps is OWN else data_gaps,
        summary=total_customers(customers, unconverted),
        standing=standing,
        model_card=card_of_simulated(count, seed),
        options=options_document(options),
        products=PRODUCTS,
    )

    number = on_database(url, lambda database: publish(database, new, customers, now=now))
    if data_dir is not None:
        kept = customers[list(LEDGER_COLUMNS)].reset_index(drop=True)
        nothing = Quality({}, {}, {})
        write_ledger(
            data_dir, Ledger(Mark(number, BEGINNING, ""), kept, unconverted, nothing, frozenset())
        )
    return number
