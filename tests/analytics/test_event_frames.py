"""The frames of events: what deals, interactions and contacts tell at the end of a day."""

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pytest

from services.analytics.calculations.events import EVENT_COLUMNS, Events
from services.analytics.crm_client import RESOURCES, SCHEMAS, CrmClient
from services.analytics.frames.building import build_frames
from services.analytics.frames.clock import day_number
from services.analytics.frames.dictionary import EVENT_FRAMES, check_frame
from services.analytics.frames.product_list import read_product_names
from services.analytics.mirror.writer import Mirror
from tests.analytics.test_frames import (
    BEFORE,
    BERLIN,
    DAY,
    END,
    LAST_MOMENT,
    LATER,
    PARAMETERS,
    Base,
    contact,
    deal,
    history,
    identify,
    interaction,
    names,
    organisation,
)
from tests.conftest import Crm, store_key

TODAY, THEN = day_number(DAY), day_number(date(2026, 6, 5))
Row = dict[str, Any]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def row_of(frame: pd.DataFrame) -> Row:
    assert len(frame) == 1
    return {str(name): None if pd.isna(value) else value for name, value in frame.iloc[0].items()}


def by_name(frame: pd.DataFrame) -> dict[str | None, Any]:
    return dict(zip(names(frame["deal_id"]), frame.itertuples(), strict=True))


def test_the_dictionary_and_the_empty_events_have_the_same_columns(base: Base) -> None:
    assert EVENT_FRAMES.keys() == EVENT_COLUMNS.keys()
    for events in (Events.empty(), base.frames().events):
        for name, columns in EVENT_FRAMES.items():
            assert len(getattr(events, name)) == 0
            check_frame(getattr(events, name), columns, index=None)


def test_a_complaint_is_told_with_what_was_known_of_it(base: Base) -> None:
    fields: Row = {"severity": 2, "sentiment": -0.5, "resolution": "fixed", "justified": True}

    def told(**more: Any) -> Row:
        rows = [interaction("i", "complaint", channel="phone", is_public=True, **fields | more)]
        return row_of(base.frames([contact("a")], interactions=rows).events.interactions)

    settled = told(resolved_at=LAST_MOMENT)
    assert names([settled["interaction_id"]]) == ["i"]
    assert (settled["day"], settled["settled_day"]) == (THEN, TODAY)
    assert (settled["kind"], settled["channel"], settled["resolution"]) == (
        "complaint",
        "phone",
        "fixed",
    )
    assert (settled["severity"], settled["sentiment"], settled["is_justified"]) == (2, -0.5, True)
    assert settled["is_public"] and settled["is_inbound"]
    # What was settled later was neither settled nor decided on the day.
    later = told(resolved_at=END)
    assert (later["settled_day"], later["resolution"], later["is_justified"]) == (None, None, None)
    # Decided while still open; and settled by a word alone, nobody knows when.
    assert told(resolution=None)["is_justified"]
    assert told()["settled_day"] == THEN


def test_only_what_tells_something_and_took_place_is_kept(base: Base) -> None:
    rows = [
        interaction("call", "call", direction="outbound"),
        interaction("note", "note"),
        interaction("paid", "payment_reminder", direction="outbound"),
        interaction("mood", "call", direction="outbound", sentiment=0.0),
        interaction("rang", "call", direction="inbound"),
        interaction("tell", "note", direction="internal", tags='["vip","leave_intent"]'),
        interaction("near", "note", tags='["no_leave_intent"]'),
        interaction("sent", "campaign_touch", outcome="sent"),
        interaction("late", "complaint", occurred_at=END),
        interaction("last", "complaint", occurred_at=LAST_MOMENT),
        interaction("lost", "complaint", of="gone"),
        interaction("asks", "service_request", tags='["privacy_request"]'),
        interaction("help", "service_request"),
    ]
    kept = base.frames([contact("a")], interactions=rows).events.interactions
    found = dict(zip(names(kept["interaction_id"]), kept.itertuples(), strict=True))
    assert found.keys() == {"mood", "rang", "tell", "sent", "last", "help"}
    assert {name for name, row in found.items() if row.has_leave_intent} == {"tell"}
    assert {name for name, row in found.items() if row.is_inbound} == {"rang", "last", "help"}


