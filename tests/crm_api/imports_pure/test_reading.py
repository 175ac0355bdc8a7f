"""What reading promises: every record once, faults bounded to their row, restart at any byte."""

import csv
import io
import json
import tracemalloc
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.crm_api.imports.reading.identities import RowIds, repeated_identities, row_identity
from services.crm_api.imports.reading.json_lines import object_keys
from services.crm_api.imports.reading.reader import raw_bytes, records, rows
from services.crm_api.imports.reading.records import (
    LONGEST_CELL,
    LONGEST_RECORD,
    WHITESPACE,
    Dialect,
    NumberText,
    Position,
    RejectedRow,
    Row,
)

ABC = Dialect(columns=("a", "b", "c"))


def read(content: bytes, dialect: Dialect = ABC) -> list[Row | RejectedRow]:
    return list(records(io.BytesIO(content), dialect))


def outcome(content: bytes, dialect: Dialect = ABC) -> list[tuple[int, object]]:
    """Each record's line number with its cells or its code."""
    return [
        (record.row_number, record.cells if isinstance(record, Row) else record.code)
        for record in read(content, dialect)
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b,c\n1,2,3\n", [(2, ("1", "2", "3"))]),
        (b"a,b,c\r\n1,2,3", [(2, ("1", "2", "3"))]),
        (b"\xef\xbb\xbfa,b,c\n1,2,3\n", [(2, ("1", "2", "3"))]),
        (b"\n\na,b,c\n\n1,2,3\n\n,,\n   \n4,5,6\n", [(5, ("1", "2", "3")), (9, ("4", "5", "6"))]),
        (
            b'a,b,c\n1,"x\ny\n",3\n4,5,6\n',
            [(2, ("1", "x\ny\n", "3")), (5, ("4", "5", "6"))],
        ),
        (b'"a\nx",b,c\n1,2,3\n', [(3, ("1", "2", "3"))]),
        (b'a,b,c\n1,"say ""hi""",3\n', [(2, ("1", 'say "hi"', "3"))]),
        (b'a,b,c\n1,5" pipe,3\n', [(2, ("1", '5" pipe', "3"))]),
        (b"a,b,c\n1,2,3,,\n", [(2, ("1", "2", "3"))]),
        (b"", []),
        (b"a,b,c", []),
    ],
)
def test_plain_rows_are_read_as_they_stand(content: bytes, expected: object) -> None:
    assert outcome(content) == expected


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"1,2", "too_few_cells"),
        (b"1,2,3,4", "too_many_cells"),
        (b'1,"2" x,3', "broken_quote"),
        (b'1,"2,3', "broken_quote"),
        (b'"', "broken_quote"),
        (b"1,\x00,3", "nul_character"),
        (b'1,"\x00",3', "nul_character"),
        (b"1,\xff,3", "undecodable"),
        (b'1,"\xff",3', "undecodable"),
        (b"1,\xc3,3", "undecodable"),
        (b"1,2\r2,3", "stray_line_break"),
        (b'1,"2"\r2,3', "broken_quote"),
        (b'1,"2\r2",3,"\r', "broken_quote"),
        (b"1," + b"x" * (LONGEST_CELL + 1) + b",3", "cell_too_long"),
        (b'1,"' + b"x" * (LONGEST_CELL + 50_000) + b'",3', "cell_too_long"),
        (b"1," + b"x" * (LONGEST_RECORD + 500_000) + b",3", "row_too_long"),
    ],
)
def test_a_broken_line_is_rejected_alone(line: bytes, code: str) -> None:
    content = b"a,b,c\n0,0,0\n" + line + b"\n7,8,9\n9,9,9\n"
    assert outcome(content) == [
        (2, ("0", "0", "0")),
        (3, code),
        (4, ("7", "8", "9")),
        (5, ("9", "9", "9")),
    ]


