"""Hostile input: refused with a problem on both databases, never a 5xx; harmless text comes back as it went."""

import codecs
import csv
import io
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm
from tests.crm_api.bodies import RESOURCES, TEXT_FIELD, fresh, make, place, problem, short

JSON_HEADER = {"Content-Type": "application/json"}
each_resource = pytest.mark.parametrize("plural", RESOURCES)


def field(plural: str, value: str) -> Callable[[dict[str, Any]], bytes]:
    """Put raw JSON into the text field of a body."""

    def body(base: dict[str, Any]) -> bytes:
        return json.dumps(base | {TEXT_FIELD[plural]: "@"}).replace('"@"', value).encode()

    return body


RAW_TEXTS = {
    "NUL": '"a\\u0000b"',
    "lone high surrogate": '"\\ud800"',
    "lone low surrogate": '"\\udc00x"',
    "control character": '"\\u0007"',
    "DEL": '"\\u007f"',
    "raw NUL": '"\x00"',
    "raw line break": '"\n"',
    "bool for text": "true",
    "number for text": "7",
    "list for text": '["x"]',
    "object for text": '{"x":1}',
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "1e400": "1e400",
    "5,000 digits": "1" * 5000,
    "deep list": "[" * 200_000 + "]" * 200_000,
    "deep object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "moderately deep": "[" * 500 + "]" * 500,
    "too long": '"' + "x" * 20_001 + '"',
    "unfinished": '"x',
    "two values": '"x" "y"',
}


@each_resource
@pytest.mark.parametrize("name", RAW_TEXTS)
def test_a_text_that_is_none_is_refused(service: Crm, plural: str, name: str) -> None:
    content = field(plural, RAW_TEXTS[name])(short(service, plural))
    answer = service.client.post(f"/v1/{plural}", content=content, headers=JSON_HEADER)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)
    batch = b'{"items":[{"action":"create","data":' + content + b"}]}"
    answer = service.client.post(f"/v1/{plural}/batch", content=batch, headers=JSON_HEADER)
    if answer.status_code == 207:
        assert [item["status"] for item in answer.json()["items"]] == [422]
    else:
        problem(answer, 400)


RAW_NUMBERS = ["1e400", "NaN", "Infinity", "1" * 400, "9" * 5000, "true", '"7"', "2147483648",
               "9223372036854775808", "-1", "1.5", "null1", "1e99999999999", "[]", '"\\u0000"']  # fmt: skip


@pytest.mark.parametrize("number", RAW_NUMBERS)
@pytest.mark.parametrize("name", ["severity", "nps", "sentiment", "is_public"])
def test_a_number_that_does_not_fit_is_refused(service: Crm, name: str, number: str) -> None:
    kind = {"severity": "complaint", "nps": "survey_response"}.get(name, "call")
    content = json.dumps(short(service, "interactions", kind=kind) | {name: "@"}).replace(
        '"@"', number
    )
    answer = service.client.post("/v1/interactions", content=content, headers=JSON_HEADER)
    if (name, number) in (("sentiment", "-1"), ("is_public", "true")):
        assert answer.status_code == 201
        return
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


@pytest.mark.parametrize("number", ["5.0", "5", "5e0"])
def test_a_whole_number_is_one_however_json_spells_it(service: Crm, number: str) -> None:
    body = short(service, "interactions", kind="survey_response") | {"nps": "@"}
    content = json.dumps(body).replace('"@"', number)
    answer = service.client.post("/v1/interactions", content=content, headers=JSON_HEADER)
    assert answer.json()["nps"] == 5


@pytest.mark.parametrize(
    "version", ["0", "-1", "9007199254740992", "9223372036854775808", "1" * 400, "true"]
)
def test_a_version_that_cannot_be_is_refused(service: Crm, version: str) -> None:
    made = make(service, "contacts")
    item = f'{{"action":"delete","id":"{made["id"]}","version":{version}}}'
    content = f'{{"items":[{item}]}}'
    answer = service.client.post("/v1/contacts/batch", content=content, headers=JSON_HEADER)
    (result,) = answer.json()["items"]
    assert result["problem"]["errors"][0]["pointer"] == "/version"
    headers = {"If-Match": f'"{version}"'}
    answer = service.client.delete(f"/v1/contacts/{made['id']}", headers=headers)
    problem(answer, 412)


