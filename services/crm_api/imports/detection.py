"""What an uploaded file is and means: given by the user or detected from it, never guessed."""

import codecs
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import charset_normalizer

from services.crm_api.imports import values
from services.crm_api.imports.reading import (
    BYTE_ORDER_MARKS,
    ENCODINGS,
    LONGEST_RECORD,
    MOST_COLUMNS,
    WHITESPACE,
    Dialect,
    Format,
    NumberText,
    RejectedRow,
    Row,
    Unreadable,
    json_object,
    object_keys,
    records,
)
from services.crm_api.imports.values import DecimalMark, folded

T = TypeVar("T")
_Order = Literal["ymd", "dmy", "mdy"]
Kind = Literal["date", "number", "text", "empty"]
HEAD_BYTES = 256 * 1024
_SAMPLE_RECORDS = 300
_SAMPLES = 5
_LONGEST_SAMPLE = 100
_TYPED_SHARE = 0.8


class UndetectableFile(Exception):
    """The file is of no kind that can be imported."""

    status = 422

    def __init__(self, code: str, message_en: str, message_de: str) -> None:
        super().__init__(code)
        self.code, self.message_en, self.message_de = code, message_en, message_de


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value and who says so."""

    value: T
    source: Literal["given", "detected", "default"]


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user says about the file; None and absent columns are detected.

    `quote` may be empty: nothing is quoted. Column keys are the names in the file.
    """

    format: Format | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    has_header: bool | None = None
    decimal_mark: DecimalMark | None = None
    date_format: str | None = None
    time_zone: str | None = None
    decimal_marks: Mapping[str, DecimalMark] = field(default_factory=dict)
    date_formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """A possible answer, and how the first samples would be read under it."""

    value: str
    readings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What the file leaves open and a person has to say; `column` is None for the whole file."""

    code: str
    column: str | None
    message_en: str
    message_de: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds; the mark and the format are None where a question is open or moot."""

    name: str
    kind: Kind
    decimal_mark: Setting[DecimalMark] | None
    date_format: Setting[str] | None
    has_local_times: bool
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything that reading needs, with its source, and what is left open."""

    format: Setting[Format]
    encoding: Setting[str]
    delimiter: Setting[str]
    quote: Setting[str | None]
    has_header: Setting[bool]
    time_zone: Setting[str]
    dialect: Dialect
    columns: tuple[Column, ...]
    row_count: int
    is_row_count_exact: bool
    rejected_count: int
    sample_rows: tuple[tuple[str, ...], ...]
    questions: tuple[Question, ...]


def detect(head: bytes, *, size: int, given: Hints, business_zone: str) -> Detection:
    """Detect from the first bytes of a file of `size` bytes; the number of rows is estimated.

    Raises
    ------
    UndetectableFile
        The file is empty, of another kind, in no known encoding, or a hint does not fit it.
    """
    is_whole = len(head) >= size
    if not is_whole:
        head = _whole_lines(head)
    return _detected(head, io.BytesIO(head), given, business_zone, None if is_whole else size)


def detect_file(path: Path, *, given: Hints, business_zone: str) -> Detection:
    """Detect from the whole file, streamed: counts are exact, one telling row settles a column.

    Raises
    ------
    UndetectableFile
        As `detect`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if file.read(1):
            head = _whole_lines(head)
        return _detected(head, file, given, business_zone, None)


def _whole_lines(head: bytes) -> bytes:
    """Cut the last line, which may be incomplete, if there is another one."""
    for newline in (b"\n\0", b"\0\n") if b"\0" in head[:64] else (b"\n", b"\r"):
        end = head.rfind(newline)
        while end >= 0 and end % len(newline):
            end = head.rfind(newline, 0, end + 1)
        if end >= 0:
            return head[: end + len(newline)]
    return head


def _detected(
    head: bytes, file: BinaryIO, given: Hints, business_zone: str, size: int | None
) -> Detection:
    """Take the structure from the head, the columns from `file`; `size` is told for a head only."""
    questions: list[Question] = []
    _refuse_other_kinds(head)
    _check_hints(given)
    encoding = _encoding(head, file, given, questions)
    text = head.decode(ENCODINGS[encoding.value], "replace").lstrip("\ufeff")
    base = Dialect(
        encoding=encoding.value,
        has_header=False,
        line_end="\r" if "\r" in text and "\n" not in text else "\n",
    )
    if _is_ndjson(text, given):
        keys_dialect = replace(base, format="ndjson", quote=None)
        file.seek(0)
        dialect = replace(keys_dialect, columns=object_keys(file, keys_dialect))
        has_header = Setting(False, "detected")
    else:
        dialect = _structure(base, head, text, given, questions)
        dialect, has_header = _with_columns(dialect, head, given, questions)
    seen = _observe(file, dialect)
    if seen.row_count and seen.row_count == seen.rejected_count:
        raise UndetectableFile("no_readable_row", *_NO_READABLE_ROW)
    columns = [
        _column(name, evidence, given, questions)
        for name, evidence in zip(dialect.columns, seen.evidence, strict=True)
    ]
    row_count = seen.row_count
    if size is not None and seen.byte_count:
        row_count = round(row_count * size / seen.byte_count)
    return Detection(
        format=Setting(given.format, "given")
        if given.format
        else Setting(dialect.format, "detected"),
        encoding=encoding,
        delimiter=Setting(dialect.delimiter, "given" if given.delimiter else "detected"),
        quote=Setting(dialect.quote, "detected" if given.quote is None else "given"),
        has_header=has_header,
        time_zone=Setting(given.time_zone, "given")
        if given.time_zone
        else Setting(business_zone, "default"),
        dialect=dialect,
        columns=tuple(columns),
        row_count=row_count,
        is_row_count_exact=size is None,
        rejected_count=seen.rejected_count,
        sample_rows=seen.sample_rows,
        questions=tuple(questions),
    )


