"""The page that shows and tries the API: Swagger UI from our own files, nothing from elsewhere."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "assets"
_SCRIPT, _STYLE, _START = "swagger-ui-bundle.js", "swagger-ui.css", "docs.js"
_MEDIA_TYPES = {_SCRIPT: "text/javascript", _STYLE: "text/css", _START: "text/javascript"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<div id="docs"></div>
<noscript>Without JavaScript, read <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="{script}"></script>
<script src="{start}"></script>
</body>
</html>
"""
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Packed:
    """Content that stays the same, plain and compressed, with a digest that names it."""

    plain: bytes
    compressed: bytes
    digest: str

    @classmethod
    def of(cls, plain: bytes) -> Self:
        return cls(plain, gzip.compress(plain, mtime=0), hashlib.sha256(plain).hexdigest()[:16])

    def answer(self, request: Request, media_type: str, headers: Mapping[str, str]) -> Response:
        """Send it compressed to who takes that, and not at all to who has it already."""
        tag = f'W/"{self.digest}"'  # weak: the same for both ways of sending it
        sent = {**headers, "ETag": tag, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=sent)
        content = self.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            content = self.compressed
            sent["Content-Encoding"] = "gzip"
        return Response(content, media_type=media_type, headers=sent)


@cache
def _asset(name: str) -> Packed:
    return Packed.of((_FOLDER / name).read_bytes())


def _address(name: str) -> str:
    """Name the content in the address, so that browsers may keep it forever."""
    return f"/docs/assets/{_asset(name).digest}/{name}"


async def _send_asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _MEDIA_TYPES or request.path_params["digest"] != _asset(name).digest:
        return Response(status_code=404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return _asset(name).answer(request, _MEDIA_TYPES[name], headers)


def mount_docs(app: Starlette, *, title: str) -> None:
    """Serve `/docs`, which loads `/openapi.json`; neither appears in the OpenAPI document."""

    async def page(_: Request) -> Response:
        content = _PAGE.format(
            title=escape(title),
            style=_address(_STYLE),
            script=_address(_SCRIPT),
            start=_address(_START),
        )
        return HTMLResponse(content, headers=_PAGE_HEADERS)

    app.router.routes.append(Route("/docs", page, methods=["GET"]))
    app.router.routes.append(Route("/docs/assets/{digest}/{name}", _send_asset, methods=["GET"]))
