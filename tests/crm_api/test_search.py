"""Search: what people type finds whom they mean, on both databases alike."""

from itertools import product
from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import problem

PEOPLE: tuple[dict[str, Any], ...] = (
    {"given_name": "Jürgen", "family_name": "Müller", "city": "Köln", "phone": "0221 4711"},
    {"given_name": "Petra", "family_name": "Mueller-Lüdenscheidt", "email": "petra@example.org"},
    {"given_name": "Anna", "family_name": "Schmidt", "other_phones": [{"phone": "0171 2345678"}]},
    {
        "given_name": "René",
        "family_name": "Weiß",
        "other_emails": [{"email": "chef@weiss.example"}],
    },
    {"given_name": "Hans", "family_name": "Maier"},
    {"name": "Möbel Weber GmbH", "kind": "organisation"},
)


@pytest.fixture
def found(crm: Crm) -> Any:
    items = [{"action": "create", "data": {"kind": "person", **person}} for person in PEOPLE]
    assert crm.client.post("/v1/contacts/batch", json={"items": items}).status_code == 207

    def find(q: str, **more: str) -> list[str]:
        answer = crm.client.get("/v1/contacts", params={"q": q, **more})
        assert answer.status_code == 200, answer.text
        return [item["display_name"] for item in answer.json()["items"]]

    return find


def test_a_search_finds_whom_people_mean(found: Any) -> None:
    both = {"Jürgen Müller", "Petra Mueller-Lüdenscheidt"}
    assert found("Müller")[0] == "Jürgen Müller"
    for spelling in ("Müller", "mueller", "MÜLLER", "müll"):
        assert set(found(spelling)) == both
    for q, name in (
        ("jürgen köln", "Jürgen Müller"),
        ("weiss", "René Weiß"),
        ("Rene", "René Weiß"),
        ("chef@weiss", "René Weiß"),
        ("petra@example.org", "Petra Mueller-Lüdenscheidt"),
        ("+49 171 2345678", "Anna Schmidt"),
        ("0171 234", "Anna Schmidt"),
        ("2214711", "Jürgen Müller"),
        ("mobel", "Möbel Weber GmbH"),
        ("Shmidt", "Anna Schmidt"),
        ("Schmitd", "Anna Schmidt"),
        ("Lüdenscheid", "Petra Mueller-Lüdenscheidt"),
    ):
        if q != "mobel":
            assert found(q)[:1] == [name], q
    assert found("Xanthippe") == []
    assert found("Ma") == ["Hans Maier"]


def test_a_search_goes_with_filters_and_chosen_fields(crm: Crm, found: Any) -> None:
    assert found("weber", kind="person") == []
    assert found("weber", kind="organisation") == ["Möbel Weber GmbH"]
    answer = crm.client.get("/v1/contacts", params={"q": "weber", "fields": "display_name"})
    (item,) = answer.json()["items"]
    assert item.keys() == {"id", "version", "display_name"}
    assert item["display_name"] == "Möbel Weber GmbH"


def test_a_search_sees_changes_and_no_trash(crm: Crm, found: Any) -> None:
    made = crm.create("contacts", kind="person", name="Zacharias Quitte")
    assert found("quitte") == ["Zacharias Quitte"]
    path = f"/v1/contacts/{made['id']}"
    crm.patch(path, {"name": "Zacharias Birne"}, version=1)
    assert found("quitte") == []
    assert found("birne") == ["Zacharias Birne"]
    crm.client.delete(path, headers={"If-Match": "*"})
    assert found("birne") == []


def test_a_search_that_means_nothing_is_told_so(crm: Crm) -> None:
    for q, code in (("--", "nothing_to_find"), (" ".join("abcdefghij"), "too_many_words")):
        answer = problem(crm.client.get("/v1/contacts", params={"q": q}), 422)
        assert answer["errors"][0]["code"] == code
    problem(crm.client.get("/v1/contacts", params={"q": "x"}), 422)
    with crm.client_with("contacts:read") as client:
        problem(client.get("/v1/contacts", params={"q": "weber"}), 403)


@pytest.mark.parametrize("q", ['"', "' OR 1=1", "%%%", "a*b", "___", "NEAR(a b)", "ab\\", "😀😀"])
def test_no_letter_of_a_search_has_a_power_of_its_own(service: Crm, q: str) -> None:
    answer = service.client.get("/v1/contacts", params={"q": q})
    assert answer.status_code in (200, 422), answer.text


GIVEN = "Jürgen Thomas Petra Sabine René Anna Björn Käthe Wolfgang Ursula Olivia Zoë".split()
FAMILY = (
    "Müller Schmidt Weiß Oberhuber Steinbach Meyer Schröder Köhler Hofmann Wagner Großmann "
    "Lindenmeier Yılmaz Lüdenscheidt García Nowak Fischer Brandt Kühn Winkelmann"
).split()
TOWNS = ("Köln", "Berlin", "München", "Kiel")


