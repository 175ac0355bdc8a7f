"""The mirror: what was loaded is read again, whatever path led there and wherever it was killed."""

import csv
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.analytics.crm_client import (
    RESOURCES,
    SCHEMAS,
    CrmContractBroken,
    Export,
    Resource,
)
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.files import RecordChanges
from services.analytics.mirror.records import Parts
from services.analytics.mirror.snapshot import FORMAT_VERSION, Snapshot, open_snapshot
from services.analytics.mirror.writer import Mirror, MirrorLocked

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
EMPTY: dict[Resource, list[pa.RecordBatch]] = {resource: [] for resource in RESOURCES}


def record_id(number: int) -> str:
    return f"01977b3a-5c00-7000-8000-{number:012x}"


def deal(number: int, *, amount: int | None = 100, stage: str = "won") -> dict[str, Any]:
    return {
        "id": record_id(number),
        "contact_id": record_id(900_000 + number % 7),
        "stage_kind": stage,
        "stage_history": "[]",
        "currency": "EUR",
        "amount_minor": amount,
        "opened_at": NOW,
    }


def batch(resource: Resource, rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=SCHEMAS[resource])


def load(mirror: Mirror, rows: Iterable[Mapping[str, Any]], *, cursor: str = "1") -> Snapshot:
    return mirror.load(EMPTY | {"deals": [batch("deals", rows)]}, cursor=cursor, now=NOW)


def changes(ids: Iterable[int], rows: Iterable[Mapping[str, Any]]) -> RecordChanges:
    table = pa.Table.from_batches([batch("deals", rows)])
    return RecordChanges(frozenset(map(record_id, ids)), table)


def amounts(snapshot: Snapshot) -> dict[str, int | None]:
    table = snapshot.read("deals", ["id", "amount_minor"])
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def file_bytes(snapshot: Snapshot) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in snapshot.folder.glob("*.arrow")}


def folders(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "mirror").iterdir() if path.is_dir())


def test_what_was_loaded_is_read_again_after_a_restart(tmp_path: Path) -> None:
    with Mirror(tmp_path) as mirror:
        load(mirror, [deal(1, amount=None), deal(2)], cursor="abc")
    with Mirror(tmp_path) as mirror:
        snapshot = mirror.current()
    assert snapshot is not None
    assert (snapshot.cursor, snapshot.loaded_at) == ("abc", NOW)
    assert snapshot.row_counts == dict.fromkeys(RESOURCES, 0) | {"deals": 2}
    assert amounts(snapshot) == {record_id(1): None, record_id(2): 100}
    assert snapshot.read("deals", ["id"]).schema == pa.schema([SCHEMAS["deals"].field("id")])


def test_a_mirror_that_was_never_loaded_has_no_version(tmp_path: Path) -> None:
    with Mirror(tmp_path) as mirror:
        assert mirror.current() is None


def test_only_flagged_records_are_read(tmp_path: Path) -> None:
    with Mirror(tmp_path, rows_per_batch=3, changed_share=1.0) as mirror:
        snapshot = load(mirror, (deal(number, amount=number) for number in range(10)))
        change = changes([1, 8], [deal(1, amount=10)])
        changed = mirror.apply(snapshot, {"deals": change}, cursor="2", now=NOW)
    for present in (snapshot, changed):
        every = present.read("deals", ["amount_minor"]).column("amount_minor").to_numpy()
        where = np.isin(every, [1, 7, 8, 10])
        found = present.read("deals", ["amount_minor"], where=where).column("amount_minor")
        assert found.to_pylist() == every[where].tolist()
        assert len(found) == (3 if present is snapshot else 2)
    assert len(snapshot.read("deals", ["amount_minor"], where=np.zeros(10, dtype=np.bool_))) == 0


def test_a_change_replaces_removes_and_adds_records(tmp_path: Path) -> None:
    with Mirror(tmp_path) as mirror:
        before = load(mirror, [deal(1), deal(2), deal(3)])
        change = changes([1, 2, 4], [deal(2, amount=7), deal(4, amount=8)])
        after = mirror.apply(before, {"deals": change}, cursor="2", now=NOW)
        assert mirror.current() == after
    assert amounts(after) == {record_id(2): 7, record_id(3): 100, record_id(4): 8}
    assert after.cursor == "2"
    assert folders(tmp_path) == [after.folder.name]


