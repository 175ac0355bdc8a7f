"""The kinds of interactions: what each records, and what it takes to record it."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from services.crm_api.interactions.schemas import Kind
from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, make, place, problem, short

KINDS: tuple[str, ...] = get_args(Kind)
TALKS = ("call", "email", "message", "chat", "meeting", "visit", "social", "note")
CASES = ("complaint", "service_request")
OURS = (*TALKS, "survey_invitation", "campaign_touch", "offer", "payment_reminder")
ONLY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "sentiment": (0.5, (*TALKS, "complaint")),
    "sentiment_source": ("agent", (*TALKS, "complaint")),
    "severity": (2, ("complaint",)),
    "justified": (False, ("complaint",)),
    "resolved_at": ("2025-02-04T10:00:00Z", CASES),
    "resolution": ("explained", CASES),
    "status": ("acknowledged", CASES),
    "ratings": ([{"dimension": "product", "perception": 5}], ("survey_response",)),
    "nps": (0, ("survey_response",)),
    "reason": ("Slow.", ("survey_response",)),
    "outcome": ("sent", ("campaign_touch", "offer", "survey_invitation")),
    "competitor_id": ("nordwind", ("campaign_touch", "offer", "cancellation")),
    "discount_pct": ("10", ("offer",)),
    "price": ({"amount": "0.00", "currency": "EUR"}, ("offer",)),
    "valid_until": ("2035-01-01T00:00:00Z", ("offer",)),
    "effective_at": ("2035-01-01T00:00:00Z", ("cancellation",)),
    "event_type": ("household_growth", ("life_event",)),
    "despite_open_complaint": (True, ("payment_reminder",)),
}
"""The fields of the specification that only some kinds have: a value, and those kinds."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_its_fields_and_no_others(service: Crm, kind: str) -> None:
    contact = make(service, "contacts")["id"]
    base = {"contact_id": contact, "kind": kind} | ({"severity": 1} if kind == "complaint" else {})
    items = [
        {"action": "create", "data": short(service, "interactions", **{**base, name: value})}
        for name, (value, _) in ONLY.items()
    ]
    answer = service.client.post("/v1/interactions/batch", json={"items": items}).json()
    for (name, (_, kinds)), result in zip(ONLY.items(), answer["items"], strict=True):
        if kind in kinds:
            assert result["status"] == 201, (name, result)
            continue
        fault = result["problem"]["errors"][0]
        assert result["problem"]["code"] == "field_of_other_kind", (name, result)
        assert fault["pointer"] == f"/data/{name}"
        assert all(each in fault["message"] for each in (name, kind, *kinds))


@pytest.mark.parametrize("kind", OURS)
def test_what_we_do_can_be_planned_for_somebody_and_done(service: Crm, kind: str) -> None:
    user = f"user-of-{kind}"
    body = {"kind": kind, "due_at": "2035-01-01T10:00:00Z", "user_id": user}
    contact = make(service, "contacts")["id"]
    task = service.create("interactions", contact_id=contact, **body)
    mine = f"/v1/interactions?user_id={user}&is_planned=true&due_at_lt=2035-01-02T00:00:00Z"
    assert [item["id"] for item in all_pages(service.client, f"{mine}&sort=due_at")] == [task["id"]]
    done = {"done_at": "2025-06-01T10:00:00Z"}
    assert service.patch(f"/v1/interactions/{task['id']}", done, version=1).status_code == 200
    assert all_pages(service.client, mine) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OURS])
def test_what_the_customer_does_cannot_be_planned(service: Crm, kind: str) -> None:
    severity = {"severity": 1} if kind == "complaint" else {}
    due = {"due_at": "2035-01-01T10:00:00Z"}
    body = {**place(service, "interactions"), "kind": kind, **severity}
    answer = service.client.post("/v1/interactions", json={**body, **due})
    assert problem(answer, 422, "no_task")["errors"][0]["pointer"] == "/body/due_at"
    made = service.create("interactions", **body, **due, done_at="2025-06-01T10:00:00Z")
    undone = service.patch(f"/v1/interactions/{made['id']}", {"done_at": None}, version=1)
    assert problem(undone, 422, "no_task")["errors"][0]["pointer"] == "/body/done_at"


