"""Lists of plans: what holds in the CRM at the moment, also what no refresh has read yet."""

import csv
import io
from typing import Any

import pytest

from services.analytics.calculations.feedback.known import Holdout
from services.analytics.catalogue.catalogue import load_catalogue
from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics
from tests.end_to_end.test_refresh import make_reachable, sell

CATALOGUE = load_catalogue()
PLAN: dict[str, Any] = {
    "name": "Spring",
    "budget": {"amount": "10000.00", "currency": "EUR"},
    "period": {"from": "2026-02-01", "until": "2026-04-30"},
}


def export(analytics: Analytics, plan: Any) -> tuple[set[str], dict[str, int]]:
    """Return who is listed, and how many were dropped for which reason."""
    answer = analytics.client.get(f"/v1/plans/{plan['id']}/export?reason=Mailing")
    assert answer.status_code == 200, answer.text
    dropped = {
        reason: int(count)
        for reason, _, count in (
            each.partition("=") for each in answer.headers["x-dropped"].split(", ")
        )
        if count != "0"
    }
    listed = {row["unit_id"] for row in csv.DictReader(io.StringIO(answer.text))}
    assert len(listed) == int(answer.headers["x-listed-count"])
    assert len(listed) + sum(dropped.values()) == plan["chosen_count"]
    return listed, dropped


@pytest.fixture
def planned(crm: Crm, analytics: Analytics) -> tuple[Any, list[Any]]:
    """A plan for customers who may be written to, and its choices."""
    for number in range(9):
        address = f"weber{number}@example.org"
        contact = crm.create("contacts", kind="person", name=f"Weber {number}", email=address)["id"]
        make_reachable(crm, contact)
        for month in (4, 9):
            sell(crm, contact, f"2025-{month:02}-{10 + number}", "9000.00")
    analytics.published()
    plan = analytics.client.post("/v1/plans", json=PLAN).json()
    items = analytics.get(f"/v1/plans/{plan['id']}/choices")["items"]
    return plan, [item for item in items if item["channel"] == "email"]


def try_out(analytics: Analytics, item: Any) -> str:
    """Start an experiment with a step; half of the customers are held out."""
    body = {
        "key": "tried",
        "name": "Does it work?",
        **{name: item[name] for name in ("phase", "strategy_id", "instrument_id")},
        "holdout_share": 0.5,
        "hypothesis": "It works.",
    }
    made = analytics.client.post("/v1/experiments", json=body)
    assert made.status_code == 201, made.text
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    path = f"/v1/experiments/{made.json()['id']}"
    started = analytics.client.patch(path, json={"status": "running"}, headers=headers)
    assert started.status_code == 200, started.text
    return str(made.json()["id"])


def withdraw(crm: Crm, contact_id: str) -> None:
    body = {"channel": "email", "action": "withdrawn"}
    assert crm.client.post(f"/v1/contacts/{contact_id}/consents", json=body).status_code == 201


def test_a_list_knows_what_no_refresh_has_read_yet(
    crm: Crm, analytics: Analytics, planned: tuple[Any, list[Any]]
) -> None:
    plan, items = planned
    withdrawn, erased, objecting, saying_no, renamed = (item["unit_id"] for item in items[:5])
    everybody, nobody = export(analytics, plan)
    assert {withdrawn, erased, objecting, saying_no, renamed} <= everybody
    assert nobody == {}
    withdraw(crm, withdrawn)
    answer = crm.client.post(
        f"/v1/contacts/{erased}/erasure", json={"reason": "requested"}, headers={"If-Match": "*"}
    )
    assert answer.is_success
    objection = {"profiling_objection_at": "2026-01-15T10:00:00Z"}
    assert crm.patch(f"/v1/contacts/{objecting}", objection, version="*").status_code == 200
    said = {"channel": "phone", "purpose": "profiling", "action": "objected"}
    assert crm.client.post(f"/v1/contacts/{saying_no}/consents", json=said).status_code == 201
    assert crm.patch(f"/v1/contacts/{renamed}", {"name": "W."}, version="*").status_code == 200
    before_refresh = {
        "erased": 1,
        "profiling_objection": 2,
        "no_consent": 1,
        "changed_since_refresh": 1,
    }
    expected = everybody - {withdrawn, erased, objecting, saying_no, renamed}
    assert export(analytics, plan) == (expected, before_refresh)
    analytics.published()
    after_refresh = {"erased": 1, "profiling_objection": 2, "no_consent": 1}
    assert export(analytics, plan) == (expected | {renamed}, after_refresh)


