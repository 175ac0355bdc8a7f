"""The stacked model as a forecaster of backtests: it learns from what was known before an origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from services.analytics.calculations.backtest.forecasters import Forecast, Forecaster
from services.analytics.calculations.backtest.origins import Known, Origin
from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.training import train
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import fit_purchase_model
from services.analytics.calculations.purchases import summarize_purchases


def stacked_forecaster(
    *, parameters: Parameters, churn: ChurnParameters | None = None
) -> Forecaster:
    """Make the forecaster of the stacked model, or of what it falls back to.

    It learns for the horizon of the origin, without signals.
    """
    learning = churn or ChurnParameters()

    def forecast(origin: Origin) -> Forecast:
        purchases = origin.purchases
        fit = fit_purchase_model(
            purchases.repeat_count,
            purchases.recency_days,
            purchases.age_days,
            prior=parameters.prior,
            parameters=parameters.rhythm,
        )
        here = replace(learning, horizon_days=origin.horizon_days)
        today = Observation(purchases, origin.known.deals)
        ids = pd.Index(origin.known.units["unit_id"])
        model = train(
            today,
            lambda day: numbered_alike(origin.earlier(day), ids),
            model=fit.model,
            parameters=parameters,
            churn=here,
        )
        features = features_at(today, base=model.base, rhythm=parameters.rhythm, parameters=here)
        found = model.forecast(features, float(origin.horizon_days))
        return Forecast(found.purchase, found.count, found.spend)

    return Forecaster("stacked", forecast)


def numbered_alike(known: Known, ids: pd.Index) -> Observation:
    """Number what was known on an earlier day as units of a later one; the others had no records."""
    place = ids.get_indexer(pd.Index(known.units["unit_id"]))
    unit = place[known.deals["unit"].to_numpy(dtype=np.int64)]
    deals = known.deals.assign(unit=unit).loc[unit >= 0]
    purchases = summarize_purchases(deals, unit_count=len(ids), as_of_day=known.day)
    return Observation(purchases, deals)
