"""The frames: what the records say at the end of a business day, and nothing that came later."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.analytics.crm_client import RESOURCES, SCHEMAS
from services.analytics.frames.building import Frames, build_frames
from services.analytics.frames.clock import day_number
from services.analytics.frames.dictionary import (
    DEALS,
    EVIDENCE,
    FRAMES,
    UNITS,
    FrameInvalid,
    check_frame,
)
from services.analytics.frames.gaps import DataGaps, Gap
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.writer import Mirror
from shared.values import wire_instant

DAY = date(2026, 6, 15)
BERLIN = ZoneInfo("Europe/Berlin")
END = datetime(2026, 6, 15, 22, tzinfo=UTC)
"""Midnight in Berlin at the end of the day."""
BEFORE = END - timedelta(days=10, hours=6)
LAST_MOMENT = END - timedelta(microseconds=1)
LATER = END + timedelta(days=10, hours=6)
PARAMETERS = FrameParameters(channel_cost={"email": 0.02, "post": 1.0})
Row = dict[str, Any]


def window_start(days: int) -> datetime:
    """Return the midnight from which on something lies in a window of days that ends with DAY."""
    return datetime(2026, 6, 16, tzinfo=BERLIN) - timedelta(days=days)


def identify(name: str) -> str:
    return f"01977b3a-5c00-7000-8000-{name.encode().hex():0>12}"


def contact(name: str, **fields: Any) -> Row:
    return {"id": name, "kind": "person", "status": "active", "created_at": BEFORE} | fields


def organisation(name: str, **fields: Any) -> Row:
    return contact(name, kind="organisation", **fields)


def history(*entries: tuple[str, datetime]) -> str:
    return orjson.dumps(
        [{"stage": s, "kind": kind(s), "entered_at": wire_instant(at)} for s, at in entries]
    ).decode()


def kind(stage: str) -> str:
    return stage if stage in ("won", "lost") else "open"


def deal(name: str, of: str = "a", **fields: Any) -> Row:
    won = {"id": name, "contact_id": of, "stage": "won", "closed_at": BEFORE, "opened_at": BEFORE}
    won |= {"currency": "EUR", "amount_minor": 10_000, "stage_history": "[]"}
    row = won | fields
    return row | {"stage_kind": kind(str(row["stage"]))}


def interaction(name: str, kind: str, of: str = "a", **fields: Any) -> Row:
    return {"id": name, "contact_id": of, "kind": kind, "occurred_at": BEFORE} | fields


class Base:
    """Records that are mirrored and read as frames."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def frames(
        self,
        contacts: Sequence[Row] = (),
        deals: Sequence[Row] = (),
        interactions: Sequence[Row] = (),
        products: Sequence[Row] = (),
        *,
        as_of: date = DAY,
        zone: ZoneInfo = BERLIN,
        base_currency: str = "EUR",
        parameters: FrameParameters = PARAMETERS,
    ) -> Frames:
        given = {"contacts": contacts, "deals": deals, "interactions": interactions}
        given["products"] = products
        ids = ("id", "contact_id", "parent_id", "deal_id", "referred_by_id")
        batches = {}
        for resource in RESOURCES:
            rows = [
                {k: identify(v) if k in ids and v else v for k, v in row.items()}
                for row in given.get(resource, ())
            ]
            batches[resource] = [pa.RecordBatch.from_pylist(rows, schema=SCHEMAS[resource])]
        with Mirror(self.folder) as mirror:
            snapshot = mirror.load(batches, cursor="1", now=LATER)
            return build_frames(
                snapshot,
                as_of=as_of,
                time_zone=zone,
                base_currency=base_currency,
                parameters=parameters,
            )

    def unit(self, *args: Any, **options: Any) -> Mapping[str, Any]:
        """Return the one unit of these records."""
        units = self.frames(*args, **options).units
        assert len(units) == 1
        return {str(name): units[name].tolist()[0] for name in units.columns}


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def names(ids: Any) -> list[str | None]:
    """Turn ids back into the names of the test."""
    return [
        bytes.fromhex(i[-12:]).decode().lstrip("\0") if isinstance(i, str) else None for i in ids
    ]


def known(answer: Any) -> bool | None:
    return None if pd.isna(answer) else bool(answer)


def test_an_empty_crm_gives_empty_frames_with_all_columns(base: Base) -> None:
    frames = base.frames()
    assert len(frames.units) == len(frames.deals) == len(frames.evidence) == 0
    check_frame(frames.units, UNITS, index="unit")
    check_frame(frames.deals, DEALS, index=None)
    check_frame(frames.evidence, EVIDENCE, index="unit")