def test_a_reason_to_decline_goes_with_declining(service: Crm) -> None:
    fields: dict[str, Any] = {"kind": "offer", "product_id": "P1", "decline_reason": "price"}
    body = short(service, "interactions", **fields, outcome="sent")
    problem(service.client.post("/v1/interactions", json=body), 422, "not_declined")
    made = make(service, "interactions", **fields, outcome="declined", competitor_id="nordwind")
    path = f"/v1/interactions/{made['id']}"
    changed = service.patch(path, {"outcome": "accepted"}, version=1).json()
    assert (changed["outcome"], changed["decline_reason"]) == ("accepted", None)
    problem(service.patch(path, {"decline_reason": "trust"}, version=2), 422, "not_declined")
    unknown = short(service, "interactions", **{**fields, "decline_reason": "mood"})
    assert "price" in problem(service.client.post("/v1/interactions", json=unknown), 422)["detail"]


def test_a_survey_rates_each_dimension_once(service: Crm) -> None:
    rated = [
        {"dimension": "product", "perception": 7, "expectation": 9},
        {"dimension": "psychic", "perception": 10, "expectation": None},
    ]
    fields: dict[str, Any] = {"kind": "survey_response", "ratings": rated, "nps": 9}
    made = make(service, "interactions", **fields, reason="Friendly.")
    assert (made["ratings"], made["nps"], made["reason"]) == (rated, 9, "Friendly.")
    path = f"/v1/interactions/{made['id']}"
    found = problem(service.patch(path, {"ratings": [*rated, rated[0]]}, version=1), 422)
    assert (found["code"], found["errors"][0]["pointer"]) == (
        "rated_twice",
        "/body/ratings/2/dimension",
    )


# Complaints


@pytest.mark.parametrize(
    ("present", "possible"),
    [
        ("open", {"acknowledged", "resolved", "rejected"}),
        ("acknowledged", {"acknowledged", "resolved", "rejected"}),
        ("resolved", {"reopened", "resolved"}),
        ("rejected", {"reopened", "rejected"}),
        ("reopened", {"acknowledged", "resolved", "rejected", "reopened"}),
    ],
)
def test_a_complaint_moves_only_as_its_life_allows(
    service: Crm, present: str, possible: set[str]
) -> None:
    contact = make(service, "contacts")["id"]
    way = {"reopened": ["resolved", "reopened"], "open": []}.get(present, [present])
    for wanted in ("open", "acknowledged", "resolved", "rejected", "reopened"):
        made = make(service, "interactions", contact_id=contact, kind="complaint", severity=1)
        path = f"/v1/interactions/{made['id']}"
        for status in way:
            made = service.patch(path, {"status": status}, version="*").json()
        assert made["status"] == present
        answer = service.patch(path, {"status": wanted}, version="*")
        if wanted in possible or wanted == present:
            assert answer.json()["status"] == wanted
        else:
            found = problem(answer, 422, "status_impossible")
            assert all(each in found["detail"] for each in possible - {present})


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "open", "resolution": "fixed"},
        {"status": "acknowledged", "resolved_at": "2025-02-04T10:00:00Z"},
        {"status": "resolved", "resolution": "rejected"},
        {"status": "rejected", "resolution": "fixed"},
        {"status": "reopened"},
    ],
)
def test_the_state_of_a_complaint_and_its_resolution_agree(
    service: Crm, fields: dict[str, Any]
) -> None:
    body = short(service, "interactions", kind="complaint", severity=1, **fields)
    problem(service.client.post("/v1/interactions", json=body), 422, "status_impossible")


