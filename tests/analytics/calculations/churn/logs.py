"""Logs of purchases as observations of their days: real ones, and simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.training import train
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import fit_purchase_model
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats, summarize_purchases

CDNOW = Path(__file__).resolve().parents[5] / "shared" / "data" / "transactions" / "cdnow"


@dataclass(frozen=True)
class Log:
    """Purchases of units numbered 0 to n - 1: ``unit``, ``day``, ``amount``, ``refund``."""

    deals: pd.DataFrame
    unit_count: int

    def until(self, day: int) -> Observation:
        deals = self.deals[self.deals["day"] <= day]
        purchases = summarize_purchases(deals, unit_count=self.unit_count, as_of_day=day)
        return Observation(purchases, deals)

    def known_by(self, day: int) -> Log:
        """Keep the units that have bought by a day, with all they bought ever."""
        units = np.unique(self.deals.loc[self.deals["day"] <= day, "unit"])
        place = pd.Index(units).get_indexer(pd.Index(self.deals["unit"]))
        kept = self.deals.assign(unit=place)[place >= 0]
        return Log(kept, len(units))

    def came(self, day: int, horizon_days: int) -> tuple[Floats, Floats]:
        """Count the purchases of each unit in the days after a day, and add up their amounts."""
        deals = self.deals
        later = deals[(deals["day"] > day) & (deals["day"] <= day + horizon_days)]
        count = later.drop_duplicates(["unit", "day"]).groupby("unit").size()
        spend = later.groupby("unit")["amount"].sum()
        units = range(self.unit_count)
        counted, spent = (
            np.asarray(values.reindex(units).fillna(0), dtype=np.float64)
            for values in (count, spend)
        )
        return counted, spent


def make_log(unit: np.ndarray, day: np.ndarray, amount: np.ndarray | float) -> Log:
    deals = pd.DataFrame({"unit": unit.astype(np.int64), "day": day.astype(np.int32)})
    deals = deals.assign(amount=amount, refund=np.nan)
    return Log(deals, int(unit.max(initial=-1)) + 1)


def drifting_log(count: int = 1_200, seed: int = 4) -> Log:
    """Customers whose rates wander and who never leave: no purchase model knows such."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.9, 1 / 80, count)
    time = random.uniform(0, 500, count)
    units, days = [np.arange(count)], [time]
    unit = np.arange(count)
    while len(unit):
        rate = rate * np.exp(random.normal(0, 0.35, len(rate)))
        time = time + random.standard_exponential(len(unit)) / rate
        stays = time < 700
        unit, rate, time = unit[stays], rate[stays], time[stays]
        units.append(unit)
        days.append(time)
    unit, day = np.concatenate(units), np.floor(np.concatenate(days)).astype(int)
    return make_log(unit, day + 20_000, random.gamma(3, 10, len(unit)))


def read_cdnow() -> Log:
    """The CDNOW sample, days since 1970-01-01."""
    log = pd.read_csv(
        CDNOW / "CDNOW_sample.txt",
        sep=r"\s+",
        names=["master_id", "customer", "date", "quantity", "amount"],
    )
    days = pd.to_datetime(log["date"].astype(str)).to_numpy().astype("datetime64[D]").astype(int)
    unit, _ = pd.factorize(log["customer"])
    return make_log(unit, days, log["amount"].to_numpy())


def fitted_model(observation: Observation, parameters: Parameters) -> PurchaseModel:
    purchases = observation.purchases
    return fit_purchase_model(
        purchases.repeat_count,
        purchases.recency_days,
        purchases.age_days,
        prior=parameters.prior,
        parameters=parameters.rhythm,
    ).model


@dataclass(frozen=True)
class Trained:
    """A trained model with the features it is used on."""

    model: ChurnModel
    features: pd.DataFrame
    log: Log
    day: int


def train_on(
    log: Log,
    day: int,
    *,
    churn: ChurnParameters,
    observed: Callable[[Log, int], Observation] = Log.until,
) -> Trained:
    parameters = Parameters()
    log = log.known_by(day)
    today = observed(log, day)
    model = train(
        today,
        lambda earlier: observed(log, earlier),
        model=fitted_model(today, parameters),
        parameters=parameters,
        churn=churn,
    )
    features = features_at(today, base=model.base, rhythm=parameters.rhythm, parameters=churn)
    return Trained(model, features, log, day)
