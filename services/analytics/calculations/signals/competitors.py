"""C-COMP: deals lost to a competitor, offers declined for one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.signals.by_unit import (
    Signal,
    ages,
    are,
    join_by_unit,
    shown_by,
)


@dataclass(frozen=True, slots=True)
class CompetitorParameters:
    """What losses to competitors weigh (domain specification 4).

    Attributes
    ----------
    lost_deal_weight, declined_offer_weight
        Strength on the day itself; share; defaults 0.7 and 0.4.
    half_life_days, window_days
        Age at which one counts half, and from which on not at all; days; defaults 180 and 365.
    """

    lost_deal_weight: float = 0.7
    declined_offer_weight: float = 0.4
    half_life_days: float = 180.0
    window_days: int = 365


def loss_strengths(age: Floats, weight: Floats, *, parameters: CompetitorParameters) -> Floats:
    """Return the strength of each loss: ``weight * 2^(-age / 180)``, 0 when it is too old."""
    fading = weight * np.exp2(-age / parameters.half_life_days)
    return np.where(age < parameters.window_days, fading, 0.0)


def competitor_loss(
    lost_deals: pd.DataFrame,
    interactions: pd.DataFrame,
    *,
    unit_count: int,
    as_of_day: int,
    parameters: CompetitorParameters,
) -> Signal:
    """Return the signal: losses joined, 0 without any.

    Parameters
    ----------
    lost_deals
        Frame of events: ``unit``, ``day``, ``lost_reason``, ``names_competitor``, ``deal_id``.
    interactions
        Frame of events: ``unit``, ``day``, ``kind``, ``outcome``, ``names_competitor``,
        ``interaction_id``.

    Notes
    -----
    A deal is lost to a competitor if that is the reason, or if one was in it and the reason is
    neither the time nor that nothing is needed. Source: domain specification 4.
    """
    for_nobody = are(lost_deals["lost_reason"], "timing", "no_need")
    is_lost = are(lost_deals["lost_reason"], "competitor")
    is_lost |= lost_deals["names_competitor"].to_numpy(dtype=np.bool_) & ~for_nobody
    is_declined = are(interactions["kind"], "offer") & are(interactions["outcome"], "declined")
    is_declined &= interactions["names_competitor"].to_numpy(dtype=np.bool_)
    losses = pd.concat(
        [
            frame.loc[chosen, ["unit", "day", name]]
            .rename(columns={name: "record_id"})
            .assign(weight=weight, is_deal=frame is lost_deals)
            for frame, chosen, name, weight in (
                (lost_deals, is_lost, "deal_id", parameters.lost_deal_weight),
                (interactions, is_declined, "interaction_id", parameters.declined_offer_weight),
            )
        ],
        ignore_index=True,
    )
    strengths = loss_strengths(
        ages(losses, as_of_day).astype(np.float64),
        losses["weight"].to_numpy(dtype=np.float64),
        parameters=parameters,
    )
    strength = join_by_unit(losses["unit"].to_numpy(dtype=np.int64), strengths, unit_count)
    telling = np.flatnonzero(strengths > 0)
    return Signal(strength, shown_by(strength, losses, telling, strengths[telling]))
