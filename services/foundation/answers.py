"""Answers on their way out: problems in the language of the caller, bodies in one piece or in chunks."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from starlette.types import Scope, Send

from services.foundation.calls import header_of, preferred_language, wire_headers
from services.foundation.problems import MEDIA_TYPE, Answer, Problem
from services.foundation.translating import Translator


@dataclass(frozen=True)
class StreamAnswer:
    """An answer of unknown length, written chunk by chunk."""

    chunks: AsyncIterator[bytes]
    media_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_answer(problem: Problem, scope: Scope) -> Answer:
    """Write a problem as an answer, in German if that is preferred and as far as it is known."""
    language = preferred_language(header_of(scope, b"accept-language") or "")
    translate: Translator | None = scope.get("translate") if language == "de" else None
    is_known = True

    def say(english: str) -> str:
        nonlocal is_known
        german = translate(english) if translate else None
        is_known &= german is not None
        return german or english

    body = problem.body(instance=scope["path"], request_id=scope.get("request_id", ""), say=say)
    spoken = ("de" if is_known else "de, en") if translate else "en"
    told = {"Content-Language": spoken, "Vary": "Accept-Language"}
    return Answer(body, problem.status, MEDIA_TYPE, {**problem.headers, **told})


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer as ASGI messages."""
    headers = wire_headers(answer.headers)
    if answer.status not in (204, 304):
        headers.append((b"content-type", answer.media_type.encode()))
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_stream(answer: StreamAnswer, send: Send) -> None:
    """Send an answer as its chunks come."""
    headers = [*wire_headers(answer.headers), (b"content-type", answer.media_type.encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for chunk in answer.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
