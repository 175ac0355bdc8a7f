"""Without the pii scopes no read of any kind gives a personal value: every GET is tried."""

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER
from services.crm_api.consents.schemas import NewConsentEvent
from services.crm_api.contacts.schemas import NewContact
from services.crm_api.contacts.table import CONTACT
from services.crm_api.deals.schemas import NewDeal
from services.crm_api.deals.table import DEAL
from services.crm_api.interactions.schemas import NewInteraction
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.scopes import SCOPES
from tests.canaries import Canaries
from tests.conftest import Crm
from tests.crm_api.bodies import make, problem
from tests.crm_api.test_imports import imported

BLIND = [scope for scope in SCOPES if not scope.endswith(":pii") and scope != "privacy:export"]
OPEN = {
    # What is no person's: ids of our own lists, and words that the team chose for itself.
    "contact": {"owner_id", "source_campaign_id", "purchase_motive", "preferred_channel", "tags"}
    | {"previous_supplier_id"},
    "interaction": {"channel", "touchpoint", "user_id", "campaign_id", "product_id", "tags"}
    | {"treatment_id", "competitor_id", "decline_reason", "event_type", "external_refs"},
    "deal": {"owner_id", "campaign_id", "competitor_id", "treatment_id", "promo_code"}
    | {"external_refs", "fraud_confirmed_by"},
    "consent": {"text_version"},
    "import": set(),
}


def is_open(place: str) -> bool:
    record, _, field = place.partition(".")
    if field in ("lines.product_id", "lines.bundle_id"):
        return True
    return field.split(".")[0] in OPEN[record]


def fill(crm: Crm, canaries: Canaries) -> dict[str, str]:
    """Enter a person with canaries everywhere; returns an id for each kind of path."""
    body = canaries.of(NewContact, "contact", without=("parent_ref",)) | {
        "kind": "person",
        "custom": {},
    }
    person = crm.create("contacts", **body)["id"]
    twin = crm.create("contacts", **body | {"external_refs": []})["id"]
    text = {"contact_id": person, "occurred_at": "2025-02-03T10:00:00Z", "custom": {}}
    said = canaries.of(NewInteraction, "interaction", without=("contact_ref", "reason"))
    for name in ("decline_reason", "event_type", "competitor_id"):
        said.pop(name, None)
    may_record = {"channel": "phone", "purpose": "recording", "action": "granted"}
    recorded = crm.client.post(f"/v1/contacts/{person}/consents", json=may_record)
    assert recorded.status_code == 201, recorded.text
    call = crm.create("interactions", **said | text | {"kind": "call"})["id"]
    survey = {
        **text,
        "kind": "survey_response",
        "nps": 9,
        "reason": canaries.text("interaction.reason"),
    }
    crm.create("interactions", **survey)
    chosen = (
        "contact_ref",
        "pipeline_id",
        "stage",
        "stage_history",
        "lost_note",
        "fraud_confirmed_by",
    )
    sold = canaries.of(NewDeal, "deal", without=chosen) | {"contact_id": person, "custom": {}}
    deal = crm.create("deals", **sold)["id"]
    note = {"stage": "lost", "lost_reason": "other", "lost_note": canaries.text("deal.lost_note")}
    crm.create("deals", contact_id=person, **note)
    consent = canaries.of(NewConsentEvent, "consent") | {"channel": "post", "action": "granted"}
    assert crm.client.post(f"/v1/contacts/{person}/consents", json=consent).status_code == 201
    one, two = canaries.text("import.one"), canaries.text("import.two")
    state = imported(
        crm,
        f"id,name,email\n1,{one},\n2,{two},no address\n",
        resource="contacts",
        source="list",
        allow_duplicates=True,
    )
    merge = {"duplicate_id": twin}
    headers = {"If-Match": "*"}
    merged = crm.client.post(f"/v1/contacts/{person}/merge", json=merge, headers=headers)
    assert merged.status_code == 200, merged.text
    return {"contacts": person, "interactions": call, "deals": deal, "imports": state["id"]}


