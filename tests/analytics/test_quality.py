"""Data quality: everything doubtful in the records is found, adds up, and is told in both languages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.analytics.app import create_app
from services.analytics.calculations.quality import (
    FIELDS,
    FINDINGS,
    Completeness,
    Finding,
    Quality,
    gap_counts,
    quality_document,
)
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.texts import effect_text
from tests.analytics.published import publish_simulated
from tests.analytics.test_frames import (
    BEFORE,
    LATER,
    Base,
    Row,
    contact,
    deal,
    identify,
    interaction,
    organisation,
)
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client

LONG_AGO = BEFORE - timedelta(days=100)
NEVER_HAPPENED = LATER + timedelta(days=1)


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def found(base: Base, name: str, *records: list[Row]) -> Finding:
    return base.frames(*records).quality.findings[name]


def lost(name: str, **fields: Any) -> Row:
    return deal(name, stage="lost", **fields)


@pytest.mark.parametrize(
    ("name", "deals", "examples"),
    [
        ("deals_without_fx_rate", [deal("x", currency="USD"), deal("y")], ["x"]),
        ("deals_without_amount", [deal("x", amount_minor=None), deal("y")], ["x"]),
        ("deals_with_estimated_cost", [deal("x"), deal("y", cost_minor=1), deal("z", amount_minor=None)], ["x"]),
        ("deals_of_negative_amount", [deal("x", amount_minor=-1), deal("y")], ["x"]),
        ("deals_of_zero_amount", [deal("x", amount_minor=0), deal("y")], ["x"]),
        (
            "refunds_larger_than_sale",
            [deal("x", refund_minor=10_001), deal("y", refund_minor=10_000), deal("z", refund_minor=10_001, refunded_at=LATER)],
            ["x"],
        ),
        ("deals_refunded_in_full", [deal("x", refund_minor=10_000), deal("y", refund_minor=9_999)], ["x"]),
        ("deals_merged_on_a_day", [deal("x"), deal("y"), deal("z", closed_at=LONG_AGO)], ["y"]),
        ("purchases_before_first_contact", [deal("x", closed_at=LONG_AGO), deal("y")], ["x"]),
        ("deals_dated_in_the_future", [deal("x", opened_at=NEVER_HAPPENED), deal("y")], ["x"]),
        ("lost_deals_without_reason", [lost("x"), lost("y", lost_reason="price"), deal("z")], ["x"]),
        ("deals_of_unknown_contacts", [deal("x", of="gone"), deal("y")], ["x"]),
    ],
)  # fmt: skip
def test_every_doubtful_deal_is_found(
    base: Base, name: str, deals: list[Row], examples: list[str]
) -> None:
    finding = found(base, name, [contact("a")], deals)
    assert finding.count == len(examples)
    assert list(finding.examples) == [identify(each) for each in examples]


def test_what_cannot_be_converted_is_summed_by_currency_and_says_whom_it_leaves_without_value(
    base: Base,
) -> None:
    deals = [
        deal("x", currency="USD", amount_minor=5),
        deal("y", currency="USD", amount_minor=7),
        deal("z", currency="JPY", amount_minor=None),
        deal("e"),
        deal("w", of="b", currency="USD", amount_minor=100),
    ]
    finding = found(base, "deals_without_fx_rate", [contact("a"), contact("b")], deals)
    assert finding.amounts == {"USD": 112}
    assert (finding.count, finding.customer_count, finding.unvalued_count) == (4, 2, 1)


def test_a_customer_who_buys_in_two_currencies_is_found(base: Base) -> None:
    deals = [
        deal("x"),
        deal("y", currency="USD", fx_rate=0.9, amount_minor=70),
        deal("z", of="b"),
    ]
    finding = found(base, "customers_with_two_currencies", [contact("a"), contact("b")], deals)
    assert finding.examples == (identify("a"),)
    assert finding.amounts == {"EUR": 10_000, "USD": 70}


def test_contacts_tell_who_has_no_follow_up_cost_or_organisation(base: Base) -> None:
    contacts = [
        contact("a"),
        contact(
            "b", next_contact_at=LATER, acquisition_cost_minor=5, acquisition_cost_currency="EUR"
        ),
        contact("c"),
        contact("d", status="terminated", parent_id="gone"),
        contact("e", profiling_objection_at=BEFORE, erased_at=BEFORE),
    ]
    deals = [deal("x"), deal("y", of="b"), deal("z", of="d")]
    findings = base.frames(contacts, deals).quality.findings
    assert findings["customers_without_follow_up"].examples == (identify("a"),)
    assert findings["customers_without_acquisition_cost"].examples == (identify("a"), identify("d"))
    assert findings["contacts_of_unknown_organisations"].examples == (identify("d"),)
    for name in ("erased_customers", "customers_objecting_to_profiling"):
        assert (findings[name].count, findings[name].examples) == (1, ())


def test_interactions_that_nobody_had_are_found(base: Base) -> None:
    given = [
        interaction("x", "call", occurred_at=NEVER_HAPPENED),
        interaction("y", "call", of="gone"),
        interaction("z", "call"),
    ]
    findings = base.frames([contact("a")], [], given).quality.findings
    assert findings["interactions_dated_in_the_future"].examples == (identify("x"),)
    assert findings["interactions_of_unknown_contacts"].examples == (identify("y"),)


def test_a_field_is_complete_among_the_records_that_ought_to_have_it(base: Base) -> None:
    contacts = [
        organisation("a", owner_id="ann", next_contact_at=LATER),
        contact("b", owner_id="bob", parent_id="a"),
        contact("c"),
    ]
    deals = [
        deal("x", of="b", cost_minor=5, won_reason="price"),
        deal("y", discount_pct=0.0, due_at=LATER),
        lost("z", of="c"),
    ]
    interactions = [
        interaction("k", "complaint", severity=2, resolved_at=BEFORE),
        interaction("l", "complaint", of="b", justified=True, resolved_at=LATER),
        interaction("m", "email", of="c", direction="inbound", sentiment=0.5),
        interaction("n", "email", of="c"),
        interaction("o", "offer", of="c", channel="email", outcome="declined"),
        interaction("p", "survey_response", of="c", ratings="[]"),
        interaction("q", "email", occurred_at=LATER),
    ]
    quality = base.frames(contacts, deals, interactions).quality
    known = {name: (each.known_count, each.record_count) for name, each in quality.fields.items()}
    assert known == {
        "contacts.owner_id": (1, 2),
        "contacts.source_campaign_id": (0, 2),
        "contacts.acquisition_cost": (0, 1),
        "contacts.purchase_motive": (0, 1),
        "contacts.next_contact_at": (1, 1),
        "deals.amount": (2, 2),
        "deals.cost": (1, 2),
        "deals.discount_pct": (1, 2),
        "deals.won_reason": (1, 2),
        "deals.lost_reason": (0, 1),
        "deals.due_at": (1, 2),
        "interactions.direction": (1, 2),
        "interactions.channel": (1, 1),
        "interactions.outcome": (1, 1),
        "interactions.sentiment": (1, 4),
        "interactions.ratings": (0, 1),
        "interactions.severity": (1, 2),
        "interactions.justified": (0, 1),
        "interactions.decline_reason": (0, 1),
    }
    assert set(quality.owners) == {"ann", ""}
    assert quality.owners["ann"]["deals.cost"] == Completeness(1, 2)
    assert quality.owners[""]["deals.lost_reason"] == Completeness(0, 1)
    assert "deals.cost" not in quality.owners[""]


def test_no_records_have_no_faults(base: Base) -> None:
    document = quality_document(base.frames().quality)
    assert document["findings"] == {}
    assert set(document["fields"]) == set(FIELDS)
    assert document["owners"] == []


def test_the_counts_of_partitions_add_up_to_those_of_the_whole(base: Base) -> None:
    groups = [
        (
            [contact(name, owner_id=owner)],
            [
                deal(f"{name}1", of=name, currency="USD"),
                deal(f"{name}2", of=name, amount_minor=-5),
                lost(f"{name}3", of=name),
            ],
            [interaction(f"{name}4", "call", of=name)],
        )
        for name, owner in (("a", "ann"), ("b", "bob"), ("c", "ann"))
    ]
    together = [list(chain.from_iterable(part)) for part in zip(*groups, strict=True)]
    whole = base.frames(*together).quality
    added = Quality()
    for group in groups:
        added += base.frames(*group).quality
    assert quality_document(added) == quality_document(whole)
    assert whole.findings["deals_without_fx_rate"].count == 3


def test_examples_are_the_lowest_ids_and_twenty_at_most() -> None:
    one = Finding(30, tuple(f"a{place:02}" for place in range(20)), 1, 0, {"USD": 5})
    other = Finding(1, ("a001",), 1, 1, {"USD": 1, "CHF": 2})
    both = one + other
    assert both == other + one
    assert len(both.examples) == 20
    assert "a001" in both.examples
    assert both.amounts == {"USD": 6, "CHF": 2}
    assert replace(both, examples=()) == Finding(31, (), 2, 1, {"USD": 6, "CHF": 2})


def test_everything_that_can_be_found_is_named_in_both_languages(base: Base) -> None:
    catalogue = load_catalogue()
    counted = base.frames().quality
    assert set(counted.findings) == set(FINDINGS)
    assert {name.replace(".", "_") for name in FIELDS} == set(catalogue.sections["quality_fields"])
    for name in FINDINGS:
        for count in (1, 2):
            counts = dict.fromkeys(("count", "customers", "unvalued"), count)
            texts = {
                effect_text(name, counts, catalogue=catalogue, language=language)
                for language in ("en", "de")
            }
            assert len(texts) == 2
            assert not any("{" in text or not text.endswith(".") for text in texts)


def test_the_summary_counts_faults_also_those_of_earlier_releases(base: Base) -> None:
    deals = [deal("x", currency="USD"), deal("y"), deal("z")]
    document = quality_document(base.frames([contact("a")], deals).quality)
    assert gap_counts(document)["deals_without_fx_rate"] == 1
    assert document["findings"]["deals_merged_on_a_day"]["count"] == 2
    assert "deals_merged_on_a_day" not in gap_counts(document)
    assert gap_counts({"deals_without_fx_rate": 3}) == {"deals_without_fx_rate": 3}


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[str]:
    yield templates.fresh("analytics", request.param, tmp_path)


def read(url: str, folder: Path, path: str, language: str) -> httpx.Response:
    settings = Settings(data_dir=folder, analytics_database_url=url, log_requests=False)
    live = LiveServer(create_app(settings, schedules=False))
    with live, client(live.url, store_key(url, scopes=SCOPES)) as http:
        return http.get(path, headers={"Accept-Language": language})


def test_data_quality_is_told_with_effect_and_examples(
    url: str, base: Base, tmp_path: Path
) -> None:
    contacts = [contact("a", owner_id="ann"), contact("b")]
    deals = [deal("x", currency="USD"), deal("y", of="b", cost_minor=1)]
    document = quality_document(base.frames(contacts, deals).quality)
    publish_simulated(url, count=20, data_gaps=document)
    body = read(url, tmp_path, "/v1/data-quality", "de").json()
    told = {each["code"]: each for each in body["findings"]}
    rate = told["deals_without_fx_rate"]
    assert rate["label"] == "Wechselkurs fehlt"
    assert rate["examples"] == [identify("x")]
    assert rate["amounts"] == [{"amount": "100.00", "currency": "USD"}]
    assert rate["effect"].startswith("Mit dem Kurs bei Abschluss wird der Wert von 1 Kunden")
    assert "clv_365" in rate["figures"]
    fields = {each["field"]: each for each in body["fields"]}
    assert fields["deals.cost"]["known_share"] == 0.5
    assert fields["deals.lost_reason"]["known_share"] is None
    assert [each["owner_id"] for each in body["owners"]] in (["ann", None], [None, "ann"])


def test_an_earlier_version_tells_its_counts(url: str, tmp_path: Path) -> None:
    publish_simulated(url, count=20, data_gaps={"deals_without_fx_rate": 3, "units_with_x": 1})
    body = read(url, tmp_path, "/v1/data-quality", "en").json()
    (finding,) = body["findings"]
    assert (finding["count"], finding["customer_count"]) == (3, None)
    assert body["fields"] == body["owners"] == []
    summary = read(url, tmp_path, "/v1/summary", "en").json()
    assert {"code": "deals_without_fx_rate", "count": 3} in summary["data_gaps"]
