"""The rows of a sheet as records, with the numbers that the spreadsheet shows."""

from collections.abc import Iterator
from typing import BinaryIO

from services.crm_api.imports.reading.records import (
    LONGEST_CELL,
    MOST_COLUMNS,
    Dialect,
    Position,
    RejectedRow,
    Row,
    Unreadable,
    rejected,
)
from services.crm_api.imports.reading.workbooks import Cells, Sheet, Workbook


def sheet_rows(file: BinaryIO, dialect: Dialect, position: Position) -> Iterator[Row | RejectedRow]:
    """Stream the rows of the dialect's sheet; those before the position are read over.

    Offsets count the characters of the cells: a packed file has no place where one could go on.
    """
    workbook = Workbook(file)
    sheet = chosen_sheet(workbook, dialect.sheet)
    width = len(dialect.columns)
    ordinal, offset = 0, 0
    is_header_due = dialect.has_header
    for row in workbook.rows(sheet):
        if row.number <= dialect.preamble_lines or not row.cells:
            continue
        if is_header_due:
            is_header_due = False
            if width:
                continue
        start, offset = offset, offset + sum(map(len, row.cells.values())) + 1
        if ordinal >= position.ordinal:
            place = (row.number, ordinal, start, offset, row.number)
            yield _record(row.cells, width, dialect, *place)
        ordinal += 1


def chosen_sheet(workbook: Workbook, name: str | None) -> Sheet:
    """Return the sheet with this name, else the first."""
    return next((each for each in workbook.sheets if each.name == name), workbook.sheets[0])


def _record(
    found: Cells,
    width: int,
    dialect: Dialect,
    number: int,
    ordinal: int,
    start: int,
    end: int,
    end_line: int,
) -> Row | RejectedRow:
    last = max(found)
    fault = None
    if width and last >= width:
        fault = Unreadable("too_many_cells", found=last + 1)
    for at, cell in found.items():
        if "\0" in cell:
            fault = Unreadable("nul_character", column=at)
        elif len(cell) > LONGEST_CELL:
            fault = Unreadable("cell_too_long", column=at, longest=LONGEST_CELL)
    if fault is not None:
        row = rejected(fault, dialect, number, ordinal, start, end, end_line)
        return row._replace(text="\t".join(cell[:1000] for cell in found.values())[:20_000])
    size = width or min(last + 1, MOST_COLUMNS + 1)
    cells = tuple(found.get(at, "") for at in range(size))
    return Row(number, ordinal, cells, start, end, end_line)
