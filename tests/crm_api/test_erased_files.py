"""Uploaded files that name an erased person go, started or not; other files stay."""

from typing import Any

import pytest

from services.crm_api.imports.uploads import upload_path
from tests.conftest import Crm
from tests.crm_api.bodies import fresh, make, problem
from tests.crm_api.test_after_erasure import erase
from tests.crm_api.test_imports import imported, upload

AT = "2025-02-03T10:00:00Z"


def pending(crm: Crm, content: str | bytes, **query: Any) -> str:
    answer = upload(crm, content, **query)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def is_there(crm: Crm, import_id: str) -> bool:
    return upload_path(crm.settings.data_dir / "imports", import_id).exists()


@pytest.fixture
def vera(service: Crm) -> dict[str, Any]:
    """A person with names and a reference that nobody else has."""
    return make(
        service,
        "contacts",
        kind="person",
        given_name="Vera",
        family_name=fresh("Quitte"),
        external_refs=[{"source": "shop", "id": fresh("VERA")}],
    )


def test_files_that_wait_and_name_an_erased_person_go(service: Crm, vera: dict[str, Any]) -> None:
    ref, family, other = vera["external_refs"][0]["id"], vera["family_name"], fresh("other")
    orders = {"resource": "deals", "source": "orders", "contact_source": "shop"}
    notes = {"resource": "interactions", "source": "calls", "contact_source": "shop"}
    people = {"resource": "contacts", "source": "shop"}
    head = "id,first name,last name,city\n"
    order, note = "id,contact_external_id,title\n", "id,contact_external_id,kind,occurred_at,body\n"
    naming = [
        pending(service, f"{head}{ref},,,Secret town\n", **people),
        pending(service, f"{order}D1,{ref.lower()},Secret order\n", **orders),
        pending(service, f"{note}I1,{ref},note,{AT},Secret text\n", **notes),
        pending(service, f'{{"id": "D1", "buyer": {{"key": "{ref}"}}}}\n', **orders),
        pending(
            service, f"{head}X1,VERA,{family.upper()},Secret town\n", **people, media="text/csv"
        ),
        pending(service, f"id,contact_id,title\nD2,{vera['id']},Secret\n", **orders),
    ]
    staying = [
        pending(service, f"{head}{other},Vera,Else,Ulm\nX2,Bea,{family},Ulm\n", **people),
        pending(service, f"{order}D1,{ref}0,Secret order\n", **orders),
        pending(service, f"{order}D1,{ref},Another\n", **orders | {"contact_source": "else"}),
    ]
    counts = erase(service, vera["id"])["counts"]
    assert [is_there(service, each) for each in naming] == [False] * len(naming)
    assert [is_there(service, each) for each in staying] == [True] * len(staying)
    assert counts["imports"] == len(naming)
    for each in naming:
        shown = service.client.get(f"/v1/imports/{each}").json()
        assert shown["status"] == "cancelled"
        assert shown["finished_at"] is not None
        assert all(column["samples"] == [] for column in shown["columns"])
        problem(service.client.post(f"/v1/imports/{each}/start", json={}), 409, "upload_missing")


def test_a_short_reference_counts_where_it_is_the_id_of_a_contact(service: Crm) -> None:
    source = fresh("shop")
    person = make(service, "contacts", external_refs=[{"source": source, "id": "17"}])["id"]
    orders = {"resource": "deals", "source": source, "currency": "EUR"}
    head = "id,contact_external_id,amount\n"
    of_person = pending(service, f"{head}1,17,5.00\n", **orders)
    of_other = pending(service, f"{head}17,18,17\n", **orders)
    erase(service, person)
    assert not is_there(service, of_person)
    assert is_there(service, of_other)


def test_the_file_of_an_import_that_has_run_goes_with_whom_it_names(service: Crm) -> None:
    source = fresh("shop")
    person = make(service, "contacts", external_refs=[{"source": source, "id": "12345"}])["id"]
    orders = {"resource": "deals", "source": source, "currency": "EUR"}
    content = "id,contact_external_id,amount\n1,12345,Secret\n"
    state = imported(service, content, **orders, mapping=["amount:amount"])
    assert state["rejected_count"] == 1
    erase(service, person)
    assert not is_there(service, state["id"])
    assert "Secret" not in service.client.get(f"/v1/imports/{state['id']}/rejected-rows").text
    assert service.client.get(f"/v1/imports/{state['id']}").json()["status"] == "succeeded"
