"""Places among all customers: value tiers, portfolio quadrants and RFM; each needs all units at once.

Everything else about standing is of one unit; only here is a unit compared with the others.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Floats, Integers, float_column
from services.analytics.calculations.standing.parameters import RankParameters

Codes = NDArray[np.int8]

TIERS: Final = ("A", "B", "C")
QUADRANTS: Final = ("partners", "value_at_stake", "steady_small", "occasional")
RFM_SEGMENTS: Final = ("champions", "cannot_lose", "recent", "loyal", "hibernating", "average")
RANKED: Final = (
    *("unit_id", "state", "clv_alive_1095", "historic_value"),
    *("purchase_count", "gap_days", "purchase_count_730", "contribution_730"),
)
"""The columns that places are made of."""

_MOST_WHOLE: Final = 1_000_000.0
_ENDED: Final = ("excluded", "terminated")
_RISKY: Final = ("at_risk", "lapsed")


def place_by_rank(
    customers: pd.DataFrame, *, parameters: RankParameters | None = None
) -> pd.DataFrame:
    """Place all units of a base by rank.

    Parameters
    ----------
    customers
        `RANKED` of every unit of the base, in any order: ``clv_alive_1095``, ``historic_value``
        and ``contribution_730`` in base currency, ``gap_days`` since the last purchase,
        ``purchase_count_730`` the purchases within 730 days.
    parameters
        Limits and levels; those of the domain specification unless given.

    Returns
    -------
    pandas.DataFrame
        ``tier``, ``historic_tier``, ``quadrant`` and ``rfm_segment`` (categories) and
        ``rfm_recency``, ``rfm_frequency``, ``rfm_monetary`` (1 to 5, NaN unknown), indexed like
        ``customers``.

    Notes
    -----
    Relationships that ended (terminated, or excluded) have no places and do not count for those of
    others. Tiers go by ``clv_alive_1095``, which is free of risk: else no unit could be both
    valuable and at risk. The RFM scores compare the units that have bought. Source: domain
    specification 3.5.
    """
    parameters = parameters or RankParameters()
    state = customers["state"]
    is_running = ~state.isin(_ENDED).to_numpy(dtype=np.bool_)
    tier, historic_tier = (
        assign_tiers(
            np.where(is_running, float_column(customers, name), np.nan),
            customers["unit_id"],
            parameters=parameters,
        )
        for name in ("clv_alive_1095", "historic_value")
    )
    has_bought = is_running & (float_column(customers, "purchase_count") > 0)
    recency, frequency, monetary = (
        rank_scores(np.where(has_bought, sign * float_column(customers, name), np.nan), parameters)
        for name, sign in (("gap_days", -1), ("purchase_count_730", 1), ("contribution_730", 1))
    )
    segment = np.where(has_bought, assign_segments(recency, frequency, monetary), -1)
    return pd.DataFrame(
        {
            "tier": _words(tier, TIERS),
            "historic_tier": _words(historic_tier, TIERS),
            "quadrant": _words(find_quadrants(tier, state), QUADRANTS),
            "rfm_recency": recency,
            "rfm_frequency": frequency,
            "rfm_monetary": monetary,
            "rfm_segment": _words(segment.astype(np.int8), RFM_SEGMENTS),
        },
        index=customers.index,
    )


def assign_tiers(value: Floats, ids: pd.Series, *, parameters: RankParameters) -> Codes:
    """Assign value tiers, as places in `TIERS`; -1 where the value is unknown.

    A as long as the units before hold less than 80 % of all value, B below 95 %, else C; ordered by
    value descending, equal ones by id. A value of 0 or less is C and no part of all value. Source:
    domain specification 3.5.
    """
    tier = np.where(np.isnan(value), -1, TIERS.index("C")).astype(np.int8)
    positive = np.flatnonzero(value > 0)
    if not len(positive):
        return tier
    rows = _descending(value, ids, positive)
    # In parts of the largest, so that no sum overflows.
    running = np.cumsum(value[rows] / value[rows[0]])
    before = np.append(0.0, running[:-1]) / running[-1] + parameters.share_tolerance
    tier[rows] = (before >= parameters.tier_a_until).astype(np.int8) + (
        before >= parameters.tier_b_until
    )
    return tier


def rank_scores(values: Floats, parameters: RankParameters) -> Floats:
    """Score values by rank, the highest best: ``1 + floor(levels * units strictly worse / units)``.

    NaN where the value is unknown; such units are not counted. Source: domain specification 3.5.
    """
    scores = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    count = len(known)
    if not count:
        return scores
    levels = parameters.levels if count >= parameters.few_units else parameters.levels_of_few
    scores[known] = 1 + levels * _count_worse(values[known]) // count
    return scores


def _count_worse(values: Floats) -> Integers:
    """Count for each value the strictly lower ones."""
    from_lowest = values - values.min()
    if from_lowest.max() < _MOST_WHOLE and (from_lowest == np.floor(from_lowest)).all():
        # Days and counts need no sorting.
        place = from_lowest.astype(np.int64)
        number = np.bincount(place)
        lower: Integers = (np.cumsum(number) - number)[place]
        return lower
    order = np.argsort(values)
    ordered = values[order]
    starts = np.append(True, ordered[1:] != ordered[:-1])
    worse = np.empty(len(values), dtype=np.int64)
    worse[order] = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    return worse


def assign_segments(recency: Floats, frequency: Floats, monetary: Floats) -> Codes:
    """Assign RFM segments, as places in `RFM_SEGMENTS`; the first rule that holds decides.

    An unknown score fulfils no rule. Source: domain specification 3.5; catalogue, ``rfm_segments``.
    """
    rules = (
        (recency >= 4) & (frequency >= 4) & (monetary >= 4),
        (recency <= 2) & ((frequency >= 4) | (monetary >= 4)),
        (recency >= 4) & (frequency <= 2),
        (recency >= 3) & (frequency >= 3),
        (recency <= 2) & (frequency <= 2),
    )
    places = range(len(rules))
    return np.select(rules, places, default=len(rules)).astype(np.int8)


def find_quadrants(tier: Codes, state: pd.Series) -> Codes:
    """Cross value with risk, as places in `QUADRANTS`; -1 without a tier, given as place in `TIERS`.

    Tiers A and B are of high value, at_risk and lapsed of high risk. Source: domain specification
    3.5.
    """
    is_low = tier == TIERS.index("C")
    is_risky = state.isin(_RISKY).to_numpy(dtype=np.bool_)
    quadrant: Codes = np.where(tier < 0, -1, 2 * is_low + is_risky).astype(np.int8)
    return quadrant


def _descending(value: Floats, ids: pd.Series, rows: Integers) -> Integers:
    """Order ascending rows by value descending, equal ones by id.

    Ids are compared where values are equal only, and not at all where they ascend.
    """
    ordered = rows[np.argsort(-value[rows], kind="stable")]
    if (ids.array[1:] >= ids.array[:-1]).all():
        return ordered
    is_equal = value[ordered[1:]] == value[ordered[:-1]]
    tied = np.flatnonzero(np.append(is_equal, False) | np.append(False, is_equal))
    if len(tied):
        some = ordered[tied]
        by_id = pd.factorize(ids.iloc[some], sort=True)[0]
        ordered[tied] = some[np.lexsort((by_id, -value[some]))]
    return ordered


def _words(codes: Codes, words: tuple[str, ...]) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(codes, categories=pd.Index(words))
