"""The content lines of vCards, unfolded and decoded, from the programs that write them as they like.

`vobject` is not used: one line that it cannot parse ends the whole stream, `CHARSET` and the text of
the file have to agree for it, and it holds all cards in memory.
"""

import binascii
import codecs
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.crm_api.imports.reading.records import Unreadable

BINARY = frozenset(("PHOTO", "LOGO", "SOUND", "KEY"))
_ENCODINGS = frozenset(("QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B", "Q"))
_HEAD = re.compile(rb'(?:[^":]++|"[^"]*+")*+:')
_PIECES = re.compile(r'(?:[^";]|"[^"]*")+')
_VALUES = re.compile(r'(?:[^",]|"[^"]*")+')
_NAME = re.compile(r"(?:([A-Za-z0-9_-]+)\.)?([A-Za-z0-9_-]+)")
_ESCAPED_OLD = re.compile(r"\\([;,\\:])")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BEFORE_SEMICOLON, _BEFORE_COMMA = (
    re.compile(r"((?:[^\\;]|\\.)*)(?:;|$)", re.DOTALL),
    re.compile(r"((?:[^\\,]|\\.)*)(?:,|$)", re.DOTALL),
)


class Property(NamedTuple):
    """A property of a card: its group, name, what its parameters say, and its text, still escaped."""

    group: str
    name: str
    types: tuple[str, ...]
    parameters: dict[str, str]
    text: str
    is_old: bool
    """Whether it is of version 2.1, which escapes nearly nothing."""

    def plain(self) -> str:
        """Return the text without escapes."""
        return _unescaped(self.text, self.is_old)

    def parts(self) -> list[str]:
        """Return the components of a structured text."""
        return [
            _unescaped(part, self.is_old).strip() for part in _split(self.text, _BEFORE_SEMICOLON)
        ]

    def entries(self) -> list[str]:
        """Return the entries of a list."""
        found = (_unescaped(part, self.is_old).strip() for part in _split(self.text, _BEFORE_COMMA))
        return [entry for entry in found if entry]


class _Line(NamedTuple):
    """A content line: its name and parameters, and its bytes as far as they were kept."""

    group: str
    name: str
    types: tuple[str, ...]
    parameters: dict[str, str]
    value: bytes


def properties(lines: Iterable[bytes], encoding: str) -> Iterator[Property]:
    """Decode the content lines of one card; data of pictures and keys is left out.

    A text is decoded by its own CHARSET, else as UTF-8, else in the encoding of the file.

    Raises
    ------
    Unreadable
        A line is no property, or its bytes are no text.
    """
    found = [_parsed(line) for line in _unfolded(lines)]
    version = next((line.value.strip() for line in found if line.name == "VERSION"), b"2.1")
    for line in found:
        if line.name in BINARY and is_inline(line):
            yield Property(line.group, line.name, line.types, {**line.parameters, "INLINE": "1"}, "",
                           is_old=False)  # fmt: skip
            continue
        text = _decoded(line, encoding)
        yield Property(*line[:4], text, version == b"2.1")


def is_inline(line: _Line) -> bool:
    """Say whether a picture or a key is in the card itself, and not only named by it."""
    if line.parameters.get("ENCODING") in ("B", "BASE64"):
        return True
    return not re.match(rb"(?!data:)[a-z][a-z0-9+.-]*:", line.value.strip().lower())


def _unfolded(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join what was folded: by white space, or by the soft line breaks of quoted-printable."""
    waiting: bytearray | None = None
    is_soft = is_quoted = False
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if waiting is not None and is_soft:
            waiting += line
        elif line[:1] in (b" ", b"\t") and waiting is not None:
            waiting += line[1:]
        elif not line.strip():
            continue
        else:
            if waiting is not None:
                yield bytes(waiting)
            waiting = bytearray(line)
            head = line[:1000].upper()
            is_quoted = b"QUOTED-PRINTABLE" in head
        is_soft = is_quoted and waiting[-1:] == b"="
        if is_soft:
            del waiting[-1:]
    if waiting is not None:
        yield bytes(waiting)


def _parsed(line: bytes) -> _Line:
    found = _HEAD.match(line)
    end = found.end() if found else line.find(b":") + 1
    if not end:
        raise Unreadable("no_property")
    pieces = _PIECES.findall(line[: end - 1].decode("utf-8", "replace"))
    name = _NAME.fullmatch(pieces[0].strip()) if pieces else None
    if name is None:
        raise Unreadable("no_property")
    types: list[str] = []
    parameters: dict[str, str] = {}
    for piece in pieces[1:]:
        key, is_named, value = piece.partition("=")
        key = key.strip().upper()
        if not is_named:
            if key in _ENCODINGS:
                parameters["ENCODING"] = key
            else:
                types.append(key.lower())
        elif key == "TYPE":
            for each in _VALUES.findall(value):
                types += [part.strip().lower() for part in each.strip('" ').split(",")]
        else:
            parameters[key] = value.strip().strip('"')
    if "ENCODING" in parameters:
        parameters["ENCODING"] = parameters["ENCODING"].upper()
    return _Line((name[1] or "").lower(), name[2].upper(), tuple(types), parameters, line[end:])


def _decoded(line: _Line, encoding: str) -> str:
    value, coding = line.value, line.parameters.get("ENCODING", "")
    if coding in ("QUOTED-PRINTABLE", "Q"):
        value = binascii.a2b_qp(value)
    elif coding in ("BASE64", "B"):
        try:
            value = binascii.a2b_base64(value)
        except binascii.Error:
            raise Unreadable(
                "undecodable_property", property=line.name, encoding="base64"
            ) from None
    charset = line.parameters.get("CHARSET")
    text = _text(value, charset, encoding, line.name)
    if "\0" in text:
        raise Unreadable("nul_character")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text(value: bytes, charset: str | None, encoding: str, name: str) -> str:
    names = (charset,) if charset else ("utf-8", encoding)
    for each in names:
        try:
            if not codecs.lookup(each)._is_text_encoding:
                raise LookupError
            text = value.decode(each)
            text.encode()
        except LookupError:
            raise Unreadable("unknown_charset", charset=each[:40]) from None
        except ValueError:
            continue
        return text
    raise Unreadable("undecodable_property", property=name, encoding=charset or encoding)


def _split(text: str, pattern: re.Pattern[str]) -> list[str]:
    found, position = [], 0
    while (match := pattern.match(text, position)) is not None:
        found.append(match[1])
        if match.end() == len(text) and text[match.end(1) : match.end()] == "":
            break
        position = match.end()
    return found


def _unescaped(text: str, is_old: bool) -> str:
    if "\\" not in text:
        return text
    if is_old:
        return _ESCAPED_OLD.sub(r"\1", text)
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)
