"""The small resources around contacts: each lives the life of any record and keeps its rules."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, update

from services.crm_api.contacts.table import contacts
from services.foundation.connecting import connect
from services.foundation.statements import Statement
from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, fresh, make, merge, problem, undo

_SET_CUSTOM = Statement(
    update(contacts)
    .where(contacts.c.id == bindparam("at_id"))
    .values(custom=bindparam("set_custom", type_=contacts.c.custom.type))
)

EXAMPLES: dict[str, dict[str, Any]] = {
    "products": {"name": "Oak table"},
    "campaigns": {"name": "Spring"},
    "competitors": {"name": "Nordwind AG"},
    "swot-items": {"subject": "self", "quadrant": "strength", "statement": "Fast."},
    "competitor-activities": {
        "competitor_id": "nordwind",
        "kind": "opening",
        "occurred_at": "2025-01-01T00:00:00Z",
        "description": "A shop in Kiel.",
    },
    "segments": {"name": "Germans", "filter": {"language": ["de"]}},
    "pipelines": {
        "name": "Projects",
        "stages": [
            {"key": "idea", "name": "Idea", "kind": "open", "next": ["offer", "refused"]},
            {"key": "offer", "name": "Offer", "kind": "open"},
            {"key": "order", "name": "Order", "kind": "won"},
            {"key": "refused", "name": "Refused", "kind": "lost"},
        ],
    },
}
KEYED = ("products", "campaigns", "competitors", "segments", "pipelines")


@pytest.mark.parametrize("plural", EXAMPLES)
def test_each_is_created_read_changed_listed_thrown_away_and_restored(
    service: Crm, plural: str
) -> None:
    ref = {"source": "erp", "id": fresh()}
    made = service.create(plural, **EXAMPLES[plural], external_refs=[ref])
    path = f"/v1/{plural}/{made['id']}"
    assert service.client.get(path).json() == made
    assert all_pages(service.client, f"/v1/{plural}?id={made['id']}") == [made]
    again = service.client.put(
        f"/v1/{plural}/by-external-id/erp/{ref['id']}", json=EXAMPLES[plural]
    )
    assert again.json() == made, again.text
    changed = service.patch(path, {"external_refs": []}, version=1).json()
    assert (changed["version"], changed["external_refs"]) == (2, [])
    assert service.client.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    problem(service.client.get(path), 404)
    assert service.client.post(f"{path}/restore").json()["version"] == 4
    events = [
        event["type"]
        for event in service.client.get("/v1/changes", params={"limit": 1000}).json()["items"]
        if event["subject"] == f"{plural}/{made['id']}"
    ]
    if events:
        name = events[0].split(".")[1]
        kinds = ("created", "updated", "deleted", "restored")
        assert events == [f"crm.{name}.{kind}.v1" for kind in kinds]


@pytest.mark.parametrize("plural", KEYED)
def test_a_key_is_the_id_unless_it_is_given_and_belongs_to_one(service: Crm, plural: str) -> None:
    plain = service.create(plural, **EXAMPLES[plural])
    assert plain["key"] == plain["id"]
    key = fresh("key")
    first = service.create(plural, **EXAMPLES[plural], key=key)
    answer = service.client.post(f"/v1/{plural}", json={**EXAMPLES[plural], "key": key})
    assert problem(answer, 409, "key_taken")["existing_id"] == first["id"]
    assert all_pages(service.client, f"/v1/{plural}?key={key}") == [first]
    service.client.delete(f"/v1/{plural}/{first['id']}", headers={"If-Match": "*"})
    assert service.create(plural, **EXAMPLES[plural], key=key)["key"] == key


@pytest.mark.parametrize("plural", ["products", "campaigns", "competitors", "pipelines"])
def test_a_key_that_records_name_never_changes(service: Crm, plural: str) -> None:
    ref = {"source": "erp", "id": fresh()}
    body = {**EXAMPLES[plural], "key": fresh("key")}
    made = service.create(plural, **body, external_refs=[ref])
    problem(service.patch(f"/v1/{plural}/{made['id']}", {"key": fresh()}, version=1), 422)
    path = f"/v1/{plural}/by-external-id/erp/{ref['id']}"
    assert service.client.put(path, json=body).status_code == 200
    other = service.client.put(path, json={**body, "key": fresh()})
    problem(other, 422, "fixed_at_creation")


def test_a_product_neither_follows_itself_nor_goes_with_itself(service: Crm) -> None:
    key = fresh("key")
    for name, value in (("successor_id", key), ("complements", ["other", key])):
        body = {"name": "Oak table", "key": key, name: value}
        found = problem(service.client.post("/v1/products", json=body), 422, "points_to_itself")
        assert found["errors"][0]["pointer"] == f"/body/{name}"
    made = service.create("products", name="Oak table", key=key, complements=["other"])
    path = f"/v1/products/{made['id']}"
    problem(service.patch(path, {"successor_id": key}, version=1), 422, "points_to_itself")
    assert all_pages(service.client, f"/v1/products?complement=other&key={key}") == [made]


@pytest.mark.parametrize("plural", KEYED)
def test_a_key_that_is_taken_meanwhile_keeps_the_former_one_in_the_trash(
    service: Crm, plural: str
) -> None:
    body = {**EXAMPLES[plural], "key": fresh("key")}
    former = service.create(plural, **body)
    path = f"/v1/{plural}/{former['id']}"
    service.client.delete(path, headers={"If-Match": "*"})
    present = service.create(plural, **body)
    found = problem(service.client.post(f"{path}/restore"), 409, "key_taken")
    assert found["existing_id"] == present["id"]


def test_spans_that_hold_a_day_are_found_open_ends_included(service: Crm) -> None:
    subject = fresh("rival")
    spans = (("2025-01-01", "2025-06-30"), ("2025-07-01", None), (None, "2025-01-31"), (None, None))
    facts = [
        service.create(
            "swot-items",
            **{**EXAMPLES["swot-items"], "subject": subject},
            valid_from=start,
            valid_to=end,
        )["id"]
        for start, end in spans
    ]
    for day, fitting in (
        ("2025-01-31", {0, 2, 3}),
        ("2025-02-01", {0, 3}),
        ("2025-07-01", {1, 3}),
        ("2024-12-31", {2, 3}),
    ):
        asked = f"/v1/swot-items?subject={subject}&valid_on={day}"
        listed = {item["id"] for item in all_pages(service.client, asked)}
        assert listed == {facts[at] for at in fitting}, day
    flag = fresh("flag").replace("-", "_")
    running = service.create("campaigns", name="x", flags=[flag], starts_at="2025-01-01T00:00:00Z")
    asked = f"/v1/campaigns?flag={flag}&running_at="
    assert all_pages(service.client, f"{asked}2025-01-01T00:00:00Z") == [running]
    assert all_pages(service.client, f"{asked}2024-12-31T23:59:59Z") == []


def test_what_names_a_product_or_a_campaign_stays_when_that_is_thrown_away(service: Crm) -> None:
    key = fresh("key")
    product = service.create("products", name="Oak table", key=key)
    lines = [{"product_id": key}]
    deal = make(service, "deals", lines=lines, campaign_id=key)
    campaign = service.create("campaigns", name="Spring", key=key)
    member = service.create(
        "campaign-members", campaign_id=campaign["id"], contact_id=deal["contact_id"]
    )
    for path in (f"/v1/products/{product['id']}", f"/v1/campaigns/{campaign['id']}"):
        assert service.client.delete(path, headers={"If-Match": "*"}).status_code == 204
    assert service.client.get(f"/v1/deals/{deal['id']}").json() == deal
    asked = f"/v1/campaign-members?campaign_id={campaign['id']}"
    assert all_pages(service.client, asked) == [member]
    body = {"campaign_id": campaign["id"], "contact_id": make(service, "contacts")["id"]}
    problem(service.client.post("/v1/campaign-members", json=body), 422, "campaign_missing")
    restored = service.client.post(f"/v1/campaigns/{campaign['id']}/restore")
    assert restored.status_code == 200
    assert service.client.post("/v1/campaign-members", json=body).status_code == 201


def test_a_member_who_joined_again_is_not_restored_beside(service: Crm) -> None:
    campaign = service.create("campaigns", name="Spring")["id"]
    contact = make(service, "contacts")["id"]
    body = {"campaign_id": campaign, "contact_id": contact}
    former = service.create("campaign-members", **body)
    path = f"/v1/campaign-members/{former['id']}"
    service.client.delete(path, headers={"If-Match": "*"})
    again = service.create("campaign-members", **body)
    found = problem(service.client.post(f"{path}/restore"), 409, "member_already")
    assert found["existing_id"] == again["id"]
    again_path = f"/v1/campaign-members/{again['id']}"
    service.client.delete(again_path, headers={"If-Match": "*"})
    service.client.delete(f"/v1/campaigns/{campaign}", headers={"If-Match": "*"})
    problem(service.client.post(f"{path}/restore"), 422, "campaign_missing")
    service.client.post(f"/v1/campaigns/{campaign}/restore")
    assert service.client.post(f"{path}/restore").status_code == 200


def test_a_campaign_does_not_end_before_it_starts(service: Crm) -> None:
    body = {"name": "x", "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}
    found = problem(service.client.post("/v1/campaigns", json=body), 422, "ends_before_start")
    assert found["errors"][0]["pointer"] == "/body/ends_at"


def test_a_contact_is_in_a_campaign_once(service: Crm) -> None:
    campaign = service.create("campaigns", name="Spring")["id"]
    contact = make(service, "contacts")["id"]
    body = {"campaign_id": campaign, "contact_id": contact, "arm": "control"}
    member = service.create("campaign-members", **body)
    found = problem(service.client.post("/v1/campaign-members", json=body), 409, "member_already")
    assert found["existing_id"] == member["id"]
    patched = service.patch(
        f"/v1/campaign-members/{member['id']}", {"outcome": "clicked"}, version=1
    ).json()
    assert (patched["outcome"], patched["arm"]) == ("clicked", "control")
    listed = all_pages(service.client, f"/v1/campaign-members?campaign_id={campaign}&arm=control")
    assert listed == [patched]
    body["campaign_id"] = contact
    problem(service.client.post("/v1/campaign-members", json=body), 422, "campaign_missing")


def test_an_unknown_field_and_an_unknown_filter_are_errors(service: Crm) -> None:
    for plural, body in EXAMPLES.items():
        problem(service.client.post(f"/v1/{plural}", json={**body, "colour": "red"}), 422)
        problem(service.client.get(f"/v1/{plural}?colour=red"), 422)


# Pipelines and the board


@pytest.fixture
def pipeline(service: Crm) -> str:
    return str(service.create("pipelines", **EXAMPLES["pipelines"], key=fresh("pipe"))["key"])


def test_a_deal_goes_through_the_stages_of_its_pipeline(service: Crm, pipeline: str) -> None:
    deal = make(service, "deals", pipeline_id=pipeline)
    assert (deal["stage"], deal["stage_kind"]) == ("idea", "open")
    path = f"/v1/deals/{deal['id']}"
    found = problem(service.patch(path, {"stage": "order"}, version=1), 422, "stage_impossible")
    assert found["possible_stages"] == ["offer", "refused"]
    found = problem(service.patch(path, {"stage": "won"}, version=1), 422, "stage_impossible")
    assert found["possible_stages"] == ["offer", "refused"]
    assert found["detail"] == "The pipeline has no stage won; possible: offer, refused."
    service.patch(path, {"stage": "offer"}, version=1)
    moved = service.patch(path, {"stage": "order"}, version=2).json()
    assert (moved["stage_kind"], moved["closed_at"] is None) == ("won", False)
    assert [entry["kind"] for entry in moved["stage_history"]] == ["open", "open", "won"]
    back = service.patch(path, {"pipeline_id": "default"}, version=3).json()
    assert (back["stage"], back["stage_kind"], back["closed_at"]) == ("new", "open", None)


def test_a_lost_deal_tells_why(service: Crm) -> None:
    deal = make(service, "deals")
    path = f"/v1/deals/{deal['id']}"
    for fields in ({}, {"lost_reason": "other"}, {"lost_reason": "other", "lost_note": " "}):
        answer = service.patch(path, {"stage": "lost", **fields}, version=1)
        problem(answer, 422, "lost_reason_missing")
    why = {"stage": "lost", "lost_reason": "other", "lost_note": "Moved abroad."}
    assert service.patch(path, why, version=1).json()["lost_note"] == "Moved abroad."


def test_a_stage_that_holds_deals_stays(service: Crm, pipeline: str) -> None:
    deal = make(service, "deals", pipeline_id=pipeline)
    (stored,) = all_pages(service.client, f"/v1/pipelines?key={pipeline}")
    path = f"/v1/pipelines/{stored['id']}"
    fewer = [stage for stage in stored["stages"] if stage["key"] != "idea"]
    found = problem(service.patch(path, {"stages": fewer}, version=1), 409, "stage_held")
    assert found["existing_id"] == deal["id"]
    problem(service.client.delete(path, headers={"If-Match": "*"}), 409, "pipeline_used")
    kept = [stage for stage in stored["stages"] if stage["key"] != "offer"]
    kept[0] = {**kept[0], "next": []}
    assert service.patch(path, {"stages": kept}, version=1).status_code == 200
    for wrong in ([kept[0]], [*kept, kept[0]], [{**kept[0], "next": ["nowhere"]}, *kept[1:]]):
        problem(service.patch(path, {"stages": wrong}, version=2), 422, "stages_invalid")
    (default,) = all_pages(service.client, "/v1/pipelines?key=default")
    answer = service.client.delete(f"/v1/pipelines/{default['id']}", headers={"If-Match": "*"})
    problem(answer, 409, "pipeline_used")


def test_the_board_shows_each_stage_with_count_sums_and_newest_deals(
    service: Crm, pipeline: str
) -> None:
    contact = make(service, "contacts")["id"]
    made = [
        make(
            service,
            "deals",
            contact_id=contact,
            pipeline_id=pipeline,
            stage=stage,
            amount={"amount": amount, "currency": currency},
            opened_at=f"2025-01-0{day}T00:00:00Z",
        )
        for day, (stage, amount, currency) in enumerate(
            (
                ("idea", "10.00", "EUR"),
                ("idea", "5.50", "EUR"),
                ("idea", "700", "JPY"),
                ("order", "1.00", "EUR"),
            ),
            start=1,
        )
    ]
    make(service, "deals", contact_id=contact, pipeline_id=pipeline, stage="order")
    path = f"/v1/deals/board?pipeline_id={pipeline}&limit=2"
    board = service.client.get(path).json()
    assert [column["key"] for column in board["columns"]] == ["idea", "offer", "order", "refused"]
    idea, offer, order, _ = board["columns"]
    assert [deal["id"] for deal in idea["deals"]] == [made[2]["id"], made[1]["id"]]
    assert idea["deals"][0] == made[2]
    assert (idea["count"], offer["count"], order["count"]) == (3, 0, 2)
    assert idea["sums"] == [
        {"total": {"amount": "15.50", "currency": "EUR"}, "known_count": 2},
        {"total": {"amount": "700", "currency": "JPY"}, "known_count": 1},
    ]
    assert all_pages(service.client, idea["more"]) == [made[0]]
    none = service.client.get(path.replace("limit=2", "limit=0")).json()["columns"][0]
    assert len(all_pages(service.client, none["more"])) == 3
    assert "more" not in order
    since = service.client.get(f"{path}&closed_since=2095-01-01T00:00:00Z").json()["columns"]
    assert [column["count"] for column in since] == [3, 0, 0, 0]
    problem(service.client.get("/v1/deals/board?pipeline_id=nowhere"), 422)
    slim = service.client.get(f"{path}&fields=title&embed=contact").json()["columns"][0]
    shown = {"id", "title", "version", "contact"}
    assert [card.keys() for card in slim["deals"]] == [shown, shown]
    assert slim["deals"][0]["contact"]["id"] == contact
    assert all_pages(service.client, slim["more"])[0].keys() == shown
    problem(service.client.get(f"{path}&fields=colour"), 422)


@pytest.mark.parametrize(
    "filters",
    [
        "",
        "&currency=EUR&currency=JPY&opened_at_gte=2025-01-02T01:00:00%2B01:00&stage=idea&stage=order",
        "&closed_since=2025-02-03T00:00:00Z",
        "&closed_since=2025-02-01T00:00:00Z&closed_at_gte=2025-02-02T00:00:00Z",
    ],
)
def test_the_links_of_a_board_go_on_behind_the_last_card(
    service: Crm, pipeline: str, filters: str
) -> None:
    contact = make(service, "contacts")["id"]
    for day in range(1, 6):
        placed = {"contact_id": contact, "pipeline_id": pipeline}
        placed |= {"opened_at": f"2025-01-0{day}T00:00:00Z"}
        amount = {"amount": "1.00", "currency": "EUR"}
        make(service, "deals", **placed, amount=amount, stage="idea")
        closed_at = f"2025-02-0{day}T00:00:00Z"
        make(service, "deals", **placed, amount=amount, stage="order", closed_at=closed_at)
    path = f"/v1/deals/board?pipeline_id={pipeline}{filters}"
    whole = service.client.get(f"{path}&limit=50").json()["columns"]
    some = service.client.get(f"{path}&limit=1").json()["columns"]
    followed = 0
    for all_of_it, few in zip(whole, some, strict=True):
        assert "more" not in all_of_it
        rest = all_pages(service.client, few["more"]) if "more" in few else []
        followed += len(rest)
        assert few["deals"] + rest == all_of_it["deals"]
    assert followed >= 2


# Custom fields


LABELS = {"label_en": "Field", "label_de": "Feld"}


def define(crm: Crm, kind: str, **fields: Any) -> str:
    key = fresh("field").replace("-", "_")
    body = {"applies_to": "contacts", "key": key, "type": kind, **LABELS, **fields}
    crm.create("custom-fields", **body)
    return key


OAK = [{"key": key, "label_en": key, "label_de": key} for key in ("oak", "beech")]


@pytest.mark.parametrize(
    ("kind", "good", "other", "bad"),
    [
        ("text", "Größe 42", "43", 42),
        ("integer", 42, 43, 4.5),
        ("number", 4.5, 5, "4.5"),
        ("boolean", True, False, "true"),
        ("date", "2025-02-28", "2025-03-01", "2025-02-30"),
        ("instant", "2025-02-28T00:00:00.000000Z", "2025-03-01T00:00:00.000000Z", "2025-02-28"),
        ("choice", "oak", "beech", "pine"),
        ("choices", ["oak", "beech"], ["beech"], ["pine"]),
    ],
)
def test_a_custom_field_is_checked_kept_and_filtered(
    service: Crm, kind: str, good: Any, other: Any, bad: Any
) -> None:
    key = define(service, kind, **({"options": OAK} if kind.startswith("choice") else {}))
    have = make(service, "contacts", custom={key: good})
    assert have["custom"] == {key: good}
    differs = make(service, "contacts", custom={key: other})
    wrong = {"kind": "person", "name": "x", "custom": {key: bad}}
    found = problem(service.client.post("/v1/contacts", json=wrong), 422)
    assert found["errors"][0]["pointer"].startswith(f"/body/custom/{key}")
    asked = good[0] if isinstance(good, list) else str(good).lower() if good is True else good
    listed = service.client.get("/v1/contacts", params={f"custom.{key}": asked}).json()["items"]
    assert [item["id"] for item in listed] == [have["id"]]
    if kind in ("integer", "number", "date", "instant"):
        for name, wanted in ((f"custom.{key}_gte", differs), (f"custom.{key}_lt", have)):
            listed = service.client.get("/v1/contacts", params={name: other}).json()["items"]
            assert [item["id"] for item in listed] == [wanted["id"]]
    problem(service.client.get("/v1/contacts", params={"custom.nothing": "x"}), 422)


def test_custom_values_are_merged_and_null_takes_one_away(service: Crm) -> None:
    one, two = define(service, "integer"), define(service, "text")
    made = make(service, "contacts", custom={one: 1, two: "x"})
    path = f"/v1/contacts/{made['id']}"
    assert service.patch(path, {"custom": {one: 2}}, version=1).json()["custom"] == {
        one: 2,
        two: "x",
    }
    assert service.patch(path, {"custom": {two: None}}, version=2).json()["custom"] == {one: 2}
    found = problem(service.patch(path, {"custom": {"nothing": 1}}, version=3), 422)
    assert found["code"] == "custom_field_unknown"


def test_a_custom_field_has_one_key_and_fitting_options(service: Crm) -> None:
    key = define(service, "text")
    body = {"applies_to": "contacts", "key": key, "type": "text", "label_en": "x", "label_de": "x"}
    problem(service.client.post("/v1/custom-fields", json=body), 409, "key_taken")
    assert service.create("custom-fields", **{**body, "applies_to": "deals"})["key"] == key
    for wrong in ({"type": "choice"}, {"options": OAK}, {"type": "choice", "options": OAK * 2}):
        answer = service.client.post(
            "/v1/custom-fields", json={**body, "key": "other_key", **wrong}
        )
        problem(answer, 422, "options_mismatch")


def definition(crm: Crm, key: str) -> dict[str, Any]:
    (found,) = all_pages(crm.client, f"/v1/custom-fields?applies_to=contacts&key={key}")
    return found


@pytest.mark.parametrize(("kind", "value"), [("choice", "oak"), ("choices", ["beech", "oak"])])
def test_an_option_that_records_have_stays(service: Crm, kind: str, value: Any) -> None:
    key = define(service, kind, options=OAK)
    holder = make(service, "contacts", custom={key: value})
    field = definition(service, key)
    path = f"/v1/custom-fields/{field['id']}"
    changed = service.patch(path, {"options": OAK[1:]}, version=1)
    assert problem(changed, 409, "option_held")["existing_id"] == holder["id"]
    pine = {"key": "pine", "label_en": "Pine", "label_de": "Kiefer"}
    assert service.patch(path, {"options": [*OAK, pine]}, version=1).status_code == 200
    service.patch(f"/v1/contacts/{holder['id']}", {"custom": {key: None}}, version=1)
    assert service.patch(path, {"options": [pine]}, version=2).status_code == 200
    make(service, "contacts", custom={key: "pine" if kind == "choice" else ["pine"]})


def test_a_custom_field_that_is_thrown_away_leaves_values_that_come_back_with_it(
    service: Crm,
) -> None:
    key = define(service, "integer")
    holder = make(service, "contacts", custom={key: 7})
    field = definition(service, key)
    path, contact = f"/v1/custom-fields/{field['id']}", f"/v1/contacts/{holder['id']}"
    assert service.client.delete(path, headers={"If-Match": "*"}).status_code == 204
    assert service.client.get(contact).json()["custom"] == {key: 7}
    assert service.patch(contact, {"city": "Kiel"}, version=1).json()["custom"] == {key: 7}
    problem(service.patch(contact, {"custom": {key: 8}}, version=2), 422, "custom_field_unknown")
    problem(service.client.get("/v1/contacts", params={f"custom.{key}": "7"}), 422)
    body = {"applies_to": "contacts", "key": key, "type": "text", "label_en": "x", "label_de": "x"}
    found = problem(service.client.post("/v1/custom-fields", json=body), 409, "values_left")
    assert found["existing_id"] == holder["id"]
    assert service.client.post(f"{path}/restore").status_code == 200
    listed = service.client.get("/v1/contacts", params={f"custom.{key}": "7"}).json()["items"]
    assert [item["id"] for item in listed] == [holder["id"]]
    service.client.delete(path, headers={"If-Match": "*"})
    assert service.patch(contact, {"custom": {key: None}}, version=2).json()["custom"] == {}
    present = service.create("custom-fields", **body)
    found = problem(service.client.post(f"{path}/restore"), 409, "key_taken")
    assert found["existing_id"] == present["id"]


def retype(crm: Crm, key: str, kind: str, applies_to: str = "contacts") -> str:
    """Throw the field away and make another one with its key; returns the path of the new one."""
    (former,) = all_pages(crm.client, f"/v1/custom-fields?applies_to={applies_to}&key={key}")
    crm.client.delete(f"/v1/custom-fields/{former['id']}", headers={"If-Match": "*"})
    made = crm.create("custom-fields", applies_to=applies_to, key=key, type=kind, **LABELS)
    return f"/v1/custom-fields/{made['id']}"


def refused_return(answer: httpx.Response, key: str, record: str) -> None:
    found = problem(answer, 409, "custom_value_outdated")
    assert [fault["pointer"] for fault in found["errors"]] == [f"{record}/custom/{key}"]
    assert "Eiche" not in answer.text


@pytest.mark.parametrize("plural", ["contacts", "interactions", "deals"])
@pytest.mark.parametrize("way", ["restore", "undo"])
def test_a_value_comes_back_only_if_its_custom_field_still_takes_it(
    service: Crm, plural: str, way: str
) -> None:
    key = define(service, "text", applies_to=plural)
    record = make(service, plural, custom={key: "Eiche"})
    path = f"/{plural}/{record['id']}"
    if way == "restore":
        taken = service.client.delete(f"/v1{path}", headers={"If-Match": "*"})
    else:
        taken = service.patch(f"/v1{path}", {"custom": {key: None}}, version=1)
    assert taken.is_success, taken.text

    def bring_back() -> httpx.Response:
        if way == "restore":
            return service.client.post(f"/v1{path}/restore")
        return undo(service, taken)

    present = retype(service, key, "integer", plural)
    refused_return(bring_back(), key, path)
    listed = service.client.get(f"/v1{path.rpartition('/')[0]}", params={f"custom.{key}_gte": 5})
    assert listed.json()["items"] == []
    service.client.delete(present, headers={"If-Match": "*"})
    assert bring_back().status_code == 200
    assert service.client.get(f"/v1{path}").json()["custom"] == {key: "Eiche"}
    found = problem(service.client.post(f"{present}/restore"), 409, "values_left")
    assert found["existing_id"] == record["id"]
    service.patch(f"/v1{path}", {"custom": {key: None}}, version="*")
    assert service.client.post(f"{present}/restore").status_code == 200


def test_an_unmerge_brings_no_value_back_that_its_custom_field_does_not_take(service: Crm) -> None:
    key = define(service, "text")
    survivor = make(service, "contacts")["id"]
    duplicate = make(service, "contacts", custom={key: "Eiche"})["id"]
    merged = merge(service, survivor, duplicate)
    service.patch(f"/v1/contacts/{survivor}", {"custom": {key: None}}, version="*")
    retype(service, key, "integer")
    unmerge = f"/v1/contacts/{duplicate}/unmerge"
    refused_return(service.client.post(unmerge), key, f"/contacts/{duplicate}")
    problem(undo(service, merged), 409, "touched_later")


@pytest.mark.parametrize("kind", ["choice", "choices"])
def test_an_option_that_is_gone_does_not_come_back_with_a_record(service: Crm, kind: str) -> None:
    key = define(service, kind, options=OAK)
    value = "oak" if kind == "choice" else ["beech", "oak"]
    path = f"/contacts/{make(service, 'contacts', custom={key: value})['id']}"
    service.client.delete(f"/v1{path}", headers={"If-Match": "*"})
    field = f"/v1/custom-fields/{definition(service, key)['id']}"
    assert service.patch(field, {"options": OAK[1:]}, version=1).status_code == 200
    refused_return(service.client.post(f"/v1{path}/restore"), key, path)
    service.client.delete(field, headers={"If-Match": "*"})
    assert service.client.post(f"/v1{path}/restore").status_code == 200
    problem(service.client.post(f"{field}/restore"), 409, "values_left")


def store_custom(crm: Crm, contact_id: str, custom: dict[str, Any]) -> None:
    """Put values into a contact's row past all rules."""

    async def run() -> None:
        database = connect(crm.settings.database_url)
        await database.open()
        try:
            values = {"at_id": contact_id, "set_custom": custom}
            await database.write(lambda transaction: transaction.run(_SET_CUSTOM, values))
        finally:
            await database.close()

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["integer", "number", "choices", "date", "boolean"])
def test_a_filter_of_a_custom_field_is_answered_whatever_records_have(crm: Crm, kind: str) -> None:
    """Nothing is left of another type; should that ever fail, no list fails with it."""
    key = define(crm, kind, **({"options": OAK} if kind == "choices" else {}))
    for stored in ("abc", "9", True, {"a": 1}, [1], ["x"], 10**17):
        store_custom(crm, make(crm, "contacts")["id"], {key: stored})
    good = {"integer": 7, "number": 7.5, "choices": ["oak"], "date": "2025-01-01", "boolean": False}
    have = make(crm, "contacts", custom={key: good[kind]})["id"]
    asked = {"integer": "7", "number": "7.5", "choices": "oak", "date": "2025-01-01"}
    value = asked.get(kind, "false")
    ranges = {
        "integer": (f"custom.{key}_gte=5&custom.{key}_lt=1000",),
        "number": (f"custom.{key}_gte=5&custom.{key}_lt=1000", f"custom.{key}_lt=1000"),
    }
    for query in (f"custom.{key}={value}", *ranges.get(kind, ())):
        listed = crm.client.get(f"/v1/contacts?{query}")
        assert [item["id"] for item in listed.json()["items"]] == [have], query
        counted = crm.client.get(f"/v1/contacts/aggregate?group_by=kind&{query}")
        assert [group["count"] for group in counted.json()["items"]] == [1]


