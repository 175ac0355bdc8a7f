"""A file written in two encodings: every row comes in as it was written, or is refused with a reason."""

import pytest

from tests.conftest import Crm
from tests.crm_api.test_imports import imported, rejected

HEAD = "id;name\n"
QUERY = {"resource": "contacts", "allow_duplicates": "true"}


def _file(rows: list[tuple[str, str]], *, header: str = HEAD) -> bytes:
    lines = [f"R{at};{name}\n".encode(encoding) for at, (name, encoding) in enumerate(rows, 1)]
    return header.encode() + b"".join(lines)


def _names(crm: Crm, source: str) -> dict[int, str]:
    """Return the names that came in, by the number of their row."""
    people = crm.client.get("/v1/contacts", params={"limit": "200", "sort": "-created_at"}).json()
    refs = [(each["name"], ref) for each in people["items"] for ref in each["external_refs"]]
    return {int(ref["id"][1:]): name for name, ref in refs if ref["source"] == source}


UTF8, OTHER = ("Jörg Müller", "utf-8"), ("Käthe Groß", "cp1252")


@pytest.mark.parametrize(
    ("source", "rows", "encoding", "refused"),
    [
        ("mix-a", [UTF8] * 3 + [OTHER], "utf-8", {4}),
        ("mix-b", [UTF8, OTHER], "utf-8", {2}),
        ("mix-c", [OTHER] * 30 + [("Jürgen Weiß", "utf-8")], "cp1252", {31}),
        ("mix-d", [OTHER] * 3 + [("Łódź €", "utf-8"), OTHER], "cp1252", {4}),
        ("mix-e", [("Hans", "utf-8")] * 40 + [OTHER, UTF8], "utf-8", {41}),
        ("mix-f", [("RÓŻA", "cp1250"), ("Łódź", "cp1250"), ("PÓŁNOC", "cp1250")], "cp1250", set()),
        ("mix-g", [OTHER, ("Groß–Gerau", "cp1252"), ("BIÖ®", "cp1252")], "cp1252", set()),
    ],
)
def test_no_row_of_another_encoding_comes_in_as_other_letters(
    service: Crm, source: str, rows: list[tuple[str, str]], encoding: str, refused: set[int]
) -> None:
    state = imported(service, _file(rows), source=source, **QUERY)
    assert state["detected"]["encoding"]["value"] == encoding
    expected = {at: name for at, (name, _) in enumerate(rows, 1) if at not in refused}
    assert _names(service, source) == expected
    told = rejected(service.client, state["id"])[1:]
    assert {(int(row[0]) - 1, row[2]) for row in told} == {(at, "undecodable") for at in refused}


def test_one_cell_of_another_encoding_spoils_its_row_only(service: Crm) -> None:
    rows = [OTHER] * 3
    mixed = b"R4;J\xc3\xb6rg;K\xf6ln\n"
    content = _file(rows, header="id;name;city\n").replace(b"\n", b";Ulm\n")
    content = content.replace(b"city;Ulm", b"city") + mixed
    state = imported(service, content, source="mix-cells", **QUERY)
    assert (state["created_count"], state["rejected_count"]) == (3, 1)
    assert _names(service, "mix-cells") == dict.fromkeys((1, 2, 3), OTHER[0])


def test_a_row_in_utf8_is_shown_as_it_was_written(service: Crm) -> None:
    state = imported(service, _file([OTHER] * 3 + [UTF8]), source="mix-shown", **QUERY)
    row = rejected(service.client, state["id"])[1]
    assert row[4] == "R4;Jörg Müller"
    assert "cp1252" in row[3]


def test_an_encoding_that_is_given_turns_no_utf8_into_other_letters(service: Crm) -> None:
    content = _file([UTF8, ("Hans", "utf-8")])
    state = imported(service, content, source="mix-given", encoding="cp1252", **QUERY)
    assert _names(service, "mix-given") == {2: "Hans"}
    assert state["rejected_count"] == 1