@each_resource
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-32-be"),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("latin-1"),
        lambda text: text.encode()[:-3] + b"\xed\xa0\x80" + text.encode()[-3:],
        lambda text: b"",
        lambda text: b"null",
        lambda text: b"[]",
        lambda text: b'"x"',
        lambda text: b"[" + text.encode() + b"]",
        lambda text: text.encode() + b"\x00",
    ],
)
def test_a_body_that_is_no_utf_8_object_is_refused(
    service: Crm, plural: str, encode: Callable[[str], bytes]
) -> None:
    text = json.dumps(short(service, plural) | {TEXT_FIELD[plural]: "ä"}, ensure_ascii=False)
    answer = service.client.post(f"/v1/{plural}", content=encode(text), headers=JSON_HEADER)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


@each_resource
def test_a_key_that_is_named_twice_is_refused_at_any_depth(service: Crm, plural: str) -> None:
    text = json.dumps(short(service, plural) | {"external_refs": []})
    for content in (
        text[:-1] + ',"external_refs":[]}',
        text.replace("[]", '[{"source":"a","id":"b","id":"c"}]'),
    ):
        answer = service.client.post(f"/v1/{plural}", content=content, headers=JSON_HEADER)
        problem(answer, 400, "unreadable_request")


@each_resource
@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "id=%00",
        "id=%ff",
        "%ff=1",
        "limit=99999999999999999999999999",
        "limit=-1",
        "limit=%31%00",
        "limit=١",
        "offset=1000000000000000000000000000000",
        "created_at_gte=9999-12-31T23:59:59-01:00",
        "created_at_gte=0001-01-01T00:00:00%2B01:00",
        "created_at_gte=2025-02-30T00:00:00Z",
        "created_at_gte=%00",
        "sort=id;drop table contacts",
        "cursor=" + "A" * 5000,
        "&".join("x" for _ in range(600)),
    ],
)
def test_a_hostile_query_is_refused(service: Crm, plural: str, query: str) -> None:
    answer = service.client.get(f"/v1/{plural}?{query}")
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


@pytest.mark.parametrize("plural", ["interactions", "deals"])
@pytest.mark.parametrize(
    "text", ["campaign_id=%00", "campaign_id=%0a", "campaign_id=", "campaign_id=" + "x" * 201]
)
def test_a_filter_takes_no_control_characters(service: Crm, plural: str, text: str) -> None:
    problem(service.client.get(f"/v1/{plural}?{text}"), 422)


def test_a_filter_takes_quotes_and_wildcards_as_themselves(service: Crm) -> None:
    for value in (
        "'",
        "''; drop table contacts; --",
        "%",
        "_",
        '"',
        "\\",
        "{}",
        "[1]",
        "$1",
        ":x",
        "?",
    ):
        made = make(service, "contacts", owner_id=value, tags=[value])
        asked = {"owner_id": value, "tag": value, "id": made["id"]}
        found = service.client.get("/v1/contacts", params=asked)
        assert [item["id"] for item in found.json()["items"]] == [made["id"]]
        assert (
            service.client.get("/v1/contacts", params={"owner_id": value + "x"}).json()["items"]
            == []
        )


HARMLESS = [
    "😀",
    "👩‍👩‍👧‍👦",
    "🏳️‍🌈",
    "\u202eabc\u202c",
    "שלום عليكم",
    "e\u0301",
    "\u00e9",
    "ﬁ",
    "日本語",
    "\U0010ffff",
    "\ufeffx",
    "\u2028\u2029",
    "\u0085",
    " x ",
    "'; DROP TABLE contacts; --",
    "<script>alert(1)</script>",
    "{{7*7}} ${x} %s %(x)s {0} \\u0000 \\",
    '"quoted", and; more',
    "=1+1",
    "null",
    "NaN",
    "-0",
    "\\.",
    "\\N",
]


