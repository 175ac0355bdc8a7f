"""Keeps the estimates of the base between refreshes; they change slowly and are costly to make."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from services.analytics.calculations.churn.stacked import read_churn_model
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.next_products.model import (
    AffinityModel,
    affinity_document,
    read_affinity_model,
)
from services.analytics.calculations.purchase_models.fitting import read_purchase_fit
from services.analytics.computing import Rules

CALCULATION = "14"
"""Changes with every release whose numbers differ, so that nothing stays published by mistake."""
_NAME = "estimates.json"


def estimates_made_for(rules: Rules) -> str:
    """Name what estimates depend on beside the records."""
    family = rules.parameters.rhythm.family
    parts = (CALCULATION, family, rules.base_currency, rules.time_zone.key, rules.catalogue_mark)
    return " ".join(parts).rstrip()


def write_estimates(data_dir: Path, estimates: Estimates, *, made_for: str) -> None:
    """Replace the kept estimates; `made_for` names what else they depend on."""
    new = data_dir / f"{_NAME}.new"
    document = asdict(replace(estimates, affinities=AffinityModel.none()))
    document["affinities"] = affinity_document(estimates.affinities)
    # Unknown numbers are written as NaN, which orjson would make null.
    new.write_text(json.dumps({"made_for": made_for, "estimates": document}))
    new.replace(data_dir / _NAME)


def read_estimates(data_dir: Path, *, made_for: str) -> Estimates | None:
    """Return the kept estimates; None if there are none that were made for the same."""
    try:
        document = json.loads((data_dir / _NAME).read_text())
        return _estimates(document["estimates"]) if document["made_for"] == made_for else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def name_estimates(data_dir: Path) -> str:
    """Name the kept estimates by their content."""
    return hashlib.sha256((data_dir / _NAME).read_bytes()).hexdigest()


def _estimates(document: dict[str, Any]) -> Estimates:
    kinds = get_type_hints(Estimates)
    parts = {
        item.name: TypeAdapter(kinds[item.name]).validate_python(document[item.name])
        for item in fields(Estimates)
        if item.name not in ("purchase_fit", "churn", "affinities")
    }
    churn = document["churn"]
    return Estimates(
        purchase_fit=read_purchase_fit(document["purchase_fit"]),
        affinities=read_affinity_model(document["affinities"]),
        churn=None if churn is None else read_churn_model(churn),
        **parts,
    )
