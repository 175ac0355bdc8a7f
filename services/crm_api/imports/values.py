"""Cell texts turned into wire values, field by field; mail and phone numbers pass as text."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from services.crm_api.imports.reading import NumberText
from shared.money import CURRENCIES, currency_exponent, from_minor, to_minor
from shared.values import LARGEST_INTEGER, wire_instant

DecimalMark = Literal[".", ","]
WireValue = str | int | float | bool | None | dict[str, "WireValue"] | list["WireValue"]

RESOURCES: dict[str, dict[str, str]] = {
    "contacts": {
        **dict.fromkeys(("name", "given_name", "family_name", "email", "phone"), "text"),
        **dict.fromkeys(("street", "zip", "city"), "text"),
        **dict.fromkeys(("parent_id", "owner_id", "source_campaign_id", "referred_by_id"), "text"),
        "external_id": "text",
        "kind": "choice:contact_kind",
        "country_code": "country",
        "language": "choice:language",
        "status": "choice:status",
        "terminated_by": "choice:terminated_by",
        "purchase_motive": "word",
        **dict.fromkeys(("terminated_at", "profiling_objection_at", "next_contact_at"), "instant"),
        "acquisition_cost": "money",
        **dict.fromkeys(("flags", "tags"), "list"),
    },
    "interactions": {
        **dict.fromkeys(("contact_id", "deal_id", "parent_id", "user_id", "campaign_id"), "text"),
        **dict.fromkeys(("competitor_id", "subject"), "text"),
        **dict.fromkeys(("external_id", "contact_external_id"), "text"),
        "body": "lines",
        "kind": "choice:interaction_kind",
        "direction": "choice:direction",
        "sentiment_source": "choice:sentiment_source",
        "resolution": "choice:resolution",
        "outcome": "choice:outcome",
        **dict.fromkeys(("channel", "touchpoint", "decline_reason", "event_type"), "word"),
        **dict.fromkeys(("occurred_at", "resolved_at", "effective_at"), "instant"),
        **dict.fromkeys(("severity", "nps"), "integer"),
        "sentiment": "number",
        **dict.fromkeys(("justified", "is_public"), "boolean"),
        "cost": "money",
        "tags": "list",
        "ratings": "structure",
    },
    "deals": {
        **dict.fromkeys(("contact_id", "campaign_id", "title", "promo_code"), "text"),
        **dict.fromkeys(("external_id", "contact_external_id"), "text"),
        "stage": "choice:stage",
        "lost_reason": "choice:lost_reason",
        "won_reason": "word",
        "currency": "currency",
        **dict.fromkeys(("amount", "list_amount", "cost", "refund"), "money"),
        **dict.fromkeys(("cost_recovered", "written_off", "chargeback_lost"), "money"),
        "discount_pct": "percentage",
        "fx_rate": "decimal",
        **dict.fromkeys(("opened_at", "closed_at", "invoiced_at", "due_at", "paid_at"), "instant"),
        **dict.fromkeys(("refunded_at", "chargeback_at", "contract_end_at"), "instant"),
        "contract_cancelled_at": "instant",
        "expected_close_date": "day",
        **dict.fromkeys(("stage_history", "lines"), "structure"),
    },
}
"""The targets of a column by resource, and how its cells are read."""
for _fields in RESOURCES.values():
    _fields |= {f"{name}_minor": "minor" for name, how in _fields.items() if how == "money"}


class ValueRejected(Exception):
    """A cell is not of the form its field expects; the cell itself is not repeated here."""

    status = 422

    def __init__(self, code: str, message_en: str, message_de: str, *, expected: str) -> None:
        super().__init__(code)
        self.code, self.expected = code, expected
        self.message_en, self.message_de = message_en, message_de


@dataclass(frozen=True, slots=True)
class CellReading:
    """How the cells of one column are read; `words` are the user's own labels of wire words."""

    zone: ZoneInfo
    decimal_mark: DecimalMark = "."
    date_format: str = "YYYY-MM-DD"
    currency: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = {folded(label): meaning for label, meaning in self.words.items()}
        object.__setattr__(self, "words", labels)


