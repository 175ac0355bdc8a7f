"""What generated clients need of the OpenAPI document: bodies whose fields may be left out."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_REFERENCE = re.compile(rb'"\$ref":"#/components/schemas/([^"]+)"')


def tell_defaults_in_words(document: Mapping[str, Any]) -> None:
    """Say in the description what an absent field of a body means, rather than by `default`.

    openapi-typescript takes a field with a default for one that is always there: right of an answer,
    but every such field of a body would have to be sent.
    """
    schemas = document["components"]["schemas"]
    for name in _sent(document):
        for field in schemas[name].get("properties", {}).values():
            if "default" in field:
                value = field.pop("default")
                told = "empty" if value in ([], {}) else f"`{orjson.dumps(value).decode()}`"
                text = field.get("description", "")
                field["description"] = f"{text} Absent: {told}.".lstrip()


def _sent(document: Mapping[str, Any]) -> set[str]:
    """Return the names of the schemas that bodies are made of."""
    schemas = document["components"]["schemas"]
    found: set[str] = set()
    open_names = [name for body in _bodies(document) for name in _references(body)]
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += _references(schemas[name])
    return found


def _bodies(document: Mapping[str, Any]) -> Iterator[Any]:
    for path in document["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                yield operation["requestBody"]


def _references(node: Any) -> list[str]:
    return [name.decode() for name in _REFERENCE.findall(orjson.dumps(node))]
