"""Signals as covariates of contract survival: what was to be heard of units on days of their past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.contracts.survival import Survival
from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import (
    CombinationParameters,
    voice_shares,
)
from services.analytics.calculations.signals.of_events import event_signals
from services.analytics.calculations.signals.parameters import SignalParameters
from services.analytics.calculations.signals.whole_base import SignalBase

OF_PURCHASES: Final = ("inactivity", "frequency_drop", "monetary_drop")
"""Silence, rhythm and amounts of purchases say nothing under a contract: it has its own."""
HEARD: Final = tuple(name for name in SIGNALS if name not in OF_PURCHASES)
"""The signals that survival depends on, in the order of its columns."""
_TOLD: Final = ("interactions", "ratings", "invoices", "lost_deals", "open_deals", "contracts")
"""The frames of events that tell them."""


def usual_weights(parameters: CombinationParameters) -> Floats:
    """Return what the full strength of each of `HEARD` usually adds to log-odds; shape (signals,)."""
    return np.array([parameters.weights.get(name, 0.0) for name in HEARD])


def heard(strengths: Floats, *, parameters: CombinationParameters) -> Floats:
    """Turn strengths into covariates: unknown ones are 0, of the voices all but the greatest halved.

    Parameters
    ----------
    strengths
        0 to 1, NaN unknown, in the order of `HEARD`; shape (rows, signals).

    Notes
    -----
    Which voice is the greatest is told by the usual weights, so that it is the same one whatever is
    learned. Source: domain specification 4.
    """
    known: Floats = np.nan_to_num(strengths)
    voices = [HEARD.index(name) for name in parameters.voice]
    terms = known[:, voices] * usual_weights(parameters)[voices]
    known[:, voices] *= voice_shares(terms, parameters=parameters)
    return known


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What units said and did, to be listened to on any day of their past.

    Attributes
    ----------
    events, purchases
        Frames by ``unit`` (0 to n - 1); of purchases ``unit`` and ``day``.
    unit_count
        n.
    base
        What the whole base says, as known today.
    signals, combination
        How signals are read and weighed; the end of a contract is none, as survival knows it.
    """

    events: Events
    purchases: pd.DataFrame
    unit_count: int
    base: SignalBase
    signals: SignalParameters
    combination: CombinationParameters

    @property
    def is_silent(self) -> bool:
        """Whether nothing was ever to be heard of anybody: a cancelled contract is, too."""
        names = ("interactions", "ratings", "invoices", "lost_deals")
        has_events = any(len(getattr(self.events, name)) for name in names)
        return not has_events and bool(self.events.contracts["cancelled_day"].isna().all())

    def restricted(self, units: Integers) -> Hearing:
        """Listen to some units alone, ascending ones, numbered by their places."""
        number = np.full(self.unit_count, -1)
        number[units] = np.arange(len(units))

        def chosen(frame: pd.DataFrame) -> pd.DataFrame:
            unit = number[frame["unit"].to_numpy(dtype=np.int64)]
            rows: pd.DataFrame = frame.assign(unit=unit).loc[unit >= 0]
            return rows

        told = replace(
            Events.empty(), **{name: chosen(getattr(self.events, name)) for name in _TOLD}
        )
        return replace(self, events=told, purchases=chosen(self.purchases), unit_count=len(units))

    def on(self, day: int) -> Floats:
        """Return the covariates of all units on a day; shape (units, signals)."""
        last = np.full(self.unit_count, -np.inf)
        unit, at = (self.purchases[name].to_numpy(dtype=np.int64) for name in ("unit", "day"))
        np.maximum.at(last, unit[at <= day], at[at <= day].astype(np.float64))
        found = event_signals(
            self.events,
            last_purchase_day=np.where(np.isfinite(last), last, np.nan),
            unit_count=self.unit_count,
            as_of_day=day,
            base=self.base,
            parameters=self.signals,
        ).signals
        strengths = np.column_stack([found[name].strength for name in HEARD])
        return heard(strengths, parameters=self.combination)


def without_endings(signals: SignalParameters) -> SignalParameters:
    """Leave the time that is left of a contract to the survival model."""
    return replace(signals, leaving=replace(signals.leaving, ending_strength=0.0))


def contract_churn(
    end_probability: Floats,
    signals: pd.DataFrame,
    *,
    survival: Survival,
    parameters: CombinationParameters,
) -> dict[str, Floats]:
    """Give the churn probability of units under a contract, and what each signal adds to it.

    Parameters
    ----------
    end_probability
        Of an end within the horizon were nothing to be heard; shape (units,).
    signals
        ``signal_<id>`` of these units.

    Returns
    -------
    dict
        ``churn_probability`` and ``churn_part_<id>``: the probability less what it would be without
        the signal; NaN where that is unknown, or says nothing under a contract.

    Notes
    -----
    Signals multiply the hazard: ``1 - (1 - p)^exp(sum(weight * signal))``.
    """
    strengths = np.column_stack(
        [signals[f"signal_{name}"].to_numpy(dtype=np.float64) for name in HEARD]
    )
    added = heard(strengths, parameters=parameters) * np.array(survival.signals)
    total = np.zeros(len(added))
    for term in added.T:
        total += term
    log_stays = np.log1p(-end_probability)
    probability = -np.expm1(log_stays * np.exp(total))
    unknown = np.full(len(added), np.nan)
    parts: Mapping[str, Floats] = {
        f"churn_part_{name}": np.where(
            np.isnan(strength), np.nan, probability + np.expm1(log_stays * np.exp(total - term))
        )
        for name, strength, term in zip(HEARD, strengths.T, added.T, strict=True)
    }
    return {
        "churn_probability": probability,
        **{f"churn_part_{name}": unknown for name in OF_PURCHASES},
        **parts,
    }


def heard_counts(signals: Floats, has_ended: Booleans) -> dict[str, tuple[int, int]]:
    """Count the months in which each signal was to be heard, and the ends in them; by id."""
    is_heard = signals > 0
    return {
        name: (int(column.sum()), int((column & has_ended).sum()))
        for name, column in zip(HEARD, is_heard.T, strict=True)
    }
