"""Sends one event to one target: signs it, connects to an address that was looked at, and says how it went."""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property

import httpx
from standardwebhooks import Webhook

from services.crm_api.webhooks.targets import Networks, Resolver, TargetRefused, read_target

SECONDS = 15.0
_LONGEST_ANSWER = 4096
_LONGEST_REST = timedelta(hours=1)


@dataclass(frozen=True)
class Outcome:
    """How an attempt went; `error` is null if the target took the event."""

    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    retry_after: timedelta | None = None


def signed_headers(
    message_id: str, body: str, secrets: Sequence[str], *, now: datetime
) -> Mapping[str, str]:
    """Return the headers of Standard Webhooks, with one signature for each secret."""
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


class PinnedTransport(httpx.AsyncBaseTransport):
    """Connects to an address that was looked at; the certificate and the Host are those of the name."""

    def __init__(self, resolver: Resolver, *, trust: ssl.SSLContext) -> None:
        self._resolver = resolver
        # No connection is used twice: one to an address could have been made for another name.
        self._inner = httpx.AsyncHTTPTransport(
            verify=trust, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.raw_host.decode("ascii")
        addresses = await self._resolver.addresses(request.url)
        for number, address in enumerate(addresses, start=1):
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": name},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except httpx.ConnectError:
                if number == len(addresses):
                    raise
        raise AssertionError("a name that resolves has an address")

    async def aclose(self) -> None:
        await self._inner.aclose()


class Sender:
    """Sends events, without a proxy, without following anybody elsewhere."""

    def __init__(self, *, allowed: Networks, trust: ssl.SSLContext | None = None) -> None:
        self.resolver = Resolver(allowed)
        self._trust = trust

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made with the first event: to read whom to trust takes a while."""
        trust = self._trust or httpx.create_ssl_context()
        return httpx.AsyncClient(
            transport=PinnedTransport(self.resolver, trust=trust),
            timeout=SECONDS,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "phasewise-webhooks/1", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        if "_http" in vars(self):
            await self._http.aclose()
        self.resolver.close()

    async def check(self, url: str) -> None:
        """Do nothing if events may be sent there, as far as can be known; a name may get known later.

        Raises
        ------
        TargetRefused
            They may not.
        """
        target = read_target(url, allowed=self.resolver.allowed)
        try:
            async with asyncio.timeout(2):
                await self.resolver.addresses(target)
        except TimeoutError:
            return
        except TargetRefused as refused:
            if refused.code != "name_not_resolved":
                raise

    async def send(
        self,
        url: str,
        *,
        message_id: str,
        body: str,
        secrets: Sequence[str],
        now: datetime,
        seconds: float = SECONDS,
    ) -> Outcome:
        """Make one attempt; whatever goes wrong is an outcome."""
        headers = {
            **signed_headers(message_id, body, secrets, now=now),
            "Content-Type": "application/cloudevents+json; charset=utf-8",
        }
        began = time.monotonic()
        status: int | None = None
        error: str | None = None
        retry_after: timedelta | None = None
        try:
            read_target(url, allowed=self.resolver.allowed)
            async with (
                asyncio.timeout(seconds),
                self._http.stream("POST", url, content=body.encode(), headers=headers) as answer,
            ):
                status, error = answer.status_code, _error_of(answer.status_code)
                retry_after = read_retry_after(answer.headers.get("retry-after"), now=now)
                await _read_some(answer)
        except (TimeoutError, httpx.TimeoutException):
            error = "timed_out"
        except TargetRefused as refused:
            error = refused.code
        except httpx.ConnectError as failure:
            error = "tls_failed" if _is_tls(failure) else "connection_failed"
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            error = error or ("connection_failed" if status is None else "answer_broken")
        milliseconds = round((time.monotonic() - began) * 1000)
        return Outcome(now, milliseconds, status, error, retry_after)


def _error_of(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return "redirected" if 300 <= status < 400 else "error_status"


async def _read_some(answer: httpx.Response) -> None:
    """Let a target finish its answer, which nobody looks at."""
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > _LONGEST_ANSWER:
            return


def _is_tls(failure: httpx.ConnectError) -> bool:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def read_retry_after(header: str | None, *, now: datetime) -> timedelta | None:
    """Read how long a target asks us to wait: in seconds or as a date, an hour at most."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        wait = timedelta(seconds=min(int(header[:9]), 10**6))
    else:
        try:
            wanted = parsedate_to_datetime(header)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        wait = (wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), _LONGEST_REST)
