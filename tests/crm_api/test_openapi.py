"""The document: committed, valid, bounded everywhere, with examples that work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from services.crm_api.app import create_app
from services.crm_api.settings import Settings
from tests.conftest import BOTH, MakeCrm
from tests.crm_api.bodies import RESOURCES

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


def test_every_field_is_described_and_has_an_example(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            if name != "Problem":
                described = part.get("description") or "$ref" in part or field == "items"
                assert described, f"{name}.{field}"


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    for operation in operations(document):
        if operation["tags"] != ["imports"] and "requestBody" in operation:
            for content in operation["requestBody"]["content"].values():
                assert content["examples"], operation["operationId"]


@pytest.mark.parametrize("kind", BOTH)
def test_every_documented_body_is_accepted_when_it_is_sent(
    document: dict[str, Any], make_crm: MakeCrm, kind: str
) -> None:
    crm = make_crm(kind)

    def example(path: str, method: str) -> Any:
        (content,) = document["paths"][path][method]["requestBody"]["content"].values()
        return content["examples"]["typical"]["value"]

    for plural in RESOURCES:
        new = example(f"/v1/{plural}", "post")
        made = crm.client.post(f"/v1/{plural}", json=new)
        assert made.status_code == 201, made.text
        path = f"/v1/{plural}/{made.json()['id']}"
        patched = crm.patch(path, example(f"/v1/{plural}/{{id}}", "patch"), version=1)
        assert (patched.status_code, patched.json()["version"]) == (200, 2), patched.text
        upserted = crm.client.put(
            f"/v1/{plural}/by-external-id/example/1",
            json=example(f"/v1/{plural}/by-external-id/{{source}}/{{external_id}}", "put"),
        )
        assert upserted.status_code == 201, upserted.text
        batch = crm.client.post(f"/v1/{plural}/batch", json=example(f"/v1/{plural}/batch", "post"))
        assert {item["status"] for item in batch.json()["items"]} <= {200, 201}, batch.text
