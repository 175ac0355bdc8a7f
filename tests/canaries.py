"""Canaries: texts that are nowhere else, in every text field that a schema has, so that none is forgotten."""

import re
from collections.abc import Iterator
from typing import Any

import pydantic

MARK = "quittenzeisig"
_FORMATS = {"date-time", "date", "uuid", "uri", "int32", "int64"}


class Canaries:
    """Makes bodies full of canaries and knows which canary was put where."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.places: dict[str, str] = {}

    def of(
        self, shape: type[pydantic.BaseModel], place: str, *, without: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return a canary for every free text of a shape, by its fields; others are left out."""
        schema = shape.model_json_schema()
        for name in without:
            del schema["properties"][name]
        found = self._object(schema, schema.get("$defs", {}), place)
        assert isinstance(found, dict)
        return found

    def text(self, place: str) -> str:
        """Return a canary for a place of its own."""
        number = len(self.places) + 1
        canary = f"{self.word}{number}{MARK}"
        self.places[canary] = place
        return canary

    def _value(self, schema: dict[str, Any], defs: dict[str, Any], place: str) -> Any:
        if "$ref" in schema:
            schema = defs[schema["$ref"].rpartition("/")[2]]
        for part in schema.get("anyOf", ()):
            found = self._value(part, defs, place)
            if found is not None:
                return found
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, defs, place) or None
        if schema.get("type") == "array":
            found = self._value(schema["items"], defs, place)
            return None if found is None else [found]
        return self._text(schema, place) if schema.get("type") == "string" else None

    def _object(self, schema: dict[str, Any], defs: dict[str, Any], place: str) -> dict[str, Any]:
        fields = {
            name: self._value(part, defs, f"{place}.{name}")
            for name, part in schema.get("properties", {}).items()
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _text(self, schema: dict[str, Any], place: str) -> str | None:
        if "enum" in schema or "const" in schema or schema.get("format") in _FORMATS:
            return None
        if schema.get("maxLength", 1000) < 20 or (
            place.endswith((".id", "_id")) and "uuid" in str(schema.get("pattern"))
        ):
            return None
        canary = self.text(place)
        name = place.rpartition(".")[2]
        if name == "email":
            value = f"{canary}@{MARK}.example.org"
        elif name == "phone":
            value = f"0171 9{len(self.places):06} {canary}"
        elif name == "e164":
            value = None
        else:
            value = canary
        if value is None or not re.search(schema.get("pattern", ""), value):
            del self.places[canary]
            return None
        return value

    def found_in(self, text: str) -> set[str]:
        """Return the places whose canary is in a text, however it is spelled."""
        small = text.lower()
        if MARK not in small:
            return set()
        return {place for canary, place in self.places.items() if canary in small}


def leaves(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value
