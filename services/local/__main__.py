"""`make run`: schema, keys, both services, demo data, first refresh; stops all with Ctrl-C."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

import httpx

from services.analytics.scopes import SCOPES as ANALYTICS_SCOPES
from services.analytics.settings import Settings as AnalyticsSettings
from services.crm_api.scopes import SCOPES as CRM_SCOPES
from services.crm_api.settings import Settings as CrmSettings
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.keys import add_key, has_key, new_key
from services.local.demo.load import AS_OF, CURRENCY, load_demo
from shared.values import wire_instant

# What analytics may read in the CRM: no scope that shows personal data.
WORKER_SCOPES = ("contacts:read", "interactions:read", "deals:read", "changes:read")
_READY_SECONDS = 60.0
_END_SECONDS = 20.0


SERVICES = (("services.crm_api", "serve"), ("services.analytics", "serve"))


class Stopped(Exception):
    """Somebody asked us to stop, or a service ended by itself."""


def say(text: str) -> None:
    print(text, flush=True)


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


async def store_keys(url: str, keys: Sequence[tuple[Path, str, Sequence[str]]]) -> None:
    """Let the keys in these files into a database."""
    database = connect(url)
    await database.open()
    try:
        for path, name, scopes in keys:
            key = path.read_text().strip()
            if not await has_key(database, key):
                await add_key(database, key, name=name, scopes=scopes, now=utc_now())
    finally:
        await database.close()


def prepare(folder: Path) -> None:
    """Bring both databases to the newest schema and let both keys in."""
    developer, worker = folder / "dev.key", folder / "analytics.key"
    write_key(developer)
    write_key(worker)
    crm, analytics = CrmSettings().database_url, AnalyticsSettings().database_url
    for service, url in (("crm_api", crm), ("analytics", analytics)):
        if migrating.present(url) != migrating.newest(service):
            migrating.upgrade(service, url)
    asyncio.run(
        store_keys(
            crm, [(developer, "developer", CRM_SCOPES), (worker, "analytics", WORKER_SCOPES)]
        )
    )
    asyncio.run(store_keys(analytics, [(developer, "developer", ANALYTICS_SCOPES)]))


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", *arguments])


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Stopped(f"the service at {url} ended; is the port taken? See the lines above.")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise Stopped(f"{url} did not get ready within {_READY_SECONDS:.0f} seconds")


def wait_for_version(url: str, key: str, *, since: datetime) -> None:
    """Show the progress of the first refresh; a version of an earlier start is there at once."""
    headers, shown = {"Authorization": f"Bearer {key}"}, ""
    with httpx.Client(base_url=url, headers=headers, timeout=10) as client:
        while client.get("/v1/summary").status_code != 200:
            items = client.get("/v1/refreshes", params={"limit": 1}).json().get("items")
            if items and items[0]["created_at"] >= wire_instant(since):
                stage, progress = items[0]["stage"].replace("_", " "), items[0]["progress"]
                line = f"  refresh: {stage} ({progress:.0%})"
                if line != shown:
                    say(line)
                    shown = line
                if items[0]["status"] == "failed":
                    raise Stopped(f"the first refresh failed: {items[0]['failure']}")
            time.sleep(0.1)


def welcome(crm: str, analytics: str, key_file: Path) -> None:
    key = f'-H "Authorization: Bearer $(cat {key_file})"'
    say(
        f"""
Phasewise runs. Stop it with Ctrl-C.

  CRM        {crm}/docs
  Analytics  {analytics}/docs
  Key        {key_file}  (all scopes; send it as Authorization: Bearer <key>)

The demo base is read as of {AS_OF}, the day after its last purchase (every answer says so).
Three questions to start with:

  curl -s {key} "{analytics}/v1/summary"
  curl -s {key} "{analytics}/v1/customers?sort=-value_at_risk&limit=3"
  curl -s {key} "{crm}/v1/deals?limit=2"
"""
    )


def _stop(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped("stopping")


def watch(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Start a service again when it ends: one that is down must not take the other with it."""
    while True:
        for place, command in enumerate(SERVICES):
            if processes[place].poll() is not None:
                say(f"{command[0]} ended with {processes[place].returncode}; starting it again.")
                processes[place] = start(*command)
        time.sleep(1)


def main() -> None:
    os.umask(0o077)  # databases, uploads and keys hold personal data
    started, since = time.monotonic(), utc_now()
    folder = Path(os.environ.setdefault("PHASEWISE_DATA_DIR", "var"))
    os.environ.setdefault("PHASEWISE_AS_OF", AS_OF)
    os.environ.setdefault("PHASEWISE_BASE_CURRENCY", CURRENCY)
    os.environ.setdefault("PHASEWISE_LOG_LEVEL", "warning")
    # The first refresh is asked for below, once the demo data are in; later ones are scheduled.
    crm = f"http://127.0.0.1:{os.environ.get('PHASEWISE_CRM_PORT', '8000')}"
    analytics = f"http://127.0.0.1:{os.environ.get('PHASEWISE_ANALYTICS_PORT', '8001')}"
    signal.signal(signal.SIGTERM, _stop)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        prepare(folder)
        processes.append(start(*SERVICES[0]))
        wait_until_ready(crm, processes[0])
        key = (folder / "dev.key").read_text().strip()
        load_demo(crm, key, say=say)
        processes.append(start(*SERVICES[1]))
        wait_until_ready(analytics, processes[1])
        wait_for_version(analytics, key, since=since)
        say(f"Ready after {time.monotonic() - started:.1f} seconds.")
        welcome(crm, analytics, folder / "dev.key")
        watch(processes)
    except (Stopped, KeyboardInterrupt) as reason:
        say(str(reason) or "stopping")
        sys.exit(0 if isinstance(reason, KeyboardInterrupt) or str(reason) == "stopping" else 1)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