def test_offers_and_cancellations_name_the_competitor_and_the_day_of_effect(base: Base) -> None:
    rows = [
        interaction("a", "offer", outcome="declined", decline_reason="competitor"),
        interaction("b", "offer", outcome="declined", competitor_id="nordwind"),
        interaction("c", "offer", outcome="declined", decline_reason="price"),
        interaction("d", "cancellation", effective_at=LATER),
        interaction("e", "cancellation"),
        interaction("f", "life_event", event_type="move"),
    ]
    frame = base.frames([contact("a")], interactions=rows).events.interactions
    found = dict(zip(names(frame["interaction_id"]), frame.itertuples(), strict=True))
    assert [found[name].names_competitor for name in "abcdef"] == [True, True, *[False] * 4]
    assert found["d"].effective_day == TODAY + 11
    assert found["e"].effective_day == THEN
    assert frame["effective_day"].isna().sum() == 4
    assert found["f"].event_type == "move"


def test_every_rating_is_a_row_and_rolls_up_to_the_organisation(base: Base) -> None:
    answers = [
        {"dimension": "product", "perception": 6, "expectation": 8},
        {"dimension": "psychic", "perception": 7, "expectation": None},
    ]
    survey = interaction("s", "survey_response", "p", nps=5, ratings=orjson.dumps(answers).decode())
    people = [organisation("o"), contact("p", parent_id="o"), contact("x")]
    events = base.frames(people, interactions=[survey]).events
    organisation_unit = int(events.interactions["unit"].iloc[0])
    assert base.frames(people).units.loc[organisation_unit, "kind"] == "organisation"
    assert row_of(events.interactions)["nps"] == 5
    ratings = events.ratings.set_index("dimension").sort_index()
    assert ratings["unit"].tolist() == [organisation_unit] * 2
    assert ratings["perception"].tolist() == [6, 7]
    assert ratings["expectation"].isna().tolist() == [False, True]
    assert set(names(ratings["interaction_id"])) == {"s"}


def test_an_invoice_is_a_won_deal_that_was_due(base: Base) -> None:
    def told(*interactions: Row, **fields: Any) -> pd.DataFrame:
        deals = [deal("d", **{"due_at": LATER} | fields), deal("e")]
        frames = base.frames([contact("a"), contact("b")], deals, interactions)
        return frames.events.invoices

    plain = row_of(told())
    assert (plain["day"], plain["due_day"], plain["paid_day"]) == (THEN, TODAY + 11, None)
    assert (plain["amount"], plain["is_disputed"], plain["is_complained_of"]) == (100, False, False)
    assert row_of(told(paid_at=LAST_MOMENT))["paid_day"] == TODAY
    assert row_of(told(paid_at=END))["paid_day"] is None
    assert row_of(told(disputed_at=LAST_MOMENT))["is_disputed"]
    assert not row_of(told(disputed_at=END))["is_disputed"]
    assert row_of(told(invoiced_at=LAST_MOMENT))["day"] == TODAY
    assert told(invoiced_at=END).empty
    assert told(stage="lost").empty
    assert row_of(told(currency="USD", fx_rate=0.5))["amount"] == 50
    settled = {"deal_id": "d", "resolved_at": BEFORE, "resolution": "explained"}
    for complaint, is_complained_of in (
        ({"deal_id": "d"}, True),
        ({"deal_id": "e"}, False),
        ({}, False),
        (settled, False),
        (settled | {"justified": True}, True),
        (settled | {"resolved_at": END}, True),
        ({"deal_id": "d", "of": "b"}, False),
        ({"deal_id": "d", "occurred_at": END}, False),
    ):
        rows = interaction("c", "complaint", **complaint)
        assert row_of(told(rows))["is_complained_of"] == is_complained_of