_NO_READABLE_ROW = (
    "no row of the file can be read with these settings",
    "mit diesen Einstellungen lässt sich keine Zeile der Datei lesen",
)
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "xlsx / zip"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
)


def _refuse_other_kinds(head: bytes) -> None:
    if not head.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise UndetectableFile("empty_file", "the file is empty", "die Datei ist leer")
    for signature, kind in _OTHER_KINDS:
        if head.startswith(signature):
            raise UndetectableFile(
                "other_kind",
                f"this is a file of the kind {kind}; save it as CSV (UTF-8)",
                f"das ist eine Datei der Art {kind}; bitte als CSV (UTF-8) speichern",
            )


def _check_hints(given: Hints) -> None:
    formats = [*given.date_formats.values(), *filter(None, [given.date_format])]
    try:
        for spelling in formats:
            values.parsed_format(spelling)
        if given.time_zone is not None:
            ZoneInfo(given.time_zone)
        for sign in filter(None, (given.delimiter, given.quote)):
            if sign != WHITESPACE and (len(sign) > 1 or sign in "\r\n\0"):
                raise ValueError(sign)
        if given.delimiter and given.delimiter == given.quote:
            raise ValueError(given.delimiter)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise UndetectableFile(
            "unknown_hint",
            "a date format, time zone, delimiter or quote given cannot be used",
            "ein angegebenes Datumsformat, Trenn- oder Anführungszeichen oder die Zeitzone "
            "ist unbrauchbar",
        ) from None


def _is_ndjson(text: str, given: Hints) -> bool:
    if given.format:
        return given.format == "ndjson"
    start = text.lstrip()
    if start.startswith("{"):
        try:
            json_object(start.partition("\n")[0])
        except Unreadable as fault:
            if re.match(r'\{\s*(?:"|$)', start) is None or fault.code != "broken_json":
                return fault.code != "broken_json"
            raise _not_lines() from None
        return True
    if re.match(r"\[\s*[\[{]", start):
        raise _not_lines()
    return False


def _not_lines() -> UndetectableFile:
    return UndetectableFile(
        "json_not_in_lines",
        "JSON is expected as one object per line (NDJSON)",
        "JSON wird mit einem Objekt pro Zeile erwartet (NDJSON)",
    )


# --- encoding ---

_SINGLE_BYTE = ("cp1252", "iso-8859-15", "cp1250", "iso-8859-2", "cp850", "mac-roman", "cp1251")
_LARGEST_ENCODING_SAMPLE = 64 * 1024
_GERMAN = frozenset("äöüÄÖÜßéÉáóí€§°µ²³«»„“”…·\u201a\u2018\u2019\u2013\u2014\u00a0\u00ad")
_JOINING = frozenset("'-·\u2019\u2018\u2013\u00ad\u00a0")
_BETWEEN_WORDS = re.compile(r"[\s,;|\"]+")


def _encoding(head: bytes, file: BinaryIO, given: Hints, questions: list[Question]) -> Setting[str]:
    mark = next((name for name, start in BYTE_ORDER_MARKS.items() if head.startswith(start)), None)
    if given.encoding:
        return Setting(_given_encoding(given.encoding, head, mark), "given")
    if mark:
        return Setting("utf-8-sig" if mark == "utf-8" else mark, "detected")
    if wide := _wide_encoding(head):
        return Setting(wide, "detected")
    lines = _other_than_utf8(file)
    if not lines.others or lines.utf8_count >= 10 * lines.other_count:
        return Setting("utf-8", "detected")
    sample = b"".join(line for _, line in lines.others)
    texts = {name: text for name in _SINGLE_BYTE if (text := _strictly(sample, name)) is not None}
    if not texts:
        raise UndetectableFile(
            "unknown_encoding",
            "the file is text in no encoding that can be read; save it as UTF-8",
            "die Datei ist in keiner lesbaren Kodierung; bitte als UTF-8 speichern",
        )
    likely = [name for name in texts if _is_plausible(texts[name])]
    german = [name for name in likely if not _foreign_signs(texts[name])]
    for names in (german, likely):
        if names and len({texts[name] for name in names}) == 1:
            return Setting(names[0], "detected")
    options = _ranked(german or likely or list(texts), sample)
    questions.append(_encoding_question(options, lines.others))
    return Setting(options[0], "detected")


def _given_encoding(spelling: str, head: bytes, mark: str | None) -> str:
    name = spelling.strip().lower().replace("_", "-")
    if name in {"utf-16", "utf16", "utf-16-bom"}:
        name = mark or _wide_encoding(head) or "utf-16-le"
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = name
    known = {codecs.lookup(codec_name).name: known for known, codec_name in ENCODINGS.items()}
    known |= {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "ascii": "utf-8"}
    found = known.get(codec)
    if found is None or (mark and ENCODINGS[found] != mark):
        raise UndetectableFile(
            "encoding_mismatch",
            "the encoding given is unknown or contradicts the file's byte order mark",
            "die angegebene Kodierung ist unbekannt oder widerspricht der Bytemarke der Datei",
        )
    return found