@pytest.mark.parametrize(
    ("fields", "won_on"),
    [
        ({}, date(2026, 6, 5)),
        ({"closed_at": LAST_MOMENT}, DAY),
        ({"closed_at": END}, None),
        ({"closed_at": LATER}, None),
        ({"opened_at": END}, None),
        ({"stage": "lost"}, None),
        ({"stage": "negotiation", "closed_at": None}, None),
        # Won, then opened again: on the day it was won, later it was not.
        (
            {
                "stage": "proposal",
                "closed_at": None,
                "stage_history": history(("new", BEFORE), ("won", BEFORE), ("proposal", LATER)),
            },
            date(2026, 6, 5),
        ),
        (
            {
                "stage": "proposal",
                "closed_at": None,
                "stage_history": history(("won", BEFORE), ("proposal", LAST_MOMENT)),
            },
            None,
        ),
        # Won, and lost only after the day.
        (
            {
                "stage": "lost",
                "closed_at": LATER,
                "stage_history": history(("won", LAST_MOMENT), ("lost", LATER)),
            },
            None,
        ),
        # The closing date decides, even against the history.
        ({"closed_at": LATER, "stage_history": history(("won", BEFORE))}, None),
        ({"closed_at": BEFORE, "stage_history": history(("won", LATER))}, date(2026, 6, 5)),
        ({"closed_at": None, "stage_history": history(("won", LAST_MOMENT))}, DAY),
        ({"closed_at": None, "stage_history": history(("won", END))}, None),
        ({"closed_at": None, "stage_history": "[]"}, None),
    ],
)
def test_a_deal_is_won_if_it_was_so_at_the_end_of_the_day(
    base: Base, fields: Row, won_on: date | None
) -> None:
    deals = base.frames([contact("a")], [deal("d", **fields)]).deals
    assert deals["day"].tolist() == ([] if won_on is None else [day_number(won_on)])


@pytest.mark.parametrize(
    ("fields", "is_qualified"),
    [
        *(
            ({"stage": stage, "stage_history": history((stage, BEFORE))}, stage != "new")
            for stage in ("new", "qualified", "proposal", "negotiation")
        ),
        ({"stage": "won", "closed_at": BEFORE}, False),
        (
            {
                "stage": "won",
                "closed_at": LATER,
                "stage_history": history(("new", BEFORE), ("proposal", BEFORE), ("won", LATER)),
            },
            True,
        ),
        (
            {
                "stage": "proposal",
                "stage_history": history(("new", BEFORE), ("proposal", LATER)),
            },
            False,
        ),
        ({"stage": "proposal", "stage_history": history(("proposal", END)), "opened_at": END}, False),
        ({"stage": "proposal", "stage_history": '[ {"entered_at": "2026-01-01T00:00:00.000000Z" , '
          '"stage" : "proposal", "kind": "open", "more": [1, {"a": 2}]} ]'}, True),
    ],
)  # fmt: skip
def test_a_deal_is_open_and_qualified_by_its_stage_on_the_day(
    base: Base, fields: Row, is_qualified: bool
) -> None:
    still_open: Row = {"closed_at": None}
    unit = base.unit([contact("a")], [deal("d", **(still_open | fields))])
    assert unit["has_open_qualified_deal"] is is_qualified


def test_a_broken_stage_history_is_refused_loudly(base: Base) -> None:
    broken = deal("d", stage="new", closed_at=None, stage_history='[{"stage"')
    with pytest.raises(FrameInvalid):
        base.frames([contact("a")], [broken])


@pytest.mark.parametrize(
    ("refunded_at", "is_known"),
    [(None, True), (BEFORE, True), (LAST_MOMENT, True), (END, False), (LATER, False)],
)
def test_a_refund_counts_from_its_day_on(
    base: Base, refunded_at: datetime | None, is_known: bool
) -> None:
    amounts: Row = {"refund_minor": 2_000, "cost_recovered_minor": 1_000, "written_off_minor": 500}
    row = base.frames(
        [contact("a")], [deal("d", cost_minor=6_000, refunded_at=refunded_at, **amounts)]
    ).deals.iloc[0]
    found = [row["refund"], row["cost_recovered"], row["written_off"]]
    assert found == [20.0, 10.0, 5.0] if is_known else bool(np.isnan(found).all())
    assert (row["amount"], row["cost"]) == (100.0, 60.0)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "blocked"}, "blocked"),
        ({"status": "terminated"}, "terminated"),
        ({"status": "terminated", "terminated_at": LAST_MOMENT}, "terminated"),
        ({"status": "terminated", "terminated_at": END}, "active"),
    ],
)
def test_a_relationship_that_ended_later_was_still_active(
    base: Base, fields: Row, status: str
) -> None:
    assert base.unit([contact("a", **fields)])["status"] == status