def convert(resource: str, name: str, cell: str, *, by: CellReading) -> WireValue:
    """Return the wire value of a cell for a field; None for an empty one.

    Raises
    ------
    ValueRejected
        The cell is not of the field's form.
    KeyError
        The resource or the field is unknown.
    """
    how, _, vocabulary = RESOURCES[resource][name].partition(":")
    if vocabulary:
        return choice(cell, {**CHOICES[vocabulary], **by.words})
    return _CONVERTERS[how](cell, by)


# --- text, words, flags, lists ---

_ABSENT = {"", "null", "nil", "none", "n/a", "#n/a", "na", "nan", "nat", "k.a.", "-", "--", "\\n"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EXCEL_TEXT = re.compile(r'="(?P<text>(?:[^"]|"")*)"', re.DOTALL)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


def clean(cell: str) -> str:
    """Strip outer white space and Excel's ``="00123"``, which keeps leading zeros."""
    stripped = cell.strip()
    if stripped.startswith('="') and (excel := _EXCEL_TEXT.fullmatch(stripped)):
        return excel["text"].replace('""', '"').strip()
    return stripped


def is_absent(cell: str) -> bool:
    """Say whether a cell means "no value" where no text is expected ("Null" is a family name)."""
    return clean(cell).casefold() in _ABSENT


def text(cell: str, *, has_lines: bool = False) -> str | None:
    """Return the text without outer white space; control characters are refused."""
    content = clean(cell)
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


def choice(cell: str, labels: Mapping[str, str]) -> str | None:
    """Return the wire word that a label stands for; the labels are folded."""
    if is_absent(cell):
        return None
    wanted = folded(clean(cell))
    if wanted in labels:
        return labels[wanted]
    expected = ", ".join(sorted(set(labels.values())))
    raise ValueRejected(
        "unknown_word",
        f"this is none of: {expected}",
        f"das ist keines von: {expected}",
        expected=expected,
    )


_YES = {"1", "true", "t", "yes", "y", "on", "x", "ja", "j", "wahr", "1.0", "\u2713", "\u2714"}
_NO = {"0", "false", "f", "no", "n", "off", "nein", "falsch", "0.0", "\u2717"}


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
    """Return the entries of a list separated by ``;`` or ``|``, or written as a JSON array."""
    content = clean(cell)
    entries: list[str]
    if content.startswith("["):
        found = _json(content)
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            raise _no_structure("a list of texts")
        entries = [str(entry) for entry in found]
    else:
        entries = re.split("[;|]", content)
    kept = [entry for entry in map(text, entries) if entry is not None]
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


# --- numbers and money ---

_LONGEST_NUMBER = 64
_MOST_FIGURES = 28  # what Decimal's default context keeps exactly
_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
_AMOUNT = re.compile(
    rf"""(?P<open>\()?\s*(?P<sign>[-+\u2212]?)\s*
    (?P<prefix>(?:[^\d\s.,()+\-\u2212]{{1,5}}\.?)?)\s*(?P<inner_sign>[-+\u2212]?)\s*
    (?P<body>\d[\d.,{_APOSTROPHES}{_SPACES}]*|[.,]\d+)(?P<exponent>[eE][-+]?\d{{1,3}})?
    (?P<dash>-{{1,2}}|\u2013|\u2014)?\s*(?P<suffix>(?:[^\d\s.,()+\-\u2212]{{1,5}}\.?)?)\s*
    (?P<last_sign>[-\u2212]?)\s*(?P<close>\))?""",
    re.VERBOSE,
)
_PLAIN_NUMBER = re.compile(r"(-?)(\d+(?:[.,]\d+)?)", re.ASCII)
_CURRENCY_MARKS = {
    "\u20ac": "EUR",
    "us$": "USD",
    "\u00a3": "GBP",
    "sfr": "CHF",
    "sfr.": "CHF",
    "fr.": "CHF",
    "z\u0142": "PLN",
    "k\u010d": "CZK",
    "euro": "EUR",
    "\u20b9": "INR",
    "\u20ba": "TRY",
}
_SHARED_MARKS = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"}),
    "\u00a5": frozenset({"JPY", "CNY"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "kr.": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}


@dataclass(frozen=True, slots=True)
class NumberParts:
    """A number as it is written: its sign, its figures with their separators, what is around."""

    is_negative: bool
    body: str
    exponent: int
    mark: str


def number_parts(cell: str) -> NumberParts | None:
    """Take a number apart; None if the cell is none, whatever its decimal mark may be."""
    content = clean(cell)
    if len(content) > _LONGEST_NUMBER:
        return None
    if plain := _PLAIN_NUMBER.fullmatch(content):
        return NumberParts(bool(plain[1]), plain[2], 0, "")
    found = None if "\n" in content else _AMOUNT.fullmatch(" ".join(content.split()))
    if not found or bool(found["open"]) != bool(found["close"]):
        return None
    signs = [found[name] for name in ("sign", "inner_sign", "last_sign") if found[name]]
    mark = (found["prefix"] + found["suffix"]).casefold()
    if len(signs) + bool(found["open"]) > 1 or (found["prefix"] and found["suffix"]):
        return None
    if not _is_known_mark(mark):
        return None
    body = found["body"].strip(_SPACES)
    if found["dash"]:
        if body[-1] not in ".,":
            return _with_trailing_sign(found["dash"], signs, body, mark)
        body = body[:-1]
    is_negative = bool(found["open"]) or (bool(signs) and signs[0] != "+")
    return NumberParts(is_negative, body, int((found["exponent"] or "e0")[1:]), mark)


def _is_known_mark(mark: str) -> bool:
    is_sign = mark in ("", "%") or mark in _CURRENCY_MARKS or mark in _SHARED_MARKS
    return is_sign or mark.upper() in CURRENCIES


def _with_trailing_sign(dash: str, signs: list[str], body: str, mark: str) -> NumberParts | None:
    """SAP writes 12.50-, German price lists 12,- (which only drops the decimals)."""
    return NumberParts(True, body, 0, mark) if dash == "-" and not signs else None


def decimal_mark_shown(body: str) -> DecimalMark | Literal["either", "neither", "none"]:
    """Say which decimal mark the figures of a number prove.

    ``1.234`` proves nothing ("either"), ``1234`` has nothing to prove ("none"), and ``1.2,3.4``
    is no number under any mark ("neither").
    """
    marks = [character for character in body if character in ".,"]
    if not marks:
        return "none"
    good: list[DecimalMark] = [mark for mark in (".", ",") if _unsigned(body, mark) is not None]
    if len(good) == 1:
        return good[0]
    return "either" if good else "neither"


def _unsigned(body: str, mark: str) -> Decimal | None:
    """Read figures whose thousands, if they are marked, are marked by one character throughout."""
    whole, _, fraction = body.partition(mark)
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    if mark in body and not fraction:
        return None
    separators = {character for character in whole if not character.isdigit()}
    if len(separators) > 1 or mark in separators:
        return None
    if separators:
        groups = whole.split(separators.pop())
        if not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]):
            return None
        if groups[0].startswith("0"):
            return None
        whole = "".join(groups)
    if not (whole + fraction).isascii():
        return None
    return Decimal(f"{whole or '0'}.{fraction or '0'}")