def test_a_case_is_not_settled_before_it_came(service: Crm) -> None:
    before, came, after = (f"2026-01-{day}T00:00:00Z" for day in ("01", "10", "20"))
    fields = {"kind": "service_request", "occurred_at": came}
    body = short(service, "interactions", **fields, resolved_at=before)
    found = problem(service.client.post("/v1/interactions", json=body), 422, "ends_before_start")
    assert found["errors"][0]["pointer"] == "/body/resolved_at"
    case = make(service, "interactions", **fields)
    path = f"/v1/interactions/{case['id']}"
    answer = service.patch(path, {"resolved_at": before}, version=1)
    found = problem(answer, 422, "ends_before_start")
    assert found["errors"][0]["pointer"] == "/body/resolved_at"
    assert service.patch(path, {"resolved_at": came}, version=1).status_code == 200
    answer = service.patch(path, {"occurred_at": after}, version=2)
    found = problem(answer, 422, "ends_before_start")
    assert found["errors"][0]["pointer"] == "/body/occurred_at"
    later = {"occurred_at": after, "resolved_at": after}
    assert service.patch(path, later, version=2).status_code == 200
    slightly_ahead = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    settled = {**fields, "occurred_at": slightly_ahead, "status": "resolved"}
    case = make(service, "interactions", **settled)
    assert case["resolved_at"] == case["occurred_at"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"status": "reopened", "resolution": "fixed"}, "resolution"),
        ({"status": "reopened", "resolved_at": "2026-01-01T00:00:00Z"}, "resolved_at"),
        ({"resolved_at": None, "resolution": "fixed"}, "resolution"),
        ({"status": "resolved", "resolved_at": None}, "resolved_at"),
    ],
)
def test_a_case_that_is_settled_changes_without_contradiction(
    service: Crm, fields: dict[str, Any], pointer: str
) -> None:
    made = make(service, "interactions", kind="complaint", severity=1, resolution="explained")
    path = f"/v1/interactions/{made['id']}"
    found = problem(service.patch(path, fields, version=1), 422, "status_impossible")
    assert found["errors"][0]["pointer"] == f"/body/{pointer}"
    opened = service.patch(path, {"status": "reopened", "resolution": None}, version=1)
    assert (opened.status_code, opened.json()["resolved_at"]) == (200, None)
    still = service.patch(path, {"status": "reopened", "resolution": "fixed"}, version=2)
    problem(still, 422, "status_impossible")


def test_what_was_done_happened_when_it_was_done(service: Crm) -> None:
    due, done, other = (f"2025-0{month}-01T00:00:00Z" for month in (1, 2, 3))
    body = short(service, "interactions", kind="call", due_at=due, done_at=done)
    body["occurred_at"] = other
    found = problem(service.client.post("/v1/interactions", json=body), 422, "instants_differ")
    assert found["errors"][0]["pointer"] == "/body/occurred_at"
    made = service.create("interactions", **{**body, "occurred_at": done})
    path = f"/v1/interactions/{made['id']}"
    problem(service.patch(path, {"occurred_at": other}, version=1), 422, "instants_differ")
    both = {"occurred_at": due, "done_at": other}
    problem(service.patch(path, both, version=1), 422, "instants_differ")
    moved = service.patch(path, {"done_at": other}, version=1).json()
    assert moved["occurred_at"] == moved["done_at"] == "2025-03-01T00:00:00.000000Z"
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answers = [
        service.patch(path, {"done_at": late}, version=2),
        service.client.post(
            "/v1/interactions",
            json={"contact_id": made["contact_id"], "kind": "call", "due_at": due, "done_at": late},
        ),
    ]
    for answer in answers:
        found = problem(answer, 422, "in_the_future")
        assert found["errors"][0]["pointer"] == "/body/done_at"