def test_deals_are_open_lost_or_contracts_as_they_stood_on_the_day(base: Base) -> None:
    deals = [
        deal("lost", stage="lost", lost_reason="competitor", competitor_id="nordwind"),
        deal("gone", stage="lost", closed_at=END,
             stage_history=history(("qualified", BEFORE), ("lost", END))),
        deal("idle", stage="new", closed_at=None, stage_history=history(("new", BEFORE))),
        deal("back", stage="new", closed_at=None,
             stage_history=history(("lost", BEFORE), ("new", END))),
        deal("runs", contract_end_at=LATER, contract_cancelled_at=LATER),
        deal("ends", contract_end_at=LAST_MOMENT, contract_cancelled_at=BEFORE),
        deal("next", stage="new", closed_at=None, opened_at=END),
    ]  # fmt: skip
    events = base.frames([contact("a")], deals).events
    lost = by_name(events.lost_deals)
    assert lost.keys() == {"lost", "back"}
    assert (lost["lost"].lost_reason, lost["lost"].names_competitor) == ("competitor", True)
    assert {row.day for row in lost.values()} == {THEN}
    opened = {name: row.stage for name, row in by_name(events.open_deals).items()}
    assert opened == {"gone": "qualified", "idle": "new"}
    contracts = by_name(events.contracts)
    assert {name: row.end_day for name, row in contracts.items()} == {
        "runs": TODAY + 11,
        "ends": TODAY,
    }
    assert contracts["ends"].cancelled_day == THEN
    assert math.isnan(contracts["runs"].cancelled_day)


def test_the_products_of_contracts_are_told_with_their_term_as_known_on_the_day(base: Base) -> None:
    lines = orjson.dumps([{"product_id": "P-1"}, {"name": "no product"}, {"product_id": "P-2"}])
    of_lines: Row = {"lines": lines.decode()}
    deals = [
        deal("runs", contract_end_at=LATER, contract_cancelled_at=LATER, **of_lines),
        deal("none", "b", contract_end_at=LATER),
        deal("sale", "b", **of_lines),
        deal("ends", "c", contract_end_at=LAST_MOMENT, contract_cancelled_at=BEFORE, **of_lines),
        deal("next", "d", closed_at=END, contract_end_at=LATER, **of_lines),
    ]
    frames = base.frames([contact(name) for name in "abcd"], deals)
    told = frames.events.contract_products
    told["name"] = [names(frames.units["unit_id"])[unit] for unit in told["unit"]]
    found = told[["name", "product", "start_day", "end_day"]].itertuples(index=False)
    assert sorted(map(tuple, found)) == [
        *(("a", product, THEN, TODAY + 11) for product in ("P-1", "P-2")),
        *(("c", product, THEN, TODAY) for product in ("P-1", "P-2")),
    ]
    assert told.loc[told["name"] == "a", "cancelled_day"].isna().all()
    assert told.loc[told["name"] == "c", "cancelled_day"].tolist() == [THEN, THEN]
    assert told["category"].isna().all()


def test_chargebacks_frauds_and_reasons_of_winning_are_told(base: Base) -> None:
    deals = [
        deal("a", chargeback_at=LAST_MOMENT, chargeback_lost_minor=5_000, won_reason="price"),
        deal("b", chargeback_at=BEFORE, fraud_confirmed_at=BEFORE),
        deal("c", chargeback_at=END, fraud_confirmed_at=END, won_reason="service"),
        deal("d", won_reason="brand", refund_minor=10_000, refunded_at=BEFORE),
        deal("e", won_reason="brand", refund_minor=10_000, refunded_at=END),
    ]
    events = base.frames([contact("a")], deals).events
    charged = dict(
        zip(names(events.chargebacks["deal_id"]), events.chargebacks["is_lost"], strict=True)
    )
    assert charged == {"a": True, "b": False}
    assert names(events.frauds["deal_id"]) == ["b"]
    assert sorted(events.won_reasons["won_reason"]) == ["brand", "price", "service"]


