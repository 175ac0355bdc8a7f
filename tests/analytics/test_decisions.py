"""Decisions over HTTP: what is decided is kept as it was, changes as the rules say, and ends by itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import delete, or_, select, update

from services.analytics.app import create_app
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.decisions import automatic
from services.analytics.decisions.plans import Planning
from services.analytics.decisions.schemas import Reason
from services.analytics.decisions.table import decision_steps, decision_writes, decisions
from services.analytics.recommendations.identity import recommendation_id
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.tables import SLOTS
from services.foundation.database import Database, Transaction
from services.foundation.statements import Statement
from services.foundation.tables import idempotency_records
from tests.analytics.published import publish_simulated, unit_id
from tests.analytics.test_contract import keeps
from tests.conftest import BOTH, Templates, store_key
from tests.databases import on_database
from tests.live import LiveServer, client

PATH, ONE = "/v1/decisions", "/v1/decisions/{decision_id}"
MERGE = "application/merge-patch+json"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Desk:
    """The service with a published base, a clock of its own, and customers nobody decided on yet."""

    http: httpx.Client
    url: str
    server: str
    now: datetime = NOON
    next: int = 0
    recommended: list[dict[str, Any]] = field(default_factory=list)

    def customer(self) -> dict[str, Any]:
        """Return a customer with a recommendation, each time of a test another one."""
        if not self.recommended:
            path = "/v1/customers?limit=200&sort=-recommendation_value"
            items = self.http.get(path).json()["items"]
            self.recommended = [
                self.http.get(f"/v1/customers/{item['unit_id']}").json()
                for item in items
                if item["recommendation"]["strategy"] is not None
            ][:8]
        self.next += 1
        return self.recommended[self.next - 1]

    def all_owed(self, obligation: str) -> list[dict[str, Any]]:
        """Return to whom this is owed, as `decide` takes them."""
        path = f"/v1/recommendations?limit=200&obligation={obligation}"
        return [
            {**item, "recommendation": owed, "obligation": owed}
            for item in self.http.get(path).json()["items"]
            for owed in item["obligations"]
            if owed["instrument"]["id"] == obligation
        ]

    def forget(self) -> None:
        """Leave nothing to the next test."""
        self.now, self.next = NOON, 0

        async def work(transaction: Transaction) -> None:
            for table in (decision_steps, decision_writes, decisions):
                await transaction.run(Statement(delete(table)))

        self.on_database(lambda database: database.write(work))

    def decide(self, customer: dict[str, Any], status: int = 201, **fields: Any) -> Any:
        body = {
            "unit_id": customer["unit_id"],
            "recommendation_id": customer["recommendation"]["id"],
            "decision": "accepted",
            **fields,
        }
        answer = self.http.post(PATH, json=body)
        assert answer.status_code == status, answer.text
        return keeps(self.http, answer, PATH, "post")

    def patch(
        self, decision: dict[str, Any], expected: int = 200, version: Any = None, **fields: Any
    ) -> Any:
        headers = {"Content-Type": MERGE, "If-Match": f'"{version or decision["version"]}"'}
        answer = self.http.patch(f"{PATH}/{decision['id']}", json=fields, headers=headers)
        assert answer.status_code == expected, answer.text
        return keeps(self.http, answer, ONE, "patch")

    def read(self, decision_id: str, status: int = 200) -> Any:
        answer = self.http.get(f"{PATH}/{decision_id}")
        assert answer.status_code == status, answer.text
        return keeps(self.http, answer, ONE)

    def listed(self, **filters: Any) -> list[str]:
        answer = self.http.get(PATH, params={"limit": 200, **filters})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in keeps(self.http, answer, PATH)["items"]]

    def on_database(self, work: Callable[[Database], Any]) -> Any:
        return on_database(self.url, work)


@pytest.fixture(scope="module", params=BOTH)
def running(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("decisions")
    url = templates.fresh("analytics", request.param, folder)
    publish_simulated(url, count=60)
    settings = Settings(
        data_dir=folder,
        analytics_database_url=url,
        analytics_requests_per_minute=10_000_000,
        log_requests=False,
    )
    desks: list[Desk] = []
    app = create_app(settings, schedules=False, clock=lambda: desks[0].now if desks else NOON)
    key = store_key(url, scopes=SCOPES, name="Sales")
    with LiveServer(app) as live, client(live.url, key) as http:
        desks.append(Desk(http, url, live.url))
        yield desks[0]


@pytest.fixture
def desk(running: Desk) -> Iterator[Desk]:
    yield running
    running.forget()


@pytest.mark.parametrize(
    ("instrument_id", "channel_id", "tags"),
    [
        ("future_purchase_discount", "email", ["phasewise", "marketing"]),
        ("advice", "phone", ["phasewise", "marketing"]),
        ("satisfaction_survey", "email", ["phasewise", "marketing", "survey"]),
        ("customer_service", "phone", ["phasewise"]),
        ("complaint_handling", None, ["phasewise"]),
        ("answer_message", None, ["phasewise"]),
    ],
)
def test_a_planned_contact_says_whether_it_advertises(
    instrument_id: str, channel_id: str | None, tags: list[str]
) -> None:
    planning = Planning(load_catalogue(), "en", ZoneInfo("Europe/Berlin"))
    empty = dict.fromkeys(("note", "product_id", "assigned_to", "valid_until"))
    step = {"unit_id": "a", "recommendation_id": "b", "planned_for": date(2026, 1, 2)}
    step |= {"snapshot": {}}
    decision = {**empty, **step, "instrument_id": instrument_id, "channel_id": channel_id}
    assert planning.body(decision)["tags"] == tags


def test_reasons_are_those_of_the_catalogue() -> None:
    assert get_args(Reason) == tuple(load_catalogue().sections["rejection_reasons"])


def test_the_id_of_a_recommendation_never_changes() -> None:
    plain = recommendation_id(unit_id(1), "attachment", "advice", None, None)
    assert plain == "7c6a845c-44ab-58a6-8fea-7c6dd5527a28"
    others = {
        recommendation_id(unit_id(2), "attachment", "advice", None, None),
        recommendation_id(unit_id(1), "attachment", "advice", "phone", None),
        recommendation_id(unit_id(1), "attachment", "advice", None, "P-1"),
        recommendation_id(unit_id(1), None, "advice", None, None),
    }
    assert len({plain, *others}) == 5
    owed = [
        recommendation_id(
            unit_id(1), None, "complaint_handling", None, None, owed_for=unit_id(each)
        )
        for each in (8, 9)
    ]
    assert len({*owed}) == 2


def test_a_decision_keeps_what_was_decided_on(desk: Desk) -> None:
    customer = desk.customer()
    made = desk.decide(customer, note="Am Nachmittag", assigned_to="anna.weber")
    recommended = customer["recommendation"]
    on = made["decided_on"]
    for name in ("goal", "strategy", "instrument", "channel", "expected_value"):
        assert on[name] == recommended[name], name
    assert on["effect_probability"] == recommended["effect_probability"]
    assert on["stake"]["currency"] == customer["currency"]
    assert on["contact_cost"] is not None
    assert on["phase"]["id"] == customer["phase"]
    assert (on["rank"], on["model_version"], on["as_of"]) == (1, 1, customer["as_of"])
    assert (made["status"], made["version"], made["crm"]) == ("accepted", 1, None)
    assert made["valid_until"] == "2026-12-20"
    assert made["decided_at"] == "2026-11-20T12:00:00.000000Z"
    german = desk.http.get(f"{PATH}/{made['id']}", headers={"Accept-Language": "de"}).json()
    catalogue = load_catalogue()
    label = catalogue.entry("strategies", on["strategy"]["id"]).de
    assert german["decided_on"]["strategy"]["label"] == label


def test_every_step_says_who_took_it_and_when(desk: Desk) -> None:
    made = desk.decide(desk.customer(), planned_for="2026-11-27")
    desk.now += timedelta(hours=1)
    moved = desk.patch(made, planned_for="2027-01-15", note="later")
    assert moved["valid_until"] == "2027-01-15"
    assert desk.patch(moved, planned_for="2027-01-15") == moved
    cost = {"amount": "12.50", "currency": "EUR"}
    at = "2026-11-20T11:00:00.000000Z"
    done = desk.patch(
        moved, status="executed", executed_at=at, cost=cost, interaction_id=unit_id(7)
    )
    assert (done["status"], done["executed_at"], done["cost"]) == ("executed", at, cost)
    assert (done["interaction_id"], done["version"]) == (unit_id(7), 3)
    history = desk.read(made["id"])["history"]
    assert [(step["from_status"], step["to_status"]) for step in history] == [
        (None, "accepted"),
        ("accepted", "accepted"),
        ("accepted", "executed"),
    ]
    assert [step["changed"] for step in history] == [
        ["planned_for"],
        ["note", "planned_for", "valid_until"],
        ["cost", "executed_at", "interaction_id", "status"],
    ]
    assert {(step["key_name"], step["cause"]) for step in history} == {("Sales", None)}
    assert len({step["request_id"] for step in history}) == 3
    assert [step["at"][11:13] for step in history] == ["12", "13", "13"]


def test_what_has_ended_stays_as_it_is(desk: Desk) -> None:
    first, second = (desk.decide(desk.customer()) for _ in range(2))
    done = desk.patch(first, status="executed")
    assert done["executed_at"] == "2026-11-20T12:00:00.000000Z"
    rejected = desk.patch(second, status="rejected", reason="customer_asked")
    assert rejected["reason"]["id"] == "customer_asked"
    for ended in (done, rejected):
        for fields in ({"note": "x"}, {"status": "executed"}, {"write_to_crm": True}):
            assert desk.patch(ended, 409, **fields)["code"] == "decision_closed"
    assert desk.patch(done, 412, version=1)["code"] == "stale_version"
    answer = desk.http.patch(f"{PATH}/{done['id']}", json={}, headers={"Content-Type": MERGE})
    assert answer.status_code == 428


def test_one_recommendation_has_one_open_decision_however_many_decide_at_once(desk: Desk) -> None:
    customer = desk.customer()
    body = {
        "unit_id": customer["unit_id"],
        "recommendation_id": customer["recommendation"]["id"],
        "decision": "accepted",
    }
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: desk.http.post(PATH, json=body), range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    (made,) = (answer.json() for answer in answers if answer.status_code == 201)
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "decision_open"
            assert answer.json()["existing_id"] == made["id"]
    assert desk.patch(made, status="expired", reason="other")["status"] == "expired"
    assert desk.decide(customer)["status"] == "accepted"


def test_what_was_rejected_or_done_is_not_decided_on_again(desk: Desk) -> None:
    rejected, done = desk.customer(), desk.customer()
    body = {
        "unit_id": rejected["unit_id"],
        "recommendation_id": rejected["recommendation"]["id"],
        "decision": "rejected",
        "reason": "other",
    }
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: desk.http.post(PATH, json=body), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 3]
    (made,) = (answer.json() for answer in answers if answer.status_code == 201)
    told = desk.decide(rejected, 409)
    assert (told["code"], told["existing_id"]) == ("decision_stands", made["id"])
    german = desk.http.post(PATH, json=body, headers={"Accept-Language": "de"}).json()
    assert german["detail"].startswith(f"Die Entscheidung {made['id']} lehnt sie ab")
    executed = desk.patch(desk.decide(done), status="executed")
    assert desk.decide(done, 409)["existing_id"] == executed["id"]
    desk.now += timedelta(days=91)
    assert desk.decide(rejected)["status"] == "accepted"


def test_sent_again_with_its_key_a_decision_is_made_once(desk: Desk) -> None:
    customer = desk.customer()
    body = {
        "unit_id": customer["unit_id"],
        "recommendation_id": customer["recommendation"]["id"],
        "decision": "rejected",
        "reason": "wrong_time",
    }
    headers = {"Idempotency-Key": f"once-{customer['unit_id']}"}
    first, again = (desk.http.post(PATH, json=body, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.json()["valid_until"] is None
    assert desk.listed(unit_id=customer["unit_id"]) == [first.json()["id"]]


def test_what_is_owed_is_done_in_time_and_again_until_it_is_settled(desk: Desk) -> None:
    asking = desk.all_owed("privacy_request")[0]
    refused = desk.decide(asking, 422, decision="rejected", reason="other")
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("owed", "/body/decision")
    body = {"unit_id": asking["unit_id"], "recommendation_id": asking["recommendation"]["id"]}
    body |= {"decision": "rejected", "reason": "other"}
    german = desk.http.post(PATH, json=body, headers={"Accept-Language": "de"}).json()
    assert german["title"] == "Was geschuldet ist, lässt sich nicht ablehnen."
    assert german["detail"].startswith("Erledigen Sie den Fall")
    made = desk.decide(asking)
    assert (made["planned_for"], made["decided_on"]["rank"]) == ("2026-11-20", 0)
    assert made["decided_on"]["person_id"] and made["decided_on"]["event_record_id"]
    assert desk.patch(made, 422, status="rejected", reason="other")["code"] == "owed"
    assert desk.decide(asking, 409)["code"] == "decision_open"
    desk.patch(made, status="executed")
    desk.patch(desk.decide(asking), status="expired", reason="other")
    desk.now = datetime(2024, 10, 10, 12, tzinfo=UTC)
    late = desk.decide(asking, 422, planned_for="2024-11-04")
    assert late["errors"][0]["message"] == "It is owed until 2024-11-03."
    asked = desk.decide(asking)
    assert (asked["planned_for"], asked["decided_on"]["due_on"]) == ("2024-11-03", "2024-11-03")
    assert desk.patch(asked, 422, planned_for="2024-11-04")["errors"][0]["code"] == "out_of_range"
    by_severity = {
        each["obligation"]["triage"]["severity"]: each
        for each in desk.all_owed("complaint_handling")
    }
    desk.now = datetime(2024, 9, 1, 12, tzinfo=UTC)
    days = [desk.decide(by_severity[severity])["planned_for"] for severity in (1, 2, 3)]
    assert days == ["2024-10-04", "2024-10-04", "2024-09-01"]
    taken = [each["unit_id"] for each in by_severity.values()]
    (another, *_) = (
        each for each in desk.all_owed("complaint_handling") if each["unit_id"] not in taken
    )
    assert desk.decide(another, planned_for="2024-09-02")["planned_for"] == "2024-09-02"


def test_what_is_owed_to_who_objects_to_profiling_is_decided_and_tells_no_profile(
    desk: Desk,
) -> None:
    objecting = next(
        each
        for each in desk.all_owed("complaint_handling")
        if each["basis"] == "profiling_objection"
    )
    made = desk.decide(objecting, write_to_crm=True)
    assert desk.read(made["id"])["status"] == "accepted"
    on = made["decided_on"]
    assert (on["phase"], on["goal"], on["strategy"]) == (None, None, None)
    assert desk.listed() == [made["id"]]
    assert desk.patch(made, status="executed")["status"] == "executed"


def test_what_is_not_recommended_cannot_be_decided_on(desk: Desk) -> None:
    customer, other = desk.customer(), desk.customer()
    swapped = {**customer, "recommendation": other["recommendation"]}
    told = desk.decide(swapped, 404)
    assert told["code"] == "recommendation_gone"
    assert f"GET /v1/customers/{customer['unit_id']}" in told["detail"]
    nobody = {**customer, "unit_id": unit_id(99_999)}
    assert desk.decide(nobody, 404)["code"] == "recommendation_gone"
    body = {"unit_id": unit_id(1), "recommendation_id": unit_id(2), "decision": "accepted"}
    german = desk.http.post(PATH, json=body, headers={"Accept-Language": "de"})
    assert german.headers["content-language"] == "de"
    assert german.json()["detail"].startswith("Empfehlungen ändern sich mit jeder Berechnung.")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"decision": "rejected"}, "reason_missing", "/body/reason"),
        ({"reason": "other"}, "field_out_of_place", "/body/reason"),
        ({"decision": "rejected", "reason": "mood"}, "invalid_request", "/body/reason"),
        (
            {"decision": "rejected", "reason": "other", "write_to_crm": True},
            "field_out_of_place",
            "/body/write_to_crm",
        ),
        ({"planned_for": "2026-11-19"}, "invalid_request", "/body/planned_for"),
        ({"planned_for": "2027-11-23"}, "invalid_request", "/body/planned_for"),
        ({"note": "x" * 1001}, "invalid_request", "/body/note"),
        ({"notes": "x"}, "invalid_request", "/body/notes"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(
    desk: Desk, fields: dict[str, Any], code: str, pointer: str
) -> None:
    told = desk.decide(desk.customer(), 422, **fields)
    assert (told["code"], told["errors"][0]["pointer"]) == (code, pointer)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "rejected"}, "reason_missing"),
        ({"cost": {"amount": "1.00", "currency": "EUR"}}, "field_out_of_place"),
        ({"status": "executed", "planned_for": "2026-12-01"}, "field_out_of_place"),
        ({"status": "executed", "executed_at": "2026-11-20T12:06:00Z"}, "invalid_request"),
        ({"status": "executed", "executed_at": "2026-11-19T12:00:00Z"}, "invalid_request"),
        ({"status": "executed", "executed_at": "1971-01-01T00:00:00Z"}, "invalid_request"),
        (
            {"status": "executed", "cost": {"amount": "-99999.00", "currency": "EUR"}},
            "invalid_request",
        ),
        ({"status": "executed", "cost": {"amount": "1.00", "currency": "USD"}}, "invalid_request"),
        ({"status": "expired"}, "reason_missing"),
        ({"reason": "other"}, "field_out_of_place"),
        ({"planned_for": "2026-11-19"}, "invalid_request"),
    ],
)
def test_a_change_that_breaks_a_rule_changes_nothing(
    desk: Desk, fields: dict[str, Any], code: str
) -> None:
    made = desk.decide(desk.customer())
    told = desk.patch(made, 422, **fields)
    assert told["code"] == code
    headers = {"Content-Type": MERGE, "If-Match": "*", "Accept-Language": "de"}
    answer = desk.http.patch(f"{PATH}/{made['id']}", json=fields, headers=headers)
    assert answer.headers["content-language"] == "de", answer.text
    assert desk.read(made["id"])["version"] == 1


def test_what_is_not_done_in_time_expires_and_says_that_nobody_did_it(desk: Desk) -> None:
    customer = desk.customer()
    made = desk.decide(customer, planned_for="2026-12-31")
    desk.now = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)  # the last minute of the day in Berlin
    assert desk.read(made["id"])["status"] == "accepted"
    desk.now += timedelta(minutes=1)
    assert made["id"] in desk.listed(status="expired")
    shown = desk.read(made["id"])
    assert (shown["status"], shown["version"]) == ("expired", 2)
    step = shown["history"][-1]
    assert (step["key_id"], step["cause"]) == ("system", "deadline")
    assert (step["from_status"], step["to_status"]) == ("accepted", "expired")
    assert desk.patch(shown, 409, status="executed")["code"] == "decision_closed"
    assert desk.decide(customer)["status"] == "accepted"


def test_a_person_ends_a_decision_before_its_time_and_says_why(desk: Desk) -> None:
    customer = desk.customer()
    made = desk.decide(customer, write_to_crm=True)
    ended = desk.patch(made, status="expired", reason="wrong_time")
    assert (ended["status"], ended["reason"]["id"]) == ("expired", "wrong_time")
    assert ended["crm"]["state"] == "removed"
    step = desk.read(made["id"])["history"][-1]
    assert (step["key_name"], step["cause"]) == ("Sales", None)
    assert desk.patch(ended, 409, status="executed")["code"] == "decision_closed"
    assert desk.decide(customer)["status"] == "accepted"


def test_lists_are_filtered_and_continued(desk: Desk) -> None:
    desk.now += timedelta(days=1)
    made = []
    for number in range(5):
        desk.now += timedelta(seconds=number % 2)
        made.append(desk.decide(desk.customer(), assigned_to=f"user.{number % 2}"))
    since = {"decided_at_gte": "2026-11-21T00:00:00Z", "decided_at_lt": "2026-11-22T00:00:00Z"}
    ids = [each["id"] for each in made]
    assert set(desk.listed(**since)) == set(ids)
    following, seen = f"{PATH}?limit=2&assigned_to=user.0&assigned_to=user.1", []
    while following:
        page = desk.http.get(following).json()
        seen += [item["id"] for item in page["items"]]
        following = page["next"]
    assert seen == sorted(ids, reverse=True)
    one = made[0]
    on = one["decided_on"]
    for filters in (
        {"unit_id": one["unit_id"]},
        {"strategy_id": on["strategy"]["id"], "instrument_id": on["instrument"]["id"]},
        {"phase": on["phase"]["id"], "status": "accepted"},
    ):
        found = desk.listed(**since, **filters)
        assert one["id"] in found
        assert desk.listed(**since, **filters, assigned_to="nobody") == []
    assert desk.http.get(f"{PATH}?cursor=bad").status_code == 422
    assert desk.http.get(f"{PATH}?user=x").status_code == 422


def test_scopes_are_asked_for(desk: Desk) -> None:
    made = desk.decide(desk.customer())
    with client(desk.server, store_key(desk.url, scopes=["analytics:read"])) as reader:
        assert reader.get(f"{PATH}/{made['id']}").status_code == 200
        assert reader.post(PATH, json={}).status_code == 403
    with client(desk.server, store_key(desk.url, scopes=["decisions:write"])) as writer:
        assert writer.get(PATH).status_code == 403
        headers = {"Content-Type": MERGE, "If-Match": "*"}
        answer = writer.patch(f"{PATH}/{made['id']}", json={"note": "x"}, headers=headers)
        assert answer.status_code == 200


def test_what_was_decided_lately_is_not_to_be_recommended_again(desk: Desk) -> None:
    kinds = ("open", "rejected", "executed", "expired")
    made = {kind: desk.decide(desk.customer()) for kind in kinds}
    desk.patch(made["rejected"], status="rejected", reason="not_suitable")
    desk.patch(made["executed"], status="executed")

    def barred(days: int) -> set[str]:
        now = desk.now + timedelta(days=days)
        rows = desk.on_database(lambda database: automatic.load_rejections(database, now=now))
        assert rows == sorted(rows)
        on = {
            kind: (each["unit_id"], each["decided_on"]["instrument"]["id"])
            for kind, each in made.items()
        }
        return {kind for kind, step in on.items() if step in rows}

    # The CRM may say of an interaction that it was done long before.
    early = update(decisions).where(decisions.c.status == "executed")
    early = early.values(executed_at=NOON - timedelta(days=40))
    desk.on_database(
        lambda database: database.write(lambda transaction: transaction.run(Statement(early)))
    )
    assert barred(29) == {*kinds}
    assert barred(31) == {"open", "rejected", "expired"}
    assert barred(91) == {"open", "expired"}
    desk.now = datetime(2026, 12, 21, 12, tzinfo=UTC)
    desk.listed()
    assert barred(0) == {"rejected"}


def test_what_ended_long_ago_is_deleted(desk: Desk) -> None:
    old, kept = (desk.decide(desk.customer()) for _ in range(2))
    desk.patch(old, status="rejected", reason="other")
    desk.on_database(
        lambda database: automatic.delete_old(database, now=NOON + timedelta(days=731))
    )
    desk.read(old["id"], 404)
    assert desk.read(kept["id"])["status"] == "accepted"


def test_who_is_erased_is_forgotten_and_who_objects_is_not_shown(desk: Desk) -> None:
    objecting, erased = desk.customer(), desk.customer()
    owed = next(each for each in desk.all_owed("complaint_handling") if each["phase"])
    owed = desk.decide(owed)
    first, second = desk.decide(objecting), desk.decide(erased, write_to_crm=True, note="xylo")
    body = {"note": "xylo too"}
    headers = {"Content-Type": MERGE, "If-Match": "*", "Idempotency-Key": "erased"}
    desk.http.patch(f"{PATH}/{second['id']}", json=body, headers=headers)
    told = desk.http.get(f"/v1/customers/{erased['unit_id']}/personal-data").json()
    assert [each["id"] for each in told["decisions"]] == [second["id"]]

    async def publish(database: Database) -> None:
        async def work(transaction: Transaction) -> None:
            for slot in SLOTS.values():
                values = {"has_profiling_objection": True}
                where = or_(*(slot.c.unit_id == each["unit_id"] for each in (objecting, owed)))
                await transaction.run(Statement(update(slot).where(where).values(values)))
            await automatic.follow_wishes(
                transaction,
                erased={erased["unit_id"]},
                objecting={objecting["unit_id"], owed["unit_id"]},
                now=desk.now,
            )

        await database.write(work)

    assert owed["decided_on"]["strategy"] and owed["decided_on"]["phase"]
    desk.on_database(publish)
    assert desk.listed() == [owed["id"]]
    assert desk.listed(strategy_id=owed["decided_on"]["strategy"]["id"]) == []
    shown = desk.read(owed["id"])
    assert (shown["status"], shown["decided_on"]["strategy"]) == ("accepted", None)
    for each in (first, second):
        desk.read(each["id"], 404)
        desk.patch(each, 404, note="x")

    async def left(database: Database) -> Any:
        kept = [
            str(await database.all(Statement(select(table))))
            for table in (decisions, decision_steps, decision_writes, idempotency_records)
        ]
        last = select(decision_steps).where(decision_steps.c.decision_id == first["id"])
        steps = await database.all(Statement(last.order_by(decision_steps.c.number)))
        return kept, steps[-1]

    kept, step = desk.on_database(left)
    assert not any(second["id"] in text or "xylo" in text for text in kept)
    assert (step["to_status"], step["cause"]) == ("expired", "profiling_objection")
