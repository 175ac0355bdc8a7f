"""The reader of workbooks: numbers and dates as a person sees them, and parts of any kind."""

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from services.crm_api.imports.reading.records import Dialect, NumberText, Position, RejectedRow, Row
from services.crm_api.imports.reading.sheet_rows import sheet_rows
from services.crm_api.imports.reading.workbook_parts import BrokenWorkbook, NumberFormat
from services.crm_api.imports.reading.workbooks import Workbook, number_text

PLAIN, PERCENT = NumberFormat("number"), NumberFormat("percent")
DATE, CLOCK, PADDED = (
    NumberFormat("date"),
    NumberFormat("date", True),
    NumberFormat("number", padded=5),
)
PARTS = {
    "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="a" Target="s.xml"/>'
    '<Relationship Id="b" Type="x/sharedStrings" Target="/xl/t.xml"/>'
    '<Relationship Id="c" Type="x/styles" Target="../xl/y.xml"/></Relationships>',
    "xl/t.xml": "<sst><si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r><rPh><t>x</t></rPh></si>"
    "<si><t>a_x000D__x0041__xD800_</t></si></sst>",
    "xl/y.xml": '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[Red]0.0%;-0"/>'
    '<numFmt numFmtId="165" formatCode="&quot;Tag&quot; 0"/></numFmts><cellStyleXfs><xf numFmtId="14"/>'
    '</cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/>'
    "</cellXfs></styleSheet>",
}