def test_no_read_without_pii_gives_a_personal_value(crm: Crm) -> None:
    canaries = Canaries("masq")
    ids = fill(crm, canaries)
    document = crm.client.get("/openapi.json").json()
    seeing, asked = set(), 0
    with crm.client_with(*BLIND) as blind:
        for path, operations in document["paths"].items():
            if "get" not in operations or not path.startswith("/v1/"):
                continue
            plural = path.split("/")[2]
            filled = path.replace("{resource}", "contacts").replace("{id}", ids.get(plural, "none"))
            if re.search(r"[{]|/none", filled):
                continue
            for query in (
                "",
                "?limit=200",
                "?embed=contact",
                "?embed=parent",
                "?format=csv",
                "?q=masq1",
            ):
                answer = blind.get(filled + query)
                asked += answer.status_code == 200
                shown = {place for place in canaries.found_in(answer.text) if not is_open(place)}
                assert shown == set(), f"{filled}{query}"
                whole = crm.client.get(filled + query)
                seeing |= canaries.found_in(whole.text)
    assert asked > 30
    hidden = {place for place in canaries.places.values() if not is_open(place)}
    assert (
        hidden <= seeing
    )  # with pii all of it is read somewhere, so the test looks at the right places


def test_every_text_of_a_person_is_masked_or_said_to_be_open() -> None:
    """A new column is to be classified: personal, or a code of ours."""
    names = {CONTACT: "contact", INTERACTION: "interaction", DEAL: "deal"}
    codes = {"id", "kind", "status", "currency", "stage", "stage_kind", "pipeline_id"}
    for resource, name in names.items():
        for column in resource.table.columns:
            if column.name.endswith(("_at", "_minor", "_currency", "_date", "_pct")):
                continue
            known = column.name in resource.personal | resource.hidden | OPEN[name] | codes
            assert known or column.name in _PLAIN, f"{name}.{column.name}"
    assert CAMPAIGN_MEMBER.personal == frozenset()


_PLAIN = {
    *("parent_id", "contact_id", "deal_id", "referred_by_id", "merged_into_id", "version"),
    *("country_code", "language", "terminated_by", "communication_style", "supplier_loyalty"),
    *("roles", "protections", "credit_hold", "individual_price", "consents", "flags"),
    *("direction", "sentiment", "sentiment_source", "is_planned", "status_history", "severity"),
    *("resolution", "justified", "ratings", "nps", "outcome", "valid_until", "is_public"),
    *("despite_open_complaint", "stage_history", "fx_rate", "won_reason", "lost_reason"),
    *("payment_status", "external_refs"),
}


def test_a_stored_answer_is_not_shown_to_a_key_that_lost_the_right(crm: Crm) -> None:
    made = crm.client.post(
        "/v1/keys",
        json={"name": "x", "scopes": ["contacts:read", "contacts:write", "contacts:pii"]},
    ).json()
    headers = {"Authorization": f"Bearer {made['key']}", "Idempotency-Key": "again"}
    body: dict[str, Any] = {"kind": "person", "name": "Maskedcanary"}
    assert "Maskedcanary" in crm.client.post("/v1/contacts", json=body, headers=headers).text
    less = {"scopes": ["contacts:read", "contacts:write"]}
    assert crm.patch(f"/v1/keys/{made['id']}", less, version="*").status_code == 200
    crm.restart()  # a key is remembered for five seconds
    answer = crm.client.post("/v1/contacts", json=body, headers=headers)
    assert "Maskedcanary" not in json.dumps(problem(answer, 422, "idempotency_key_reused"))


