"""A termination case beside a CRM that changes: no step rests on what has ceased to hold."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from services.analytics.termination_cases.table import termination_cases
from services.foundation.statements import Statement
from tests.conftest import Crm, store_key
from tests.end_to_end.conftest import Analytics
from tests.end_to_end.test_refresh import sell
from tests.live import client

PROFILES = ["chronic_late_payer"]


def add_late_payer(crm: Crm) -> str:
    """Enter a customer of long standing who pays late and takes payments back."""
    contact_id: str = crm.create("contacts", kind="person", name="Weber")["id"]
    money = {"amount": "100.00", "currency": "EUR"}
    for month in (5, 6):
        taken: dict[str, Any] = {
            "chargeback_at": f"2024-{month:02}-20T10:00:00Z",
            "chargeback_lost": money,
        }
        day = f"2024-{month:02}-01"
        sell(crm, contact_id, day, invoiced_at=f"{day}T10:00:00Z", **taken)
    for month in range(4, 10):
        day = f"2025-{month:02}-01T10:00:00Z"
        paid = {"invoiced_at": day, "due_at": f"2025-{month:02}-15T10:00:00Z"}
        paid |= {"paid_at": f"2025-{month + 1:02}-25T10:00:00Z"}
        sell(crm, contact_id, day[:10], **paid)
    return contact_id


class Case:
    """A case of a customer, taken on by its proposer."""

    def __init__(self, analytics: Analytics, unit_id: str) -> None:
        self.analytics, self.unit_id, self.path = analytics, unit_id, ""

    def open(self, status: int = 201) -> Any:
        body = {"unit_id": self.unit_id, "profile_ids": PROFILES, "note": "Late again."}
        answer = self.analytics.client.post("/v1/termination-cases", json=body)
        assert answer.status_code == status, answer.text
        if status == 201:
            self.path = f"/v1/termination-cases/{answer.json()['id']}"
        return answer.json()

    def step(self, name: str, body: Any, *, version: int, status: int = 200) -> Any:
        headers = {"If-Match": f'"{version}"', "Accept-Language": "de"}
        path = f"{self.path}/{name}"
        answer = self.analytics.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def case(crm: Crm, analytics: Analytics) -> Case:
    unit_id = add_late_payer(crm)
    crm.create("contacts", kind="person", name="Somebody else")
    analytics.published()
    return Case(analytics, unit_id)


def test_a_block_that_came_into_the_crm_stops_every_step_at_once(
    crm: Crm, analytics: Analytics, case: Case
) -> None:
    protected = {"protections": ["legal_hold"]}
    path = f"/v1/contacts/{case.unit_id}"
    crm.create("contacts", kind="person", name="Of no concern")
    case.open()
    assert crm.patch(path, protected, version="*").status_code == 200
    refused = case.step("remedy", {}, version=1, status=409)
    assert refused["code"] == "changed_since"
    assert refused["title"].startswith("Das CRM hat sich seitdem geändert")
    analytics.published()
    assert case.step("remedy", {}, version=1, status=409)["code"] == "case_blocked"
    assert crm.patch(path, {"protections": []}, version="*").status_code == 200
    analytics.published()
    case.step("remedy", {}, version=1)
    sale = sell(crm, case.unit_id, "2025-11-01")
    kept = {"result": "failed"}
    assert case.step("remedy-result", kept, version=2, status=409)["code"] == "term_running"
    other = Case(analytics, case.unit_id)
    case.step("remedy-result", {"result": "kept"}, version=2)
    assert other.open(409)["code"] == "changed_since"
    analytics.published()
    gone = crm.client.delete(f"/v1/deals/{sale['id']}", headers={"If-Match": "*"})
    assert gone.status_code == 204
    assert other.open(409)["code"] == "changed_since"


def test_a_version_of_another_day_carries_no_step(analytics: Analytics, case: Case) -> None:
    case.open()
    analytics.published(as_of=date(2026, 1, 30))
    refused = case.step("remedy", {}, version=1, status=409)
    assert refused["code"] == "version_of_another_day"
    assert refused["detail"] == "Er ist vom 30.01.2026, und heute ist der 31.01.2026."
    analytics.published()
    case.step("remedy", {}, version=1)


def test_without_the_crm_no_step_is_taken(crm: Crm, analytics: Analytics, case: Case) -> None:
    case.open()
    crm.stop()
    refused = case.step("remedy", {}, version=1, status=503)
    assert refused["code"] == "crm_unread"
    assert refused["title"].endswith("er unterblieb.")
    assert analytics.get(case.path)["step"]["id"] == "proposed"
    case.step("withdrawal", {"reason": "Settled."}, version=1)
    crm.start()


def test_a_trial_tells_an_open_case_to_those_alone_who_may_know_it(
    analytics: Analytics, case: Case
) -> None:
    case.open()
    heard = update(termination_cases).values(
        step="hearing", step_day=date(2026, 1, 31), remedy_failed_day=date(2026, 1, 30)
    )
    analytics.on_database(
        lambda database: database.write(lambda transaction: transaction.run(Statement(heard)))
    )
    analytics.published()
    path = f"/v1/customers/{case.unit_id}/explain-what-if"
    body = {"changes": [{"fact": "consent", "channel": "phone", "granted": True}]}
    told = analytics.client.post(path, json=body)
    assert told.status_code == 200, told.text
    assert told.json()["before"]["state"] == "to_terminate"
    actions = [each["action"] for each in analytics.get(f"{case.path}/log")["items"]]
    assert actions.count("customer_listed") == 1
    key = store_key(analytics.settings.database_url, scopes=["analytics:read"])
    with client(analytics.url, key) as agent:
        untold = agent.post(path, json=body)
    assert untold.status_code == 200, untold.text
    assert "to_terminate" not in untold.text
    for name in ("state", "phase", "basis"):
        assert untold.json()["before"][name] is None


def test_a_customer_is_told_facts_by_days_and_amounts(
    crm: Crm, analytics: Analytics, case: Case
) -> None:
    for month in range(5, 10):
        crm.create(
            "interactions",
            contact_id=case.unit_id,
            kind="complaint",
            severity=1,
            justified=False,
            occurred_at=f"2025-{month:02}-02T10:00:00Z",
        )
    analytics.published()
    case.open()
    english = analytics.get(f"{case.path}/draft?purpose=hearing&language=en")
    assert (
        "\n  - invoice of 1 Sep 2025 for EUR 100.00, due 15 Sep 2025, paid 25 Oct 2025\n"
        in (english["text"])
    )
    assert "\n  - invoice of 1 Jun 2024 for EUR 100.00, no payment" not in english["text"]
    assert (
        "\n  - invoice of 1 Jun 2024 for EUR 100.00, charged back 20 Jun 2024\n"
        in (english["text"])
    )
    assert "\n  - complaint of 2 Sep 2025" in english["text"]
    for each in english["records"]:
        assert each["id"] not in english["text"]
        assert each["name"] in english["text"]
    case.step("remedy", {}, version=1)
    analytics.move_clock(timedelta(days=60))
    case.step("remedy-result", {"result": "failed"}, version=2)
    heard = case.step("hearing", {"language": "de"}, version=3)["hearing"]["text"]
    assert (
        "\n  - Rechnung vom 01.09.2025 über 100,00 EUR, fällig am 15.09.2025, bezahlt am" in heard
    )
    assert "\n  - Beschwerde vom 02.09.2025" in heard
    assert english["records"]
    assert not any(each["id"] in heard for each in english["records"])
