"""How the body of a request is shown in the OpenAPI document."""

from typing import Any

from fastapi import Body


def typical(example: Any, **others: Any) -> Any:
    """Declare a body with an example of it, and further ones by name."""
    shown = {"typical": example, **others}
    return Body(openapi_examples={name: {"value": each} for name, each in shown.items()})
