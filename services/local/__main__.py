"""`make run`: schema, keys, both services, demo data, first refresh; stops all with Ctrl-C."""

import argparse
import asyncio
import os
import queue
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

import services.foundation.loading as loading
from services.analytics.scopes import SCOPES as ANALYTICS_SCOPES
from services.analytics.settings import Settings as AnalyticsSettings
from services.crm_api.scopes import SCOPES as CRM_SCOPES
from services.crm_api.settings import Settings as CrmSettings
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.command_line import plain_failures, store_key
from services.foundation.keys import new_key
from services.foundation.serving import AddressTaken, require_free
from services.local.demo.importing import DemoFailed
from services.local.demo.load import AS_OF, CURRENCY, DECLARED, load_demo
from services.local.scopes import CARD_SCOPES, WORKER_SCOPES, WRITE_SCOPES
from shared.values import wire_instant

SERVICES = (("services.crm_api", "serve"), ("services.analytics", "serve"))
NO_DEMO, LOG_ALONE = "false", "cdnow"
"""What PHASEWISE_DEMO says beside the default: log and invented customers."""
_READY_SECONDS = 60.0
_END_SECONDS = 20.0

# Not an exception: one that came between starting a service and noting it would leave it. Not an
# event either: to set it in a signal's handler can wait for ever for the wait that was interrupted.
_stops: queue.SimpleQueue[int] = queue.SimpleQueue()
Process = subprocess.Popen[bytes]


class Stopped(Exception):
    """Somebody asked us to stop."""


class NotStarted(Exception):
    """A service ended, or the first refresh failed, before all was ready."""


def listen() -> None:
    """Let the signals that ask for an end be noticed by the next `say` or `pause`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup and shells' & want it ignored
            signal.signal(number, lambda number, _: _stops.put(number))


def say(text: str) -> None:
    if not _stops.empty():
        raise Stopped
    print(text, flush=True)


def pause(seconds: float) -> None:
    with suppress(queue.Empty):
        _stops.get(timeout=seconds)
        raise Stopped


def write_key(path: Path) -> None:
    """Make a key file that only its owner can read; an existing one stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(new_key("local") + "\n")
    temporary.replace(path)


def require_ports(crm: CrmSettings, analytics: AnalyticsSettings) -> None:
    """Do nothing if both services can listen; better to know before anything is begun."""
    for name, host, port in (
        ("PHASEWISE_CRM_PORT", crm.crm_host, crm.crm_port),
        ("PHASEWISE_ANALYTICS_PORT", analytics.analytics_host, analytics.analytics_port),
    ):
        try:
            require_free(host, port)
        except AddressTaken as error:
            raise AddressTaken(f"{error}; choose another with {name}") from error
    if crm.crm_port == analytics.analytics_port:
        raise AddressTaken("PHASEWISE_CRM_PORT and PHASEWISE_ANALYTICS_PORT name the same port")


def prepare(crm: CrmSettings, analytics: AnalyticsSettings, developer: Path) -> None:
    """Bring both databases to the newest schema and let the keys in."""
    write_key(developer)
    write_key(analytics.key_file)
    write_key(analytics.write_key_file)
    write_key(analytics.card_key_file)
    for service, url in (("crm_api", crm.database_url), ("analytics", analytics.database_url)):
        if migrating.present(url) != migrating.newest(service):
            migrating.upgrade(service, url)

    async def store(path: Path, name: str, service: str, url: str, scopes: Any) -> None:
        await store_key(service, url, path.read_text().strip(), name=name, scopes=scopes)

    async def store_all() -> None:
        await store(developer, "developer", "crm_api", crm.database_url, CRM_SCOPES)
        await store(analytics.key_file, "analytics", "crm_api", crm.database_url, WORKER_SCOPES)
        planner = "analytics, decisions"
        await store(analytics.write_key_file, planner, "crm_api", crm.database_url, WRITE_SCOPES)
        cards = "analytics, customer cards"
        await store(analytics.card_key_file, cards, "crm_api", crm.database_url, CARD_SCOPES)
        await store(developer, "developer", "analytics", analytics.database_url, ANALYTICS_SCOPES)

    asyncio.run(store_all())


def start(*arguments: str) -> Process:
    return subprocess.Popen([sys.executable, "-m", *arguments])


def wait_until_ready(url: str, process: Process) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    # It reads no certificates, which takes longer than to ask, and here there are none.
    with httpx.Client(base_url=url, timeout=2, verify=False) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise NotStarted(f"the service at {url} ended; see the lines above")
            with suppress(httpx.HTTPError):
                if client.get("/readyz").status_code == 200:
                    return
            pause(0.05)
    raise NotStarted(f"{url} did not get ready within {_READY_SECONDS:.0f} seconds")


