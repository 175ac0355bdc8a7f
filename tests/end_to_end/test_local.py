"""`make run` as its reader meets it: what it prints works, what it opens is private, it ends cleanly."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from services.foundation.keys import new_key
from services.local.demo.invented.generating import tell_all
from services.local.demo.load import AS_OF
from tests.crm_api.bodies import problem
from tests.end_to_end.local_run import LocalRun
from tests.live import client

STORIES = [each.story for each in tell_all()]
CONTACTS = 2357 + sum(len(story.contacts) for story in STORIES)
DEALS = 6919 + sum(len(story.deals) for story in STORIES)
SERVICES = {"crm": "/v1/deals", "analytics": "/v1/summary"}
each_service = pytest.mark.parametrize("service", SERVICES)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """One start for all tests; each leaves it running."""
    running = LocalRun(tmp_path_factory.mktemp("local") / "our data")
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[LocalRun]:
    """A start that the test makes and ends itself."""
    running = LocalRun(tmp_path / "data")
    yield running
    running.kill()


def curl_lines(local: LocalRun) -> list[str]:
    return re.findall(r"^  (curl .*)$", local.output, re.MULTILINE)


def test_it_says_where_everything_is(local: LocalRun) -> None:
    for url in local.urls.values():
        assert f" {url}/docs\n" in local.output
    assert f" {local.folder / 'dev.key'} " in local.output
    assert f"as of {AS_OF}" in local.output
    assert len(curl_lines(local)) == 3
    assert "Traceback" not in local.output
    assert '"level":"error"' not in local.output


@pytest.mark.parametrize("number", range(3))
def test_each_printed_curl_line_works_as_it_is_printed(
    local: LocalRun, tmp_path: Path, number: int
) -> None:
    line = curl_lines(local)[number]
    pasted = subprocess.run(["sh", "-c", line], capture_output=True, cwd=tmp_path, timeout=30)
    assert (pasted.returncode, pasted.stderr) == (0, b"")
    answer = json.loads(pasted.stdout)
    if "/summary" in line:
        # Six object to profiling, which are enough to be counted among all.
        assert answer["total"]["customer_count"] == 2357 + len(STORIES)
    else:
        assert len(answer["items"]) == int(line.partition("limit=")[2].strip('"'))


def test_what_it_writes_is_for_its_owner_only(local: LocalRun) -> None:
    assert stat.S_IMODE((local.folder / "dev.key").stat().st_mode) == 0o600
    for path in (local.folder, *local.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


class References(HTMLParser):
    """Collects what a page makes a browser fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            self.found += [value or "" for name, value in attrs if name in ("src", "href")]


@each_service
def test_the_docs_page_and_all_it_loads_come_from_the_service_itself(
    local: LocalRun, service: str
) -> None:
    with client(local.urls[service], None) as anybody:
        page = anybody.get("/docs")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = page.headers["content-security-policy"].split(";")
        words = {word for rule in policy for word in rule.split()[1:]}
        assert "default-src 'self'" in policy
        assert words == {"'self'", "'unsafe-inline'", "data:"}  # no place elsewhere
        references = References(page.text).found
        own = [reference for reference in references if not reference.startswith("data:")]
        assert {name.rpartition(".")[2] for name in own} == {"css", "js"}
        for reference in own:
            assert reference.startswith("/docs/assets/")
            asset = anybody.get(reference)
            kind = "text/css" if reference.endswith(".css") else "text/javascript"
            assert asset.status_code == 200
            assert asset.headers["content-type"].startswith(kind)
            if kind == "text/css":
                addresses = re.findall(r"url\(\s*[\"']?(.{5})", asset.text)
                assert "@import" not in asset.text
                assert set(addresses) == {"data:"}
        document = anybody.get("/openapi.json")
        assert document.json()["openapi"].startswith("3.1")
        start = next(name for name in own if name.endswith("/docs.js"))
        assert "://" not in anybody.get(start).text
        assert 'url: "/openapi.json"' in anybody.get(start).text


@each_service
@pytest.mark.parametrize(
    "key", [None, new_key("local"), "nonsense"], ids=["no key", "another key", "no key of ours"]
)
def test_without_a_key_of_its_own_nothing_is_answered(
    local: LocalRun, service: str, key: str | None
) -> None:
    with client(local.urls[service], key) as stranger:
        problem(stranger.get(SERVICES[service]), 401, "unauthenticated")