@pytest.mark.parametrize("at", [BEFORE, LATER])
def test_an_objection_to_profiling_holds_for_every_day(base: Base, at: datetime) -> None:
    assert base.unit([contact("a", profiling_objection_at=at)])["has_profiling_objection"]
    assert not base.unit([contact("a")])["has_profiling_objection"]


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ({}, True),
        ({"resolved_at": LAST_MOMENT}, False),
        ({"resolved_at": END}, True),
        ({"resolved_at": LATER, "resolution": "fixed"}, True),
        ({"resolution": "withdrawn"}, False),
        ({"occurred_at": END}, False),
    ],
)
def test_a_complaint_is_open_until_it_is_settled(base: Base, fields: Row, is_open: bool) -> None:
    unit = base.unit([contact("a")], [], [interaction("i", "complaint", **fields)])
    assert unit["has_open_complaint"] is is_open


@pytest.mark.parametrize(
    ("fields", "end_day"),
    [
        ({}, None),
        ({"contract_end_at": LAST_MOMENT}, None),
        ({"contract_end_at": LATER}, date(2026, 6, 26)),
        ({"contract_end_at": LATER, "contract_cancelled_at": BEFORE}, None),
        ({"contract_end_at": LATER, "contract_cancelled_at": LATER}, date(2026, 6, 26)),
        ({"contract_end_at": LATER, "closed_at": LATER}, None),
        ({"contract_end_at": LATER, "stage": "lost"}, None),
        ({"contract_end_at": LATER, "currency": "USD"}, date(2026, 6, 26)),
        ({"contract_end_at": datetime(9999, 1, 1, tzinfo=UTC)}, date(2200, 1, 1)),
    ],
)
def test_a_contract_is_active_until_it_ends_or_is_cancelled(
    base: Base, fields: Row, end_day: date | None
) -> None:
    unit = base.unit([contact("a")], [deal("d", **fields)])
    assert unit["has_active_contract"] is (end_day is not None)
    if end_day is None:
        assert np.isnan(unit["contract_end_day"])
    else:
        assert unit["contract_end_day"] == day_number(end_day)


@pytest.mark.parametrize(
    ("deals", "interactions", "is_effective"),
    [
        ([], [], False),
        ([], [{}], True),
        ([], [{"effective_at": LATER}], False),
        ([], [{"effective_at": LAST_MOMENT}], True),
        ([], [{"occurred_at": LATER, "effective_at": BEFORE}], False),
        ([{"closed_at": BEFORE - timedelta(days=1)}], [{}], True),
        ([{"closed_at": BEFORE + timedelta(days=1)}], [{}], False),
        ([{"closed_at": LATER}], [{}], True),
        ([{"contract_cancelled_at": BEFORE}], [], True),
        ([{"contract_cancelled_at": BEFORE, "contract_end_at": LATER}], [], False),
        ([{"contract_cancelled_at": BEFORE, "contract_end_at": LAST_MOMENT}], [], True),
        ([{"contract_cancelled_at": LATER, "contract_end_at": BEFORE}], [], False),
    ],
)
def test_a_cancellation_is_effective_from_its_day_until_the_next_purchase(
    base: Base, deals: list[Row], interactions: list[Row], is_effective: bool
) -> None:
    unit = base.unit(
        [contact("a")],
        [deal(f"d{n}", **fields) for n, fields in enumerate(deals)],
        [interaction(f"i{n}", "cancellation", **f) for n, f in enumerate(interactions)],
    )
    assert unit["is_cancellation_effective"] is is_effective


def test_persons_roll_up_to_their_organisation(base: Base) -> None:
    frames = base.frames(
        [
            contact("a", parent_id="f"),
            contact(
                "b", parent_id="f", acquisition_cost_minor=500, acquisition_cost_currency="EUR"
            ),
            contact("c"),
            organisation("d", parent_id="f"),
            contact("e", parent_id="c"),
            organisation("f", acquisition_cost_minor=700, acquisition_cost_currency="EUR"),
            contact("g", parent_id="z"),
        ],
        [deal("1", "a"), deal("2", "f"), deal("3", "b"), deal("4", "c")],
        [interaction("5", "call", "b"), interaction("6", "visit", "f")],
    )
    assert names(frames.units["unit_id"]) == ["c", "d", "e", "f", "g"]
    assert frames.units.index.tolist() == [0, 1, 2, 3, 4]
    assert frames.deals["unit"].tolist() == [3, 3, 3, 0]
    assert frames.units["service_cost"].tolist() == [0, 0, 0, 86, 0]
    np.testing.assert_equal(
        frames.units["acquisition_cost"].to_numpy(), [np.nan, np.nan, np.nan, 12, np.nan]
    )
    orphans = frames.gaps.contacts_of_unknown_organisations
    assert (orphans.count, names(orphans.examples)) == (2, ["e", "g"])