def wait_for_version(url: str, key: str, *, since: datetime, asks: bool) -> str:
    """Show the progress of the first refresh and return what its version is read as of.

    A version of an earlier start is there at once; `asks` for a refresh where none is scheduled.
    """
    headers, shown = {"Authorization": f"Bearer {key}"}, ""
    with httpx.Client(base_url=url, headers=headers, timeout=10) as client:
        while (answer := client.get("/v1/summary")).status_code != 200:
            if asks:
                client.post("/v1/refreshes", json={}).raise_for_status()
                asks = False
            items = client.get("/v1/refreshes", params={"limit": 1}).raise_for_status().json()
            for refresh in items["items"]:
                if refresh["created_at"] < wire_instant(since):
                    continue
                line = (
                    f"  refresh: {refresh['stage'].replace('_', ' ')} ({refresh['progress']:.0%})"
                )
                if line != shown:
                    say(line)
                    shown = line
                if refresh["status"] == "failed":
                    raise NotStarted(f"the first refresh failed: {refresh['failure']}")
            pause(0.1)
    return str(answer.json()["as_of"])


def welcome(crm: str, analytics: str, key_file: Path, *, as_of: str, is_demo: bool) -> None:
    key = f'-H "Authorization: Bearer $(cat {shlex.quote(str(key_file))})"'
    base = f"The demo base is read as of {as_of}, the day after its last purchase"
    if not is_demo or as_of != AS_OF:
        base = f"What is computed is read as of {as_of}"
    say(
        f"""
Phasewise runs. Stop it with Ctrl-C.

  CRM        {crm}/docs
  Analytics  {analytics}/docs
  Key        {key_file}  (all scopes; send it as Authorization: Bearer <key>)

{base} (every answer says so).
Three questions to start with:

  curl -s {key} "{analytics}/v1/summary"
  curl -s {key} "{analytics}/v1/customers?sort=-value&limit=3"
  curl -s {key} "{crm}/v1/deals?limit=2"
"""
    )


def watch(processes: list[Process]) -> None:
    """Start a service again when it ends: one that is down must not take the other with it."""
    while True:
        for place, command in enumerate(SERVICES):
            if processes[place].poll() is not None:
                say(f"{command[0]} ended with {processes[place].returncode}; starting it again.")
                processes[place] = start(*command)
        pause(1)


def run(processes: list[Process], *, demo: str) -> None:
    """Start everything, say where it is, and stay; `processes` gets what must be ended."""
    started, since = time.monotonic(), utc_now()
    crm_settings, analytics_settings = CrmSettings(), AnalyticsSettings()
    crm = f"http://127.0.0.1:{crm_settings.crm_port}"
    analytics = f"http://127.0.0.1:{analytics_settings.analytics_port}"
    key_file = crm_settings.data_dir.resolve() / "dev.key"
    require_ports(crm_settings, analytics_settings)
    prepare(crm_settings, analytics_settings, key_file)
    key = key_file.read_text().strip()
    processes.append(start(*SERVICES[0]))
    wait_until_ready(crm, processes[0])
    if demo != NO_DEMO:
        load_demo(crm, key, say=say, with_invented=demo != LOG_ALONE)
    processes.append(start(*SERVICES[1]))
    wait_until_ready(analytics, processes[1])
    asks = analytics_settings.refresh_minutes == 0
    as_of = wait_for_version(analytics, key, since=since, asks=asks)
    say(f"Ready after {time.monotonic() - started:.1f} seconds.")
    welcome(crm, analytics, key_file, as_of=as_of, is_demo=demo != NO_DEMO)
    watch(processes)


def end(processes: list[Process]) -> None:
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> None:
    argparse.ArgumentParser(
        prog="make run",
        description=__doc__,
        epilog="Settings are environment variables: PHASEWISE_DEMO=false for a base without the "
        "demo data, PHASEWISE_DEMO=cdnow for the real log without the invented customers, and those "
        "that python -m services.crm_api --help and python -m services.analytics --help name.",
    ).parse_args()
    os.umask(0o077)  # databases, uploads and keys hold personal data
    demo = os.environ.get("PHASEWISE_DEMO", "").lower()
    demo = NO_DEMO if demo in ("false", "0", "no", "off") else demo
    if demo != NO_DEMO:
        os.environ.setdefault("PHASEWISE_AS_OF", AS_OF)
        os.environ.setdefault("PHASEWISE_BASE_CURRENCY", CURRENCY)
    if demo not in (NO_DEMO, LOG_ALONE):
        os.environ.setdefault("PHASEWISE_CATALOGUE_OVERLAY", str(DECLARED))
    os.environ.setdefault("PHASEWISE_LOG_LEVEL", "warning")
    listen()
    processes: list[Process] = []
    try:
        with plain_failures():
            run(processes, demo=demo)
    except Stopped:
        print("stopping", flush=True)
    except (NotStarted, DemoFailed, httpx.HTTPError) as reason:
        sys.exit(f"Phasewise could not be started: {reason}")
    finally:
        end(processes)


if __name__ == "__main__":
    loading.has_ended()
    main()
