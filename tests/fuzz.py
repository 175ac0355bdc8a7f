"""Runs Schemathesis against each service on each database: `python -m tests.fuzz --cases 5000`."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from services.analytics.app import create_app
from services.analytics.scopes import SCOPES as ANALYTICS_SCOPES
from services.analytics.settings import Settings
from services.crm_api.scopes import SCOPES as CRM_SCOPES
from services.foundation import migrating
from tests.analytics.published import publish_simulated
from tests.conftest import BOTH, store_key
from tests.crm_api.served import Served, durable_database
from tests.live import LiveServer

TESTS = Path(__file__).resolve().parent
SEED = 20261123
CHAINS_SECONDS = 60
"""How long chains of linked operations are tried before they are counted."""


def schemathesis(
    url: str, key: str, *, examples: int, seed: int, phases: str, seconds: int | None = None
) -> tuple[bool, str]:
    """Run its command line with so many cases an operation; return success and what it said.

    With `seconds` the phases are repeated, each time with other cases, until these are over.
    """
    httpx.get(f"{url}/openapi.json", timeout=120).raise_for_status()  # made once, in seconds
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color"),
            *("--config-file", str(TESTS / "schemathesis.toml"), "run", f"{url}/openapi.json"),
            *("--header", f"Authorization:Bearer {key}", "--seed", str(seed)),
            *("--phases", phases, "--max-examples", str(examples)),
            *("--suppress-health-check", "all", "--request-timeout", "20", "--warnings", "off"),
            *("--generation-database", "none"),
            *(("--max-time", str(seconds)) if seconds else ()),
        ]
        path = os.pathsep.join([str(TESTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {
            "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks",
            "PYTHONPATH": path,
            "COLUMNS": "120",
        }
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=3000,
        )
    return done.returncode == 0, done.stdout + done.stderr


def cases_in(said: str) -> int:
    """Read from its summary how many cases it generated."""
    found = re.search(r"(\d[\d,]*) generated", said)
    return int(found.group(1).replace(",", "")) if found else 0


@contextmanager
def _crm_api(url: str, folder: Path) -> Iterator[tuple[str, str]]:
    migrating.upgrade("crm_api", url)
    with Served(url, folder) as served:
        yield served.url, store_key(url, scopes=CRM_SCOPES)


@contextmanager
def _analytics(url: str, folder: Path) -> Iterator[tuple[str, str]]:
    """A published base, so that answers are looked at; no refresh runs, there is no CRM."""
    migrating.upgrade("analytics", url)
    publish_simulated(url, data_dir=folder)
    settings = Settings(
        data_dir=folder,
        analytics_database_url=url,
        analytics_requests_per_minute=10_000_000,
        log_requests=False,
    )
    with LiveServer(create_app(settings, schedules=False)) as live:
        yield live.url, store_key(url, scopes=ANALYTICS_SCOPES)


SERVICES = {"crm_api": _crm_api, "analytics": _analytics}


def chains(url: str, key: str, *, seed: int) -> tuple[bool, str]:
    """Follow links for a while.

    The service remembers, so that Hypothesis soon sees other answers than before and ends a round
    without a word, whatever `--max-examples` says; a time limit lets Schemathesis begin another one.
    """
    phases, seconds = "stateful", CHAINS_SECONDS
    return schemathesis(url, key, examples=100, seed=seed, phases=phases, seconds=seconds)


def tell(what: str, said: str, *, seed: int, good: bool) -> None:
    verdict = "passed" if good else "FAILED"
    print(said, f"{what}: seed {seed}, {cases_in(said)} cases, {verdict}", sep="\n", flush=True)


def fuzz(service: str, kind: str, *, cases: int, seed: int) -> bool:
    """Run at least so many cases against a service on one kind of database."""
    document = json.loads((TESTS.parent / f"docs/openapi/{service}.json").read_text())
    operations = sum(len(path) for path in document["paths"].values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with durable_database(kind, folder) as (url, _), SERVICES[service](url, folder) as served:
            examples = -(-cases // operations)
            phases = "examples,coverage,fuzzing"
            good, said = schemathesis(*served, examples=examples, seed=seed, phases=phases)
            tell(f"{service} on {kind}, {phases}", said, seed=seed, good=good)
            done = 0
            while good and done < cases:
                good, said = chains(*served, seed=seed + done)
                good = good and cases_in(said) > 0
                tell(f"{service} on {kind}, stateful", said, seed=seed + done, good=good)
                done += cases_in(said)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="how many at least, per database")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="the same seed, the same cases; of chains, as many"
    )
    parser.add_argument("--service", choices=SERVICES, action="append", help="default: both")
    parser.add_argument("--database", choices=BOTH, action="append", help="default: both")
    arguments = parser.parse_args()
    good = [
        fuzz(service, kind, cases=arguments.cases, seed=arguments.seed)
        for service in arguments.service or SERVICES
        for kind in arguments.database or BOTH
    ]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
