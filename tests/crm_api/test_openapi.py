"""The document: committed, valid, bounded everywhere, with examples that work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from services.crm_api.app import create_app
from services.crm_api.settings import Settings
from tests.conftest import Crm

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi" / "crm_api.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app: Any = create_app(Settings(crm_database_url="sqlite:///never-opened.sqlite3"))
    made: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return made


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def test_the_committed_document_is_the_generated_one(document: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text()) == document, (
        "run `make openapi` and look at the difference"
    )


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def schemas(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema of the document with its place; examples are no schemas."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from schemas(item, f"{place}/{number}")
    elif isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield place, node
        for name, part in node.items():
            if name not in ("example", "examples", "default", "enum", "const"):
                yield from schemas(part, f"{place}/{name}")


def test_every_text_number_and_list_is_bounded(document: dict[str, Any]) -> None:
    unbounded = []
    for place, schema in schemas({"paths": document["paths"], "schemas": document["components"]}):
        kind, names = schema["type"], schema.keys()
        if kind == "string" and not names & {"enum", "const"}:
            if "maxLength" not in names or not names & {"pattern", "format"}:
                unbounded.append(place)
        elif (kind in ("integer", "number") and not {"minimum", "maximum", "format"} <= names) or (
            kind == "array" and "maxItems" not in names
        ):
            unbounded.append(place)
        elif kind == "object" and "properties" in names and "Problem" not in place:
            if (
                place.startswith("#/schemas/schemas")
                and schema.get("additionalProperties") is not False
            ):
                unbounded.append(place)
        elif kind == "object" and "properties" not in names and "maxProperties" not in names:
            unbounded.append(place)
    assert unbounded == []


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names))
    for operation in operations(document):
        for field in ("summary", "description", "operationId", "tags"):
            assert operation[field], operation
        for parameter in operation.get("parameters", ()):
            name = f"{operation['operationId']} {parameter['name']}"
            schema = parameter["schema"]
            assert parameter.get("description") or schema.get("description"), name
            shown = schema | schema.get("items", {})
            told = {"examples", "enum", "default", "const"}
            assert shown.keys() & told or shown.get("type") == "boolean", name
        assert {"401", "403", "422", "429", "500", "503"} <= operation["responses"].keys()


def test_every_body_that_is_text_has_an_example(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            is_binary = content["schema"].get("format") == "binary"
            assert is_binary or content["examples"], operation["operationId"]


def test_no_field_of_a_body_is_told_to_be_always_there(document: dict[str, Any]) -> None:
    """Generators of TypeScript take a field with a default for one that must be sent."""
    body = document["components"]["schemas"]["NewContact"]
    assert body["required"] == ["kind"]
    assert [name for name, field in body["properties"].items() if "default" in field] == []
    assert body["properties"]["status"]["description"].endswith('Absent: `"active"`.')


def test_what_is_created_links_to_what_can_be_done_with_it(document: dict[str, Any]) -> None:
    by_name = {operation["operationId"]: operation for operation in operations(document)}
    linked = set()
    for operation in operations(document):
        for status in {"201", "202"} & operation["responses"].keys():
            assert operation["responses"][status]["links"], operation["operationId"]
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = by_name[link["operationId"]]
                names = {each["name"] for each in target.get("parameters", ())}
                assert link.get("parameters", {}).keys() <= names, link
                linked.add(link["operationId"])
    assert {"patch_contact", "upsert_deal", "restore_contact", "create_interaction"} <= linked


def test_an_item_of_a_list_has_one_shape_with_id_and_version(document: dict[str, Any]) -> None:
    schemas_ = document["components"]["schemas"]
    for name in ("Contact", "Deal", "Interaction", "Product"):
        items = schemas_[f"{name}Page"]["properties"]["items"]["items"]
        assert items == {"$ref": f"#/components/schemas/Listed{name}"}
        assert set(schemas_[f"Listed{name}"]["required"]) == {"id", "version"}


def test_the_document_is_sent_compressed_and_only_to_who_has_another(
    service: Crm, document: dict[str, Any]
) -> None:
    answer = service.client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert answer.json() == document
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) / 5
    plain = service.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert plain.json() == document and "content-encoding" not in plain.headers
    for each in (answer, plain):
        assert (each.headers["vary"], each.headers["cache-control"]) == (
            "Accept-Encoding",
            "no-cache",
        )
        known = {"If-None-Match": each.headers["etag"]}
        again = service.client.get("/openapi.json", headers=known)
        assert (again.status_code, again.content) == (304, b"")