@pytest.mark.parametrize(
    ("created_at", "deals", "interactions", "is_there"),
    [
        (BEFORE, [], [], True),
        (LAST_MOMENT, [], [], True),
        (END, [], [], False),
        (LATER, [{"opened_at": LAST_MOMENT, "closed_at": LATER}], [], True),
        (LATER, [{"opened_at": LAST_MOMENT, "closed_at": None, "stage": "new"}], [], True),
        (LATER, [{"opened_at": LATER, "closed_at": LAST_MOMENT}], [], True),
        (LATER, [{"opened_at": END, "closed_at": LATER}], [], False),
        (LATER, [{"opened_at": END, "closed_at": None, "stage": "new"}], [], False),
        (LATER, [], [{"occurred_at": LAST_MOMENT}], True),
        (LATER, [], [{"occurred_at": END}], False),
        (LATER, [], [{"occurred_at": END, "effective_at": BEFORE}], False),
        (LATER, [{"opened_at": END, "closed_at": END}], [{"occurred_at": BEFORE}], True),
    ],
)
def test_a_unit_is_there_from_the_first_instant_recorded_about_it(
    base: Base,
    created_at: datetime,
    deals: list[Row],
    interactions: list[Row],
    is_there: bool,
) -> None:
    frames = base.frames(
        [contact("a", created_at=created_at), contact("b", created_at=LATER)],
        [deal(f"{n}", **fields) for n, fields in enumerate(deals)],
        [interaction(f"{n}", "note", **fields) for n, fields in enumerate(interactions)],
    )
    assert names(frames.units["unit_id"]) == (["a"] if is_there else [])


@pytest.mark.parametrize("known_by", ["f", "m", "deal", "interaction"])
def test_an_organisation_is_there_as_soon_as_one_of_its_members(base: Base, known_by: str) -> None:
    at = {known_by: BEFORE}
    money: Row = {"acquisition_cost_minor": 500, "acquisition_cost_currency": "USD"}
    frames = base.frames(
        [
            contact("a", created_at=LATER, parent_id="z", **money),
            contact("b", created_at=LATER),
            organisation("f", created_at=at.get("f", LATER)),
            contact("m", created_at=at.get("m", LATER), parent_id="f"),
            contact("n", created_at=LATER, parent_id="f"),
            contact("p", created_at=BEFORE),
        ],
        [deal("1", "n", opened_at=at.get("deal", LATER), closed_at=at.get("deal", LATER))],
        [
            interaction("2", "call", "n", occurred_at=at.get("interaction", LATER)),
            interaction("3", "call", "p"),
        ],
    )
    assert names(frames.units["unit_id"]) == ["f", "p"]
    assert frames.deals["unit"].tolist() == ([0] if known_by == "deal" else [])
    assert frames.units["service_cost"].tolist() == [6.0 if known_by == "interaction" else 0.0, 6.0]
    assert frames.gaps == DataGaps()


def test_before_any_data_there_is_nobody(base: Base) -> None:
    frames = base.frames(
        [contact("a"), organisation("b"), contact("c", parent_id="b"), contact("d", parent_id="z")],
        [deal("1"), deal("2", "c", currency="USD"), deal("3", "z")],
        [interaction("4", "complaint"), interaction("5", "call", "z")],
        as_of=date(2020, 1, 1),
    )
    assert len(frames.units) == len(frames.deals) == len(frames.evidence) == 0
    check_frame(frames.units, UNITS, index="unit")
    assert frames.gaps == DataGaps()


def test_amounts_are_converted_with_the_decimals_of_their_currency(base: Base) -> None:
    deals = base.frames(
        [contact("a")],
        [
            deal("1", amount_minor=1_110, list_amount_minor=None, discount_pct=12.5),
            deal("2", currency="USD", fx_rate=0.9, amount_minor=20_000, cost_minor=11_000),
            deal("3", currency="JPY", fx_rate=0.0062, amount_minor=1_000),
            deal("4", currency="KWD", fx_rate=3.0, amount_minor=1_500),
            deal("5", currency=None, amount_minor=None),
            deal("6", fx_rate=7.0, amount_minor=100),
        ],
    ).deals
    np.testing.assert_array_equal(
        deals["amount"].to_numpy(), [11.1, 180.0, 1000 * 0.0062, 4.5, np.nan, 1.0]
    )
    assert deals["cost"][1] == 110 * 0.9
    assert deals["discount_pct"][0] == 12.5
    assert bool(deals["list_amount"].isna().all())