def test_a_list_counts_touches_that_no_refresh_has_read_yet(
    crm: Crm, analytics: Analytics, planned: tuple[Any, list[Any]]
) -> None:
    services, _ = planned
    filters = {"instrument": ["personal_attention"]}
    plan = analytics.client.post("/v1/plans", json=PLAN | {"filters": filters}).json()
    ids = [item["unit_id"] for item in analytics.get(f"/v1/plans/{plan['id']}/choices")["items"]]
    everybody, _ = export(analytics, plan)
    assert len(ids) == 9 and set(ids) <= everybody

    def enter(place: int, *days: int, kind: str = "campaign_touch", **fields: Any) -> None:
        for day in days:
            at = f"2026-01-{day:02}T10:00:00Z"
            crm.create("interactions", contact_id=ids[place], kind=kind, occurred_at=at, **fields)

    enter(0, 30)  # less than three days ago
    enter(1, 3, 10, 17, 24, outcome="clicked")  # four in 30 days
    enter(2, 10, 17, 24)  # none of three was answered, so two are too many
    enter(3, 30, kind="call", direction="outbound", campaign_id="spring")
    waiting = {ids[place] for place in range(4)}
    enter(4, 24)
    enter(5, 10, 17, 24, outcome="clicked")
    enter(6, 30, kind="call", direction="outbound")  # nobody's campaign
    crm.create(
        "interactions", contact_id=ids[7], kind="campaign_touch", due_at="2026-01-30T10:00:00Z"
    )
    expected = (everybody - waiting, {"contact_cap": len(waiting)})
    assert export(analytics, plan) == expected
    assert export(analytics, services) == (everybody, {})  # which no cap holds back
    analytics.published()
    assert export(analytics, plan) == expected
    # What lies behind a day that was asked for has happened nevertheless.
    crm.create("interactions", contact_id=ids[8], kind="offer", occurred_at="2026-02-05T10:00:00Z")
    expected = (everybody - waiting - {ids[8]}, {"contact_cap": len(waiting) + 1})
    assert export(analytics, plan) == expected


def test_nothing_is_sold_to_who_complained_since_the_refresh(
    crm: Crm, analytics: Analytics, planned: tuple[Any, list[Any]]
) -> None:
    for name in ("Kurz", "Lang"):  # who have stayed away for long
        contact = crm.create("contacts", kind="person", name=name, email=f"{name}@example.org")[
            "id"
        ]
        make_reachable(crm, contact)
        for month in range(1, 7):
            sell(crm, contact, f"2025-{month:02}-02", "60.00")
        praise = {"kind": "call", "direction": "inbound", "sentiment": 0.9}
        at = "2025-05-05T10:00:00Z"
        crm.create("interactions", contact_id=contact, occurred_at=at, **praise)
    analytics.published()
    instruments = ["personal_communication", "return_offer", "churn_survey"]
    plan = analytics.client.post(
        "/v1/plans", json=PLAN | {"filters": {"instrument": instruments}}
    ).json()
    everybody, _ = export(analytics, plan)
    complaining, settled = sorted(everybody)
    told = {"kind": "complaint", "severity": 2, "occurred_at": "2026-01-30T10:00:00Z"}
    case = crm.create("interactions", contact_id=complaining, **told)
    crm.create("interactions", contact_id=settled, resolution="fixed", **told)
    expected = (everybody - {complaining}, {"changed_since_refresh": 1})
    assert export(analytics, plan) == expected
    analytics.published()
    listed, dropped = export(analytics, plan)
    assert complaining not in listed and "changed_since_refresh" not in dropped
    settle = {"resolution": "fixed", "resolved_at": "2026-01-30T12:00:00Z"}
    assert crm.patch(f"/v1/interactions/{case['id']}", settle, version="*").status_code == 200
    # What it is recommended is not computed yet.
    assert complaining not in export(analytics, plan)[0]
    analytics.published()
    assert complaining in export(analytics, plan)[0]


def begin_experiment(analytics: Analytics, instrument: str, *, phase: str) -> Holdout:
    """Begin one that leaves every second alone, and return whom it holds out."""
    strategy = next(
        each.id
        for each in CATALOGUE.strategies
        if phase in each.phases and instrument in each.instruments
    )
    step = {"phase": phase, "strategy_id": strategy, "instrument_id": instrument}
    try_out(analytics, step)
    return Holdout("", "tried", phase, strategy, instrument, None, 0.5, ())