def test_voiced_needs_show_interest(base: Base) -> None:
    rows = [
        interaction("a", "note", tags='["need:lamps","x","need:chairs"]'),
        interaction("b", "call", tags='["need:lamps"]', occurred_at=END),
    ]
    interest = base.frames([contact("a")], interactions=rows).events.interest
    assert sorted(interest["category"]) == ["chairs", "lamps"]
    assert set(interest["kind"]) == {"need"}


def test_lines_and_offers_tell_categories_of_products(tmp_path: Path) -> None:
    lines = [{"product_id": "P-1"}, {"product_id": "P-9"}, {"product_id": None}]
    texts: Row = {"lines": orjson.dumps(lines).decode()}
    idle: Row = {"stage": "new", "closed_at": None, "stage_history": history(("new", BEFORE))}
    rows: dict[str, list[Row]] = {
        "contacts": [contact("a")],
        "deals": [deal("d", **texts), deal("o", **texts, **idle)],
        "interactions": [
            interaction("i", "offer", product_id="P-2"),
            interaction("j", "offer", product_id="P-2", outcome="declined"),
        ],
        "products": [
            {"id": "x", "key": "P-1", "category": "lamps"},
            {"id": "y", "key": "P-2", "category": "chairs"},
        ],
    }
    batches = {}
    for resource in RESOURCES:
        found = [
            {k: identify(v) if k in ("id", "contact_id") else v for k, v in row.items()}
            for row in rows.get(resource, ())
        ]
        batches[resource] = [pa.RecordBatch.from_pylist(found, schema=SCHEMAS[resource])]
    with Mirror(tmp_path) as mirror:
        snapshot = mirror.load(batches, cursor="1", now=LATER)
        events = build_frames(
            snapshot, as_of=DAY, time_zone=BERLIN, base_currency="EUR", parameters=PARAMETERS
        ).events
    assert events.purchased_categories["category"].tolist() == ["lamps"]
    shown = zip(events.interest["kind"], events.interest["category"], strict=True)
    assert sorted(shown) == [("offer", "chairs"), ("open_deal", "lamps")]


def test_products_are_listed_by_id_with_what_is_known_of_them(tmp_path: Path) -> None:
    rows: dict[str, list[Row]] = {
        "contacts": [contact("a")],
        "deals": [
            deal("d", lines=orjson.dumps([{"product_id": "P-1"}, {"product_id": "P-9"}]).decode()),
            deal("o", opened_at=LATER, closed_at=LATER, lines='[{"product_id": "P-2"}]',
                 stage_history=history(("won", LATER))),
        ],
        "interactions": [
            interaction("i", "offer", product_id="P-2", outcome="declined"),
            interaction("j", "offer", product_id="P-1", outcome="accepted"),
            interaction("k", "offer", product_id="P-9", outcome="declined"),
            interaction("l", "offer", product_id="P-1", outcome="declined", occurred_at=END),
        ],
        "products": [
            {"id": "y", "key": "P-2", "category": "chairs", "list_price_minor": 9_900,
             "list_price_currency": "USD", "is_for_sale": True, "is_repeatable": True,
             "complements": "[]"},
            {"id": "x", "key": "P-1", "name": "Lamp", "list_price_minor": 5_000,
             "list_price_currency": "EUR", "unit_cost_minor": 2_000, "unit_cost_currency": "EUR",
             "is_for_sale": True, "is_sample": True, "replacement_days": 30,
             "successor_id": "P-2", "complements": '["P-2", "P-1", "P-9"]'},
        ],
    }  # fmt: skip
    batches = {
        resource: [
            pa.RecordBatch.from_pylist(
                [
                    {k: identify(v) if k in ("id", "contact_id") else v for k, v in row.items()}
                    for row in rows.get(resource, ())
                ],
                schema=SCHEMAS[resource],
            )
        ]
        for resource in RESOURCES
    }
    with Mirror(tmp_path) as mirror:
        snapshot = mirror.load(batches, cursor="1", now=LATER)
        frames = build_frames(
            snapshot, as_of=DAY, time_zone=BERLIN, base_currency="EUR", parameters=PARAMETERS
        )
        named = read_product_names(snapshot)
    products, lamp, chair = frames.products, 0, 1
    assert [(each.id, each.key, each.name) for each in named] == [
        (identify("x"), "P-1", "Lamp"),
        (identify("y"), "P-2", "P-2"),
    ]
    assert products.ids == (identify("x"), identify("y"))
    assert (products.price[lamp], products.cost[lamp]) == (50, 20)
    # Another currency has no rate to base currency here.
    assert math.isnan(products.price[chair]) and math.isnan(products.cost[chair])
    assert products.is_for_sale.tolist() == [False, True]
    assert products.is_repeatable.tolist() == [False, True]
    assert products.successor.tolist() == [chair, -1]
    assert (products.complement_of.tolist(), products.complement.tolist()) == ([lamp], [chair])
    assert products.categories[products.category[chair]] == "chairs"
    # What came after the day was neither bought nor declined on it.
    bought, declined = frames.events.bought_products, frames.events.declined_products
    assert (bought["product"].tolist(), bought["day"].tolist()) == ([lamp], [THEN])
    assert (declined["product"].tolist(), declined["day"].tolist()) == ([chair], [THEN])