def test_foreign_deals_without_a_rate_are_purchases_of_unknown_amounts(base: Base) -> None:
    foreign: Row = {"currency": "USD", "cost_minor": 6_000, "list_amount_minor": 12_000}
    frames = base.frames(
        [contact("a"), contact("b")],
        [
            deal("1", "b"),
            deal("2", discount_pct=10.0, refund_minor=500, **foreign),
            deal("3", fx_rate=0.0, **foreign),
            deal("4", "b", currency=None),
            deal("5", currency="USD", closed_at=LATER),
            deal("6", "b", currency="USD", fx_rate=0.5),
        ],
    )
    deals = frames.deals.sort_values("deal_id")
    assert names(deals["deal_id"]) == ["1", "2", "3", "4", "6"]
    np.testing.assert_array_equal(deals["amount"].to_numpy(), [100, np.nan, np.nan, np.nan, 50])
    for name in ("list_amount", "cost", "refund", "cost_recovered", "written_off"):
        assert bool(deals[name].isna().all()), name
    assert deals["discount_pct"].tolist()[1] == 10
    gap = frames.gaps.deals_without_fx_rate
    assert (gap.count, sorted(gap.examples)) == (3, [identify(name) for name in "234"])
    assert frames.units["deals_without_fx_rate_count"].tolist() == [2, 1]
    assert names(frames.evidence["first_deal_id"]) == ["2", "1"]


@pytest.mark.parametrize(
    ("fields", "is_there"),
    [
        ({"refund_minor": 10_000}, False),
        ({"refund_minor": 10_000, "refunded_at": LAST_MOMENT}, False),
        ({"refund_minor": 10_000, "refunded_at": END}, True),
        ({"refund_minor": 9_999}, True),
        ({"refund_minor": 0, "amount_minor": 0}, True),
        ({"refund_minor": 10_000, "amount_minor": None}, True),
        ({"refund_minor": 10_000, "fx_rate": 0.9}, True),
    ],
)
def test_a_foreign_deal_without_a_rate_that_was_paid_back_is_no_purchase(
    base: Base, fields: Row, is_there: bool
) -> None:
    frames = base.frames([contact("a")], [deal("1", currency="USD", **fields)])
    assert names(frames.deals["deal_id"]) == (["1"] if is_there else [])
    count = 0 if "fx_rate" in fields else 1
    assert frames.units["deals_without_fx_rate_count"].tolist() == [count]
    assert frames.gaps.deals_without_fx_rate.count == count


def test_an_unknown_currency_is_refused_loudly(base: Base) -> None:
    with pytest.raises(FrameInvalid):
        base.frames([contact("a")], [deal("1", currency="XXX", fx_rate=1.0)])


def test_records_of_unknown_contacts_are_left_out_and_the_first_twenty_listed(base: Base) -> None:
    frames = base.frames(
        [contact("a")],
        [deal("1"), *(deal(f"z{n:02}", "z", contract_end_at=LATER) for n in range(25))],
        [interaction("1", "call"), interaction("2", "call", "z")],
    )
    assert len(frames.deals) == 1
    gap = frames.gaps.deals_of_unknown_contacts
    assert (gap.count, names(gap.examples)) == (25, [f"z{n:02}" for n in range(20)])
    assert frames.gaps.interactions_of_unknown_contacts == Gap(1, (identify("2"),))
    assert frames.units["service_cost"].tolist() == [6.0]


@pytest.mark.parametrize(
    ("kind", "fields", "cost"),
    [
        ("call", {}, 6.0),
        ("visit", {}, 80.0),
        ("meeting", {}, 60.0),
        ("chat", {}, 4.0),
        ("email", {}, 2.0),
        ("social", {}, 2.0),
        ("complaint", {}, 0.0),
        ("complaint", {"resolution": "fixed"}, 25.0),
        ("complaint", {"justified": False}, 25.0),
        ("complaint", {"justified": True}, 0.0),
        ("complaint", {"justified": True, "cost_minor": 900, "cost_currency": "EUR"}, 0.0),
        ("service_request", {}, 12.0),
        ("payment_reminder", {}, 3.0),
        ("campaign_touch", {"channel": "post"}, 1.0),
        ("campaign_touch", {"channel": "unheard_of"}, 0.0),
        ("offer", {"channel": "email"}, 0.02),
        ("note", {}, 0.0),
        ("call", {"cost_minor": 1_234, "cost_currency": "EUR"}, 12.34),
        ("call", {"cost_minor": 0, "cost_currency": "EUR"}, 0.0),
        ("call", {"occurred_at": END}, 0.0),
    ],
)
def test_service_cost_is_what_was_noted_or_the_default_of_the_kind(
    base: Base, kind: str, fields: Row, cost: float
) -> None:
    unit = base.unit([contact("a")], [], [interaction("i", kind, **fields)])
    assert unit["service_cost"] == cost


def test_requests_about_our_own_fault_cost_the_customer_nothing(base: Base) -> None:
    unit = base.unit(
        [contact("a")],
        [],
        [
            interaction("1", "complaint", justified=True),
            interaction("2", "complaint", justified=False),
            interaction("3", "service_request", parent_id="1"),
            interaction("4", "service_request", parent_id="2"),
            interaction("5", "call", parent_id="1"),
        ],
    )
    assert unit["service_cost"] == 25 + 12 + 6


