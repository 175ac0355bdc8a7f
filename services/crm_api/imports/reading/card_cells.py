"""One vCard as the cells of a row, by the names of columns that are the same for every file."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.crm_api.imports.reading.content_lines import Property
from services.crm_api.imports.reading.records import LONGEST_CELL, Unreadable
from services.crm_api.imports.values.texts import SEVERAL

UID = "UID"
_SINGLE = (
    *(UID, "Kind", "Name", "Full name", "Prefix", "Given name", "Additional names", "Family name"),
    *("Suffix", "Nickname", "Organisation", "Department", "Title", "Role"),
)
_LATER = (
    *("URL", "Birthday", "Birthday (incomplete)", "Categories", "Language", "Languages", "Note"),
)
_UNSAID = frozenset(("BEGIN", "END", "VERSION", "PRODID", "REV", "X-ABLABEL", "X-ABADR"))
_NO_LABELS = frozenset("pref internet voice msg postal parcel dom intl text video x400 uri".split())
_LAST_PHONES = frozenset(("fax", "pager", "modem", "bbs"))
_GROUPS = frozenset(("group", "location", "application", "device", "thing"))
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ].*)?", re.ASCII | re.DOTALL)
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_SAYS_WHO = ("Name", "Given name", "Family name", "Nickname", "E-mail 1", "Phone 1")
_LANGUAGES = ("de", "en")


class CardCells(NamedTuple):
    """The cells of a card by column, and how many pictures and keys it had that are left out."""

    cells: dict[str, str]
    dropped: int


def card_cells(properties: Iterable[Property]) -> CardCells:
    """Return the cells of a card.

    Raises
    ------
    Unreadable
        It is the card of a group or a thing, or nothing in it tells who it is.
    """
    found: dict[str, list[Property]] = {}
    dropped = 0
    for each in properties:
        if "INLINE" in each.parameters:
            dropped += 1
        else:
            found.setdefault(each.name, []).append(each)
    labels = {each.group: _label_text(each) for each in found.get("X-ABLABEL", ()) if each.group}
    cells = _names(found)
    cells |= _numbered("E-mail", _ranked(found.pop("EMAIL", ())), labels)
    cells |= _numbered("Phone", _ranked(found.pop("TEL", ())), labels)
    for number, address in enumerate(_ranked(found.pop("ADR", ())), 1):
        cells |= {f"Address {number} {part}": text for part, text in _address(address).items()}
        cells[f"Address {number} label"] = _label(address, labels)
    cells |= _dates(found.pop("BDAY", ()))
    tags = [entry for each in found.pop("CATEGORIES", ()) for entry in each.entries()]
    cells["Categories"] = f" {SEVERAL} ".join(dict.fromkeys(tags))
    cells |= _languages(found.pop("LANG", ()))
    for name, column in (
        ("NOTE", "Note"),
        ("URL", "URL"),
        ("TITLE", "Title"),
        ("ROLE", "Role"),
        (UID, UID),
    ):
        cells[column] = _joined(found.pop(name, ()))
    for name, several in found.items():
        if name not in _UNSAID:
            cells[name] = _joined(several)
    kept = {column: text.strip()[: LONGEST_CELL + 1] for column, text in cells.items()}
    kept = {column: text for column, text in kept.items() if text}
    if not any(column in kept for column in _SAYS_WHO):
        raise Unreadable("unnamed_card")
    return CardCells(kept, dropped)


def ordered(columns: Iterable[str]) -> tuple[str, ...]:
    """Put columns in an order that does not depend on the cards."""
    first = {name: (0, at, 0, "") for at, name in enumerate(_SINGLE)}
    last = {name: (2, at, 0, "") for at, name in enumerate(_LATER)}

    def place(column: str) -> tuple[int, int, int, str]:
        if column in first or column in last:
            return first.get(column) or last[column]
        kind, number, rest = ([*column.split(" ", 2), "", ""])[:3]
        if kind in ("E-mail", "Phone", "Address") and number.isdigit():
            return 1, ("E-mail", "Phone", "Address").index(kind), int(number), rest
        return 3, 0, 0, column

    return tuple(sorted(columns, key=place))


def own_id(cells: Sequence[str]) -> str:
    """Return the id of a card that has none beside others that have: its content."""
    return "card-" + hashlib.sha256("\0".join(cells).encode()).hexdigest()[:40]


def _names(found: dict[str, list[Property]]) -> dict[str, str]:
    """Return who it is. An organisation is one by its word, or if it has no other name."""
    parts = [*(found["N"][0].parts() if "N" in found else ()), *[""] * 5]
    units = found["ORG"][0].parts() if "ORG" in found else []
    organisation = units[0] if units else ""
    full = _joined(found.get("FN", ())[:1]) if "FN" in found else ""
    nickname = _joined(found.get("NICKNAME", ()))
    for name in ("N", "ORG", "FN", "NICKNAME"):
        found.pop(name, None)
    told = _word(found, "KIND") or _word(found, "X-ADDRESSBOOKSERVER-KIND")
    if told in _GROUPS:
        raise Unreadable("no_contact", kind=told)
    is_shown_as_company = _word(found, "X-ABSHOWAS") == "company"
    is_nameless = not (parts[0] or parts[1]) and full in ("", organisation)
    is_organisation = told in ("org", "organization", "organisation") or bool(
        organisation and told is None and (is_nameless or is_shown_as_company)
    )
    name = (organisation or full) if is_organisation else ""
    if not is_organisation and not (parts[0] or parts[1]):
        name = full or nickname
    return {
        "Kind": "organisation" if is_organisation else "person",
        "Name": name,
        "Full name": full,
        **dict(
            zip(
                ("Family name", "Given name", "Additional names", "Prefix", "Suffix"),
                parts,
                strict=False,
            )
        ),
        "Nickname": nickname,
        "Organisation": organisation,
        "Department": ", ".join(unit for unit in units[1:] if unit),
    }


def _word(found: dict[str, list[Property]], name: str) -> str | None:
    several = found.pop(name, None)
    return several[0].plain().strip().lower() if several else None


def _joined(several: Iterable[Property]) -> str:
    return f" {SEVERAL} ".join(text for each in several if (text := each.plain().strip()))


def _ranked(several: Iterable[Property]) -> list[Property]:
    """Put the preferred one first and what is no telephone last; else the order stays."""

    def rank(each: Property) -> tuple[bool, int]:
        preference = each.parameters.get("PREF", "")
        preferred = 1 if "pref" in each.types else 101
        return bool(_LAST_PHONES & set(each.types)), int(
            preference
        ) if preference.isdigit() else preferred

    return sorted(several, key=rank)


def _numbered(kind: str, several: Sequence[Property], labels: dict[str, str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    seen: set[str] = set()
    for each in several:
        value = each.plain().strip()
        scheme, colon, rest = value.partition(":")
        if colon and scheme.lower() in ("tel", "mailto"):
            value = rest.replace(";ext=", " ext. ")
        if value and value.casefold() not in seen:
            seen.add(value.casefold())
            cells[f"{kind} {len(seen)}"] = value
            cells[f"{kind} {len(seen)} label"] = _label(each, labels)
    return cells


def _label(each: Property, labels: dict[str, str]) -> str:
    told = " ".join(word for word in each.types if word not in _NO_LABELS)
    return labels.get(each.group) or told


def _label_text(each: Property) -> str:
    text = each.plain().strip()
    apple = _APPLE_LABEL.fullmatch(text)
    return apple[1] if apple else text


def _address(each: Property) -> dict[str, str]:
    lines = [", ".join(line.strip(" ,") for line in part.split("\n") if line.strip(" ,"))
             for part in each.parts()]  # fmt: skip
    box, extra, street, city, region, code, country = [*lines, *[""] * 7][:7]
    if not street:
        street, extra = extra, ""
    return {
        "street": street or box,
        "additional": ", ".join(part for part in (box if street else "", extra) if part),
        "city": city,
        "region": region,
        "postal code": code,
        "country": country,
    }


def _dates(several: Iterable[Property]) -> dict[str, str]:
    """Return the birthday; one without its year is no day, and is shown beside."""
    told = next(iter(several), None)
    if told is None:
        return {}
    text = told.plain().strip()
    found = _DAY.fullmatch(text)
    if found is None or told.parameters.get("X-APPLE-OMIT-YEAR") == found[1]:
        return {"Birthday (incomplete)": text}
    return {"Birthday": "-".join(found.groups())}


def _languages(several: Iterable[Property]) -> dict[str, str]:
    """Return all languages, and the first of them that texts can be written in."""
    told = [each.plain().strip() for each in several]
    known = (text[:2].lower() for text in told)
    return {
        "Language": next((text for text in known if text in _LANGUAGES), ""),
        "Languages": f" {SEVERAL} ".join(told),
    }