def test_referrals_join_units_once_on_the_first_known_day(base: Base) -> None:
    people = [
        contact("a"),
        organisation("o", referred_by_id="a", created_at=LATER),
        contact("p", parent_id="o", referred_by_id="a"),
        contact("q", referred_by_id="p", created_at=LATER),
        contact("x", parent_id="o", referred_by_id="p"),
    ]
    deals = [deal("d", "q", opened_at=BEFORE - timedelta(days=9))]
    frames = base.frames(people, deals)
    ids = dict(zip(names(frames.units["unit_id"]), frames.units.index, strict=True))
    found = {(row.unit, row.referred_unit): row.day for row in frames.events.referrals.itertuples()}
    assert found == {(ids["a"], ids["o"]): THEN, (ids["o"], ids["q"]): THEN - 9}


def test_the_records_of_a_unit_alone_give_the_same_events(base: Base) -> None:
    people = [contact(name) for name in "abc"]
    deals = [
        deal(f"{of}{stage}", of, stage=stage, due_at=BEFORE, contract_end_at=LATER,
             lost_reason="competitor", won_reason="price", chargeback_at=BEFORE)
        for of in "abc" for stage in ("won", "lost")
    ]  # fmt: skip
    rows = [
        interaction(f"{of}{kind[0]}", kind, of, deal_id=f"{of}won", severity=1, tags='["need:x"]')
        for of in "abc"
        for kind in ("complaint", "offer", "survey_response")
    ]
    whole = base.frames(people, deals, rows).events
    alone = base.frames(
        people[1:2],
        [row for row in deals if row["contact_id"] == "b"],
        [row for row in rows if row["contact_id"] == "b"],
    ).events
    for name in EVENT_COLUMNS:
        frame = getattr(whole, name)
        own = frame.loc[frame["unit"] == 1].assign(unit=0).reset_index(drop=True)
        left, right = own.astype(str), getattr(alone, name).astype(str)
        assert sorted(left.itertuples(index=False)) == sorted(right.itertuples(index=False))