def _wide_encoding(head: bytes) -> str | None:
    """Recognize UTF-16 without a mark by its zeros, which stand in every other byte."""
    even, odd, pairs = head[0::2].count(0), head[1::2].count(0), len(head) // 2
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if pairs and zeros >= 0.05 * pairs and others * 10 <= zeros:
            return name if _strictly(head[: pairs * 2], name) is not None else None
    return None


class _ByteLines(NamedTuple):
    utf8_count: int
    other_count: int
    others: list[tuple[int, bytes]]


def _other_than_utf8(file: BinaryIO) -> _ByteLines:
    """Count the lines beyond ASCII that are UTF-8 and that are not; keep some of the latter."""
    file.seek(0)
    counts, others, size, number = [0, 0], [], 0, 0
    while line := file.readline(LONGEST_RECORD):
        number += 1
        if line.isascii():
            continue
        is_utf8 = _strictly(line, "utf-8") is not None
        counts[is_utf8] += 1
        if not is_utf8 and size < _LARGEST_ENCODING_SAMPLE:
            others.append((number, line[:_LARGEST_ENCODING_SAMPLE]))
            size += len(line)
    return _ByteLines(counts[True], counts[False], others)


def _strictly(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(ENCODINGS[encoding])
    except UnicodeDecodeError:
        return None
    return None if re.search("[\x80-\x9f]", text) else text


def _is_plausible(text: str) -> bool:
    return all(_is_plausible_word(word) for word in _words_with_signs(text))


def _words_with_signs(text: str) -> list[str]:
    return [word for word in _BETWEEN_WORDS.split(text) if not word.isascii()]


def _is_plausible_word(word: str) -> bool:
    """Refuse signs between letters, capitals inside of a word, two scripts in one, and ¤."""
    if "\u00a4" in word or "\ufffd" in word:
        return False
    for at, sign in enumerate(word):
        if sign.isascii() or sign in _JOINING:
            continue
        before, after = word[at - 1 : at] if at else "", word[at + 1 : at + 2]
        is_sign_inside = not sign.isalpha() and before.isalpha() and after.isalpha()
        is_capital_inside = sign.isupper() and before.isalpha() and not word.isupper()
        is_mixed = _is_cyrillic(sign) and (_is_latin(before) or _is_latin(after))
        if is_sign_inside or is_capital_inside or is_mixed:
            return False
    return True


def _is_cyrillic(sign: str) -> bool:
    return "\u0400" <= sign <= "\u04ff"


def _is_latin(sign: str) -> bool:
    return sign.isalpha() and sign < "\u0250"


def _foreign_signs(text: str) -> set[str]:
    return {sign for sign in text if not sign.isascii()} - _GERMAN


def _ranked(names: list[str], sample: bytes) -> list[str]:
    """Put what the letter statistics favor first; it only orders the options of a question."""
    codecs_of = {codecs.lookup(ENCODINGS[name]).name.replace("-", "_"): name for name in names}
    matches = charset_normalizer.from_bytes(
        sample, cp_isolation=[ENCODINGS[name] for name in names]
    )
    favored = [codecs.lookup(match.encoding).name.replace("-", "_") for match in matches]
    first = [codecs_of[codec] for codec in favored if codec in codecs_of]
    return first + [name for name in names if name not in first]


def _encoding_question(names: list[str], lines: list[tuple[int, bytes]]) -> Question:
    options: dict[tuple[tuple[str, str], ...], str] = {}
    for name in names:
        readings = tuple(
            (f"{number}", word)
            for number, line in lines[:_SAMPLES]
            for word in _words_with_signs(line.decode(ENCODINGS[name], "replace"))[:1]
        )
        options.setdefault(readings, name)
    return Question(
        "ambiguous_encoding",
        None,
        "in which encoding is the file? The options show words of the lines named",
        "in welcher Kodierung ist die Datei? Die Antworten zeigen Wörter der genannten Zeilen",
        tuple(Option(name, readings) for readings, name in options.items()),
    )


# --- delimiter, quote, header ---

_DELIMITERS = ("\t", ";", "|", ",")
_SINGLE_QUOTED = re.compile(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", re.MULTILINE)


class _Trial(NamedTuple):
    """How well a dialect fits: whether the first record is as wide as most, their share, …"""

    is_first_usual: bool
    usual_share: float
    typed_share: float
    width: int
    dialect: Dialect
    first: tuple[str, ...]


def _structure(
    base: Dialect, head: bytes, text: str, given: Hints, questions: list[Question]
) -> Dialect:
    quote = given.quote if given.quote is not None else '"'
    if given.quote is None and '"' not in text and len(_SINGLE_QUOTED.findall(text)) > 1:
        quote = "'"
    base = replace(base, quote=quote or None)
    if told := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):
        base = replace(base, preamble_lines=1, delimiter=told[1])
    delimiter = given.delimiter or (told[1] if told else None)
    if delimiter is None and given.format == "tsv":
        delimiter = "\t"
    if delimiter is not None:
        return _spelled(base, delimiter, text)
    trials = [_trial(_spelled(base, each, text), head) for each in _DELIMITERS]
    trials = sorted((trial for trial in trials if trial.width > 1), key=_fit, reverse=True)
    if not trials or trials[0].usual_share < 0.6:
        spaced = _trial(_spelled(base, WHITESPACE, text), head)
        if spaced.width > 1 and spaced.usual_share == 1 and re.search(r"(?m)^ |  ", text):
            return spaced.dialect
        if not trials:
            unused = [each for each in (",", ";", "\t", "|") if each not in text]
            return _spelled(base, unused[0] if unused else ",", text)
    if len(trials) > 1 and _fit(trials[0]) == _fit(trials[1]):
        questions.append(_delimiter_question(trials))
    return trials[0].dialect


def _fit(trial: _Trial) -> tuple[bool, float, bool, float]:
    is_good = trial.usual_share >= 0.9
    return is_good, is_good or trial.usual_share, trial.is_first_usual, round(trial.typed_share, 1)


def _spelled(base: Dialect, delimiter: str, text: str) -> Dialect:
    if delimiter == WHITESPACE:
        return replace(base, delimiter=delimiter, quote=None)
    count, spaced = text.count(delimiter), text.count(delimiter + " ")
    is_quoted = re.search(f'{re.escape(delimiter)} "(?!")', text) is not None
    skips = delimiter not in "\t " and count > 0 and (spaced >= 0.6 * count or is_quoted)
    return replace(
        base,
        format="tsv" if delimiter == "\t" else "csv",
        delimiter=delimiter,
        skips_initial_space=skips,
    )


def _trial(dialect: Dialect, head: bytes) -> _Trial:
    sample = list(islice(records(io.BytesIO(head), dialect), _SAMPLE_RECORDS))
    rows = [record.cells for record in sample if isinstance(record, Row)]
    if not rows:
        return _Trial(False, 0.0, 0.0, 0, dialect, ())
    widths = Counter(len(cells) for cells in rows)
    width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
    cells = [cell for row in rows for cell in row if cell.strip()]
    typed = sum(_is_typed(cell) for cell in cells) / max(1, len(cells))
    is_first_usual = len(rows[0]) == width
    return _Trial(is_first_usual, count / len(sample), typed, width, dialect, rows[0])


def _is_typed(cell: str) -> bool:
    content = cell.strip()
    if values.date_parts(content):
        return True
    parts = values.number_parts(content)
    return parts is not None and values.decimal_mark_shown(parts.body) != "neither"


def _delimiter_question(trials: Sequence[_Trial]) -> Question:
    best = [trial for trial in trials if _fit(trial) == _fit(trials[0])]
    return Question(
        "ambiguous_delimiter",
        None,
        "which character separates the cells?",
        "welches Zeichen trennt die Zellen?",
        tuple(
            Option(
                trial.dialect.delimiter,
                tuple((f"{at}", cell[:_LONGEST_SAMPLE]) for at, cell in enumerate(trial.first, 1)),
            )
            for trial in best
        ),
    )


def _with_columns(
    dialect: Dialect, head: bytes, given: Hints, questions: list[Question]
) -> tuple[Dialect, Setting[bool]]:
    sample = list(islice(records(io.BytesIO(head), dialect), _SAMPLE_RECORDS))
    rows = [record.cells for record in sample if isinstance(record, Row)]
    if rows and max(map(len, rows)) > MOST_COLUMNS:
        raise UndetectableFile(
            "too_many_columns",
            f"the file has more than {MOST_COLUMNS} columns",
            f"die Datei hat mehr als {MOST_COLUMNS} Spalten",
        )
    has_header = Setting(given.has_header, "given") if given.has_header is not None else None
    if has_header is None:
        found = _has_header(rows)
        has_header = Setting(found is not False, "detected")
        if found is None:
            questions.append(_header_question(rows[0]))
    if not has_header.value or not rows:
        widths = Counter(len(cells) for cells in rows)
        width = max(widths, key=lambda each: (widths[each], each)) if widths else 1
        columns = tuple(f"column_{number}" for number in range(1, width + 1))
        return replace(dialect, columns=columns), has_header
    first = sample[0]
    if isinstance(first, RejectedRow):
        raise UndetectableFile(
            "unreadable_header",
            f"the header in line {first.row_number} cannot be read: {first.message_en}",
            f"der Kopf in Zeile {first.row_number} ist nicht lesbar: {first.message_de}",
        )
    return replace(dialect, columns=_names(first.cells), has_header=True), has_header


def _names(header: Sequence[str]) -> tuple[str, ...]:
    """Name every column once: blanks by position, repeated names with a number."""
    repetitions: dict[str, int] = {}
    for number, cell in enumerate(header, 1):
        name = wanted = " ".join(cell.split()) or f"column_{number}"
        while name in repetitions:
            repetitions[wanted] += 1
            name = f"{wanted} ({repetitions[wanted]})"
        repetitions[name] = 1
    return tuple(repetitions)


def _has_header(rows: Sequence[tuple[str, ...]]) -> bool | None:
    """Say whether the first row names the columns; None if the file does not tell."""
    if not rows:
        return True
    first, body = rows[0], rows[1:]
    labels = [cell.strip() for cell in first]
    typed = [_is_typed(cell) or "@" in cell for cell in labels]
    known = sum(header_key(cell) in _KNOWN_HEADERS for cell in labels)
    if not any(typed) and known >= max(1, 0.3 * len(labels)):
        return True
    by_column = [[row[at].strip() for row in body if at < len(row)] for at in range(len(labels))]
    for_header = against = 0
    is_repeated = len(set(labels)) < len(labels)
    for label, is_typed, cells in zip(labels, typed, by_column, strict=True):
        filled = [cell for cell in cells if cell]
        share = sum(_is_typed(cell) or "@" in cell for cell in filled) / max(1, len(filled))
        if share >= _TYPED_SHARE and label:
            for_header += not is_typed
            against += is_typed
        is_repeated = is_repeated or (bool(label) and label in filled)
    if for_header != against:
        return for_header > against
    if is_repeated or any(typed):
        return False
    is_name = [_SPELLED_NAME.fullmatch(label) is not None for label in labels]
    return True if all(is_name) and any("_" in label for label in labels) else None


_SPELLED_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _header_question(first: tuple[str, ...]) -> Question:
    as_names = tuple((f"{at}", cell[:_LONGEST_SAMPLE]) for at, cell in enumerate(first, 1))
    as_row = tuple((f"{at}", f"column_{at}") for at in range(1, len(first) + 1))
    return Question(
        "uncertain_header",
        None,
        "does the first row name the columns?",
        "nennt die erste Zeile die Spalten?",
        (Option("true", as_names), Option("false", as_row)),
    )


# --- columns ---


class _Evidence:
    """What the cells of one column have shown so far, in constant space."""

    __slots__ = (
        "dates", "filled", "has_local_times", "looks", "mark_samples", "marks",
        "numbers", "order_samples", "orders", "samples",
    )  # fmt: skip

    def __init__(self) -> None:
        self.filled = self.numbers = self.dates = 0
        self.has_local_times = False
        self.looks: dict[str, _Look] = {}
        self.marks: Counter[str] = Counter()
        self.orders: dict[tuple[str, str], Counter[str]] = {}
        self.samples: list[str] = []
        self.mark_samples: list[str] = []
        self.order_samples: dict[tuple[str, str], list[str]] = {}

    @property
    def kind(self) -> Kind:
        if not self.filled:
            return "empty"
        if self.dates >= _TYPED_SHARE * self.filled:
            return "date"
        return "number" if self.numbers >= _TYPED_SHARE * self.filled else "text"

    @property
    def is_open(self) -> bool:
        """Whether further cells may still say something about the column's form."""
        return self.filled < _SAMPLE_RECORDS or self.kind in ("date", "number")

    def see(self, cell: str) -> None:
        """Take one more cell into account."""
        content = cell.strip()
        look = self.looks.get(content)
        if look is None:
            look = _look(content)
            if len(self.looks) < _MOST_LOOKS and len(content) < _LONGEST_SAMPLE:
                self.looks[content] = look
        if look.is_absent:
            return
        self.filled += 1
        self.numbers += look.is_number
        if len(self.samples) < _SAMPLES:
            _keep(self.samples, content)
        if look.orders:
            self.dates += 1
            self.orders.setdefault(look.shape, Counter())[look.orders] += 1
            _keep(self.order_samples.setdefault(look.shape, []), content)
            self.has_local_times = self.has_local_times or look.is_local_time
        elif look.mark and not isinstance(cell, NumberText):
            self.marks[look.mark] += 1
            _keep(self.mark_samples, content)


_MOST_LOOKS = 4_096


class _Look(NamedTuple):
    """What one cell shows: a number and its mark, or a date, its shape and its possible orders."""

    is_absent: bool = False
    is_number: bool = False
    mark: str = ""
    shape: tuple[str, str] = ("", "")
    orders: str = ""
    is_local_time: bool = False


_TEXT, _INTEGER = _Look(), _Look(is_number=True)
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)([.,])(?:\d{1,2}|\d{4,9})", re.ASCII)


