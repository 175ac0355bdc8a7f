"""What Schemathesis cannot know: a key names one write, an entity tag has its quotes, a file is text."""

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
    for name in ("If-Match", "If-None-Match"):
        tag = case.headers.get(name)
        if tag not in (None, "*") and not tag.startswith(('"', "W/")):
            case.headers[name] = f'"{tag}"'


@schemathesis.serializer(
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel.sheet.macroenabled.12",
    *("text/csv", "text/tab-separated-values", "text/vcard", "text/x-vcard", "text/directory"),
)
def as_it_is(_: Any, value: Any) -> bytes:
    """Send a file as it was made up."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
