"""Cells as text, words, flags, lists and structures."""

import json
import re
import unicodedata
from collections.abc import Callable

from services.crm_api.imports.values.rejection import ValueRejected
from services.foundation.sheet_texts import plain

WireValue = str | int | float | bool | None | dict[str, "WireValue"] | list["WireValue"]
_ABSENT = {"", "null", "nil", "none", "n/a", "#n/a", "na", "nan", "nat", "k.a.", "-", "--", "\\n"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BETWEEN_ITEMS = re.compile(":::|[;|]")
_FORMULA_ERRORS = frozenset(
    ("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#BEZUG!", "#WERT!", "#ZAHL!")
)
SEVERAL = ":::"
"""What Google puts between the values of one cell."""


def clean(cell: str) -> str:
    """Return the text of a cell without outer white space."""
    return plain(cell.strip())


def is_absent(cell: str) -> bool:
    """Say whether a cell means "no value" where no text is expected ("Null" is a family name)."""
    return clean(cell).casefold() in _ABSENT


def text(cell: str, *, has_lines: bool = False) -> str | None:
    """Return the text without outer white space; control characters are refused."""
    return checked(clean(cell), has_lines=has_lines)


def checked(content: str, *, has_lines: bool = False) -> str | None:
    """Return a text of a cell, None for an empty one; control characters are refused."""
    if content[:1] == "#" and content in _FORMULA_ERRORS:
        raise ValueRejected(
            "formula_error",
            "the formula of this cell ends in an error",
            "die Formel dieser Zelle endet in einem Fehler",
            expected="a value",
        )
    if (_CONTROL_BUT_LINES if has_lines else _CONTROL).search(content):
        if not has_lines and "\n" in content:
            raise ValueRejected(
                "line_break",
                "the text has a line break, this field has one line",
                "der Text hat einen Zeilenumbruch, dieses Feld hat eine Zeile",
                expected="one line of text",
            )
        raise ValueRejected(
            "control_character",
            "the text holds a control character",
            "der Text enthält ein Steuerzeichen",
            expected="text without control characters",
        )
    return content or None


def joined(cell: str) -> str | None:
    """Return the lines of a text as one line, such as those of a street, apart by commas."""
    lines = (line.strip(" ,;\t\r") for line in clean(cell).split("\n"))
    return checked(", ".join(line for line in lines if line))


def label(cell: str) -> str | None:
    """Return what a number or an address is for; Google marks the main one by a star."""
    return text(cell.replace("* ", "", 1).lower()[:50])


def several(cell: str, read: Callable[[str], str | None]) -> str | list[WireValue] | None:
    """Return what is read, or the list of what is read between ``:::``; a gap in it stays."""
    if SEVERAL not in cell:
        return read(cell)
    return [read(part) for part in cell.split(SEVERAL)]


def objects(cell: str, name: str) -> list[WireValue]:
    """Return a list of objects: written as JSON, or texts that are the member `name` of each."""
    content = clean(cell)
    if content.startswith("[{"):
        found = _json(content)
        if isinstance(found, list):
            return found
    return [{name: entry} for entry in items(cell)]


def folded(label: str) -> str:
    """Reduce a label to lower-case ASCII words joined by underscores (ä is ae, ß is ss)."""
    low = unicodedata.normalize("NFC", label).casefold().translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", low).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe"})


def word(cell: str) -> str | None:
    """Return a free word in lower_snake_case ("Web-Shop" is ``web_shop``)."""
    if is_absent(cell):
        return None
    found = folded(clean(cell))
    if not _WORD.fullmatch(found):
        raise ValueRejected(
            "no_word",
            "this is no word of at most 64 letters that starts with a letter",
            "das ist kein Wort aus höchstens 64 Buchstaben, das mit einem Buchstaben beginnt",
            expected="a word such as web_shop",
        )
    return found


_YES = {"1", "true", "t", "yes", "y", "on", "x", "ja", "j", "wahr", "1.0", "\u2713", "\u2714"}
_NO = {"0", "false", "f", "no", "n", "off", "nein", "falsch", "0.0", "\u2717"}


_RECORD_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def own_id(cell: str) -> str | None:
    """Return the id of a record of ours, as far as a text can be one."""
    small = clean(cell).lower()
    return small if _RECORD_ID.fullmatch(small) else None


def record_id(cell: str) -> str | None:
    """Return the id of a record; those of other systems are refused."""
    if is_absent(cell):
        return None
    found = own_id(cell)
    if found is None:
        raise ValueRejected(
            "no_record_id",
            "this is no id of a record here; ids of another system belong into the target "
            "parent_external_id, contact_external_id or external_id",
            "das ist keine Kennung eines Datensatzes von hier; Kennungen eines anderen Systems gehören "
            "in das Ziel parent_external_id, contact_external_id oder external_id",
            expected="an id such as 01890a5d-ac96-774b-bcce-b302099a8057",
        )
    return found


def boolean(cell: str) -> bool | None:
    """Return what a yes or no in English or German, a figure or a cross says."""
    low = clean(cell).casefold()
    if low in _YES or low in _NO:
        return low in _YES
    if low in _ABSENT:
        return None
    raise ValueRejected(
        "no_boolean", "this is no yes or no", "das ist kein Ja oder Nein", expected="yes or no"
    )


def items(cell: str) -> list[WireValue]:
    """Return the entries of a list separated by ``;``, ``|`` or ``:::``, or written as JSON."""
    content = clean(cell)
    entries: list[str]
    if content.startswith("["):
        found = _json(content)
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            raise _no_structure("a list of texts")
        entries = [str(entry) for entry in found]
    else:
        entries = _BETWEEN_ITEMS.split(content)
        if SEVERAL in content or content.startswith("* "):
            entries = [entry.strip().removeprefix("* ") for entry in entries]
    kept = [each for each in (checked(entry.strip()) for entry in entries) if each is not None]
    return list(dict.fromkeys(kept))


def structure(cell: str) -> WireValue:
    """Return the value of a JSON text, as machine exports write lists and objects."""
    return None if is_absent(cell) else _json(clean(cell))


def _json(content: str) -> WireValue:
    try:
        found: WireValue = json.loads(content)
    except (ValueError, RecursionError):
        raise _no_structure("JSON") from None
    return found


def _no_structure(expected: str) -> ValueRejected:
    return ValueRejected(
        "no_json",
        "this cannot be read as JSON of the expected kind",
        "das lässt sich nicht als JSON der erwarteten Art lesen",
        expected=expected,
    )