@pytest.mark.parametrize(
    ("encoding", "line_end"), [("utf-16-le", "\n"), ("utf-16-be", "\n"), ("utf-8", "\r")]
)
def test_an_endless_line_is_rejected_alone_in_every_encoding(
    encoding: str, line_end: Literal["\n", "\r"]
) -> None:
    lines = ["a,b,c", "1,2,3", "1," + "ä" * (LONGEST_RECORD + 1_000) + ",3", "4,5,6"]
    dialect = Dialect(columns=("a", "b", "c"), encoding=encoding, line_end=line_end)
    found = read(line_end.join(lines).encode(encoding), dialect)
    assert [record.row_number for record in found] == [2, 3, 4]
    assert [isinstance(record, Row) for record in found] == [True, False, True]
    assert found[1].end_offset == found[2].start_offset


def test_a_rejected_row_names_the_column_and_not_the_cell() -> None:
    (record,) = read(b"a,b,c\n1,secret\x00,3\n")
    assert isinstance(record, RejectedRow)
    assert record.column == "b"
    assert "secret" not in record.message_en + record.message_de
    (record,) = read(b"a,b,c\n1,2\n")
    assert isinstance(record, RejectedRow)
    assert (record.message_en, record.column) == ("the row has 2 cells, 3 are expected", None)


def test_a_quote_that_never_closes_costs_one_row_of_thousands() -> None:
    lines = [b"%d,x,y\n" % number for number in range(5_000)]
    lines[100] = b'100,"x,y\n'
    lines[200] = b'200,"x,y\n'
    found = read(b"a,b,c\n" + b"".join(lines))
    rejected = [record.row_number for record in found if isinstance(record, RejectedRow)]
    assert len(found) == 5_000
    assert rejected == [102, 202]


def test_a_quoted_cell_over_many_lines_that_is_too_long_is_one_rejected_row() -> None:
    body = b"some text, with commas\n" * 10_000
    found = outcome(b'a,b,c\n1,"' + body + b'",3\n4,5,6\n')
    assert found == [(2, "cell_too_long"), (10_003, ("4", "5", "6"))]


def test_a_quote_closed_by_the_next_broken_one_gives_the_rows_back() -> None:
    content = b'a,b,c\n1,"x,2\n3,"y,4\n5,6,7\n'
    assert outcome(content) == [(2, "broken_quote"), (3, "broken_quote"), (4, ("5", "6", "7"))]


def test_many_broken_quotes_do_not_make_reading_quadratic() -> None:
    content = b"a,b,c\n" + b'1,"x,2\n3,4,5\n' * 20_000
    found = read(content)
    assert len(found) == 40_000
    assert sum(isinstance(record, RejectedRow) for record in found) == 20_000


@pytest.mark.parametrize(
    ("content", "dialect", "expected"),
    [
        (
            b"sep=;\na;b\n1;2\n",
            Dialect(columns=("a", "b"), delimiter=";", preamble_lines=1),
            [(3, ("1", "2"))],
        ),
        (
            b'a, b\n1, "2, 2"\n',
            Dialect(columns=("a", "b"), skips_initial_space=True),
            [(2, ("1", "2, 2"))],
        ),
        (
            b" 04 01  19970101\n\n 05\n",
            Dialect(columns=("a", "b", "c"), delimiter=WHITESPACE, quote=None, has_header=False),
            [(1, ("04", "01", "19970101")), (3, "too_few_cells")],
        ),
        (
            b"a;b\r1;2\r\r3;4",
            Dialect(columns=("a", "b"), delimiter=";", line_end="\r"),
            [(2, ("1", "2")), (4, ("3", "4"))],
        ),
        (
            b"a,b\n'1,1','it''s'\n",
            Dialect(columns=("a", "b"), quote="'"),
            [(2, ("1,1", "it's"))],
        ),
        (
            b'a,b\n"1,2"\n',
            Dialect(columns=("a", "b"), quote=None),
            [(2, ('"1', '2"'))],
        ),
        (
            "a;b\nä;€\n".encode("utf-16"),
            Dialect(columns=("a", "b"), delimiter=";", encoding="utf-16-le"),
            [(2, ("ä", "€"))],
        ),
        (
            "a;b\n\u0a0a\u0a00;\u0a0a\n1;2".encode("utf-16-be"),
            Dialect(columns=("a", "b"), delimiter=";", encoding="utf-16-be"),
            [(2, ("\u0a0a\u0a00", "\u0a0a")), (3, ("1", "2"))],
        ),
        (
            "a;b\n\u010a\u0a00;\u0d0a\u000a".encode("utf-16-le"),
            Dialect(columns=("a", "b"), delimiter=";", encoding="utf-16-le"),
            [(2, ("\u010a\u0a00", "\u0d0a"))],
        ),
        (
            "a;b\n1;2\n".encode("utf-16-le") + b"\x3d\xd8;\x00\n\x003\x00;\x004\x00\n\x00x",
            Dialect(columns=("a", "b"), delimiter=";", encoding="utf-16-le"),
            [(2, ("1", "2")), (3, "undecodable"), (4, ("3", "4")), (5, "undecodable")],
        ),
        (
            b"a;b\nM\xfcller;\x80\nx;\x81\n",
            Dialect(columns=("a", "b"), delimiter=";", encoding="cp1252"),
            [(2, ("Müller", "€")), (3, "undecodable")],
        ),
        (
            b"a;b\nM\xfcller;\x80\n",
            Dialect(columns=("a", "b"), delimiter=";", encoding="iso-8859-1"),
            [(2, "undecodable")],
        ),
    ],
)
def test_every_dialect_is_read(content: bytes, dialect: Dialect, expected: object) -> None:
    assert outcome(content, dialect) == expected


