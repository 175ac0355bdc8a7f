"""How old the answers are, and that they say so: also while the CRM is down."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics, MakeAnalytics
from tests.end_to_end.test_refresh import fill
from tests.live import client, free_port


def _until(read: Callable[[], Any], *, seconds: float = 30.0) -> Any:
    """Ask until the answer is one; the services are other processes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = read()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come to that in time")


@contextmanager
def served(analytics: Analytics, **settings: str) -> Iterator[httpx.Client]:
    """Run the service as `serve` does, with its scheduler."""
    port = free_port()
    environment = analytics.environment() | {
        "PHASEWISE_ANALYTICS_PORT": str(port),
        "PHASEWISE_REFRESH_RETRY_SECONDS": "0.5",
        **settings,
    }
    command = [sys.executable, "-m", "services.analytics", "serve"]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        with client(f"http://127.0.0.1:{port}", analytics.key) as http:
            yield http
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def _summary(http: httpx.Client) -> dict[str, Any] | None:
    try:
        answer = http.get("/v1/summary")
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def test_while_the_crm_is_down_the_last_version_is_served_says_so_and_recovers_by_itself(
    crm: Crm, analytics: Analytics
) -> None:
    fill(crm)
    port = urlsplit(crm.url).port
    with served(analytics, PHASEWISE_REFRESH_MINUTES="1") as http:
        first = _until(lambda: _summary(http))
        assert (first["is_stale"], first["stale_reason"]) == (False, None)
        crm.stop()
        try:
            assert http.post("/v1/refreshes", json={}).status_code == 202
            stale = _until(lambda: (found := _summary(http)) and found["is_stale"] and found)
        finally:
            crm.start(port=port)
        assert stale["stale_reason"] == "crm_unavailable"
        assert stale["as_of"] == first["as_of"] == "2026-01-31"
        assert stale["model_version"] == first["model_version"]
        assert stale["total"] == first["total"]
        assert stale["crm_read_at"] == first["crm_read_at"]
        fresh = _until(lambda: (found := _summary(http)) and not found["is_stale"] and found)
        assert fresh["stale_reason"] is None
        assert fresh["crm_read_at"] > first["crm_read_at"]
        assert fresh["total"] == first["total"]


def test_a_reading_that_found_nothing_new_is_told(crm: Crm, analytics: Analytics) -> None:
    fill(crm)
    version = analytics.published()
    before = analytics.get("/v1/summary")
    assert analytics.published() == version
    after = _until(
        lambda: (
            (found := analytics.get("/v1/summary"))["crm_read_at"] > before["crm_read_at"] and found
        )
    )
    assert after["published_at"] == before["published_at"]
    assert analytics.get("/v1/customers")["crm_read_at"] == after["crm_read_at"]


def test_answers_are_stale_when_the_crm_was_not_read_for_two_intervals(
    crm: Crm, make_analytics: MakeAnalytics
) -> None:
    fill(crm)
    analytics = make_analytics(crm, refresh_minutes=10)
    analytics.published()
    fresh = analytics.get("/v1/summary")
    assert (fresh["is_stale"], fresh["stale_reason"]) == (False, None)
    analytics.move_clock(timedelta(minutes=21))
    late = _until(lambda: (found := analytics.get("/v1/summary"))["is_stale"] and found)
    assert late["stale_reason"] == "overdue"
    assert late["as_of"] == fresh["as_of"]


def test_a_refresh_tells_the_day_that_it_computes(crm: Crm, analytics: Analytics) -> None:
    fill(crm)
    queued = analytics.client.post("/v1/refreshes", json={}).json()
    assert queued["as_of"] is None
    analytics.published(refresh_id=queued["id"])
    assert analytics.get(f"/v1/refreshes/{queued['id']}")["as_of"] == "2026-01-31"
    analytics.published(as_of=date(2025, 6, 30))
    assert analytics.get("/v1/refreshes")["items"][0]["as_of"] == "2025-06-30"