def test_to_ask_for_its_own_data_costs_nobody_anything(base: Base) -> None:
    asked = interaction("0", "service_request", tags='["privacy_request"]')
    unit = base.unit([contact("a")], [], [asked | {"cost_minor": 900, "cost_currency": "EUR"}])
    assert (unit["service_cost"], unit["has_pending_request"]) == (0.0, True)
    unit = base.unit([contact("a")], [], [asked | {"resolution": "fixed", "cost_minor": 900}])
    assert (unit["service_cost"], unit["has_pending_request"]) == (0.0, False)


def test_the_recent_service_cost_has_730_days_with_the_day_itself(base: Base) -> None:
    start = window_start(730)
    ticks = [start - timedelta(microseconds=1), start, LAST_MOMENT]
    unit = base.unit(
        [contact("a")],
        [],
        [interaction(f"{n}", "call", occurred_at=at) for n, at in enumerate(ticks)],
    )
    assert (unit["service_cost"], unit["service_cost_730"]) == (18.0, 12.0)


def test_costs_in_a_foreign_currency_are_not_mixed_in_but_listed(base: Base) -> None:
    frames = base.frames(
        [contact("a", acquisition_cost_minor=500, acquisition_cost_currency="USD")],
        [],
        [interaction("1", "call", cost_minor=99_900, cost_currency="USD")],
    )
    assert frames.units["service_cost"].tolist() == [6.0]
    assert bool(frames.units["acquisition_cost"].isna().all())
    of_contacts = frames.gaps.contacts_with_foreign_acquisition_cost
    assert (of_contacts.count, of_contacts.unit_count) == (1, 1)
    of_interactions = frames.gaps.interactions_with_foreign_cost
    assert (of_interactions.count, of_interactions.unit_count) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "fields", "is_reached", "has_responded"),
    [
        ("campaign_touch", {"outcome": "sent"}, False, False),
        ("campaign_touch", {"outcome": "bounced"}, False, False),
        ("campaign_touch", {"outcome": "delivered"}, True, False),
        ("campaign_touch", {"outcome": "unsubscribed"}, True, False),
        ("campaign_touch", {"outcome": "clicked"}, True, True),
        ("offer", {"outcome": "declined"}, True, False),
        ("offer", {"outcome": "accepted"}, True, True),
        ("email", {"direction": "outbound"}, True, False),
        ("email", {"direction": "inbound"}, True, True),
        ("email", {"direction": "internal"}, False, False),
        ("quote_request", {}, True, True),
        ("note", {}, False, False),
        ("campaign_touch", {"outcome": "clicked", "occurred_at": END}, False, False),
    ],
)
def test_a_lead_is_reached_and_responds_by_what_happened(
    base: Base, kind: str, fields: Row, is_reached: bool, has_responded: bool
) -> None:
    unit = base.unit([contact("a")], [], [interaction("i", kind, **fields)])
    assert (unit["is_reached"], unit["has_responded"]) == (is_reached, has_responded)


WINDOW_START = window_start(180)
LONG_AGO = WINDOW_START - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("created_at", "deals", "interactions", "is_active"),
    [
        (LONG_AGO, [], [], False),
        (WINDOW_START, [], [], True),
        # Entered only after the day: what came later did not happen.
        (END, [{"opened_at": LONG_AGO}], [], False),
        (LATER, [], [{"occurred_at": LONG_AGO}], False),
        (LATER, [], [{"occurred_at": WINDOW_START}], True),
        (LONG_AGO, [], [{"occurred_at": LONG_AGO}], False),
        (LONG_AGO, [], [{"occurred_at": WINDOW_START}], True),
        (LONG_AGO, [], [{"occurred_at": LATER}], False),
        (LONG_AGO, [], [{"direction": "internal"}], False),
        (LONG_AGO, [{"opened_at": LONG_AGO}], [], False),
        (LONG_AGO, [{"opened_at": WINDOW_START}], [], True),
        (LONG_AGO, [{"opened_at": LATER}], [], False),
    ],
)
def test_a_lead_is_active_for_180_days(
    base: Base, created_at: datetime, deals: list[Row], interactions: list[Row], is_active: bool
) -> None:
    unit = base.unit(
        [contact("a", created_at=created_at)],
        [deal(f"{n}", **fields) for n, fields in enumerate(deals)],
        [interaction(f"{n}", "email", **fields) for n, fields in enumerate(interactions)],
    )
    assert unit["is_active_in_window"] is is_active


@pytest.mark.parametrize(("at", "is_intent"), [(WINDOW_START, True), (LONG_AGO, False)])
def test_a_recent_quote_request_counts_like_a_qualified_deal(
    base: Base, at: datetime, is_intent: bool
) -> None:
    unit = base.unit([contact("a")], [], [interaction("1", "quote_request", occurred_at=at)])
    assert unit["has_open_qualified_deal"] is is_intent


