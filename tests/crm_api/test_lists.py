"""Lists: filters, order, pages; nothing twice, nothing missed, nothing misunderstood."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.foundation.cursors import write_cursor
from tests.conftest import Crm, MakeCrm
from tests.crm_api.bodies import (
    RESOURCES,
    all_pages,
    feed,
    fresh,
    make,
    plan_of,
    problem,
    short,
    statements_of,
)

each_resource = pytest.mark.parametrize("plural", RESOURCES)


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


@each_resource
def test_pages_show_every_record_once_while_others_are_entered(crm: Crm, plural: str) -> None:
    contact = crm.create("contacts", kind="person", name="Weber")["id"]
    placed = {} if plural == "contacts" else {"contact_id": contact}
    before = [make(crm, plural, **placed)["id"] for _ in range(23)]
    if plural == "contacts":
        before.append(contact)
    seen: list[str] = []
    following: str | None = f"/v1/{plural}?limit=5"
    while following:
        answer = crm.client.get(following)
        seen += ids(answer.json()["items"])
        following = answer.json().get("next")
        if following:
            assert answer.headers["link"] == f'<{following}>; rel="next"'
            make(crm, plural, **placed)
        else:
            assert "link" not in answer.headers
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


@each_resource
def test_every_order_is_total_and_its_reverse_is_its_mirror(crm: Crm, plural: str) -> None:
    document = crm.client.get("/openapi.json").json()
    parameters = document["paths"][f"/v1/{plural}"]["get"]["parameters"]
    (orders,) = (p["schema"]["enum"] for p in parameters if p["name"] == "sort")
    contact = crm.create("contacts", kind="person", name="Äpfel")["id"]
    placed = {} if plural == "contacts" else {"contact_id": contact}
    items: list[dict[str, Any]] = [
        {"action": "create", "data": short(crm, plural, **placed)} for _ in range(7)
    ]
    if plural == "contacts":
        for item, name in zip(items, ("b", "B", "a", "ä", "", "Z 😀", "b"), strict=True):
            item["data"]["name"] = name
    crm.client.post(f"/v1/{plural}/batch", json={"items": items})
    for order in orders:
        forward = ids(all_pages(crm.client, f"/v1/{plural}?sort={order}&limit=3"))
        backward = order.removeprefix("-") if order.startswith("-") else f"-{order}"
        assert ids(all_pages(crm.client, f"/v1/{plural}?sort={backward}&limit=2")) == forward[::-1]
        assert len(set(forward)) == len(forward) == 7 + (plural == "contacts")


FILTERS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "contacts",
        "kind",
        {"kind": "organisation", "name": "Weber"},
        {"kind": "person", "name": "Weber"},
    ),
    ("contacts", "status", {"status": "blocked"}, {"status": "active"}),
    ("contacts", "owner_id", {"owner_id": "anna"}, {"owner_id": "max"}),
    ("contacts", "email", {"email": "a@example.org"}, {"email": "b@example.org"}),
    ("contacts", "language", {"language": "de"}, {"language": "en"}),
    ("contacts", "country_code", {"country_code": "DE"}, {"country_code": "AT"}),
    ("contacts", "tag", {"tags": ["x", "vip"]}, {"tags": ["vips"]}),
    ("contacts", "flag", {"flags": ["minor"]}, {"flags": []}),
    ("interactions", "kind", {"kind": "visit"}, {"kind": "call"}),
    ("interactions", "channel", {"channel": "phone"}, {"channel": "post"}),
    ("interactions", "campaign_id", {"campaign_id": "c1"}, {"campaign_id": "c2"}),
    ("interactions", "user_id", {"user_id": "anna"}, {"user_id": "max"}),
    ("interactions", "tag", {"tags": ["leave_intent"]}, {"tags": []}),
    ("deals", "stage", {"stage": "won"}, {"stage": "new"}),
    (
        "deals",
        "currency",
        {"amount": {"amount": "1", "currency": "JPY"}},
        {"amount": {"amount": "1", "currency": "EUR"}},
    ),
    ("deals", "campaign_id", {"campaign_id": "c1"}, {"campaign_id": "c2"}),
]


@pytest.mark.parametrize(("plural", "name", "fitting", "other"), FILTERS)
def test_a_filter_shows_what_fits_and_nothing_else(
    service: Crm, plural: str, name: str, fitting: dict[str, Any], other: dict[str, Any]
) -> None:
    wanted = make(service, plural, **fitting)
    unwanted = make(service, plural, **other)
    value = next(iter(fitting.values()))
    value = value[-1] if isinstance(value, list) else value
    value = value["currency"] if isinstance(value, dict) else value
    both = f"id={wanted['id']}&id={unwanted['id']}"
    assert ids(all_pages(service.client, f"/v1/{plural}?{both}&{name}={value}")) == [wanted["id"]]


@pytest.mark.parametrize(
    ("plural", "name"),
    [
        ("contacts", "created_at"),
        ("contacts", "updated_at"),
        ("interactions", "occurred_at"),
        ("deals", "opened_at"),
        ("deals", "closed_at"),
    ],
)
def test_a_span_holds_its_start_and_not_its_end(service: Crm, plural: str, name: str) -> None:
    fields = {"stage": "won"} if plural == "deals" else {}
    made = make(service, plural, **fields)
    moment = made[name]
    later = datetime.fromisoformat(moment) + timedelta(microseconds=1)
    just_after = later.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def found(low: str, high: str) -> list[str]:
        asked = {"id": made["id"], f"{name}_gte": low, f"{name}_lt": high}
        answer = service.client.get(f"/v1/{plural}", params=asked)
        assert answer.status_code == 200, answer.text
        return ids(answer.json()["items"])

    assert found(moment, just_after) == [made["id"]]
    assert found("2001-01-01T00:00:00Z", moment) == []
    assert found(just_after, "2100-01-01T00:00:00+02:00") == []


def test_related_records_are_found_by_their_ids(service: Crm) -> None:
    firm = service.create("contacts", kind="organisation", name="Weber GmbH")["id"]
    person = service.create("contacts", kind="person", name="Weber", parent_id=firm)["id"]
    deal = make(service, "deals", contact_id=person)["id"]
    talk = make(service, "interactions", contact_id=person, deal_id=deal)["id"]
    other = make(service, "interactions")["contact_id"]
    assert ids(all_pages(service.client, f"/v1/contacts?parent_id={firm}")) == [person]
    assert ids(all_pages(service.client, f"/v1/deals?contact_id={person}&contact_id={other}")) == [
        deal
    ]
    assert ids(all_pages(service.client, f"/v1/interactions?deal_id={deal}")) == [talk]
    several = all_pages(service.client, f"/v1/interactions?contact_id={person}&contact_id={other}")
    assert len(several) == 2


def test_filters_narrow_each_other_and_repeated_ones_widen(service: Crm) -> None:
    tag = fresh("tag")
    both = make(service, "contacts", tags=[tag], language="de")["id"]
    german = make(service, "contacts", tags=[tag], language="de", status="blocked")["id"]
    english = make(service, "contacts", tags=[tag], language="en")["id"]
    found = ids(all_pages(service.client, f"/v1/contacts?tag={tag}&language=de&status=active"))
    assert found == [both]
    wide = ids(all_pages(service.client, f"/v1/contacts?tag={tag}&language=de&language=en"))
    assert set(wide) == {both, german, english}


@each_resource
@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "Tag=x",
        "limit=0",
        "limit=201",
        "limit=1.0",
        "limit=x",
        "limit=5&limit=6",
        "sort=secret",
        "sort=",
        "id=1",
        "created_at_gte=2025-01-01",
        "created_at_gte=2025-01-01T00:00:00",
        "cursor=",
        "cursor=!",
        "cursor=abc",
        "cursor=WyIwIl0",
    ],
)
def test_a_parameter_that_means_nothing_is_refused(service: Crm, plural: str, query: str) -> None:
    found = problem(service.client.get(f"/v1/{plural}?{query}"), 422)
    assert found["errors"][0]["pointer"].startswith(f"/query/{query.split('=')[0]}")


@each_resource
def test_a_cursor_holds_only_for_its_filters_and_its_order(service: Crm, plural: str) -> None:
    for _ in range(2):
        make(service, plural)
    following = service.client.get(f"/v1/{plural}?limit=1").json()["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    for other in ("sort=created_at", "created_at_gte=2020-01-01T00:00:00Z"):
        found = problem(service.client.get(f"/v1/{plural}?{other}&cursor={cursor}"), 422)
        assert found["errors"][0]["code"] == "foreign_cursor"
    assert service.client.get(f"/v1/{plural}?limit=7&cursor={cursor}").status_code == 200


def test_a_page_can_be_followed_whatever_the_names_are(service: Crm) -> None:
    tag = fresh("long")
    for part in ("😀", '"', "ä", "x"):
        make(service, "contacts", given_name=part * 200, family_name=part * 200, tags=[tag])
    path = f"/v1/contacts?sort=display_name&limit=1&tag={tag}"
    assert len(all_pages(service.client, path)) == 4


def test_a_page_can_be_followed_with_as_many_filters_as_are_allowed(service: Crm) -> None:
    made = [make(service, "contacts")["id"] for _ in range(3)]
    padding = [f"01977b3a-5c00-7000-8000-{number:012x}" for number in range(197)]
    asked = "&".join(f"id={one}" for one in [*padding, *made])
    assert ids(all_pages(service.client, f"/v1/contacts?limit=1&sort=created_at&{asked}")) == made


@each_resource
def test_a_forged_cursor_is_refused(service: Crm, plural: str) -> None:
    sort = {"contacts": "-created_at", "interactions": "-occurred_at", "deals": "-opened_at"}[
        plural
    ]
    question = {"of": plural.removesuffix("s"), "sort": sort}
    good = "01977b3a-5c00-7000-8000-000000000001"
    moment = "2025-01-01T00:00:00.000000Z"
    for position in (
        (moment, "x"),
        (moment, None),
        (moment, 5),
        ("2025-01-01T00:00:00", good),
        ("\x00", good),
        (5, good),
        (None, good),
        ({"a": 1}, [good]),
    ):
        forged = write_cursor(position, question)
        problem(service.client.get(f"/v1/{plural}?cursor={forged}"), 422, "invalid_request")


def test_a_forged_cursor_of_names_is_refused(service: Crm) -> None:
    question = {"of": "contact", "sort": "display_name"}
    positions: tuple[tuple[object, str], ...] = (
        ("\x00", "01977b3a-5c00-7000-8000-000000000001"),
        ([], "x"),
        ("a", "x\x00"),
    )
    for position in positions:
        forged = write_cursor(position, question)
        problem(service.client.get(f"/v1/contacts?sort=display_name&cursor={forged}"), 422)


@each_resource
def test_an_export_holds_the_live_records_as_they_are_read(crm: Crm, plural: str) -> None:
    made = [make(crm, plural) for _ in range(3)]
    crm.client.delete(f"/v1/{plural}/{made[2]['id']}", headers={"If-Match": "*"})
    answer = crm.client.get(f"/v1/exports/{plural}")
    assert answer.headers["content-type"] == "application/x-ndjson"
    exported = {record["id"]: record for record in map(json.loads, answer.text.splitlines())}
    assert [exported[one["id"]] for one in made[:2]] == made[:2]
    assert made[2]["id"] not in exported
    only = crm.client.get(f"/v1/exports/{plural}", params={"id": made[0]["id"]}).text
    assert [json.loads(line)["id"] for line in only.splitlines()] == [made[0]["id"]]


def test_an_export_begins_at_a_cursor_after_which_the_feed_misses_nothing(crm: Crm) -> None:
    make(crm, "contacts")
    cursor = crm.client.get("/v1/exports/contacts").headers["x-change-cursor"]
    assert feed(crm.client, after=cursor)[0] == []
    later = make(crm, "contacts")
    (told,) = feed(crm.client, after=cursor)[0]
    assert told["subject"] == f"contacts/{later['id']}"


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "path",
    [
        *(
            f"contacts?{asked}"
            for asked in (
                *(
                    "owner_id=anna",
                    "country_code=DE",
                    "status=terminated",
                    "city=Kiel",
                    "zip=24103",
                ),
                *(
                    "source_campaign_id=x",
                    "preferred_channel=phone",
                    "purchase_motive=advantage_price",
                ),
                *("language=en", "credit_hold=true", "email=a@b.example", "phone_e164=%2B491"),
                *("sort=next_contact_at", "sort=-next_contact_at", "sort=display_name"),
                *("deals.stage=won", "deals.campaign_id=x", "interactions.kind=complaint"),
            )
        ),
        *(
            f"interactions?{asked}"
            for asked in (
                *("kind=complaint", "user_id=anna", "channel=phone", "product_id=x"),
                *(
                    "campaign_id=x",
                    "status=open",
                    "outcome=accepted",
                    "sort=due_at",
                    "sort=-due_at",
                ),
                "contact.owner_id=anna",
            )
        ),
        *(
            f"deals?{asked}"
            for asked in (
                *("stage=won", "owner_id=anna", "payment_status=issued", "campaign_id=x"),
                *("competitor_id=x", "promo_code=x", "lost_reason=price"),
                *("sort=closed_at", "sort=-closed_at", "sort=expected_close_date"),
            )
        ),
    ],
)
def test_a_page_of_one_value_reads_no_whole_table(service: Crm, path: str) -> None:
    """On SQLite the plan is the same for every base; PostgreSQL reads all of a small one, and rightly."""
    pages = [text for text in statements_of(service, f"/v1/{path}") if "json_object" in text]
    plan = plan_of(service, pages[-1])
    scans = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]
    assert [step for step in scans if step != "SCAN page"] == [], plan
    asked = path.partition("?")[2]
    if "." not in asked and not asked.startswith(("email", "phone")):
        # In the order of the index: a value that half of the base has costs a page and no more.
        is_inner = [step for step in plan if "TEMP B-TREE FOR ORDER BY" in step]
        assert len(is_inner) <= (1 if "sort" not in asked else 0), plan


@each_resource
def test_the_trash_is_listed_by_itself_the_last_thrown_away_first(crm: Crm, plural: str) -> None:
    contact = crm.create("contacts", kind="person", name="Weber")["id"]
    placed = {} if plural == "contacts" else {"contact_id": contact}
    made = [make(crm, plural, **placed)["id"] for _ in range(4)]
    path = f"/v1/{plural}?in_trash=true"
    assert crm.client.get(path).json() == {"items": []}
    thrown = [made[2], made[0], made[3]]
    for id in thrown:
        assert crm.client.delete(f"/v1/{plural}/{id}", headers={"If-Match": "*"}).status_code == 204
    page = crm.client.get(f"{path}&limit=2&count=true").json()
    assert page["total"] == 3
    assert all(item["deleted_at"] for item in page["items"])
    assert ids(page["items"] + crm.client.get(page["next"]).json()["items"]) == thrown[::-1]
    problem(crm.client.get(page["next"].replace("in_trash=true", "in_trash=false")), 422)
    assert ids(all_pages(crm.client, f"{path}&sort=created_at&limit=1")) == sorted(thrown)
    assert ids(all_pages(crm.client, f"{path}&id={made[0]}&id={made[1]}")) == [made[0]]
    assert not set(thrown) & set(ids(all_pages(crm.client, f"/v1/{plural}")))
    assert crm.client.post(f"/v1/{plural}/{made[0]}/restore").status_code == 200
    assert ids(all_pages(crm.client, path)) == [made[3], made[2]]


def test_what_was_merged_or_erased_is_not_shown_in_the_trash(crm: Crm) -> None:
    kept, merged, erased = (
        crm.create("contacts", kind="person", name=name)["id"] for name in ("a", "b", "c")
    )
    headers = {"If-Match": "*"}
    body = {"duplicate_id": merged}
    answer = crm.client.post(f"/v1/contacts/{kept}/merge", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    answer = crm.client.post(f"/v1/contacts/{erased}/erasure", json={"reason": "requested"})
    assert answer.status_code == 201, answer.text
    assert crm.client.get("/v1/contacts?in_trash=true").json() == {"items": []}
    crm.client.delete(f"/v1/contacts/{kept}", headers=headers)
    assert ids(crm.client.get("/v1/contacts?in_trash=true").json()["items"]) == [kept]
    found = problem(crm.client.get("/v1/contacts?in_trash=true&q=weber"), 422)
    assert found["errors"][0]["code"] == "live_only"


def test_satellites_have_a_trash_that_is_listed_too(crm: Crm) -> None:
    made = [crm.create("products", key=key, name=key)["id"] for key in ("a", "b")]
    crm.client.delete(f"/v1/products/{made[0]}", headers={"If-Match": "*"})
    assert ids(crm.client.get("/v1/products?in_trash=true").json()["items"]) == [made[0]]
    problem(crm.client.get("/v1/exports/products?in_trash=true"), 422)


@each_resource
def test_a_page_of_the_trash_is_read_from_an_index(make_crm: MakeCrm, plural: str) -> None:
    crm = make_crm("sqlite")
    make(crm, plural)
    (statement,) = [
        each
        for each in statements_of(crm, f"/v1/{plural}?in_trash=true")
        if "json_object" in each and "deleted_at" in each
    ]
    assert any(f"ix_{plural}_trash" in step for step in plan_of(crm, statement))
