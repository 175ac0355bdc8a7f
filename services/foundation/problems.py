"""Expected errors and how they answer: problem+json (RFC 9457) and nothing of the rejected value."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
from pydantic import ValidationError

from services.foundation.unknown_names import advice, without_tags

MEDIA_TYPE = "application/problem+json"
LONGEST_TEXT = 2000


@dataclass(frozen=True)
class FieldError:
    """One fault of the request: where, which rule, what was expected."""

    pointer: str
    code: str
    message: str

    def document(self, *, say: Callable[[str], str] = str) -> dict[str, str]:
        message = say(self.message)[:LONGEST_TEXT]
        return {"pointer": self.pointer, "code": self.code, "message": message}


class Problem(Exception):
    """An expected error; subclasses set `code`, `status` and `title` and live beside what raises them."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something failed on our side."

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        # As long as the document says, whatever name of the caller's they quote.
        self.detail = (detail or self.title)[:LONGEST_TEXT]
        self.errors = tuple(errors)[:100]
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(
        self, *, instance: str = "", request_id: str = "", say: Callable[[str], str] = str
    ) -> dict[str, Any]:
        """Return what is answered; `say` tells the texts in another language."""
        document: dict[str, Any] = {
            "type": f"urn:phasewise:problem:{self.code}",
            "title": say(self.title),
            "status": self.status,
            "detail": say(self.detail)[:LONGEST_TEXT],
            "code": self.code,
        }
        if instance:
            document["instance"] = instance
        if request_id:
            document["request_id"] = request_id
        if self.errors:
            document["errors"] = [error.document(say=say) for error in self.errors]
        return document | self.extra

    def body(
        self, *, instance: str = "", request_id: str = "", say: Callable[[str], str] = str
    ) -> bytes:
        return orjson.dumps(self.document(instance=instance, request_id=request_id, say=say))


class InternalError(Problem):
    """An unexpected error; the log has it under the request id, the answer says nothing of it."""


class Unreadable(Problem):
    code, status, title = "unreadable_request", 400, "The request could not be read."


class Unauthenticated(Problem):
    code, status, title = "unauthenticated", 401, "A valid key is needed."

    def __init__(self, detail: str = "", *, errors: Sequence[FieldError] = ()) -> None:
        challenge = 'Bearer realm="phasewise"' + (', error="invalid_token"' if errors else "")
        super().__init__(detail, errors=errors, headers={"WWW-Authenticate": challenge})


class Forbidden(Problem):
    code, status, title = "scope_missing", 403, "The key lacks a scope."


class NotFound(Problem):
    code, status, title = "not_found", 404, "There is no such resource, or this key may not see it."


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "This path does not know that method."


class Conflict(Problem):
    code, status, title = "conflict", 409, "The request conflicts with what is stored."


class StaleVersion(Problem):
    code, status, title = "stale_version", 412, "The record was changed since you read it."


class TooLarge(Problem):
    code, status, title = "too_large", 413, "The request is larger than this path accepts."


class UnsupportedMediaType(Problem):
    code, status, title = "unsupported_media_type", 415, "This path does not read that media type."


class Invalid(Problem):
    code, status, title = "invalid_request", 422, "The request breaks a rule."


class VersionRequired(Problem):
    code, status, title = "version_required", 428, "Send If-Match with the ETag that you read."


class TooManyRequests(Problem):
    code, status, title = "quota_exceeded", 429, "The key's quota is used up."


class Unavailable(Problem):
    code, status, title = "unavailable", 503, "The database cannot be reached. Try again soon."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class Contended(Unavailable):
    code, title = "contended", "Others write the same records at this moment. Try again soon."


@dataclass(frozen=True)
class Answer:
    """A finished answer: status, body and the headers that belong to it.

    `kept_body` is what is stored for a repeated request in place of a body that holds a secret.
    """

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    kept_body: bytes | None = field(default=None, repr=False)


def invalid(pointer: str, code: str, message: str) -> Invalid:
    """Build the common 422 with a single fault."""
    return Invalid(message, errors=[FieldError(pointer, code, message)])


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def pointer(part: Any) -> str:
    """Return a part of a JSON pointer (RFC 6901), shortened and without control characters."""
    return _CONTROL.sub("\ufffd", str(part)).replace("~", "~0").replace("/", "~1")[:100]


_MOST_GUESSES = 10
_SAID = tuple(
    (re.compile(jargon, re.DOTALL), plain)
    for jargon, plain in (
        (r"Input should be (?:an object|a valid dictionary.*)", "an object is expected"),
        (r"Input should be a valid string.*", "a text is expected"),
        (r"Input should be a valid (?:array|list)", "a list is expected"),
        (r"Input should be a valid boolean.*", "true or false is expected"),
        (r"Input should be a valid datetime.*", "a day and a time that exist are expected"),
        (r"Input should be a valid date\b.*", "a day that exists is expected"),
        (r"Input should be a valid integer.*", "a whole number is expected"),
        (r"Input should be a (?:valid|finite) number.*", "a number is expected"),
        (r"\w+ should have at least 1 item after .*", "at least one entry is expected"),
        (r"\w+ should have at least (\d+) items after .*", r"at least \1 entries are expected"),
        (r"\w+ should have at most 1 item after .*", "at most one entry is allowed"),
        (r"\w+ should have at most (\d+) items after .*", r"at most \1 entries are allowed"),
        (
            r"Unable to extract tag using discriminator '(.+)'",
            r"the field `\1` is missing; it tells what is meant",
        ),
        (
            r"Input tag '.*' found using '(.+)' does not match any of the expected tags: (.+)",
            r"the field `\1` takes: \2",
        ),
    )
)
"""What pydantic says in words of programs, and what is said instead."""


def _plainly(message: str) -> str:
    for jargon, plain in _SAID:
        if found := jargon.fullmatch(message):
            return found.expand(plain)
    return message


def field_errors(
    place: str,
    error: ValidationError,
    *,
    name: str = "",
    model: Any = None,
    more: Sequence[str] = (),
) -> list[FieldError]:
    """Turn pydantic's findings into ours, without the rejected value.

    With the model that was to be read an unknown name is answered with those that it knows, and `more`.
    """
    found: list[FieldError] = []
    for item in error.errors(include_url=False, include_context=False, include_input=False)[:100]:
        inside = list(item["loc"]) if model is None else without_tags(model, item["loc"])
        location = ([name] if name else []) + inside
        if location[-1:] == ["[key]"] and item["type"] != "extra_forbidden":
            location.pop()  # pydantic's mark of a fault of a key, which is the part before it
        message = _plainly(item["msg"].removeprefix("Value error, "))
        if item["type"] == "extra_forbidden" and model is not None:
            *path, unknown = item["loc"]
            guess = len(found) < _MOST_GUESSES
            message = advice(model, path, pointer(unknown), guess=guess, more=more)
        found.append(
            FieldError(
                "/".join(["", place, *map(pointer, location)]),
                item["type"],
                message[:1].upper() + message[1:],
            )
        )
    return found
