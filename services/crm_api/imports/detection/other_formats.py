"""What a workbook or a file of vCards holds: its sheet and header, or its columns."""

import re
from io import BytesIO
from itertools import islice
from typing import BinaryIO, NamedTuple

from services.crm_api.imports.detection.encodings import detect_encoding
from services.crm_api.imports.detection.findings import (
    LONGEST_SAMPLE,
    SAMPLE_RECORDS,
    Hints,
    Option,
    Question,
    Setting,
    UndetectableFile,
)
from services.crm_api.imports.detection.headers import find_header, name_columns
from services.crm_api.imports.detection.notices import Notice, notice
from services.crm_api.imports.reading.card_cells import CardCells, ordered
from services.crm_api.imports.reading.cards import cards
from services.crm_api.imports.reading.records import MOST_COLUMNS, Dialect, Row
from services.crm_api.imports.reading.workbook_parts import BrokenWorkbook
from services.crm_api.imports.reading.workbooks import Sheet, SheetRow, Workbook

_CHARSET = re.compile(rb";\s*CHARSET\s*=", re.IGNORECASE)
_LARGEST_ENCODING_SAMPLE = 64 * 1024


class Survey(NamedTuple):
    """How a file that is no text of rows is read, and what is to be told about it."""

    dialect: Dialect
    encoding: Setting[str]
    has_header: Setting[bool]
    sheet: Setting[str | None]
    header_row: Setting[int | None]
    notices: list[Notice]


def survey_workbook(file: BinaryIO, given: Hints, questions: list[Question]) -> Survey:
    """Choose the sheet, look for its header, and name the columns.

    Raises
    ------
    UndetectableFile
        It is damaged, too large, without cells, or a hint does not fit it.
    """
    try:
        return _surveyed(Workbook(file), given, questions)
    except BrokenWorkbook as broken:
        raise UndetectableFile(broken.code, broken.message_en, broken.message_de) from None


def _surveyed(workbook: Workbook, given: Hints, questions: list[Question]) -> Survey:
    sheet, notices = _chosen(workbook, given, questions)
    sample: list[SheetRow] = []
    width = bare = 0
    for row in workbook.rows(sheet.value):
        bare += row.has_bare_formula
        if row.cells:
            width = max(width, max(row.cells) + 1)
            if len(sample) < SAMPLE_RECORDS:
                sample.append(row)
    if not sample:
        raise UndetectableFile("empty_file", "the sheet is empty", "das Blatt ist leer")
    if width > MOST_COLUMNS:
        raise UndetectableFile(
            "too_many_columns",
            f"the sheet has more than {MOST_COLUMNS} columns",
            f"das Blatt hat mehr als {MOST_COLUMNS} Spalten",
        )
    if bare:
        notices.append(notice("formula_without_value", count=bare))
    records = [
        Row(row.number, at, tuple(row.cells.get(column, "") for column in range(width)), 0, 0, 0)
        for at, row in enumerate(sample)
    ]
    header = records[0]
    if given.has_header is not False:
        header = find_header(records, given)
        if header is not records[0]:
            notices.append(notice("rows_above_header", row=header.row_number))
    base = Dialect(
        format="xlsx",
        has_header=False,
        delimiter="",
        quote=None,
        preamble_lines=header.row_number - 1,
        sheet=sheet.value.name,
    )
    dialect, has_header = name_columns(base, records[header.ordinal :], given, questions)
    number = header.row_number if has_header.value else None
    return Survey(
        dialect,
        Setting("utf-8", "default"),
        has_header,
        Setting(sheet.value.name, sheet.source),
        Setting(number, "given" if given.header_row else "detected"),
        notices,
    )


