"""Parts of the mirror: whole units, each as it is in the whole, and who is touched by changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from services.analytics.crm_client import SCHEMAS, Resource
from services.analytics.frames.building import Frames, build_frames
from services.analytics.mirror.files import RecordChanges
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.touched import touched_contacts
from services.analytics.mirror.writer import Mirror
from tests.analytics.test_frames import (
    BEFORE,
    BERLIN,
    DAY,
    LATER,
    PARAMETERS,
    contact,
    deal,
    history,
    identify,
    interaction,
)

Row = dict[str, Any]
IDS = ("id", "contact_id", "parent_id", "referred_by_id", "deal_id")


@dataclass
class Crm:
    """Generated records by resource and name; what is changed is told as the feed tells it."""

    random: np.random.Generator
    rows: dict[Resource, dict[str, Row]]
    changed: dict[Resource, set[str]]

    @classmethod
    def make(cls, seed: int) -> Self:
        crm = cls(np.random.default_rng(seed), {}, {})
        crm.rows["contacts"] = {f"c{n:03}": crm.contact(f"c{n:03}") for n in range(80)}
        crm.rows["deals"] = {f"d{n:03}": crm.deal(f"d{n:03}") for n in range(200)}
        crm.rows["interactions"] = {f"i{n:03}": crm.interaction(f"i{n:03}") for n in range(200)}
        crm.rows["products"] = {"p": {"id": "p", "key": "P", "category": "lamps"}}
        crm.rows["competitor-activities"] = {}
        return crm

    def any_contact(self) -> str:
        return f"c{self.random.integers(90):03}"  # some are not live

    def maybe(self, value: Any, share: float = 0.3) -> Any:
        return value if self.random.random() < share else None

    def at(self) -> Any:
        return BEFORE + timedelta(days=int(self.random.integers(-400, 30)))

    def contact(self, name: str) -> Row:
        return contact(
            name,
            kind="organisation" if self.random.random() < 0.2 else "person",
            parent_id=self.maybe(self.any_contact()),
            referred_by_id=self.maybe(self.any_contact(), 0.15),
            created_at=LATER if self.random.random() < 0.2 else BEFORE,
            erased_at=self.maybe(BEFORE, 0.1),
            acquisition_cost_minor=self.maybe(500),
            acquisition_cost_currency="EUR" if self.random.random() < 0.8 else "USD",
        )

    def deal(self, name: str) -> Row:
        won, at = self.random.random() < 0.7, self.at()
        lines = '[{"product_id":"P"}]' if self.random.random() < 0.5 else "[]"
        return deal(
            name,
            self.any_contact(),
            opened_at=at,
            closed_at=at if won else None,
            stage="won" if won else "proposal",
            stage_history=history(("proposal", at)),
            amount_minor=int(self.random.integers(1, 9_999)),
            currency="EUR" if self.random.random() < 0.8 else "USD",
            contract_end_at=self.maybe(LATER, 0.1),
            lines=lines,
        )

    def interaction(self, name: str) -> Row:
        kinds = ("call", "complaint", "offer", "cancellation", "quote_request", "survey_response")
        rated = '[{"dimension":"product","perception":8}]' if self.random.random() < 0.3 else "[]"
        at, kind = self.at(), str(self.random.choice(kinds))
        return interaction(name, kind, self.any_contact(), occurred_at=at, ratings=rated)

    def change(self) -> None:
        """Change some records, remove some, and move some deals and persons."""
        self.changed = {"contacts": set(), "deals": set(), "interactions": set()}
        for resource, count in (("contacts", 3), ("deals", 4), ("interactions", 3)):
            rows, make = self.rows[resource], getattr(self, resource.removesuffix("s"))  # type: ignore[index]
            for name in self.random.choice([*rows, f"{resource[0]}9{len(rows)}"], count, False):
                self.changed[resource].add(str(name))  # type: ignore[index]
                rows.pop(str(name), None)
                if self.random.random() < 0.7:
                    rows[str(name)] = make(str(name))

    def table(self, resource: Resource, names: Any) -> pa.Table:
        rows = [self.rows[resource][name] for name in names if name in self.rows[resource]]
        wired = [{k: identify(v) if k in IDS and v else v for k, v in row.items()} for row in rows]
        return pa.Table.from_pylist(wired, schema=SCHEMAS[resource])

    def load(self, mirror: Mirror) -> Snapshot:
        batches = {name: self.table(name, rows).to_batches() for name, rows in self.rows.items()}
        return mirror.load(batches, cursor="1", now=LATER)

    def apply(self, mirror: Mirror, before: Snapshot) -> tuple[Mapping[Resource, Any], Snapshot]:
        changes = {
            name: RecordChanges(frozenset(map(identify, names)), self.table(name, sorted(names)))
            for name, names in self.changed.items()
        }
        after = mirror.apply(before, changes, cursor="2", now=LATER)
        return {name: change.ids for name, change in changes.items()}, after


def frames_of(snapshot: Snapshot) -> Frames:
    return build_frames(
        snapshot, as_of=DAY, time_zone=BERLIN, base_currency="EUR", parameters=PARAMETERS
    )


def by_unit(frames: Frames, *, with_referrals: bool = False) -> dict[str, dict[str, Any]]:
    """Return what each unit has in all frames, by the name of the frame, by unit id."""
    ids = frames.units["unit_id"]
    tables = {"units": frames.units.reset_index(), "deals": frames.deals}
    tables |= {"evidence": frames.evidence.reset_index(), "unconverted": frames.unconverted}
    tables |= {f.name: getattr(frames.events, f.name) for f in fields(frames.events)}
    found: dict[str, dict[str, Any]] = {str(unit_id): {} for unit_id in ids}
    for unit_id in frames.erased:
        found[unit_id]["erased"] = True
    referrals = tables.pop("referrals")
    if with_referrals:
        referred = referrals["referred_unit"].map(ids)
        tables["referrals"] = referrals.assign(referred_unit=referred)
    names = ids.to_dict()
    for name, table in tables.items():
        rows = table.drop(columns="unit").astype("object").where(table.notna(), None)
        for unit, row in zip(table["unit"], rows.itertuples(index=False, name=None), strict=True):
            found[str(names[unit])].setdefault(name, []).append(row)
    for unit_rows in found.values():
        for name in unit_rows.keys() - {"erased"}:
            unit_rows[name].sort(key=repr)
    return found


@pytest.fixture(params=range(2))
def crm(request: pytest.FixtureRequest) -> Crm:
    return Crm.make(request.param)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with Mirror(tmp_path, rows_per_batch=64, changed_share=1.0) as opened:
        yield opened


def test_partitions_hold_every_unit_and_every_record_once_as_in_the_whole(
    crm: Crm, mirror: Mirror
) -> None:
    before = crm.load(mirror)
    crm.change()
    _, snapshot = crm.apply(mirror, before)
    whole = frames_of(snapshot)
    parts = list(snapshot.partitions(3))
    for resource in ("contacts", "deals", "interactions"):
        every = snapshot.read(resource, ["id"]).column("id").to_pylist()
        found = [i for part in parts for i in part.read(resource, ["id"]).column("id").to_pylist()]
        assert sorted(found) == sorted(every)
        assert sum(part.row_counts[resource] for part in parts) == len(every)
    frames = [frames_of(part) for part in parts]
    found_units = [by_unit(each) for each in frames]
    assert sum(map(len, found_units)) == len(whole.units)
    assert {k: v for each in found_units for k, v in each.items()} == by_unit(whole)
    for gap in fields(whole.gaps):
        total = sum(getattr(each.gaps, gap.name).count for each in frames)
        assert total == getattr(whole.gaps, gap.name).count, gap.name
    assert all(part.read("products", ["key"]).num_rows == 1 for part in parts)


def test_what_is_touched_is_whole_units_and_nothing_else_differs(crm: Crm, mirror: Mirror) -> None:
    before = crm.load(mirror)
    frames = frames_of(before)
    for _ in range(2):
        crm.change()
        changed, after = crm.apply(mirror, before)
        touched = touched_contacts(changed, before=before, after=after)
        frames, earlier = frames_of(after), frames
        was, now = (by_unit(each, with_referrals=True) for each in (earlier, frames))
        differing = {unit for unit in was.keys() | now.keys() if was.get(unit) != now.get(unit)}
        assert differing <= touched
        assert now.keys() - touched
        view, whole = frames_of(after.restricted_to(touched)), by_unit(frames)
        assert by_unit(view) == {unit: whole[unit] for unit in whole.keys() & touched}
        before = after


def test_a_unit_stays_in_its_partition_whatever_else_changes(crm: Crm, mirror: Mirror) -> None:
    before = crm.load(mirror)
    crm.change()
    _, after = crm.apply(mirror, before)
    placed: list[dict[str, int]] = []
    for snapshot in (before, after):
        parts = enumerate(snapshot.partitions(4))
        placed.append({u: n for n, part in parts for u in frames_of(part).units["unit_id"]})
    both = placed[0].keys() & placed[1].keys()
    assert len(both) > 20
    assert all(placed[0][unit] == placed[1][unit] for unit in both)
    assert len(set(placed[0].values())) == 4


def test_parts_of_parts_are_what_both_hold(crm: Crm, mirror: Mirror) -> None:
    snapshot = crm.load(mirror)
    ids = [identify(f"c{n:03}") for n in range(0, 95, 3)]
    some = snapshot.restricted_to(ids)
    deals = [each for part in some.partitions(3) for each in part.read("deals", ["id"]).to_pylist()]
    assert sorted(map(str, deals)) == sorted(map(str, some.read("deals", ["id"]).to_pylist()))
    for part in snapshot.partitions(2):
        here = part.restricted_to(ids).read("contacts", ["id"]).column("id").to_pylist()
        assert set(here) == set(ids) & set(part.read("contacts", ["id"]).column("id").to_pylist())


def test_partitions_are_of_even_size(mirror: Mirror) -> None:
    rows = [contact(f"{n:06}") | {"id": identify(f"{n:06}")} for n in range(20_000)]
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["contacts"])
    empty: dict[Resource, Any] = {name: [] for name in SCHEMAS}
    snapshot = mirror.load(empty | {"contacts": table.to_batches()}, cursor="1", now=LATER)
    counts = [part.row_counts["contacts"] for part in snapshot.partitions(8)]
    assert sum(counts) == 20_000
    assert pd.Series(counts).between(2_300, 2_700).all()


def test_ids_that_are_none_are_found_nowhere(crm: Crm, mirror: Mirror) -> None:
    snapshot = crm.load(mirror)
    assert snapshot.restricted_to(["", "none", identify("nobody")]).row_counts["deals"] == 0
    assert touched_contacts({}, before=snapshot, after=snapshot) == frozenset()
