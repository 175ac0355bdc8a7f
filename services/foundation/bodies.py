"""How the body of a request is shown in the OpenAPI document."""

from typing import Any

from fastapi import Body


def typical(example: Any) -> Any:
    """Declare a body with an example of it."""
    return Body(openapi_examples={"typical": {"value": example}})
