"""The closed lists: every one that the document has, every word with both labels."""

from typing import Any

from services.crm_api.meta.labels import LABELS
from tests.conftest import Crm

NO_LABELS_NEEDED = (
    # Technical words: of formats, orders, protocols and steps of machines.
    *("currency", "sort", "specversion", "source", "format", "encoding", "decimal_mark"),
    *("mode", "action", "atomic", "embed", "applies_to", "resource"),
    *("scopes", "decimal_marks"),
)


def closed_lists(node: Any, name: str = "") -> list[tuple[str, tuple[str, ...]]]:
    """Return every enumeration below a node with the name of its field."""
    if isinstance(node, list):
        return [found for each in node for found in closed_lists(each, name)]
    if not isinstance(node, dict):
        return []
    found = []
    values = node.get("enum")
    if isinstance(values, list) and all(isinstance(each, str) for each in values):
        found.append((name, tuple(values)))
    for key, each in node.items():
        if key == "properties":
            for field, schema in each.items():
                found += closed_lists(schema, field)
        elif key not in ("enum", "examples", "example"):
            found += closed_lists(each, name)
    return found


def test_every_closed_list_of_the_document_has_labels(service: Crm) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    known = {frozenset(words) for words in LABELS.values()}
    missing = {
        (title, field, values)
        for title, schema in schemas.items()
        if not title.startswith(("Import", "Upload", "Question", "Detected", "Key", "New_Key"))
        for field, values in closed_lists(schema)
        if field not in NO_LABELS_NEEDED and len(values) > 1 and frozenset(values) not in known
    }
    assert missing == set()


def test_the_answer_has_every_word_with_both_labels(service: Crm) -> None:
    answer = service.client.get("/v1/meta").json()["items"]
    assert {each["name"]: [word["id"] for word in each["words"]] for each in answer} == {
        name: list(words) for name, words in LABELS.items()
    }
    for words in LABELS.values():
        for english, german in words.values():
            assert english.strip()
            assert german.strip()