@pytest.mark.parametrize(
    ("kind", "stored", "asked"),
    [
        ("number", 1e-7, "1e-7"),
        ("number", 1e-7, "0.0000001"),
        ("number", 0, "-0"),
        ("number", 1e15, "1000000000000000"),
        ("number", 0.1, "1e-1"),
        ("integer", 0, "-0"),
        ("integer", 2**53 - 1, "9007199254740991"),
    ],
)
def test_a_number_is_found_however_it_is_written(
    service: Crm, kind: str, stored: float, asked: str
) -> None:
    key = define(service, kind)
    have = make(service, "contacts", custom={key: stored})["id"]
    make(service, "contacts", custom={key: 3})
    listed = service.client.get("/v1/contacts", params={f"custom.{key}": asked}).json()["items"]
    assert [item["id"] for item in listed] == [have]


@pytest.mark.parametrize(
    ("custom", "pointers"),
    [
        ({"x": 10**20}, ["/x"]),
        ({"x": {}}, ["/x"]),
        ({"x": "a\0"}, ["/x"]),
        ({"x": ["oak", "Not a word", 1]}, ["/x/1", "/x/2"]),
        ({"a/b~": 1}, ["/a~1b~0"]),
    ],
)
def test_a_fault_of_a_custom_value_stands_where_the_value_stands(
    service: Crm, custom: dict[str, Any], pointers: list[str]
) -> None:
    body = {"kind": "person", "name": "x", "custom": custom}
    found = problem(service.client.post("/v1/contacts", json=body), 422)
    alone = [fault["pointer"] for fault in found["errors"]]
    assert alone == [f"/body/custom{each}" for each in pointers]
    batch = {"items": [{"action": "create", "data": body}]}
    (item,) = service.client.post("/v1/contacts/batch", json=batch).json()["items"]
    inside = [fault["pointer"] for fault in item["problem"]["errors"]]
    assert inside == [f"/data/custom{each}" for each in pointers]