def _number(cell: str, decimal_mark: DecimalMark) -> tuple[Decimal, str]:
    """Return the number and the currency or percent sign beside it."""
    mark: DecimalMark = "." if isinstance(cell, NumberText) else decimal_mark
    parts = number_parts(cell)
    value = None if parts is None else _unsigned(parts.body, mark)
    example = "1,234.50" if mark == "." else "1.234,50"
    if parts is None or value is None:
        raise ValueRejected(
            "no_number",
            f"this is no number with the decimal mark {mark}",
            f"das ist keine Zahl mit dem Dezimalzeichen {mark}",
            expected=f"a number such as {example}",
        )
    is_exact = len(value.as_tuple().digits) <= _MOST_FIGURES
    if is_exact:
        value = value.scaleb(parts.exponent)
    if not is_exact or (value and not -20 <= value.adjusted() <= 18):
        raise ValueRejected(
            "number_out_of_range",
            "this number is too large or too small",
            "diese Zahl ist zu groß oder zu klein",
            expected="a number below 10^18",
        )
    return (-value if parts.is_negative and value else value), parts.mark


def _plain_number(cell: str, decimal_mark: DecimalMark) -> Decimal | None:
    if is_absent(cell):
        return None
    value, mark = _number(cell, decimal_mark)
    if mark:
        raise ValueRejected(
            "unit_beside_number",
            "this number has a unit or a currency beside it",
            "neben dieser Zahl steht eine Einheit oder Währung",
            expected="a number alone",
        )
    return value


