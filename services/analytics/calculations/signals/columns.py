"""All churn signals of units as columns: frames of events and purchases in, one frame out."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import (
    Floats,
    Integers,
    Purchases,
    float_column,
)
from services.analytics.calculations.signals.by_unit import (
    EVIDENCE_LIMIT,
    SHOWN_FROM,
    Evidence,
    Signal,
    newest_first,
    places_within,
)
from services.analytics.calculations.signals.evidence import evidence_texts
from services.analytics.calculations.signals.frequency import (
    frequency_drop,
    frequency_window,
    recent_purchases,
)
from services.analytics.calculations.signals.inactivity import inactivity
from services.analytics.calculations.signals.monetary import monetary_drop, net_amounts
from services.analytics.calculations.signals.of_events import event_signals
from services.analytics.calculations.signals.parameters import SignalParameters
from services.analytics.calculations.signals.whole_base import SignalBase

SIGNALS: Final = (
    "inactivity",
    "frequency_drop",
    "monetary_drop",
    "negative_sentiment",
    "unresolved_complaint",
    "satisfaction_gap",
    "support_burst",
    "engagement_drop",
    "competitor_loss",
    "payment_delay",
    "leave_intent",
)
"""Ids of the catalogue's `churn_signals`."""
SIGNAL_COLUMNS: Final = (
    *(f"signal_{name}" for name in SIGNALS),
    "sentiment_level",
    "satisfaction_difference",
    "nps",
    "is_expectation_assumed",
    "gap_dimension",
    "signal_evidence",
)


class PurchaseRates(Protocol):
    """What is needed of a purchase model: the gamma distribution of purchase rates, in days."""

    @property
    def r(self) -> float: ...
    @property
    def alpha(self) -> float: ...


def signal_columns(
    events: Events,
    purchases: Purchases,
    deals: pd.DataFrame,
    *,
    model: PurchaseRates,
    as_of_day: int,
    base: SignalBase,
    parameters: SignalParameters | None = None,
) -> pd.DataFrame:
    """Compute every churn signal of the units of `purchases`; local to each unit.

    Parameters
    ----------
    events
        What has happened to the units; what came later than the day counts as not happened.
    purchases
        Their purchases.
    deals
        The frame that `purchases` were summarized from: ``amount``, ``refund``, ``deal_id``.
    model
        The purchase model in days.
    as_of_day
        The day looked from, days since 1970-01-01: that of `purchases`.
    base
        What the whole base says.

    Returns
    -------
    pandas.DataFrame
        `SIGNAL_COLUMNS`, indexed by ``unit`` (0 to n - 1). Strengths are 0 to 1, NaN where there is
        not enough data; ``signal_evidence`` is a JSON object of signal id -> at most three
        records, missing without any: see `evidence_texts`.

    Raises
    ------
    ValueError
        If `purchases` were summarized as of another day.

    Source: domain specification 4.
    """
    if purchases.as_of_day != as_of_day:
        raise ValueError("the purchases are those of another day")
    parameters = parameters or SignalParameters()
    unit_count = len(purchases.purchase_count)
    told = event_signals(
        events,
        last_purchase_day=np.where(purchases.has_purchase, purchases.last_day, np.nan),
        unit_count=unit_count,
        as_of_day=as_of_day,
        base=base,
        parameters=parameters,
    )
    signals = _purchase_signals(purchases, deals, model, parameters) | told.signals
    shown = {name: signal.evidence for name, signal in signals.items()}
    columns: dict[str, Any] = {f"signal_{name}": signals[name].strength for name in SIGNALS}
    columns |= {
        "sentiment_level": told.sentiment_level,
        "satisfaction_difference": told.satisfaction.difference,
        "nps": told.satisfaction.nps,
        "is_expectation_assumed": told.satisfaction.is_expectation_assumed,
        "gap_dimension": told.satisfaction.gap_dimension,
        "signal_evidence": evidence_texts(shown, unit_count=unit_count),
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(unit_count, name="unit"), copy=False)


def _purchase_signals(
    purchases: Purchases, deals: pd.DataFrame, model: PurchaseRates, parameters: SignalParameters
) -> dict[str, Signal]:
    """Compute the signals of silence, frequency and order value."""
    bought = np.flatnonzero(purchases.has_purchase)
    unit_count = len(purchases.purchase_count)
    repeats = purchases.repeat_count.astype(np.float64)
    age, scale = purchases.age_days, model.alpha + purchases.recency_days
    shape = model.r + repeats
    gap_rank = -np.expm1(-shape * np.log1p((age - purchases.recency_days) / scale))
    window = frequency_window(scale / shape, age, parameters=parameters.frequency)
    window_of_unit = _of_units(window, bought, unit_count)
    days = deals["day"].to_numpy(dtype=np.int64)[purchases.deal_rows[purchases.starts]]
    recent = recent_purchases(purchases, days, window_of_unit)[bought]
    fewer = frequency_drop(
        recent,
        repeats - recent,
        window,
        age,
        r=model.r,
        alpha=model.alpha,
        parameters=parameters.frequency,
    )
    amounts = net_amounts(
        float_column(deals, "amount")[purchases.deal_rows],
        float_column(deals, "refund")[purchases.deal_rows],
        purchases.starts,
    )
    smaller = monetary_drop(
        purchases.purchase_unit, amounts, unit_count=unit_count, parameters=parameters.monetary
    )
    silent = _of_units(inactivity(gap_rank, parameters=parameters.inactivity), bought, unit_count)
    strengths = {
        "inactivity": (silent, 1),
        "frequency_drop": (_of_units(fewer, bought, unit_count), 1),
        "monetary_drop": (smaller, parameters.monetary.recent_purchases),
    }
    return {
        name: Signal(strength, _last_purchases(purchases, deals, days, strength, last))
        for name, (strength, last) in strengths.items()
    }


def _of_units(values: Floats, units: Integers, unit_count: int) -> Floats:
    column = np.full(unit_count, np.nan)
    column[units] = values
    return column


def _last_purchases(
    purchases: Purchases, deals: pd.DataFrame, days: Integers, strength: Floats, last: int
) -> Evidence:
    """Name the deals of the last purchases of the units whose signal is above 0."""
    unit = purchases.purchase_unit
    from_last = purchases.purchase_count[unit] - places_within(unit)
    shows = np.flatnonzero((from_last <= last) & (strength[unit] > SHOWN_FROM))
    if not len(shows):
        return Evidence.none()
    lengths = np.diff(np.append(purchases.starts, len(purchases.deal_rows)))[shows]
    start = np.repeat(purchases.starts[shows], lengths)
    within = np.arange(len(start)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    unit, day = np.repeat(unit[shows], lengths), np.repeat(days[shows], lengths)
    ids, rows = deals["deal_id"].array, purchases.deal_rows[start + within]
    kept = newest_first(unit, day, ids, rows, at_most=EVIDENCE_LIMIT)
    return Evidence(unit[kept], ids.take(rows[kept]), day[kept], np.ones(len(kept), np.bool_))
