"""Due process over HTTP: who may do what, in which order and when; what is logged; what erasure leaves."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from services.analytics.app import create_app
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.german import translate
from services.analytics.publishing import NewVersion, publish
from services.analytics.settings import Settings
from services.analytics.store import newest_version
from services.analytics.termination_cases import operations, process, strategies
from services.analytics.termination_cases.feeding import load_cases, settle_cases
from services.analytics.termination_cases.showing import NOTE
from services.analytics.termination_fairness.operations import QuarterMissing
from services.foundation.database import Database
from tests.analytics.published import unit_id
from tests.conftest import BOTH, Templates, store_key
from tests.databases import on_database
from tests.live import LiveServer, client

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
SIGNALS = "chronic_late_payment persistently_unprofitable"
PROFILES = ["chronic_late_payer", "unprofitable_customer"]
REASON = "The invoices were late in spite of the payment plan, and the answer names no way out."
END: dict[str, Any] = {
    "choice": "terminate",
    "reason": REASON,
    "planned_end_on": "2027-06-30",
    "notice_days": 30,
    "contact_person": "Mia Berg",
    "way_to_contest": "in writing to Mia Berg",
}
SCOPES: dict[str, tuple[str, ...]] = {
    " Proposer": ("read", "decide"),
    "proposer": ("read", "write"),
    "reviewer": ("read", "decide"),
    "second": ("read", "decide", "write"),
    "manager": ("read", "manage"),
    "agent": (),
}


@dataclass
class Office:
    """A service with a clock that tests turn, and the people who use it."""

    url: str
    now: datetime
    people: Mapping[str, httpx.Client]
    published: tuple[date, tuple[dict[str, Any], ...]] | None = None

    def run(self, work: Callable[[Database], Any]) -> Any:
        return on_database(self.url, work)

    def publish(self, *rows: dict[str, Any], erased: frozenset[str] = frozenset()) -> None:
        """Publish a version with these customers, whole, as of today."""
        self.published = (self.now.date(), rows)
        plain = {"kind": "person", "state": "at_risk", "has_active_contract": False}
        plain |= {"termination_step": "offer_remedy", "termination_signal_ids": SIGNALS}
        frame = pd.DataFrame([plain | row for row in rows])
        new = NewVersion(
            as_of=self.now.date(),
            currency="EUR",
            crm_read_at=self.now,
            mirror_cursor="",
            fingerprint="",
            model={"basis": "prior"},
            data_gaps={},
            summary={},
            termination_fairness={
                "quarter": "2026-Q4",
                "dimensions": {
                    "language": {
                        "unit_count": 200,
                        "under_review_count": 30,
                        "groups": {
                            "de": {"unit_count": 100, "under_review_count": 10, "share": 0.1, "is_hidden": False},
                            "en": {"unit_count": 100, "under_review_count": 20, "share": 0.2, "is_hidden": False},
                        },
                        "ratio": 0.5,
                        "has_warning": True,
                    }
                },
            },
        )  # fmt: skip
        self.run(lambda database: publish(database, new, frame, erased=erased, now=self.now))

    def settle(self, **languages: str) -> None:
        """Do what a refresh does with cases after publishing."""

        async def settle(database: Database) -> None:
            version = await newest_version(database)
            assert version is not None
            await settle_cases(database, version, languages=languages, now=self.now)

        self.run(settle)

    def do(
        self,
        who: str,
        path: str,
        body: Any = None,
        *,
        version: int = 0,
        status: int = 200,
    ) -> Any:
        """Post and return the answer; a version names the one that is changed.

        As in a service that refreshes every quarter of an hour, what is published is of today.
        """
        if self.published is not None and self.published[0] != self.now.date():
            self.publish(*self.published[1])
        headers = {"If-Match": f'"{version}"'} if version else {}
        options = {} if body is None else {"json": body}
        answer = self.people[who].post(f"/v1/{path}", headers=headers, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refused(
        self, who: str, path: str, body: Any = None, *, version: int = 0, status: int = 409
    ) -> str:
        """Post what is refused, and return the code of the problem."""
        return str(self.do(who, path, body, version=version, status=status)["code"])

    def get(self, who: str, path: str, *, status: int = 200, language: str = "en") -> Any:
        answer = self.people[who].get(f"/v1/{path}", headers={"Accept-Language": language})
        assert answer.status_code == status, answer.text
        return answer.json()

    def opened(self, unit: str) -> str:
        """Open a case of a unit and return its path."""
        body = {"unit_id": unit, "profile_ids": PROFILES, "note": "Late again."}
        case = self.do("proposer", "termination-cases", body, status=201)
        return f"termination-cases/{case['id']}"

    def under_review(self, unit: str) -> str:
        """Lead a case up to the review, its version 5, read by the reviewer."""
        path = self.opened(unit)
        self.do("proposer", f"{path}/remedy", {}, version=1)
        self.now += timedelta(days=60)
        self.do("proposer", f"{path}/remedy-result", {"result": "failed"}, version=2)
        self.do("proposer", f"{path}/hearing", {"language": "de"}, version=3)
        self.now += timedelta(days=14)
        self.do("proposer", f"{path}/hearing-end", version=4)
        self.get("reviewer", f"{path}/counter-evidence")
        return path


async def quiet_crm(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for a CRM in which nothing changes."""
    if scope["type"] == "http":
        page = {"items": [], "cursor": "still", "has_more": False}
        await JSONResponse(page)(scope, receive, send)