def test_what_a_saved_filter_asks_of_personal_fields_is_personal(crm: Crm) -> None:
    email = "masq9@example.org"
    asked = {"email": [email], "language": ["de"]}
    segment = crm.create("segments", name="Some", filter=asked)
    assert (segment["filter"], segment["is_redacted"]) == (asked, False)
    target = {"url": "https://example.com/", "event_types": ["crm.contact.*"], "is_active": False}
    body = {**target, "filters": {"contacts": asked}}
    webhook = crm.client.post("/v1/webhooks", json=body).json()
    assert webhook["filters"]["contacts"] == asked
    masked = {"email": [], "language": ["de"]}
    path, headers = f"/v1/segments/{segment['id']}", {"If-Match": "*"}
    merge = headers | {"Content-Type": "application/merge-patch+json"}
    with crm.client_with(*BLIND) as blind:
        answers = [
            blind.get(path),
            blind.get("/v1/segments"),
            blind.get("/v1/exports/segments"),
            blind.get("/v1/exports/segments?format=csv"),
            blind.get("/v1/exports/segments?format=excel_csv"),
            blind.patch(path, json={"name": "Others"}, headers=merge),
            blind.get(f"/v1/webhooks/{webhook['id']}"),
            blind.get("/v1/webhooks"),
        ]
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert email not in answer.text, str(answer.request.url)
        assert answers[0].json()["filter"] == answers[1].json()["items"][0]["filter"] == masked
        assert answers[0].json()["is_redacted"] is True
        assert answers[6].json()["filters"]["contacts"] == masked
        problem(blind.patch(path, json={"filter": masked}, headers=merge), 422, "invalid_request")
        for sent in ({"email": [email]}, {"city": ["Bonn"]}, {"custom.wood": ["oak"]}):
            wanted = {"name": "x", "filter": sent}
            problem(blind.post("/v1/segments", json=wanted), 403, "scope_missing")
            refused = blind.patch(path, json={"filter": sent}, headers=merge)
            problem(refused, 403, "scope_missing")
        item = {"action": "create", "data": {"name": "x", "filter": {"email": [email]}}}
        batch = blind.post("/v1/segments/batch", json={"items": [item]}).json()
        assert batch["items"][0]["status"] == 403
        plain = {"name": "x", "filter": {"language": ["de"]}}
        assert blind.post("/v1/segments", json=plain).status_code == 201
    assert email in crm.client.get("/v1/exports/segments?format=csv").text


def test_no_cursor_of_any_list_tells_a_personal_value(crm: Crm) -> None:
    canaries = Canaries("curs")
    twin = {"kind": "person", "given_name": canaries.text("given"), "family_name": "Groessmann"}
    twin["email"] = f"{canaries.text('email')}@example.org"
    ids = [crm.create("contacts", **twin)["id"] for _ in range(2)]
    for _ in range(2):
        make(crm, "interactions", contact_id=ids[0], subject=canaries.text("subject"))
        make(crm, "deals", contact_id=ids[0], title=canaries.text("title"))
    document = crm.client.get("/openapi.json").json()
    cursors: dict[str, str] = {}
    for path, operations in document["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        if not any(parameter["name"] == "cursor" for parameter in parameters):
            continue
        orders = [p["schema"]["enum"] for p in parameters if p["name"] == "sort"]
        for order in orders[0] if orders else [None]:
            query = {"limit": 1, **({"sort": order} if order else {})}
            following = path.replace("{id}", ids[0])
            while following and len(cursors) < 1000:
                answer = crm.client.get(following, params=query)
                query = {}
                following = answer.json().get("next")
                if following:
                    cursors[following] = parse_qs(urlsplit(following).query)["cursor"][0]
    for following, cursor in cursors.items():
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        assert canaries.found_in(text) == set(), following
        for place in orjson.loads(text)[1:]:
            assert "groessmann" not in str(place).lower(), following
            assert not re.match(r"[a-z]{1,2}:", str(place)), following
    told = " ".join(cursors)
    for path in ("contacts?limit=1&sort=display_name", "contacts?limit=1&sort=-display_name"):
        assert f"/v1/{path}" in told
    for path in ("duplicates?", "interactions?", "deals?", f"contacts/{ids[0]}/timeline"):
        assert f"/v1/{path}" in told


def test_a_sealed_place_leads_on_after_a_restart_and_no_other_opens(crm: Crm) -> None:
    made = [crm.create("contacts", kind="person", name=name)["id"] for name in "acb"]
    page = crm.client.get("/v1/contacts?sort=display_name&limit=1").json()
    crm.restart()
    rest = crm.client.get(page["next"]).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == [made[0], made[2]]
    cursor = parse_qs(urlsplit(page["next"]).query)["cursor"][0]
    digest, sealed, last = orjson.loads(base64.urlsafe_b64decode(cursor + "=="))
    for other in ("", "a", "x" * 40, sealed[:-4], sealed.swapcase(), "é", None, 5):
        forged = base64.urlsafe_b64encode(orjson.dumps([digest, other, last])).rstrip(b"=").decode()
        answer = crm.client.get(f"/v1/contacts?sort=display_name&limit=1&cursor={forged}")
        assert problem(answer, 422)["errors"][0]["code"] == "invalid_cursor"