def integer(cell: str, *, decimal_mark: DecimalMark) -> int | None:
    """Return a whole number; ``2.0`` is one."""
    value = _plain_number(cell, decimal_mark)
    if value is None:
        return None
    if value != value.to_integral_value() or abs(value) > LARGEST_INTEGER:
        raise ValueRejected(
            "no_integer",
            "this is no whole number",
            "das ist keine ganze Zahl",
            expected="a whole number",
        )
    return int(value)


def decimal(cell: str, *, decimal_mark: DecimalMark) -> str | None:
    """Return an exact decimal as the wire spells it, without needless zeros."""
    value = _plain_number(cell, decimal_mark)
    return None if value is None else _spelled(value)


def number_shown(cell: str, *, decimal_mark: DecimalMark) -> str:
    """Return how a number is read, whatever unit or currency stands beside it."""
    return _spelled(_number(cell, decimal_mark)[0])


def percentage(cell: str, *, decimal_mark: DecimalMark) -> str | None:
    """Return a percentage with or without its sign: ``12,5 %`` is 12.5."""
    content = clean(cell)
    if not content.endswith("%"):
        return decimal(cell, decimal_mark=decimal_mark)
    return decimal(content[:-1], decimal_mark=decimal_mark)


def number(cell: str, *, decimal_mark: DecimalMark) -> float | None:
    """Return a JSON number."""
    value = _plain_number(cell, decimal_mark)
    return None if value is None else float(value)


def _spelled(value: Decimal) -> str:
    plain = format(value, "f")
    return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain


def money(cell: str, *, decimal_mark: DecimalMark, currency: str | None) -> WireValue:
    """Return wire money; a currency beside the number must agree with the row's, if that is told.

    Raises
    ------
    ValueRejected
        No number, no or another currency, or more decimals than the currency has.
    """
    if is_absent(cell):
        return None
    if cell.lstrip().startswith("{"):
        return _money_object(cell, currency)
    value, mark = _number(cell, decimal_mark)
    return _wire_money(value, _currency(mark, currency))


def minor_money(cell: str, *, currency: str | None) -> WireValue:
    """Return wire money from whole minor units, as machine exports write them."""
    minor = integer(cell, decimal_mark=".")
    if minor is None:
        return None
    told = _currency("", currency)
    return _wire_money(from_minor(minor, told), told)


def currency_code(cell: str) -> str | None:
    """Return the ISO 4217 code of a code or an unmistakable symbol."""
    return None if is_absent(cell) else _currency(clean(cell).casefold(), None)


def _money_object(cell: str, currency: str | None) -> WireValue:
    found = _json(cell)
    if not isinstance(found, dict) or found.keys() != {"amount", "currency"}:
        raise _no_structure('{"amount": "1234.50", "currency": "EUR"}')
    value, mark = _number(str(found["amount"]), ".")
    return _wire_money(value, _currency(mark or str(found["currency"]).casefold(), currency))


