"""Shares under review by group: the four-fifths rule, and what small groups never tell."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.calculations.termination_fairness import compare_groups


def compare(groups: dict[str | None, tuple[int, int]]) -> dict[str, Any]:
    """Compare groups of so many units, of which so many are under review."""
    words: list[str | None] = []
    reviewed: list[bool] = []
    for name, (units, under) in groups.items():
        words += [name] * units
        reviewed += [True] * under + [False] * (units - under)
    column = pd.Series(words, dtype="str")
    found: dict[str, Any] = compare_groups(
        {"language": column}, np.array(reviewed, dtype=np.bool_)
    )["language"]
    return found


def test_the_ratio_of_the_lowest_share_to_the_highest_warns_below_four_fifths() -> None:
    found = compare({"de": (100, 20), "en": (50, 8), "fr": (29, 29), None: (40, 40)})
    assert (found["unit_count"], found["under_review_count"]) == (219, 97)
    assert list(found["groups"]) == ["de", "en", "unknown", "fr"]
    assert found["groups"]["en"] == {
        "unit_count": 50,
        "under_review_count": 8,
        "share": 0.16,
        "is_hidden": False,
    }
    assert (found["ratio"], found["has_warning"]) == (0.8, False)
    assert compare({"de": (100, 20), "en": (50, 7)})["has_warning"]
    assert compare({"de": (100, 0), "en": (50, 7)})["ratio"] == 0


def test_nobody_under_review_or_one_group_is_nothing_to_compare() -> None:
    for groups in ({"de": (100, 0), "en": (50, 0)}, {"de": (100, 20), "en": (29, 20)}, {}):
        found = compare(groups)  # type: ignore[arg-type]
        assert (found["ratio"], found["has_warning"]) == (None, False)


def test_a_warning_is_raised_although_the_figures_behind_it_are_hidden() -> None:
    found = compare({"de": (100, 20), "en": (100, 2)})
    assert (found["ratio"], found["has_warning"]) == (None, True)
    assert found["groups"]["en"]["under_review_count"] is None
    assert found["groups"]["de"]["under_review_count"] is None  # the total less it would tell


sizes = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda n: (max(n), min(n)))


@given(st.dictionaries(st.sampled_from(["de", "en", "fr", "it", None]), sizes, max_size=5))
def test_no_figure_and_no_difference_of_figures_tells_of_fewer_than_five(
    groups: dict[str | None, tuple[int, int]],
) -> None:
    found = compare(groups)
    for place, name in enumerate(("unit_count", "under_review_count")):
        hidden = 0
        for group, cell in found["groups"].items():
            true = groups[None if group == "unknown" else group][place]
            if cell[name] is None:
                hidden += true
            else:
                assert cell[name] == true
                assert not 0 < true < 5
        total = sum(each[place] for each in groups.values())
        assert found[name] == (None if 0 < total < 5 else total)
        assert found[name] is None or not 0 < hidden < 5