# Segments


def test_a_segment_whose_filter_does_not_hold_any_more_says_so(service: Crm) -> None:
    key = define(service, "integer")
    wrong = {"name": "x", "filter": {f"custom.{key}": ["many"]}}
    found = problem(service.client.post("/v1/segments", json=wrong), 422, "custom_value_invalid")
    assert found["errors"][0]["pointer"] == f"/body/filter/custom.{key}"
    wrong = {"name": "x", "filter": {"custom.nothing": ["1"]}}
    problem(service.client.post("/v1/segments", json=wrong), 422, "custom_field_unknown")
    segment = service.create("segments", name="x", filter={f"custom.{key}": ["7"]})["id"]
    contact = make(service, "contacts", custom={key: 7})
    asked = f"/v1/contacts?segment_id={segment}"
    assert all_pages(service.client, asked) == [contact]
    field = f"/v1/custom-fields/{definition(service, key)['id']}"
    service.client.delete(field, headers={"If-Match": "*"})
    found = problem(service.client.get(asked), 422, "segment_invalid")
    assert found["errors"][0]["pointer"] == "/query/segment_id"
    assert key in found["detail"]
    assert f"/v1/segments/{segment}" in found["detail"]
    grouped = f"/v1/contacts/aggregate?segment_id={segment}&group_by=language"
    problem(service.client.get(grouped), 422, "segment_invalid")
    renamed = service.patch(f"/v1/segments/{segment}", {"name": "y"}, version=1)
    assert renamed.status_code == 200
    mended = service.patch(f"/v1/segments/{segment}", {"filter": {"tag": ["none"]}}, version=2)
    assert mended.status_code == 200
    assert all_pages(service.client, asked) == []


