"""Backtests the base in the mirror: frames of earlier days in, a backtest and its texts out."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from services.analytics.calculations.backtest.forecasters import (
    Forecaster,
    purchase_model_forecaster,
)
from services.analytics.calculations.backtest.origins import BacktestParameters, Known, Origin
from services.analytics.calculations.backtest.running import Backtest, run_backtest
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.report import calculate
from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.frames.building import build_frames
from services.analytics.frames.clock import day_number
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.settings import Settings

RUNNING_MODEL = "mbg_nbd"
"""The forecaster that the published numbers come from."""


def forecasters(parameters: Parameters | None = None) -> dict[str, Forecaster]:
    """Return the models that can be compared, by name."""
    chosen = parameters or Parameters()
    return {
        "mbg_nbd": purchase_model_forecaster("mbg_nbd", parameters=chosen),
        "bg_nbd": purchase_model_forecaster("bg_nbd", parameters=chosen),
    }


def backtest_snapshot(
    snapshot: Snapshot,
    *,
    as_of: date,
    settings: Settings,
    catalogue: Catalogue,
    chosen: str = RUNNING_MODEL,
    horizon_days: int | None = None,
    origins: Sequence[date] = (),
    parameters: BacktestParameters | None = None,
) -> Backtest:
    """Backtest a base as it stood on a day; frames of every origin are built from the mirror.

    Raises
    ------
    HistoryTooShort, OriginOutside, MirrorCorrupt
        See `run_backtest` and `Snapshot`.
    """
    frame_parameters = FrameParameters(
        channel_cost={channel.id: channel.unit_cost for channel in catalogue.channels}
    )

    def known_at(day: int) -> Known:
        frames = build_frames(
            snapshot,
            as_of=date.fromordinal(day + date(1970, 1, 1).toordinal()),
            time_zone=ZoneInfo(settings.business_time_zone),
            base_currency=settings.base_currency,
            parameters=frame_parameters,
        )
        return Known(frames.as_of_day, frames.units, frames.deals)

    return run_backtest(
        known_at,
        as_of_day=day_number(as_of),
        forecasters=tuple(forecasters().values()),
        chosen=chosen,
        currency=settings.base_currency,
        states_of=states_of,
        horizon_days=horizon_days,
        origin_days=[day_number(day) for day in origins],
        parameters=parameters,
    )


def states_of(origin: Origin) -> list[str]:
    """Assign the lifecycle states at an origin as a refresh on that day would have."""
    report = calculate(origin.known.units, origin.known.deals, as_of_day=origin.day)
    states: list[Any] = report.customers["state"].astype(object).tolist()
    return [str(state) for state in states]