NDJSON = Dialect(columns=("a", "b"), format="ndjson", quote=None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a": "x", "b": null}', ("x", "")),
        (b'{"b": 1.10, "a": true}', ("true", "1.10")),
        (b'{"a": 12345678901234567890.123456789}', ("12345678901234567890.123456789", "")),
        (b'{"a": ["x", 1.50], "b": {"k": "\xc3\xa4"}}', ('["x",1.50]', '{"k":"ä"}')),
        (b"[1]", "broken_json"),
        (b'{"a": NaN}', "broken_json"),
        (b'{"a": 1', "broken_json"),
        (b'{"a": "\\ud800"}', "broken_json"),
        (b'{"a": 1, "a": 2}', "repeated_key"),
        (b'{"z": 1}', "unexpected_key"),
        (b'{"a": "\\u0000"}', "nul_character"),
        (b'{"a": "\xff"}', "undecodable"),
        (b"[" * 100_000, "broken_json"),
        (b",,,", "broken_json"),
    ],
)
def test_a_json_line_becomes_texts_or_is_rejected_alone(line: bytes, expected: object) -> None:
    content = b"\xef\xbb\xbf" + line + b'\n\n{"a": "after"}\n'
    assert outcome(content, NDJSON) == [(1, expected), (3, ("after", ""))]


def test_json_numbers_are_told_from_texts() -> None:
    (record,) = read(b'{"a": 1.5, "b": "1.5"}', NDJSON)
    assert isinstance(record, Row)
    assert [isinstance(cell, NumberText) for cell in record.cells] == [True, False]


def test_keys_are_gathered_from_all_objects() -> None:
    content = b'{"a": 1}\nbroken\n{"b": 2, "a": 1}\n'
    assert object_keys(io.BytesIO(content), NDJSON) == ("a", "b")


def test_the_raw_bytes_of_a_record_can_be_fetched(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b'a,b,c\n1,"x\ny",3\n\n1,"\xff",3\n4,5,6\n')
    assert [raw_bytes(path, record) for record in rows(path, ABC)] == [
        b'1,"x\ny",3\n',
        b'1,"\xff",3\n',
        b"4,5,6\n",
    ]


CELLS = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\n",;\t äß€😀'), max_size=12
)
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(CELLS, min_size=width, max_size=width).filter(lambda row: "".join(row).strip()),
        min_size=1,
        max_size=8,
    )
)
QUOTINGS: st.SearchStrategy[Literal[0, 1]] = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
ENCODING = st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])