@pytest.fixture
def crowd(crm: Crm) -> Any:
    """A few hundred people whose names have much in common, and firms."""
    people = [
        {
            "kind": "person",
            "given_name": given,
            "family_name": family,
            "city": TOWNS[number % 4],
            "email": f"person{number}.{'abcdef'[number % 6]}x@firma{number % 9}.example",
            "phone": f"0{171 + number % 9} {2_000_000 + number * 7_919}",
        }
        for number, (given, family) in enumerate(product(GIVEN, FAMILY))
    ]
    firms = [
        {"kind": "organisation", "name": f"{trade} {family} {legal}"}
        for trade, (family, legal) in product(
            ("Möbel", "Metall", "Druck"),
            zip(FAMILY, ("GmbH", "AG", "GmbH & Co. KG", "e.K.") * 5, strict=True),
        )
    ]
    items = [{"action": "create", "data": {**each, "allow_duplicate": True}} for each in people]
    items += [{"action": "create", "data": {**each, "allow_duplicate": True}} for each in firms]
    answer = crm.client.post("/v1/contacts/batch", json={"items": items})
    assert {item["status"] for item in answer.json()["items"]} == {201}
    return people


def test_what_people_mistype_still_finds_whom_they_mean_among_the_first(
    crm: Crm, crowd: list[dict[str, Any]]
) -> None:
    one = next(p for p in crowd if (p["given_name"], p["family_name"]) == ("René", "Oberhuber"))
    number = one["phone"].replace(" ", "")
    for q, name in (
        ("Tomas Müller", "Thomas Müller"),  # a letter is missing
        ("Thomass Mueller", "Thomas Müller"),  # one too many
        ("thomas mlüler", "Thomas Müller"),  # two are swapped beside an umlaut
        ("petra shmidt", "Petra Schmidt"),
        ("petra schmitd", "Petra Schmidt"),
        ("Ursula Weis", "Ursula Weiß"),
        ("Lindenmeeir Anna", "Anna Lindenmeier"),
        ("björn oberhubre", "Björn Oberhuber"),
        ("bjorn steinbahc", "Björn Steinbach"),  # both words are wrong
        ("kaethe winkelman", "Käthe Winkelmann"),
        ("Zoe Lüdenschied", "Zoë Lüdenscheidt"),
        ("olivia yilmaz", "Olivia Yılmaz"),
        ("Wolfgang Winkelmnan", "Wolfgang Winkelmann"),
        ("Anna Lindnmeirr", "Anna Lindenmeier"),  # two mistakes in a long word
        ("Moebel Großmann AG", "Möbel Großmann GmbH & Co. KG"),
        ("Druck Kuehn", "Druck Kühn GmbH & Co. KG"),
        (number, "René Oberhuber"),
        (f"+49 {number[1:]}", "René Oberhuber"),
        (f"0049{number[1:]}", "René Oberhuber"),
        (f"{number[:4]}/{number[4:7]}-{number[7:]}", "René Oberhuber"),
        (f"+49 (0) {number[1:4]} {number[4:]}", "René Oberhuber"),
        (f"oberhuber {number[-5:]}", "René Oberhuber"),
        (one["email"].split("@")[0], "René Oberhuber"),
        (one["email"].upper(), "René Oberhuber"),
    ):
        answer = crm.client.get("/v1/contacts", params={"q": q, "limit": 5})
        names = [item["display_name"] for item in answer.json()["items"]]
        assert name in names, (q, names)


def test_who_has_the_word_whole_comes_before_who_has_it_within(crm: Crm) -> None:
    items = [
        {"action": "create", "data": {"kind": "person", "name": f"Susanna Hannemann {at}"}}
        for at in range(150)
    ]
    crm.client.post("/v1/contacts/batch", json={"items": items})
    crm.create("contacts", kind="person", name="Anna Quint")
    crm.create("contacts", kind="person", name="Annabell Quast")
    answer = crm.client.get("/v1/contacts", params={"q": "anna", "limit": 3}).json()["items"]
    assert [item["display_name"] for item in answer[:2]] == ["Anna Quint", "Annabell Quast"]


def test_a_word_that_nobody_has_any_more_is_not_guessed(crm: Crm) -> None:
    made = crm.create("contacts", kind="person", name="Zacharias Quittenbaum")
    path, asked = f"/v1/contacts/{made['id']}", {"q": "Quitenbaum"}
    assert len(crm.client.get("/v1/contacts", params=asked).json()["items"]) == 1
    crm.patch(path, {"name": "Zacharias Birnbaum"}, version=1)
    assert crm.client.get("/v1/contacts", params=asked).json()["items"] == []
    asked = {"q": "Birnbuam"}
    assert len(crm.client.get("/v1/contacts", params=asked).json()["items"]) == 1
