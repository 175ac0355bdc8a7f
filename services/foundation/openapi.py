"""The OpenAPI document: FastAPI's own, completed with what routes declare and judges demand."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.utils import get_fields_from_routes, get_openapi_path
from pydantic.json_schema import GenerateJsonSchema

from services.foundation.generators import tell_defaults_in_words
from services.foundation.openapi_parts import (
    ACCEPT_LANGUAGE,
    CODES,
    EVERYWHERE,
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_MATCH_SCHEMA,
    IF_NONE_MATCH,
    IF_NOT_THERE,
    PROBLEM,
    TITLES,
    header_parameter,
)
from services.foundation.problems import MEDIA_TYPE
from services.foundation.routing import LeanRoute, RouteRules


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
    document["components"]["headers"] = HEADERS
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
    document["components"]["responses"] = {str(code): _problem_response(code) for code in TITLES}
    document["components"]["responses"]["default"] = _problem_response(500)
    tidied: dict[str, Any] = _tidy(document)
    tell_defaults_in_words(tidied)
    used = orjson.dumps(tidied).decode()
    for name in [name for name in HEADERS if f'#/components/headers/{name}"' not in used]:
        del tidied["components"]["headers"][name]
    for name in [str(code) for code in TITLES if f'#/components/responses/{code}"' not in used]:
        del tidied["components"]["responses"][name]
    return tidied


def _described(routes: Sequence[LeanRoute]) -> dict[str, Any]:
    """Return paths and schemas as FastAPI describes them.

    By its own parts, as its `get_openapi` takes three times as long: it builds a validator for every
    field of every model to learn which models there are, which pydantic tells, too.
    """
    fields = [(f, f.mode, f._type_adapter.core_schema) for f in get_fields_from_routes(routes)]
    generator = GenerateJsonSchema(ref_template="#/components/schemas/{model}")
    schema_of, definitions = generator.generate_definitions(fields)
    schemas: dict[str, Any] = {str(name): schema for name, schema in definitions.items()}
    paths: dict[str, Any] = {}
    for route in routes:
        path, _, more = get_openapi_path(
            route=cast(Any, route), operation_ids=set(), model_name_map={}, field_mapping=schema_of
        )
        paths.setdefault(route.path_format, {}).update(path)
        schemas |= more
    described: dict[str, Any] = jsonable_encoder(
        {"paths": paths, "components": {"schemas": dict(sorted(schemas.items()))}},
        exclude_none=True,
    )
    return described


def _problem_response(status: int) -> dict[str, Any]:
    names = [*EVERYWHERE, "Content-Language"]
    if status in (429, 503):
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    example = {
        "type": f"urn:phasewise:problem:{CODES[status]}",
        "title": TITLES[status],
        "status": status,
        "detail": TITLES[status],
        "code": CODES[status],
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {
        "description": TITLES[status],
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
        parameters.append(IDEMPOTENCY_KEY)
    if rules.if_match:
        required = rules.if_match == "required"
        parameters.append(
            header_parameter("If-Match", IF_MATCH, IF_MATCH_SCHEMA, required=required)
        )
        if not required:
            parameters.append(IF_NOT_THERE)
    if rules.conditional:
        parameters.append(IF_NONE_MATCH)
    if rules.localized:
        parameters.append(ACCEPT_LANGUAGE)
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
    names = list(EVERYWHERE) + [name for name, _ in rules.headers]
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
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in EVERYWHERE},
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
