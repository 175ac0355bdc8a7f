"""The catalogue over HTTP: every section in both languages, what the overlay changed, entity tags."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from services.analytics.app import create_app
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.settings import Settings
from tests.analytics.test_catalogue_overlay import GOOD
from tests.analytics.test_contract import document_of, keeps
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client

SECTIONS = load_catalogue().sections
ONE, ALL = "/v1/catalogue/{section}", "/v1/catalogue"


@pytest.fixture(scope="module", params=BOTH)
def http(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """A client of a service whose operator has an overlay file; nothing is published, or needed."""
    folder: Path = tmp_path_factory.mktemp("catalogue")
    overlay = folder / "own.yaml"
    overlay.write_text(GOOD, encoding="utf-8")
    url = templates.fresh("analytics", request.param, folder)
    settings = Settings(
        data_dir=folder,
        analytics_database_url=url,
        catalogue_overlay=overlay,
        log_requests=False,
    )
    key = store_key(url, scopes=("analytics:read",))
    with LiveServer(create_app(settings, schedules=False)) as live, client(live.url, key) as http:
        yield http


def entries(http: httpx.Client, section: str, language: str = "en") -> dict[str, Any]:
    answer = http.get(f"/v1/catalogue/{section}", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return {entry["id"]: entry for entry in answer.json()["items"]}


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_section_is_there_in_the_language_asked_for(
    http: httpx.Client, language: str
) -> None:
    headers = {"Accept-Language": language}
    document = document_of(http)
    success = document["paths"][ONE]["get"]["responses"]["200"]
    shapes = success["content"]["application/json"]["schema"]["discriminator"]["mapping"]
    assert set(shapes) == set(SECTIONS)
    answer = http.get(ALL, headers=headers)
    listed = keeps(http, answer, ALL)["items"]
    assert answer.headers["content-language"] == language
    assert [each["section"] for each in listed] == list(SECTIONS)
    for each in listed:
        answer = http.get(f"/v1/catalogue/{each['section']}", headers=headers)
        section = answer.json()
        shape = {"$ref": shapes[each["section"]], "components": document["components"]}
        assert not list(Draft202012Validator(shape).iter_errors(section))
        assert answer.headers["content-language"] == language
        assert (section["label"], section["description"]) == (each["label"], each["description"])
        assert len(section["items"]) == each["entry_count"]
        known = SECTIONS[each["section"]]
        for item in section["items"]:
            if not item["is_adjusted"]:
                assert item["label"] == known[item["id"]].name(language)  # type: ignore[arg-type]
                assert item["description"] == known[item["id"]].description(language)  # type: ignore[arg-type]


def test_covert_ways_and_what_serves_them_alone_are_not_shown(http: httpx.Client) -> None:
    assert not [name for name in entries(http, "strategies") if name.startswith("covert")]
    shown = {each["openness"] for each in entries(http, "strategies").values()}
    assert "covert" not in shown
    covert = {"gradual_reduction", "price_increase", "product_respecification", "offer_unbundling"}
    assert covert < SECTIONS["instruments"].keys()
    assert not covert & entries(http, "instruments").keys()
    assert "termination_letter" in entries(http, "instruments")


def test_what_is_computed_with_is_shown(http: httpx.Client) -> None:
    handling = entries(http, "instruments")["complaint_handling"]
    assert handling["phases"] == ["development", "retention", "winback"]
    assert handling["uplift"] == {"mean": 0.08, "standard_deviation": 0.04}
    assert (handling["unit_cost"], handling["type"]) == (25, "obligation")
    bondage = entries(http, "strategies", "de")["bondage"]
    assert bondage["children"] == ["bondage_short_term", "bondage_long_term"]
    assert bondage["prerequisites"] == ["satisfied", "lawful_terms", "voluntary_opt_in"]
    assert bondage["risk"].startswith("Kunden fühlen sich gefangen")
    assert entries(http, "conditions")["minor"]["unknown"] is False
    assert entries(http, "marketing_events")["first_purchase_made"]["wait_days"] == 7
    assert entries(http, "communication_styles")["brief"]["avoid"] == [
        "advice",
        "personal_attention",
    ]
    assert entries(http, "reason_codes")["R_LEAVE"]["params"] == {"days": "days"}


def test_what_the_overlay_changed_added_and_switched_off_is_shown(http: httpx.Client) -> None:
    counts = {
        each["section"]: (each["adjusted_count"], each["disabled_count"])
        for each in http.get(ALL).json()["items"]
    }
    assert counts["instruments"] == (3, 1)
    assert counts["channels"] == (2, 1)
    assert counts["phases"] == (0, 0)
    found = entries(http, "instruments", "de")
    assert found["newsletter"]["adjusted_fields"] == ["unit_cost", "uplift"]
    assert found["newsletter"]["uplift"] == {"mean": 0.006, "standard_deviation": 0.003}
    assert (found["gift"]["is_enabled"], found["gift"]["is_adjusted"]) == (False, True)
    assert (found["bonus"]["is_enabled"], found["bonus"]["is_adjusted"]) == (True, False)
    assert found["birthday_call"]["label"] == "Geburtstagsanruf"
    assert [name for name, each in found.items() if each["is_own"]] == ["birthday_call"]
    assert http.get(ALL).json()["is_adjusted"] is True


def test_a_section_that_is_had_already_is_not_sent_again(http: httpx.Client) -> None:
    for path in (ALL, "/v1/catalogue/goals"):
        german = http.get(path, headers={"Accept-Language": "de"})
        tag = german.headers["etag"]
        assert http.get(path, headers={"Accept-Language": "de"}).headers["etag"] == tag
        again = http.get(path, headers={"Accept-Language": "de", "If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        english = http.get(path, headers={"Accept-Language": "en", "If-None-Match": tag})
        assert english.status_code == 200
        assert english.headers["etag"] != tag
        assert english.headers["vary"] == "Accept-Language"
        no_tag = http.get(path, headers={"Accept-Language": "de", "If-None-Match": "3"})
        assert keeps(http, no_tag, ALL)["detail"].startswith("If-None-Match nimmt ETags")


def test_an_unknown_section_is_answered_with_those_that_there_are(http: httpx.Client) -> None:
    answer = http.get("/v1/catalogue/weather", headers={"Accept-Language": "de"})
    assert answer.status_code == 404
    problem = keeps(http, answer, ONE)
    assert problem["code"] == "section_missing"
    assert problem["detail"].startswith(
        "Der Katalog hat diese Abschnitte: phases, lifecycle_states"
    )
    assert all(section in problem["detail"] for section in SECTIONS)
    assert answer.headers["content-language"] == "de"
    english = http.get("/v1/catalogue/weather").json()
    assert english["detail"].startswith("The catalogue has these sections: phases,")
    assert http.get("/v1/catalogue/Phases").status_code == 422
    assert http.get("/v1/catalogue?section=phases").status_code == 422


def test_the_catalogue_needs_the_scope_to_read(http: httpx.Client, tmp_path: Path) -> None:
    answer = http.get(ALL, headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == 401
