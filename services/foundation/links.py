"""Where an answer leads: OpenAPI links, which docs pages show and clients and fuzzers follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Link:
    """An operation that goes on from an answer; what it takes of it are runtime expressions.

    `body` are the fields of its body that are taken, the others are the caller's.
    """

    operation: str
    description: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "operationId": self.operation,
            "description": self.description,
            "parameters": dict(self.parameters),
        }
        if self.body:
            document["requestBody"] = dict(self.body)
        return {name: part for name, part in document.items() if part}


def of_answer(field_name: str) -> str:
    """Return the expression for a field of the answer."""
    return f"$response.body#/{field_name}"


ANSWERED_VERSION = "$response.header.ETag"
"""The expression for what If-Match takes."""
