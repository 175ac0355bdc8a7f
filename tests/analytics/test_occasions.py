"""Events of marketing from records: not before their time, for as long as they last, and not after."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from services.analytics import changing
from services.analytics.calculations.occasions.finding import find_occasions
from services.analytics.calculations.occasions.parameters import OccasionParameters
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.pareto import ParetoNbd
from services.analytics.calculations.statistics import observe
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.changing import compute_changes
from services.analytics.computing import compute_base, estimate_base
from services.analytics.crm_client import RESOURCES, SCHEMAS
from services.analytics.crm_reading import Reading
from services.analytics.frames.building import build_frames
from services.analytics.frames.clock import day_number
from services.analytics.ledger import remember
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror
from tests.analytics.test_changing import CATALOGUE, MARK, RULES, Crm, opened
from tests.analytics.test_frames import (
    BERLIN,
    LATER,
    PARAMETERS,
    Row,
    contact,
    deal,
    identify,
    interaction,
    names,
)
from tests.analytics.test_reach_frames import consents

BEGIN = date(2026, 6, 1)
"""The day on which every event of these records comes about: a season begins on it, too."""
EVENTS = strategy_options(load_catalogue()).events
MODEL = ParetoNbd(r=1.0, alpha=20.05, s=0.5, beta=10.0)
SILENCE = 181
"""Days of silence after one purchase from which on the gap rank of this model is 0.9."""
LINES = '[{"product_id":"P"}]'


def at(days: float) -> datetime:
    """Return the noon that lies so many days after the beginning."""
    return datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(days=days)


def bought(name: str, of: str, days: float, **fields: Any) -> Row:
    return deal(name, of, opened_at=at(days), closed_at=at(days), **fields)


def told(name: str, kind: str, of: str, days: float, **fields: Any) -> Row:
    return interaction(name, kind, of, occurred_at=at(days), **fields)


RECORDS: Mapping[str, tuple[str, list[Row]]] = {
    "product_opened": ("b", [bought("b", "product_opened", 0, lines=LINES)]),
    "first_purchase_made": (
        "c",
        [bought("c", "first_purchase_made", 0), bought("d", "first_purchase_made", 0)],
    ),
    "life_stage_change": (
        "b",
        [
            told("c", "life_event", "life_stage_change", 0, event_type="birth"),
            told("b", "life_event", "life_stage_change", 0),
            told("a", "life_event", "life_stage_change", -200, event_type="move"),
        ],
    ),
    "household_growth": (
        "g",
        [told("g", "life_event", "household_growth", 0, event_type="site_opening")],
    ),
    "season_start": ("f", [bought("e", "season_start", -720), bought("f", "season_start", -340)]),
    "replacement_due": ("g", [bought("g", "replacement_due", -100, lines='[{"product_id":"R"}]')]),
    "maintenance_due": (
        "m",
        [
            bought("h", "maintenance_due", -100, lines='[{"product_id":"S"}]'),
            told("m", "service_request", "maintenance_due", -40, resolved_at=at(-30)),
        ],
    ),
    "complaint_resolved": (
        "n",
        [told("n", "complaint", "complaint_resolved", -9, severity=1, resolved_at=at(0))],
    ),
    "request_declined": (
        "i",
        [bought("i", "request_declined", 0, stage="lost", lost_reason="price")],
    ),
    "spend_threshold": (
        "l",
        [
            bought("j", "spend_threshold", -366, amount_minor=90_000),
            bought("k", "spend_threshold", -365 + 1, amount_minor=60_000),
            bought("l", "spend_threshold", 0, amount_minor=40_000),
        ],
    ),
    "rhythm_break": ("o", [bought("o", "rhythm_break", -SILENCE)]),
    "contract_expiring": (
        "q",
        [bought("q", "contract_expiring", -200, contract_end_at=at(90))],
    ),
    "relationship_anniversary": (
        "r",
        [
            bought("r", "relationship_anniversary", -365),
            bought("s", "relationship_anniversary", -100),
        ],
    ),
    "competitor_activity": (
        "2",
        [
            bought("1", "competitor_activity", -729 + 60, lines='[{"product_id":"C"}]'),
            {"id": "2", "product_id": "C", "occurred_at": at(0)},
            {"id": "3", "product_id": "C", "occurred_at": at(-40)},
            {"id": "4", "product_id": None, "occurred_at": at(0)},
            {"id": "5", "product_id": "unknown", "occurred_at": at(0)},
        ],
    ),
}
"""Records of a customer for each event, and which of them is its record."""
NOT_ONE = (
    # Bought before; the successor was bought; a purchase that was paid back.
    bought("t", "again", -50, lines=LINES),
    bought("u", "again", 0, lines=LINES),
    bought("v", "swaped", -100, lines='[{"product_id":"R"}]'),
    bought("w", "swaped", -5, lines='[{"product_id":"P"}]'),
    bought("x", "refunded", 0, refund_minor=10_000, refunded_at=at(0)),
    bought("y", "lost", 0, stage="lost"),
    bought("0", "huge", 0, amount_minor=9 * 10**15, currency="USD", fx_rate=99999999.0),
    bought("6", "formerly", -800, lines='[{"product_id":"C"}]'),
    bought("z", "cancelled", -200, contract_end_at=at(90), contract_cancelled_at=at(-1)),
)
PRODUCTS = (
    {"id": "p", "key": "P", "category": "lamps"},
    {"id": "r", "key": "R", "category": "lamps", "replacement_days": 100, "successor_id": "P"},
    {"id": "s", "key": "S", "category": "lamps", "service_interval_days": 30},
    {"id": "c", "key": "C", "category": "lamps"},
)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        terms = {"replacement_days": pa.int64(), "service_interval_days": pa.int64()}
        terms["successor_id"] = pa.string()
        schema = SCHEMAS["products"]
        for name, kind in terms.items():
            schema = schema if name in schema.names else schema.append(pa.field(name, kind))
        patch.setitem(SCHEMAS, "products", schema)
        with Mirror(tmp_path_factory.mktemp("mirror")) as mirror:
            yield loaded(mirror)


def loaded(mirror: Mirror) -> Snapshot:
    rows = [row for _, given in RECORDS.values() for row in given] + [*NOT_ONE]
    units = dict.fromkeys(row["contact_id"] for row in rows if "contact_id" in row)
    given: dict[str, list[Row]] = {
        "contacts": [contact(short(name), created_at=at(-900)) for name in units],
        "deals": [row for row in rows if "stage" in row],
        "interactions": [row for row in rows if "kind" in row],
        "competitor-activities": [row for row in rows if "contact_id" not in row],
        "products": [*PRODUCTS],
    }
    batches = {}
    for resource in RESOURCES:
        found = [
            row
            | {"id": identify(row["id"])}
            | ({"contact_id": identify(short(row["contact_id"]))} if "contact_id" in row else {})
            for row in given[resource]
        ]
        batches[resource] = [pa.RecordBatch.from_pylist(found, schema=SCHEMAS[resource])]
    return mirror.load(batches, cursor="1", now=LATER)


def short(name: str) -> str:
    """Return what an id can hold of a name."""
    return name[:6]


def open_on(snapshot: Snapshot, days: int, **parameters: Any) -> dict[tuple[str | None, str], Any]:
    """Return record and last day of every event that is open so many days after the beginning."""
    frames = build_frames(
        snapshot,
        as_of=BEGIN + timedelta(days=days),
        time_zone=BERLIN,
        base_currency="EUR",
        parameters=PARAMETERS,
    )
    observed = observe(
        frames.units,
        frames.deals,
        frames.events,
        as_of_day=frames.as_of_day,
        parameters=Parameters(),
    )
    found = find_occasions(
        observed, EVENTS, model=MODEL, parameters=OccasionParameters(**parameters)
    )
    units = names(frames.units["unit_id"])
    return {
        (units[row], event.event_id): (
            names(found[f"event_{event.event_id}"])[row],
            found[f"event_{event.event_id}_until_day"].iloc[row],
        )
        for event in EVENTS
        if f"event_{event.event_id}" in found
        for row in range(len(units))
        if pd.notna(found[f"event_{event.event_id}"].iloc[row])
    }


def test_every_event_is_open_from_its_record_and_wait_on_for_as_long_as_it_lasts(
    snapshot: Snapshot,
) -> None:
    assert RECORDS.keys() == {event.event_id for event in EVENTS}
    on: dict[int, Any] = {}
    for event in EVENTS:
        record, _ = RECORDS[event.event_id]
        key = (short(event.event_id), event.event_id)
        last = event.wait_days + event.valid_days - 1
        until = day_number(BEGIN) + last
        for day, is_open in (
            (event.wait_days - 1, False),
            (event.wait_days, True),
            (last, True),
            (last + 1, False),
        ):
            if day not in on:
                on[day] = open_on(snapshot, day)
            expected = (record, until) if is_open else None
            assert on[day].get(key) == expected, (event.event_id, day)


def test_what_only_looks_like_an_event_is_none(snapshot: Snapshot) -> None:
    found = open_on(snapshot, 2) | open_on(snapshot, 40)
    assert ("again", "product_opened") not in found
    assert ("swaped", "replacement_due") not in found
    assert ("cancel", "contract_expiring") not in found
    assert ("former", "competitor_activity") not in found
    assert not any(unit in ("refund", "lost") for unit, _ in found)


def test_the_level_of_spending_is_a_parameter(snapshot: Snapshot) -> None:
    for level, is_reached in ((1000.0, True), (1000.01, False), (100.0, True)):
        units = {
            unit
            for unit, event in open_on(snapshot, 0, spend_level=level)
            if event == "spend_threshold"
        }
        assert ("spend_" in units) == (is_reached and level > 600)
        assert ("first_" in units) == (level == 100)


def test_the_largest_amount_there_is_reaches_the_level_of_spending(snapshot: Snapshot) -> None:
    assert ("huge", "spend_threshold") in open_on(snapshot, 0)


def test_a_change_in_the_feed_leads_to_the_step_of_its_event_within_one_refresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)
    crm, said = Crm.make(0), ("email", "phone", "postal", "sms")
    asked = consents(*((channel, "marketing", "granted") for channel in said))
    known = {"consents": asked, "has_email": True, "has_phone": True, "has_address": True}
    for resource in ("deals", "interactions"):
        crm.rows[resource] = dict([*crm.rows[resource].items()][:60])
    crm.rows["contacts"]["zz"] = contact("zz", created_at=at(-300), language="de", **known)
    with opened(tmp_path) as mirror:
        before = crm.load(mirror)
        estimates = estimate_base(before, RULES)
        base = compute_base(before, RULES, estimates)
        crm.rows["deals"]["zd"] = bought("zd", "zz", 2, amount_minor=90_000, cost_minor=20_000)
        crm.changed = {"contacts": set(), "deals": {"zd"}, "interactions": set()}
        changed, after = crm.apply(mirror, before)
        ledger = remember(base, MARK)
        changes = compute_changes(Reading(after, before, changed), ledger, RULES, estimates)
    assert changes is not None
    before_it, row = (
        frame.set_index("unit_id").loc[identify("zz")]
        for frame in (base.customers, changes.changed)
    )
    assert pd.isna(before_it["event_record_id"])
    assert row["event_id"] == "first_purchase_made"
    assert row["instrument_id"] == "follow_up_contact"
    assert row["event_record_id"] == identify("zd")
    event = next(item for item in CATALOGUE.marketing_events if item.id == row["event_id"])
    last = day_number(BEGIN) + 2 + event.wait_days + event.valid_days - 1
    assert row["step1_until_day"] == last