@pytest.mark.parametrize(
    ("zone", "as_of", "last_moment"),
    [
        ("UTC", date(2026, 3, 29), datetime(2026, 3, 29, 23, 59, 59, 999999, UTC)),
        # 23 and 25 hours: the clocks change at 01:00 UTC.
        ("Europe/Berlin", date(2026, 3, 28), datetime(2026, 3, 28, 22, 59, 59, 999999, UTC)),
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 29, 21, 59, 59, 999999, UTC)),
        ("Europe/Berlin", date(2026, 10, 24), datetime(2026, 10, 24, 21, 59, 59, 999999, UTC)),
        ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 25, 22, 59, 59, 999999, UTC)),
        ("America/St_Johns", date(2026, 7, 1), datetime(2026, 7, 2, 2, 29, 59, 999999, UTC)),
        ("Pacific/Kiritimati", date(2026, 7, 1), datetime(2026, 7, 1, 9, 59, 59, 999999, UTC)),
        # The day began at 01:00, there was no midnight.
        ("America/Sao_Paulo", date(2018, 11, 3), datetime(2018, 11, 4, 2, 59, 59, 999999, UTC)),
        # There were two midnights.
        ("America/Havana", date(2026, 10, 31), datetime(2026, 11, 1, 3, 59, 59, 999999, UTC)),
    ],
)
def test_a_day_ends_when_the_next_one_begins_in_the_business_time_zone(
    base: Base, zone: str, as_of: date, last_moment: datetime
) -> None:
    rows = [
        deal("1", closed_at=last_moment, opened_at=last_moment),
        deal("2", closed_at=last_moment + timedelta(microseconds=1), opened_at=last_moment),
    ]
    found = base.frames([contact("a")], rows, as_of=as_of, zone=ZoneInfo(zone)).deals
    assert names(found["deal_id"]) == ["1"]
    assert found["day"].tolist() == [day_number(as_of)]


ZONES = ("Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia")


INSTANTS = st.builds(
    lambda half_hours, off: (
        datetime(1975, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * half_hours, microseconds=off)
    ),
    st.integers(0, 55 * 365 * 48),
    st.integers(-1, 1),
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(instants=st.lists(INSTANTS, min_size=1, max_size=60), zone=st.sampled_from(ZONES))
def test_the_day_of_a_deal_is_that_of_the_calendar(
    base: Base, instants: list[datetime], zone: str
) -> None:
    rows = [deal(f"{n:05}", closed_at=at, opened_at=at) for n, at in enumerate(instants)]
    found = base.frames([contact("a")], rows, as_of=date(2031, 1, 1), zone=ZoneInfo(zone)).deals
    assert found["day"].tolist() == [
        day_number(at.astimezone(ZoneInfo(zone)).date()) for at in instants
    ]


def test_evidence_names_the_first_and_the_last_won_deal(base: Base) -> None:
    evidence = base.frames(
        [contact("a"), contact("b"), contact("c")],
        [
            deal("1", closed_at=BEFORE),
            deal("2", closed_at=BEFORE - timedelta(days=9)),
            deal("3", closed_at=LAST_MOMENT),
            deal("4", closed_at=LAST_MOMENT),
            deal("5", closed_at=LATER),
            deal("6", "c"),
        ],
    ).evidence
    assert names(evidence["first_deal_id"]) == ["2", None, "6"]
    assert names(evidence["last_deal_id"]) == ["3", None, "6"]


def test_what_nobody_knows_yet_is_missing_and_not_zero(base: Base) -> None:
    unit = base.unit([contact("a")])
    unknown = ("acquisition_cost", "leave_intent", "competitor_loss", "contract_end_day")
    assert all(np.isnan(unit[name]) for name in unknown)
    missing = ("source_campaign_id", "purchase_motive", "termination_case")
    assert all(pd.isna(unit[name]) for name in missing)
    assert unit["is_excluded"] is False


def test_the_dictionary_names_every_column_once_and_says_what_it_is() -> None:
    for columns in FRAMES.values():
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.dtype and column.meaning for column in columns)
        assert all(column.unit for column in columns if column.dtype == "float64")