def round_trip(service: Crm, plural: str, made: dict[str, Any], text: str, name: str) -> None:
    """Write a text, then find it byte for byte in the answer, the record, and both exports."""
    path = f"/v1/{plural}/{made['id']}"
    answer = service.patch(path, {name: text}, version="*")
    assert answer.status_code == 200, answer.text
    assert answer.json()[name] == text
    assert service.client.get(path).json()[name] == text
    export = f"/v1/exports/{plural}?id={made['id']}"
    line = service.client.get(export).content.decode()
    assert line.endswith("\n")
    assert json.loads(line)[name] == text
    table = service.client.get(f"{export}&format=csv").content.decode()
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert row[name] == text
    listed = service.client.get(f"/v1/{plural}?id={made['id']}").json()
    assert listed["items"][0][name] == text


@each_resource
def test_harmless_text_comes_back_byte_for_byte(service: Crm, plural: str) -> None:
    made = make(service, plural)
    for text in HARMLESS:
        round_trip(service, plural, made, text, TEXT_FIELD[plural])
    for text in HARMLESS:
        known = {"source": "shop", "id": f"harmless {plural} {text}"}
        one = make(service, plural, external_refs=[known], **place(service, plural))
        found = quote(known["id"], safe="")
        body = {"occurred_at": one["occurred_at"]} if plural == "interactions" else {}
        again = service.client.put(f"/v1/{plural}/by-external-id/shop/{found}", json=body)
        assert again.json()["id"] == one["id"], again.text
        assert again.json()["external_refs"] == [known]


_letters = st.characters(exclude_categories=["Cc", "Cs"])
_lines = st.characters(exclude_categories=["Cs"], exclude_characters=[
    chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)])  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(_letters, max_size=200))
@each_resource
def test_any_text_comes_back_byte_for_byte(service: Crm, plural: str, text: str) -> None:
    made = _made.setdefault((service.url, plural), None) or make(service, plural)
    _made[service.url, plural] = made
    round_trip(service, plural, made, text, TEXT_FIELD[plural])


_made: dict[tuple[str, str], dict[str, Any] | None] = {}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(_lines, max_size=500))
def test_any_text_of_several_lines_comes_back_byte_for_byte(service: Crm, text: str) -> None:
    made = _made.get((service.url, "interactions")) or make(service, "interactions")
    _made[service.url, "interactions"] = made
    round_trip(service, "interactions", made, text, "body")


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.floats(-1, 1, allow_nan=False))
def test_any_number_comes_back_equal(service: Crm, value: float) -> None:
    made = _made.get((service.url, "interactions")) or make(service, "interactions")
    _made[service.url, "interactions"] = made
    path = f"/v1/interactions/{made['id']}"
    assert service.patch(path, {"sentiment": value}, version="*").json()["sentiment"] == value
    assert service.client.get(path).json()["sentiment"] == value
    table = service.client.get(f"/v1/exports/interactions?id={made['id']}&format=csv").text
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert float(row["sentiment"]) == value


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/contacts?x=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/con tacts HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_with_a_problem(service: Crm, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=5) as connection:
        connection.sendall(head)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in top
    assert json.loads(body)["code"] == "unreadable_request"


def test_a_literal_path_is_not_taken_for_an_id(service: Crm) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    literal = {path: set(each) for path, each in paths.items() if "{" not in path}
    assert len(literal) > 50
    for path, declared in literal.items():
        for method in {"get", "post", "put", "patch", "delete"} - declared:
            refused = service.client.request(method, path)
            problem(refused, 405, "method_not_allowed")
            allowed = {each.lower() for each in refused.headers["allow"].split(", ")}
            assert allowed - {"head"} == declared, (method, path)


def test_a_language_that_cannot_be_read_is_refused_also_when_the_answer_is_repeated(
    service: Crm,
) -> None:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": fresh("key")}
    query = {"resource": "contacts", "source": "test"}

    def upload(**more: str) -> httpx.Response:
        return service.client.post(
            "/v1/imports", params=query, content="name\nAda\n", headers=headers | more
        )

    assert upload().status_code == 201
    assert upload(**{"Accept-Language": "de"}).headers["idempotent-replayed"] == "true"
    problem(upload(**{"Accept-Language": "de<en"}), 400, "unreadable_request")


def test_a_name_of_control_characters_is_pointed_at_without_them(service: Crm) -> None:
    answer = service.client.post("/v1/contacts", json={"kind": "person", "a\u0000\u0007": 1})
    assert problem(answer, 422)["errors"][0]["pointer"] == "/body/a\ufffd\ufffd"
