"""Routes: FastAPI's signatures and OpenAPI, with a short way from the socket to the endpoint and back.

FastAPI's dependency machinery costs a fast endpoint more than its database does, so `LeanRoute` reads
path, query and body with compiled pydantic validators and writes bytes. No feature knows of it.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from services.foundation import idempotency
from services.foundation.answers import StreamAnswer, problem_answer, send_answer, send_stream
from services.foundation.calls import Call
from services.foundation.database import Transaction
from services.foundation.links import Link
from services.foundation.problems import (
    FieldError,
    Forbidden,
    Invalid,
    Problem,
    TooLarge,
    Unreadable,
    UnsupportedMediaType,
    field_errors,
    pointer,
)

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
BODY_LIMIT = 1024 * 1024
_SUCCESSES = {
    200: "Done.",
    201: "Created; `Location` names its place where it has one.",
    202: "Accepted: it runs, or will soon.",
    204: "Done; there is nothing to tell.",
    207: "Each item has its own status.",
}
MOST_PARAMETERS = 2000
ANYONE = "*"
"""In place of a scope: whoever has a key or a token."""
Endpoint = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class RouteRules:
    """What a route asks of its caller and promises to it; OpenAPI shows it, `LeanRoute` does it.

    `scope` is needed, and so are those in `also`; `ANYONE` lets every known caller in.

    `writes` runs the endpoint in one transaction and honours Idempotency-Key; `retryable` says that an
    endpoint that opens its own transactions honours it too. `writes_last` promises that the endpoint
    writes nothing after the statement that gives it its answer (see `Database.write`). `links` lead on
    from its answers. `more_names` are parameters that only the database knows, to name them to who sends
    an unknown one. `prepare` is given the arguments of a write before its transaction, in which nobody
    else is waited for; what it returns stands in `Call.prepared`.
    """

    scope: str
    also: tuple[str, ...] = ()
    writes: bool = False
    writes_last: bool = False
    retryable: bool = False
    if_match: str = ""
    conditional: bool = False
    problems: tuple[int, ...] = ()
    body_media_types: tuple[str, ...] = (JSON,)
    streamed_body: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    localized: bool = False
    links: tuple[Link, ...] = ()
    more_names: Callable[[Call], Awaitable[Sequence[str]]] | None = None
    prepare: Callable[[Call, dict[str, Any]], Awaitable[Any]] | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes that are needed."""
        return () if self.scope == ANYONE else (self.scope, *self.also)

    def __post_init__(self) -> None:
        if not self.scope.strip():
            raise ValueError("a route names the scope that it needs")


class _RecordConvertor(Convertor[str]):
    """A path part that is no literal of ours: `/contacts/batch` is not the contact `batch`."""

    regex = r"(?!(?:batch|aggregate|board|export)/?$)[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("record", _RecordConvertor())