def _currency(mark: str, told: str | None) -> str:
    """Return the currency that the sign beside a number and the row's currency agree on."""
    shown = _CURRENCY_MARKS.get(mark) or (mark.upper() if mark.upper() in CURRENCIES else None)
    meant = frozenset({shown}) if shown else _SHARED_MARKS.get(mark)
    if told in CURRENCIES and told is not None and (not mark or (meant and told in meant)):
        return told
    if shown and told is None:
        return shown
    if meant is None:
        code = "unknown_currency"
    else:
        code = "ambiguous_currency" if told is None else "currency_mismatch"
    english, german = _CURRENCY_FAULTS[code]
    raise ValueRejected(code, english, german, expected=told or "an ISO 4217 code such as EUR")


_CURRENCY_FAULTS = {
    "currency_mismatch": (
        "the currency beside the number is not the row's",
        "die Währung neben der Zahl ist nicht die der Zeile",
    ),
    "unknown_currency": (
        "no known currency is told for this amount",
        "für diesen Betrag ist keine bekannte Währung angegeben",
    ),
    "ambiguous_currency": (
        "this sign stands for several currencies",
        "dieses Zeichen steht für mehrere Währungen",
    ),
}


def _wire_money(value: Decimal, currency: str) -> WireValue:
    decimals = currency_exponent(currency)
    try:
        minor = to_minor(value, currency)
    except ValueError:
        raise ValueRejected(
            "too_many_decimals",
            f"{currency} has {decimals} decimals",
            f"{currency} hat {decimals} Nachkommastellen",
            expected=f"an amount with at most {decimals} decimals",
        ) from None
    if abs(minor) > LARGEST_INTEGER:
        raise ValueRejected(
            "number_out_of_range",
            "this amount is too large",
            "dieser Betrag ist zu groß",
            expected="an amount below 9 * 10^15 minor units",
        )
    return {"amount": format(from_minor(minor, currency), "f"), "currency": currency}


# --- dates and instants ---

_TIME = (
    r"(?:(?:[T ,]|,?\s+)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?:\s?Uhr)?\s*(?P<zone>[Zz]|UTC|GMT|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?"
)
_SEPARATED = re.compile(
    r"(?P<first>\d{1,4})(?P<separator>[-./])(?P<middle>\d{1,2})(?P=separator)(?P<last>\d{2,4})"
    + _TIME,
    re.ASCII,
)
_COMPACT = re.compile(
    r"(?P<first>\d{4})(?P<middle>\d{2})(?P<last>\d{2})"
    r"(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?(?P<zone>[Zz])?",
    re.ASCII,
)
_LONGEST_DATE = 48
_FORMAT = re.compile(
    r"(?P<order>YYYY(?P<a>[-./])MM(?P=a)DD|YYYYMMDD|D(?P<b>[-./])M(?P=b)|M(?P<c>[-./])D(?P=c))"
    r"(?P<year>YYYY|YY@\d{4})?"
)


@dataclass(frozen=True, slots=True)
class DateParts:
    """A date as it is written: three numbers in the order of the text, and the time beside."""

    first: str
    middle: str
    last: str
    separator: str
    time: timedelta | None
    zone: tzinfo | None

    @property
    def is_iso(self) -> bool:
        """Whether only one reading exists, that of ISO 8601."""
        return self.separator == "-" and len(self.first) == 4


@dataclass(frozen=True, slots=True)
class DateFormat:
    """The order of a date's parts; with two figures for the year, the first of its 100 years."""

    order: Literal["ymd", "dmy", "mdy"]
    separator: str
    first_year: int | None = None