def _look(content: str) -> _Look:
    if content.isascii() and content.isdigit() and len(content) not in (8, 12, 14):
        return _INTEGER
    if plain := _PLAIN_DECIMAL.fullmatch(content):
        return _Look(is_number=True, mark=plain[1])
    if values.is_absent(content):
        return _Look(is_absent=True)
    if found := _date_look(content):
        return found
    parts = values.number_parts(content)
    mark = values.decimal_mark_shown(parts.body) if parts else "neither"
    if mark == "neither":
        return _TEXT
    return _INTEGER if mark == "none" else _Look(is_number=True, mark=mark)


def _date_look(content: str) -> _Look | None:
    parts = values.date_parts(content)
    if parts is None or (not parts.separator and not "1900" <= parts.first <= "2100"):
        return None
    orders: tuple[_Order, ...] = ("dmy", "mdy") if parts.separator in ("/", "-") else ("dmy",)
    years = str(len(parts.last))
    if len(parts.first) == 4:
        orders, years = ("ymd",), "y"
    first_year = 2000 if years == "2" else None
    forms = {order: values.DateFormat(order, parts.separator, first_year) for order in orders}
    good = [order for order, form in forms.items() if values.calendar_day(parts, form)]
    if not good:
        return None
    return _Look(
        is_number=not parts.separator,
        shape=(parts.separator, years),
        orders="/".join(good),
        is_local_time=parts.time is not None and parts.zone is None,
    )


