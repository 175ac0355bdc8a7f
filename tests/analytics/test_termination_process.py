"""Whatever people try in whatever order: no end without remedy, hearing and another person's review."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.analytics.termination_cases import process
from services.analytics.termination_cases.process import Actor, Case, Standing
from services.foundation.problems import Problem

START = datetime(2026, 1, 1, tzinfo=UTC)
END: dict[str, Any] = {"choice": "terminate", "planned_end_on": "2026-12-31"}


def end_it(case: Case, actor: Actor) -> Case:
    process.check_reviewer(case, actor)
    return process.decide(case, actor, decision=END)


STEPS: dict[str, Any] = {
    "remedy": lambda case, actor: process.offer_remedy(case, actor, note=None),
    "failed": lambda case, actor: process.record_remedy(case, actor, result="failed", note=None),
    "hearing": lambda case, actor: process.open_hearing(
        case, actor, text="Facts " * 8, language="en"
    ),
    "statement": lambda case, actor: process.add_statement(case, actor, text="No."),
    "heard": process.close_hearing,
    "read": process.note_opening,
    "end": end_it,
    "execute": lambda case, actor: process.execute(
        case, actor, executed_on=actor.now.date(), note=None
    ),
    "contest": lambda case, actor: process.contest(case, actor, statement="No."),
}


def standing(signals: tuple[str, ...], blocks: tuple[str, ...] = ()) -> Standing:
    return Standing(1, date(2026, 1, 1), signals, blocks, False, False, {})


def actor(who: str, day: int) -> Actor:
    now = START + timedelta(days=day)
    return Actor(who, who, now, now.date())


def new_case() -> Case:
    found = standing(("a", "b"))
    return process.open_case(
        "c", "u", profiles=["p"], note="", standing=found, actor=actor("anna", 0)
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*STEPS]), st.sampled_from(["anna", "ben", "cleo"]), st.integers(0, 70)
        ),
        max_size=40,
    )
)
def test_no_order_of_steps_leaves_out_what_is_due(steps: list[tuple[str, str, int]]) -> None:
    # Whatever else is tried, the way through is among it, so that ends are reached at all.
    way = [
        ("remedy", "anna", 0),
        ("failed", "anna", 60),
        ("hearing", "anna", 0),
        ("heard", "anna", 14),
    ]
    way += [("read", "ben", 0), ("end", "ben", 0), ("execute", "anna", 365)]
    case, day = new_case(), 0
    for name, who, wait in [*steps, *way]:
        day += wait
        before = case
        try:
            case = STEPS[name](case, actor(who, day))
        except Problem:
            assert case is before
        content = case["content"]
        if content["decisions"]:
            remedy, hearing = content["remedy"], content["hearing"]
            assert remedy["result_at"] >= remedy["due_at"]
            assert hearing["at"] >= remedy["result_at"]
            assert hearing["closed_at"] >= hearing["due_at"]
            deciders = [each["key_id"] for each in content["decisions"]]
            assert "anna" not in deciders
            assert len(set(deciders)) == len(deciders)
        if content["execution"] is not None:
            assert content["execution"]["at"] >= END["planned_end_on"]


@given(st.lists(st.sampled_from("abc"), max_size=3), st.lists(st.just("hardship"), max_size=1))
def test_below_two_signals_a_case_closes_and_a_block_always_wins(
    signals: list[str], blocks: list[str]
) -> None:
    found = standing(tuple(signals), tuple(blocks))
    outcome = process.fallen(new_case(), found)
    assert (outcome == "signals_gone") == (len(set(signals)) < 2)
    try:
        process.check_permissible(found)
    except process.ReviewNotPermissible:
        assert len(set(signals)) < 2
    except process.CaseBlocked:
        assert blocks
    else:
        assert len(set(signals)) >= 2
        assert not blocks
