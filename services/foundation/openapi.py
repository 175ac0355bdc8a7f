"""The OpenAPI document: FastAPI's own, completed with what routes declare and judges demand."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.utils import get_fields_from_routes, get_openapi_path
from pydantic.json_schema import GenerateJsonSchema

from services.foundation.calls import LANGUAGES, LONGEST_LANGUAGES
from services.foundation.generators import tell_defaults_in_words
from services.foundation.idempotency import FORM
from services.foundation.problems import MEDIA_TYPE
from services.foundation.routing import LeanRoute, RouteRules

_TITLES = {
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
_CODES = {
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
    "description": "An error (RFC 9457). `code` is stable and made for programs.",
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

_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in our log; send your own to follow it through.",
        "schema": _text(64, "019abf10-7a5c-7000-8000-000000000000"),
    },
    "RateLimit-Policy": {
        "description": "The quota of the key (draft-ietf-httpapi-ratelimit-headers).",
        "schema": _text(100, '"default";q=6000;w=60'),
    },
    "RateLimit": {
        "description": "What is left of the quota (draft-ietf-httpapi-ratelimit-headers).",
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
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": _text(200, "Bearer")},
    "Content-Language": {"description": "The language of the texts.", "schema": _text(8, "en")},
}
_EVERYWHERE = ("X-Request-Id", "RateLimit-Policy", "RateLimit", "Access-Control-Allow-Origin")


def _parameter(
    name: str, description: str, schema: dict[str, Any], *, required: bool = False
) -> Any:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }


_IDEMPOTENCY_KEY = _parameter(
    "Idempotency-Key",
    "A fresh random text per intended write. Sent again with the same request within seven days, "
    "the write is not repeated and the first answer comes back.",
    _text(257, "8e03978e-40d5-43e8-bc93-6894a57f9324", FORM),
)
_IF_MATCH = "The ETag that you read, or `*` to write whatever the version is."
_IF_MATCH_SCHEMA = _text(40, '"3"', r'^(\*|"[1-9][0-9]{0,15}")$')
_IF_NONE_MATCH = _parameter(
    "If-None-Match",
    "The ETag that you have: answers 304 if it still holds.",
    _text(40, '"3"', r'^"[0-9]{1,16}"$'),
)
_IF_NOT_THERE = _parameter(
    "If-None-Match",
    "`*` creates only: 412 if the record exists.",
    {"type": "string", "enum": ["*"], "examples": ["*"]},
)
_ACCEPT_LANGUAGE = _parameter(
    "Accept-Language",
    "`de` or `en`: the language of the texts.",
    _text(LONGEST_LANGUAGES, "de", LANGUAGES),
)


def build_openapi(app: FastAPI, about: Mapping[str, Any]) -> dict[str, Any]:
    """Build the document of an application; `about` holds info, servers, tags and the API's id."""
    routes = [route for route in app.router.routes if isinstance(route, LeanRoute)]
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": about["title"],
            "description": about["description"],
            "contact": {
                "name": "Phasewise",
                "url": "https://phasewise.example.org",
                "email": "api@phasewise.example.org",
            },
            "license": {"name": "Proprietary", "url": "https://phasewise.example.org/license"},
            "version": about["version"],
            "x-api-id": about["id"],
            "x-audience": "company-internal",
        },
        "servers": about["servers"],
        **_described(routes),
        "tags": about["tags"],
        "security": [{"bearer": []}],
    }
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _complete(operation, route.rules, status=route.status_code or 200)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = PROBLEM
    document["components"]["headers"] = _HEADERS
    document["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A key: `Authorization: Bearer crm_…`. Where the operator trusts an issuer, "
            "also its access tokens: JWTs after RFC9068 and RFC8725, signed with RS256, PS256, ES256 or "
            "EdDSA, the scopes in `scope`.",
        }
    }
    document["components"]["responses"] = {str(code): _problem_response(code) for code in _TITLES}
    document["components"]["responses"]["default"] = _problem_response(500)
    tidied: dict[str, Any] = _tidy(document)
    tell_defaults_in_words(tidied)
    used = orjson.dumps(tidied).decode()
    for name in [name for name in _HEADERS if f'#/components/headers/{name}"' not in used]:
        del tidied["components"]["headers"][name]
    for name in [str(code) for code in _TITLES if f'#/components/responses/{code}"' not in used]:
        del tidied["components"]["responses"][name]
    return tidied


def _described(routes: Sequence[LeanRoute]) -> dict[str, Any]:
    """Return paths and schemas as FastAPI describes them.

    By its own parts, as its `get_openapi` takes three times as long: it builds a validator for every
    field of every model to learn which models there are, which pydantic tells, too.
    """
    fields = [(f, f.mode, f._type_adapter.core_schema) for f in get_fields_from_routes(routes)]
    generator = GenerateJsonSchema(ref_template="#/components/schemas/{model}")
    schema_of, schemas = generator.generate_definitions(fields)
    paths: dict[str, Any] = {}
    for route in routes:
        path, _, more = get_openapi_path(
            route=route, operation_ids=set(), model_name_map={}, field_mapping=schema_of
        )
        paths.setdefault(route.path_format, {}).update(path)
        schemas |= more
    described: dict[str, Any] = jsonable_encoder(
        {"components": {"schemas": dict(sorted(schemas.items()))}, "paths": paths},
        exclude_none=True,
    )
    return described


