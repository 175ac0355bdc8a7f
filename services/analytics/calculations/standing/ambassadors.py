"""What customers do for us beyond buying: their acts, the ambassador score, the referral value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, Integers, float_column
from services.analytics.calculations.standing.counting import (
    count_units,
    is_true,
    units_of,
    within,
    words_are,
)
from services.analytics.calculations.standing.parameters import AmbassadorParameters


@dataclass(frozen=True, slots=True, eq=False)
class Acts:
    """Acts of each unit within the window; counts, shape (units,)."""

    referral_count: Integers
    public_positive_count: Integers
    idea_count: Integers

    @property
    def total(self) -> Integers:
        return self.referral_count + self.public_positive_count + self.idea_count


@dataclass(frozen=True, slots=True)
class AcquisitionCosts:
    """What it cost to win customers, referred ones and others; additive over partitions of units.

    Attributes
    ----------
    referred_count, referred_sum, other_count, other_sum
        Units that have bought and whose acquisition cost is known, and the sum of these costs in
        base currency; with and without somebody who referred them.
    """

    referred_count: int = 0
    referred_sum: float = 0.0
    other_count: int = 0
    other_sum: float = 0.0

    def __add__(self, more: Self) -> AcquisitionCosts:
        return AcquisitionCosts(
            self.referred_count + more.referred_count,
            self.referred_sum + more.referred_sum,
            self.other_count + more.other_count,
            self.other_sum + more.other_sum,
        )


@dataclass(frozen=True, slots=True)
class ReferralBase:
    """What the value of a referral needs to know of the base.

    Attributes
    ----------
    saved_acquisition_cost
        ``saved_cac``: what a referred customer costs less to win; base currency, not below 0.
    """

    saved_acquisition_cost: float = 0.0


def collect_acquisition_costs(
    acquisition_cost: Floats, *, has_bought: Booleans, is_referred: Booleans
) -> AcquisitionCosts:
    """Sum up the acquisition costs of a partition; base currency, NaN unknown; shape (units,)."""
    is_known = has_bought & ~np.isnan(acquisition_cost)
    referred, others = acquisition_cost[is_known & is_referred], is_known & ~is_referred
    other = acquisition_cost[others]
    return AcquisitionCosts(len(referred), float(referred.sum()), len(other), float(other.sum()))


def estimate_referral_base(costs: AcquisitionCosts) -> ReferralBase:
    """Estimate what a referral saves: mean cost of others less mean cost of referred customers.

    0 as long as no customer of one of the two groups has a known cost. Source: domain specification
    3.3.
    """
    if not costs.referred_count or not costs.other_count:
        return ReferralBase()
    saved = costs.other_sum / costs.other_count - costs.referred_sum / costs.referred_count
    return ReferralBase(max(saved, 0.0))


def count_acts(
    interactions: pd.DataFrame,
    referrals: pd.DataFrame,
    *,
    unit_count: int,
    as_of_day: int,
    parameters: AmbassadorParameters,
) -> Acts:
    """Count the acts of units.

    Parameters
    ----------
    interactions
        ``unit``, ``day``, ``kind``, ``is_public``, ``sentiment`` (-1 to 1, NaN unknown).
    referrals
        ``unit`` (who referred), ``referred_unit``, ``day``.
    unit_count
        Units; every ``unit`` lies in ``[0, unit_count)``.
    as_of_day
        The day looked from; days since 1970-01-01.
    parameters
        The window, and what is positive.

    Notes
    -----
    A referral may be recorded as an interaction, at the contact who came, or both: the larger number
    counts. Source: domain specification 3.3, 3.4.
    """
    days = parameters.window_days
    recent = within(interactions, as_of_day=as_of_day, days=days)
    is_positive = float_column(interactions, "sentiment") >= parameters.positive_sentiment
    direct = direct_referrals(referrals)
    told, came = (
        count_units(events, rows, unit_count=unit_count)
        for events, rows in (
            (interactions, recent & words_are(interactions, "kind", "referral")),
            (direct, within(direct, as_of_day=as_of_day, days=days)),
        )
    )
    public = recent & is_true(interactions, "is_public") & is_positive
    ideas = recent & words_are(interactions, "kind", "idea")
    return Acts(
        np.maximum(told, came),
        count_units(interactions, public, unit_count=unit_count),
        count_units(interactions, ideas, unit_count=unit_count),
    )


def ambassador_scores(nps: Floats, acts: Acts, *, parameters: AmbassadorParameters) -> Floats:
    """Score how much units speak for us, 0 to 1; shape (units,).

    ``0.4 clip((nps - 6)/4) + 0.6 (1 - 0.6^referrals 0.8^public_positive 0.85^ideas)``; an unknown
    recommendation (NaN) adds nothing. Source: domain specification 3.3.
    """
    recommends = np.clip((nps - parameters.neutral_nps) / parameters.nps_span, 0.0, 1.0)
    left = (
        parameters.referral_factor**acts.referral_count
        * parameters.public_factor**acts.public_positive_count
        * parameters.idea_factor**acts.idea_count
    )
    scores: Floats = parameters.nps_weight * np.nan_to_num(recommends, nan=0.0)
    scores += parameters.acts_weight * (1.0 - left)
    return scores


def referral_values(
    referrals: pd.DataFrame,
    referred: pd.DataFrame,
    *,
    unit_count: int,
    as_of_day: int,
    base: ReferralBase,
    parameters: AmbassadorParameters,
) -> Floats:
    """Value what the direct referrals of units have brought; base currency, shape (units,).

    Parameters
    ----------
    referrals
        ``unit`` (who referred), ``referred_unit``, ``day``; of one partition of units or of all.
    referred
        ``clv_365`` (base currency) and ``purchase_count`` of the units that were referred, whichever
        partition they are in, indexed by what ``referred_unit`` names.
    unit_count
        Units; every ``unit`` lies in ``[0, unit_count)``.
    as_of_day
        The day looked from; days since 1970-01-01.
    base
        What a referral saves.
    parameters
        ``rho``.

    Notes
    -----
    ``sum(rho max(0, clv_365) + saved_cac)`` over the referred units that have bought; 0 without
    one. An unknown lifetime value counts as 0. It is shown beside the lifetime value and never added
    to it: that of the referred is in the base already. Source: domain specification 3.3.
    """
    direct = direct_referrals(referrals)
    direct = direct.loc[within(direct, as_of_day=as_of_day)]
    place = referred.index.get_indexer(pd.Index(direct["referred_unit"]))
    is_there = place >= 0
    unit, place = units_of(direct)[is_there], place[is_there]
    has_bought = float_column(referred, "purchase_count")[place] > 0
    value = np.fmax(float_column(referred, "clv_365")[place[has_bought]], 0.0)
    worth = parameters.referral_share * value + base.saved_acquisition_cost
    total = np.bincount(unit[has_bought], weights=worth, minlength=unit_count)
    return total.astype(np.float64)


def direct_referrals(referrals: pd.DataFrame) -> pd.DataFrame:
    """Return each pair of units once, on its first day; nobody refers themselves.

    Several persons of an organisation may have been referred, or one may have brought a colleague.
    """
    others = referrals.loc[(referrals["unit"] != referrals["referred_unit"]).to_numpy()]
    first = others.sort_values("day", kind="stable")
    return first.drop_duplicates(["unit", "referred_unit"])
