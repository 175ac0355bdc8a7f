"""Terms that are on the table: which offers and quotes are live, for which product, and for whom."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from services.analytics.computing import compute_base, estimate_base
from services.analytics.crm_client import RESOURCES, SCHEMAS
from services.analytics.frames.building import Frames
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror
from tests.analytics.test_changing import RULES
from tests.analytics.test_frames import (
    BEFORE,
    END,
    LAST_MOMENT,
    LATER,
    Row,
    contact,
    deal,
    history,
    identify,
    interaction,
)
from tests.analytics.test_reach_frames import consents

LAMP, CHAIR = 0, 1
PRODUCTS: Sequence[Row] = (
    {"id": "1", "key": "LAMP", "category": "lamps"},
    {"id": "2", "key": "CHAIR", "category": "chairs"},
)


def product(row: Row) -> Row:
    money: Row = {"list_price_minor": 50_000, "unit_cost_minor": 10_000}
    money |= {"list_price_currency": "EUR", "unit_cost_currency": "EUR"}
    flags = {"is_for_sale": True, "is_repeatable": True, "complements": "[]"}
    return money | flags | row


def mirrored(folder: Path, **rows: Sequence[Row]) -> Snapshot:
    given = {"products": PRODUCTS, **rows}
    given["products"] = [product(row) for row in given["products"]]
    batches = {}
    for resource in RESOURCES:
        found = [
            {k: identify(v) if k in ("id", "contact_id") else v for k, v in row.items()}
            for row in given.get(resource, ())
        ]
        batches[resource] = [pa.RecordBatch.from_pylist(found, schema=SCHEMAS[resource])]
    with Mirror(folder) as mirror:
        return mirror.load(batches, cursor="1", now=LATER)


def frames_of(folder: Path, **rows: Sequence[Row]) -> Frames:
    return RULES.frames_of(mirrored(folder, **rows))


def offer(name: str, of: str = "a", **fields: Any) -> Row:
    return interaction(name, "offer", of, **{"outcome": "sent", **fields})


def quote(name: str, *keys: str | None, stage: str = "proposal", **fields: Any) -> Row:
    lines = orjson.dumps([{"product_id": key} for key in keys]).decode()
    is_open: Row = {"stage": stage, "stage_history": history((stage, BEFORE)), "closed_at": None}
    return deal(name, lines=lines, **is_open | fields)


def test_terms_are_live_while_nobody_has_decided_on_them(tmp_path: Path) -> None:
    offers = [
        offer("1", product_id="LAMP"),
        offer("2", product_id="CHAIR", valid_until=END),
        offer("3", product_id="LAMP", valid_until=LAST_MOMENT),
        offer("4", product_id="LAMP", outcome="declined"),
        offer("5", product_id="LAMP", occurred_at=END),
        offer("6", "b"),
        offer("7", "b", product_id="GONE"),
        interaction("8", "campaign_touch", outcome="sent", product_id="LAMP"),
    ]
    quotes = [
        quote("1", "LAMP", "GONE", None),
        quote("2", "CHAIR", stage="qualified"),
        quote("3", None),
        quote("4", "GONE"),
        quote("5"),
    ]
    frames = frames_of(
        tmp_path, contacts=[contact("a"), contact("b")], interactions=offers, deals=quotes
    )
    unit = {identify(name): number for number, name in enumerate("ab")}
    assert frames.units["unit_id"].tolist() == list(unit)
    columns = ("unit", "product", "is_quote")
    live = sorted(zip(*(frames.events.live_terms[name] for name in columns), strict=True))
    # What names no product may be about any; one that is not in the list is offered to nobody.
    assert live == [
        (0, -1, True),
        (0, -1, True),
        (0, LAMP, False),
        (0, LAMP, True),
        (0, CHAIR, False),
        (1, -1, False),
    ]


def test_an_offer_that_was_declined_names_its_product_or_none(tmp_path: Path) -> None:
    declined = [
        offer(str(n), outcome="declined", product_id=key)
        for n, key in enumerate(("CHAIR", None, "GONE"))
    ]
    frames = frames_of(tmp_path, contacts=[contact("a")], interactions=declined)
    assert sorted(frames.events.declined_products["product"]) == [-1, CHAIR]
    assert frames.reach["recently_declined"].tolist() == [True]


def test_who_declined_or_was_offered_one_product_may_be_offered_another(tmp_path: Path) -> None:
    """Scored as a base is: who declined the lamp is offered the chair, and nobody twice."""
    people = {
        "no": [offer("1", "no", outcome="declined", product_id="LAMP")],
        "any": [offer("2", "any", outcome="declined")],
        "open": [offer("3", "open", product_id="LAMP")],
        "vague": [offer("4", "vague")],
        "free": [],
    }
    contacts = [
        contact(name, has_email=True, consents=consents(("email", "marketing", "granted")))
        for name in people
    ]
    # All buy vases and now and then a lamp or a chair, so that both may be offered.
    others = [contact(f"o{n}") for n in range(8)]
    days = {name: [deal(f"{n}{name}", name, **bought(n, "VASE")) for n in range(3)]
            for name in (*people, *(row["id"] for row in others))}  # fmt: skip
    extra = [deal(f"x{n}", f"o{n}", **bought(1, "LAMP" if n % 2 else "CHAIR")) for n in range(8)]
    snapshot = mirrored(
        tmp_path,
        contacts=[*contacts, *others],
        deals=[*(row for rows in days.values() for row in rows), *extra],
        interactions=[row for rows in people.values() for row in rows],
        products=[*PRODUCTS, {"id": "3", "key": "VASE", "is_repeatable": False}],
    )
    dear = replace(
        RULES,
        options=replace(
            RULES.options,
            candidates=tuple(
                replace(each, effect_probability=0.9)
                for each in RULES.options.candidates
                if each.instrument_id == "cross_sell_offer"
            ),
        ),
    )
    scored = compute_base(snapshot, dear, estimate_base(snapshot, dear)).customers
    shown = scored.set_index("unit_id").loc[[identify(name) for name in people]]
    offered = dict(zip(people, shown["step1_product"], strict=True))
    assert offered["no"] == offered["open"] == CHAIR
    assert offered["free"] in (LAMP, CHAIR)
    assert shown["step1_option"].notna().tolist() == [True, False, True, False, True]


def bought(weeks: int, key: str) -> Row:
    at = BEFORE - weeks * (LATER - END)
    return {
        "opened_at": at,
        "closed_at": at,
        "amount_minor": 60_000,
        "lines": f'[{{"product_id":"{key}"}}]',
    }
