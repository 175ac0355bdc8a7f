"""Files of any bytes: each is answered, each run of it ends well, nothing of it fails a service."""

import json
import random
from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.test_imports import finished, imported, rejected, upload

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)
FILES = {
    "image": PNG,
    "image without its signature": PNG[4:],
    "NUL in the header": b"a\x00b,c\n1,2\n",
    "NUL in a row": b"a,c\n1\x00,2\n3,4\n",
    "NUL beside other than UTF-8": b"name,x\n\xa4\x00\xf6,1\n\x00\xbd\xbe,2\n\xd0\xd1\xd2,3\n",
    "NUL as the delimiter": b"sep=\x00\na\x00b\n1\x002\n",
    "NUL in UTF-16": "a,b\n1\x00,2\n".encode("utf-16"),
    "half a character in UTF-16": b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8\n\x00",
    "control characters": b"a\x07b,c\x1f\n1\x07,2\x1b\n",
    "NUL in a key": b'{"a\\u0000":1}\n{"b":2}\n',
    "half a character in a key": b'{"a\\ud800":1}\n{"b":2}\n',
    "half a character in a value": b'{"a":"\\ud800"}\n{"a":2}\n',
    "empty key": b'{"":1}\n{"b":2}\n',
    "endless key": b'{"' + b"k" * 3_000_000 + b'":1}\n{"b":2}\n',
    "NUL in a member": b'{"a":{"b":"x\\u0000"}}\n{"a":2}\n',
    "NUL in the key of a member": b'{"a":{"b\\u0000":"x"}}\n{"a":2}\n',
    "half a character in the key of a member": b'{"a":{"b\\ud800":"x"}}\n{"a":2}\n',
    "text that starts like an object": b'{"a":"{abc"}\n{"a":2}\n',
    "cells that start like objects": b"a,amount\n{abc,{x\n2,{y\n",
    "deep objects": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "deep lists": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "endless number": b'{"a":' + b"9" * 6_000 + b"}\n{}",
    "endless names": b",".join([b"c" * 90_000] * 5) + b"\n1,2,3,4,5\n",
    "non-characters": "a\ufffe\uffffb,c\u2028\n1,\ufdd0\n".encode(),
}
PARTS = (
    b'{"a":', b'{"a":1}', b"{", b"}", b"[", b"]", b'"', b'""', b",", b";", b"\t", b"\n", b"\r\n",
    b"\r", b"\x00", b"\\u0000", b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"name",
    b"email", b"amount", b"1.234,5", b"01/02/03", b"2024-01-01", b"x@example.org", b" ", b"null",
    b"NaN", b"9" * 5_000, b"\xc3\xa4", b"\xe4", b"\x85", b"'", b"sep=", b"|", b":", b"\x1b", b"id",
    b'{"amount":"1","currency":"EUR"}', b'"a":{"b":', b"a\x00b\x00", b"\xf0\x9f\x98\x80",
)  # fmt: skip
TARGETS = {
    "contacts": ("given_name", "email", "phone", "external_id"),
    "deals": ("title", "amount", "stage_history", "external_id"),
    "interactions": ("subject", "body", "ratings", "external_id"),
}
DEFAULTS: dict[str, dict[str, str]] = {
    "contacts": {"family_name": "Test"},
    "deals": {"stage": "new", "currency": "EUR"},
    "interactions": {"kind": "note", "occurred_at": "2024-01-01"},
}