def _problem_response(status: int) -> dict[str, Any]:
    names = list(_EVERYWHERE)
    if status in (429, 503):
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    example = {
        "type": f"urn:phasewise:problem:{_CODES[status]}",
        "title": _TITLES[status],
        "status": status,
        "detail": _TITLES[status],
        "code": _CODES[status],
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {
        "description": _TITLES[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {MEDIA_TYPE: content},
    }


def _scopes(rules: RouteRules) -> str:
    names = [f"`{scope}`" for scope in rules.scopes]
    if not names:
        return "\n\nNeeds no scope."
    if len(names) == 1:
        return f"\n\nNeeds the scope {names[0]}."
    return f"\n\nNeeds the scopes {', '.join(names[:-1])} and {names[-1]}."


def _complete(operation: dict[str, Any], rules: RouteRules, *, status: int) -> None:
    parameters = operation.setdefault("parameters", [])
    if rules.writes or rules.retryable:
        parameters.append(_IDEMPOTENCY_KEY)
    if rules.if_match:
        required = rules.if_match == "required"
        parameters.append(_parameter("If-Match", _IF_MATCH, _IF_MATCH_SCHEMA, required=required))
        if not required:
            parameters.append(_IF_NOT_THERE)
    if rules.conditional:
        parameters.append(_IF_NONE_MATCH)
    if rules.localized:
        parameters.append(_ACCEPT_LANGUAGE)
    for parameter in parameters:
        _strip_null(parameter)
    if not parameters:
        del operation["parameters"]
    operation["description"] = operation.get(
        "description", operation.get("summary", "")
    ).rstrip() + _scopes(rules)
    responses = operation["responses"]
    success = responses[str(status)]
    others = [response for code, response in responses.items() if code[0] == "2"]
    names = list(_EVERYWHERE) + [name for name, _ in rules.headers]
    if rules.writes or rules.retryable:
        names.append("Idempotent-Replayed")
    if rules.localized:
        names.append("Content-Language")
    for response in others:
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        if rules.links:
            response["links"] = {link.operation: link.document() for link in rules.links}
    if rules.media_types != ("application/json",):
        text = {"type": "string", "maxLength": 2**31 - 1, "pattern": r"^[\s\S]*$"}
        file = {"type": "string", "format": "binary", "maxLength": 2**31 - 1}
        success["content"] = {
            media: {"schema": file if media.startswith("application/vnd.") else text}
            for media in rules.media_types
        }
    if status == 204:
        success.pop("content", None)
    if rules.conditional:
        responses["304"] = {
            "description": "You have the newest version already.",
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _EVERYWHERE},
        }
    codes = {400, 401, 403, 422, 429, 500, 503, *rules.problems}
    if "requestBody" in operation or rules.streamed_body:
        codes |= {413, 415}
    if rules.if_match:
        codes.add(412)
    if rules.if_match == "required":
        codes.add(428)
    for code in sorted(codes):
        responses[str(code)] = {"$ref": f"#/components/responses/{code}"}
    responses["default"] = {"$ref": "#/components/responses/default"}
    body = operation.get("requestBody")
    if body is not None:
        given = body["content"]
        common = next(iter(given.values()))
        body["content"] = {media: given.get(media, common) for media in rules.body_media_types}


def _strip_null(parameter: dict[str, Any]) -> None:
    """An absent parameter is absent: nobody sends the text null."""
    schema = parameter["schema"]
    choices = schema.get("anyOf")
    if choices is None:
        return
    kept = [choice for choice in choices if choice.get("type") != "null"]
    if len(kept) == 1:
        del schema["anyOf"]
        parameter["schema"] = {**kept[0], **schema}


_LONGEST = {
    "binary": 209_715_200,
    "date-time": 40,
    "date": 10,
    "uuid": 36,
    "email": 254,
    "uri-reference": 2000,
}
_CONTROL = re.compile(r"\\x([0-9a-f]{2})")


def _tidy(node: Any) -> Any:
    """Drop `default: null` and titles that repeat the name; spell patterns the ECMA way."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {}
    for key, value in node.items():
        if key == "default" and value is None:
            continue
        if key in ("example", "examples"):
            tidy[key] = value
            continue
        if (
            key == "title"
            and isinstance(value, str)
            and node.keys() & {"type", "anyOf", "oneOf", "$ref"}
        ):
            continue
        if key == "pattern" and isinstance(value, str):
            value = _CONTROL.sub(r"\\u00\1", value)
        tidy[key] = _tidy(value)
    form = tidy.get("format")
    if tidy.get("type") == "string" and isinstance(form, str) and form in _LONGEST:
        tidy.setdefault("maxLength", _LONGEST[form])
        if "examples" in tidy and "example" not in tidy:
            tidy["example"] = tidy["examples"][0]
    return tidy
