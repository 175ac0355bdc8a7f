"""The parts of every OpenAPI document of ours: problems, headers, and parameters that are headers."""

from typing import Any

from services.foundation.calls import LANGUAGES, LONGEST_LANGUAGES, LONGEST_TAGS, TAGS
from services.foundation.idempotency import FORM

TITLES = {
    400: "The request could not be read.",
    401: "A valid key is needed.",
    403: "The key lacks a scope.",
    404: "There is no such resource.",
    409: "The request conflicts with what is stored.",
    412: "The record was changed since you read it.",
    413: "The request is too large.",
    415: "The media type is not read here.",
    422: "The request breaks a rule.",
    428: "If-Match is missing.",
    429: "The key's quota is used up.",
    500: "Something failed on our side.",
    503: "The database cannot be reached.",
}
CODES = {
    400: "unreadable_request",
    401: "unauthenticated",
    403: "scope_missing",
    404: "not_found",
    409: "conflict",
    412: "stale_version",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    428: "version_required",
    429: "quota_exceeded",
    500: "internal_error",
    503: "unavailable",
}


def _text(
    longest: int, example: str, pattern: str = r"^[^\x00]*$", *, about: str = ""
) -> dict[str, Any]:
    text = {"type": "string", "maxLength": longest, "pattern": pattern, "examples": [example]}
    return {"description": about, **text} if about else text


PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is stable and made for programs; the texts come in German "
    "with `Accept-Language: de`, as far as `Content-Language` says.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {
            "description": "Names the kind of problem; `code` is its last part.",
            "type": "string",
            "format": "uri",
            "maxLength": 200,
            "examples": ["urn:phasewise:problem:invalid_request"],
        },
        "title": _text(200, "The request breaks a rule.", about="The same for every such problem."),
        "status": {
            "description": "The status of the answer.",
            "type": "integer",
            "format": "int32",
            "minimum": 400,
            "maximum": 599,
        },
        "detail": _text(
            2000,
            "/body/email: Value is not a valid e-mail address.",
            about="What is wrong this time, for people.",
        ),
        "instance": _text(2000, "/v1/contacts", about="The path that was asked for."),
        "code": _text(64, "invalid_request", "^[a-z_]+$", about="What is wrong, for programs."),
        "request_id": _text(
            64, "019abf10-7a5c-7000-8000-000000000000", about="Names the request in our log."
        ),
        "existing_id": {
            "description": "The record that is in the way, if there is one.",
            "type": "string",
            "format": "uuid",
            "maxLength": 36,
        },
        "possible_stages": {
            "description": "Of `stage_impossible`: where the deal may go.",
            "type": "array",
            "maxItems": 50,
            "items": _text(32, "proposal", "^[a-z0-9_]+$"),
        },
        "candidates": {
            "description": "Of `possible_duplicate`: who is likely the same, the likeliest first.",
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["id", "score"],
                "properties": {
                    "id": {"type": "string", "format": "uuid", "maxLength": 36},
                    "score": {
                        "type": "number",
                        "format": "double",
                        "minimum": 0,
                        "maximum": 1,
                    },
                },
            },
        },
        "errors": {
            "description": "Faults of single fields, each with its place in the request.",
            "type": "array",
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": _text(1000, "/body/email"),
                    "code": _text(100, "invalid_email", "^[a-z_]+$"),
                    "message": _text(2000, "Value is not a valid e-mail address."),
                },
            },
        },
    },
}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this one request, in the change feed, for undo and in our log; one that you send "
        "is noted beside it in the log, as `correlation_id`.",
        "schema": _text(64, "019abf10-7a5c-7000-8000-000000000000"),
    },
    "RateLimit-Policy": {
        "description": "The quota of the key (draft-ietf-httpapi-ratelimit-headers).",
        "schema": _text(100, '"default";q=6000;w=60'),
    },
    "RateLimit": {
        "description": "What is left of the quota (draft-ietf-httpapi-ratelimit-headers); absent where no "
        "key was good.",
        "schema": _text(100, '"default";r=5998;t=41'),
    },
    "Access-Control-Allow-Origin": {
        "description": "Only sent to origins that the operator allows.",
        "schema": _text(200, "https://crm.example.org"),
    },
    "ETag": {"description": "The version of the record.", "schema": _text(40, '"3"')},
    "Location": {
        "description": "Where the record is.",
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 2000},
    },
    "Link": {
        "description": 'The next page, `rel="next"` (RFC 8288); absent on the last one.',
        "schema": _text(2000, '</v1/contacts?cursor=abc>; rel="next"'),
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 86400},
    },
    "Idempotent-Replayed": {
        "description": "`true` if this is the stored answer of an earlier request with this key.",
        "schema": {"type": "string", "enum": ["true"], "maxLength": 4},
    },
    "X-Change-Cursor": {
        "description": "Follow the change feed from here: nothing is missed, some may come twice.",
        "schema": _text(200, "MC4w"),
    },
    "Content-Disposition": {
        "description": "A name for the file.",
        "schema": _text(200, 'attachment; filename="contacts-2026-11-26.xlsx"'),
    },
    "X-Listed-Count": {
        "description": "How many are on the list.",
        "schema": _text(20, "480", "^[0-9]+$"),
    },
    "X-Dropped": {
        "description": "How many were dropped, by reason.",
        "schema": _text(500, "erased=1, no_longer_recommended=12"),
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": _text(200, "Bearer")},
    "Content-Language": {"description": "The language of the texts.", "schema": _text(8, "en")},
}
EVERYWHERE = ("X-Request-Id", "RateLimit-Policy", "RateLimit", "Access-Control-Allow-Origin")


def header_parameter(
    name: str, description: str, schema: dict[str, Any], *, required: bool = False
) -> Any:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }


IDEMPOTENCY_KEY = header_parameter(
    "Idempotency-Key",
    "A fresh random text per intended write. Sent again with the same request within seven days, "
    "the write is not repeated and the first answer comes back.",
    _text(257, "8e03978e-40d5-43e8-bc93-6894a57f9324", FORM),
)
IF_MATCH = "The ETag that you read, or `*` to write whatever the version is."
IF_MATCH_SCHEMA = _text(40, '"3"', r'^(\*|"[1-9][0-9]{0,15}")$')
IF_NONE_MATCH = header_parameter(
    "If-None-Match",
    "The ETag that you have: answers 304 if it still holds.",
    _text(LONGEST_TAGS, '"3"', TAGS),
)
IF_NOT_THERE = header_parameter(
    "If-None-Match",
    "`*` creates only: 412 if the record exists.",
    {"type": "string", "enum": ["*"], "examples": ["*"]},
)
ACCEPT_LANGUAGE = header_parameter(
    "Accept-Language",
    "`de` or `en`: the language of the texts.",
    _text(LONGEST_LANGUAGES, "de", LANGUAGES),
)
