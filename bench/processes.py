"""Servers as processes of their own: pinned, waited for, measured and ended."""

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Server:
    """A running server of ours or of a yardstick."""

    pid: int
    port: int


@contextmanager
def pinned(*, apart: bool) -> Iterator[int | None]:
    """Keep this process, and what it starts, on the last core; yields the core for servers.

    PostgreSQL and the client then share a core, and a server has one of its own. With one core, or
    where a process cannot be pinned, nothing is done.
    """
    if not apart or not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield None
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield min(before)
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(
    module: Sequence[str], *, port: int, core: int | None, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run `python -m module…` until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        _wait(process, port)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("a server did not start")


def forget_peak(pid: int | str = "self") -> None:
    """Let the peak of memory start again from what is used now, where the system can."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return


def memory_mib(pid: int | str = "self") -> tuple[float, float]:
    """Return the memory in use and its peak, in MiB; without /proc the peak of this process twice."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEBIBYTE
        return peak, peak
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def cpu_seconds(pid: int | None = None) -> float:
    """Return the CPU seconds of this process so far, and of `pid` with its children; needs /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat") if pid is not None else ():
        try:
            parts = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        is_parent = stat.parent.name == str(pid)
        if is_parent or parts[1] == str(pid):
            # utime and stime, and of the parent those of children that have ended (proc(5)).
            ticks += sum(map(int, parts[11 : 15 if is_parent else 13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class OwnMemory(threading.Thread):
    """Notes the peak of the memory that is this process's own while it runs; mapped files are not.

    Where the system does not tell it, the peak is that of all memory.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._is_over = threading.Event()
        self.peak_mib = 0.0

    def run(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> float:
        """Look now, and return the peak so far; MiB."""
        self.peak_mib = max(self.peak_mib, _own_mib())
        return self.peak_mib

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def _own_mib() -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return memory_mib()[1]
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return int(found["RssAnon"]) / 1024