def _keep(samples: list[str], content: str) -> None:
    if len(samples) < _SAMPLES and content[:_LONGEST_SAMPLE] not in samples:
        samples.append(content[:_LONGEST_SAMPLE])


class _Seen(NamedTuple):
    evidence: list[_Evidence]
    row_count: int
    rejected_count: int
    byte_count: int
    sample_rows: tuple[tuple[str, ...], ...]


def _observe(file: BinaryIO, dialect: Dialect) -> _Seen:
    evidence = [_Evidence() for _ in dialect.columns]
    open_columns = list(enumerate(evidence))
    row_count = rejected_count = byte_count = 0
    sample_rows: list[tuple[str, ...]] = []
    for record in records(file, dialect):
        row_count += 1
        byte_count = record.end_offset
        if isinstance(record, RejectedRow):
            rejected_count += 1
            continue
        if len(sample_rows) < _SAMPLES:
            sample_rows.append(tuple(cell[:_LONGEST_SAMPLE] for cell in record.cells))
        cells = record.cells
        for at, seen in open_columns:
            seen.see(cells[at])
        if row_count % 1_000 == 0:
            open_columns = [(at, seen) for at, seen in open_columns if seen.is_open]
    return _Seen(evidence, row_count, rejected_count, byte_count, tuple(sample_rows))


