"""The figures of a run: what was measured against what, printed as a table and kept as JSON."""

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

OUTPUT = Path("build/bench.json")


@dataclass(frozen=True)
class Figure:
    """One ratio with its target and what stands behind it.

    `at_least` and `at_most` are targets; with neither, the figure only informs.
    """

    section: str
    name: str
    ratio: float
    against: str
    at_least: float | None = None
    at_most: float | None = None
    spread: tuple[float, float] | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"

    @property
    def verdict(self) -> str:
        if self.at_least is not None:
            return "met" if self.ratio >= self.at_least else "MISSED"
        if self.at_most is not None:
            return "met" if self.ratio <= self.at_most else "MISSED"
        return ""


def paired(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the median of the ratios of rounds that ran side by side, and their range."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return statistics.median(ratios), (min(ratios), max(ratios))


def print_figure(figure: Figure) -> None:
    """Print one line of the table as soon as it is known."""
    spread = f"({figure.spread[0]:.2f}-{figure.spread[1]:.2f})" if figure.spread else ""
    told = "  ".join(f"{name} {value}" for name, value in figure.details.items())
    print(
        f"{figure.name:<34} {figure.ratio:>6.2f} x {figure.against:<22} {spread:<13}"
        f" {figure.target:<7} {figure.verdict:<7} {told}".rstrip(),
        flush=True,
    )


def write(figures: Iterable[Figure], *, is_quick: bool, seconds: float) -> list[Figure]:
    """Keep the figures in `build/bench.json` and return those that miss their target."""
    kept = list(figures)
    document = {
        "is_quick": is_quick,
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "figures": [
            asdict(each) | {"target": each.target, "verdict": each.verdict} for each in kept
        ],
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    return [each for each in kept if each.verdict == "MISSED"]