class Routes:
    """The routes of one feature, collected at import and mounted by the application."""

    def __init__(self, tag: str, prefix: str = "/v1") -> None:
        self.tag, self.prefix = tag, prefix
        self._entries: list[tuple[str, Endpoint, RouteRules, dict[str, Any]]] = []
        self._built: list[LeanRoute] = []

    def add(
        self, method: str, path: str, *, answer: Any, status: int = 200, **rules: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare an endpoint; `rules` are the fields of `RouteRules` and FastAPI's own options."""
        names = RouteRules.__dataclass_fields__
        options = {key: rules.pop(key) for key in list(rules) if key not in names}

        def declare(endpoint: Endpoint) -> Endpoint:
            options.update(methods=[method], response_model=answer, status_code=status)
            options.setdefault("response_description", _SUCCESSES[status])
            self._entries.append((self.prefix + path, endpoint, RouteRules(**rules), options))
            return endpoint

        return declare

    def mount(self, app: FastAPI) -> None:
        """Give the application the routes; they know none, so that several may have the same."""
        if len(self._built) < len(self._entries):
            self._built = self._build()
        app.router.routes.extend(self._built)

    def _build(self) -> "list[LeanRoute]":
        literal = frozenset(path for path, *_ in self._entries if "{" not in path)
        return [
            LeanRoute(
                path,
                endpoint,
                rules=rules,
                literal=literal,
                tags=[self.tag],
                operation_id=endpoint.__name__,
                name=endpoint.__name__,
                **options,
            )
            for path, endpoint, rules, options in self._entries
        ]


class LeanRoute(APIRoute):
    """A FastAPI route whose running half is ours."""

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        rules: RouteRules,
        literal: frozenset[str],
        **options: Any,
    ) -> None:
        super().__init__(path, endpoint, **options)
        self.rules = rules
        self.others = literal - {path}
        self.lean_endpoint = endpoint
        self.call_name = self.dependant.request_param_name or "call"
        self._paths = [(f.name, f._type_adapter) for f in self.dependant.path_params]
        self._query = _only("query", self.dependant.query_params)
        self._more = _more_prefix(self.dependant.query_params)
        self._body = None if rules.streamed_body else _only("body", self.dependant.body_params)
        self.app = self._respond

    def find(self, path: str) -> "re.Match[str] | None":
        """Match a path, but leave one that another route names in full to it: `batch` is no id."""
        found = self.path_regex.match(path)
        return None if found is None or path in self.others else found

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.NONE, {}) if self.find(scope["path"]) is None else super().matches(scope)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive)
        scope["route_template"] = self.path_format
        try:
            await self._let_in(call)
            if self.rules.localized:
                call.check_language()
            try:
                arguments = self._read_address(scope)
            except ValidationError as error:
                raise await self._misread(call, error) from None
            body = b"" if self._body is None else await self._read_body(call, arguments)
            arguments[self.call_name] = call
            if self.rules.writes:
                answer = await self._write(call, arguments, body)
            else:
                answer = await self.lean_endpoint(**arguments)
        except Problem as problem:
            answer = problem_answer(problem, scope)
        if self.rules.localized:
            answer = replace(answer, headers={**answer.headers, "Vary": "Accept-Language"})
        if isinstance(answer, StreamAnswer):
            await send_stream(answer, send)
        else:
            await send_answer(answer, send)

    async def _let_in(self, call: Call) -> None:
        gate = call.scope["app"].state.gate
        principal = await gate.authenticate(call.header(b"authorization"))
        call.principal = principal
        call.scope["principal"] = principal
        # Counted before anything is refused, so that trying what a key may do has its quota, too.
        gate.admit(call.scope, principal)
        for scope in self.rules.scopes:
            if scope not in principal.scopes:
                raise Forbidden(f"This needs a key with the scope {scope}.")

    def _read_address(self, scope: Scope) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        _check_path(scope.get("raw_path") or b"")
        given = scope["path_params"]
        for name, adapter in self._paths:
            try:
                arguments[name] = adapter.validate_python(given[name])
            except ValidationError as error:
                raise _invalid("path", error, name=name) from None
        pairs = _query_pairs(scope["query_string"])
        if self._query is not None:
            name, _, adapter, lists = self._query
            more: dict[str, list[str]] = {}
            if self._more:
                pairs, more = _apart(pairs, self._more)
            arguments[name] = adapter.validate_python(_grouped(pairs, lists))
            if more:
                arguments[name].with_more(more)
        elif pairs:
            message = "This path takes no query parameters."
            fault = FieldError(f"/query/{pointer(pairs[0][0])}", "unknown", message)
            raise Invalid(message, errors=[fault])
        return arguments

    async def _misread(self, call: Call, error: ValidationError) -> Problem:
        """Return what to answer to parameters that are not valid."""
        assert self._query is not None
        more = await self.rules.more_names(call) if self.rules.more_names else ()
        return _invalid("query", error, model=self._query[1], more=more)

    async def _read_body(self, call: Call, arguments: dict[str, Any]) -> bytes:
        assert self._body is not None
        name, model, adapter, _ = self._body
        media = (call.header(b"content-type") or "").split(";")[0].strip().lower()
        if media not in self.rules.body_media_types:
            raise UnsupportedMediaType(f"Send {' or '.join(self.rules.body_media_types)}.")
        body = await read_limited(call, BODY_LIMIT)
        check_json(body)
        try:
            arguments[name] = adapter.validate_json(body)
        except ValidationError as error:
            raise _invalid("body", error, model=model) from None
        return body

    async def _write(self, call: Call, arguments: dict[str, Any], body: bytes) -> Any:
        record = idempotency.Request.of(call, body)
        if self.rules.prepare is not None:
            call.prepared = await self.rules.prepare(call, arguments)

        async def unit(transaction: Transaction) -> Any:
            call.transaction = transaction
            return await idempotency.once(
                transaction, record, lambda: self.lean_endpoint(**arguments), now=call.now
            )

        ends_itself = self.rules.writes_last and record is None
        return await idempotency.settle(call.database, unit, ends_itself=ends_itself)