@lru_cache(maxsize=64)
def parsed_format(spelling: str) -> DateFormat:
    """Read the name of a format: ``D.M.YYYY``, ``M/D/YYYY``, ``YYYYMMDD``, ``D.M.YY@1950`` …

    ``YY@1950`` reads two figures as a year of 1950 to 2049. Doubled and German letters (``TT``,
    ``JJJJ``) are understood.

    Raises
    ------
    ValueError
        The name is none of a format.
    """
    name = spelling.strip().upper().replace("T", "D").replace("J", "Y")
    if not name.startswith("Y"):
        name = name.replace("DD", "D").replace("MM", "M")
    found = _FORMAT.fullmatch(name)
    is_year_first = name.startswith("Y")
    if not found or is_year_first == bool(found["year"]):
        raise ValueError(f"{spelling} is no date format")
    separator = found["a"] or found["b"] or found["c"] or ""
    if is_year_first:
        return DateFormat("ymd", separator)
    first_year = int(found["year"][3:]) if "@" in found["year"] else None
    return DateFormat("dmy" if name.startswith("D") else "mdy", separator, first_year)


def date_parts(cell: str) -> DateParts | None:
    """Take a date apart; None if the cell is none, whatever its format may be."""
    content = clean(cell)
    if not content[:1].isdigit() or not 6 <= len(content) <= _LONGEST_DATE:
        return None
    found = _COMPACT.fullmatch(content) or _SEPARATED.fullmatch(content)
    if found is None:
        return None
    parts = found.groupdict()
    time = _time(parts)
    if parts["hour"] and time is None:
        return None
    zone = _offset(parts["zone"]) if parts["zone"] else None
    separator = parts.get("separator") or ""
    return DateParts(parts["first"], parts["middle"], parts["last"], separator, time, zone)


def _time(parts: Mapping[str, str | None]) -> timedelta | None:
    if not parts["hour"]:
        return None
    hour, minute = int(parts["hour"]), int(parts["minute"] or 0)
    second, half = int(parts["second"] or 0), (parts.get("half") or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    microsecond = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)


def _offset(spelling: str) -> tzinfo:
    if spelling[0] not in "+-":
        return UTC
    figures = spelling[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(figures[:2]), minutes=int(figures[2:]))
    return timezone(-size if spelling[0] == "-" else size)


def calendar_day(parts: DateParts, by: DateFormat) -> date | None:
    """Return the day that the parts name under a format, None if they name none."""
    if parts.is_iso:
        by = DateFormat("ymd", "-")
    if parts.separator != by.separator:
        return None
    figures = dict(zip(by.order, (parts.first, parts.middle, parts.last), strict=True))
    year = figures["y"]
    if len(year) != (4 if by.first_year is None else 2):
        return None
    if len(figures["d"]) > 2 or len(figures["m"]) > 2:
        return None
    number_of_year = int(year)
    if by.first_year is not None:
        number_of_year = by.first_year + (number_of_year - by.first_year) % 100
    try:
        return date(number_of_year, int(figures["m"]), int(figures["d"]))
    except ValueError:
        return None


def _dated(cell: str, spelling: str) -> tuple[date, DateParts]:
    parts = date_parts(cell)
    found = calendar_day(parts, parsed_format(spelling)) if parts else None
    if parts is None or found is None:
        raise ValueRejected(
            "no_date",
            f"this is no date of the form {spelling}",
            f"das ist kein Datum der Form {spelling}",
            expected=spelling,
        )
    return found, parts


def day(cell: str, *, date_format: str, zone: ZoneInfo) -> str | None:
    """Return the calendar day; an instant with an offset is on the day it has in `zone`."""
    if is_absent(cell):
        return None
    found, parts = _dated(cell, date_format)
    if parts.zone is not None and parts.time is not None:
        try:
            found = _absolute(found, parts.time, parts.zone).astimezone(zone).date()
        except OverflowError:
            raise _out_of_range() from None
    return found.isoformat()


