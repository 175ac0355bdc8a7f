"""Forecasts against Pareto/NBD and BG/NBD with Gamma-Gamma on real logs: what came, and who was nearer.

    python -m bench accuracy

Each log is cut in two: everything is estimated on the first part, and compared with the second, means
with means. The purchase models are fitted by plain maximum likelihood, as published. The log of Online
Retail is read as `bench.online_retail` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.figures import Figure
from bench.online_retail import build_deals, read_lines
from services.analytics.calculations.backtest import measures
from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.targets import Forecasts
from services.analytics.calculations.churn.training import fitted_model, train
from services.analytics.calculations.parameters import Family, Parameters
from services.analytics.calculations.purchase_models.fitting import fit_purchase_model
from services.analytics.calculations.purchase_models.spend import (
    GammaGamma,
    estimate_gamma_gamma,
    group_spending,
)
from services.analytics.calculations.purchases import Floats, summarize_purchases

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "transactions"
RIVALS: tuple[Family, ...] = ("pareto_nbd", "bg_nbd")
SEED = 20261123


@dataclass(frozen=True)
class Split:
    """A log and where it is cut: days from its first purchase on that are known, and days after."""

    name: str
    read: Callable[[], pd.DataFrame]
    known_days: int
    horizon_days: int


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield one figure for each split and rival; the table of all measures is printed beside."""
    for split in SPLITS[:1] if is_quick else SPLITS:
        yield from _compare(split, repetitions=100 if is_quick else 500)


def _read_cdnow() -> pd.DataFrame:
    log = pd.read_csv(
        DATA / "cdnow" / "CDNOW_sample.txt",
        sep=r"\s+",
        names=["master_id", "customer", "date", "quantity", "amount"],
    )
    at = pd.to_datetime(log["date"].astype(str))
    return pd.DataFrame(
        {"customer": log["customer"], "day": _days(at), "amount": log["amount"], "refund": np.nan}
    ).assign(refunded_day=np.nan)


def _read_online_retail() -> pd.DataFrame:
    path = DATA / "online_retail_2009_2010" / "year1_2009-2010_raw.parquet"
    deals = build_deals(*read_lines(path))
    refunded = deals["refunded_at"]
    return pd.DataFrame(
        {
            "customer": deals["customer"],
            "day": _days(deals["at"]),
            "amount": deals["amount"],
            "refund": deals["refund"],
            "refunded_day": (refunded - pd.Timestamp(0)) / pd.Timedelta(days=1),
        }
    )


SPLITS = (
    Split("CDNOW", _read_cdnow, 272, 273),
    Split("Online Retail", _read_online_retail, 193, 180),
    Split("Online Retail", _read_online_retail, 273, 100),
)


def _days(at: pd.Series) -> np.ndarray:
    return at.to_numpy().astype("datetime64[D]").astype(np.int32)


def _known_on(deals: pd.DataFrame, day: int, unit_count: int) -> Observation:
    """Keep what had happened by a day: later purchases and refunds had not."""
    known = deals[deals["day"] <= day]
    known = known.assign(refund=known["refund"].where(known["refunded_day"] < day + 1))
    purchases = summarize_purchases(known, unit_count=unit_count, as_of_day=day)
    return Observation(purchases, known)


def _compare(split: Split, *, repetitions: int) -> Iterator[Figure]:
    deals = split.read()
    day = int(deals["day"].min()) + split.known_days
    known = deals[deals["day"] <= day]
    customers = pd.Index(known["customer"].unique())
    deals = deals.assign(unit=customers.get_indexer(pd.Index(deals["customer"])))
    deals = deals[deals["unit"] >= 0].reset_index(drop=True)
    today = _known_on(deals, day, len(customers))
    bought = today.purchases.has_purchase
    model, stacked, seconds = _stacked(deals, today, split.horizon_days)
    later = _known_on(deals, day + split.horizon_days, len(customers))
    count, spend = (values[bought] for values in _came(later, day))
    came = Forecasts((count > 0) * 1.0, count, spend)
    reasons = {target: choice.reason for target, choice in model.choices.items()}
    name = f"{split.name} {split.known_days}+{split.horizon_days}"
    print(f"  {name}: {len(count):,} customers, {came.purchase.mean():.1%} buy; {reasons}")
    _print_row("stacked", stacked, came)
    _print_chance(stacked, came)
    for family in RIVALS:
        rival = _rival(today, family, split.horizon_days)
        _print_row(family, rival, came)
        differences = {
            measure.__name__: measures.bootstrap_difference(
                getattr(stacked, target),
                getattr(rival, target),
                getattr(came, target),
                measure=measure,
                seed=SEED,
                repetitions=repetitions,
            )
            for target, measure in (
                ("purchase", measures.brier_score),
                ("purchase", measures.area_under_curve),
                ("count", measures.mean_absolute_error),
                ("spend", measures.normalized_gini),
            )
        }
        brier = measures.brier_score(rival.purchase, came.purchase)
        found = differences["brier_score"]
        yield Figure(
            "accuracy",
            f"{name}, stacked",
            1 + found.difference / brier,
            f"Brier of {family}",
            at_most=1.0,
            spread=(1 + found.low / brier, 1 + found.high / brier),
            details={
                name: f"{each.difference:+.4f} ({each.low:+.4f} to {each.high:+.4f})"
                for name, each in differences.items()
            }
            | {"training": f"{seconds:.1f} CPU s"},
        )


