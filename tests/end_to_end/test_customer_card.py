"""The customer card before a contact, and changed facts on trial, beside a running CRM."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.analytics.scopes import SCOPES
from services.crm_api.settings import Settings as CrmSettings
from services.foundation.application import utc_now
from services.local.__main__ import CARD_SCOPES
from tests.conftest import BOTH, Crm, Templates, store_key
from tests.end_to_end.conftest import Analytics, run_analytics
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
        self._talk(self.ben, "call", "2026-01-05", "Delivery date")
        self._talk(self.ben, "note", "2026-01-07", "Likes tea")
        self._talk(self.anna, "complaint", "2026-01-20", "Tisch wackelt", severity=3, status="open")
        self._talk(self.eva, "email", "2026-01-12", None, direction="inbound")
        self.carl = self._person("Carl Contract", language="en")
        sell(crm, self.carl, "2025-03-01", "6000.00", contract_end_at="2026-12-31T10:00:00Z")
        self.version = analytics.published()

    def _person(self, name: str, **fields: Any) -> str:
        fields.setdefault("email", f"{name.split()[0].lower()}@example.org")
        return str(self.crm.create("contacts", kind="person", name=name, **fields)["id"])

    def _consent(self, contact_id: str, channel: str) -> None:
        for action in ("granted", "confirmed"):
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
    settings = CrmSettings(
        data_dir=folder,
        crm_database_url=templates.fresh("crm_api", request.param, folder),
        crm_requests_per_minute=1_000_000,
        log_requests=False,
    )
    crm = Crm(settings, utc_now)
    analytics = run_analytics(crm, request.param, templates, folder / "analytics")
    yield Counter(crm, analytics)
    analytics.stop()
    crm.stop()


def codes(reasons: Any) -> list[str]:
    return [reason["code"] for reason in reasons]


def test_show(counter: Counter) -> None:
    import json
    for who in (counter.anna, counter.ben, counter.firm):
        for lang in (GERMAN, ENGLISH):
            c = counter.card(who, lang); print({k: c[k] for k in ('salutation','opening_line','style','motive','crm_unavailable','basis')}, [a['text'] for a in c['avoid']]); print(json.dumps(c['crm'], ensure_ascii=False)[:1500] if lang is GERMAN else '')
    for changes in (
        [{"fact": "complaint_resolved"}],
        [{"fact": "answered"}],
        [{"fact": "price_changed", "percent": -10}],
        [{"fact": "purchase", "amount": "120.00"}],
        [{"fact": "contract_cancelled"}],
        [{"fact": "motive", "motive": "advantage_price"}],
        [{"fact": "communication_style", "style": "extensive"}],
        [{"fact": "no_contact_asked"}],
        [{"fact": "consent", "channel": "email", "granted": True}],
        [{"fact": "consent", "channel": "email", "granted": False}],
        [{"fact": "consent", "channel": "email", "granted": False, "purpose": "survey"}],
    ):
        for who in ("anna", "ben", "firm", "carl"):
            t = time.perf_counter()
            found = counter.if_only(getattr(counter, who), *changes)
            print(who, changes, found["is_published"], found["without_effect"], [(x["code"], x["text"]) for x in found["differences"]], round(time.perf_counter() - t, 3))
