"""Churn signals: the worked examples C1 to C10, what decides them, and what must not matter."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.events import EVENT_COLUMNS, Events, known_on
from services.analytics.calculations.purchase_models.beta_geometric import MbgNbd as PurchaseModel
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.signals.burst import BurstParameters, burst_strength
from services.analytics.calculations.signals.columns import SIGNAL_COLUMNS, signal_columns
from services.analytics.calculations.signals.engagement import EngagementParameters, response_rates
from services.analytics.calculations.signals.frequency import FrequencyParameters, frequency_drop
from services.analytics.calculations.signals.inactivity import InactivityParameters, inactivity
from services.analytics.calculations.signals.satisfaction import SatisfactionParameters
from services.analytics.calculations.signals.whole_base import (
    SignalBase,
    SignalStatistics,
    collect_signal_statistics,
    estimate_signal_base,
)
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.frames.dictionary import SIGNALS, check_frame

MODEL = PurchaseModel(1.0, 60.0, 0.8, 3.2)
A1 = ["2024-01-10", "2024-03-05", "2024-04-20", "2024-06-15", "2024-08-01", "2024-09-16"]
Row = dict[str, Any]
DEFAULTS: dict[str, Row] = {
    "interactions": {
        "kind": "note",
        "is_inbound": False,
        "is_public": False,
        "has_leave_intent": False,
        "names_competitor": False,
    },
    "invoices": {"amount": 100.0, "is_disputed": False, "is_complained_of": False},
    "lost_deals": {"names_competitor": False},
    "chargebacks": {"is_lost": True},
    "frauds": {"is_confirmed_by_person": True},
}


def number(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


TODAY = number("2025-01-10")


def event_frame(name: str, *rows: Row) -> pd.DataFrame:
    """Make a frame of events; ids count up, the unit is 0 and the day 10 days ago unless said."""
    dtypes = EVENT_COLUMNS[name]
    whole = [
        {"unit": 0, "day": TODAY - 10, "interaction_id": f"i{n}", "deal_id": f"d{n}"}
        | DEFAULTS.get(name, {})
        | row
        for n, row in enumerate(rows)
    ]
    return pd.DataFrame(
        {
            column: pd.Series([row.get(column) for row in whole], dtype=dtype)
            for column, dtype in dtypes.items()
        }
    )


def events_of(**frames: list[Row]) -> Events:
    given = {name: event_frame(name, *rows) for name, rows in frames.items()}
    return replace(Events.empty(), **given)


def deals_of(*days: int, unit: int = 0, **columns: Any) -> pd.DataFrame:
    count = len(days)
    deals = pd.DataFrame(
        {
            "unit": np.full(count, unit, dtype=np.int64),
            "day": np.array(days, dtype=np.int32),
            "amount": np.full(count, 100.0),
            "refund": np.full(count, np.nan),
            "deal_id": pd.Series([f"p{unit}{n}" for n in range(count)], dtype="str"),
        }
    )
    return deals.assign(**columns)


def signals_of(
    events: Events | None = None,
    deals: pd.DataFrame | None = None,
    *,
    unit_count: int = 1,
    as_of_day: int = TODAY,
    base: SignalBase | None = None,
) -> pd.DataFrame:
    deals = deals_of() if deals is None else deals
    return signal_columns(
        events or Events.empty(),
        summarize_purchases(deals, unit_count=unit_count, as_of_day=as_of_day),
        deals,
        model=MODEL,
        as_of_day=as_of_day,
        base=base or SignalBase(),
    )


def strength(name: str, *args: Any, **frames: list[Row]) -> float:
    events = events_of(**frames)
    return float(signals_of(events, *args)[f"signal_{name}"].iloc[0])


def complaint(age: int, severity: int, **more: Any) -> Row:
    return {"kind": "complaint", "day": TODAY - age, "severity": severity} | more


def touches(outcome: str, count: int, age: int) -> list[Row]:
    return [{"kind": "campaign_touch", "outcome": outcome, "day": TODAY - age}] * count


def invoice(due: int, late: int | None) -> Row:
    """Make an invoice due so many days ago, paid so late or not at all."""
    paid = None if late is None else TODAY - due + late
    return {"day": TODAY - due - 14, "due_day": TODAY - due, "paid_day": paid}


def approximately(value: float) -> Any:
    return pytest.approx(value, abs=5e-5, nan_ok=True)


def test_example_c1_inactivity() -> None:
    assert inactivity(np.array([0.8515]), parameters=InactivityParameters()) == approximately(0.703)
    deals = deals_of(*map(number, A1))
    assert strength("inactivity", deals) == approximately(0.703)


def test_example_c2_frequency() -> None:
    found = frequency_drop(
        *(np.array([value]) for value in (1.0, 4.0, 150.0, 366.0)),
        r=1.0,
        alpha=60.0,
        parameters=FrequencyParameters(),
    )
    assert found == approximately(0.509)


def test_example_c3_monetary() -> None:
    days = range(TODAY - 600, TODAY, 100)
    deals = deals_of(*days, amount=[80.0, 90.0, 70.0, 60.0, 50.0, 70.0])
    assert strength("monetary_drop", deals) == approximately(0.5)


def test_example_c4_sentiment() -> None:
    moods = [("2024-07-20", 0.6), ("2024-09-10", 0.4), ("2024-12-01", -0.2), ("2025-01-05", -0.7)]
    rows = [{"day": number(day), "sentiment": mood} for day, mood in moods]
    found = signals_of(events_of(interactions=rows)).iloc[0]
    assert found["sentiment_level"] == approximately(-0.3876)
    assert found["signal_negative_sentiment"] == approximately(0.8123)


def test_example_c5_complaint() -> None:
    rejected = complaint(60, 1, settled_day=TODAY - 45, resolution="rejected")
    found = strength("unresolved_complaint", interactions=[complaint(10, 2), rejected])
    assert found == approximately(0.7424)


def test_example_c6_gap() -> None:
    ratings = [
        {"dimension": name, "perception": perceived, "expectation": expected}
        for name, perceived, expected in (
            ("product", 6, 8),
            ("peripheral", 5, 7),
            ("psychic", 7, 7),
        )
    ]
    events = events_of(ratings=ratings, interactions=[{"kind": "survey_response", "nps": 5}])
    found = signals_of(events).iloc[0]
    assert found["satisfaction_difference"] == approximately(-1.5)
    assert found["signal_satisfaction_gap"] == approximately(0.375)
    assert (found["nps"], found["is_expectation_assumed"]) == (5, False)
    weights = {
        item.id: item.model_dump()["weight"] for item in load_catalogue().satisfaction_dimensions
    }
    assert weights == SatisfactionParameters().weights


def test_example_c7_support_burst() -> None:
    rows = [complaint(3, 1), {"kind": "service_request"}, {"kind": "service_request"}]
    rows += [complaint(100, 1, settled_day=TODAY), {"kind": "service_request", "day": TODAY - 394}]
    rows += [{"kind": "service_request", "day": TODAY - 395}]
    assert strength("support_burst", interactions=rows) == 1.0
    two = burst_strength(
        np.array([2.0, 1.0]), np.zeros(2), requests_per_year=2.0, parameters=BurstParameters()
    )
    # P(X >= 2; 30/547.5) = 1 - e^-mu (1 + mu)
    assert two == approximately(np.array([0.9465, 0.0]))  # type: ignore[arg-type]


def test_example_c8_engagement() -> None:
    rates = response_rates(
        *(np.array([value]) for value in (6.0, 20.0, 0.0, 5.0)), parameters=EngagementParameters()
    )
    assert [float(rate[0]) for rate in rates] == [approximately(0.2333), approximately(0.0667)]
    rows = [*touches("clicked", 6, 200), *touches("sent", 14, 100), *touches("delivered", 5, 5)]
    assert strength("engagement_drop", interactions=rows) == approximately(0.7143)


def test_example_c9_competitor() -> None:
    lost = {"day": TODAY - 30, "lost_reason": "competitor"}
    declined = {"kind": "offer", "outcome": "declined", "names_competitor": True}
    found = strength(
        "competitor_loss", lost_deals=[lost], interactions=[declined | {"day": TODAY - 90}]
    )
    assert found == approximately(0.7301)


def test_example_c10_payment() -> None:
    late = [(400, 2), (300, 4), (200, 20), (150, 25), (100, 15)]
    assert strength("payment_delay", invoices=[invoice(*each) for each in late]) == approximately(
        0.5667
    )


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ({"interactions": [{"kind": "cancellation", "effective_day": TODAY + 30}]}, 1.0),
        ({"interactions": [{"has_leave_intent": True}]}, 0.7),
        ({"interactions": [{"has_leave_intent": True, "day": TODAY - 90}]}, 0.0),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY + 36}]}, 0.3),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY + 91}]}, 0.0),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY}]}, 0.0),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY + 36}], "open_deals": [{}]}, 0.0),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY + day} for day in (36, 300)]}, 0.0),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY + 300, "cancelled_day": TODAY}]}, 1.0),
        ({"contracts": [{"start_day": TODAY - 300, "end_day": TODAY + 36, "cancelled_day": TODAY + 1}]}, 0.3),
        ({"interactions": [{"kind": "cancellation", "effective_day": TODAY}, {"has_leave_intent": True}]}, 1.0),
        ({}, 0.0),
    ],
)  # fmt: skip
def test_the_strongest_announcement_to_leave_counts(
    frames: dict[str, list[Row]], expected: float
) -> None:
    assert strength("leave_intent", **frames) == approximately(expected)


def test_who_bought_after_a_cancellation_took_effect_has_not_left() -> None:
    cancelled = {"kind": "cancellation", "day": TODAY - 50, "effective_day": TODAY - 20}
    for age, expected in ((19, 0.0), (20, 1.0), (40, 1.0)):
        found = strength("leave_intent", deals_of(TODAY - age), interactions=[cancelled])
        assert found == expected


def test_who_cancelled_a_contract_and_signed_another_one_has_not_left() -> None:
    cancelled = {"start_day": TODAY - 300, "end_day": TODAY + 65, "cancelled_day": TODAY - 150}
    for begun, expected in ((TODAY - 60, 0.0), (TODAY - 200, 1.0)):
        other = {"start_day": begun, "end_day": TODAY + 300}
        assert strength("leave_intent", contracts=[cancelled, other]) == expected
    events = events_of(contracts=[cancelled])
    (shown,) = json.loads(signals_of(events)["signal_evidence"].iloc[0])["leave_intent"]
    assert shown.split(" ")[:2] == ["deal", str(np.datetime64(TODAY - 150, "D"))]


@pytest.mark.parametrize(
    ("name", "frames", "days"),
    [
        ("inactivity", {}, []),
        ("frequency_drop", {}, [400, 300, 200]),
        ("frequency_drop", {}, [400, 30, 20, 10]),
        ("monetary_drop", {}, [500, 400, 300, 200, 100]),
        ("negative_sentiment", {"interactions": [{"sentiment": -1.0}]}, []),
        ("negative_sentiment", {"interactions": [{"sentiment": -1.0}, {"sentiment": -1.0, "day": TODAY - 180}]}, []),
        ("satisfaction_gap", {"ratings": [{"dimension": "product", "perception": 1, "day": TODAY - 365}]}, []),
        ("satisfaction_gap", {"interactions": [{"kind": "survey_response", "nps": 1, "day": TODAY - 365}]}, []),
        ("engagement_drop", {"interactions": touches("sent", 4, 100) + touches("sent", 3, 1)}, []),
        ("engagement_drop", {"interactions": touches("sent", 5, 100) + touches("sent", 2, 1)}, []),
        ("engagement_drop", {"interactions": touches("bounced", 5, 100) + touches("sent", 3, 1)}, []),
        ("payment_delay", {"invoices": [invoice(90, 40), invoice(60, 40)]}, []),
        ("payment_delay", {"invoices": [invoice(90, 40), invoice(60, 40), invoice(-5, None)]}, []),
    ],
)  # fmt: skip
def test_too_little_data_is_unknown_and_never_zero(
    name: str, frames: dict[str, list[Row]], days: list[int]
) -> None:
    deals = deals_of(*(TODAY - day for day in days))
    assert np.isnan(strength(name, deals, **frames))


@pytest.mark.parametrize(
    ("name", "frames", "expected"),
    [
        ("unresolved_complaint", {"interactions": [complaint(0, 2)]}, 0.35),
        ("unresolved_complaint", {"interactions": [complaint(7, 2)]}, 0.7),
        ("unresolved_complaint", {"interactions": [complaint(2, 3)]}, 1.0),
        ("unresolved_complaint", {"interactions": [complaint(9, 3), complaint(9, 3)]}, 1.0),
        ("unresolved_complaint", {"interactions": [{"kind": "complaint", "day": TODAY - 14}]}, 0.4),
        ("unresolved_complaint", {"interactions": [complaint(9, 3, settled_day=TODAY, resolution="fixed")]}, 0.0),
        ("unresolved_complaint", {"interactions": [complaint(9, 3, settled_day=TODAY + 1, resolution="fixed")]}, 1.0),
        ("unresolved_complaint", {"interactions": [complaint(200, 3, settled_day=TODAY - 180, resolution="rejected")]}, 0.0),
        ("unresolved_complaint", {"interactions": [complaint(-1, 3)]}, 0.0),
        ("support_burst", {"interactions": [complaint(1, 3)]}, 0.0),
        ("engagement_drop", {"interactions": touches("unsubscribed", 1, 179)}, 0.6),
        ("competitor_loss", {"lost_deals": [{"day": TODAY, "lost_reason": "price", "names_competitor": True}]}, 0.7),
        ("competitor_loss", {"lost_deals": [{"day": TODAY, "lost_reason": "no_need", "names_competitor": True}]}, 0.0),
        ("competitor_loss", {"lost_deals": [{"day": TODAY, "lost_reason": "price"}]}, 0.0),
        ("competitor_loss", {"lost_deals": [{"day": TODAY - 365, "lost_reason": "competitor"}]}, 0.0),
        ("competitor_loss", {"interactions": [{"kind": "offer", "outcome": "declined", "day": TODAY}]}, 0.0),
        ("payment_delay", {"invoices": [invoice(90, 6), invoice(60, 6), invoice(6, None)]}, 0.2),
        ("payment_delay", {"invoices": [invoice(99, 30), *[invoice(90, 6)] * 3]}, 0.2),
        ("payment_delay", {"invoices": [invoice(99, 9), *[invoice(90, 6)] * 3, invoice(50, 90) | {"is_complained_of": True}]}, 0.2),
        ("payment_delay", {"invoices": [invoice(90, -5), invoice(60, -5), invoice(30, -5)]}, 0.0),
        ("satisfaction_gap", {"interactions": [{"kind": "survey_response", "nps": 0}]}, 1.0),
        ("satisfaction_gap", {"ratings": [{"dimension": "product", "perception": 10, "expectation": 5}]}, 0.0),
    ],
)  # fmt: skip
def test_what_decides_the_strength(
    name: str, frames: dict[str, list[Row]], expected: float
) -> None:
    assert strength(name, **frames) == approximately(expected)


def test_a_missing_expectation_is_the_own_last_one_then_that_of_the_base_then_seven() -> None:
    def difference(*rows: Row, **base: Any) -> float:
        events = events_of(
            ratings=[{"dimension": "product", "perception": 4} | row for row in rows]
        )
        found = signals_of(events, base=SignalBase(**base)).iloc[0]
        assert found["is_expectation_assumed"]
        return float(found["satisfaction_difference"])

    of_base = {"median_expectation": {"product": 6.0}}
    own = {"day": TODAY - 900, "expectation": 9.0}
    assert difference({}) == approximately(-3)
    assert difference({}, **of_base) == approximately(-2)
    assert difference(
        own, own | {"day": TODAY - 901, "expectation": 1.0}, {}, **of_base
    ) == approximately(-5)


def test_what_the_base_says_is_added_up_from_its_parts() -> None:
    rows = [{"dimension": "product", "perception": 5, "expectation": e} for e in (5, 7, 9, 8, None)]
    requests: list[Row] = [{"kind": "service_request", "unit": unit} for unit in (0, 0, 1)]
    late: list[Row] = [{"kind": "service_request", "day": TODAY + 1}, {"kind": "note"}]
    events = events_of(ratings=rows, interactions=requests + late)
    deals = deals_of(TODAY - 1000)
    statistics = collect_signal_statistics(
        events, summarize_purchases(deals, unit_count=2, as_of_day=TODAY), as_of_day=TODAY
    )
    nothing = collect_signal_statistics(
        Events.empty(),
        summarize_purchases(deals_of(), unit_count=0, as_of_day=TODAY),
        as_of_day=TODAY,
    )
    base = estimate_signal_base(statistics + nothing + SignalStatistics())
    assert base.median_expectation == {"product": 7.5}
    assert base.requests_per_year == approximately((100 + 2) / (50 + 1))
    doubled = estimate_signal_base(statistics + statistics)
    assert doubled.median_expectation == {"product": 7.5}
    assert estimate_signal_base(SignalStatistics()) == SignalBase()
    assert json.loads(json.dumps({"m": dict(base.median_expectation)}))


def test_evidence_names_at_most_three_records_the_most_telling_first() -> None:
    rows = [complaint(age, severity) for age, severity in ((1, 1), (9, 3), (9, 2), (20, 1))]
    events = events_of(interactions=rows, lost_deals=[{"lost_reason": "competitor"}])
    found = signals_of(events, deals_of(TODAY - 900, TODAY - 800), unit_count=2)

    def on(age: int) -> str:
        return str(np.datetime64(TODAY - age, "D"))

    assert json.loads(found["signal_evidence"].iloc[0]) == {
        "unresolved_complaint": [
            f"interaction {on(9)} i1",
            f"interaction {on(9)} i2",
            f"interaction {on(20)} i3",
        ],
        "competitor_loss": [f"deal {on(10)} d0"],
        "inactivity": [f"deal {on(800)} p01"],
        "support_burst": [
            f"interaction {on(age)} {name}" for age, name in ((1, "i0"), (9, "i1"), (9, "i2"))
        ],
    }
    assert pd.isna(found["signal_evidence"].iloc[1])


def test_an_empty_base_and_one_without_events_have_the_same_columns() -> None:
    empty, silent = signals_of(unit_count=0), signals_of(unit_count=3)
    assert tuple(empty.columns) == SIGNAL_COLUMNS
    for frame in (empty, silent):
        check_frame(frame, SIGNALS, index="unit")
    assert (len(empty), len(silent)) == (0, 3)
    unknown = silent.columns[silent.isna().all()]
    certain = ("unresolved_complaint", "support_burst", "competitor_loss", "leave_intent")
    assert set(silent.columns) - set(unknown) == {
        *(f"signal_{name}" for name in certain),
        "is_expectation_assumed",
    }


def test_what_came_later_than_the_day_counts_as_not_happened() -> None:
    later = TODAY + 5
    rows = [complaint(9, 2, settled_day=later, resolution="rejected", is_justified=True)]
    events = events_of(
        interactions=[*rows, complaint(-1, 3), {"kind": "survey_response", "nps": 1, "day": later}],
        invoices=[invoice(30, 35), invoice(60, 1), invoice(90, 1)],
        contracts=[{"start_day": TODAY - 9, "end_day": TODAY + 200, "cancelled_day": later}],
        lost_deals=[{"day": later, "lost_reason": "competitor"}],
        ratings=[{"day": later, "dimension": "product", "perception": 0}],
    )
    found = signals_of(events).iloc[0]
    assert found["signal_unresolved_complaint"] == 0.7
    assert (found["signal_leave_intent"], found["signal_competitor_loss"]) == (0, 0)
    assert np.isnan(found["signal_satisfaction_gap"])
    assert found["signal_payment_delay"] == approximately((30 + 1 + 1) / 3 / 30)
    known = known_on(events, TODAY)
    assert pd.isna(known.interactions["is_justified"]).all()
    assert known_on(known, TODAY).interactions is known.interactions


def test_purchases_of_another_day_are_refused() -> None:
    deals = deals_of(TODAY - 9)
    purchases = summarize_purchases(deals, unit_count=1, as_of_day=TODAY)
    with pytest.raises(ValueError, match="another day"):
        signal_columns(
            Events.empty(), purchases, deals, model=MODEL, as_of_day=TODAY + 1, base=SignalBase()
        )


KINDS = ("note", "complaint", "service_request", "campaign_touch", "offer", "survey_response",
         "cancellation")  # fmt: skip
interaction_rows = st.fixed_dictionaries(
    {
        "unit": st.integers(0, 3),
        "day": st.integers(TODAY - 500, TODAY + 20),
        "kind": st.sampled_from(KINDS),
        "sentiment": st.sampled_from([None, -1.0, -0.25, 0.5]),
        "severity": st.sampled_from([None, 1, 2, 3]),
        "settled_day": st.sampled_from([None, TODAY - 10, TODAY, TODAY + 3]),
        "resolution": st.sampled_from(["fixed", "rejected"]),
        "outcome": st.sampled_from(["sent", "clicked", "declined", "unsubscribed"]),
        "nps": st.sampled_from([None, 0, 6, 9]),
        "has_leave_intent": st.booleans(),
        "names_competitor": st.booleans(),
    }
)
rating_rows = st.fixed_dictionaries(
    {
        "unit": st.integers(0, 3),
        "day": st.integers(TODAY - 500, TODAY),
        "dimension": st.sampled_from(["product", "psychic"]),
        "perception": st.integers(0, 10),
        "expectation": st.sampled_from([None, 3, 9]),
    }
)
invoice_rows = st.fixed_dictionaries(
    {
        "unit": st.integers(0, 3),
        "due_day": st.integers(TODAY - 200, TODAY + 5),
        "paid_day": st.sampled_from([None, TODAY - 50, TODAY + 1]),
        "is_complained_of": st.booleans(),
    }
)
bases = st.fixed_dictionaries(
    {
        "interactions": st.lists(interaction_rows, max_size=25),
        "ratings": st.lists(rating_rows, max_size=6),
        "invoices": st.lists(invoice_rows, max_size=8),
        "deals": st.lists(
            st.tuples(
                st.integers(0, 3),
                st.integers(TODAY - 900, TODAY),
                st.sampled_from([0.0, 5.0, 80.0]),
            ),
            max_size=25,
        ),
    }
)


def made(given: dict[str, Any]) -> tuple[Events, pd.DataFrame]:
    events = events_of(**{name: rows for name, rows in given.items() if name != "deals"})
    unit, day, amount = (
        (list(column) for column in zip(*given["deals"], strict=True))
        if given["deals"]
        else ([], [], [])
    )
    deals = deals_of(*day, amount=np.array(amount, dtype=np.float64)).assign(
        unit=np.array(unit, dtype=np.int64)
    )
    return events, deals


def changed(events: Events, change: Any) -> Events:
    frames = {field.name: change(getattr(events, field.name)) for field in fields(events)}
    return Events(**frames)


@settings(max_examples=10, deadline=None)
@given(bases, st.randoms(use_true_random=False))
def test_only_what_happened_to_the_unit_matters(given: dict[str, Any], random: Any) -> None:
    """Neither the order of rows, nor other units, nor the scale of money, nor the calendar."""
    events, deals = made(given)
    found = signals_of(events, deals, unit_count=4)
    strengths = found.filter(like="signal_").drop(columns="signal_evidence")
    assert strengths.isna().to_numpy().sum() + strengths.ge(0).to_numpy().sum() == strengths.size
    assert not strengths.gt(1).to_numpy().any()

    seed = random.randrange(1000)
    shuffled = changed(events, lambda frame: frame.sample(frac=1, random_state=seed))
    dear = deals.sample(frac=1, random_state=seed).assign(amount=lambda frame: frame["amount"] * 64)
    same = signals_of(shuffled, dear, unit_count=4)
    pd.testing.assert_frame_equal(same, found, rtol=1e-9, atol=1e-12)

    others = {0: 3, 1: 0, 2: 2, 3: 1}
    moved = changed(
        events, lambda frame: frame.assign(unit=frame["unit"].map(others).astype("int64"))
    )
    elsewhere = signals_of(
        moved, deals.assign(unit=deals["unit"].map(others).astype("int64")), unit_count=4
    )
    back = elsewhere.take([others[unit] for unit in range(4)]).set_axis(found.index)
    pd.testing.assert_frame_equal(back, found, rtol=1e-9, atol=1e-12)

    days = ("day", "settled_day", "effective_day", "due_day", "paid_day")

    def later(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{name: frame[name] + 1000 for name in days if name in frame})

    shifted = signals_of(changed(events, later), later(deals), unit_count=4, as_of_day=TODAY + 1000)
    pd.testing.assert_frame_equal(without_days(shifted), without_days(found), rtol=1e-9, atol=1e-12)


def without_days(signals: pd.DataFrame) -> pd.DataFrame:
    evidence = signals["signal_evidence"].str.replace(r" [\d-]{10} ", " ", regex=True)
    return signals.assign(signal_evidence=evidence)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8), st.integers(0, 400))
def test_more_silence_never_lowers_inactivity(ages: list[int], more: int) -> None:
    deals = deals_of(*(TODAY - age for age in ages))
    now, then = (
        signals_of(deals=deals, as_of_day=TODAY + wait)["signal_inactivity"].iloc[0]
        for wait in (0, more)
    )
    assert then >= now