def _only(
    place: str, fields: list[Any]
) -> tuple[str, Any, TypeAdapter[Any], frozenset[str]] | None:
    """Return the one model that describes query or body, its reader, and the names of its lists."""
    if not fields:
        return None
    if len(fields) > 1:
        raise TypeError(f"describe the {place} by one model")
    (only,) = fields
    annotation = only.field_info.annotation
    lists = frozenset(
        info.alias or name
        for name, info in getattr(annotation, "model_fields", {}).items()
        if "list[" in str(info.annotation)
    )
    return only.name, annotation, TypeAdapter(annotation), lists


def _more_prefix(fields: list[Any]) -> str:
    """Return how parameters begin that the model takes without naming them."""
    return str(getattr(fields[0].field_info.annotation, "more_prefix", "")) if fields else ""


MOST_VALUES = 50


def _apart(
    pairs: list[tuple[str, str]], prefix: str
) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
    """Separate the parameters with this prefix from the others."""
    more: dict[str, list[str]] = {}
    for name, value in pairs:
        if name.startswith(prefix):
            more.setdefault(name, []).append(value)
    if len(more) > MOST_VALUES or any(len(values) > MOST_VALUES for values in more.values()):
        raise Unreadable(f"At most {MOST_VALUES} parameters {prefix}… with {MOST_VALUES} values.")
    return [pair for pair in pairs if not pair[0].startswith(prefix)], more


def _check_path(raw: bytes) -> None:
    """Refuse what the server could only decode by guessing: two names must not become one."""
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("The path is not valid percent-encoded UTF-8.") from None


def _query_pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    if query.count(b"&") >= MOST_PARAMETERS:
        raise Unreadable(f"The query string may have at most {MOST_PARAMETERS} parameters.")
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Unreadable("The query string is not valid percent-encoded UTF-8.") from None


def _grouped(pairs: list[tuple[str, str]], lists: frozenset[str]) -> dict[str, Any]:
    grouped: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            grouped.setdefault(name, []).append(value)
        elif name in grouped:
            message = "This parameter may be given once."
            raise Invalid(
                message, errors=[FieldError(f"/query/{pointer(name)}", "repeated", message)]
            )
        else:
            grouped[name] = value
    return grouped


async def read_limited(call: Call, limit: int) -> bytes:
    """Read the body, at most `limit` bytes of it."""
    length = call.header(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise TooLarge(f"The body may have at most {limit} bytes.")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise Unreadable("The connection closed before the body was complete.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body may have at most {limit} bytes.")
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def check_json(body: bytes) -> None:
    """Refuse what JSON readers disagree on: other encodings, doubled keys, NaN, absurd depth or numbers.

    Raises
    ------
    Unreadable
        The body is not plain UTF-8 JSON.
    """
    try:
        text = body.decode("utf-8")
        json.loads(text, object_pairs_hook=_refuse_doubled, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise Unreadable("The body is not UTF-8.") from None
    except RecursionError:
        raise Unreadable("The body is nested too deeply.") from None
    except ValueError as error:
        reason = str(error) if isinstance(error, _Refused) else "The body is not valid JSON."
        raise Unreadable(reason) from None


class _Refused(ValueError):
    pass


def _refuse_doubled(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _Refused("The body names a key twice in one object.")


def _refuse_constant(_: str) -> NoReturn:
    raise _Refused("NaN and Infinity are not JSON.")


def _invalid(place: str, error: ValidationError, **known: Any) -> Problem:
    errors = field_errors(place, error, **known)
    if place == "body" and errors[0].code == "json_invalid":
        return Unreadable("The body is not valid JSON.")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Invalid(f"{errors[0].pointer}: {errors[0].message}{more}", errors=errors)
