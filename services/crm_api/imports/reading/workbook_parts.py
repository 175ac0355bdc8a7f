"""What a workbook's file holds beside its cells: its parts, their limits, texts and formats."""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Literal, NamedTuple
from xml.parsers import expat

from services.crm_api.imports.reading.records import LONGEST_CELL

LARGEST_UNPACKED = 2**30
_LARGEST_TEXTS = 100 * 2**20
_MOST_PARTS = 10_000
_MOST_TIMES = 300
"""How many times smaller a part may be packed; sheets of real programs reach 50."""
_SMALL = 4 * 2**20
_CHUNK = 2**16
_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_CLOCKS = frozenset((*range(18, 22), *range(45, 48)))
_NO_PATTERN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
MESSAGES = {
    "damaged_workbook": (
        "the workbook is damaged or incomplete; open it in a spreadsheet program and save it anew",
        (
            "die Arbeitsmappe ist beschädigt oder unvollständig; bitte in einem Tabellenprogramm "
            "öffnen und neu speichern"
        ),
    ),
    "workbook_too_large": (
        (
            "the workbook unpacks to more than can be read (1 GiB, 100 MiB of texts, 300 times its "
            "packed size); save the sheet as CSV"
        ),
        (
            "die Arbeitsmappe ist entpackt größer als lesbar (1 GiB, 100 MiB Texte, das 300-fache "
            "ihrer gepackten Größe); bitte das Blatt als CSV speichern"
        ),
    ),
    "protected_workbook": (
        "the workbook is protected by a password; save it without one",
        "die Arbeitsmappe ist durch ein Passwort geschützt; bitte ohne Passwort speichern",
    ),
    "no_sheet": (
        "the workbook has no sheet with cells",
        "die Arbeitsmappe hat kein Blatt mit Zellen",
    ),
}


class BrokenWorkbook(Exception):
    """The workbook cannot be read, and why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.message_en, self.message_de = MESSAGES[code]


class Element(NamedTuple):
    """The start of an element of XML; names come without their namespace."""

    name: str
    attributes: dict[str, str]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


class NumberFormat(NamedTuple):
    """What a cell's number is shown as."""

    kind: Literal["number", "percent", "date"]
    is_clock: bool = False
    padded: int = 0