def test_a_segment_is_a_filter_that_holds_beside_others(service: Crm) -> None:
    city = fresh("Kiel")
    german = make(service, "contacts", language="de", city=city)
    english = make(service, "contacts", language="en", city=city)
    make(service, "deals", contact_id=german["id"], stage="won")
    segment = service.create(
        "segments", name="x", filter={"language": ["de", "en"], "city": [city]}
    )["id"]
    asked = f"/v1/contacts?segment_id={segment}"
    assert len(all_pages(service.client, f"{asked}&limit=1")) == 2
    assert all_pages(service.client, f"{asked}&language=en") == [english]
    assert all_pages(service.client, f"{asked}&deals.stage_kind=won") == [german]
    counted = service.client.get(
        f"/v1/contacts/aggregate?segment_id={segment}&group_by=language"
    ).json()
    assert [(row["group"], row["count"]) for row in counted["items"]] == [
        ({"language": "de"}, 1),
        ({"language": "en"}, 1),
    ]
    for wrong in ({"colour": ["red"]}, {"kind": ["person"], "parent_id": ["x"]}, {"limit": ["1"]}):
        answer = service.client.post("/v1/segments", json={"name": "x", "filter": wrong})
        problem(answer, 422, "filter_invalid")


def test_a_static_segment_holds_whoever_was_put_in(service: Crm) -> None:
    segment = service.create("segments", name="x", kind="static")["id"]
    one, two = make(service, "contacts")["id"], make(service, "contacts")["id"]
    path = f"/v1/segments/{segment}/members"
    answer = service.client.post(path, json={"add": [one, two, one]})
    assert answer.json() == {"added_count": 2, "removed_count": 0}
    answer = service.client.post(path, json={"add": [one], "remove": [two]})
    assert answer.json() == {"added_count": 0, "removed_count": 1}
    listed = all_pages(service.client, f"/v1/contacts?segment_id={segment}")
    assert [item["id"] for item in listed] == [one]
    found = problem(service.client.post(path, json={"add": [one, segment]}), 422, "contact_missing")
    assert found["errors"][0]["pointer"] == "/body/add/1"
    other = service.create("segments", **EXAMPLES["segments"])["id"]
    answer = service.client.post(f"/v1/segments/{other}/members", json={"add": [one]})
    problem(answer, 422, "not_static")


