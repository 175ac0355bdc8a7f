"""What is remembered of the shown version, so that the next one costs only what has changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
from pydantic import TypeAdapter

from services.analytics.calculations.quality import Quality
from services.analytics.calculations.recommendations.recommending import STEP_COLUMNS
from services.analytics.computing import Computed
from services.analytics.tables import RANK_COLUMNS

FORMAT: Final = 6
_QUALITY = TypeAdapter(Quality)
LEDGER_COLUMNS: Final = (
    *("unit_id", "state", "phase", "purchase_count", "purchase_count_730", "gap_days"),
    *(
        "first_purchase_day",
        "churn_probability",
        "churn_horizon_days",
        "contribution_730",
        "historic_value",
        "value_at_risk",
    ),
    *("clv_365", "clv_1095", "clv_alive_1095", "ladder_rung", "ambassador_score", "churn_basis"),
    *("has_profiling_objection", "owner_id", "complaint_severity", "open_experiment_ids"),
    *RANK_COLUMNS,
    *STEP_COLUMNS,
)
"""What ranks, totals and the documents of a version are made of, for all customers."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which version a ledger is of, and what that was computed from.

    Attributes
    ----------
    version
        Its number.
    cursor
        Where the mirror stood.
    rules
        A fingerprint of everything else the numbers depend on, the estimates included.
    """

    version: int
    cursor: str
    rules: str


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """What ranks and totals need of all customers of a version.

    Attributes
    ----------
    mark
        Which version.
    customers
        `LEDGER_COLUMNS` of the customers, ordered by ``unit_id``.
    unconverted
        Won deals without a rate to base currency.
    quality
        What is missing or doubtful in the records.
    erased
        Units that are in totals only.
    decided
        Unit and instrument of what was decided on.
    cases
        What the numbers of units with a termination case were computed with: `frames.cases`.
    """

    mark: Mark
    customers: pd.DataFrame
    unconverted: pd.DataFrame
    quality: Quality
    erased: frozenset[str]
    decided: frozenset[tuple[str, str]] = frozenset()
    cases: dict[str, str] = field(default_factory=dict)


def remember(
    base: Computed,
    mark: Mark,
    *,
    decided: frozenset[tuple[str, str]] = frozenset(),
    cases: dict[str, str] | None = None,
) -> Ledger:
    """Keep of a base what the next version needs."""
    customers = base.customers[list(LEDGER_COLUMNS)]
    return Ledger(
        mark, customers, base.unconverted, base.quality, base.erased, decided, cases or {}
    )


def write_ledger(data_dir: Path, ledger: Ledger) -> None:
    """Replace the ledger; a kill leaves the old one, none, or the new one, never half of one."""
    folder, new = data_dir / "ledger", data_dir / "ledger.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name in ("customers", "unconverted"):
        frame: pd.DataFrame = getattr(ledger, name)
        # As one piece without nulls it is read without a copy.
        table = pa.table({str(name): _plain(column) for name, column in frame.items()})
        pa.feather.write_feather(
            table,
            str(new / f"{name}.arrow"),
            compression="uncompressed",
            chunksize=max(len(frame), 1),
        )
    about = {
        "format": FORMAT,
        "version": ledger.mark.version,
        "cursor": ledger.mark.cursor,
        "rules": ledger.mark.rules,
        "quality": asdict(ledger.quality),
        "erased": sorted(ledger.erased),
        "decided": sorted(ledger.decided),
        "cases": ledger.cases,
    }
    (new / "ledger.json").write_bytes(json.dumps(about).encode())
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def read_ledger(data_dir: Path) -> Ledger | None:
    """Return the ledger; None if there is none that can be used."""
    folder = data_dir / "ledger"
    try:
        about = json.loads((folder / "ledger.json").read_bytes())
        if about["format"] != FORMAT:
            return None
        frames = {
            name: pa.feather.read_table(str(folder / f"{name}.arrow"), memory_map=True).to_pandas(
                split_blocks=True
            )
            for name in ("customers", "unconverted")
        }
        mark = Mark(about["version"], about["cursor"], about["rules"])
        found = Ledger(
            mark,
            **frames,
            quality=_QUALITY.validate_python(about["quality"]),
            erased=frozenset(about["erased"]),
            decided=frozenset(map(tuple, about["decided"])),
            cases=dict(about["cases"]),
        )
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return found if tuple(found.customers.columns) == LEDGER_COLUMNS else None


def _plain(column: pd.Series) -> pa.Array:
    """Take a column; unknown numbers stay NaN."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return pa.array(column.to_numpy(), from_pandas=False)
    return pa.array(column, from_pandas=True)
