"""The commands as one who runs the services meets them: help, wrong use, and what cannot be done."""

import logging
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic_settings import BaseSettings

from services.analytics.settings import Settings as AnalyticsSettings
from services.crm_api.settings import Settings as CrmSettings
from tests.conftest import Templates
from tests.live import client, free_port
from tests.postgresql import PostgresServer

COMMANDS = {
    "crm_api": ("serve", "migrate", "add-key", "openapi"),
    "analytics": ("serve", "refresh", "catalogue", "migrate", "add-key", "openapi"),
}
SETTINGS: dict[str, type[BaseSettings]] = {"crm_api": CrmSettings, "analytics": AnalyticsSettings}
EACH = [(service, command) for service, commands in COMMANDS.items() for command in commands]
URL = "PHASEWISE_CRM_DATABASE_URL"
NOBODY_THERE = "postgresql://user:secret@127.0.0.1:1/crm"


@dataclass
class Outcome:
    code: int
    output: str
    complaint: str

    @property
    def line(self) -> str:
        """The last line of what was complained about, behind argparse's usage if there is one."""
        lines = self.complaint.strip().splitlines()
        assert "Traceback" not in self.complaint
        assert len(lines) == 1 or lines[0].startswith("usage: "), self.complaint
        return lines[-1]