def _column(name: str, seen: _Evidence, given: Hints, questions: list[Question]) -> Column:
    mark: Setting[DecimalMark] | None = None
    date_format: Setting[str] | None = None
    given_mark = given.decimal_marks.get(name, given.decimal_mark)
    given_format = given.date_formats.get(name, given.date_format)
    if given_mark is not None:
        mark = Setting(given_mark, "given")
    elif seen.kind == "number":
        mark = _decimal_mark(name, seen, questions)
    if given_format is not None:
        date_format = Setting(given_format, "given")
    elif seen.kind == "date":
        date_format = _date_format(name, seen, questions)
    return Column(name, seen.kind, mark, date_format, seen.has_local_times, tuple(seen.samples))


def _decimal_mark(
    name: str, seen: _Evidence, questions: list[Question]
) -> Setting[DecimalMark] | None:
    has_point, has_comma = seen.marks["."] > 0, seen.marks[","] > 0
    if has_point != has_comma:
        return Setting("." if has_point else ",", "detected")
    if not has_point and not seen.marks["either"]:
        return Setting(".", "default")
    marks: tuple[DecimalMark, ...] = (",", ".")
    questions.append(
        Question(
            "mixed_decimal_marks" if has_point else "ambiguous_decimal_mark",
            name,
            "is the decimal mark of this column a comma or a point?",
            "ist das Dezimalzeichen dieser Spalte ein Komma oder ein Punkt?",
            tuple(
                Option(mark, _readings(seen.mark_samples, _number_reader(mark))) for mark in marks
            ),
        )
    )
    return None


def _date_format(name: str, seen: _Evidence, questions: list[Question]) -> Setting[str] | None:
    """Take the usual shape other than ISO, which can always be read beside another one."""
    others = [shape for shape in seen.orders if shape != ("-", "y")]
    shape = max(others, key=lambda each: seen.orders[each].total(), default=("-", "y"))
    separator, years = shape
    if years == "y":
        return Setting(separator.join(("YYYY", "MM", "DD")), "detected")
    orders = seen.orders[shape]
    is_mixed = orders["dmy"] > 0 and orders["mdy"] > 0 and separator != "."
    if separator == "." or (orders["dmy"] and not is_mixed):
        names = [f"D{separator}M{separator}"]
    elif orders["mdy"] and not is_mixed:
        names = [f"M{separator}D{separator}"]
    else:
        names = [f"D{separator}M{separator}", f"M{separator}D{separator}"]
    if years == "2":
        spellings = [start + year for start in names for year in ("YY@1950", "YY@2000")]
    else:
        spellings = [start + "YYYY" for start in names]
    if len(spellings) == 1:
        return Setting(spellings[0], "detected")
    code, english, german = _DATE_QUESTIONS[
        "mixed" if is_mixed else "ambiguous" if len(names) > 1 else "two_digit_years"
    ]
    options = tuple(
        Option(spelling, _readings(seen.order_samples[shape], _day_reader(spelling)))
        for spelling in spellings
    )
    questions.append(Question(code, name, english, german, options))
    return None


_DATE_QUESTIONS = {
    "ambiguous": (
        "ambiguous_date_format",
        "does the day or the month come first in this column?",
        "steht in dieser Spalte der Tag oder der Monat zuerst?",
    ),
    "mixed": (
        "mixed_date_formats",
        "days and months both come first in this column; which counts where both are possible?",
        "mal steht hier der Tag, mal der Monat zuerst; was gilt, wo beides möglich ist?",
    ),
    "two_digit_years": (
        "two_digit_years",
        "which century do the years of two figures belong to?",
        "zu welchem Jahrhundert gehören die zweistelligen Jahre?",
    ),
}


def _readings(
    samples: Sequence[str], read: Callable[[str], str | None]
) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for sample in samples:
        try:
            found.append((sample, read(sample) or ""))
        except values.ValueRejected:
            found.append((sample, "\u2013"))
    return tuple(found)