@pytest.mark.parametrize(
    ("deals", "interactions", "answer"),
    [
        ([], [], True),
        ([{"stage": "won"}], [("offer", {"outcome": "accepted"})], True),
        *(([], [("offer", {"outcome": word})], True)
          for word in ("declined", "unsubscribed", "bounced")),
        *(([], [("offer", {"outcome": word})], None)
          for word in (None, "sent", "delivered", "clicked", "replied")),
        ([], [("offer", {"outcome": "sent", "occurred_at": END})], True),
        ([], [("offer", {"outcome": "sent", "valid_until": END - timedelta(microseconds=1)})], True),
        ([], [("offer", {"outcome": "sent", "valid_until": END})], None),
        ([], [("quote_request", {}), ("campaign_touch", {"outcome": "sent"})], True),
        *(([{"stage": stage, "stage_history": history((stage, BEFORE))}], [], stage in ("new", "qualified"))
          for stage in ("new", "qualified", "proposal", "negotiation")),
        ([{"stage": "proposal", "stage_history": history(("proposal", BEFORE))}], [("offer", {"outcome": "sent"})], False),
        ([{"stage": "proposal", "stage_history": history(("new", BEFORE), ("proposal", END))}], [], True),
        ([{"stage": "lost", "closed_at": LATER, "stage_history": history(("proposal", BEFORE), ("lost", LATER))}], [], False),
    ],
)  # fmt: skip
def test_an_offer_conflicts_while_terms_are_on_the_table(
    base: Base, deals: list[Row], interactions: list[tuple[str, Row]], answer: bool | None
) -> None:
    still_open: Row = {"closed_at": None}
    unit = base.unit(
        [contact("a")],
        [
            deal(f"d{n}", **(fields if fields["stage"] == "won" else still_open | fields))
            for n, fields in enumerate(deals)
        ],
        [interaction(f"i{n}", kind, **fields) for n, (kind, fields) in enumerate(interactions)],
    )
    assert known(unit["no_conflicting_offer"]) is answer


@pytest.mark.parametrize(
    ("kind", "at", "is_recent", "is_known"),
    [
        ("survey_invitation", window_start(90), True, False),
        ("survey_invitation", window_start(90) - timedelta(microseconds=1), False, False),
        ("survey_invitation", END, False, False),
        ("survey_response", BEFORE, False, False),
        ("complaint", window_start(730), False, True),
        ("complaint", window_start(730) - timedelta(microseconds=1), False, False),
    ],
)
def test_surveys_are_recent_for_90_days_and_complaints_name_a_reason_for_730(
    base: Base, kind: str, at: datetime, is_recent: bool, is_known: bool
) -> None:
    unit = base.unit([contact("a")], [], [interaction("i", kind, occurred_at=at)])
    assert known(unit["recent_survey"]) is is_recent
    assert known(unit["leave_reason_known"]) is is_known


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ([], False),
        ([{}], False),
        ([{"sentiment": 0.5}], True),
        ([{"sentiment": 0.49}, {"sentiment": -1.0}], False),
        ([{"sentiment": 0.9, "occurred_at": END}], False),
        ([{"ratings": "[]"}, {"ratings": '[{"dimension": "product", "perception": 8}]'}], True),
        ([{"ratings": '[{"perception": 7.9, "expectation": 10}, {"perception": 3}]'}], False),
        ([{"ratings": '[{"perception": 2}, {"dimension": "x", "perception": 9.5}]'}], True),
        ([{"ratings": '[{"perception": 9}]', "occurred_at": LATER}], False),
    ],
)
def test_a_positive_history_has_a_clearly_positive_moment(
    base: Base, fields: list[Row], answer: bool
) -> None:
    rows = [interaction(f"{n}", "survey_response", **row) for n, row in enumerate(fields)]
    assert known(base.unit([contact("a")], [], rows)["positive_history"]) is answer


def test_a_broken_rating_is_refused_loudly(base: Base) -> None:
    with pytest.raises(FrameInvalid):
        base.frames([contact("a")], [], [interaction("1", "note", ratings='[{"perception"')])


def test_a_minor_is_whom_a_flag_says_to_be_one_or_to_belong_to(
    base: Base,
) -> None:
    units = base.frames(
        [
            contact("a", flags='["reference_customer","minor"]'),
            contact("b", flags="[]"),
            contact("c"),
            organisation("f"),
            contact("m", parent_id="f", flags='["minor"]'),
            contact("n", flags='["minor"]', created_at=LATER),
        ]
    ).units
    assert [known(value) for value in units["minor"]] == [True, False, False, True]


def _damaged(frame: pd.DataFrame, how: str) -> pd.DataFrame:
    match how:
        case "missing":
            return frame.drop(columns="amount")
        case "order":
            return frame[frame.columns[::-1]]
        case "dtype":
            return frame.astype({"day": "int64"})
        case "infinite":
            return frame.assign(amount=np.inf)
        case "index":
            return frame.set_axis(np.zeros(len(frame)), axis=0)
        case _:
            return frame.rename_axis("deal")


@pytest.mark.parametrize("how", ["missing", "order", "dtype", "infinite", "index", "name"])
def test_a_frame_that_breaks_its_promise_is_refused(base: Base, how: str) -> None:
    deals = base.frames([contact("a")], [deal("1"), deal("2")]).deals
    check_frame(deals, DEALS, index=None)
    with pytest.raises(FrameInvalid):
        check_frame(_damaged(deals, how), DEALS, index=None)
