"""Runs Schemathesis against the CRM on each database: `python -m tests.fuzz --cases 2000`."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from services.crm_api.scopes import SCOPES
from services.foundation import migrating
from tests.conftest import BOTH, store_key
from tests.crm_api.served import Served, durable_database

TESTS = Path(__file__).resolve().parent
SEED = 20261123


def schemathesis(url: str, key: str, *, examples: int, seed: int, phases: str) -> tuple[bool, str]:
    """Run its command line with so many cases an operation; return success and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color"),
            *("--config-file", str(TESTS / "schemathesis.toml"), "run", f"{url}/openapi.json"),
            *("--header", f"Authorization:Bearer {key}", "--seed", str(seed)),
            *("--phases", phases, "--max-examples", str(examples)),
            *("--suppress-health-check", "all", "--request-timeout", "20", "--warnings", "off"),
            *("--generation-database", "none"),
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


def fuzz(kind: str, *, cases: int, seed: int) -> bool:
    """Run at least so many cases against the service on one kind of database."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with durable_database(kind, folder) as (url, _):
            migrating.upgrade("crm_api", url)
            key = store_key(url, scopes=SCOPES)
            with Served(url, folder) as served:
                document = json.loads((TESTS.parent / "docs/openapi/crm_api.json").read_text())
                operations = sum(len(path) for path in document["paths"].values())
                good, said = schemathesis(
                    served.url,
                    key,
                    examples=-(-cases // operations),
                    seed=seed,
                    phases="examples,coverage,fuzzing",
                )
    print(said)
    print(
        f"{kind}: seed {seed}, {cases_in(said)} cases, {'passed' if good else 'FAILED'}", flush=True
    )
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="how many at least, per database")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed, the same cases")
    parser.add_argument("--database", choices=BOTH, action="append", help="default: both")
    arguments = parser.parse_args()
    kinds = arguments.database or BOTH
    good = [fuzz(kind, cases=arguments.cases, seed=arguments.seed) for kind in kinds]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