def instant(cell: str, *, date_format: str, zone: ZoneInfo) -> str | None:
    """Return the instant as the wire spells it; a time without an offset is read in `zone`.

    A day without a time is its first instant in `zone`. A time that the clocks skipped in spring
    or showed twice in autumn is refused: which instant is meant cannot be known.
    """
    if is_absent(cell):
        return None
    found, parts = _dated(cell, date_format)
    try:
        if parts.zone is not None:
            return wire_instant(_absolute(found, parts.time or timedelta(), parts.zone))
        return wire_instant(_in_zone(found, parts.time, zone))
    except OverflowError:
        raise _out_of_range() from None


def _in_zone(found: date, time: timedelta | None, zone: ZoneInfo) -> datetime:
    earlier = _absolute(found, time or timedelta(), zone)
    later = earlier.replace(fold=1)
    difference = (earlier.utcoffset() or timedelta()) - (later.utcoffset() or timedelta())
    if not difference:
        return earlier
    if time is None:
        return _first_instant(earlier, later)
    if difference > timedelta():
        raise ValueRejected(
            "local_time_twice",
            f"the clocks of {zone.key} showed this time twice",
            f"die Uhren von {zone.key} zeigten diese Zeit zweimal",
            expected="a time with an offset, such as +01:00",
        )
    raise ValueRejected(
        "local_time_skipped",
        f"the clocks of {zone.key} skipped this time",
        f"die Uhren von {zone.key} haben diese Zeit übersprungen",
        expected="a time that the clocks showed",
    )


def _out_of_range() -> ValueRejected:
    return ValueRejected(
        "date_out_of_range",
        "this lies outside the years 0001 to 9999",
        "das liegt außerhalb der Jahre 0001 bis 9999",
        expected="a year between 0001 and 9999",
    )


def _first_instant(earlier: datetime, later: datetime) -> datetime:
    """Return the first of two midnights, or the instant at which a skipped one was jumped over."""
    if earlier.astimezone(UTC) < later.astimezone(UTC):
        return earlier
    zone, today = earlier.tzinfo, earlier.date()
    low, high = later.astimezone(UTC), earlier.astimezone(UTC)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (low, middle) if middle.astimezone(zone).date() >= today else (middle, high)
    return high


def _absolute(found: date, time: timedelta, zone: tzinfo) -> datetime:
    return datetime(found.year, found.month, found.day, tzinfo=zone) + time


# --- words of the wire and their labels ---


def _labels(**labels: str) -> dict[str, str]:
    """Every word is its own label; further ones stand beside it, folded, apart by spaces."""
    return {label: word for word, others in labels.items() for label in [word, *others.split()]}


