"""Texts in files for people: none is a formula, and each comes back as it was."""

import csv
import io
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.crm_api.imports.values.texts import clean
from services.foundation.sheet_texts import as_cell, harmless
from tests.conftest import Crm
from tests.crm_api.test_exports_for_people import export, records
from tests.crm_api.test_imports import everything, finished, imported, rejected, upload

SIGNS = ["=", "+", "-", "@", "'", '"', "＝", "＋", "－", "＠", "1", "a", " ", "\t", "\n", ";", "49"]
TEXTS = st.lists(st.sampled_from(SIGNS), max_size=8).map("".join) | st.text(max_size=8)
HARD = ["=1+1", "'=1+1", "''=1+1", "＝1", "'＝1", "'", "'a", '="a"', '\'="a"', "+49 30", "'+49 30"]


@settings(max_examples=500)
@given(TEXTS)
@example('="00123"')
@example("'+49 30 901820")
def test_what_makes_a_text_harmless_is_taken_off_again(text: str) -> None:
    text = text.strip()
    assert clean(harmless(text)) == text
    assert clean(as_cell(text)) == text


def _hard_contacts(crm: Crm) -> list[dict[str, Any]]:
    for key, kind in (("note", "text"), ("seen", "instant")):
        body = {"applies_to": "contacts", "key": key, "type": kind}
        crm.create("custom-fields", label_en=key.title(), label_de=key.title(), **body)
    for at, text in enumerate(HARD):
        tags = [each for each in (text, "b") if ";" not in each]
        custom = {"note": text, "seen": f"2026-03-0{1 + at % 3}T08:00:00.{at}23456Z"}
        crm.create("contacts", kind="person", name=text, city=text, tags=tags, custom=custom)
    return everything(crm.client, "contacts")


@pytest.mark.parametrize("form", ["excel_csv", "xlsx", "ndjson"])
def test_the_hardest_texts_and_instants_come_back_from_an_export_as_they_were(
    crm: Crm, form: str
) -> None:
    before = _hard_contacts(crm)
    answer = export(crm, "contacts", format=form)
    media = answer.headers["content-type"].partition(";")[0]
    state = imported(crm, answer.content, media=media, resource="contacts", source="own")
    assert state["unchanged_count"] == len(before), rejected(crm.client, state["id"])
    assert everything(crm.client, "contacts") == before


def test_no_cell_of_the_rejected_rows_is_a_formula_and_they_can_be_uploaded_again(
    crm: Crm,
) -> None:
    link = '=HYPERLINK("http://x")'
    rows = [
        ["=id", "name", "city", "email"],
        ["1", link, '="01067"', "soon@"],
        ["@SUM(1)", "'=1+1", "''=2", "later@"],
    ]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    query: dict[str, Any] = {
        "resource": "contacts",
        "source": "sheet",
        "mapping": "=id:external_id",
    }
    state = imported(crm, out.getvalue(), **query)
    assert state["rejected_count"] == 2
    found = rejected(crm.client, state["id"])
    assert not [cell for row in found for cell in row if cell[:1] in set("=@+-")]
    assert [row[4:] for row in found] == [
        ["'=id", "name", "city", "email"],
        ["1", "'" + link, "01067", "soon@"],
        ["'@SUM(1)", "'=1+1", "''=2", "later@"],
    ]
    corrected = io.StringIO()
    csv.writer(corrected).writerows(
        [*row[4:7], f"a{row[0]}@example.org"] for row in [found[0], *found[1:]]
    )
    text = corrected.getvalue().replace("arow_number@example.org", "email", 1)
    query["mapping"] = "'=id:external_id"
    answer = upload(crm, "\ufeff" + text, start="true", **query)
    assert finished(crm.client, answer.json()["id"])["created_count"] == 2
    people = {each["external_refs"][0]["id"]: each for each in everything(crm.client, "contacts")}
    assert (people["1"]["name"], people["1"]["city"]) == (link, "01067")
    assert (people["@SUM(1)"]["name"], people["@SUM(1)"]["city"]) == ("=1+1", "'=2")


def test_an_empty_cell_of_an_export_removes_nothing(crm: Crm) -> None:
    crm.create("contacts", kind="person", name="Anna", city="Ulm")
    answer = export(crm, "contacts", format="excel_csv", fields="id,name,city")
    (row,) = records(answer)
    file = answer.content.decode().replace(row["City"], "")
    state = imported(crm, file, resource="contacts", source="own")
    assert (state["unchanged_count"], everything(crm.client, "contacts")[0]["city"]) == (1, "Ulm")
