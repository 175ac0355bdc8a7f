"""The encoding of a file, by its bytes and what words they make."""

import codecs
import re
from typing import BinaryIO, NamedTuple

import charset_normalizer

from services.crm_api.imports.detection.findings import (
    SAMPLES,
    Hints,
    Option,
    Question,
    Setting,
    UndetectableFile,
)
from services.crm_api.imports.reading.records import (
    BYTE_ORDER_MARKS,
    ENCODINGS,
    LONGEST_RECORD,
    is_in_utf8,
)

_SINGLE_BYTE = ("cp1252", "iso-8859-15", "cp1250", "iso-8859-2", "cp850", "mac-roman", "cp1251")
_LARGEST_ENCODING_SAMPLE = 64 * 1024
_GERMAN = frozenset("äöüÄÖÜßéÉáóí€§°µ²³«»„“”…·\u201a\u2018\u2019\u2013\u2014\u00a0\u00ad")
_JOINING = frozenset("'-·\u2019\u2018\u2013\u00ad\u00a0")
_BETWEEN_WORDS = re.compile(r"[\s,;|\"]+")
_BETWEEN_BYTES = re.compile(rb"[\s,;|\"]+")


def detect_encoding(
    head: bytes, file: BinaryIO, given: Hints, questions: list[Question]
) -> Setting[str]:
    mark = next((name for name, start in BYTE_ORDER_MARKS.items() if head.startswith(start)), None)
    if given.encoding:
        return Setting(_given_encoding(given.encoding, head, mark), "given")
    if mark:
        return Setting("utf-8-sig" if mark == "utf-8" else mark, "detected")
    if wide := _wide_encoding(head):
        return Setting(wide, "detected")
    lines = _other_than_utf8(file)
    if lines.utf8_count >= lines.other_count:  # the others are rejected one by one
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


def wide_encoding(head: bytes) -> str | None:
    """Return the encoding of a text whose characters have two bytes, by its mark or its zeros."""
    marked = (name for name, start in BYTE_ORDER_MARKS.items() if head.startswith(start))
    name = next(marked, None)
    return _wide_encoding(head) if name is None else name if name != "utf-8" else None


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
        is_utf8 = is_in_utf8(line)
        counts[is_utf8] += 1
        if not is_utf8 and size < _LARGEST_ENCODING_SAMPLE:
            words = _BETWEEN_BYTES.split(line[:_LARGEST_ENCODING_SAMPLE])
            others.append((number, b" ".join(word for word in words if not is_in_utf8(word))))
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
            for number, line in lines[:SAMPLES]
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
