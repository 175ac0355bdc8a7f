"""What contacts tell of the standing of their unit: previous supplier, partnership, protections."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.analytics.test_frames import Base, contact, organisation


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def test_any_contact_of_a_unit_tells(base: Base) -> None:
    contacts = [
        organisation("a", flags='["reference_customer"]', protections='["legal_hold"]'),
        contact(
            "b",
            parent_id="a",
            previous_supplier_id="rival",
            flags='["innovation_partner"]',
            protections='["hardship","legal_hold"]',
        ),
        contact("c", protections="[]"),
    ]
    units = base.frames(contacts).units
    assert units["has_previous_supplier"].tolist() == [True, False]
    assert units["is_innovation_partner"].tolist() == [True, False]
    assert units["protection_ids"].iloc[0] == "hardship legal_hold"
    assert pd.isna(units["protection_ids"].iloc[1])


@pytest.mark.parametrize("fields", [{}, {"protections": None, "flags": None}])
def test_nothing_recorded_protects_nobody(base: Base, fields: dict[str, Any]) -> None:
    unit = base.unit([contact("a", **fields)])
    assert not unit["has_previous_supplier"]
    assert not unit["is_innovation_partner"]
    assert pd.isna(unit["protection_ids"])