def taken_through(crm: Crm, content: bytes, resource: str, chance: random.Random) -> str:
    """Send a file, map its columns by chance, answer what is asked, run it; return how far it got."""
    answer = upload(crm, content, media="application/octet-stream", resource=resource)
    assert answer.status_code in (201, 422), answer.text
    if answer.status_code == 422:
        assert answer.json()["reason"]
        return "refused"
    state = answer.json()
    path = f"/v1/imports/{state['id']}"
    names = [column["name"] for column in state["columns"]]
    chance.shuffle(names)
    body = {
        "settings": {
            "mapping": dict.fromkeys(names, "ignore")
            | dict(zip(names, TARGETS[resource], strict=False)),
            "defaults": DEFAULTS[resource],
        },
        "answers": [
            {name: asked[name] for name in ("code", "column")} | {"value": option["value"]}
            for asked in state["questions"]
            for option in asked["options"][:1]
        ],
    }
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    patched = crm.client.patch(path, content=json.dumps(body), headers=headers)
    assert patched.status_code in (200, 422), patched.text
    started = crm.client.post(f"{path}/start", json={"dry_run": chance.random() < 0.5})
    assert started.status_code in (202, 409), started.text
    if started.status_code == 409:
        return "asked"
    state = finished(crm.client, state["id"])
    assert state["status"] == "succeeded", state
    table = rejected(crm.client, state["id"])
    assert len(table) == 1 + state["rejected_count"]
    assert all(len(row) >= 4 for row in table)
    return "run"


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_any_content_is_answered_and_no_run_of_it_fails(service: Crm, name: str) -> None:
    for resource in TARGETS:
        taken_through(service, FILES[name], resource, random.Random(name))


def test_files_put_together_by_chance_are_answered_and_no_run_of_them_fails(service: Crm) -> None:
    chance = random.Random(20261124)
    ends: dict[str, int] = {}
    for _ in range(150):
        lines = [b"id,name,email,amount"] if chance.random() < 0.6 else []
        for _ in range(chance.randint(1, 6)):
            cells = [b"".join(chance.choices(PARTS, k=chance.randint(0, 3))) for _ in range(4)]
            lines.append(b",".join(cells))
        content = b"\n".join(lines)
        if chance.random() < 0.3:
            text = content.decode("utf-8", "replace")
            content = json.dumps({"name": {"first": text}, "a": text}).encode()
        end = taken_through(service, content, chance.choice(list(TARGETS)), chance)
        ends[end] = ends.get(end, 0) + 1
    assert min(ends.get(end, 0) for end in ("refused", "asked", "run")) > 5, ends


def test_every_column_that_is_shown_can_be_named(service: Crm) -> None:
    long, control = "x" * 5_000, "a\x07b"
    for content in (f"{long},{long},{control},{control}\n1,2,3,4\n", '{"a":{"b":1},"a.b":2}\n'):
        state = upload(service, content, resource="contacts").json()
        names = [column["name"] for column in state["columns"]]
        assert len(set(names)) == len(names)
        body = {"settings": {"mapping": dict.fromkeys(names, "ignore")}}
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
        path = f"/v1/imports/{state['id']}"
        patched = service.client.patch(path, content=json.dumps(body), headers=headers)
        assert patched.status_code == 200, patched.text
        assert all(column["is_ignored"] for column in patched.json()["columns"])


def test_a_text_where_an_object_was_is_rejected_and_not_lost(service: Crm) -> None:
    rows: list[Any] = [
        {"id": "1", "name": {"given": "Ada"}},
        {"id": "2", "name": "Grace"},
        {"id": "3", "name": None},
        {"id": "4", "name": {"given": None}},
    ]
    content = "\n".join(map(json.dumps, rows))
    query: dict[str, Any] = {
        "mapping": ["name.given:given_name", "name:ignore", "id:external_id"],
        "default": "family_name:Test",
    }
    state = imported(service, content, resource="contacts", source="objects", **query)
    assert (state["created_count"], state["rejected_count"]) == (3, 1)
    _, (row_number, column, code, message, *cells) = rejected(service.client, state["id"])
    assert (row_number, column, code) == ("2", "name.given", "no_object")
    assert message == (
        "given is to be taken out of an object, and this is none; expected: a JSON object"
    )
    assert "Grace" in cells


def test_a_rejected_row_keeps_its_line_breaks(service: Crm) -> None:
    content = b'id,name,email\n1,"a\rb",no address\n2,"a\nb",no address\n'
    state = imported(service, content, resource="contacts", source="breaks")
    table = rejected(service.client, state["id"])
    assert [len(row) for row in table] == [7, 7, 7]
    assert [row[5] for row in table[1:]] == ["a\rb", "a\nb"]
