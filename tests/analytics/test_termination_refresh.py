"""Open cases change the numbers of their units and no others, and are counted fairly by group."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics import changing
from services.analytics.changing import compute_changes
from services.analytics.computing import compute_base, estimate_base
from services.analytics.crm_reading import Reading
from services.analytics.frames.cases import CASE_COLUMNS, case_marks, with_cases
from services.analytics.ledger import read_ledger, remember, write_ledger
from services.analytics.refresh import fingerprint
from services.analytics.termination_fairness.counting import count_fairness, languages_of
from tests.analytics.test_changing import MARK, RULES, Crm, assert_equal, assert_same_base, opened
from tests.analytics.test_frames import Row

TODAY = RULES.as_of_day


class Speaking(Crm):
    """Contacts of few languages and countries."""

    def contact(self, name: str) -> Row:
        return super().contact(name) | {
            "language": self.maybe(self.pick("de", "en"), 0.8),
            "country_code": self.pick("DE", "AT"),
        }


def cases_of(*rows: tuple[str, dict[str, Any]]) -> pd.DataFrame:
    """Make cases that were opened today unless told otherwise."""
    plain = dict.fromkeys(CASE_COLUMNS, np.nan) | {"opened_day": float(TODAY)}
    frame = pd.DataFrame([plain | row for _, row in rows], index=[unit for unit, _ in rows])
    frame.index.name = "unit_id"
    return frame.astype({"termination_case": "str"})


def test_a_case_moves_its_unit_alone_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)
    with opened(tmp_path / "mirror") as mirror:
        snapshot = Speaking.make(1).load(mirror)
        estimates = estimate_base(snapshot, RULES)
        base = compute_base(snapshot, RULES, estimates)
        plain = base.customers.loc[~base.customers["state"].isin(["terminated", "excluded"])]
        heard, later, closed, proposed = plain["unit_id"].iloc[:4]
        started = {"case_day": float(TODAY)}
        rules = replace(
            RULES,
            cases=cases_of(
                (
                    heard,
                    started | {"termination_case": "hearing", "remedy_failed_day": TODAY - 9.0},
                ),
                (later, {"termination_case": "review", "case_day": TODAY + 1.0}),
                (closed, {"closed_day": float(TODAY)}),
                (proposed, started | {"termination_case": "proposed"}),
            ),
        )
        assert fingerprint(snapshot, rules) != fingerprint(snapshot, RULES)
        expected = compute_base(snapshot, rules, estimates)
        states = expected.customers.set_index("unit_id")["state"]
        before = base.customers.set_index("unit_id")["state"]
        assert set(states.index[states.astype(str) != before.astype(str)]) == {heard}
        assert states[heard] == "to_terminate"
        nothing: dict[Any, frozenset[str]] = {}
        reading = Reading(snapshot, snapshot, nothing)
        there = compute_changes(reading, remember(base, MARK), rules, estimates)
        assert there is not None
        assert {heard, later, closed, proposed} <= {*there.changed["unit_id"]}
        assert len(there.changed) < len(base.customers) / 2
        assert_same_base(there.base, expected)
        write_ledger(tmp_path, remember(there.base, MARK, cases=case_marks(rules.cases)))
        ledger = read_ledger(tmp_path)
        assert ledger is not None
        back = compute_changes(reading, ledger, RULES, estimates)
        assert back is not None
        assert_same_base(back.base, base)
        frames = with_cases(RULES.frames_of(snapshot), rules.cases)
        days = frames.units.set_index("unit_id")["remedy_failed_day"]
        assert days.dropna().to_dict() == {heard: TODAY - 9.0}
        words = frames.units.set_index("unit_id")["termination_case"]
        assert words.dropna().to_dict() == {heard: "hearing", proposed: "proposed"}

        document = count_fairness(snapshot, expected, rules)
        told = languages_of(snapshot, [heard, later])
    assert set(told) == {heard, later}
    assert set(told.values()) <= {"de", "en", None}
    counted = expected.customers
    counted = counted[
        ~counted["state"].isin(["excluded", "lead"]) & ~counted["has_profiling_objection"]
    ]
    counted = counted[~counted["unit_id"].isin(expected.erased)]
    assert list(document["dimensions"]) == ["language", "country", "kind"]
    for dimension in document["dimensions"].values():
        assert dimension["unit_count"] == len(counted)
        assert dimension["under_review_count"] is None  # at most four: they are not told
        shown = [group["unit_count"] for group in dimension["groups"].values()]
        assert sum(shown) == len(counted)
    assert set(document["dimensions"]["language"]["groups"]) == {"de", "en", "unknown"}
    assert_equal(expected.customers.iloc[:0], base.customers.iloc[:0])
