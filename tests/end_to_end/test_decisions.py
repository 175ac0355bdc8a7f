"""What is decided is planned in the CRM: once, however the CRM, the network or the process fails."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.decisions.runner import PlanRunner
from services.analytics.decisions.sending import PlanSender
from services.foundation.database import Database
from services.local.scopes import WRITE_SCOPES
from tests.conftest import BOTH, Crm, Templates, store_key
from tests.end_to_end.conftest import Analytics, both_services
from tests.end_to_end.test_refresh import make_reachable, sell

MERGE = "application/merge-patch+json"
GERMAN = {"Accept-Language": "de"}
STUCK = """
import asyncio, sys
from pathlib import Path
import httpx
from services.analytics.decisions.runner import PlanRunner
from services.analytics.decisions.sending import PlanSender
from services.foundation.application import utc_now
from services.foundation.connecting import connect

class Stuck(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        answer = await super().handle_async_request(request)
        await answer.aread()
        print(answer.status_code, flush=True)
        await asyncio.sleep(60)
        return answer

async def run(url, crm, key_file, folder):
    database = connect(url)
    await database.open()
    planner = PlanSender(crm, key_file=Path(key_file), transport=Stuck(verify=False))
    PlanRunner(database, planner, folder=Path(folder), clock=utc_now).start()
    await asyncio.sleep(60)

asyncio.run(run(*sys.argv[1:]))
"""


class AnswerLost(httpx.AsyncHTTPTransport):
    """Lets the CRM do what it is asked for, and loses the answer."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        await answer.aread()
        raise httpx.ReadError("the connection broke")


class Office:
    """Analytics beside a CRM, in which customers with recommendations are; each test takes some."""

    def __init__(self, crm: Crm, analytics: Analytics) -> None:
        self.crm, self.analytics = crm, analytics
        key = store_key(crm.settings.database_url, scopes=WRITE_SCOPES)
        analytics.settings.write_key_file.write_text(key + "\n")
        for number in range(9):
            address = f"weber{number}@example.org"
            contact = crm.create("contacts", kind="person", name=f"Weber {number}", email=address)[
                "id"
            ]
            make_reachable(crm, contact)
            for month in (4, 9):
                sell(crm, contact, f"2025-{month:02}-{10 + number}", "9000.00")
        analytics.published()
        items = analytics.get("/v1/customers", params={"limit": 200})["items"]
        self._recommended = [item for item in items if item["recommendation"]["id"] is not None]

    def decide(self, again: Any = None, **fields: Any) -> Any:
        """Accept what is recommended to another customer, or once more what was decided on."""
        customer = again or self._recommended.pop()
        body = {
            "unit_id": customer["unit_id"],
            "recommendation_id": again["recommendation_id"]
            if again
            else customer["recommendation"]["id"],
            "decision": "accepted",
            "write_to_crm": True,
            **fields,
        }
        answer = self.analytics.client.post("/v1/decisions", json=body, headers=GERMAN)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def patch(self, decision: Any, **fields: Any) -> Any:
        headers = {"Content-Type": MERGE, "If-Match": "*"}
        path = f"/v1/decisions/{decision['id']}"
        answer = self.analytics.client.patch(path, json=fields, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def read(self, decision: Any) -> Any:
        return self.analytics.get(f"/v1/decisions/{decision['id']}")

    def carry_out(self, *, later: float = 0.0, **options: Any) -> None:
        """Do once what the service does beside its answers."""
        self.analytics.move_clock(timedelta(seconds=later))
        settings = self.analytics.settings
        options.setdefault("transport", httpx.AsyncHTTPTransport(verify=False))

        async def work(database: Database) -> None:
            planner = PlanSender(self.crm.url, key_file=settings.write_key_file, **options)
            folder = settings.data_dir / "decisions"
            runner = PlanRunner(database, planner, folder=folder, clock=self.analytics._clock)
            await runner.work()
            await runner.stop()

        self.analytics.on_database(work)

    def planned(self, decision: Any) -> list[Any]:
        """Return the live interactions of the customer that are of ours."""
        asked = {"contact_id": decision["unit_id"], "tag": "phasewise"}
        found: list[Any] = self.crm.client.get("/v1/interactions", params=asked).json()["items"]
        return found


@pytest.fixture(scope="module", params=BOTH)
def running(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with both_services(request.param, templates, folder) as (crm, analytics):
        yield Office(crm, analytics)


@pytest.fixture
def office(running: Office) -> Iterator[Office]:
    before = running.analytics._offset
    yield running
    running.analytics.move_clock(before - running.analytics._offset)


def test_what_is_accepted_is_planned_in_the_crm_moved_done_and_noticed(office: Office) -> None:
    day = (office.analytics._clock() + timedelta(days=9)).date()
    made = office.decide(planned_for=day.isoformat(), assigned_to="anna.weber", note="Nach 15 Uhr")
    assert (made["crm"]["state"], made["crm"]["interaction_id"]) == ("pending", None)
    office.carry_out()
    told = office.read(made)["crm"]
    (plan,) = office.planned(made)
    assert told == {
        "state": "written",
        "interaction_id": plan["id"],
        "problem": None,
        "next_attempt_at": None,
    }
    assert plan["subject"] == made["decided_on"]["instrument"]["label"]
    assert (plan["is_planned"], plan["user_id"]) == (True, "anna.weber")
    kinds = {each.id: each.type for each in load_catalogue().instruments}
    is_free = kinds[made["decided_on"]["instrument"]["id"]] in ("service", "obligation")
    assert plan["body"] == "Nach 15 Uhr"
    assert plan["tags"][:2] == (["phasewise"] if is_free else ["phasewise", "marketing"])
    assert plan["treatment_id"] == made["recommendation_id"]
    assert plan["external_refs"] == [{"source": "phasewise", "id": made["id"]}]
    assert plan["due_at"][:10] == day.isoformat()

    moved = office.patch(made, planned_for=(day + timedelta(days=1)).isoformat())
    assert moved["crm"]["state"] == "pending"
    office.carry_out()
    (plan,) = office.planned(made)
    assert plan["due_at"][:10] == (day + timedelta(days=1)).isoformat()

    done_at = "2026-01-20T10:00:00.000000Z"
    done = office.crm.patch(
        f"/v1/interactions/{plan['id']}", {"done_at": done_at}, version=plan["version"]
    )
    assert done.status_code == 200, done.text
    office.analytics.published()
    noticed = office.read(made)
    assert (noticed["status"], noticed["executed_at"]) == ("executed", done_at)
    assert noticed["interaction_id"] == plan["id"]
    step = noticed["history"][-1]
    assert (step["key_id"], step["cause"]) == ("system", "interaction_done")
    # Done, it is not recommended again, under no strategy.
    shown = office.analytics.get(f"/v1/customers/{made['unit_id']}/recommendations")
    done_with = made["decided_on"]["instrument"]["id"]
    assert done_with not in {each["instrument"]["id"] for each in shown["steps"]}
    ruled_out = {each["instrument"]["id"]: each["why"] for each in shown["ruled_out"]}
    assert ruled_out[done_with] == "decided"
    office.carry_out()
    assert [each["id"] for each in office.planned(made)] == [plan["id"]]


def test_a_request_of_a_person_who_objects_is_a_task_with_that_person_until_it_is_settled(
    office: Office,
) -> None:
    crm, analytics = office.crm, office.analytics
    fields = {"name": "Lager", "profiling_objection_at": "2026-01-01T09:00:00Z"}
    firm = crm.create("contacts", kind="organisation", **fields)["id"]
    person = crm.create("contacts", kind="person", name="Ina Lager", parent_id=firm)["id"]

    def ask(day: int) -> Any:
        told = {"kind": "service_request", "tags": ["privacy_request"]}
        at = f"2026-01-{day}T09:00:00Z"
        return crm.create("interactions", contact_id=person, occurred_at=at, **told)

    def owed() -> list[Any]:
        analytics.published()
        found = analytics.get(f"/v1/customers/{firm}/recommendations")
        assert found["basis"] == "profiling_objection"
        return list(found["obligations"])

    request = ask(14)
    (duty,) = owed()
    assert (duty["event_record_id"], duty["person_id"]) == (request["id"], person)
    made = office.decide({"unit_id": firm, "recommendation_id": duty["id"]})
    day = max(duty["due_on"], analytics._clock().date().isoformat())
    assert (duty["due_on"], made["planned_for"]) == ("2026-02-14", day)
    office.carry_out()
    (plan,) = office.planned({"unit_id": person})
    assert (plan["contact_id"], plan["parent_id"]) == (person, request["id"])
    assert (plan["kind"], plan["direction"]) == ("message", "outbound")
    assert plan["due_at"][:10] == day
    office.patch(made, status="executed")
    office.carry_out()
    assert [each["id"] for each in owed()] == [duty["id"]]
    settled = crm.patch(
        f"/v1/interactions/{request['id']}",
        {"resolution": "fixed", "resolved_at": "2026-01-25T09:00:00Z"},
        version="*",
    )
    assert settled.status_code == 200, settled.text
    assert owed() == []
    another = ask(20)
    (duty,) = owed()
    assert duty["event_record_id"] == another["id"]
    office.decide({"unit_id": firm, "recommendation_id": duty["id"]})
    office.carry_out()
    assert len(office.planned({"unit_id": person})) == 2


def test_what_is_rejected_or_not_done_in_time_leaves_the_crm_and_what_is_done_stays(
    office: Office,
) -> None:
    rejected, other, ended = (office.decide() for _ in range(3))
    office.carry_out()
    office.patch(ended, status="expired", reason="other")
    office.patch(rejected, status="rejected", reason="wrong_time")
    cost = {"amount": "12.50", "currency": "EUR"}
    office.patch(other, status="executed", cost=cost)
    office.carry_out()
    for each in (rejected, ended):
        assert office.planned(each) == []
        assert office.read(each)["crm"]["state"] == "removed"
    (done,) = office.planned(other)
    assert (done["is_planned"], done["done_at"]) == (False, office.read(other)["executed_at"])
    assert done["cost"] == cost

    # Asked for and taken back before anything was sent: the CRM never hears of it.
    unsent = office.decide(ended)
    assert office.patch(unsent, write_to_crm=False)["crm"]["state"] == "removed"
    assert office.patch(unsent, write_to_crm=True)["crm"]["state"] == "pending"
    office.carry_out()
    (plan,) = office.planned(unsent)
    # Somebody did it in the CRM, and nobody knew: it stays there, though the decision expires.
    done_at = "2026-01-20T10:00:00Z"
    path = f"/v1/interactions/{plan['id']}"
    assert office.crm.patch(path, {"done_at": done_at}, version="*").is_success
    office.carry_out(later=31 * 86_400)
    assert office.read(unsent)["status"] == "expired"
    office.carry_out()
    assert office.read(unsent)["crm"]["state"] == "written"
    assert [each["id"] for each in office.planned(unsent)] == [plan["id"]]


def test_a_crm_that_is_down_a_key_that_is_gone_and_a_contact_that_is_gone(
    office: Office,
) -> None:
    port = office.crm.server.port
    made = office.decide()
    office.crm.stop()
    for pause in (1, 2, 4):
        office.carry_out()
        told = office.read(made)["crm"]
        assert (told["state"], told["problem"]) == ("pending", "crm_unavailable")
        office.carry_out(later=0.9 * pause)  # nothing is due before its time
        assert office.read(made)["crm"] == told
        office.analytics.move_clock(timedelta(seconds=0.3 * pause))
    office.crm.start(port=port)
    key_file = office.analytics.settings.write_key_file
    key = key_file.read_text()
    key_file.unlink()
    office.carry_out()
    assert office.read(made)["crm"]["problem"] == "crm_key_missing"
    key_file.write_text(store_key(office.crm.settings.database_url, scopes=["deals:read"]))
    office.carry_out(later=20)
    assert office.read(made)["crm"]["problem"] == "crm_key_refused"
    key_file.write_text(key)
    office.carry_out(later=60)
    assert office.read(made)["crm"]["state"] == "written"
    assert len(office.planned(made)) == 1

    lost = office.decide()
    contact = f"/v1/contacts/{lost['unit_id']}"
    assert office.crm.client.delete(contact, headers={"If-Match": "*"}).status_code == 204
    office.carry_out()
    told = office.read(lost)["crm"]
    assert (told["state"], told["next_attempt_at"]) == ("failed", None)
    assert told["problem"] == "contact_missing"
    assert office.crm.client.post(f"{contact}/restore").is_success
    assert office.patch(lost, write_to_crm=True)["crm"]["state"] == "pending"
    office.carry_out()
    assert office.read(lost)["crm"]["state"] == "written"


def test_an_answer_that_is_lost_doubles_nothing_and_loses_nothing(office: Office) -> None:
    made, unwanted = office.decide(), office.decide()
    for _ in range(2):  # the first that fails lets the others wait
        office.carry_out(transport=AnswerLost(verify=False))
    for each in (made, unwanted):
        assert office.read(each)["crm"]["problem"] == "crm_unavailable"
        assert len(office.planned(each)) == 1
    office.patch(unwanted, status="rejected", reason="other")
    office.carry_out(transport=AnswerLost(verify=False), later=60)
    office.carry_out(transport=AnswerLost(verify=False), later=60)
    office.carry_out(later=120)
    assert office.read(made)["crm"]["state"] == "written"
    assert office.read(unwanted)["crm"]["state"] == "removed"
    assert len(office.planned(made)) == 1
    assert office.planned(unwanted) == []


def test_a_process_that_is_killed_after_the_crm_wrote_doubles_nothing(
    office: Office,
) -> None:
    settings = office.analytics.settings
    made = office.decide()
    folder = str(settings.data_dir / "decisions")
    arguments = [settings.database_url, office.crm.url, str(settings.write_key_file), folder]
    command = [sys.executable, "-c", STUCK, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"201"
        process.send_signal(signal.SIGKILL)
    assert office.read(made)["crm"]["state"] == "pending"
    (plan,) = office.planned(made)
    office.carry_out()  # a process that is gone is known to be: nobody waits for its lease
    told = office.read(made)["crm"]
    assert (told["state"], told["interaction_id"]) == ("written", plan["id"])
    assert len(office.planned(made)) == 1