@pytest.fixture(scope="module", params=BOTH)
def office(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("termination")
    url = templates.fresh("analytics", request.param, folder)
    (folder / "analytics.key").write_text("key")
    office = Office(url, START, {})
    with LiveServer(quiet_crm) as crm:
        settings = Settings(
            data_dir=folder, analytics_database_url=url, log_requests=False, crm_url=crm.url
        )
        app = create_app(settings, schedules=False, clock=lambda: office.now)
        with LiveServer(app) as live:
            office.people = {
                name: client(live.url, store_key(url, name=name, scopes=[
                    "analytics:read", "privacy:export", "customers:card", *(f"termination:{right}" for right in rights)
                ]))
                for name, rights in SCOPES.items()
            }  # fmt: skip
            yield office
            for each in office.people.values():
                each.close()


@pytest.fixture(autouse=True)
def _begins(office: Office) -> None:
    office.now = START


def test_a_relationship_ends_only_after_remedy_hearing_and_review(office: Office) -> None:
    unit, records = unit_id(1), [unit_id(11), unit_id(12)]
    evidence = (
        f'{{"chronic_late_payment": {{"grounds": ["{records[0]}"], "counter_evidence": ["{records[1]}"]}},'
        '"persistently_unprofitable": {"grounds": [], "counter_evidence": []}}'
    )
    office.publish({"unit_id": unit, "termination_evidence": evidence})
    path = office.opened(unit)
    case = office.get("proposer", path, language="de")
    assert case["step"] == {"id": "proposed", "label": "Eröffnet"}
    assert case["notice"] == NOTE["de"]
    assert [each["id"] for each in case["signals"]] == SIGNALS.split()
    assert (case["next"]["action"], case["strategies"]) == ("offer_remedy", [])
    again = {"unit_id": unit, "profile_ids": PROFILES, "note": "Twice."}
    assert office.refused("proposer", "termination-cases", again) == "case_is_open"
    assert (
        office.refused("proposer", f"{path}/hearing", {"language": "de"}, version=1) == "wrong_step"
    )
    assert office.refused("proposer", f"{path}/remedy", {}, status=428) == "version_required"
    assert (
        office.refused("proposer", f"{path}/remedy", {}, version=7, status=412) == "stale_version"
    )
    remedy = office.do("proposer", f"{path}/remedy", {"note": "By telephone."}, version=1)["remedy"]
    assert [each["profile_id"] for each in remedy["offers"]] == PROFILES
    assert remedy["due_at"].startswith("2027-01-26T09:00")

    failed = {"result": "failed", "note": "Two more were late."}
    office.now += timedelta(days=59, hours=23)
    early = office.do("proposer", f"{path}/remedy-result", failed, version=2, status=409)
    assert (early["code"], early["detail"]) == (
        "term_running",
        "This is possible from 2027-01-26T09:00:00.000000Z on (UTC).",
    )
    german = office.people["proposer"].post(
        f"/v1/{path}/remedy-result",
        headers={"If-Match": '"2"', "Accept-Language": "de"},
        json=failed,
    )
    assert german.json()["detail"] == "Das ist ab 26.01.2027, 09:00 Uhr (UTC) möglich."
    office.now += timedelta(hours=1)
    office.do("proposer", f"{path}/remedy-result", failed, version=2)
    hearing = office.do("proposer", f"{path}/hearing", {"language": "de"}, version=3)["hearing"]
    assert "Entschieden ist nichts" in hearing["text"]
    # The records are not on this machine: a person fills them in.
    unnamed = "- [Datum und Betrag oder Betreff]\n"
    assert f"wir:\n\n{unnamed}" in hearing["text"]
    assert hearing["text"].count(unnamed) == 2
    letter = office.get("proposer", f"{path}/draft?purpose=hearing&language=en")
    assert letter["text"].count("[date and amount or subject]") == 2
    told = [(each["id"], each["role"], each["name"]) for each in letter["records"]]
    assert told == [(records[0], "grounds", None), (records[1], "counter_evidence", None)]
    assert not any(each in hearing["text"] + letter["text"] for each in records)
    said = {"text": "Our own customers paid late."}
    office.do("proposer", f"{path}/statements", said, version=4)
    assert office.refused("proposer", f"{path}/hearing-end", version=5) == "term_running"
    office.now += timedelta(days=14)
    office.do("proposer", f"{path}/hearing-end", version=5)

    assert (
        office.refused("reviewer", f"{path}/decision", END, version=6) == "counter_evidence_unread"
    )
    proof = office.get("reviewer", f"{path}/counter-evidence")
    assert proof["signals"][0]["counter_evidence"] == [records[1]]
    assert proof["statements"][0]["text"] == said["text"]
    decided = office.do("reviewer", f"{path}/decision", END, version=6)
    assert decided["step"]["id"] == "approved"
    assert decided["decisions"][0]["strategy"]["id"] == "open_explained"
    letter = office.get("reviewer", f"{path}/draft?language=en")
    assert letter["purpose"] == "decision"
    assert "30 Jun 2027" in letter["text"]
    assert "contest this decision: in writing to Mia Berg" in letter["text"]
    executed = {"executed_on": "2027-02-09"}
    assert office.refused("proposer", f"{path}/execution", executed, version=7) == "term_running"
    assert office.refused(
        "proposer", f"{path}/execution", {"executed_on": "2030-01-01"}, version=7, status=422
    )
    office.now = datetime(2027, 7, 1, tzinfo=UTC)
    executed = {"executed_on": "2027-06-30", "note": "Account closed."}
    ended = office.do("proposer", f"{path}/execution", executed, version=7)
    assert (ended["step"]["id"], ended["outcome"]["id"]) == ("closed", "terminated")

    office.publish({"unit_id": unit, "state": "terminated", "termination_signal_ids": None})
    reopened = office.do(
        "proposer", f"{path}/contest", {"statement": "The invoices were disputed."}, version=8
    )
    assert (reopened["step"]["id"], reopened["outcome"]) == ("review", None)
    office.get("reviewer", f"{path}/counter-evidence")
    keep = {"choice": "continue", "reason": REASON}
    assert office.refused("reviewer", f"{path}/decision", keep, version=9) == "four_eyes"
    office.get("second", f"{path}/counter-evidence")
    office.do("second", f"{path}/decision", keep, version=9)
    case = office.get("proposer", path)
    assert case["outcome"]["id"] == "continued"
    assert [each["by"]["name"] for each in case["decisions"]] == ["reviewer", "second"]

    entries = office.get("manager", f"{path}/log?limit=200")["items"]
    assert [(e["action"], e["key_name"]) for e in reversed(entries)] == [
        ("case_opened", "proposer"), ("case_read", "proposer"), ("remedy_offered", "proposer"),
        ("remedy_failed", "proposer"), ("hearing_opened", "proposer"), ("draft_read", "proposer"),
        ("statement_recorded", "proposer"),
        ("hearing_closed", "proposer"), ("counter_evidence_read", "reviewer"), ("case_decided", "reviewer"),
        ("draft_read", "reviewer"), ("decision_executed", "proposer"), ("decision_contested", "proposer"),
        ("counter_evidence_read", "reviewer"), ("counter_evidence_read", "second"),
        ("case_decided", "second"), ("case_read", "proposer"), ("log_read", "manager"),
    ]  # fmt: skip
    assert all(entry["request_id"] and entry["key_id"] for entry in entries)
    page = office.get("manager", f"{path}/log?limit=10")
    rest = office.get("manager", page["next"].removeprefix("/v1/"))
    assert page["items"][1:] == entries[:9]
    assert rest["items"][:9] == entries[9:]


def test_nothing_opens_without_two_signals_or_against_a_block(office: Office) -> None:
    one, blocked, none = unit_id(21), unit_id(22), unit_id(23)
    office.publish(
        {"unit_id": one, "termination_signal_ids": "chronic_late_payment"},
        {"unit_id": blocked, "termination_block_ids": "hardship"},
        {"unit_id": none, "termination_signal_ids": None},
        {"unit_id": unit_id(24)},
    )

    def code(unit: str, *, profiles: list[str] = PROFILES, status: int = 409) -> str:
        body = {"unit_id": unit, "profile_ids": profiles, "note": "Please."}
        return office.refused("proposer", "termination-cases", body, status=status)

    assert code(one) == code(none) == "review_not_permissible"
    assert code(blocked) == "case_blocked"
    office.publish({"unit_id": blocked}, {"unit_id": unit_id(24)})
    path = office.opened(blocked)
    entries = office.get("manager", f"{path}/log")["items"]
    assert [each["details"] for each in entries if each["action"] == "opening_refused"] == [
        {"code": "case_blocked"}
    ]
    assert code(unit_id(99), status=404) == "customer_missing"
    assert code(unit_id(24), profiles=["serial_complainer"]) == "profile_not_met"
    unknown = {"unit_id": unit_id(24), "profile_ids": [*PROFILES, "nobody"], "note": "Late."}
    (fault,) = office.do("proposer", "termination-cases", unknown, status=422)["errors"]
    assert (fault["pointer"], fault["code"]) == ("/body/profile_ids/2", "unknown_id")
    assert fault["message"].startswith("Known are: ")
    assert "chronic_late_payer" in fault["message"]
    assert code(unit_id(24), profiles=[], status=422) == "invalid_request"
    assert office.refused("reviewer", "termination-cases", {}, status=403) == "scope_missing"
    body = [{"unit_id": unit_id(24), "profile_ids": PROFILES, "note": "In bulk."}]
    assert office.refused("proposer", "termination-cases", body, status=422) == "invalid_request"
    assert office.get("agent", "termination-cases", status=403)["code"] == "scope_missing"


def test_a_case_closes_by_itself_below_two_signals_and_stands_still_under_a_block(
    office: Office,
) -> None:
    gone, blocked, kept = unit_id(31), unit_id(32), unit_id(33)
    office.publish(*({"unit_id": unit} for unit in (gone, blocked, kept)))
    paths = {unit: office.opened(unit) for unit in (gone, blocked, kept)}
    office.publish(
        {"unit_id": gone, "termination_signal_ids": "chronic_late_payment"},
        {"unit_id": blocked, "termination_block_ids": "open_justified_complaint"},
        {"unit_id": kept},
    )
    assert office.refused("proposer", f"{paths[gone]}/remedy", {}, version=1) == "closed_by_itself"
    closed = office.get("proposer", paths[gone])
    assert closed["outcome"]["id"] == "signals_gone"
    assert closed["closing"]["by"] == {"key_id": None, "name": "automatic"}
    assert office.refused("proposer", f"{paths[blocked]}/remedy", {}, version=1) == "case_blocked"
    office.do("proposer", f"{paths[kept]}/remedy", {}, version=1)
    accepted = office.do("proposer", f"{paths[kept]}/remedy-result", {"result": "kept"}, version=2)
    assert accepted["outcome"]["id"] == "remedy_kept"
    assert (
        office.refused("proposer", f"{paths[kept]}/withdrawal", {"reason": "No."}, version=3)
        == "wrong_step"
    )
    # The version says it, too: nobody has to take a step for a case to close.
    office.publish({"unit_id": blocked, "termination_signal_ids": None, "termination_step": "none"})
    office.settle(**{blocked: "en"})
    swept = office.get("proposer", paths[blocked])
    assert swept["outcome"]["id"] == "signals_gone"
    (entry,) = (
        each
        for each in office.get("proposer", f"{paths[blocked]}/log")["items"]
        if each["action"] == "case_closed"
    )
    assert (entry["key_name"], entry["key_id"], entry["request_id"]) == ("automatic", None, None)


def test_covert_ways_are_hidden_until_justified_and_need_every_condition(office: Office) -> None:
    unit, contracted = unit_id(41), unit_id(42)
    office.publish({"unit_id": unit}, {"unit_id": contracted, "has_active_contract": True})
    path = office.under_review(unit)
    shown = office.get("reviewer", path)["strategies"]
    assert [each["id"] for each in shown] == ["open_explained", "open_fait_accompli"]
    assert shown[0]["is_default"]
    price = END | {"strategy_id": "covert_price_increase"}
    hidden = office.do("reviewer", f"{path}/decision", price, version=5, status=422)
    unknown = office.do(
        "reviewer", f"{path}/decision", END | {"strategy_id": "none_such"}, version=5, status=422
    )
    assert hidden["errors"] == unknown["errors"]
    why = {"text": "Threats against our staff make an explained end unsafe; see file 17."}
    assert (
        office.refused("reviewer", f"{path}/justification", why, version=5, status=403)
        == "scope_missing"
    )
    office.do("manager", f"{path}/justification", why, version=5)
    shown = office.get("reviewer", path)["strategies"]
    assert {each["id"] for each in shown} == {
        *("open_explained", "open_fait_accompli", "covert_deescalation", "covert_slow_reduction"),
        *("covert_price_increase", "covert_respecification", "covert_unbundling"),
    }

    def unmet(**fields: Any) -> str:
        body = END | fields
        return str(office.do("reviewer", f"{path}/decision", body, version=6, status=409)["detail"])

    def wrong(**fields: Any) -> str:
        body = END | fields
        problem = office.do("reviewer", f"{path}/decision", body, version=6, status=422)
        return str(problem["errors"][0]["pointer"])

    assert unmet(**price) == "What does not hold yet: individual_price_exists, lawful_terms."
    assert unmet(planned_end_on="2027-02-20") == "What does not hold yet: notice_period_kept."
    assert wrong(strategy_id="covert_unbundling") == "/body/whole_offer"
    assert wrong(whole_offer=unit_id(5)) == "/body/whole_offer"
    split = {"strategy_id": "covert_unbundling", "whole_offer": unit_id(5)}
    assert unmet(**split) == "What does not hold yet: offer_has_components."
    proof = [
        {"condition": name, "proof": "File 17."}
        for name in ("lawful_terms", "offer_has_components")
    ]
    assert wrong(**split, confirmations=proof) == "/body/whole_offer"
    sure = [{"condition": "two_signals", "proof": "I say so."}]
    assert wrong(confirmations=sure) == "/body/confirmations/0/condition"
    assert wrong(instrument_id="price_increase") == "/body/instrument_id"
    assert wrong(reason=" " * 40 + "short") == "/body/reason"
    assert wrong(reason="short") == "/body/reason"
    assert wrong(contact_person=None) == "/body/contact_person"
    assert wrong(choice="modify") == "/body/modification"
    assert wrong(choice="continue") == "/body/contact_person"
    office.publish({"unit_id": unit, "has_active_contract": True})
    fade = unmet(
        strategy_id="covert_deescalation",
        confirmations=[{"condition": "lawful_terms", "proof": "File 17."}],
    )
    assert fade == "What stands against it: active_contract."
    office.publish({"unit_id": unit, "termination_block_ids": "own_fault"})
    assert office.refused("reviewer", f"{path}/decision", END, version=6) == "case_blocked"
    office.publish({"unit_id": unit})
    proofs = [
        {"condition": name, "proof": "File 17."}
        for name in ("individual_price_exists", "lawful_terms")
    ]
    decided = office.do(
        "reviewer", f"{path}/decision", price | {"confirmations": proofs}, version=6
    )
    assert decided["decisions"][0]["confirmations"] == proofs
    withdrawn = office.do("proposer", f"{path}/withdrawal", {"reason": "Settled."}, version=7)
    assert withdrawn["outcome"]["id"] == "withdrawn"


def test_the_proposer_never_decides_and_other_terms_can_be_contested(office: Office) -> None:
    unit = unit_id(51)
    office.publish({"unit_id": unit})
    opened = office.do("second", "termination-cases", {
        "unit_id": unit, "profile_ids": PROFILES, "note": "Mine.",
    }, status=201)  # fmt: skip
    path = f"termination-cases/{opened['id']}"
    office.do("second", f"{path}/remedy", {}, version=1)
    office.now += timedelta(days=60)
    office.do("second", f"{path}/remedy-result", {"result": "failed"}, version=2)
    text = "Told in person, with both invoices on the table and time to ask."
    told = office.do("second", f"{path}/hearing", {"language": "en", "text": text}, version=3)
    assert told["hearing"]["text"] == text
    office.now += timedelta(days=14)
    office.do("second", f"{path}/hearing-end", version=4)
    for who in ("second", "reviewer"):
        office.get(who, f"{path}/counter-evidence")
    change = END | {"choice": "modify", "modification": "Prepayment."}
    change |= {"planned_end_on": None}
    assert office.refused("second", f"{path}/decision", change, version=5) == "four_eyes"
    done = office.do("reviewer", f"{path}/decision", change, version=5)
    assert done["outcome"]["id"] == "modified"
    again = office.do("second", f"{path}/contest", {"statement": "Too hard."}, version=6)
    assert again["step"]["id"] == "review"
    assert (
        office.refused("second", f"{path}/contest", {"statement": "Too hard."}, version=7)
        == "wrong_step"
    )


def test_what_is_contested_is_answered_by_a_person_although_the_signals_are_gone(
    office: Office,
) -> None:
    unit = unit_id(55)
    office.publish({"unit_id": unit})
    path = office.under_review(unit)
    change = END | {"choice": "modify", "modification": "Prepayment.", "planned_end_on": None}
    office.do("reviewer", f"{path}/decision", change, version=5)
    office.do("proposer", f"{path}/contest", {"statement": "Too hard."}, version=6)
    office.publish({"unit_id": unit, "termination_signal_ids": None, "termination_step": "none"})
    office.settle()
    assert office.get("second", path)["step"]["id"] == "review"
    office.get("second", f"{path}/counter-evidence")
    code = office.refused("second", f"{path}/decision", change, version=7)
    assert code == "review_not_permissible"
    keep = {"choice": "continue", "reason": REASON}
    done = office.do("second", f"{path}/decision", keep, version=7)
    assert done["outcome"]["id"] == "continued"


def test_what_the_next_refresh_is_given(office: Office) -> None:
    unit = unit_id(61)
    office.publish({"unit_id": unit})
    path = office.under_review(unit)
    loaded = office.run(lambda database: load_cases(database, as_of=office.now.date()))
    row = loaded.loc[unit]
    opened = (START.date() - date(1970, 1, 1)).days
    assert (row["termination_case"], row["case_day"]) == ("review", opened + 74)
    assert (row["remedy_failed_day"], row["hearing_closed_day"], row["opened_day"]) == (
        opened + 60,
        opened + 74,
        opened,
    )
    office.settle(**{unit: "de"})
    letter = office.get("reviewer", f"{path}/draft")
    assert (letter["language"], letter["is_customer_language"]) == ("de", True)
    assert letter["subject"] == "Unsere Geschäftsbeziehung: Gelegenheit zur Stellungnahme"
    remedy = office.get("reviewer", f"{path}/draft?purpose=remedy&language=en")
    assert "payment plan or prepayment" in remedy["text"]
    office.do("proposer", f"{path}/withdrawal", {"reason": "Settled."}, version=5)
    loaded = office.run(lambda database: load_cases(database, as_of=office.now.date()))
    assert unit not in loaded.index or pd.isna(loaded.loc[unit, "termination_case"])
    earlier = office.run(lambda database: load_cases(database, as_of=START.date()))
    assert earlier.loc[unit, "closed_day"] == opened + 74


def test_termination_data_are_shown_to_few_and_every_reading_is_logged(office: Office) -> None:
    unit, calm = unit_id(71), unit_id(72)
    office.publish(
        {"unit_id": unit},
        {"unit_id": calm, "termination_signal_ids": None, "termination_step": "none"},
    )
    path = office.opened(unit)
    assert office.get("agent", f"customers/{unit}")["termination"] is None
    assert office.get("agent", f"customers/{calm}")["termination"] is None
    assert (
        office.get("agent", "customers?termination_step=observe", status=403)["code"]
        == "scope_missing"
    )
    assert office.get("manager", f"customers/{unit}")["termination"]["step"]["id"] == "offer_remedy"
    assert office.get("manager", f"customers/{calm}")["termination"]["step"]["id"] == "none"
    office.get("manager", "customers?termination_step=offer_remedy")
    listed = office.get("manager", f"termination-cases?unit_id={unit}&step=proposed")["items"]
    assert [each["unit_id"] for each in listed] == [unit]
    assert (
        office.get("manager", "termination-cases?outcome=terminated&limit=1")["items"] is not None
    )
    personal = office.get("agent", f"customers/{unit}/personal-data")
    assert [case["id"] for case in personal["termination"]["cases"]] == [path.rpartition("/")[2]]
    actions = [each["action"] for each in office.get("manager", f"{path}/log")["items"]]
    assert actions == [
        "log_read",
        "personal_data_read",
        "case_listed",
        "customer_read",
        "case_opened",
    ]
    pages, following = 0, "termination-cases?limit=2"
    while following:
        page = office.get("manager", following)
        pages, following = pages + 1, (page["next"] or "").removeprefix("/v1/")
    assert pages >= 2


def test_erasure_leaves_a_count_and_nothing_that_names_the_person(office: Office) -> None:
    unit, other = unit_id(81), unit_id(82)
    office.publish({"unit_id": unit}, {"unit_id": other})
    path, kept = office.opened(unit), office.opened(other)
    before = office.get("manager", "termination-fairness")["forgotten_case_count"]
    office.publish({"unit_id": unit}, {"unit_id": other}, erased=frozenset({unit}))
    assert office.get("manager", path, status=404)["code"] == "case_missing"
    assert office.get("manager", kept)["unit_id"] == other
    assert office.get("manager", "termination-fairness")["forgotten_case_count"] == before + 1
    assert office.get("agent", f"customers/{unit}/personal-data", status=404)


def test_the_fairness_report_is_told_by_quarter(office: Office) -> None:
    office.publish({"unit_id": unit_id(91)})
    told = office.get("manager", "termination-fairness", language="de")
    assert (told["quarter"], told["has_warning"]) == ("2026-Q4", True)
    (language,) = told["dimensions"]
    assert [(each["group"], each["share"]) for each in language["groups"]] == [
        ("de", 0.1),
        ("en", 0.2),
    ]
    assert "Diskriminierung" in told["note"]
    for quarter, code in (
        ("2020-Q1", "quarter_missing"),
        ("9999-Q4", "quarter_missing"),
        ("0001-Q1", "quarter_missing"),
    ):
        path = f"termination-fairness?quarter={quarter}"
        assert office.get("manager", path, status=404)["code"] == code
    assert (
        office.get("manager", "termination-fairness?quarter=2026-Q4")["model_version"]
        == told["model_version"]
    )


def test_no_word_of_the_process_recommends_an_end_and_problems_are_told_in_german() -> None:
    catalogue = load_catalogue()
    texts = [NOTE["en"], NOTE["de"]]
    for section in ("termination_case_steps", "termination_outcomes"):
        for entry in catalogue.sections[section].values():
            texts += [entry.description("en"), entry.description("de")]
    for text in texts:
        assert not any(
            word in text.lower() for word in ("should", "we recommend", "sollte", "empfehlen")
        )
    for signal in catalogue.termination_signals:
        assert getattr(signal, "hearing_en")  # noqa: B009
        assert getattr(signal, "hearing_de")  # noqa: B009
    for problem in (
        process.ReviewNotPermissible, process.CaseBlocked, process.WrongStep, process.TermRunning,
        process.FourEyes, process.CounterEvidenceUnread, operations.CaseMissing, operations.CaseIsOpen,
        operations.ClosedByItself, strategies.PrerequisiteUnmet, QuarterMissing,
    ):  # fmt: skip
        assert translate(problem.title)


def test_a_second_key_of_the_same_person_does_not_decide(office: Office) -> None:
    unit = unit_id(171)
    office.publish({"unit_id": unit})
    path = office.under_review(unit)
    office.get(" Proposer", f"{path}/counter-evidence")
    assert office.refused(" Proposer", f"{path}/decision", END, version=5) == "four_eyes"
    office.do("reviewer", f"{path}/decision", END, version=5)


def test_a_customer_is_heard_in_words_and_in_its_own_language(office: Office) -> None:
    unit = unit_id(172)
    office.publish({"unit_id": unit, "language": "de"})
    path = office.opened(unit)
    letter = office.get("proposer", f"{path}/draft")
    assert (letter["language"], letter["is_customer_language"]) == ("de", True)
    assert letter["purpose"] == "remedy"
    undecided = office.get("proposer", f"{path}/draft?purpose=decision", status=409, language="de")
    assert undecided["code"] == "not_decided"
    assert undecided["title"].startswith("Entschieden ist noch nichts")
    office.do("proposer", f"{path}/remedy", {}, version=1)
    assert office.get("proposer", f"{path}/draft")["purpose"] == "remedy"
    office.now += timedelta(days=60)
    office.do("proposer", f"{path}/remedy-result", {"result": "failed"}, version=2)
    assert office.get("proposer", f"{path}/draft")["purpose"] == "hearing"

    def pointer(**body: str) -> str:
        problem = office.do("proposer", f"{path}/hearing", body, version=3, status=422)
        return str(problem["errors"][0]["pointer"])

    assert pointer(language="en") == "/body/language"
    assert pointer(language="de", text="x") == "/body/text"
    office.do("proposer", f"{path}/hearing", {"language": "de"}, version=3)


def test_an_objection_is_recorded_whatever_else_is_open(office: Office) -> None:
    unit = unit_id(173)
    office.publish({"unit_id": unit})
    change = END | {"choice": "modify", "modification": "Prepayment.", "planned_end_on": None}

    def modified() -> str:
        path = office.under_review(unit)
        office.do("reviewer", f"{path}/decision", change, version=5)
        return path

    first, second = modified(), modified()
    newer = office.opened(unit)
    said = {"statement": "Too hard."}
    contested = office.do("proposer", f"{first}/contest", said, version=6)
    assert contested["step"]["id"] == "review"
    closed = office.get("proposer", newer)
    assert closed["outcome"]["id"] == "objection_first"
    loaded = office.run(lambda database: load_cases(database, as_of=office.now.date()))
    assert loaded.loc[unit, "termination_case"] == "review"
    both = office.do("proposer", f"{second}/contest", said, version=6)
    assert (both["step"]["id"], len(both["contests"])) == ("closed", 1)
    assert len(office.get("proposer", first)["contests"]) == 2


def test_who_has_an_open_case_is_told_to_few(office: Office) -> None:
    unit = unit_id(174)
    office.publish({"unit_id": unit, "state": "to_terminate", "phase": "termination"})
    for asked in (
        "state=to_terminate",
        "phase=termination",
        "recommendation_basis=termination_case",
    ):
        refused = office.get("agent", f"customers?{asked}", status=403)
        assert refused["code"] == "scope_missing"
    office.get("agent", "recommendations?state=to_terminate", status=403)
    (listed,) = office.get("agent", "customers")["items"]
    one = office.get("agent", f"customers/{unit}")
    assert [listed["state"], listed["phase"], one["state"], one["phase"]] == [None] * 4
    steps = office.get("agent", f"customers/{unit}/recommendations")
    card = office.get("agent", f"customers/{unit}/card")
    assert "to_terminate" not in str([listed, one, steps, card])
    (listed,) = office.get("manager", "customers?state=to_terminate")["items"]
    assert listed["state"] == "to_terminate"
    path = office.opened(unit)
    actions = {each["action"] for each in office.get("manager", f"{path}/log")["items"]}
    assert "customer_listed" in actions
    office.get("manager", "termination-fairness")
    office.get("proposer", "termination-log", status=403)
    whole = office.get("manager", "termination-log?limit=100")["items"]
    about_none = {each["action"] for each in whole if each["unit_id"] is None}
    assert about_none >= {"customers_filtered", "fairness_read", "log_read"}
    assert {each["unit_id"] for each in whole} > {None, unit}
    of_one = office.get("manager", f"termination-log?unit_id={unit}&limit=3")
    assert {each["unit_id"] for each in of_one["items"]} == {unit} and of_one["next"]
    office.get("manager", "termination-log?colour=red", status=422)


def test_the_case_of_a_customer_who_is_no_more_closes_at_the_next_refresh(office: Office) -> None:
    unit = unit_id(175)
    office.publish({"unit_id": unit})
    path = office.opened(unit)
    office.publish({"unit_id": unit_id(176)})
    office.settle()
    assert office.get("proposer", path)["outcome"]["id"] == "ended_otherwise"
    (entry,) = (
        each
        for each in office.get("manager", f"{path}/log")["items"]
        if each["action"] == "case_closed"
    )
    assert entry["key_name"] == "automatic"