def test_a_change_of_nothing_keeps_the_files(tmp_path: Path) -> None:
    with Mirror(tmp_path) as mirror:
        before = load(mirror, [deal(1), deal(2)])
        content = file_bytes(before)
        after = mirror.apply(before, {}, cursor="2", now=NOW)
    assert file_bytes(after) == content
    assert after.row_counts == before.row_counts


NUMBERS = st.integers(0, 30)
HISTORIES = st.lists(
    st.dictionaries(NUMBERS, st.none() | st.integers(-5, 5), max_size=12), max_size=3
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.dictionaries(NUMBERS, st.integers(-5, 5), max_size=20),
    history=HISTORIES,
    order=st.randoms(use_true_random=False),
    rows_per_batch=st.integers(1, 9),
    changed_share=st.sampled_from([0.0, 0.3, 9.0]),
)
def test_changes_leave_the_records_of_a_full_load_and_written_anew_its_bytes(
    tmp_path: Path,
    first: dict[int, int],
    history: list[dict[int, int | None]],
    order: Any,
    rows_per_batch: int,
    changed_share: float,
) -> None:
    present = dict(first)
    with Mirror(
        tmp_path / "path", rows_per_batch=rows_per_batch, changed_share=changed_share
    ) as mirror:
        snapshot = load(mirror, (deal(n, amount=a) for n, a in present.items()))
        for step in history:
            rows = [deal(n, amount=a) for n, a in step.items() if a is not None]
            snapshot = mirror.apply(snapshot, {"deals": changes(step, rows)}, cursor="n", now=NOW)
            for number, amount in step.items():
                present.pop(number, None)
                if amount is not None:
                    present[number] = amount
        by_changes = file_bytes(snapshot)
        assert mirror.current() == snapshot
    assert amounts(snapshot) == {record_id(n): present[n] for n in present}
    numbers = list(present)
    order.shuffle(numbers)
    batches = [batch("deals", [deal(n, amount=present[n])]) for n in numbers]
    with Mirror(tmp_path / "full", rows_per_batch=rows_per_batch) as mirror:
        full = mirror.load(EMPTY | {"deals": batches}, cursor="n", now=NOW)
    if changed_share == 0:
        assert by_changes == file_bytes(full)
    whole = SCHEMAS["deals"].names
    assert snapshot.read("deals", whole).sort_by("id") == full.read("deals", whole).sort_by("id")
    shutil.rmtree(tmp_path / "path")
    shutil.rmtree(tmp_path / "full")


def test_a_small_change_leaves_the_base_and_writes_little(tmp_path: Path) -> None:
    with Mirror(tmp_path, rows_per_batch=50) as mirror:
        before = load(mirror, (deal(number) for number in range(1_000)))
        paths = [before.folder / name for name in ("deals.arrow", "deals.places.arrow")]
        nodes = [path.stat().st_ino for path in paths]
        for number in range(4):
            ids = [number * 10 + n for n in range(10)]
            change = changes(ids, [deal(n, amount=7) for n in ids])
            after = mirror.apply(before, {"deals": change}, cursor="2", now=NOW)
            assert [(after.folder / path.name).stat().st_ino for path in paths] == nodes
            before = after
        many = changes(range(500), [deal(n, amount=7) for n in range(500)])
        anew = mirror.apply(after, {"deals": many}, cursor="3", now=NOW)
        assert (anew.folder / "deals.arrow").stat().st_ino != nodes[0]
    assert sum(amount == 7 for amount in amounts(anew).values()) == 500
    assert amounts(after)[record_id(45)] == 100  # what was opened is read on, though replaced


class Killed(BaseException):
    pass


class KillAt:
    """Dies before the numbered step on the file system."""

    def __init__(self, number: int) -> None:
        self.number, self.step = number, ""

    def __call__(self, step: str) -> None:
        self.step = step
        self.number -= 1
        if self.number < 0:
            raise Killed


STEPS = 18


