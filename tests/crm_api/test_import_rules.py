"""What an import may not get around: the rules of one record that look at others, tried or done."""

from typing import Any

from tests.conftest import Crm
from tests.crm_api.bodies import fresh, make, problem
from tests.crm_api.test_imports import ORDER_QUERY, counts, rejected, run, upload
from tests.crm_api.test_privacy import erase
from tests.crm_api.test_terms import offer

OFFERS = "id,contact_external_id,kind,occurred_at,product_id,discount_pct,outcome\n"
CASES = "id,contact_external_id,kind,occurred_at,severity,status,despite_open_complaint\n"
WHEN = "2025-01-05T10:00:00Z"
QUERY = {"resource": "interactions", "source": "desk", "time_zone": "UTC"}
CHUNK = 1000


def named(crm: Crm, **more: Any) -> str:
    """Make a contact and return how files name it."""
    return known(crm, **more)[0]


def known(crm: Crm, **more: Any) -> tuple[str, str]:
    """Make a contact and return how files name it, and its id."""
    name = fresh("C")
    made = make(crm, "contacts", external_refs=[{"source": "desk", "id": name}], **more)
    return name, made["id"]


def row(contact: str, kind: str, *cells: str) -> str:
    return ",".join((fresh("R"), contact, kind, WHEN, *cells)) + "\n"


def notes(contact: str) -> str:
    """A chunk of rows that no rule asks about."""
    return "".join(row(contact, "note", "", "", "") for _ in range(CHUNK))


def tried_and_done(crm: Crm, content: str, **more: Any) -> tuple[dict[str, Any], list[list[str]]]:
    """Import a file after a dry run of it that tells the same; return the state and who is rejected."""
    answer = upload(crm, content, **QUERY | more)
    assert answer.status_code == 201, answer.text
    tried = run(crm, answer.json()["id"], dry_run=True)
    told = [line[:3] for line in rejected(crm.client, tried["id"])[1:]]
    done = run(crm, answer.json()["id"])
    lines = rejected(crm.client, done["id"])[1:]
    assert done["status"] == tried["status"] == "succeeded", done
    assert told == [line[:3] for line in lines]
    assert counts(tried) == counts(done)
    assert tried["created_contact_count"] == done["created_contact_count"]
    return done, lines


def refused(lines: list[list[str]]) -> list[tuple[int, str]]:
    return [(int(line[0]), line[2]) for line in lines]