def _chosen(
    workbook: Workbook, given: Hints, questions: list[Question]
) -> tuple[Setting[Sheet], list[Notice]]:
    """Choose the sheet that has cells; if several have, it is asked."""
    if given.sheet is not None:
        for sheet in workbook.sheets:
            if sheet.name == given.sheet:
                return Setting(sheet, "given"), []
        names = ", ".join(sheet.name for sheet in workbook.sheets)[:500]
        raise UndetectableFile(
            "unknown_sheet",
            f"the workbook has no sheet of this name; there are: {names}",
            f"die Arbeitsmappe hat kein Blatt dieses Namens; es gibt: {names}",
        )
    filled = [sheet for sheet in workbook.sheets if next(workbook.rows(sheet), None) is not None]
    if not filled:
        raise BrokenWorkbook("no_sheet")
    shown = [sheet for sheet in filled if not sheet.is_hidden]
    if len(shown) > 1 or (not shown and len(filled) > 1):
        options = tuple(_option(workbook, sheet) for sheet in shown or filled)
        english, german = "which sheet is to be imported?", "welches Blatt soll importiert werden?"
        questions.append(Question("ambiguous_sheet", None, english, german, options))
    hidden = [sheet for sheet in filled if sheet.is_hidden] if shown else []
    notices = [notice("hidden_sheet", sheet=sheet.name) for sheet in hidden]
    return Setting((shown or filled)[0], "detected"), notices


def _option(workbook: Workbook, sheet: Sheet) -> Option:
    first = next(workbook.rows(sheet))
    cells = sorted(first.cells.items())[:3]
    return Option(sheet.name, tuple((f"{at + 1}", cell[:LONGEST_SAMPLE]) for at, cell in cells))


def starts_card(text: str) -> bool:
    """Say whether a text begins as a vCard does."""
    return re.match(r"\s*BEGIN\s*:\s*VCARD\s*[\r\n]", text, re.IGNORECASE) is not None


def survey_cards(
    head: bytes, file: BinaryIO, base: Dialect, given: Hints, questions: list[Question]
) -> Survey:
    """Name the columns that the cards of a file need.

    Raises
    ------
    UndetectableFile
        No card can be read, or a hint does not fit the file.
    """
    encoding = _encoding(head, file, given, questions)
    dialect = Dialect(
        format="vcard", encoding=encoding.value, has_header=False, line_end=base.line_end,
        delimiter="", quote=None,
    )  # fmt: skip
    columns: dict[str, None] = {}
    dropped = 0
    for card in cards(file, dialect):
        if isinstance(card.content, CardCells):
            dropped += card.content.dropped
            columns |= dict.fromkeys(card.content.cells)
            if len(columns) > MOST_COLUMNS:
                raise UndetectableFile(
                    "too_many_columns",
                    f"the cards have more than {MOST_COLUMNS} different properties",
                    f"die Karten haben mehr als {MOST_COLUMNS} verschiedene Eigenschaften",
                )
    if not columns:
        raise UndetectableFile(
            "no_card",
            "the file has no vCard that can be read",
            "die Datei enthält keine lesbare vCard",
        )
    return Survey(
        Dialect(
            format="vcard", columns=ordered(columns), encoding=encoding.value, has_header=False,
            line_end=base.line_end, delimiter="", quote=None,
        ),
        encoding,
        Setting(False, "default"),
        Setting(None, "default"),
        Setting(None, "default"),
        [notice("binary_dropped", count=dropped)] if dropped else [],
    )  # fmt: skip


def _encoding(head: bytes, file: BinaryIO, given: Hints, questions: list[Question]) -> Setting[str]:
    """Detect the encoding by the lines that do not name one themselves."""
    file.seek(0)
    lines = (line for line in file if not line.isascii() and not _CHARSET.search(line[:1000]))
    sample, size = [], 0
    for line in islice(lines, 10_000):
        sample.append(line[:_LARGEST_ENCODING_SAMPLE])
        size += len(sample[-1])
        if size > _LARGEST_ENCODING_SAMPLE:
            break
    try:
        return detect_encoding(head, BytesIO(b"\n".join(sample)), given, questions)
    except UndetectableFile:
        if given.encoding is not None:
            raise
        return Setting("utf-8", "default")  # the cards that are not are rejected one by one