@pytest.mark.parametrize("way", ["load", "apply"])
@pytest.mark.parametrize("number", range(STEPS))
def test_a_kill_at_any_step_leaves_one_complete_version(
    tmp_path: Path, number: int, way: str
) -> None:
    with Mirror(tmp_path) as mirror:
        before = load(mirror, [deal(1), deal(2)])
    old = amounts(before), file_bytes(before)
    kill = KillAt(number)
    with pytest.raises(Killed), Mirror(tmp_path, steps=kill) as mirror:
        if way == "load":
            load(mirror, [deal(3, amount=5)], cursor="2")
        else:
            change = changes([1, 2, 3], [deal(3, amount=5)])
            mirror.apply(before, {"deals": change}, cursor="2", now=NOW)
    with Mirror(tmp_path) as mirror:
        present = mirror.current()
        assert present is not None
        if kill.step in ("sync the replacement", "remove the version before"):
            assert (present.cursor, amounts(present)) == ("2", {record_id(3): 5})
        else:
            assert (present.cursor, amounts(present), file_bytes(present)) == ("1", *old)
        assert folders(tmp_path) == [present.folder.name]
        assert not (tmp_path / "mirror" / "current.new").exists()
        again = load(mirror, [deal(4)], cursor="3")
        assert amounts(again) == {record_id(4): 100}


def test_the_kills_above_are_all_there_are(tmp_path: Path) -> None:
    steps: list[str] = []
    with Mirror(tmp_path, steps=steps.append) as mirror:
        load(mirror, [deal(1)])
    assert len(steps) == STEPS


def test_a_kill_while_loading_for_the_first_time_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Killed), Mirror(tmp_path, steps=KillAt(9)) as mirror:
        load(mirror, [deal(1)])
    with Mirror(tmp_path) as mirror:
        assert mirror.current() is None
    assert folders(tmp_path) == []


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with Mirror(tmp_path) as first:
        with pytest.raises(MirrorLocked), Mirror(tmp_path):
            pass
        load(first, [deal(1)])
    with Mirror(tmp_path) as second:
        assert second.current() is not None


def test_nothing_is_written_without_the_lock(tmp_path: Path) -> None:
    with pytest.raises(MirrorLocked):
        load(Mirror(tmp_path), [deal(1)])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _replace(old: str, new: str) -> Any:
    return lambda path: path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("deals.arrow", _truncate),
        ("deals.arrow", Path.unlink),
        ("deals.arrow", lambda path: path.write_bytes(b"")),
        ("deals.arrow", lambda path: shutil.copy(path.with_name("contacts.arrow"), path)),
        ("deals.places.arrow", _truncate),
        ("deals.changed.arrow", Path.unlink),
        ("deals.gone.arrow", lambda path: path.write_bytes(bytes(4112))),
        ("mirror.json", Path.unlink),
        ("mirror.json", _truncate),
        ("mirror.json", _replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 99')),
        ("mirror.json", _replace('"deals": 2', '"deals": 3')),
        ("mirror.json", _replace('"deals": 2', '"leads": 2')),
        ("../current", lambda path: path.write_text("../../etc\n")),
        ("../current", lambda path: path.write_text("000000099\n")),
        ("../current", lambda path: path.write_bytes(b"\xff\xfe")),
    ],
)
def test_a_damaged_mirror_is_loaded_anew_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Any
) -> None:
    caplog.set_level("WARNING", logger="services.analytics.mirror.writer")
    with Mirror(tmp_path) as mirror:
        snapshot = load(mirror, [deal(1), deal(2)])
        damage(snapshot.folder / name)
        assert mirror.current() is None
        assert "loaded anew" in caplog.text
        assert amounts(load(mirror, [deal(3)])) == {record_id(3): 100}


