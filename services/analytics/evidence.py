"""The records of the CRM that something rests on, as the wire shows them."""

from collections.abc import Mapping
from typing import Any

import orjson


def signal_records(row: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what shows each signal; `calculations.signals.evidence` writes it."""
    stored: Mapping[str, list[str]] = orjson.loads(row["signal_evidence"] or "{}")
    return {
        signal: [record(*text.split(" "), role=signal) for text in texts]
        for signal, texts in stored.items()
    }


def record(kind: str, day: str | None, record_id: str, *, role: str) -> dict[str, Any]:
    return {"type": kind, "id": record_id, "occurred_at": day, "role": role}
