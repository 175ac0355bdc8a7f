"""Runs the examples of an OpenAPI document against the running service and checks what comes back."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator

JSON_LIKE = re.compile(r"^application/(.+\+)?json$")


@dataclass(frozen=True)
class Operation:
    """One operation of a document, with what its examples say."""

    document: Mapping[str, Any]
    path: str
    method: str
    node: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.node["operationId"])

    def parameters(self, place: str) -> dict[str, Any]:
        """Return the example of each parameter of a place: what the document shows first."""
        return {
            each["name"]: example_of(each)
            for each in self.node.get("parameters", ())
            if each["in"] == place
        }

    @property
    def required(self) -> set[str]:
        return {each["name"] for each in self.node.get("parameters", ()) if each.get("required")}

    def bodies(self) -> Iterator[tuple[str, Any]]:
        """Return each example of a body with its media type."""
        for media, content in self.node.get("requestBody", {}).get("content", {}).items():
            for example in content.get("examples", {}).values():  # a workbook is no text
                yield media, copy.deepcopy(example["value"])


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, node in methods.items():
            yield Operation(document, path, method, node)


def example_of(parameter: Mapping[str, Any]) -> Any:
    """Return what the document shows for a parameter: an example, else the first allowed value."""
    schema = parameter["schema"]
    for shown in (schema, schema.get("items", {})):
        for choices in ("examples", "enum"):
            if shown.get(choices):
                return shown[choices][0]
        if "const" in shown:
            return shown["const"]
    if schema.get("type") == "boolean":
        return True
    raise AssertionError(f"{parameter['name']} has no example")


@dataclass(frozen=True)
class Request:
    """An example made ready to be sent."""

    operation: Operation
    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    media: str = ""
    body: Any = None

    def __str__(self) -> str:
        return f"{self.operation.name} {self.query or ''} {self.headers or ''} {self.media}"


def examples(operation: Operation) -> Iterator[Request]:
    """Return requests that show every example of an operation.

    Of each body one; of each parameter that may be left out one, beside those that may not.
    """
    needed = {
        place: {
            name: value
            for name, value in operation.parameters(place).items()
            if name in operation.required
        }
        for place in ("path", "query", "header")
    }
    bodies = list(operation.bodies()) or [("", None)]
    plain = Request(operation, needed["path"], needed["query"], needed["header"])
    for media, body in bodies:
        yield replace(plain, media=media, body=body)
    media, body = bodies[0]
    for place in ("query", "header"):
        for name, value in operation.parameters(place).items():
            if name in needed[place]:
                continue
            request = replace(plain, media=media, body=copy.deepcopy(body))
            if place == "query":
                yield replace(request, query={**plain.query, name: value})
            else:
                yield replace(request, headers={**plain.headers, name: value})


def send(client: httpx.Client, request: Request) -> httpx.Response:
    headers, content = dict(request.headers), None
    if request.media:
        headers["Content-Type"] = request.media
        is_json = JSON_LIKE.match(request.media)
        content = json.dumps(request.body) if is_json else str(request.body)
    return client.request(
        request.operation.method.upper(),
        request.operation.path.format(**request.path),
        params=request.query,
        headers=headers,
        content=content,
    )


Validators = dict[str, Draft202012Validator]


def check(answer: httpx.Response, request: Request, known: Validators) -> None:
    """Check that an answer is a success that the document names, and matches its schema."""
    where = f"{request} answered {answer.status_code}: {answer.text[:500]}"
    assert answer.status_code < 400, where
    promised = request.operation.node["responses"]
    assert str(answer.status_code) in promised, where
    response = promised[str(answer.status_code)]
    for name in response.get("headers", {}):
        if name in ("ETag", "X-Request-Id"):
            assert name.lower() in answer.headers, f"{where}: {name} is missing"
    if "content" not in response:
        assert answer.content == b"", where
        return
    media = answer.headers["content-type"].partition(";")[0]
    assert media in response["content"], f"{where}: {media}"
    if JSON_LIKE.match(media):
        at = f"{request.operation.name} {answer.status_code}"
        if at not in known:
            schema = response["content"][media]["schema"]
            components = request.operation.document["components"]
            known[at] = Draft202012Validator({**schema, "components": components})
        faults = [error.message for error in known[at].iter_errors(answer.json())]
        assert faults == [], f"{where}: {faults[:3]}"


def undescribed(document: Mapping[str, Any]) -> list[str]:
    """Return the operations, parameters, bodies, answers, links and fields that nobody described."""
    missing = []

    def look(node: Mapping[str, Any], place: str) -> None:
        if not node.get("description"):
            missing.append(place)

    for operation in operations(document):
        look(operation.node, operation.name)
        if not operation.node.get("summary"):
            missing.append(f"{operation.name} summary")
        for parameter in operation.node.get("parameters", ()):
            look({**parameter["schema"], **parameter}, f"{operation.name} {parameter['name']}")
        for status, response in operation.node["responses"].items():
            if "$ref" not in response:
                look(response, f"{operation.name} {status}")
                for name, link in response.get("links", {}).items():
                    look(link, f"{operation.name} {status} {name}")
    for name, response in document["components"]["responses"].items():
        look(response, f"response {name}")
    for name, header in document["components"]["headers"].items():
        look(header, f"header {name}")
    for name, schema in document["components"]["schemas"].items():
        look(schema, name)
        for field_name, part in schema.get("properties", {}).items():
            if "$ref" not in part:
                look(part, f"{name}.{field_name}")
    return missing
