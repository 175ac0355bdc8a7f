"""Counts and sums of where all customers stand, as the document that is stored with a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Floats, float_column
from services.analytics.calculations.standing.ladder import RUNGS
from services.analytics.calculations.standing.ranks import (
    QUADRANTS,
    RFM_SEGMENTS,
    TIERS,
    find_quadrants,
)

SCORES: Final = 5
BASES: Final[Mapping[str, tuple[str, str]]] = {
    "clv": ("tier", "clv_alive_1095"),
    "historic": ("historic_tier", "historic_value"),
}
"""The tier and the value that each basis of the portfolio goes by."""
RFM_SUMS: Final = ("contribution_730", "clv_365")
PORTFOLIO_SUMS: Final = ("clv_alive_1095", "clv_1095", "value_at_risk", "historic_value")
TIERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "partners": ("A", "B"),
    "value_at_stake": ("A", "B"),
    "steady_small": ("C",),
    "occasional": ("C",),
}
Cell = dict[str, Any]


def standing_summary(
    customers: pd.DataFrame,
    *,
    erased: Iterable[str] = (),
    smallest_cell: int = 5,
) -> dict[str, Any]:
    """Count and sum up customers by RFM segment, portfolio quadrant and rung.

    Parameters
    ----------
    customers
        ``unit_id``, ``state``, ``churn_probability``, `RFM_SUMS`, `PORTFOLIO_SUMS`,
        ``ambassador_score``, ``has_profiling_objection``, the columns of `ranks.place_by_rank` and
        ``ladder_rung``, of all units in any order. Who objects to profiling is not counted: with
        the list of the others, a figure would tell theirs.
    erased
        Ids of units that are not counted, as their person was erased.
    smallest_cell
        People below which a cell is hidden; count; default 5 (domain specification 9).

    Returns
    -------
    dict
        What JSON can hold: ``rfm`` (``total``, ``segments``, ``matrix``: rows by recency, columns by
        frequency, both from 1 to 5), ``portfolio`` (by basis: ``total``, ``quadrants`` each with
        ``tiers``) and ``loyalty_ladder`` (``total``, ``rungs``). Every cell has ``customer_count``,
        ``is_hidden``, ``share`` of the customers, sums in base currency (what is unknown left out)
        or means (None if nothing is known).

    Notes
    -----
    A cell of one to four people is hidden: all its figures are None. So are further cells beside it,
    the smallest first, until five people at least are hidden together: else the total less what is
    shown would tell the rest. A cell of nobody is shown. Excluded units are not counted. A value
    share is that of the positive values, as with tiers. Source: domain specification 3.4, 3.5, 9.
    """
    is_counted = ~(customers["state"] == "excluded").to_numpy(dtype=np.bool_, na_value=False)
    is_counted &= ~customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
    gone = list(erased)
    if gone:
        is_counted &= ~customers["unit_id"].isin(gone).to_numpy(dtype=np.bool_)
    counted = customers if is_counted.all() else customers.loc[is_counted]
    return {
        "rfm": _rfm(counted, smallest_cell),
        "portfolio": {
            basis: _portfolio(counted, tier, value, smallest_cell)
            for basis, (tier, value) in BASES.items()
        },
        "loyalty_ladder": _ladder(counted, smallest_cell),
    }


def _rfm(customers: pd.DataFrame, smallest: int) -> dict[str, Any]:
    segment = _codes(customers["rfm_segment"], RFM_SEGMENTS)
    options: dict[str, Any] = {"sums": RFM_SUMS, "means": ("churn_probability",)}
    cells = _cells(customers, segment, len(RFM_SEGMENTS), **options)
    (total,) = _cells(customers, np.minimum(segment, 0), 1, **options)
    scores = [
        np.nan_to_num(float_column(customers, name), nan=0.0).astype(np.int64)
        for name in ("rfm_recency", "rfm_frequency")
    ]
    place = np.where(np.minimum(*scores) > 0, (scores[0] - 1) * SCORES + scores[1] - 1, -1)
    matrix = _cells(customers, place, SCORES * SCORES)
    _share([*cells, *matrix, total], dict(total))
    for group in (cells, matrix, [total]):
        _hide(group, smallest)
    rows = [matrix[start : start + SCORES] for start in range(0, len(matrix), SCORES)]
    return {
        "total": total,
        "segments": dict(zip(RFM_SEGMENTS, cells, strict=True)),
        "matrix": rows,
    }


def _portfolio(customers: pd.DataFrame, tier: str, value: str, smallest: int) -> dict[str, Any]:
    tiers = _codes(customers[tier], TIERS)
    quadrant = find_quadrants(tiers.astype(np.int8), customers["state"]).astype(np.int64)
    place = np.where(quadrant < 0, -1, quadrant * len(TIERS) + tiers)
    options = {"sums": PORTFOLIO_SUMS}
    (total,) = _cells(customers, np.minimum(quadrant, 0), 1, **options)
    quadrants = _cells(customers, quadrant, len(QUADRANTS), **options)
    parts = _cells(customers, place, len(QUADRANTS) * len(TIERS), **options)
    worth = np.fmax(float_column(customers, value), 0.0)
    for places, cells in (
        (quadrant, quadrants),
        (place, parts),
        (np.minimum(quadrant, 0), [total]),
    ):
        _share(cells, dict(total))
        _share_value(cells, places, worth)
    shown: dict[str, Cell] = {}
    for number, name in enumerate(QUADRANTS):
        own = {each: parts[number * len(TIERS) + TIERS.index(each)] for each in TIERS_OF[name]}
        shown[name] = quadrants[number] | {"tiers": own}
    _hide([total], smallest)
    _hide(list(shown.values()), smallest)
    for cell in shown.values():
        own = cell["tiers"]
        # What makes up a hidden quadrant is hidden with it.
        _hide(list(own.values()), np.inf if cell["is_hidden"] else smallest)
    return {"total": total, "quadrants": shown}


def _ladder(customers: pd.DataFrame, smallest: int) -> dict[str, Any]:
    rung = _codes(customers["ladder_rung"], RUNGS)
    cells = _cells(customers, rung, len(RUNGS), means=("ambassador_score",))
    (total,) = _cells(customers, np.minimum(rung, 0), 1, means=("ambassador_score",))
    _share([*cells, total], dict(total))
    _hide(cells, smallest)
    _hide([total], smallest)
    return {"total": total, "rungs": dict(zip(RUNGS, cells, strict=True))}


def _codes(column: pd.Series, words: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each word, -1 where it is missing."""
    known = column.astype("category").cat
    place = np.append(pd.Index(words).get_indexer(known.categories), -1)
    return place[known.codes.to_numpy()].astype(np.int64)


