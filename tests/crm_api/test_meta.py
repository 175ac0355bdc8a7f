"""The closed lists: every one that the document has, every word with both labels."""

from collections.abc import Iterator
from typing import Any

from services.crm_api.meta.labels import LABELS
from tests.conftest import Crm

TECHNICAL = {
    "sort": "names of fields, with a minus for the reverse",
    "currency": "codes of ISO 4217, which have names in every language",
    "decimal_mark": "the sign itself",
    "decimal_marks": "the sign itself",
}
"""Closed lists that nobody labels, by their field or parameter, and why."""


def closed_lists(node: Any, name: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every enumeration below a node with the name of its field or parameter."""
    if isinstance(node, list):
        for each in node:
            yield from closed_lists(each, name)
    elif isinstance(node, dict):
        if "enum" in node:
            yield name, tuple(map(str, node["enum"]))
        if isinstance(node.get("in"), str):
            name = node["name"]
        for key, each in node.items():
            if key == "properties":
                for field, schema in each.items():
                    yield from closed_lists(schema, field)
            elif key not in ("enum", "example", "examples"):
                yield from closed_lists(each, name)


def test_every_closed_list_of_the_document_has_labels(service: Crm) -> None:
    known = {frozenset(words) for words in LABELS.values()}
    found = set(closed_lists(service.client.get("/openapi.json").json()))
    choices = {(name, words) for name, words in found if len(words) > 1}
    assert {name for name, words in choices if frozenset(words) not in known} == TECHNICAL.keys(), (
        "give the list labels in meta, or say here why nobody reads it"
    )
    assert {("status", "reverting"), ("severity", "3"), ("mode", "both")} <= {
        (name, word) for name, words in choices for word in words
    }


def test_the_answer_has_every_word_with_both_labels(service: Crm) -> None:
    answer = service.client.get("/v1/meta").json()["items"]
    assert {each["name"]: [word["id"] for word in each["words"]] for each in answer} == {
        name: list(words) for name, words in LABELS.items()
    }
    for words in LABELS.values():
        for english, german in words.values():
            assert english.strip()
            assert german.strip()