CHOICES: dict[str, dict[str, str]] = {
    "contact_kind": _labels(
        person="individual natuerliche_person privatperson mensch b2c",
        organisation="organization firma unternehmen company account gesellschaft business b2b "
        "juristische_person verein",
    ),
    "language": _labels(
        de="deutsch german ger deu de_de de_at de_ch", en="englisch english eng en_us en_gb"
    ),
    "status": _labels(
        active="aktiv", blocked="gesperrt blockiert", terminated="gekuendigt beendet gekuendigter"
    ),
    "terminated_by": _labels(
        company="firma unternehmen wir us", customer="kunde kundin", mutual="beide einvernehmlich"
    ),
    "direction": _labels(
        inbound="eingehend eingang incoming in",
        outbound="ausgehend ausgang outgoing out",
        internal="intern",
    ),
    "sentiment_source": _labels(
        agent="mitarbeiter mitarbeiterin bearbeiter", customer="kunde kundin", model="modell"
    ),
    "resolution": _labels(
        fixed="behoben geloest",
        compensated="entschaedigt",
        explained="erklaert",
        rejected="abgelehnt",
        withdrawn="zurueckgezogen",
    ),
    "outcome": _labels(
        sent="gesendet versendet",
        delivered="zugestellt",
        clicked="geklickt angeklickt",
        replied="beantwortet geantwortet",
        accepted="angenommen",
        declined="abgelehnt",
        unsubscribed="abgemeldet",
        bounced="unzustellbar zurueckgewiesen bounce",
    ),
    "interaction_kind": _labels(
        call="anruf telefonat telefon phone_call",
        email="e_mail mail",
        chat="",
        message="nachricht sms",
        meeting="termin besprechung treffen",
        visit="besuch",
        social="soziales_netzwerk social_media",
        note="notiz",
        complaint="beschwerde reklamation",
        service_request="serviceanfrage servicefall ticket support",
        survey_invitation="umfrageeinladung",
        survey_response="umfrageantwort umfrage survey",
        campaign_touch="kampagne campaign",
        offer="angebot",
        idea="idee vorschlag",
        quote_request="angebotsanfrage rfq",
        referral="empfehlung",
        cancellation="kuendigung",
        payment_reminder="mahnung zahlungserinnerung",
        life_event="lebensereignis",
    ),
    "stage": _labels(
        new="neu prospecting",
        qualified="qualifiziert",
        proposal="angebot vorschlag",
        negotiation="verhandlung in_verhandlung",
        won="gewonnen closed_won closedwon abgeschlossen_gewonnen",
        lost="verloren closed_lost closedlost abgeschlossen_verloren",
    ),
    "lost_reason": _labels(
        price="preis zu_teuer",
        product="produkt",
        service="",
        timing="zeitpunkt",
        no_need="kein_bedarf",
        competitor="wettbewerber mitbewerber konkurrenz",
        trust="vertrauen",
        other="andere anderer sonstige sonstiges anderes",
    ),
}
"""The wire words of closed lists by folded label."""

_COUNTRIES = _labels(
    DE="deutschland germany brd", AT="oesterreich austria", CH="schweiz switzerland suisse",
    LI="liechtenstein", LU="luxemburg luxembourg", FR="frankreich france", IT="italien italy",
    NL="niederlande netherlands the_netherlands holland", BE="belgien belgium", PL="polen poland",
    CZ="tschechien czechia czech_republic", DK="daenemark denmark", SE="schweden sweden",
    NO="norwegen norway", FI="finnland finland", ES="spanien spain", PT="portugal",
    HU="ungarn hungary", GR="griechenland greece", IE="irland ireland", TR="tuerkei turkey",
    GB="grossbritannien united_kingdom great_britain england uk vereinigtes_koenigreich",
    US="usa vereinigte_staaten united_states united_states_of_america", CA="kanada canada",
)  # fmt: skip


def country(cell: str) -> str | None:
    """Return the ISO 3166 code of a two-letter code or of a common English or German name."""
    content = clean(cell)
    if content.isascii() and content.isalpha() and len(content) == 2 and content.upper() != "UK":
        return content.upper()
    return choice(cell, _COUNTRIES)


_CONVERTERS: dict[str, Callable[[str, CellReading], WireValue]] = {
    "text": lambda cell, _: text(cell),
    "lines": lambda cell, _: text(cell, has_lines=True),
    "word": lambda cell, by: by.words.get(folded(cell)) or word(cell),
    "boolean": lambda cell, _: boolean(cell),
    "list": lambda cell, _: items(cell),
    "structure": lambda cell, _: structure(cell),
    "country": lambda cell, _: country(cell),
    "currency": lambda cell, _: currency_code(cell),
    "integer": lambda cell, by: integer(cell, decimal_mark=by.decimal_mark),
    "decimal": lambda cell, by: decimal(cell, decimal_mark=by.decimal_mark),
    "percentage": lambda cell, by: percentage(cell, decimal_mark=by.decimal_mark),
    "number": lambda cell, by: number(cell, decimal_mark=by.decimal_mark),
    "money": lambda cell, by: money(cell, decimal_mark=by.decimal_mark, currency=by.currency),
    "minor": lambda cell, by: minor_money(cell, currency=by.currency),
    "day": lambda cell, by: day(cell, date_format=by.date_format, zone=by.zone),
    "instant": lambda cell, by: instant(cell, date_format=by.date_format, zone=by.zone),
}
