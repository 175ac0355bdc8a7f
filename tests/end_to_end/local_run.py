"""The program behind `make run` in a process of its own, and what a reader of its output sees."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.live import client, free_port

_START_SECONDS = 120


def processes_below(pid: int) -> set[int]:
    """Return the ids of all processes that a process started, and that those started."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found, generation = set[int](), {pid}
    while generation:
        generation = {child for child, parent in parents.items() if parent in generation}
        found |= generation
    return found


class LocalRun:
    """`make run` on free ports and a data directory of its own; it can be started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"crm": free_port(), "analytics": free_port()}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PHASEWISE_")}
        self.environment = inherited | {
            "PHASEWISE_DATA_DIR": str(folder),
            "PHASEWISE_CRM_PORT": str(self.ports["crm"]),
            "PHASEWISE_ANALYTICS_PORT": str(self.ports["analytics"]),
        }
        self.process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.local"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for_line(self, words: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not any(words in line for line in self.said):
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.1))
            assert line is not None, "".join(self.said)
            self.said.append(line)

    def start(self) -> None:
        self.begin()
        self.wait_for_line("/v1/deals?limit=2")

    def end(self, how: signal.Signals) -> tuple[int, float, set[int]]:
        """Return the exit code, the seconds it took, and the processes that are still there.

        An interrupt reaches all of its processes, as Ctrl-C in a terminal does.
        """
        below, started = processes_below(self._pid), time.monotonic()
        (os.killpg if how == signal.SIGINT else os.kill)(self._pid, how)
        assert self.process is not None
        code = self.process.wait(60)
        seconds = time.monotonic() - started
        while (line := self._lines.get(timeout=10)) is not None:
            self.said.append(line)
        return code, seconds, {pid for pid in below if Path(f"/proc/{pid}").exists()}

    def kill(self) -> None:
        """End whatever is left of it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            for pid in (self._pid, *processes_below(self._pid)):
                os.kill(pid, signal.SIGKILL)
            self.process.wait(10)

    @property
    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def output(self) -> str:
        return "".join(self.said)

    @property
    def key(self) -> str:
        return (self.folder / "dev.key").read_text().strip()

    def get(self, service: str, path: str) -> Any:
        with client(self.urls[service], self.key) as mine:
            answer = mine.get(path)
            assert answer.status_code == 200, answer.text
            return answer.json()

    def count(self, plural: str) -> int:
        with client(self.urls["crm"], self.key) as mine:
            return len(mine.get(f"/v1/exports/{plural}").text.splitlines())

    def service_process(self, name: str) -> int:
        """Return the id of the process that serves `crm_api` or `analytics`."""
        for pid in processes_below(self._pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[2:4] == [f"services.{name}".encode(), b"serve"]:
                return pid
        raise AssertionError(f"no process serves {name}")
