"""An issuer of access tokens for the tests: it signs, and shows its public keys on 127.0.0.1."""

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

ISSUER, AUDIENCE = "https://login.example.org/", "https://crm.example.org"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


@cache
def signing_key(kid: str) -> Key:
    """Make the key of this name once: `rsa-…`, `ec-…` or `ed-…`."""
    parameters: Any = {"kid": kid}
    if kid.startswith("rsa"):
        return RSAKey.generate_key(2048, parameters)
    if kid.startswith("ec"):
        return ECKey.generate_key("P-256", parameters)
    return OKPKey.generate_key("Ed25519", parameters)


def fitting(algorithm: str) -> str:
    """Return the name of the key that signs with an algorithm."""
    return {"RS256": "rsa-1", "PS256": "rsa-1", "ES256": "ec-1", "EdDSA": "ed-1"}[algorithm]


def key_set(*kids: str, **more: Any) -> dict[str, Any]:
    return {"keys": [signing_key(kid).as_dict(private=False) for kid in kids], **more}


def claims(**changed: Any) -> dict[str, Any]:
    """Return good claims with these changed; None takes one away."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "anna.weber",
        "client_id": "till",
        "iat": now,
        "exp": now + 300,
        "jti": uuid4().hex,
        "scope": "contacts:read openid",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(
    header: Mapping[str, Any], payload: bytes | Mapping[str, Any], key: Key, algorithm: str
) -> str:
    """Sign with the algorithm, whatever the header says of it."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    start = _encoded(json.dumps(dict(header)).encode()) + b"." + _encoded(body)
    signature = jws.JWSRegistry.algorithms[algorithm].sign(start, key)
    return (start + b"." + _encoded(signature)).decode()


def _encoded(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def token(
    algorithm: str = "ES256",
    *,
    kid: str | None = None,
    header: Mapping[str, Any] | None = None,
    **changed: Any,
) -> str:
    """Make a good token, with these claims and header fields changed."""
    name = kid or fitting(algorithm)
    fields = {"alg": algorithm, "typ": "at+jwt", "kid": name, **(header or {})}
    given = {key: value for key, value in fields.items() if value is not None}
    return signed(given, claims(**changed), signing_key(name), algorithm)


@dataclass
class JwksServer:
    """Answers every path with a set of keys, or with what a test tells it to."""

    keys: dict[str, Any]
    status: int = 200
    delay_seconds: float = 0.0
    count: int = 0
    port: int = 0
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.count += 1
                time.sleep(outer.delay_seconds)
                body = json.dumps(outer.keys).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