def test_the_crm_exports_every_column_that_the_events_are_made_of(crm: Crm, tmp_path: Path) -> None:
    euros = {name: {"amount": amount, "currency": "EUR"} for name, amount in
             (("list_price", "50"), ("unit_cost", "20"))}  # fmt: skip
    crm.create("products", key="P-1", name="Lamp", category="lamps", complements=["P-2"],
               successor_id="P-2", replacement_days=30, service_interval_days=20, **euros)  # fmt: skip
    friend = crm.create("contacts", kind="person", name="Ben")
    person = crm.create("contacts", kind="person", name="Anna", referred_by_id=friend["id"])
    won = crm.create(
        "deals",
        contact_id=person["id"],
        stage="won",
        amount={"amount": "100", "currency": "EUR"},
        opened_at="2026-01-01T00:00:00Z",
        closed_at="2026-01-02T00:00:00Z",
        invoiced_at="2026-01-02T00:00:00Z",
        due_at="2026-01-16T00:00:00Z",
        disputed_at="2026-01-17T00:00:00Z",
        won_reason="price",
        lines=[{"product_id": "P-1", "name": "Lamp"}],
        chargeback_at="2026-02-01T00:00:00Z",
        chargeback_lost={"amount": "40", "currency": "EUR"},
        fraud_confirmed_by="anna.weber",
        fraud_confirmed_at="2026-02-02T00:00:00Z",
    )
    at = {"contact_id": person["id"], "occurred_at": "2026-01-20T00:00:00Z"}
    crm.create("interactions", kind="complaint", severity=2, deal_id=won["id"],
               is_public=True, sentiment=-0.5, tags=["leave_intent", "need:lamps"], **at)  # fmt: skip
    rating = {"dimension": "product", "perception": 6, "expectation": 8}
    crm.create("interactions", kind="survey_response", nps=3, ratings=[rating], **at)
    crm.create("interactions", kind="offer", outcome="declined", decline_reason="competitor",
               product_id="P-1", competitor_id="nordwind", **at)  # fmt: skip
    crm.create("interactions", kind="life_event", event_type="move", **at)
    key = store_key(
        crm.settings.database_url,
        scopes=(
            *("changes:read", "contacts:read", "interactions:read", "deals:read", "products:read"),
            "competitors:read",
        ),
    )
    with CrmClient(crm.url, key=key) as client:
        tables = {
            name: pa.Table.from_batches(
                client.download_export(name, folder=tmp_path).batches(), SCHEMAS[name]
            ).to_pylist()
            for name in RESOURCES
        }
    assert {row["referred_by_id"] for row in tables["contacts"]} == {None, friend["id"]}
    (lamp,) = tables["products"]
    known = {name: lamp[name] for name in SCHEMAS["products"].names if name != "id"}
    assert orjson.loads(known.pop("complements")) == ["P-2"]
    assert known == {
        "key": "P-1", "name": "Lamp", "category": "lamps", "successor_id": "P-2",
        "list_price_minor": 5_000, "list_price_currency": "EUR",
        "unit_cost_minor": 2_000, "unit_cost_currency": "EUR",
        "replacement_days": 30, "service_interval_days": 20,
        "is_repeatable": True, "is_sample": False, "is_for_sale": True,
    }  # fmt: skip
    (row,) = tables["deals"]
    assert [line["product_id"] for line in orjson.loads(row["lines"])] == ["P-1"]
    assert (row["won_reason"], row["chargeback_lost_minor"]) == ("price", 4_000)
    for name in ("invoiced_at", "due_at", "disputed_at", "chargeback_at", "fraud_confirmed_at"):
        assert row[name].year == 2026
    kinds = {row["kind"]: row for row in tables["interactions"]}
    complaint = kinds["complaint"]
    assert (complaint["severity"], complaint["deal_id"], complaint["is_public"]) == (
        2,
        won["id"],
        True,
    )
    assert orjson.loads(complaint["tags"]) == ["leave_intent", "need:lamps"]
    assert '"leave_intent"' in complaint["tags"] and '"need:lamps"' in complaint["tags"]
    assert kinds["survey_response"]["nps"] == 3
    assert orjson.loads(kinds["survey_response"]["ratings"])[0]["perception"] == 6
    offer = kinds["offer"]
    assert (offer["decline_reason"], offer["competitor_id"], offer["product_id"]) == (
        "competitor",
        "nordwind",
        "P-1",
    )
    assert kinds["life_event"]["event_type"] == "move"
