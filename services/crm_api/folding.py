"""One spelling for texts that people spell differently: for search and for finding duplicates."""

import re
import unicodedata

_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe"}
    # Letters with a stroke, or without a dot, that Unicode does not take apart.
    | {"ı": "i", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t"}
)
_SEPARATORS = re.compile(r"[\W_]+")
_NO_DIGIT = re.compile(r"[^0-9]+")
_PLAIN = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")

LEGAL_FORMS = frozenset(
    "gmbh ag kg ohg gbr ug se eg ev mbh co cokg inc ltd llc plc corp limited company und and "
    "incorporated corporation sarl sa bv nv haftungsbeschraenkt".split()
)
"""Words of a firm's name that tell nothing of which firm it is."""


def fold(text: str) -> str:
    """Return the text in small letters, without accents and punctuation, German umlauts written out.

    ``Müller-Lüdenscheidt`` and ``MUELLER LUEDENSCHEIDT`` fold to the same; words stand one space apart.
    """
    small = text.casefold()
    if _PLAIN.fullmatch(small):
        return small
    if not small.isascii():
        small = unicodedata.normalize("NFC", small).translate(_UMLAUTS)
        parts = unicodedata.normalize("NFKD", small)
        small = "".join(part for part in parts if not unicodedata.combining(part))
    return _SEPARATORS.sub(" ", small).strip()


def digits(text: str) -> str:
    """Return only the digits of a text, a telephone number for instance."""
    return _NO_DIGIT.sub("", text)