def packed(sheet: str, **others: str) -> io.BytesIO:
    """Write a workbook by its parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in {
            **PARTS,
            "xl/s.xml": f"<worksheet>{sheet}</worksheet>",
            **others,
        }.items():
            file.writestr(name, text)
    return buffer


def cells(sheet: str) -> list[tuple[int, dict[int, str]]]:
    workbook = Workbook(packed(sheet))
    return [(row.number, row.cells) for row in workbook.rows(workbook.sheets[0])]


@pytest.mark.parametrize(
    ("value", "style", "epoch", "text"),
    [
        ("12", PLAIN, "1900", "12"),
        ("12.0", PLAIN, "1900", "12"),
        ("1E3", PLAIN, "1900", "1000"),
        ("0.30000000000000004", PLAIN, "1900", "0.3"),
        ("19.989999999999998", PLAIN, "1900", "19.99"),
        ("-1234.5", PLAIN, "1900", "-1234.5"),
        ("12345678901234567890", PLAIN, "1900", "12345678901234567890"),
        ("-0.0", PLAIN, "1900", "0"),
        ("1E-7", PLAIN, "1900", "0.0000001"),
        ("0.19", PERCENT, "1900", "19%"),
        ("0.07250000000000001", PERCENT, "1900", "7.25%"),
        ("1067", PADDED, "1900", "01067"),
        ("106700", PADDED, "1900", "106700"),
        ("1", DATE, "1900", "1900-01-01"),
        ("59", DATE, "1900", "1900-02-28"),
        ("60", DATE, "1900", "1900-02-29"),
        ("61", DATE, "1900", "1900-03-01"),
        ("45413", DATE, "1900", "2024-05-01"),
        ("43951", DATE, "1904", "2024-05-01"),
        ("45413.395833333336", DATE, "1900", "2024-05-01T09:30:00"),
        ("45413.99999999999", DATE, "1900", "2024-05-02"),
        ("0.5", DATE, "1900", "12:00:00"),
        ("1.25", CLOCK, "1900", "30:00:00"),
        ("2958466", DATE, "1900", "2958466"),
        ("-1", DATE, "1900", "-1"),
        ("1E999", PLAIN, "1900", "1E999"),
    ],
)  # fmt: skip
def test_numbers_are_spelled_as_a_person_sees_them(
    value: str, style: NumberFormat, epoch: str, text: str
) -> None:
    assert number_text(value, style, epoch) == text


def test_cells_of_every_type_have_their_value() -> None:
    sheet = (
        '<sheetData><row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c t="s"><v>2</v></c>'
        '<c r="E2" t="b"><v>1</v></c><c t="inlineStr"><is><t>in</t><t>line</t></is></c><c t="str"><f>A</f>'
        '<v>text</v></c><c t="e"><v>#N/A</v></c><c t="d"><v>2024-05-01</v></c></row><row/>'
        '<row r="5"><c s="1"><v>45413</v></c><c s="2"><v>0.5</v></c><c s="3"><v>7</v></c><c><f>1+1</f></c></row></sheetData>'
    )  # fmt: skip
    assert cells(sheet) == [
        (2, {0: "one", 1: "two", 2: "a\rA\ufffd", 4: "true", 5: "inline", 6: "text", 7: "#N/A", 8: "2024-05-01"}),
        (5, {0: "2024-05-01", 1: "50%", 2: "7"}),
    ]  # fmt: skip
    number = cells('<row><c><v>7</v></c><c t="str"><v>7</v></c></row>')[0][1]
    assert (type(number[0]), type(number[1])) == (NumberText, str)


def test_a_cell_merged_over_rows_holds_for_each_of_them() -> None:
    rows = "".join(f'<row r="{n}"><c r="B{n}"><v>{n}</v></c></row>' for n in (2, 3, 5))
    sheet = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>1</v></c></row>'
        f'{rows}</sheetData><mergeCells><mergeCell ref="A1:A3"/><mergeCell ref="B5:C5"/></mergeCells>'
    )
    assert cells(sheet) == [
        (1, {0: "one", 1: "1"}),
        (2, {0: "one", 1: "2"}),
        (3, {0: "one", 1: "3"}),
        (5, {1: "5"}),
    ]


@pytest.mark.parametrize(
    "sheet",
    [
        '<row r="1"><c r="B7"><v>1</v></c></row>',
        '<row r="2"/><row r="1"/>',
        '<row r="1048577"/>',
        '<row r="1"><c r="XFE1"><v>1</v></c></row>',
        '<row r="x"/>',
        '<row><c t="s"><v>99</v></c></row>',
        "<row><c s='x'><v>1</v></c></row>",
        "<row><c><v>no number</v></c></row>",
        "<row>",
        "&x;",
    ],
)
def test_a_damaged_sheet_is_told_and_nothing_else(sheet: str) -> None:
    with pytest.raises(BrokenWorkbook, match="damaged_workbook"):
        cells(sheet)


def test_reading_goes_on_from_any_row() -> None:
    sheet = "".join(f'<row r="{n}"><c><v>{n}</v></c><c/></row>' for n in range(1, 20, 2))
    sheet += '<row r="21"><c t="inlineStr"><is><t>_x0000_</t></is></c></row>'
    dialect = Dialect(format="xlsx", columns=("a",), preamble_lines=2, delimiter="")
    whole = list(sheet_rows(packed(sheet), dialect, Position()))
    assert [row.row_number for row in whole] == [*range(5, 20, 2), 21]
    assert isinstance(whole[-1], RejectedRow)
    assert whole[-1].code == "nul_character"
    for at, row in enumerate(whole):
        assert list(sheet_rows(packed(sheet), dialect, row.after)) == whole[at + 1 :]


VALUES = (
    st.integers(-(10**12), 10**12)
    | st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 4))
    | st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
    )
    | st.booleans()
)


def as_calamine_reads(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(repr(value), PLAIN) if isinstance(value, float) else str(value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=5))
def test_another_reader_reads_the_same(rows: Sequence[Sequence[Any]]) -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(at, column, value)
            else:
                sheet.write(at, column, value)
    book.close()
    buffer.seek(0)
    other = CalamineWorkbook.from_filelike(buffer).get_sheet_by_index(0)
    expected = [[as_calamine_reads(cell) for cell in row] for row in other.to_python()]
    ours = list(sheet_rows(buffer, Dialect(format="xlsx", has_header=False), Position()))
    found = [list(row.cells) for row in ours if isinstance(row, Row)]
    assert [[cell.strip() for cell in row] for row in found] == [
        [cell.strip() for cell in row[: len(mine)]]
        for row, mine in zip(expected, found, strict=True)
    ]


def test_a_date_is_one_by_the_format_of_its_cell() -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet()
    forms = [
        "dd.mm.yyyy",
        "[$-407]d. mmmm yyyy",
        'yyyy"-"mm',
        "hh:mm",
        "[h]:mm",
        "0.00",
        "General",
        '"d" 0',
    ]
    for column, form in enumerate(forms):
        sheet.write_datetime(
            0, column, datetime(2024, 5, 1, 12), book.add_format({"num_format": form})
        )
    book.close()
    workbook = Workbook(buffer)
    (row,) = workbook.rows(workbook.sheets[0])
    assert list(row.cells.values()) == [
        *["2024-05-01T12:00:00"] * 3, *["1089924:00:00"] * 2, "45413.5", "45413.5", "45413.5",
    ]  # fmt: skip