Run = Callable[..., Outcome]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Run]:
    """Run a command in this process, which spares the start of an interpreter."""
    for name in [name for name in os.environ if name.startswith("PHASEWISE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PHASEWISE_DATA_DIR", str(tmp_path / "data"))

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(service: str, *words: str, **environment: str) -> Outcome:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", [service, *words])
        root.handlers.clear()
        root.setLevel(logging.WARNING)
        ended: str | int | None = 0
        try:
            runpy.run_module(f"services.{service}", run_name="__main__")
        except SystemExit as error:
            ended = error.code
        output, complaint = capfd.readouterr()
        if isinstance(ended, str):
            return Outcome(1, output, f"{complaint}{ended}\n")
        return Outcome(ended or 0, output, complaint)

    yield start
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.mark.parametrize("service", COMMANDS)
def test_help_names_every_command_and_every_setting(run: Run, service: str) -> None:
    said = run(service, "--help")
    assert said.code == 0
    for command in COMMANDS[service]:
        assert re.search(rf"^    {command}\s+\w", said.output, re.MULTILINE)
    for name in SETTINGS[service].model_fields:
        assert f"PHASEWISE_{name.upper()}" in said.output
    assert run(service).code == 2


@pytest.mark.parametrize(("service", "command"), EACH)
def test_every_command_says_what_it_does(run: Run, service: str, command: str) -> None:
    said = run(service, command, "--help")
    assert said.code == 0
    assert f"usage: python -m services.{service} {command}" in said.output
    assert len(said.output.splitlines()) > 5


def test_a_faulty_overlay_is_told_by_line_and_a_good_one_by_what_it_changes(
    run: Run, tmp_path: Path
) -> None:
    overlay = tmp_path / "own.yaml"
    words = ("catalogue", "check", "--overlay", str(overlay))
    overlay.write_text("channels:\n  fax: {unit_cost: 1}\n", encoding="utf-8")
    faulty = run("analytics", *words)
    assert faulty.code == 2
    assert faulty.line.startswith(f"{overlay}:2: channels.fax: There is no entry `fax`")
    overlay.write_text("channels:\n  sms: {unit_cost: 1}\n", encoding="utf-8")
    good = run("analytics", *words)
    assert (good.code, good.complaint) == (0, "")
    assert good.output == f"fine: {overlay} changes 1 entry\n  channels.sms: unit_cost\n"


@pytest.mark.parametrize("service", COMMANDS)
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["add-key"], "required: --name"),
        (["add-key", "--name", ""], "a name has 1 to 100 characters"),
        (["add-key", "--name", "x" * 101], "a name has 1 to 100 characters"),
        (["add-key", "--name", "shop", "--scopes", "everything"], "'everything' (choose from "),
        (["add-key", "--name", "shop", "--scopes"], "expected at least one"),
    ],
)
def test_wrong_words_end_with_code_2_and_say_which(
    run: Run, service: str, words: list[str], complaint: str
) -> None:
    said = run(service, *words)
    assert said.code == 2
    assert complaint in said.line


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--as-of", "yesterday"], "a day is written YYYY-MM-DD"),
        (["--as-of", "31.12.2025"], "a day is written YYYY-MM-DD"),
        (["--id", "last"], "is a UUID"),
    ],
)
def test_a_refresh_is_not_begun_for_wrong_words(run: Run, words: list[str], complaint: str) -> None:
    said = run("analytics", "refresh", *words)
    assert said.code == 2
    assert complaint in said.line


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PHASEWISE_CRM_PORT", "http", "PHASEWISE_CRM_PORT: "),
        ("PHASEWISE_CRM_PORT", "65536", "PHASEWISE_CRM_PORT: "),
        ("PHASEWISE_LOG_LEVEL", "loud", "PHASEWISE_LOG_LEVEL: "),
        ("PHASEWISE_CRM_ALLOWED_HOSTS", "crm.example.org", "PHASEWISE_CRM_ALLOWED_HOSTS: a list"),
        ("PHASEWISE_CRM_HOST", "0.0.0.0", "PHASEWISE_CRM_HOST opens the service to a network"),
        ("PHASEWISE_BUSINESS_TIME_ZONE", "Mars/Base", "a time zone such as Europe/Berlin"),
        (URL, "mysql://user:secret@host/crm", "starts with sqlite:///FILE or postgresql://"),
        (URL, "sqlite://crm.sqlite3", "starts with sqlite:///FILE or postgresql://"),
        (URL, "sqlite:///", "starts with sqlite:///FILE or postgresql://"),
        (URL, "postgresql://user:secret@host:99999/crm", "user:password@host:port"),
        (URL, "postgresql://user:secret@host:port/crm", "user:password@host:port"),
        (URL, f"{NOBODY_THERE}?sslmode=secretly", "sslmode"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_setting_that_cannot_be_is_named_without_its_secret(
    run: Run, command: str, name: str, value: str, complaint: str
) -> None:
    said = run("crm_api", command, **{name: value})
    assert said.code == 2
    assert complaint in said.line
    assert "user:secret" not in said.complaint


@pytest.mark.parametrize("service", COMMANDS)
@pytest.mark.parametrize("words", [["add-key", "--name", "shop"], ["migrate"], ["refresh"]])
def test_a_database_that_cannot_be_reached_is_named(
    run: Run, service: str, words: list[str]
) -> None:
    if words[0] in COMMANDS[service]:
        name = f"PHASEWISE_{service.removesuffix('_api').upper()}_DATABASE_URL"
        said = run(service, *words, **{name: NOBODY_THERE})
        assert said.code == 1
        assert said.line == "the database at 127.0.0.1:1 cannot be reached"


@pytest.mark.parametrize("service", COMMANDS)
@pytest.mark.parametrize("words", [["serve"], ["add-key", "--name", "shop"], ["refresh"]])
def test_without_tables_a_command_says_how_to_make_them(
    run: Run, tmp_path: Path, service: str, words: list[str]
) -> None:
    if words[0] in COMMANDS[service]:
        port = {
            "PHASEWISE_CRM_PORT": str(free_port()),
            "PHASEWISE_ANALYTICS_PORT": str(free_port()),
        }
        for _ in range(2):
            said = run(service, *words, **port)
            assert said.code == 1
            assert said.line.endswith(f"; run: python -m services.{service} migrate")
            assert not list(tmp_path.rglob("*.sqlite3"))
        said = run(service, "migrate")
        assert (said.code, said.output) == (0, "")
        assert re.fullmatch(r"the database is at \w+", said.line)


def test_a_file_that_is_no_database_is_not_used(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, this is a letter. " * 9)
    for words in (["migrate"], ["serve"], ["add-key", "--name", "shop"]):
        port = {"PHASEWISE_CRM_PORT": str(free_port())}
        said = run("crm_api", *words, **{URL: f"sqlite:///{path}"}, **port)
        assert said.code == 1
        assert said.line == "the database cannot be used: file is not a database"


@pytest.mark.parametrize("service", COMMANDS)
def test_a_taken_port_is_named(run: Run, taken_port: int, service: str) -> None:
    name = f"PHASEWISE_{service.removesuffix('_api').upper()}_PORT"
    assert run(service, "migrate").code == 0
    said = run(service, "serve", **{name: str(taken_port)})
    assert said.code == 1
    assert said.line == f"cannot listen on 127.0.0.1 port {taken_port}: Address already in use"


def test_postgresql_that_lets_nobody_in_is_quoted_and_the_password_is_not(
    run: Run, postgres: PostgresServer
) -> None:
    url = postgres.url("postgres")
    password = url.split(":")[2].split("@")[0]
    missing = url.rpartition("/")[0] + "/nowhere"
    for words in (["migrate"], ["add-key", "--name", "shop"], ["serve"]):
        port = {"PHASEWISE_CRM_PORT": str(free_port())}
        for wrong, reason in (
            (url.replace(password, "wrong"), "password authentication failed"),
            (missing, 'database "nowhere" does not exist'),
        ):
            said = run("crm_api", *words, **{URL: wrong}, **port)
            assert said.code == 1
            assert said.line.startswith(f"the database refuses: {reason}")
            assert password not in said.complaint


def test_postgresql_takes_the_parameters_of_its_driver_everywhere(
    run: Run, postgres: PostgresServer
) -> None:
    postgres.create_database("parameters")
    url = postgres.url("parameters") + "?sslmode=prefer&application_name=migration"
    for words in (["migrate"], ["add-key", "--name", "shop"]):
        assert run("crm_api", *words, **{URL: url}).code == 0


def test_a_key_is_printed_once_and_a_key_from_a_file_is_not(run: Run, tmp_path: Path) -> None:
    assert run("crm_api", "migrate").code == 0
    made = run("crm_api", "add-key", "--name", "shop", "--scopes", "contacts:read", "deals:read")
    assert re.fullmatch(r"crm_live_\w+\n", made.output)
    assert (made.code, made.complaint) == (0, "")
    path = tmp_path / "shop.key"
    path.write_text(made.output)
    words = ["add-key", "--name", "shop", "--key-file", str(path)]
    again = run("crm_api", *words)
    assert (again.code, again.output) == (0, "")
    assert again.line == "this key is in already; nothing was changed"
    path.write_text(made.output.replace("live", "leave"))
    assert run("crm_api", *words).code == 2
    path.unlink()
    missing = run("crm_api", *words)
    assert missing.code == 1
    assert missing.line == f"{path}: No such file or directory"


def wait_for(url: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"{url}/readyz", timeout=2).status_code == 200
            return
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_service_serves_until_it_is_told_to_stop(
    run: Run, templates: Templates, tmp_path: Path
) -> None:
    database = templates.fresh("crm_api", "sqlite", tmp_path)
    key = run("crm_api", "add-key", "--name", "shop", "--scopes", "deals:read", **{URL: database})
    port = free_port()
    environment = os.environ | {URL: database, "PHASEWISE_CRM_PORT": str(port)}
    command = [sys.executable, "-m", "services.crm_api", "serve"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    wait_for(f"http://127.0.0.1:{port}", process)
    with client(f"http://127.0.0.1:{port}", key.output.strip()) as mine:
        assert mine.get("/v1/deals").status_code == 200
        assert mine.get("/v1/contacts").status_code == 403
    process.terminate()
    _, logged = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGTERM
    assert all(line.startswith("{") for line in logged.splitlines())
    assert "Traceback" not in logged


def test_a_refresh_ends_at_once_when_it_is_interrupted_even_while_the_crm_is_silent(
    run: Run, templates: Templates, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "analytics.key").write_text("key\n")
        environment = os.environ | {
            "PHASEWISE_ANALYTICS_DATABASE_URL": templates.fresh("analytics", "sqlite", tmp_path),
            "PHASEWISE_CRM_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        command = [sys.executable, "-m", "services.analytics", "refresh"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            assert "reading crm" in process.stderr.readline()
            silent.accept()
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=5)
        finally:
            process.kill()
        assert (process.returncode, complaint) == (-signal.SIGINT, "")