def _number_reader(mark: DecimalMark) -> Callable[[str], str | None]:
    return lambda sample: values.number_shown(sample, decimal_mark=mark)


def _day_reader(spelling: str) -> Callable[[str], str | None]:
    return lambda sample: values.day(sample, date_format=spelling, zone=ZoneInfo("UTC"))


# --- which column is which field ---


def header_key(header: str) -> str:
    """Reduce a column's name to its letters and figures: ``E-Mail`` and ``eMail`` are one."""
    return folded(header).replace("_", "")


_PEOPLE = {
    "external_id": "kundennummer kunden_nr kundennr customer_id customer_no customer_number "
    "kunden_id kunde_id contact_id kontakt_id client_id account_number account_no "
    "debitorennummer debitor mitgliedsnummer external_id rec_id record_id unique_id user_id id "
    "nr nummer",
    "kind": "kind art typ type kundentyp kundenart customer_type kontaktart",
    "name": "name firma firmenname company company_name organisation organization unternehmen "
    "account account_name kunde kundenname customer customer_name full_name vollname "
    "ansprechpartner",
    "given_name": "vorname first_name given_name firstname forename rufname",
    "family_name": "nachname last_name family_name surname familienname zuname lastname",
    "email": "e_mail email mail email_address e_mail_adresse mailadresse email_work e_mail_1",
    "phone": "telefon phone tel telephone telefonnummer phone_number rufnummer festnetz mobile "
    "mobil handy mobilnummer phone_work telefon_1",
    "street": "strasse str street address adresse anschrift address_1 street_address "
    "mailing_street billing_street strasse_hausnummer strasse_und_hausnummer",
    "zip": "plz postleitzahl zip zip_code postcode postal_code zipcode mailing_postal_code "
    "billing_postal_code",
    "city": "ort stadt city town wohnort place mailing_city billing_city suburb",
    "country_code": "land country country_code laenderkennzeichen staat nation laendercode "
    "mailing_country billing_country",
    "language": "sprache language lang locale",
    "status": "status kundenstatus customer_status",
    "acquisition_cost": "acquisition_cost akquisekosten anschaffungskosten cac",
    "purchase_motive": "kaufmotiv purchase_motive",
    "tags": "tags schlagworte schlagwoerter stichworte labels",
    "flags": "flags kennzeichen",
    "terminated_at": "kuendigungsdatum terminated_at gekuendigt_am",
    "next_contact_at": "wiedervorlage next_contact next_contact_at naechster_kontakt",
}
_OWNED = {
    "contact_external_id": "kundennummer kunden_nr kundennr customer_id customer_no "
    "customer_number kunden_id kunde_id kontakt_id client_id account_id contact_external_id "
    "account_number who_id kunde customer account debitorennummer debitor customer_name "
    "kundenname",
    "contact_id": "contact_id",
}
_TALK = _OWNED | {
    "external_id": "interaction_id activity_id aktivitaet_id ticket_id ticketnummer "
    "vorgangsnummer engagement_id external_id record_id id nr nummer",
    "occurred_at": "occurred_at datum date zeitpunkt timestamp zeit uhrzeit date_time datetime "
    "activity_date kontaktdatum created_at erstellt_am start_time gespraechsdatum",
    "kind": "kind art typ type aktivitaetsart activity_type interaktionsart kontaktart",
    "channel": "channel kanal kontaktkanal",
    "touchpoint": "touchpoint kontaktpunkt beruehrungspunkt",
    "direction": "direction richtung",
    "subject": "subject betreff titel title thema",
    "body": "body text inhalt notiz notizen note notes beschreibung description kommentar "
    "bemerkung",
    "sentiment": "sentiment stimmung",
    "severity": "severity schweregrad dringlichkeit",
    "nps": "nps net_promoter_score weiterempfehlung",
    "outcome": "outcome ergebnis reaktion",
    "decline_reason": "decline_reason ablehnungsgrund",
    "resolved_at": "resolved_at geloest_am erledigt_am closed_at",
    "resolution": "resolution loesung",
    "justified": "justified berechtigt",
    "cost": "cost kosten",
    "tags": "tags schlagworte stichworte labels",
    "is_public": "is_public oeffentlich",
}
_SALES = _OWNED | {
    "external_id": "order_id order_no order_number bestellnummer bestell_nr auftragsnummer "
    "auftrags_nr rechnungsnummer rechnungs_nr invoice_no invoice invoice_number invoice_id "
    "belegnummer beleg_nr opportunity_id deal_id transaction_id transaktionsnummer external_id "
    "record_id id nr nummer",
    "title": "title titel name bezeichnung deal_name betreff opportunity_name product produkt "
    "artikel description beschreibung artikelbezeichnung",
    "stage": "stage phase deal_stage stage_name status verkaufsphase stufe",
    "currency": "currency waehrung currency_code iso_waehrung currency_iso_code",
    "amount": "amount betrag umsatz summe gesamtbetrag total total_amount close_value value wert "
    "revenue sales umsatz_eur betrag_eur rechnungsbetrag nettobetrag netto dollars price preis "
    "order_total auftragswert deal_amount",
    "list_amount": "list_amount listenpreis list_price bruttobetrag_vor_rabatt",
    "discount_pct": "discount_pct rabatt discount rabatt_prozent discount_percent nachlass",
    "cost": "cost kosten einstandspreis wareneinsatz cogs",
    "refund": "refund erstattung rueckerstattung gutschrift",
    "closed_at": "closed_at datum date order_date bestelldatum kaufdatum purchase_date close_date "
    "auftragsdatum abschlussdatum belegdatum transaction_date buchungsdatum verkaufsdatum "
    "won_at order_time ordered_at",
    "invoiced_at": "invoiced_at invoice_date rechnungsdatum",
    "opened_at": "opened_at engage_date erstellt_am created created_at created_date create_date "
    "angelegt_am eroeffnet_am erstelldatum",
    "expected_close_date": "expected_close_date erwarteter_abschluss expected_close",
    "due_at": "due_at due_date faellig_am faelligkeit faelligkeitsdatum",
    "paid_at": "paid_at bezahlt_am zahlungsdatum payment_date zahlungseingang",
    "lost_reason": "lost_reason verlustgrund loss_reason",
    "won_reason": "won_reason gewinngrund kaufgrund",
    "promo_code": "promo_code gutscheincode coupon voucher aktionscode",
    "contract_end_at": "contract_end_at vertragsende contract_end",
}
_HEADERS: dict[str, dict[str, tuple[str, int]]] = {}
"""By resource and header key: the field, and how far back in its list the synonym stands."""
for _resource, _named in (("contacts", _PEOPLE), ("interactions", _TALK), ("deals", _SALES)):
    _HEADERS[_resource] = {
        header_key(synonym): (target, rank)
        for target, synonyms in _named.items()
        for rank, synonym in enumerate(synonyms.split(), 1)
    } | {header_key(target): (target, 0) for target in values.RESOURCES[_resource]}