@settings(max_examples=300, deadline=None)
@given(
    table=TABLES,
    encoding=ENCODING,
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=QUOTINGS,
    has_mark=st.booleans(),
)
def test_what_csv_writes_is_read_back_and_restarts_anywhere(
    table: list[list[str]],
    encoding: str,
    delimiter: str,
    line_end: str,
    quoting: Literal[0, 1],
    has_mark: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    columns = tuple(f"column {at}" for at in range(len(table[0])))

    def spell(*some: Sequence[str]) -> str:
        spelled = io.StringIO()
        csv.writer(
            spelled, delimiter=delimiter, lineterminator=line_end, quoting=quoting
        ).writerows(some)
        return spelled.getvalue()

    mark = "\ufeff" if has_mark and encoding.startswith("utf-16") else ""
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes((mark + spell(columns, *table)).encode(encoding))
    dialect = Dialect(columns=columns, encoding=encoding, delimiter=delimiter)

    found = list(rows(path, dialect))
    expected = [row for row in table if spell(row).strip(" \t\r\n\ufeff" + delimiter)]
    assert [list(record.cells) for record in found if isinstance(record, Row)] == expected

    for record in found:
        tail = found[record.ordinal + 1 :]
        assert list(rows(path, dialect, start_at=record.after)) == tail
        assert list(rows(path, dialect, start_at=record.ordinal + 1)) == tail


@settings(max_examples=300, deadline=None)
@given(
    content=st.lists(
        st.sampled_from(
            [
                b"1,2,3",
                b'"',
                b",",
                b'""',
                b"\n",
                b"\r\n",
                b"\r",
                b"x",
                b"\xff",
                b"\x00",
                b'","',
                b" ",
            ]
        ),
        max_size=40,
    ).map(b"".join),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "cp1252"]),
    has_header=st.booleans(),
)
def test_any_bytes_are_read_without_a_gap_and_restart_anywhere(
    content: bytes, encoding: str, has_header: bool
) -> None:
    dialect = Dialect(columns=("a", "b", "c"), encoding=encoding, has_header=has_header)
    found = read(content, dialect)
    assert [record.ordinal for record in found] == list(range(len(found)))
    ends = [0, *(record.end_offset for record in found)]
    assert all(record.start_offset >= end for record, end in zip(found, ends, strict=False))
    assert ends[-1] <= len(content)
    for record in found:
        file = io.BytesIO(content)
        assert list(records(file, dialect, start_at=record.after)) == found[record.ordinal + 1 :]


def test_a_restart_at_the_beginning_is_no_restart() -> None:
    file = io.BytesIO(b"a,b,c\n1,2,3\n")
    assert list(records(file, ABC, start_at=Position())) == read(b"a,b,c\n1,2,3\n")


def test_memory_stays_constant(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as file:
        file.write(b"a,b,c\n")
        for number in range(50_000):
            file.write(b'%d,"some text",more text\n' % number)
        file.write(b'1,"never closed,' + b"x" * 20_000_000 + b"\n1,2,3\n")
    tracemalloc.start()
    count = sum(1 for _ in rows(path, ABC))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 50_002
    assert peak < 25 * 2**20


def test_equal_rows_have_equal_identities_whatever_the_spelling() -> None:
    assert row_identity(["Müller ", "a\r\nb"]) == row_identity(["Mu\u0308ller", "a\nb"])
    assert row_identity(["ab", "c"]) != row_identity(["a", "bc"])
    assert row_identity(["a", ""]) != row_identity(["a"])
    assert row_identity(["a", "b"]) != row_identity(["b", "a"])
    assert len(row_identity([])) == 64


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["x", "y", "z", "x ", "w"]), max_size=30), st.integers(0, 30))
def test_row_ids_number_equal_rows_and_go_on_after_a_restart(cells: list[str], cut: int) -> None:
    found = [Row(at, at, (cell,), at, at + 1, at) for at, cell in enumerate(cells)]
    repeated = repeated_identities(found)
    ids = RowIds(repeated)
    all_ids = [ids.next_id(row.cells) for row in found]
    stripped = [cell.strip() for cell in cells]
    assert all_ids == [
        f"{row_identity([cell])}#{stripped[: at + 1].count(cell)}"
        for at, cell in enumerate(stripped)
    ]
    first = RowIds(repeated)
    head = [first.next_id(row.cells) for row in islice(found, cut)]
    kept = json.loads(json.dumps(first.counts))
    second = RowIds(repeated, counts=kept)
    assert head + [second.next_id(row.cells) for row in found[cut:]] == all_ids