@pytest.mark.parametrize("name", [path.name for path in Parts(Path(), "deals")])
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path, name: str) -> None:
    with Mirror(tmp_path, changed_share=1.0, rows_per_batch=200) as mirror:
        snapshot = load(mirror, (deal(number, amount=number**3) for number in range(500)))
        change = changes(range(0, 500, 9), [deal(number) for number in range(0, 500, 18)])
        snapshot = mirror.apply(snapshot, {"deals": change}, cursor="2", now=NOW)
        ids = pa.array([record_id(number) for number in range(0, 500, 7)])

        def read() -> list[pa.Table]:
            present = open_snapshot(snapshot.folder)
            columns = SCHEMAS["deals"].names
            some = present.restricted_to([record_id(900_001)])
            return [
                present.read("deals", columns),
                present.find("deals", ids, columns),
                some.read("deals", columns),
            ]

        right, path = read(), snapshot.folder / name
        content = path.read_bytes()
        noticed = 0
        for place in range(0, len(content), len(content) // 60 | 1):
            damaged = bytearray(content)
            damaged[place] ^= 1 << place % 8
            path.unlink()
            path.write_bytes(damaged)
            try:
                assert read() == right
            except MirrorCorrupt:
                noticed += 1
        assert noticed > 40


def test_only_what_is_read_is_checked(tmp_path: Path) -> None:
    with Mirror(tmp_path) as mirror:
        rows = [deal(number) | {"contact_id": record_id(number)} for number in range(9_000)]
        folder = load(mirror, rows).folder
        path = folder / "deals.arrow"
        content = bytearray(path.read_bytes())
        content[content.index(record_id(5).encode())] ^= 1
        path.unlink()
        path.write_bytes(content)
        snapshot = open_snapshot(folder)
        assert len(snapshot.read("deals", ["contact_id", "amount_minor"])) == 9_000
        here, elsewhere = (snapshot.restricted_to([record_id(n)]) for n in (5, 4_000))
        assert elsewhere.read("deals", ["id"]).column("id").to_pylist() == [record_id(4_000)]
        for damaged in (here, snapshot):
            with pytest.raises(MirrorCorrupt):
                damaged.read("deals", ["id"])


def test_a_record_that_comes_twice_changes_nothing(tmp_path: Path) -> None:
    with Mirror(tmp_path) as mirror:
        before = load(mirror, [deal(1)])
        with pytest.raises(ValueError, match="twice"):
            load(mirror, [deal(2), deal(3), deal(2)])
        with pytest.raises(ValueError, match="twice"):
            load(mirror, [deal(2), deal(2)])
        with pytest.raises(ValueError, match="not among"):
            mirror.apply(before, {"deals": changes([1], [deal(2)])}, cursor="2", now=NOW)
        assert mirror.current() == before


def export(tmp_path: Path, rows: Iterable[Mapping[str, Any]], **changed: str) -> Export:
    """Write an export of deals as the CRM would, with columns that analytics does not want."""
    path = tmp_path / "deals.csv"
    names = ["title", *SCHEMAS["deals"].names, "notes", "deleted_at"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            instants = {"opened_at": "2026-10-31T23:00:00.000001Z"}
            writer.writerow({"title": 'a "quoted"\nline', **row, **instants, **changed})
    return Export("deals", path, "1")


def test_an_export_is_read_with_its_types_and_without_what_is_deleted(tmp_path: Path) -> None:
    gone = deal(2) | {"deleted_at": "2026-10-31T23:00:00.000000Z"}
    (found,) = export(tmp_path, [deal(1), gone], fx_rate="1.0842").batches()
    assert found.schema == SCHEMAS["deals"]
    row = found.to_pylist()[0]
    assert found.num_rows == 1
    assert (row["amount_minor"], row["fx_rate"], row["closed_at"]) == (100, 1.0842, None)
    assert row["opened_at"] == datetime(2026, 10, 31, 23, microsecond=1, tzinfo=UTC)


def test_an_export_without_records_is_empty(tmp_path: Path) -> None:
    assert sum(len(found) for found in export(tmp_path, []).batches()) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", ""),
        ("contact_id", ""),
        ("stage_kind", "secret"),
        ("amount_minor", "secret"),
        ("amount_minor", "1.5"),
        ("amount_minor", "9" * 30),
        ("fx_rate", "nan"),
        ("fx_rate", "inf"),
        ("closed_at", "secret"),
        ("closed_at", "2026-10-31T23:00:00.000000"),
        ("opened_at", ""),
    ],
)
def test_a_value_of_another_type_breaks_the_contract_without_being_repeated(
    tmp_path: Path, column: str, value: str
) -> None:
    with pytest.raises(CrmContractBroken) as caught:
        list(export(tmp_path, [deal(1)], **{column: value}).batches())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"id,stage\n1,won\n", b"\xff\xfe\n", b"<html>no</html>\n", b'{"status": 500}'],
)
def test_another_content_breaks_the_contract(tmp_path: Path, content: bytes) -> None:
    found = export(tmp_path, [])
    found.path.write_bytes(content)
    with pytest.raises(CrmContractBroken):
        list(found.batches())


def test_a_cut_off_export_breaks_the_contract(tmp_path: Path) -> None:
    found = export(tmp_path, [deal(1), deal(2)])
    found.path.write_bytes(found.path.read_bytes()[:-60])
    with pytest.raises(CrmContractBroken):
        list(found.batches())