def _stacked(
    deals: pd.DataFrame, today: Observation, horizon_days: int
) -> tuple[ChurnModel, Forecasts, float]:
    parameters, churn = Parameters(), ChurnParameters(horizon_days=horizon_days)
    purchases, unit_count = today.purchases, len(today.purchases.purchase_count)
    started = time.process_time()
    model = train(
        today,
        lambda day: _known_on(deals, day, unit_count),
        model=fitted_model(purchases, parameters),
        parameters=parameters,
        churn=churn,
    )
    seconds = time.process_time() - started
    features = features_at(today, base=model.base, rhythm=parameters.rhythm, parameters=churn)
    return model, model.forecast(features, float(horizon_days)), seconds


def _rival(today: Observation, family: Family, horizon_days: int) -> Forecasts:
    """Forecast as the papers do: plain maximum likelihood, Gamma-Gamma of repeat purchases."""
    purchases = today.purchases
    x = purchases.repeat_count.astype(np.float64)
    t_x, age = purchases.recency_days, purchases.age_days
    rhythm = replace(Parameters().rhythm, family=family)
    model = fit_purchase_model(x, t_x, age, prior=None, parameters=rhythm).model
    count = model.expected_purchases(x, t_x, age, float(horizon_days))
    amount = today.deals["amount"].to_numpy()[purchases.deal_rows]
    paid = np.add.reduceat(amount, purchases.starts)
    starts = np.flatnonzero(np.diff(purchases.purchase_unit, prepend=-1))
    repeated = np.maximum(np.add.reduceat(paid, starts) - paid[starts], 0.0)
    positive = (x > 0) & (repeated > 0)
    logs = estimate_gamma_gamma(group_spending(x[positive], repeated[positive])).logs
    spending = GammaGamma(*(float(value) for value in np.exp(logs)))
    mean = spending.mean_margin(np.where(positive, x, 0.0), np.where(positive, repeated, 0.0))
    return Forecasts(
        model.purchase_probability(x, t_x, age, float(horizon_days)), count, count * mean
    )


def _came(later: Observation, day: int) -> tuple[Floats, Floats]:
    """Count and add up the purchases of each unit after a day."""
    purchases = later.purchases
    deals = later.deals.iloc[purchases.deal_rows[purchases.starts]]
    is_later = deals["day"].to_numpy() > day
    paid = np.add.reduceat(later.deals["amount"].to_numpy()[purchases.deal_rows], purchases.starts)
    units = len(purchases.purchase_count)
    unit = purchases.purchase_unit[is_later]
    return (
        np.bincount(unit, minlength=units).astype(np.float64),
        np.bincount(unit, weights=paid[is_later], minlength=units),
    )


def _print_row(name: str, forecast: Forecasts, came: Forecasts) -> None:
    told = {
        "AUC": measures.area_under_curve(forecast.purchase, came.purchase),
        "Brier": measures.brier_score(forecast.purchase, came.purchase),
        "calibration": measures.expected_calibration_error(forecast.purchase, came.purchase),
        "count": measures.total_ratio(forecast.count, came.count),
        "MAE": measures.mean_absolute_error(forecast.count, came.count),
        "at right levels": measures.mean_absolute_error(
            _at_right_levels(forecast.count, came.count), came.count
        ),
        "revenue": measures.total_ratio(forecast.spend, came.spend),
        "Gini": measures.normalized_gini(forecast.spend, came.spend),
    }
    print(f"    {name:<12}" + "  ".join(f"{key} {value:.4f}" for key, value in told.items()))


def _at_right_levels(forecast: Floats, came: Floats) -> Floats:
    """Make the total of each tenth of a forecast right.

    Most customers buy nothing, so that a forecast of means is nearer in absolute terms the more it is
    too low: only at the same levels is like compared with like.
    """
    levelled = np.empty(len(forecast))
    for rows in np.array_split(np.argsort(forecast, kind="stable"), 10):
        levelled[rows] = forecast[rows] * came[rows].sum() / forecast[rows].sum()
    return levelled


def _print_chance(forecast: Forecasts, came: Forecasts, *, draws: int = 500) -> None:
    """Say how far a perfect forecast would seem off on so few customers, and how sure totals are."""
    random = np.random.default_rng(SEED)
    count = len(came.purchase)
    perfect = [
        measures.expected_calibration_error(
            forecast.purchase, (random.random(count) < forecast.purchase) * 1.0
        )
        for _ in range(draws)
    ]
    ratios = []
    for _ in range(draws):
        rows = random.integers(0, count, count)
        ratios.append(
            [
                measures.total_ratio(getattr(forecast, name)[rows], getattr(came, name)[rows])
                for name in ("count", "spend")
            ]
        )
    (low_count, low_spend), (high_count, high_spend) = np.quantile(ratios, [0.025, 0.975], axis=0)
    print(
        f"    by chance    calibration {np.mean(perfect):.4f}, in 95 % below "
        f"{np.quantile(perfect, 0.95):.4f}; count {low_count:.3f} to {high_count:.3f}, "
        f"revenue {low_spend:.3f} to {high_spend:.3f}"
    )
