"""Whether customers of one language, country or kind come under review more often than others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Integers

UNKNOWN: Final = "unknown"
"""The group of those of whom it is not recorded; it is shown and not compared."""


@dataclass(frozen=True, slots=True)
class FairnessParameters:
    """When groups are compared, and when the difference is worth a look (domain specification 5).

    Attributes
    ----------
    units_from
        Units that a group needs to be compared; count; default 30.
    warning_below
        Ratio of the lowest share under review to the highest one below which a warning is raised;
        share; default 0.8 (the four-fifths rule).
    smallest_cell
        People below which a cell is hidden; count; default 5 (domain specification 9).
    """

    units_from: int = 30
    warning_below: float = 0.8
    smallest_cell: int = 5


def compare_groups(
    groups: Mapping[str, pd.Series],
    is_under_review: Booleans,
    *,
    parameters: FairnessParameters | None = None,
) -> dict[str, Any]:
    """Count units and those under review by group, and compare the shares.

    Parameters
    ----------
    groups
        By dimension: the group of each unit, missing if it is not recorded; all of one length, none
        of them a protected attribute.
    is_under_review
        Which units had an open case; shape (units,).
    parameters
        Those of the domain specification unless given.

    Returns
    -------
    dict
        What JSON can hold, by dimension: ``unit_count``, ``under_review_count`` of all, ``groups``
        (by word: ``unit_count``, ``under_review_count``, ``share``, ``is_hidden``), ``ratio`` of the
        lowest share to the highest one (None if fewer than two groups can be compared, nobody is
        under review, or it would tell a hidden figure), ``has_warning``.

    Notes
    -----
    A figure of one to four people is hidden, and further ones, the smallest first, until five people
    at least are hidden together: else the total less what is shown would tell the rest. Hidden
    figures count for the warning. Source: domain specification 5, 9.
    """
    parameters = parameters or FairnessParameters()
    return {
        name: _compare(group, np.asarray(is_under_review, dtype=np.bool_), parameters)
        for name, group in groups.items()
    }


def _compare(
    group: pd.Series, is_under_review: Booleans, parameters: FairnessParameters
) -> dict[str, Any]:
    words = group.astype("category").cat
    names = [*map(str, words.categories), UNKNOWN]
    codes = words.codes.to_numpy().astype(np.int64)
    codes[codes < 0] = len(names) - 1
    units = np.bincount(codes, minlength=len(names))
    reviewed = np.bincount(codes[is_under_review], minlength=len(names))
    share = np.divide(reviewed, units, out=np.zeros(len(names)), where=units > 0)
    smallest = parameters.smallest_cell
    no_units = hidden_cells(units, smallest=smallest)
    no_share = hidden_cells(reviewed, smallest=smallest, forced=no_units)
    order = [place for place in np.lexsort((np.array(names), -units)) if units[place]]
    compared = np.array(
        [p for p in order if units[p] >= parameters.units_from and names[p] != UNKNOWN]
    )
    ratio = None
    if len(compared) > 1 and share[compared].max() > 0:
        # Rounded, so that four fifths in decimals are four fifths.
        ratio = round(float(share[compared].min() / share[compared].max()), 9)
    ends = (
        [compared[at(share[compared])] for at in (np.argmin, np.argmax)]
        if ratio is not None
        else []
    )
    return {
        "unit_count": _shown(int(units.sum()), smallest),
        "under_review_count": _shown(int(reviewed.sum()), smallest),
        "groups": {
            names[place]: {
                "unit_count": None if no_units[place] else int(units[place]),
                "under_review_count": None if no_share[place] else int(reviewed[place]),
                "share": None if no_share[place] else float(share[place]),
                "is_hidden": bool(no_units[place] or no_share[place]),
            }
            for place in order
        },
        "ratio": None if any(no_share[end] for end in ends) else ratio,
        "has_warning": ratio is not None and ratio < parameters.warning_below,
    }


def hidden_cells(counts: Integers, *, smallest: int, forced: Booleans | None = None) -> Booleans:
    """Tell which counts are hidden: few people, and more until what is hidden tells of enough.

    Parameters
    ----------
    counts
        People of each cell; shape (cells,).
    smallest
        People below which a figure tells of persons.
    forced
        Cells that are hidden anyway; shape (cells,).
    """
    hidden = (counts > 0) & (counts < smallest)
    if forced is not None:
        hidden |= forced
    for place in np.argsort(counts, kind="stable"):
        if not 0 < counts[hidden].sum() < smallest:
            break
        hidden[place] |= counts[place] > 0
    return hidden


def _shown(count: int, smallest: int) -> int | None:
    return None if 0 < count < smallest else count
