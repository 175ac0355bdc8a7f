"""Facts changed on trial: each changes what follows from it, keeps every type, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.events import EVENT_COLUMNS, Events
from services.analytics.calculations.margins import deal_margins
from services.analytics.calculations.reach.parameters import (
    BARRIERS,
    ChannelRule,
    ReachParameters,
)
from services.analytics.calculations.what_if.changes import (
    answer_messages,
    buy,
    cancel_contracts,
    change_price,
    declare_motive,
    resolve_complaints,
)
from services.analytics.calculations.what_if.known import Known
from services.analytics.calculations.what_if.reaching import (
    ask_no_contact,
    change_consent,
    change_style,
)
from services.analytics.frames.dictionary import DEALS, UNITS, Column
from services.analytics.frames.reach_dictionary import reach_columns

DAY = 20_000
REACH = ReachParameters(
    channels=(
        ChannelRule("email", "opt_in", 0.1, "email"),
        ChannelRule("post", "opt_out", 0.05, "postal"),
    )
)


def frame(columns: tuple[Column, ...], *rows: dict[str, Any]) -> pd.DataFrame:
    """Build a frame of the dictionary; what a row does not say is unknown, false or none."""
    empty = {"bool": False, "int64": 0, "int32": 0, "float64": np.nan}
    return pd.DataFrame(
        {
            each.name: pd.Series(
                [row.get(each.name, empty.get(each.dtype)) for row in rows], dtype=each.dtype
            )
            for each in columns
        }
    )


def event(name: str, **values: Any) -> pd.DataFrame:
    kinds = EVENT_COLUMNS[name]
    return frame(tuple(Column(each, kind, "", "") for each, kind in kinds.items()), values)


def barriers(*names: str) -> int:
    return sum(BARRIERS.index(name) * len(BARRIERS) ** at for at, name in enumerate(names))


def known(*, unit: dict[str, Any] | None = None, reach: dict[str, Any] | None = None) -> Known:
    """One unit with a purchase, an open complaint, a contract, and consent to post alone."""
    told = {
        "style": "normal",
        "cap_30": 4,
        "touches_30": 2,
        "pressure_allowed": True,
        "pressure_ok": True,
        "channel_barriers": barriers("no_consent", "allowed"),
        "service_email": True,
        "service_post": True,
        "asked_no_contact": False,
        "addressable": True,
        **(reach or {}),
    }
    facts = {"unit_id": "u", "has_open_complaint": True, "has_active_contract": True}
    deal = {"day": DAY - 100, "amount": 200.0, "deal_id": "d"}
    events = Events.empty()
    return Known(
        frame(UNITS, facts | (unit or {})),
        frame(DEALS, deal, deal | {"amount": 300.0, "cost": 100.0, "list_amount": 400.0}),
        Events(
            **{
                **{name: getattr(events, name) for name in EVENT_COLUMNS},
                "interactions": event("interactions", day=DAY - 5, kind="complaint"),
                "contracts": event("contracts", end_day=DAY + 100, amount=50.0),
            }
        ),
        frame(reach_columns(REACH), told),
        DAY,
    )


def grant(channel: str, granted: bool, purpose: Any = "marketing") -> Callable[[Known], Known]:
    return lambda each: change_consent(
        each, channel=channel, purpose=purpose, granted=granted, parameters=REACH
    )


def like(before: Known, style: Any, *, cap_30: int, wait_days: int = 0) -> Known:
    allowed = wait_days == 0
    pressure = before.reach.assign(
        cap_30=cap_30, wait_days=wait_days, pressure_allowed=allowed, pressure_ok=allowed
    )
    return change_style(before, style=style, pressure=pressure)


CHANGES: dict[str, Callable[[Known], Known]] = {
    "complaint": resolve_complaints,
    "price": lambda each: change_price(each, percent=-10, default_margin=0.35),
    "purchase": lambda each: buy(each, amount=120.0),
    "contract": cancel_contracts,
    "motive": lambda each: declare_motive(each, motive="habit"),
    "granted": grant("email", True),
    "withdrawn": grant("post", False),
    "survey": grant("post", True, "survey"),
    "silence": lambda each: ask_no_contact(each, parameters=REACH),
    "style": lambda each: like(each, "brief", cap_30=2),
    "answer": answer_messages,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_every_type_and_what_it_was_given(name: str) -> None:
    before = known(reach={"must_answer_interaction": "i"})
    was = {"units": before.units.copy(), "deals": before.deals.copy(), "reach": before.reach.copy()}
    after = CHANGES[name](before)
    assert after is not before
    for frame_name, copy in was.items():
        pd.testing.assert_frame_equal(getattr(before, frame_name), copy)
        kinds = {
            column: "category" if kind == "category" else str(kind)
            for column, kind in getattr(after, frame_name).dtypes.items()
        }
        assert kinds == {column: str(kind) for column, kind in copy.dtypes.items()}
    for event_name in EVENT_COLUMNS:
        old, new = getattr(before.events, event_name), getattr(after.events, event_name)
        assert list(map(str, new.dtypes)) == list(map(str, old.dtypes))


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"price", "purchase"}))
def test_what_is_so_already_changes_nothing(name: str) -> None:
    once = CHANGES[name](known())
    assert CHANGES[name](once) is once


def test_a_resolved_complaint_is_settled_today() -> None:
    after = resolve_complaints(known())
    assert after.events.interactions["settled_day"].tolist() == [DAY]
    assert not after.units["has_open_complaint"].any()


def test_a_price_moves_margins_by_what_it_moves_amounts_as_costs_stay() -> None:
    before, after = known(), change_price(known(), percent=-10, default_margin=0.35)
    was, now = (deal_margins(each.deals, default_margin=0.35).margin for each in (before, after))
    assert now - was == pytest.approx([-20.0, -30.0])
    assert after.events.contracts["amount"].tolist() == [45.0]
    assert change_price(before, percent=0, default_margin=0.35) is before


def test_a_purchase_is_of_today_and_undoes_a_cancellation() -> None:
    after = buy(known(unit={"is_cancellation_effective": True}), amount=120.0)
    assert after.deals["day"].tolist() == [DAY - 100, DAY - 100, DAY]
    assert after.deals["amount"].tolist()[-1] == 120.0
    assert not after.units["is_cancellation_effective"].any()


def test_a_cancelled_contract_is_in_force_until_its_end() -> None:
    after = cancel_contracts(known())
    assert after.events.contracts["cancelled_day"].tolist() == [DAY]
    assert not after.units["is_cancellation_effective"].any()
    assert not after.units["has_active_contract"].any()


def test_consent_opens_a_channel_only_where_there_is_an_address() -> None:
    after = grant("email", True)(known()).reach
    assert after["channel_barriers"].tolist() == [barriers("allowed", "allowed")]
    assert after["quality_email"].notna().all()
    without = grant("email", True)(known(reach={"service_email": False})).reach
    assert without["channel_barriers"].tolist() == [barriers("no_address", "allowed")]


def test_whoever_withdraws_the_last_consent_is_left_alone() -> None:
    after = grant("post", False)(known()).reach
    assert after["channel_barriers"].tolist() == [barriers("no_consent", "refused")]
    assert not after["addressable"].any()
    assert after["asked_no_contact"].all()
    asked = ask_no_contact(known(), parameters=REACH).reach
    assert asked["channel_barriers"].tolist() == [barriers("refused", "refused")]
    assert not asked[["survey_email", "survey_post"]].any(axis=None)


def test_a_refusal_of_marketing_bars_surveys_until_they_are_granted() -> None:
    open_to = {"survey_post": True, "survey_barriers": barriers("no_consent", "allowed")}
    refused = grant("post", False)(known(reach=open_to))
    assert not refused.reach["survey_post"].any()
    assert grant("post", True, "survey")(refused).reach["survey_post"].all()
    assert grant("post", True)(refused).reach["survey_post"].all()
    both = grant("post", False, "survey")(refused)
    assert not grant("post", True)(both).reach["survey_post"].any()


def test_the_pressure_of_another_style_is_taken_as_it_was_read() -> None:
    after = like(known(reach={"style": "brief"}), "normal", cap_30=4, wait_days=2).reach
    assert (after["cap_30"].tolist(), after["wait_days"].tolist()) == ([4], [2])
    assert after["pressure_ok"].tolist() == after["pressure_allowed"].tolist() == [False]
    assert (after["style"].tolist(), after["brief_style"].tolist()) == (["normal"], [False])
