"""Termination signals and due process: worked example D1, and what can never happen."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.calculations.margins import deal_margins
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.termination import (
    BLOCKS,
    FLAGS,
    NUMBERS,
    SIGNALS,
    decide_termination,
)
from services.analytics.calculations.termination_facts import (
    termination_evidence,
    termination_facts,
)
from tests.analytics.calculations.event_frames import Row, events
from tests.analytics.simulation import plain_deals

DAY = (date(2025, 3, 1) - date(1970, 1, 1)).days


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def decide(cases: list[dict[str, Any]]) -> list[tuple[list[str], list[str], str]]:
    """Decide on facts; a number that is not given is unknown, a flag not set."""
    facts = pd.DataFrame(
        {
            name: np.array([case.get(name, np.nan) for case in cases], dtype=float)
            for name in NUMBERS
        }
        | {name: [bool(case.get(name)) for case in cases] for name in FLAGS}
    )
    facts["protection_ids"] = pd.Series([case.get("protection_ids") for case in cases], dtype="str")
    found = decide_termination(facts, as_of_day=DAY)
    return [
        (_ids(signals), _ids(blocks), str(step))
        for signals, blocks, step in zip(
            found["termination_signal_ids"],
            found["termination_block_ids"],
            found["termination_step"],
            strict=True,
        )
    ]


def _ids(text: Any) -> list[str]:
    return [] if pd.isna(text) else str(text).split()


COMPLAINTS = {"complaints_decided": 6, "complaints_unjustified": 5}
LATE = {"late_invoices_365": 5, "late_amount_365": 700, "invoiced_amount_365": 1000}
POOR = {"contribution_730": -200, "clv_optimistic_365": -15}
LONG = {"tenure_days": 900}
FAILED = {"remedy_failed_day": day("2025-01-01")}
HEARD = {"hearing_closed_day": day("2025-02-01")}


def test_example_d1() -> None:
    unprofitable = ["chronic_late_payment", "persistently_unprofitable"]
    assert decide(
        [
            COMPLAINTS | LONG,
            COMPLAINTS | LONG | {"complaints_decided": 12},
            COMPLAINTS | LATE | LONG,
            LATE | POOR | LONG | {"open_justified_complaint": True},
            LATE | POOR | LONG | FAILED,
            LATE | POOR | LONG | FAILED | HEARD,
            {"confirmed_frauds": 1, "tenure_days": 60},
        ]
    ) == [
        (["serial_complaints"], [], "observe"),
        ([], [], "none"),
        (["chronic_late_payment", "serial_complaints"], [], "offer_remedy"),
        (unprofitable, ["open_justified_complaint"], "blocked"),
        (unprofitable, [], "hearing"),
        (unprofitable, [], "human_review"),
        (["confirmed_fraud"], [], "observe"),
    ]


def test_what_came_after_the_day_or_out_of_turn_is_no_step() -> None:
    later = {"remedy_failed_day": DAY + 1}
    both = LATE | POOR | LONG
    steps = [step for *_, step in decide([both | later, both | HEARD, both | FAILED | later])]
    assert steps == ["offer_remedy"] * 3


def test_every_block_blocks_and_shows_only_with_a_signal() -> None:
    causes: dict[str, dict[str, Any]] = {
        "open_justified_complaint": {"open_justified_complaint": True},
        "own_fault": {"own_fault": True},
        "pending_request": {"pending_request": True},
        "short_tenure": {"tenure_days": 364},
        **{
            name: {"protection_ids": name}
            for name in ("hardship", "legal_hold", "open_dispute", "statutory_supply")
        },
    }
    assert sorted(causes) == sorted(BLOCKS)
    for name, cause in causes.items():
        both, none = decide([LATE | POOR | LONG | cause, LONG | cause])
        assert both[1:] == ([name], "blocked")
        assert none == ([], [], "none")
    (unknown,) = decide([LATE | POOR])
    assert unknown[1:] == (["short_tenure"], "blocked")
    (fraud,) = decide([LATE | {"confirmed_frauds": 1}])
    assert fraud[1:] == ([], "offer_remedy")


def test_an_ended_relationship_is_left_alone() -> None:
    assert decide([LATE | POOR | LONG | {"is_ended": True}]) == [([], [], "none")]


@pytest.mark.parametrize(
    ("facts", "signal"),
    [
        ({"lost_chargebacks_730": 2}, "chargeback_loss"),
        ({"lost_chargebacks_730": 1}, None),
        (LATE | {"late_invoices_365": 3}, None),
        (LATE | {"late_amount_365": 599}, None),
        (LATE | {"late_amount_365": np.nan}, None),
        (POOR | {"contribution_730": 0}, None),
        (POOR | {"clv_optimistic_365": 0}, None),
        (POOR | {"clv_optimistic_365": np.nan}, None),
        ({"purchases_730": 5, "discounted_730": 4, "margin_730": 4, "revenue_730": 100}, "constant_deal_hunting"),
        ({"purchases_730": 5, "discounted_730": 4, "margin_730": 5, "revenue_730": 100}, None),
        ({"purchases_730": 5, "discounted_730": 3, "margin_730": 4, "revenue_730": 100}, None),
        ({"purchases_730": 3, "discounted_730": 3, "margin_730": 0, "revenue_730": 100}, None),
        ({"purchases_730": 5, "discounted_730": 4, "margin_730": np.nan, "revenue_730": np.nan}, None),
        ({"purchases_730": 5, "discounted_730": 4, "margin_730": -9, "revenue_730": 0}, None),
        ({"complaints_decided": 4, "complaints_unjustified": 4}, None),
    ],
)  # fmt: skip
def test_a_signal_is_met_at_its_limit_and_never_by_what_is_unknown(
    facts: dict[str, Any], signal: str | None
) -> None:
    ((found, _, step),) = decide([facts | LONG])
    assert found == ([signal] if signal else [])
    assert step == ("observe" if signal else "none")


numbers = st.one_of(st.just(np.nan), st.integers(-3, 20).map(float), st.floats(-1e6, 1e6))
cases = st.fixed_dictionaries(
    {name: numbers for name in NUMBERS if not name.endswith("_day")}
    | {name: st.booleans() for name in FLAGS}
    | {name: st.sampled_from([np.nan, DAY - 9.0, DAY + 9.0]) for name in NUMBERS[-2:]}
    | {"protection_ids": st.sampled_from([None, "hardship", "legal_hold open_dispute"])}
)


@given(st.lists(cases, min_size=1, max_size=30))
def test_below_two_signals_nothing_leaves_observe_and_a_block_always_wins(
    given_cases: list[dict[str, Any]],
) -> None:
    for signals, blocks, step in decide(given_cases):
        assert len(set(signals)) == len(signals) <= len(SIGNALS)
        if not signals:
            assert (blocks, step) == ([], "none")
        elif len(signals) == 1:
            assert step == "observe"
        else:
            assert (step == "blocked") == bool(blocks)


def facts_of(
    *,
    deals: pd.DataFrame | None = None,
    optimistic: float = np.nan,
    protections: str | None = None,
    age: float = 900.0,
    cases: pd.DataFrame | None = None,
    has_pending_request: bool = False,
    **rows: list[Row],
) -> tuple[pd.DataFrame, pd.Series]:
    """Count the facts of one unit and name its evidence."""
    if deals is None:
        deals = plain_deals(unit=[0], day=[DAY])
    deals = deals.assign(deal_id=[f"deal-{place}" for place in range(len(deals))])
    purchases = summarize_purchases(deals, unit_count=1, as_of_day=DAY)
    margins = deal_margins(deals, default_margin=0.35)
    given_events = events(**rows)
    facts = termination_facts(
        pd.DataFrame(
            {
                "protection_ids": pd.Series([protections], dtype="str"),
                "has_pending_request": [has_pending_request],
            }
        ),
        pd.DataFrame(
            {
                "state": pd.Categorical(["retained"]),
                "contribution_730": [-200.0],
                "clv_optimistic_365": [optimistic],
                "age_days": [age],
            }
        ),
        deals,
        given_events,
        purchases=purchases,
        margins=margins,
        cases=cases,
    )
    evidence = termination_evidence(
        facts, deals, given_events, purchases=purchases, margins=margins
    )
    return facts, evidence


def complaint(justified: bool | None, *, age: int = 100, **fields: Any) -> Row:
    row = {"kind": "complaint", "day": DAY - age, "is_justified": justified}
    return row | {"settled_day": DAY - age + 1} | fields


def test_complaints_are_counted_as_decided() -> None:
    facts, _ = facts_of(
        interactions=[
            complaint(False),
            complaint(False, age=364),
            complaint(False, age=365),
            complaint(False, resolution="withdrawn"),
            complaint(None),
            complaint(True),
            {"kind": "email", "day": DAY, "is_justified": False},
        ]
    )
    assert facts["complaints_unjustified"].tolist() == [2]
    assert facts["complaints_decided"].tolist() == [3]
    assert not facts["open_justified_complaint"].any()
    assert not facts["own_fault"].any()


@pytest.mark.parametrize(
    ("row", "is_open", "is_recent"),
    [
        (complaint(True, age=89), False, True),
        (complaint(True, age=90, settled_day=DAY - 90), False, False),
        (complaint(True, age=200, settled_day=DAY - 10), False, True),
        (complaint(True, age=200, settled_day=None), True, False),
        (complaint(True, age=200, settled_day=DAY + 1), True, False),
        (complaint(False, age=1), False, False),
        (complaint(None, age=1, settled_day=None), False, False),
    ],
)
def test_own_faults_block_while_open_and_for_90_days(
    row: Row, is_open: bool, is_recent: bool
) -> None:
    facts, _ = facts_of(interactions=[row])
    assert facts["open_justified_complaint"].tolist() == [is_open]
    assert facts["own_fault"].tolist() == [is_recent]


@given(st.integers(0, 8), st.integers(0, 3), st.integers(1, 30))
def test_justified_complaints_in_any_number_add_no_signal(
    unjustified: int, justified: int, more: int
) -> None:
    some = [complaint(False)] * unjustified + [complaint(True)] * justified
    before, _ = facts_of(interactions=some)
    after, _ = facts_of(interactions=some + [complaint(True)] * more)
    ids = [
        set(_ids(decide_termination(facts, as_of_day=DAY)["termination_signal_ids"].iloc[0]))
        for facts in (before, after)
    ]
    assert ids[1] <= ids[0]


def invoice(days_late: int | None, *, age: int = 60, **fields: Any) -> Row:
    """Make an invoice that is due at once; None: not paid by the day."""
    paid = None if days_late is None else DAY - age + days_late
    row = {"day": DAY - age, "due_day": DAY - age, "paid_day": paid, "amount": 100.0}
    return row | fields


def test_invoices_are_late_after_14_days_unless_disputed() -> None:
    facts, _ = facts_of(
        invoices=[
            invoice(15),
            invoice(14),
            invoice(None),
            invoice(None, age=14),
            invoice(40, is_disputed=True),
            invoice(40, is_complained_of=True),
            invoice(40, age=365),
            invoice(500, age=60),
        ]
    )
    assert facts["late_invoices_365"].tolist() == [3]
    assert facts["late_amount_365"].tolist() == [300.0]
    assert facts["invoiced_amount_365"].tolist() == [700.0]


def test_a_disputed_invoice_that_is_not_paid_is_an_open_dispute() -> None:
    facts, _ = facts_of(invoices=[invoice(None, is_disputed=True)], protections="hardship")
    assert facts["protection_ids"].tolist() == ["hardship open_dispute"]
    facts, _ = facts_of(invoices=[invoice(3, is_disputed=True)])
    assert facts["protection_ids"].isna().all()


def test_a_case_and_a_pending_request_are_taken_as_given() -> None:
    cases = pd.DataFrame({"remedy_failed_day": [5.0], "hearing_closed_day": [np.nan]})
    facts, _ = facts_of(cases=cases, has_pending_request=True)
    assert facts["remedy_failed_day"].tolist() == [5.0]
    assert facts["pending_request"].tolist() == [True]
    without, _ = facts_of(cases=cases.iloc[:0])
    assert without["pending_request"].tolist() == [False]
    assert without["remedy_failed_day"].isna().all()


def test_deal_hunting_counts_the_discounts_of_730_days() -> None:
    deals = plain_deals(
        unit=[0] * 6,
        day=[DAY, DAY - 1, DAY - 2, DAY - 3, DAY - 3, DAY - 730],
        cost=99.0,
        discount_pct=[5.0, 20.0, 4.9, 50.0, 0.0, 50.0],
    )
    facts, _ = facts_of(deals=deals)
    counted = facts[["purchases_730", "discounted_730", "revenue_730", "margin_730"]]
    assert counted.iloc[0].tolist() == [4.0, 3.0, 500.0, 5.0]


def test_evidence_names_the_newest_records_for_and_against_each_signal() -> None:
    rows = [complaint(False, age=place, interaction_id=f"c{place}") for place in range(100, 107)]
    rows.append(complaint(True, age=101, interaction_id="just"))
    facts, evidence = facts_of(
        interactions=rows,
        frauds=[
            {"day": DAY, "is_confirmed_by_person": True, "deal_id": "f1"},
            {"day": DAY, "is_confirmed_by_person": False, "deal_id": "f2"},
            {"day": DAY + 1, "is_confirmed_by_person": True, "deal_id": "f3"},
        ],
    )
    found = decide_termination(facts, as_of_day=DAY)
    assert found["termination_signal_ids"].tolist() == ["confirmed_fraud serial_complaints"]
    assert json.loads(evidence.iloc[0]) == {
        "confirmed_fraud": {"grounds": ["f1"], "counter_evidence": ["f2"]},
        "serial_complaints": {
            "grounds": ["c100", "c101", "c102", "c103", "c104"],
            "counter_evidence": ["just"],
        },
    }


def test_a_loss_rests_on_sales_below_cost_and_on_what_service_cost_us() -> None:
    rows = [
        complaint(False, age=3, interaction_id="unjustified"),
        complaint(True, age=3, interaction_id="justified"),
        complaint(None, age=3, interaction_id="undecided"),
        complaint(False, age=730, interaction_id="old"),
        {"kind": "service_request", "day": DAY - 4, "interaction_id": "asked"},
        {"kind": "email", "day": DAY, "interaction_id": "wrote"},
    ]
    deals = plain_deals(unit=[0, 0], day=[DAY - 1, DAY - 5], cost=[200.0, 50.0])
    _, evidence = facts_of(interactions=rows, deals=deals, optimistic=-1.0)
    assert json.loads(evidence.iloc[0])["persistently_unprofitable"] == {
        "grounds": ["deal-0", "unjustified", "asked"],
        "counter_evidence": ["deal-1"],
    }


def test_without_a_signal_there_is_no_evidence() -> None:
    _, evidence = facts_of(interactions=[complaint(False)])
    assert evidence.isna().all()
