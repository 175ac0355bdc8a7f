"""The customer card before a contact, and changed facts on trial, beside a running CRM."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from services.analytics.what_if import computing
from services.local.scopes import CARD_SCOPES
from tests.conftest import BOTH, Crm, Templates, store_key
from tests.end_to_end.conftest import Analytics, both_services
from tests.end_to_end.test_refresh import sell
from tests.live import client

GERMAN = {"Accept-Language": "de"}
ENGLISH = {"Accept-Language": "en"}


class Counter:
    """Where people look at a customer before they talk to it; nobody changes anything."""

    def __init__(self, crm: Crm, analytics: Analytics) -> None:
        self.crm, self.analytics = crm, analytics
        key = store_key(crm.settings.database_url, scopes=CARD_SCOPES, name="cards")
        analytics.settings.card_key_file.write_text(key + "\n")
        self.anna = self._person(
            "Anna Weber", language="de", communication_style="brief", purchase_motive="habit"
        )
        self.ben = self._person("Ben Miller", language="en", communication_style="normal")
        self.firm = crm.create("contacts", kind="organisation", name="Weber Möbel GmbH")["id"]
        self.eva = self._person("Eva Kraus", language="de", parent_id=self.firm)
        self.objector = self._person("Otto", profiling_objection_at="2025-01-01T10:00:00Z")
        for person in (self.anna, self.ben, self.eva, self.objector):
            for month in range(2, 12, 2):
                sell(crm, person, f"2025-{month:02}-10", "4000.00")
        for person in (self.ben, self.eva):
            self._consent(person, "email")
        self._talk(self.ben, "call", "2026-01-05", "Delivery date", direction="inbound")
        self._talk(self.ben, "note", "2026-01-07", "Likes tea")
        self._talk(self.anna, "complaint", "2026-01-20", "Tisch wackelt", severity=3, status="open")
        self._talk(self.eva, "email", "2026-01-12", None, direction="inbound")
        self.bob = self._person("Bob Lang", language="en", parent_id=self.firm)
        self._talk(self.bob, "email", "2026-01-11", "Where is it?", direction="inbound")
        self.mia = self._person("Mia Weber", language="en", flags=["minor"])
        sell(crm, self.mia, "2025-10-10", "10.00")
        self.carl = self._person("Carl Contract", language="en")
        sell(crm, self.carl, "2025-03-01", "6000.00", contract_end_at="2026-12-31T10:00:00Z")
        self.dora = self._person("Dora Kurz", language="de", communication_style="brief")
        for month in range(2, 12, 2):
            sell(crm, self.dora, f"2025-{month:02}-10", "4000.00")
        self._consent(self.dora, "email")
        for day in ("2026-01-19", "2026-01-30"):
            self._talk(self.dora, "campaign_touch", day, None, channel="email", outcome="delivered")
        # Both refuse a channel; one of them agreed to another, over which it cannot be found.
        self.nora, self.paul = self._person("Nora Nein"), self._person("Paul Post", email=None)
        for person in (self.nora, self.paul):
            sell(crm, person, "2025-10-10", "10.00")
            self._consent(person, "phone", "objected")
        self._consent(self.paul, "email")
        self.version = analytics.published()

    def _person(self, name: str, **fields: Any) -> str:
        fields.setdefault("email", f"{name.split()[0].lower()}@example.org")
        return str(self.crm.create("contacts", kind="person", name=name, **fields)["id"])

    def _consent(self, contact_id: str, channel: str, *said: str) -> None:
        for action in said or ("granted", "confirmed"):
            body = {"channel": channel, "action": action, "occurred_at": "2025-01-02T10:00:00Z"}
            answer = self.crm.client.post(f"/v1/contacts/{contact_id}/consents", json=body)
            assert answer.status_code == 201, answer.text

    def _talk(
        self, contact_id: str, kind: str, day: str, subject: str | None, **fields: Any
    ) -> None:
        fields |= {} if subject is None else {"subject": subject}
        self.crm.create(
            "interactions",
            contact_id=contact_id,
            kind=kind,
            occurred_at=f"{day}T10:00:00Z",
            **fields,
        )

    def card(self, unit_id: str, language: dict[str, str] = ENGLISH) -> Any:
        return self.analytics.get(f"/v1/customers/{unit_id}/card", headers=language)

    def if_only(
        self,
        unit_id: str,
        *changes: dict[str, Any],
        status: int = 200,
        language: dict[str, str] = ENGLISH,
    ) -> Any:
        answer = self.analytics.client.post(
            f"/v1/customers/{unit_id}/explain-what-if",
            json={"changes": changes},
            headers=language,
        )
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module", params=BOTH)
def counter(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("counter")
    with both_services(request.param, templates, folder) as (crm, analytics):
        yield Counter(crm, analytics)


def codes(reasons: Any) -> list[str]:
    return [reason["code"] for reason in reasons]


def test_a_card_says_who_it_is_what_to_do_and_what_not_in_german(counter: Counter) -> None:
    card = counter.card(counter.anna, GERMAN)
    published = counter.analytics.get(f"/v1/customers/{counter.anna}", headers=GERMAN)
    assert card["salutation"] == "Guten Tag Anna Weber"
    opening = "Am 20.01.2026 haben Sie uns gesagt, was nicht in Ordnung war: „Tisch wackelt“."
    assert card["opening_line"] == opening
    assert card["obligations"][0]["instrument"]["label"] == "Beschwerdebearbeitung"
    assert card["obligations"][0]["draft"]["text"].startswith("Guten Tag Anna Weber,")
    assert codes(card["avoid"])[:3] == ["R_AVOID_SELLING", "R_NO_CONSENT", "R_AVOID_TALK"]
    assert card["avoid"][2]["text"].startswith("Fassen Sie sich kurz")
    assert (card["style"]["id"], card["motive"]["label"]) == ("brief", "Gewohnheit")
    assert card["churn"]["probability"] == published["churn"]["probability"]
    reasons = published["explanations"]["churn_probability"]["reasons"]
    assert card["churn"]["reasons"] == reasons[:5]
    roles = {each["role"] for each in card["churn"]["evidence"]}
    assert {"last_purchase", "unresolved_complaint"} <= roles
    assert [each["subject"] for each in card["crm"]["open_complaints"]] == ["Tisch wackelt"]


def test_a_card_opens_with_the_last_talk_not_with_a_note_in_english(counter: Counter) -> None:
    card = counter.card(counter.ben)
    assert card["salutation"] == "Dear Ben Miller"
    assert card["opening_line"] == "Last time, on 5 Jan 2026, we spoke about “Delivery date”."
    assert card["obligations"] == card["avoid"] == []
    assert card["next_step"]["draft"]["text"].startswith("Dear Ben Miller,")
    recommended = counter.analytics.get(f"/v1/customers/{counter.ben}/recommendations")
    assert card["next_step"]["id"] == recommended["steps"][0]["id"]


def test_the_card_of_an_organisation_names_the_person_that_is_addressed(counter: Counter) -> None:
    card = counter.card(counter.firm)
    (owed,) = card["obligations"]
    assert owed["person_id"] == counter.bob
    assert owed["draft"]["language"] == "en"
    assert owed["draft"]["text"].startswith("Dear Bob Lang")
    shown = counter.analytics.get(f"/v1/customers/{counter.firm}")
    assert owed["event_record_id"] == shown["contact"]["must_answer_interaction_id"]
    assert card["crm"]["contact"]["name"] == "Weber Möbel GmbH"
    assert (card["crm"]["person"]["id"], card["salutation"]) == (counter.eva, "Guten Tag Eva Kraus")
    assert card["opening_line"] == "Am 12.01.2026 haben Sie uns geschrieben."
    problem = counter.analytics.get(f"/v1/customers/{counter.eva}/card", 404, headers=GERMAN)
    assert problem["code"] == "customer_missing"
    assert "Eine Person einer Organisation steht bei dieser" in problem["detail"]


def test_what_a_rule_forbids_is_always_told(counter: Counter) -> None:
    assert "R_AVOID_MINOR" in codes(counter.card(counter.mia)["avoid"])
    assert codes(counter.card(counter.objector)["avoid"])[:1] == ["R_OBJECTION"]


def test_only_who_refused_all_that_it_spoke_of_is_said_to_have_refused_advertising(
    counter: Counter,
) -> None:
    barred = {"R_AVOID_ADVERTISING", "R_NO_CONSENT"}
    assert barred & {*codes(counter.card(counter.nora)["avoid"])} == {"R_AVOID_ADVERTISING"}
    assert barred & {*codes(counter.card(counter.paul)["avoid"])} == {"R_NO_CONSENT"}


def test_without_the_crm_a_card_still_says_what_is_computed(counter: Counter) -> None:
    before = counter.card(counter.anna)
    port = counter.crm.server.port
    counter.crm.stop()
    try:
        card = counter.card(counter.anna)
    finally:
        counter.crm.start(port=port)
    assert (card["crm"], card["crm_unavailable"]) == (None, True)
    assert (card["salutation"], card["opening_line"]) == ("Guten Tag", None)
    same = ("state", "phase", "value", "churn", "motive", "style", "basis", "avoid")
    assert {name: card[name] for name in same} == {name: before[name] for name in same}
    assert card["next_step"]["id"] == before["next_step"]["id"]
    assert "[Name]" in card["obligations"][0]["draft"]["text"]


def test_a_card_needs_its_scope_and_leaves_a_note(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    url = counter.analytics.settings.database_url
    path = f"/v1/customers/{counter.ben}/card"
    with client(counter.analytics.url, store_key(url, scopes=("analytics:read",))) as reader:
        assert reader.get(path).status_code == 403
    caplog.set_level("INFO", "phasewise")
    answer = counter.analytics.client.get(path)
    (note,) = [each.__dict__["fields"] for each in caplog.records if "card read" in each.message]
    assert note["request_id"] == answer.headers["X-Request-Id"]
    assert (note["unit_id"], len(note["key_id"])) == (counter.ben, 8)
    assert "Ben" not in str(note)


def test_of_who_objects_to_profiling_nothing_is_computed(counter: Counter) -> None:
    card = counter.card(counter.objector)
    assert card["crm"]["contact"]["name"] == "Otto"
    assert card["state"] is card["phase"] is card["value"] is card["next_step"] is None
    problem = counter.if_only(counter.objector, {"fact": "answered"}, status=409, language=GERMAN)
    assert problem["code"] == "profiling_objection"
    assert problem["title"].startswith("Dieser Kunde widerspricht der Profilbildung")


def _written(counter: Counter) -> Any:
    """Return what either service has stored of its customers, and what a refresh has left."""
    folder = counter.analytics.settings.data_dir
    files = [folder / "estimates.json", *(folder / "mirror").rglob("*")]
    return (
        counter.analytics.rows(counter.version),
        counter.crm.client.get("/v1/changes", params={"limit": 500}).json(),
        {path: path.stat().st_mtime_ns for path in files},
    )


def test_a_resolved_complaint_changes_danger_and_duties_and_writes_nothing(
    counter: Counter,
) -> None:
    before = _written(counter)
    found = counter.if_only(counter.anna, {"fact": "complaint_resolved"}, language=GERMAN)
    published = counter.analytics.get(f"/v1/customers/{counter.anna}", headers=GERMAN)
    path = f"/v1/customers/{counter.anna}/recommendations"
    recommended = counter.analytics.get(path, headers=GERMAN)
    assert found["is_published"]
    # Where the complaint stands among all is not tried.
    (owed,) = recommended["obligations"]
    assert (owed["triage"]["severity"], owed["triage"]["at_once"]) == (3, True)
    assert owed["triage"].pop("priority") > 0.5
    assert found["before"]["obligations"][0]["triage"].pop("priority") is None
    same = ("state", "phase", "basis", "obligations", "steps", "ruled_out")
    assert {name: found["before"][name] for name in same} == {
        name: recommended[name] for name in same
    }
    assert found["before"]["churn_probability"] == published["churn"]["probability"]
    assert found["before"]["value"] == published["value"]["clv_365"]
    assert (found["before"]["state"], found["after"]["state"]) == ("at_risk", "retained")
    assert found["after"]["obligations"] == []
    texts = [each["text"] for each in found["differences"]]
    assert texts[0].startswith("Der Zustand wäre „")
    assert "Diese Pflicht würde entfallen: Beschwerdebearbeitung." in texts
    assert "R_IF_OWED_NO_MORE" in codes(found["differences"])
    assert found["without_effect"] == []
    assert _written(counter) == before


def test_a_cancelled_contract_leads_to_win_back(counter: Counter) -> None:
    found = counter.if_only(counter.carl, {"fact": "contract_cancelled"})
    assert found["is_published"]
    assert found["after"]["phase"]["id"] == "winback"
    assert {"R_IF_PHASE", "R_IF_CHURN_HIGHER"} <= set(codes(found["differences"]))


def test_facts_are_changed_together_and_those_that_are_so_are_named(counter: Counter) -> None:
    facts = (
        {"fact": "answered"},
        {"fact": "complaint_resolved"},
        {"fact": "consent", "channel": "email", "granted": False},
    )
    found = counter.if_only(counter.firm, *facts)
    assert found["without_effect"] == [1]
    assert found["before"]["obligations"] and not found["after"]["obligations"]
    assert found["before"]["steps"] and not found["after"]["steps"]


def test_a_fact_that_is_so_differs_in_nothing_even_while_the_mirror_is_replaced(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = computing._records_of, []

    def vanishing(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise FileNotFoundError
        return read(*arguments)

    monkeypatch.setattr(computing, "_records_of", vanishing)
    found = counter.if_only(counter.ben, {"fact": "complaint_resolved"})
    assert (len(calls), found["before"]) == (2, found["after"])
    assert codes(found["differences"]) == ["R_IF_NOTHING"]


def test_without_the_records_the_answer_says_where_they_are(counter: Counter) -> None:
    mirror = counter.analytics.settings.data_dir / "mirror"
    mirror.rename(mirror.with_name("elsewhere"))
    try:
        problem = counter.if_only(counter.ben, {"fact": "answered"}, status=503, language=GERMAN)
    finally:
        mirror.with_name("elsewhere").rename(mirror)
    assert problem["code"] == "nothing_to_compute"
    assert "liegen nicht auf diesem Rechner" in problem["title"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"fact": "won_the_lottery"}, ""),
        ({"fact": "price_changed"}, "/percent"),
        ({"fact": "price_changed", "percent": -100}, "/percent"),
        ({"fact": "purchase", "amount": "-1.00"}, "/amount"),
        ({"fact": "purchase", "amount": "3.123"}, "/amount"),
        ({"fact": "motive", "motive": "greed"}, "/motive"),
        ({"fact": "consent", "channel": "pigeon", "granted": True}, "/channel"),
        ({"fact": "answered", "by": "anna"}, "/by"),
    ],
    ids=str,
)
def test_unknown_facts_and_fields_are_errors(
    counter: Counter, change: dict[str, Any], where: str
) -> None:
    problem = counter.if_only(counter.ben, change, status=422)
    assert [each["pointer"] for each in problem["errors"]] == [f"/body/changes/0{where}"]


def test_the_deeper_a_price_is_cut_the_less_is_left(counter: Counter) -> None:
    """The mean and the limits of the base hid most of a cut: a price near nothing seemed to pay."""

    def value_at(percent: int) -> float:
        found = counter.if_only(counter.ben, {"fact": "price_changed", "percent": percent})
        return float(found["after"]["value"]["amount"])

    found = [value_at(percent) for percent in (50, 0, -30, -50, -70, -90)]
    steps = [first - then for first, then in itertools.pairwise(found)]
    assert min(steps) > 0 > found[-1]
    assert steps[3:] == pytest.approx([steps[3]] * 2, rel=0.05)


def test_another_style_is_what_it_would_be_after_a_refresh(counter: Counter) -> None:
    """Under the old cap the gap between two contacts was not seen, and a step was possible at once."""
    style = {"fact": "communication_style", "style": "normal"}
    tried = counter.if_only(counter.dora, style)["after"]
    path = f"/v1/contacts/{counter.dora}"
    assert counter.crm.patch(path, {"communication_style": "normal"}, version="*").is_success
    counter.analytics.published()
    really = counter.if_only(counter.dora, {"fact": "complaint_resolved"})["before"]
    assert tried == really
    assert "pressure_ok" in str(really["ruled_out"]), really