# Aggregates


def test_counts_and_sums_are_those_of_the_list(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    for closed, amount in (
        ("2025-03-31T22:30:00Z", {"amount": "10.00", "currency": "EUR"}),
        ("2025-03-15T00:00:00Z", {"amount": "2.50", "currency": "EUR"}),
        ("2025-03-16T00:00:00Z", {"amount": "300", "currency": "JPY"}),
        ("2025-03-17T00:00:00Z", None),
    ):
        make(service, "deals", contact_id=contact, stage="won", closed_at=closed, amount=amount)
    make(service, "deals", contact_id=contact)
    path = f"/v1/deals/aggregate?contact_id={contact}&group_by=stage,month:closed_at"
    utc = service.client.get(f"{path}&time_zone=UTC").json()["items"]
    assert [(row["group"]["month:closed_at"], row["count"]) for row in utc] == [
        (None, 1),
        ("2025-03", 4),
    ]
    assert utc[1]["sums"] == [
        {"total": {"amount": "12.50", "currency": "EUR"}, "known_count": 2},
        {"total": {"amount": "300", "currency": "JPY"}, "known_count": 1},
    ]
    berlin = service.client.get(f"{path}&time_zone=Europe/Berlin").json()["items"]
    assert service.client.get(path).json()["items"] == berlin, "the time zone of the business"
    assert [(row["group"]["month:closed_at"], row["count"]) for row in berlin] == [
        (None, 1),
        ("2025-03", 3),
        ("2025-04", 1),
    ]


@pytest.mark.parametrize(
    ("currency", "amounts", "total"),
    [
        ("CZK", ["50000000000000.00"] * 2, "100000000000000.00"),
        ("EUR", ["99999999999999.99", "0.01"], "100000000000000.00"),
        ("JPY", ["50000000000000", "-50000000000000", "7"], "7"),
        ("JPY", ["-50000000000000"] * 2, "-100000000000000"),
        ("CLF", ["99999999999999.9999"] * 12, "1199999999999999.9988"),  # more than 64 bits hold
        ("CLF", ["-99999999999999.9999"] * 12, "-1199999999999999.9988"),
    ],
)
def test_a_sum_of_any_amounts_is_shown_exactly(
    service: Crm, currency: str, amounts: list[str], total: str
) -> None:
    contact = make(service, "contacts")["id"]
    for amount in amounts:
        money = {"amount": amount, "currency": currency}
        make(service, "deals", contact_id=contact, stage="new", amount=money)
    sums = [{"total": {"amount": total, "currency": currency}, "known_count": len(amounts)}]
    for group_by in ("stage", "currency", "month:opened_at"):
        path = f"/v1/deals/aggregate?contact_id={contact}&group_by={group_by}"
        answer = service.client.get(path)
        assert answer.status_code == 200, answer.text
        assert [group["sums"] for group in answer.json()["items"]] == [sums]
    board = service.client.get(f"/v1/deals/board?contact_id={contact}")
    assert board.status_code == 200, board.text
    assert board.json()["columns"][0]["sums"] == sums


@pytest.mark.parametrize(
    ("unit", "named"),
    [
        ("day", "2025-12-29"),
        ("week", "2026-W01"),
        ("month", "2025-12"),
        ("quarter", "2025-Q4"),
        ("year", "2025"),
    ],
)
def test_units_of_the_calendar_are_named_alike_on_both_databases(
    service: Crm, unit: str, named: str
) -> None:
    contact = make(service, "contacts")["id"]
    make(service, "interactions", contact_id=contact, occurred_at="2025-12-29T12:00:00Z")
    path = f"/v1/interactions/aggregate?contact_id={contact}&group_by={unit}:occurred_at"
    (row,) = service.client.get(path).json()["items"]
    assert row["group"] == {f"{unit}:occurred_at": named}


@pytest.mark.parametrize(
    ("instant", "time_zone", "named"),
    [
        (
            "9999-12-31T23:59:59.999999Z",
            "Europe/Berlin",
            "9999-12-31 9999-W52 9999-12 9999-Q4 9999",
        ),
        (
            "9999-12-31T23:59:59.999999Z",
            "America/New_York",
            "9999-12-31 9999-W52 9999-12 9999-Q4 9999",
        ),
        ("9999-12-31T01:00:00Z", "America/New_York", "9999-12-30 9999-W52 9999-12 9999-Q4 9999"),
        ("0001-01-01T00:00:00Z", "America/New_York", "0001-01-01 0001-W01 0001-01 0001-Q1 0001"),
        ("0001-01-01T00:00:00Z", "Europe/Berlin", "0001-01-01 0001-W01 0001-01 0001-Q1 0001"),
    ],
)
def test_what_lies_beyond_the_calendar_in_a_time_zone_counts_to_its_first_or_last_day(
    service: Crm, instant: str, time_zone: str, named: str
) -> None:
    contact = make(service, "contacts", next_contact_at=instant)["id"]
    for unit, name in zip(("day", "week", "month", "quarter", "year"), named.split(), strict=True):
        query = f"id={contact}&group_by={unit}:next_contact_at&time_zone={time_zone}"
        answer = service.client.get(f"/v1/contacts/aggregate?{query}")
        assert answer.status_code == 200, answer.text
        (row,) = answer.json()["items"]
        assert row["group"] == {f"{unit}:next_contact_at": name}


@pytest.mark.parametrize("wrong", ["colour", "occurred_at", "month:kind", "era:occurred_at", ""])
def test_groups_that_make_no_sense_are_refused_with_the_possible_ones(
    service: Crm, wrong: str
) -> None:
    path = f"/v1/interactions/aggregate?group_by=kind,{wrong}"
    told = problem(service.client.get(path), 422)["errors"][0]["message"]
    assert told == (
        f"There is no group `{wrong}`; there are: kind, channel, touchpoint, direction, user_id, "
        "campaign_id, product_id, status, severity, outcome, nps, and with one of day:, week:, month:, "
        "quarter:, year: before them: occurred_at, due_at, created_at"
    )
    german = service.client.get(path, headers={"Accept-Language": "de"})
    told = problem(german, 422)["errors"][0]["message"]
    assert f"ine Gruppe `{wrong}` gibt es nicht; es gibt: kind, " in told


def test_groups_are_at_most_four_and_different_ones(service: Crm) -> None:
    for group_by in ("kind,kind", "kind,channel,status,outcome,nps"):
        problem(service.client.get(f"/v1/interactions/aggregate?group_by={group_by}"), 422)


# Lists


def test_fields_embed_and_count_shape_a_list(service: Crm) -> None:
    firm = service.create("contacts", kind="organisation", name="Weber GmbH")
    person = service.create("contacts", kind="person", name="Anna", parent_id=firm["id"])
    deal = make(service, "deals", contact_id=person["id"], title="x")
    (item,) = all_pages(service.client, f"/v1/deals?id={deal['id']}&fields=id,title")
    assert item == {"id": deal["id"], "version": 1, "title": "x"}
    path = f"/v1/deals?contact_id={person['id']}&embed=contact&count=true"
    answer = service.client.get(path).json()
    assert answer["total"] == 1
    assert answer["items"] == [{**deal, "contact": person}]
    (shown,) = all_pages(service.client, f"/v1/contacts?id={person['id']}&embed=parent")
    assert shown["parent"] == firm
    found = problem(service.client.get("/v1/deals?fields=id,colour"), 422)
    assert "colour" in found["detail"]
    with service.client_with("deals:read", "contacts:read") as client:
        (blank,) = all_pages(client, path.replace("&count=true", ""))
        assert blank["contact"]["display_name"] is None
    with service.client_with("deals:read") as client:
        problem(client.get(path), 403)
        problem(client.get("/v1/deals?contact.tag=vip"), 403)


def test_filters_reach_one_level_further(service: Crm) -> None:
    tag = fresh("tag")
    person = make(service, "contacts", tags=[tag])
    make(service, "contacts", tags=[tag])
    deal = make(
        service, "deals", contact_id=person["id"], stage="won", closed_at="2025-05-01T00:00:00Z"
    )
    make(service, "interactions", contact_id=person["id"], kind="visit")
    for filters, count in (
        ("deals.stage=won", 1),
        ("deals.stage=new", 0),
        ("deals.stage=won&deals.closed_at_gte=2025-05-02T00:00:00Z", 0),
        ("deals.stage=won&deals.closed_at_lt=2025-05-02T00:00:00Z", 1),
        ("interactions.kind=visit&deals.stage_kind=won", 1),
        ("interactions.kind=call", 0),
    ):
        listed = all_pages(service.client, f"/v1/contacts?tag={tag}&{filters}")
        assert [item["id"] for item in listed] == [person["id"]] * count, filters
    assert all_pages(service.client, f"/v1/deals?contact.tag={tag}") == [deal]


@pytest.mark.parametrize("is_undone", [False, True])
def test_what_may_be_there_once_comes_out_of_the_trash_only_if_it_is_not_there(
    service: Crm, is_undone: bool
) -> None:
    """Restoring, and undoing a deletion, name the record that has the key or the place meanwhile."""
    contact = make(service, "contacts")
    campaign = service.create("campaigns", name="Spring", key=fresh("spring"))
    member = {"campaign_id": campaign["id"], "contact_id": contact["id"]}
    for plural, body, code in (
        ("campaign-members", member, "member_already"),
        ("products", {"key": fresh("SKU"), "name": "Table"}, "key_taken"),
        (
            "custom-fields",
            {"applies_to": "deals", "key": fresh("wood").replace("-", "_"), "type": "text",
             "label_en": "Wood", "label_de": "Holz"},
            "key_taken",
        ),
    ):  # fmt: skip
        first = service.create(plural, **body)
        path = f"/v1/{plural}/{first['id']}"
        gone = service.client.delete(path, headers={"If-Match": "*"})
        second = service.create(plural, **body)
        if is_undone:
            asked = {"request_id": gone.headers["x-request-id"]}
            answer = service.client.post("/v1/changes/undo", json=asked)
        else:
            answer = service.client.post(f"{path}/restore")
        assert problem(answer, 409, code)["existing_id"] == second["id"]
