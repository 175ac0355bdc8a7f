"""What Schemathesis cannot know: a key names one write, and an entity tag has its quotes."""

import uuid
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Repair well-formed cases only; malformed ones stay malformed."""
    if not case.headers or not case.meta or case.meta.generation.mode.value != "positive":
        return
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    version = case.headers.get("If-Match")
    if version not in (None, "*") and not version.startswith('"'):
        case.headers["If-Match"] = f'"{version}"'
