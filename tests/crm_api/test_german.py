"""Problems in German: every title is known, and what is known is told where German is preferred."""

from typing import Any

import pytest

from services.analytics.german import translate as of_analytics
from services.crm_api.german import translate as of_crm
from services.foundation.problems import Problem
from tests.conftest import Crm
from tests.crm_api.bodies import make, problem

GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}


def all_problems(of: type[Problem] = Problem) -> set[type[Problem]]:
    return {of}.union(*(all_problems(each) for each in of.__subclasses__()))


def test_every_title_has_its_german() -> None:
    unknown = {
        each.title
        for each in all_problems()
        if each.__module__.startswith("services.")
        for translate in (of_analytics if ".analytics." in each.__module__ else of_crm,)
        if translate(each.title) is None
    }
    assert unknown == set()


def test_a_problem_is_told_in_german_where_that_is_preferred(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    sent = {"contact_id": contact, "stage": "lost"}
    answer = service.client.post("/v1/deals", json=sent, headers=GERMAN)
    told = problem(answer, 422, "lost_reason_missing")
    assert told["title"] == "Ein verlorener Abschluss braucht den Grund des Verlusts."
    assert told["errors"][0]["message"].startswith("Der Verlustgrund fehlt: ")
    assert answer.headers["content-language"] == "de"
    assert "Accept-Language" in answer.headers["vary"]
    english = service.client.post("/v1/deals", json=sent)
    assert problem(english, 422)["title"] == "A lost deal needs the reason why it was lost."
    assert english.headers["content-language"] == "en"


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        (
            "GET",
            "/v1/nowhere",
            404,
            "Das gibt es nicht, oder dieser Schlüssel darf es nicht sehen.",
        ),
        ("PUT", "/v1/contacts", 405, "Dieser Pfad kennt diese Methode nicht."),
        ("POST", "/v1/contacts", 415, "Dieser Pfad liest diesen Medientyp nicht."),
        ("GET", "/v1/contacts?tagg=x", 422, "Die Anfrage verletzt eine Regel."),
    ],
)
def test_what_the_ground_refuses_is_told_in_german_too(
    service: Crm, method: str, path: str, status: int, title: str
) -> None:
    assert problem(service.client.request(method, path, headers=GERMAN), status)["title"] == title


def test_what_no_german_is_known_for_stays_english_and_says_so(service: Crm) -> None:
    answer = service.client.get("/v1/contacts?fields=nope", headers=GERMAN)
    assert answer.headers["content-language"] == "de, en"
    assert "fields" in problem(answer, 422)["errors"][0]["pointer"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"phones": []},
            "Ein Feld `phones` gibt es nicht; gemeint ist wohl `phone` oder `other_phones`.",
        ),
        ({"birth_date": "2000-02-30"}, "Ein Tag, den es gibt, wird erwartet"),
        (
            {"next_contact_at": "2026-13-01T00:00:00Z"},
            "Tag und Uhrzeit, die es gibt, werden erwartet",
        ),
    ],
)
def test_what_is_wrong_with_a_field_is_told_in_german_alone(
    service: Crm, body: Any, message: str
) -> None:
    answer = service.client.post("/v1/contacts", json={"kind": "person", **body}, headers=GERMAN)
    assert [error["message"] for error in problem(answer, 422)["errors"]] == [message]
    assert answer.headers["content-language"] == "de"


def test_all_that_may_have_been_meant_is_named_in_german(service: Crm) -> None:
    answer = service.client.get("/v1/contacts?create_at_gte=x", headers=GERMAN)
    (error,) = problem(answer, 422)["errors"]
    assert error["message"] == (
        "Einen Parameter `create_at_gte` gibt es nicht; gemeint ist wohl `created_at_gte` oder "
        "`created_at_lt` oder `updated_at_gte`."
    )


def test_an_unknown_parameter_is_told_in_german(service: Crm) -> None:
    answer = service.client.get("/v1/contacts?tagg=x", headers=GERMAN)
    assert answer.headers["content-language"] == "de"
    (error,) = problem(answer, 422)["errors"]
    assert error["message"].startswith("Einen Parameter `tagg` gibt es nicht; gemeint ist wohl `")
