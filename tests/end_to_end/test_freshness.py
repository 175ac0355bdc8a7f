"""How old the answers are, and that they say so: also while the CRM is down."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics, MakeAnalytics
from tests.end_to_end.test_refresh import fill
from tests.live import client, free_port


def _until(read: Callable[[], Any], *, seconds: float = 90.0) -> Any:
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
        "PHASEWISE_REFRESH_RETRY_SECONDS": "2",
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


@pytest.mark.parametrize("crm", ["sqlite"], indirect=True)
def test_a_version_of_a_past_day_says_so_until_a_refresh_of_the_day(
    crm: Crm, analytics: Analytics
) -> None:
    fill(crm)
    today = analytics.settings.as_of
    assert today is not None
    for as_of, reason in ((today - timedelta(days=1), "past_day"), (None, None), (today, None)):
        analytics.published(as_of=as_of)
        told = _until(partial(_summary_told, analytics.client, reason))
        assert told["is_stale"] is (reason is not None)
        assert told["as_of"] == (as_of or today).isoformat()


def _summary(http: httpx.Client) -> dict[str, Any] | None:
    try:
        answer = http.get("/v1/summary")
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def _summary_told(http: httpx.Client, stale_reason: str | None) -> dict[str, Any] | None:
    """Return the summary if it gives that reason."""
    found = _summary(http)
    return found if found is not None and found["stale_reason"] == stale_reason else None


@pytest.mark.long
def test_while_the_crm_is_down_the_last_version_is_served_says_so_and_recovers_by_itself(
    crm_on_sqlite: Crm, make_analytics: MakeAnalytics
) -> None:
    crm, analytics = crm_on_sqlite, make_analytics(crm_on_sqlite)
    customer = fill(crm)[0]
    port = urlsplit(crm.url).port
    with served(analytics, PHASEWISE_REFRESH_MINUTES="0.1") as http:
        first = _until(lambda: _summary(http))
        assert (first["is_stale"], first["stale_reason"]) == (False, None)
        crm.stop()
        try:
            stale = _until(lambda: _summary_told(http, "crm_unavailable"))
            for path in ("/v1/customers", f"/v1/customers/{customer}", "/v1/refreshes"):
                assert http.get(path).status_code == 200
        finally:
            crm.start(port=port)
        assert stale["is_stale"]
        assert stale["as_of"] == first["as_of"] == "2026-01-31"
        assert stale["model_version"] == first["model_version"]
        assert stale["total"] == first["total"]
        fresh = _until(lambda: _summary_told(http, None))
        assert not fresh["is_stale"]
        assert fresh["crm_read_at"] > stale["crm_read_at"]
        assert fresh["total"] == first["total"]


@pytest.mark.long
def test_a_service_started_while_the_crm_is_down_answers_with_the_last_version(
    crm_on_sqlite: Crm, make_analytics: MakeAnalytics
) -> None:
    fill(crm_on_sqlite)
    analytics = make_analytics(crm_on_sqlite)
    analytics.published()
    before = analytics.get("/v1/summary")
    crm_on_sqlite.stop()
    try:
        with served(analytics) as http:
            stale = _until(lambda: _summary_told(http, "crm_unavailable"))
    finally:
        crm_on_sqlite.start()
    assert stale == before | {"is_stale": True, "stale_reason": "crm_unavailable"}


@pytest.mark.parametrize(
    ("settings", "failure", "reason"),
    [
        ({"analytics_key_file": Path("/nowhere/key")}, "crm_key_missing", "crm_key_missing"),
        ({"crm_url": "http://127.0.0.1:9"}, "crm_unavailable", "crm_unavailable"),
        ({"business_time_zone": "Nowhere/Town"}, "zone_info_not_found_error", "refresh_failed"),
    ],
)
def test_the_reason_is_one_of_few_words_and_the_refresh_names_the_failure(
    crm_on_sqlite: Crm,
    make_analytics: MakeAnalytics,
    settings: dict[str, Any],
    failure: str,
    reason: str,
) -> None:
    fill(crm_on_sqlite)
    analytics = make_analytics(crm_on_sqlite)
    analytics.published()
    assert analytics.refresh(**settings)["failure"] == failure
    assert _until(lambda: _summary_told(analytics.client, reason))["is_stale"]
    assert analytics.get("/v1/refreshes")["items"][0]["failure"] == failure


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