def test_a_file_brings_no_unit_two_sets_of_terms(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    one, two, other = named(service, parent_id=firm), named(service, parent_id=firm), named(service)
    product = fresh("P")
    rows = [
        row(one, "offer", product, "10", ""),
        row(one, "offer", product, "15", ""),
        row(two, "offer", product, "20", ""),
        row(two, "offer", product, "10.00", ""),
        row(other, "offer", product, "15", ""),
        row(two, "offer", fresh("P"), "15", ""),
    ]
    state, lines = tried_and_done(service, OFFERS + "".join(rows))
    assert refused(lines) == [(3, "terms_conflict"), (4, "terms_conflict")]
    assert counts(state) == (4, 0, 0, 2)
    kept = service.client.get(f"/v1/interactions?product_id={product}&contact.parent_id={firm}")
    offers = kept.json()["items"]
    assert {each["discount_pct"] for each in offers} <= {"10", "10.00"}
    # What is live is what is there: the terms are free once those offers are gone.
    person = offers[0]["contact_id"]
    problem(offer(service, person, product, "20"), 409, "terms_conflict")
    for each in offers:
        path = f"/v1/interactions/{each['id']}"
        assert service.client.delete(path, headers={"If-Match": "*"}).status_code == 204
    assert offer(service, person, product, "20").status_code == 201


def test_a_file_brings_no_two_sets_of_terms_however_far_apart_its_rows_are(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    one, two = named(service, parent_id=firm), named(service, parent_id=firm)
    product, answered = fresh("P"), fresh("P")
    declined = row(one, "offer", answered, "10", "")
    content = (
        OFFERS
        + row(one, "offer", product, "10", "")
        + declined
        + notes(one)
        + row(two, "offer", product, "20", "")
        + row(one, "offer", product, "10", "")
        + declined.replace(",10,", ",10,declined")
        + notes(one)
        + row(one, "offer", product, "20", "")
        + row(two, "offer", answered, "20", "")
    )
    _, lines = tried_and_done(service, content)
    assert refused(lines) == [(CHUNK + 4, "terms_conflict"), (2 * CHUNK + 7, "terms_conflict")]


def test_offers_of_a_file_create_the_contacts_that_they_name(service: Crm) -> None:
    one, two, product = fresh("N"), fresh("N"), fresh("P")
    rows = [
        row(one, "offer", product, "10", ""),
        row(one, "offer", product, "15", ""),
        row(two, "offer", product, "15", ""),
        row(two, "note", "", "", ""),
    ]
    content = OFFERS + "".join(rows) + notes(two) + row(one, "offer", product, "20", "")
    state, lines = tried_and_done(service, content, create_missing_contacts=True)
    assert refused(lines) == [(3, "terms_conflict"), (CHUNK + 6, "terms_conflict")]
    assert state["created_contact_count"] == 2
    offers = service.client.get(f"/v1/interactions?product_id={product}").json()["items"]
    assert sorted(each["discount_pct"] for each in offers) == ["10", "15"]
    for each in offers:
        problem(offer(service, each["contact_id"], product, "30"), 409, "terms_conflict")


def test_a_file_reminds_nobody_unasked_who_has_an_open_complaint(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    (stored, contact), theirs, mine = known(service), named(service, parent_id=firm), fresh("N")
    body = {"contact_id": contact, "kind": "complaint", "occurred_at": WHEN, "severity": 2}
    make(service, "interactions", **body)
    colleague = named(service, parent_id=firm)
    complaint = row(theirs, "complaint", "2", "", "")
    rows = [
        row(stored, "payment_reminder", "", "", ""),
        row(stored, "payment_reminder", "", "", "true"),
        row(theirs, "payment_reminder", "", "", ""),
        complaint,
        row(colleague, "payment_reminder", "", "", ""),
        row(mine, "payment_reminder", "", "", ""),
        row(mine, "complaint", "1", "", ""),
        row(mine, "payment_reminder", "", "", ""),
        complaint.replace(",2,,", ",2,resolved,"),
        row(colleague, "payment_reminder", "", "", ""),
    ]
    content = CASES + "".join(rows) + notes(stored) + row(mine, "payment_reminder", "", "", "")
    _, lines = tried_and_done(service, content, create_missing_contacts=True)
    assert refused(lines) == [
        (2, "open_complaint"),
        (6, "open_complaint"),
        (9, "open_complaint"),
        (CHUNK + 12, "open_complaint"),
    ]


def test_a_file_keeps_no_recording_and_no_deal_that_may_not_be_kept(service: Crm) -> None:
    one, (allowed, contact), missing = named(service), known(service), fresh("N")
    consent = {"channel": "phone", "purpose": "recording", "action": "granted", "basis": "consent"}
    answer = service.client.post(f"/v1/contacts/{contact}/consents", json=consent)
    assert answer.status_code == 201, answer.text
    deal = make(service, "deals", contact_id=contact)["id"]
    header = "id,contact_external_id,kind,occurred_at,channel,recording_ref,deal_id\n"
    rows = [
        row(one, "call", "phone", "rec:1", ""),
        row(allowed, "call", "phone", "rec:2", ""),
        row(missing, "call", "phone", "rec:3", ""),
        row(one, "payment_reminder", "", "", deal),
        row(allowed, "payment_reminder", "", "", deal),
        row(missing, "payment_reminder", "", "", deal),
        row(one, "note", "", "", deal),
    ]
    content = header + "".join(rows)
    state, lines = tried_and_done(service, content, create_missing_contacts=True)
    assert refused(lines) == [
        (2, "recording_without_consent"),
        (4, "recording_without_consent"),
        (5, "deal_of_another"),
        (7, "deal_of_another"),
    ]
    assert {line[1] for line in lines} == {"recording_ref", "deal_id"}
    assert state["created_contact_count"] == 0, "nobody is created for a row that is rejected"


def test_rejected_rows_of_who_was_erased_keep_nothing_of_the_file(service: Crm) -> None:
    name, contact = known(service, kind="organisation", name="Weber")
    erase(service, contact)
    orders = {**ORDER_QUERY, "contact_source": "desk", "create_missing_contacts": False}
    ours = {"mapping": ["id:external_id", "contact_id:contact_id", "kind:kind", "subject:subject"]}
    people = "id,first name,parent_external_id\n"
    files: list[tuple[str, dict[str, Any]]] = [
        (f"id,contact_external_id,kind,occurred_at,subject\nR,{name},note,{WHEN},secret\n", {}),
        (f"id,contact_external_id,kind,occurred_at,subject\nR,{name},note,,secret\n", {}),
        (f"id,contact_id,kind,occurred_at,subject\nR,{contact},note,{WHEN},secret\n", ours),
        (f"id,customer_id,date,amount,title\nR,{name},2024-01-05,10,secret\n", orders),
        (f"{people}{fresh('R')},secret,{name}\n", {"resource": "contacts"}),
        (f"id,first name,birth_date\n{name},secret,2999-01-01\n", {"resource": "contacts"}),
    ]
    for content, more in files:
        _, (line,) = tried_and_done(service, content, **more)
        told = "".join(line)
        assert name not in told and contact not in told and "secret" not in told, line
        assert set(line[4:]) <= {""}, "the cells are blank"
    other = f"id,contact_external_id,kind,occurred_at,subject\nR,{fresh('C')},note,{WHEN},kept\n"
    _, (line,) = tried_and_done(service, other)
    assert (line[2], line[-1]) == ("contact_missing", "kept")