def test_answers_say_that_they_are_as_of_the_day_of_the_demo(local: LocalRun) -> None:
    assert local.get("analytics", "/v1/summary")["as_of"] == AS_OF
    page = local.get("analytics", "/v1/customers?limit=1&sort=-value")
    assert page["as_of"] == AS_OF
    customer = local.get("analytics", f"/v1/customers/{page['items'][0]['unit_id']}")
    assert customer["as_of"] == AS_OF
    assert customer["rhythm"]["last_purchase_date"] < AS_OF


@each_service
def test_it_listens_on_loopback_only(local: LocalRun, service: str) -> None:
    port = local.ports[service]
    # What listens on every address also listens here, and this one is always there on Linux.
    for family, elsewhere in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe, pytest.raises(OSError):
            probe.connect((elsewhere, port))
    with socket.create_connection(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize(("service", "name"), [("crm", "crm_api"), ("analytics", "analytics")])
def test_a_service_that_is_killed_is_started_again_and_the_other_one_stays(
    local: LocalRun, service: str, name: str
) -> None:
    other = "crm_api" if name == "analytics" else "analytics"
    killed, staying = local.service_process(name), local.service_process(other)
    subprocess.run(["kill", "-KILL", str(killed)], check=True)
    local.wait_for_line(f"services.{name} ended with -9; starting it again")
    deadline = time.monotonic() + 20
    with client(local.urls[service], None) as anybody:
        while True:
            with suppress(httpx.TransportError):
                if anybody.get("/readyz").status_code == 200:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.1)
    local.get(service, SERVICES[service])
    assert local.service_process(name) != killed
    assert local.service_process(other) == staying


@each_service
def test_a_taken_port_is_said_before_anything_is_begun(
    local: LocalRun, another: LocalRun, service: str
) -> None:
    port = local.ports[service]
    environment = another.environment | {f"PHASEWISE_{service.upper()}_PORT": str(port)}
    command = [sys.executable, "-m", "services.local"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use; "
        f"choose another with PHASEWISE_{service.upper()}_PORT\n"
    )
    assert not another.folder.exists()


def test_it_ends_when_told_to_and_starts_again_with_the_same_key_and_data(
    local: LocalRun,
) -> None:
    assert (local.count("contacts"), local.count("deals")) == (CONTACTS, DEALS)
    key, first_page = local.key, local.get("crm", "/v1/deals?limit=200")
    imports = local.get("crm", "/v1/imports")
    version = local.get("analytics", "/v1/summary")["model_version"]
    code, seconds, left = local.end(signal.SIGTERM)
    assert (code, left) == (0, set())
    assert seconds < 10
    assert local.said[-1] == "stopping\n"
    assert "Traceback" not in local.output
    for port in local.ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    local.start()
    assert "mport" not in local.output
    assert local.key == key
    assert (local.count("contacts"), local.count("deals")) == (CONTACTS, DEALS)
    assert local.get("crm", "/v1/deals?limit=200") == first_page
    assert local.get("crm", "/v1/imports") == imports
    assert local.get("analytics", "/v1/summary")["model_version"] == version


def test_it_ends_cleanly_in_the_middle_of_the_first_start(another: LocalRun) -> None:
    another.begin()
    another.wait_for_line("import:")
    code, seconds, left = another.end(signal.SIGTERM)
    assert (code, left) == (0, set())
    assert seconds < 10
    assert "Traceback" not in another.output
    assert another.said[-1] == "stopping\n"


def test_a_signal_that_interrupts_a_wait_is_noticed_by_the_next() -> None:
    program = """
import os, signal, threading, time
from services.local import __main__ as local

local.listen()
is_over = False

def rain():
    while not is_over:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.00005)

raining = threading.Thread(target=rain)
raining.start()
stops, deadline = 0, time.monotonic() + 3
while time.monotonic() < deadline:
    try:
        local.pause(0.000001)
    except local.Stopped:
        stops += 1
is_over = True
raining.join()
print(stops)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, b"")
    assert int(run.stdout) > 100


def test_without_the_demo_the_base_is_empty_and_read_as_of_today(another: LocalRun) -> None:
    another.environment |= {"PHASEWISE_DEMO": "false", "PHASEWISE_REFRESH_MINUTES": "0"}
    another.start()
    assert (another.count("contacts"), another.count("deals")) == (0, 0)
    summary = another.get("analytics", "/v1/summary")
    assert summary["as_of"] > AS_OF
    assert summary["currency"] == "EUR"
    assert f"as of {summary['as_of']}" in another.output
    code, seconds, left = another.end(signal.SIGINT)
    assert (code, left) == (0, set())
    assert seconds < 10
    assert "Traceback" not in another.output