def _cells(
    customers: pd.DataFrame,
    place: NDArray[np.int64],
    number: int,
    *,
    sums: tuple[str, ...] = (),
    means: tuple[str, ...] = (),
) -> list[Cell]:
    """Count and sum up the customers of each cell; those at place -1 are in none."""
    is_in = place >= 0
    at = place[is_in]
    counts = np.bincount(at, minlength=number)
    cells: list[Cell] = [
        {"customer_count": int(count), "is_hidden": False, "share": None} for count in counts
    ]
    for name in (*sums, *means):
        values = float_column(customers, name)[is_in]
        known = ~np.isnan(values)
        total = np.bincount(at[known], weights=values[known], minlength=number)
        known_count = np.bincount(at[known], minlength=number)
        for cell, amount, count in zip(cells, total.tolist(), known_count.tolist(), strict=True):
            if name in sums:
                cell[name] = amount
            else:
                cell[f"mean_{name}"] = amount / count if count else None
    return cells


def _share(cells: Iterable[Cell], total: Cell) -> None:
    if total["customer_count"]:
        for cell in cells:
            cell["share"] = cell["customer_count"] / total["customer_count"]


def _share_value(cells: Sequence[Cell], place: NDArray[np.int64], worth: Floats) -> None:
    is_in = place >= 0
    sums = np.bincount(place[is_in], weights=worth[is_in], minlength=len(cells))
    whole = float(sums.sum())
    for cell, amount in zip(cells, sums.tolist(), strict=True):
        cell["value_share"] = min(amount / whole, 1.0) if whole > 0 else None


def _hide(cells: Sequence[Cell], smallest: float) -> None:
    """Empty the cells of few people, and further ones until that many are hidden together."""
    people = sorted((c for c in cells if c["customer_count"]), key=lambda c: c["customer_count"])
    hidden = 0
    for cell in people:
        count = cell["customer_count"]
        if count >= smallest and not 0 < hidden < smallest:
            break
        hidden += count
        cell["is_hidden"] = True
        for name in cell:
            if name not in ("is_hidden", "tiers"):
                cell[name] = None