class Container:
    """The zipped parts of a workbook."""

    def __init__(self, file: BinaryIO) -> None:
        with self.reading():
            file.seek(0)
            self._zip = zipfile.ZipFile(file)
            self._parts = {part.filename: part for part in self._zip.infolist()}
        if len(self._parts) > _MOST_PARTS:
            raise BrokenWorkbook("workbook_too_large")
        if sum(part.file_size for part in self._parts.values()) > LARGEST_UNPACKED:
            raise BrokenWorkbook("workbook_too_large")
        for part in self._parts.values():
            if part.flag_bits & 1:
                raise BrokenWorkbook("protected_workbook")
            if part.file_size > max(_SMALL, _MOST_TIMES * part.compress_size):
                raise BrokenWorkbook("workbook_too_large")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Tell whatever a damaged file makes the libraries raise as one refusal."""
        try:
            yield
        except (
            *(zipfile.BadZipFile, zlib.error, EOFError, OSError, expat.ExpatError, KeyError),
            *(ValueError, IndexError, ArithmeticError, NotImplementedError, RuntimeError),
        ):
            raise BrokenWorkbook("damaged_workbook") from None

    def has(self, part: str) -> bool:
        return part in self._parts

    def open(self, part: str) -> IO[bytes]:
        """Open a part; it never gives more bytes than its size in the directory of the file."""
        return self._zip.open(self._parts[part])

    def elements(self, part: str) -> Iterator[Element]:
        """Stream the elements of a part; nothing, if there is none."""
        if not self.has(part):
            return
        found: list[Element] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            plain = {name.rpartition(":")[2]: value for name, value in attributes.items()}
            found.append(Element(tag.rpartition(":")[2], plain))

        parser = new_parser(start)
        with self.reading(), self.open(part) as file:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)
                yield from found
                found.clear()
            parser.Parse(b"", True)
            yield from found

    def targets(self, part: str) -> dict[str, str]:
        """Return the parts that a part refers to, by the id of the relation."""
        return {each.get("Id") or "": self._placed(part, each) for each in self._relations(part)}

    def target_of(self, part: str, kind: str) -> str | None:
        """Return the part to which a part has a relation of this kind."""
        return next(
            (
                self._placed(part, each)
                for each in self._relations(part)
                if (each.get("Type") or "").endswith(f"/{kind}")
            ),
            None,
        )

    def _relations(self, part: str) -> Iterator[Element]:
        folder, name = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        return (each for each in self.elements(path) if each.name == "Relationship")

    @staticmethod
    def _placed(part: str, relation: Element) -> str:
        target = relation.get("Target") or ""
        if target.startswith("/"):
            return target.lstrip("/")
        return posixpath.normpath(posixpath.join(posixpath.dirname(part), target))

    def formats(self, root: str) -> list[NumberFormat]:
        """Return the number formats by the index that cells name."""
        codes: dict[str, str] = {}
        formats: list[NumberFormat] = []
        is_of_cells = False
        for each in self.elements(self.target_of(root, "styles") or ""):
            if each.name == "numFmt":
                codes[each.get("numFmtId") or ""] = each.get("formatCode") or ""
            elif each.name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
                is_of_cells = each.name == "cellXfs"
            elif each.name == "xf" and is_of_cells:
                formats.append(_format(each.get("numFmtId") or "0", codes))
        return formats

    def texts(self, root: str) -> list[str]:
        """Return the texts that cells share."""
        part = self.target_of(root, "sharedStrings") or ""
        if not self.has(part):
            return []
        parser = _TextsParser()
        with self.reading(), self.open(part) as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
        return parser.texts


class _TextsParser:
    """Turns the XML of the shared texts into a list; what tells how to pronounce them is left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._runs: list[str] = []
        self._is_text = False
        self._size = self._longest = self._phonetic = 0
        self._parser = new_parser(self._start, self._end, self._data)

    def feed(self, chunk: bytes) -> None:
        self._parser.Parse(chunk, False)

    def _start(self, tag: str, _: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "si":
            self._runs, self._longest = [], 0
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t":
            self._is_text = not self._phonetic

    def _data(self, text: str) -> None:
        if self._is_text and self._longest <= LONGEST_CELL:
            self._runs.append(text)
            self._longest += len(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "t":
            self._is_text = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "si":
            text = unescaped("".join(self._runs)[: LONGEST_CELL + 1])
            self._size += len(text) + 50
            if self._size > _LARGEST_TEXTS:
                raise BrokenWorkbook("workbook_too_large")
            self.texts.append(text)


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """Return a text whose control characters are written as ``_x000D_``."""
    if "_x" not in text:
        return text
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _no_doctype(*_: object) -> None:
    """Refuse the part of XML that can name other files or swell."""
    raise BrokenWorkbook("damaged_workbook")


def new_parser(
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None,
) -> expat.XMLParserType:
    """Make a parser of a part of a workbook that calls these; it takes no document type."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = _no_doctype
    return parser


def _format(identifier: str, codes: dict[str, str]) -> NumberFormat:
    """Classify a number format by its first section, or by its number if it is a standard one."""
    code = codes.get(identifier)
    if code is None:
        number = int(identifier)
        if number in (9, 10):
            return NumberFormat("percent")
        return (
            NumberFormat("date", number in _CLOCKS) if number in _DATES else NumberFormat("number")
        )
    pattern = _NO_PATTERN.sub("", code).partition(";")[0].lower()
    if "%" in pattern:
        return NumberFormat("percent")
    if pattern != "general" and re.search("[dmyhs]", pattern):
        is_clock = not re.search("[dy]", pattern) and re.search("[hs]", pattern) is not None
        return NumberFormat("date", is_clock)
    padded = len(pattern) if len(pattern) > 1 and not pattern.strip("0") else 0
    return NumberFormat("number", padded=padded)