@pytest.mark.parametrize("is_in_its_phase", [True, False])
def test_nobody_of_a_control_group_is_listed_whatever_strategy_and_phase(
    analytics: Analytics, planned: tuple[Any, list[Any]], is_in_its_phase: bool
) -> None:
    plan, items = planned
    instrument, phase = items[0]["instrument_id"], items[0]["phase"]
    everybody, _ = export(analytics, plan)
    if not is_in_its_phase:
        # Whoever came into another phase still waits for the outcome.
        phases = next(each.phases for each in CATALOGUE.instruments if each.id == instrument)
        phase = next(other for other in phases if other != phase)
    holdout = begin_experiment(analytics, instrument, phase=phase)
    same = [item["unit_id"] for item in items if item["instrument_id"] == instrument]
    held = {unit for unit, is_held in zip(same, holdout.holds_out(same), strict=True) if is_held}
    assert held
    assert export(analytics, plan) == (everybody - held, {"control_group": len(held)})


def test_nobody_of_a_control_group_is_planned_for_what_is_tried(
    analytics: Analytics, planned: tuple[Any, list[Any]]
) -> None:
    plan, items = planned
    instrument, phase = items[0]["instrument_id"], items[0]["phase"]
    holdout = begin_experiment(analytics, instrument, phase=phase)
    same = [item["unit_id"] for item in items if item["instrument_id"] == instrument]
    held = {unit for unit, is_held in zip(same, holdout.holds_out(same), strict=True) if is_held}
    assert held
    again = analytics.client.post("/v1/plans", json=PLAN).json()
    chosen = analytics.get(f"/v1/plans/{again['id']}/choices")["items"]
    tried = {item["unit_id"] for item in chosen if item["instrument_id"] == instrument}
    assert set(same) - held <= tried
    assert tried.isdisjoint(held)
    _, dropped = export(analytics, again)
    assert dropped == {}
    assert again["candidate_count"] <= plan["candidate_count"]


def test_what_was_decided_on_is_not_listed_and_without_the_crm_nothing_is(
    crm: Crm, analytics: Analytics, planned: tuple[Any, list[Any]]
) -> None:
    plan, items = planned
    everybody, _ = export(analytics, plan)
    unit_id = items[0]["unit_id"]
    decision = {
        "unit_id": unit_id,
        "recommendation_id": items[0]["recommendation_id"],
        "decision": "accepted",
    }
    made = analytics.client.post("/v1/decisions", json=decision)
    assert made.status_code == 201, made.text
    assert export(analytics, plan) == (everybody - {unit_id}, {"decided": 1})
    again = analytics.client.post("/v1/plans", json=PLAN).json()
    planned_anew = analytics.get(f"/v1/plans/{again['id']}/choices")["items"]
    assert items[0]["recommendation_id"] not in {item["recommendation_id"] for item in planned_anew}
    crm.stop()
    path = f"/v1/plans/{plan['id']}/export?reason=Mailing"
    answer = analytics.client.get(path, headers={"Accept-Language": "de"})
    crm.start()
    assert (answer.status_code, answer.json()["code"]) == (503, "crm_not_asked")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"].startswith("Das CRM hat nicht gesagt")


def test_who_asks_for_its_data_is_told_its_experiments_and_plans(
    analytics: Analytics, planned: tuple[Any, list[Any]]
) -> None:
    plan, items = planned
    export(analytics, plan)
    item = items[0]
    unit_id, arms = (
        item["unit_id"],
        {name: item[f"{name}_id"] for name in ("strategy", "instrument")},
    )
    experiment = try_out(analytics, item)
    analytics.published()
    told = analytics.get(f"/v1/customers/{unit_id}/personal-data")
    (of_plan,), (tried,) = told["plans"], told["experiments"]
    assert (of_plan["id"], of_plan["name"], of_plan["period"]) == (
        plan["id"],
        plan["name"],
        plan["period"],
    )
    assert of_plan["choice"] == item
    assert [each["reason"] for each in of_plan["lists"]] == ["Mailing"]
    assert (tried["id"], tried["name"]) == (experiment, "Does it work?")
    assert {name: tried[f"{name}_id"] for name in arms} == arms
    assigned = analytics.get(f"/v1/experiments/{experiment}/assignments")["items"]
    assert tried["assignment"] == next(each for each in assigned if each["unit_id"] == unit_id)
    assert tried["assignment"]["arm"] in ("treatment", "control")
    assert tried["known_by"]["purchase_count"] == 2
    assert "experiments" in told["logic"]
    german = analytics.get(
        f"/v1/customers/{unit_id}/personal-data", headers={"Accept-Language": "de"}
    )
    assert "Experiment" in german["logic"]
    assert german["experiments"][0]["strategy_label"] != tried["strategy_label"]
    assert german["plans"][0]["choice"]["strategy_label"] != item["strategy_label"]