def test_open_complaints_are_listed_by_age_and_by_whether_they_are_decided(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    old, new, settled = (
        make(
            service,
            "interactions",
            contact_id=contact,
            kind="complaint",
            severity=severity,
            occurred_at=f"2025-01-0{day}T00:00:00Z",
            touchpoint="delivery",
        )
        for day, severity in ((2, 1), (3, 3), (1, 2))
    )
    fields = {"status": "resolved", "justified": True}
    service.patch(f"/v1/interactions/{settled['id']}", fields, version=1)
    asked = f"/v1/interactions?contact_id={contact}&kind=complaint&sort=occurred_at"
    still_open = "&status=open&status=acknowledged&status=reopened"
    listed = all_pages(service.client, asked + still_open)
    assert [item["id"] for item in listed] == [old["id"], new["id"]]
    assert (
        len(all_pages(service.client, f"{asked}{still_open}&severity=3&touchpoint=delivery")) == 1
    )
    assert len(all_pages(service.client, f"{asked}&justified_known=false")) == 2
    assert [item["id"] for item in all_pages(service.client, f"{asked}&justified=true")] == [
        settled["id"]
    ]


# Recordings


def consent(crm: Crm, contact: str, channel: str, action: str) -> None:
    body = {"channel": channel, "purpose": "recording", "action": action}
    answer = crm.client.post(f"/v1/contacts/{contact}/consents", json=body)
    assert answer.status_code == 201, answer.text


def test_a_recording_is_kept_only_with_consent(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    recorded = {"contact_id": contact, "recording_ref": "rec:4711"}
    body = short(service, "interactions", **recorded, channel="phone")
    code = "recording_without_consent"
    found = problem(service.client.post("/v1/interactions", json=body), 422, code)
    assert found["errors"][0]["pointer"] == "/body/recording_ref"
    advertising = {"channel": "phone", "purpose": "marketing", "action": "granted"}
    service.client.post(f"/v1/contacts/{contact}/consents", json=advertising)
    problem(service.client.post("/v1/interactions", json=body), 422, code)
    consent(service, contact, "phone", "granted")
    made = service.create("interactions", **body)
    assert made["recording_ref"] == "rec:4711"
    path = f"/v1/interactions/{made['id']}"
    problem(service.patch(path, {"channel": "video"}, version=1), 422, code)
    video = {**body, "channel": "video"}
    assert "video" in problem(service.client.post("/v1/interactions", json=video), 422)["detail"]
    # At an event nobody consents by channel: any consent to recordings counts.
    assert service.client.post("/v1/interactions", json={**body, "channel": "event"}).is_success
    consent(service, contact, "phone", "withdrawn")
    problem(service.client.post("/v1/interactions", json=body), 422, code)
    problem(service.patch(path, {"recording_ref": "rec:4712"}, version=1), 422, code)
    assert service.patch(path, {"subject": "x"}, version=1).status_code == 200
    assert service.patch(path, {"recording_ref": None}, version=2).status_code == 200


# Reminders


def test_a_complaint_of_a_person_in_the_trash_holds_no_reminder_up(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    person = make(service, "contacts", parent_id=firm)["id"]
    make(service, "interactions", contact_id=person, kind="complaint", severity=1)
    reminder = short(service, "interactions", contact_id=firm, kind="payment_reminder")
    problem(service.client.post("/v1/interactions", json=reminder), 409, "open_complaint")
    service.client.delete(f"/v1/contacts/{person}", headers={"If-Match": "*"})
    assert service.client.post("/v1/interactions", json=reminder).status_code == 201


def test_a_planned_reminder_is_asked_about_complaints_when_it_goes_out(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    planned = {"contact_id": contact, "kind": "payment_reminder", "due_at": "2035-01-01T00:00:00Z"}
    task = service.create("interactions", **planned)
    complaint = make(service, "interactions", contact_id=contact, kind="complaint", severity=1)
    path = f"/v1/interactions/{task['id']}"
    moved = service.patch(path, {"due_at": "2035-02-01T00:00:00Z"}, version=1)
    assert moved.status_code == 200
    done = {"done_at": "2025-03-01T00:00:00Z"}
    found = problem(service.patch(path, done, version=2), 409, "open_complaint")
    assert found["existing_id"] == complaint["id"]
    sent = service.patch(path, {**done, "despite_open_complaint": True}, version=2)
    assert (sent.status_code, sent.json()["is_planned"]) == (200, False)


def test_a_reminder_is_about_a_deal_of_who_is_reminded(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    person = make(service, "contacts", parent_id=firm)["id"]
    deal = make(service, "deals", contact_id=person)["id"]
    body = {"kind": "payment_reminder", "occurred_at": "2025-03-01T00:00:00Z", "deal_id": deal}
    made = service.create("interactions", contact_id=firm, **body)
    assert made["deal_id"] == deal
    stranger = {**body, "contact_id": make(service, "contacts")["id"]}
    found = problem(service.client.post("/v1/interactions", json=stranger), 422, "deal_of_another")
    assert found["errors"][0]["pointer"] == "/body/deal_id"
    other = make(service, "deals")["id"]
    refused = service.patch(f"/v1/interactions/{made['id']}", {"deal_id": other}, version=1)
    problem(refused, 422, "deal_of_another")


# Offers


def test_offers_that_end_soon_are_listed_the_next_one_first(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    now = datetime.now(UTC)
    ends = [(now + timedelta(days=days)).isoformat() for days in (20, 3, 90)]
    late, soon, _ = (
        make(
            service,
            "interactions",
            contact_id=contact,
            kind="offer",
            product_id=f"P{number}",
            valid_until=until,
        )["id"]
        for number, until in enumerate(ends)
    )
    asked = {
        "contact_id": contact,
        "kind": "offer",
        "valid_until_gte": now.isoformat(),
        "valid_until_lt": (now + timedelta(days=30)).isoformat(),
        "sort": "valid_until",
    }
    listed = service.client.get("/v1/interactions", params=asked).json()["items"]
    assert [item["id"] for item in listed] == [soon, late]
