"""Texts in files that people open in a spreadsheet: none is a formula, each comes back as it was."""

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A sheet would calculate a text that begins so (OWASP, "CSV injection"); the wide ones stand for the plain.
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_HARMLESS = re.compile(r"\+[0-9][0-9 ]*")
_EXCEL_TEXT = re.compile(r'="(?P<text>(?:[^"]|"")*)"', re.DOTALL)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe stands before such a one.

    One stands also before apostrophes before a formula, so that `plain` takes off what was put on.
    """
    if _FORMULA.match(text) and not _HARMLESS.fullmatch(text):
        return f"'{text}"
    return text


def plain(cell: str) -> str:
    """Return the text of a cell: without our apostrophe, and without Excel's ``="00123"``."""
    if cell[:1] == "'" and _FORMULA.match(cell):
        return cell[1:]
    if cell.startswith('="') and (excel := _EXCEL_TEXT.fullmatch(cell)):
        return excel["text"].replace('""', '"').strip()
    return cell


def as_cell(text: str) -> str:
    """Return the cell of which `plain` makes this text, of a file that knows no such spellings."""
    bare = text.strip()
    return f"'{bare}" if bare[:1] in ("=", "'") and plain(bare) != bare else text
