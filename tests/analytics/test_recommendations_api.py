"""Recommendations over HTTP: what is owed, what pays, what was ruled out, in both languages."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.analytics.app import create_app
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from tests.analytics.published import publish_simulated
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client

OWED = {
    "privacy_request": "R_PRIVACY_REQUEST",
    "complaint_handling": "R_OPEN_COMPLAINT",
    "answer_message": "R_ANSWER_WAITING",
}
"""What is owed, the most urgent first, and how it is explained."""


@pytest.fixture(scope="module", params=BOTH)
def analytics(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("analytics")
    url = templates.fresh("analytics", request.param, folder)
    publish_simulated(url, count=150)
    settings = Settings(data_dir=folder, analytics_database_url=url, log_requests=False)
    with (
        LiveServer(create_app(settings, schedules=False)) as live,
        client(live.url, store_key(url, scopes=SCOPES)) as known,
    ):
        yield known


def items(analytics: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = analytics.get("/v1/recommendations", params={"limit": 200, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_the_list_has_everyone_with_something_to_do_by_expected_value(
    analytics: httpx.Client,
) -> None:
    found = items(analytics)
    assert {item["basis"] for item in found} == {
        "expected_value",
        "obligation",
        "profiling_objection",
    }
    values = [
        float(item["steps"][0]["expected_value"]["amount"]) for item in found if item["steps"]
    ]
    assert values == sorted(values, reverse=True)
    assert all(item["steps"] or item["obligations"] for item in found)


def test_pages_follow_one_another_without_gap_or_repetition(analytics: httpx.Client) -> None:
    whole = [item["unit_id"] for item in items(analytics)]
    path, pages = "/v1/recommendations?limit=7", []
    while path:
        answer = analytics.get(path).json()
        pages += [item["unit_id"] for item in answer["items"]]
        path = answer["next"]
    assert pages == whole


@pytest.mark.parametrize("name", ["phase", "strategy", "instrument", "channel", "owner"])
def test_a_filter_keeps_those_whose_best_step_fits(analytics: httpx.Client, name: str) -> None:
    def of(item: dict[str, Any]) -> Any:
        if name == "owner":
            return item["owner_id"]
        named = item["phase"] if name == "phase" else item["steps"] and item["steps"][0][name]
        return named["id"] if named else None

    whole = items(analytics)
    wanted = next(value for value in map(of, whole) if value is not None)
    found = items(analytics, **{name: wanted})
    assert [item["unit_id"] for item in found] == [
        item["unit_id"] for item in whole if of(item) == wanted
    ]
    assert len(found) > 0
    if name != "owner":
        assert any(item["obligations"] for item in found)


def test_a_basis_finds_those_who_are_shown_with_it(analytics: httpx.Client) -> None:
    whole = items(analytics)
    for wanted in (["obligation"], ["profiling_objection"], ["obligation", "expected_value"]):
        found = items(analytics, recommendation_basis=wanted)
        assert found == [item for item in whole if item["basis"] in wanted]
        assert found
    # Whoever is owed something is found by that, whether it objects to profiling or not.
    found = items(analytics, obligation=list(OWED))
    assert {item["basis"] for item in found} == {"obligation", "profiling_objection"}
    assert found == [item for item in whole if item["obligations"]]
    found = items(analytics, obligation="complaint_handling")
    for item in found:
        assert "complaint_handling" in {each["instrument"]["id"] for each in item["obligations"]}


def test_one_customer_is_told_what_to_do_why_and_what_not_to_do(analytics: httpx.Client) -> None:
    unit_id = next(
        item["unit_id"] for item in items(analytics) if item["basis"] == "expected_value"
    )
    answer = analytics.get(f"/v1/customers/{unit_id}/recommendations")
    assert answer.status_code == 200
    found = answer.json()
    assert found["do_nothing"]["expected_value"]["amount"] == "0.00"
    assert [step["rank"] for step in found["steps"]] == list(range(1, len(found["steps"]) + 1))
    for step in found["steps"]:
        parts = sum(reason["contribution"] or 0 for reason in step["reasons"])
        assert parts == pytest.approx(float(step["expected_value"]["amount"]), abs=0.02)
        assert step["channel"]["label"]
        assert (step["event"] is None) == (step["valid_until"] is None)
        assert step["rank"] == 1 or step["event_record_id"] is None
    assert found["steps"][0]["reasons"][0]["code"] == "R_NEXT_STEP"
    shown = analytics.get(f"/v1/customers/{unit_id}").json()["recommendation"]
    assert shown["id"] == found["steps"][0]["id"]
    for each in found["ruled_out"]:
        assert each["why"] in ("not_met", "holds", "unknown", "spend_cap")
        assert (each["condition"] is None) == (each["why"] == "spend_cap")


def test_a_step_tells_its_terms_its_evidence_and_why_this_channel(analytics: httpx.Client) -> None:
    steps = [step for item in items(analytics) for step in item["steps"]]
    assert any(step["terms"] for step in steps)
    instruments = {each.id: each for each in load_catalogue().instruments}
    for step in steps:
        given = instruments[step["instrument"]["id"]]
        terms = step["terms"] or {"discount_pct": None, "incentive": None}
        assert (terms["discount_pct"] or 0) == given.incentive_pct
        assert float((terms["incentive"] or {"amount": 0})["amount"]) == given.incentive_abs
        codes = {reason["code"] for reason in step["reasons"]}
        assert "R_CHANNEL" in codes
        named = [each for each in step["reasons"] if each["code"] == "R_ANSWERS"]
        signals = {each["params"]["signal"] for each in named}
        assert {record["role"] for record in step["evidence"]} <= signals


def test_the_first_step_names_the_record_that_its_occasion_follows_from(
    analytics: httpx.Client,
) -> None:
    firsts = [item["steps"][0] for item in items(analytics) if item["steps"]]
    assert any(step["event"] for step in firsts)
    for step in firsts:
        assert (step["event"] is None) == (step["event_record_id"] is None)


def test_texts_come_in_german(analytics: httpx.Client) -> None:
    unit_id = items(analytics)[0]["unit_id"]
    path = f"/v1/customers/{unit_id}/recommendations"
    english, german = (
        analytics.get(path, headers={"Accept-Language": language}).json()
        for language in ("en", "de")
    )
    assert english["steps"][0]["id"] == german["steps"][0]["id"]
    for one, other in zip(english["explanation"], german["explanation"], strict=True):
        assert one["params"] == other["params"]
        assert one["text"] != other["text"]


def test_what_is_owed_comes_first_and_nothing_is_sold_beside_a_complaint(
    analytics: httpx.Client,
) -> None:
    owed = items(analytics, obligation=list(OWED))
    assert owed
    catalogue = load_catalogue()
    ways = (*catalogue.strategies, *catalogue.instruments)
    selling = {each.id for each in ways if "open_complaint" in each.contraindications}
    chosen = {step["strategy"]["id"] for item in items(analytics) for step in item["steps"]}
    assert selling & chosen
    for item in owed:
        ids = [each["instrument"]["id"] for each in item["obligations"]]
        assert ids and ids == [each for each in OWED if each in ids]
        assert {each["expected_value"] for each in item["obligations"]} == {None}
        code = "R_OBJECTION" if item["basis"] == "profiling_objection" else OWED[ids[0]]
        assert item["explanation"][0]["code"] == code
        if "complaint_handling" in ids:
            for step in item["steps"]:
                assert not selling & {step["strategy"]["id"], step["instrument"]["id"]}


def test_a_request_of_a_data_subject_tells_its_record_its_person_and_its_last_day(
    analytics: httpx.Client,
) -> None:
    found = items(analytics, obligation="privacy_request")
    assert found
    for item in found:
        owed = item["obligations"][0]
        assert owed["instrument"]["id"] == "privacy_request"
        assert owed["event_record_id"] and owed["person_id"]
        assert (owed["due_on"], owed["triage"]) == ("2024-11-03", None)
        reasons = {reason["code"]: reason["text"] for reason in owed["reasons"]}
        assert "3 Nov 2024" in reasons["R_PRIVACY_REQUEST_LATE"]
        assert owed["draft"]["language"] == "de"


def test_of_who_objects_to_profiling_nothing_is_recommended(analytics: httpx.Client) -> None:
    asked = {"recommendation_basis": "profiling_objection", "limit": "1"}
    unit_id = analytics.get("/v1/customers", params=asked).json()["items"][0]["unit_id"]
    found = analytics.get(f"/v1/customers/{unit_id}/recommendations").json()
    assert found["basis"] == "profiling_objection"
    assert (found["steps"], found["ruled_out"]) == ([], [])
    assert found["explanation"][0]["code"] == "R_OBJECTION"


def test_what_is_owed_to_who_objects_is_told_and_nothing_else(analytics: httpx.Client) -> None:
    objecting = [item for item in items(analytics) if item["basis"] == "profiling_objection"]
    assert objecting
    for item in objecting:
        (owed,) = item["obligations"]
        assert owed["instrument"]["id"] == "complaint_handling"
        assert (owed["strategy"], owed["goal"], owed["expected_value"]) == (None, None, None)
        assert (item["phase"], item["state"], item["owner_id"], item["steps"]) == (None,) * 3 + (
            [],
        )
        assert [reason["code"] for reason in item["explanation"]][:2] == [
            *("R_OBJECTION", "R_OPEN_COMPLAINT")
        ]
        weight = {1: 0.4, 2: 0.7, 3: 1.0}[owed["triage"]["severity"]]
        assert owed["triage"]["priority"] == pytest.approx(0.5 * weight)


def test_complaints_are_a_queue_by_priority(analytics: httpx.Client) -> None:
    found = items(analytics, obligation="complaint_handling", sort="-priority")
    owed = [each for item in found for each in item["obligations"] if each["triage"]]
    order = [each["triage"]["priority"] for each in owed]
    assert len(found) > 5 and order == sorted(order, reverse=True)
    path, paged = "/v1/recommendations?obligation=complaint_handling&sort=-priority&limit=4", []
    while path:
        answer = analytics.get(path).json()
        paged += [item["unit_id"] for item in answer["items"]]
        path = answer["next"]
    assert paged == [item["unit_id"] for item in found]
    assert {each["triage"]["severity"] for each in owed} == {1, 2, 3}
    for each in owed:
        is_worst = each["triage"]["severity"] == 3
        assert each["triage"]["at_once"] is is_worst
        assert "R_COMPLAINT_LATE" in {reason["code"] for reason in each["reasons"]}
        assert each["triage"]["open_count"] >= 1
        assert each["due_on"] == "2024-10-04"
        assert each["event_record_id"] and each["person_id"]
        assert each["draft"]["language"] == "de"
    assert len(owed) == len(found)
    (last,) = items(analytics, sort="-priority")[-1:]
    assert not [each for each in last["obligations"] if each["triage"]]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"strategy": "No Such"}, 422),
        ({"strategy": "nonsense"}, 422),
        ({"channel": "nope"}, 422),
        ({"sort": "name"}, 422),
        ({"colour": "red"}, 422),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_names_it(
    analytics: httpx.Client, asked: dict[str, str], status: int
) -> None:
    answer = analytics.get("/v1/recommendations", params=asked)
    assert answer.status_code == status
    assert next(iter(asked)) in answer.json()["errors"][0]["pointer"]


@pytest.mark.parametrize("path", ["customers", "recommendations"])
@pytest.mark.parametrize(
    "asked", ["strategy=foo", "strategy=covert_deescalation", "instrument=price_increase"]
)
def test_a_filter_tells_nothing_of_covert_ways(
    analytics: httpx.Client, path: str, asked: str
) -> None:
    answer = analytics.get(f"/v1/{path}?{asked}")
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert fault["code"] == "unknown_id"
    kind = asked.partition("=")[0]
    assert "bondage" in fault["message"] if kind == "strategy" else "gift" in fault["message"]
    for hidden in ("covert", "price_increase", "gradual_reduction"):
        assert hidden not in fault["message"]


def test_a_problem_in_german_has_its_days_in_german(analytics: httpx.Client) -> None:
    path = "/v1/customers/01977b3a-5c00-7000-8000-00000000ffff"
    detail = analytics.get(path, headers={"Accept-Language": "de"}).json()["detail"]
    assert re.search(r"Ihr Stand ist der \d\d\.\d\d\.\d{4}: ", detail)
    assert re.search(r"as of \d{4}-\d\d-\d\d: ", analytics.get(path).json()["detail"])