_KNOWN_HEADERS = frozenset().union(*_HEADERS.values())
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


COMPANY_HEADERS = frozenset(
    header_key(each)
    for each in "firma firmenname company company_name organisation organization unternehmen".split()
)


class Suggestions(NamedTuple):
    """What the columns are likely to be; a doubt says why one is not, and which field it could be."""

    fields: dict[str, str]
    doubts: dict[str, tuple[str, str]]


def suggest_mapping(
    resource: str, headers: Sequence[str], samples: Mapping[str, Sequence[str]]
) -> Suggestions:
    """Suggest a field for every column whose name or content speaks for one, each field once.

    `external_id` is the row's own id, `contact_external_id` the one of its contact. Nothing is
    suggested, but a doubt told, for a column whose samples do not fit the field, one whose name
    comes again, and one of organisations beside the names of persons. Where a file of deals has no
    other day of purchase, the day of the invoice counts as it.
    """
    best: dict[str, tuple[int, str]] = {}
    doubts: dict[str, tuple[str, str]] = {}
    repeated = _repeated(headers)
    for header in headers:
        target, rank = _HEADERS[resource].get(header_key(repeated.get(header, header)), ("", 0))
        if not target and "email" in values.RESOURCES[resource]:
            shown = [sample.strip() for sample in samples.get(header, ()) if sample.strip()]
            if shown and all(_MAIL.fullmatch(sample) for sample in shown):
                target, rank = "email", _LAST_RANK
        if not target:
            continue
        if header in repeated:
            doubts[header] = ("repeated_header", target)
            continue
        if not _fits(resource, target, samples.get(header, ())):
            doubts[header] = ("unlikely_cells", target)
            continue
        if target not in best or rank < best[target][0]:
            best[target] = (rank, header)
    if resource == "deals" and "invoiced_at" in best and "closed_at" not in best:
        best["closed_at"] = best.pop("invoiced_at")
    if resource == "contacts" and "name" in best and best.keys() & {"given_name", "family_name"}:
        header = best["name"][1]
        if header_key(header) in COMPANY_HEADERS:
            del best["name"]
            doubts[header] = ("organisation_beside_person", "name")
    chosen = {header: target for target, (_, header) in best.items()}
    return Suggestions({name: chosen[name] for name in headers if name in chosen}, doubts)


_NUMBERED = re.compile(r"(.+) \(\d+\)")


def _repeated(headers: Sequence[str]) -> dict[str, str]:
    """Return the columns that share a name, which were numbered, by that name."""
    found: dict[str, str] = {}
    for header in headers:
        numbered = _NUMBERED.fullmatch(header)
        if numbered and numbered[1] in headers:
            found |= dict.fromkeys((numbered[1], header), numbered[1])
    return found


_LAST_RANK = 1_000


def _fits(resource: str, target: str, samples: Sequence[str]) -> bool:
    """Say whether half of the samples could be cells of the field, whatever the file's forms."""
    shown = [sample for sample in samples if not values.is_absent(sample)]
    how, _, vocabulary = values.RESOURCES[resource][target].partition(":")
    if how in ("day", "instant"):
        good = [sample for sample in shown if values.date_parts(sample)]
    elif how in ("integer", "decimal", "percentage", "number", "money", "minor"):
        good = [sample for sample in shown if values.number_parts(sample)]
    elif vocabulary:
        good = [sample for sample in shown if folded(sample) in values.CHOICES[vocabulary]]
    else:
        return True
    return 2 * len(good) >= len(shown)
