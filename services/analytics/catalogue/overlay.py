"""Applies an operator's overlay file to the catalogue: all of it, or nothing and every fault by line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from services.analytics.catalogue.checking import (
    CatalogueError,
    faults_of_languages,
    known_ids,
    unknown_ids,
)
from services.analytics.catalogue.entries import (
    Condition,
    Entry,
    Instrument,
    ReasonCode,
    Strategy,
)
from services.analytics.catalogue.overlay_fields import (
    OWN_FIELDS,
    OWN_ID,
    OWN_SECTIONS,
    OWN_TYPES,
    SOURCE,
    TERMINATION,
    changeable,
    expectation,
    is_text,
)
from services.analytics.catalogue.overlay_reading import Given, LineFault, read_marked, read_overlay
from services.foundation.unknown_names import advice_among

if TYPE_CHECKING:
    from services.analytics.catalogue.catalogue import Catalogue

__all__ = ["OWN_SECTIONS", "Adjustments", "apply_overlay", "read_overlay"]


class Adjustments(BaseModel):
    """What an overlay file changed: fields by section and id, and a name for what is computed with them.

    The name is empty where every number and switch is that of the package; texts are no part of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    mark: str = ""

    def of(self, section: str, entry_id: str) -> tuple[str, ...]:
        return self.fields.get(section, {}).get(entry_id, ())


def apply_overlay(catalogue: Catalogue, document: str, *, name: str) -> Catalogue:
    """Return the catalogue with what the file says.

    Raises
    ------
    CatalogueError
        The file has faults; the message has a line for each, beginning with `name` and the line.
    """
    marked = read_marked(document)
    faults = list(marked.faults)
    entries = {section: dict(each) for section, each in catalogue.sections.items()}
    for section, line in marked.sections.items():
        if section not in entries:
            advice = advice_among(list(entries), section, what="section")
            faults.append(LineFault(line, section, advice))
    good: list[Given] = []
    for given in marked.entries:
        if given.section not in entries:
            continue
        found, entry = _read(catalogue, given)
        faults += found
        if entry is not None:
            entries[given.section][given.entry_id] = entry
            good.append(given)
    changed = {given.section: entries[given.section].values() for given in good}
    adjusted = catalogue.with_entries(changed)
    faults += _faults_between(adjusted, marked.entries)
    if faults:
        raise CatalogueError("\n".join(fault.text(name) for fault in sorted(set(faults))))
    return adjusted.model_copy(update={"adjustments": _adjustments(catalogue, entries, good)})


def _read(catalogue: Catalogue, given: Given) -> tuple[list[LineFault], Entry | None]:
    """Return what is wrong with an entry, and the entry if its values are good."""
    known = catalogue.sections[given.section].get(given.entry_id)
    if known is None:
        faults = list(_faults_of_own(catalogue, given))
        model: type[Entry] = Instrument if given.section == "instruments" else Strategy
        names = tuple(name for part in OWN_FIELDS.get(given.section, ()) for name in part)
        values: dict[str, Any] = {"id": given.entry_id, "source": (SOURCE,)}
    else:
        model, names = type(known), changeable(given.section, type(known))
        faults = [*_faults_of_names(given, model, names), *_faults_of_guards(given, known)]
        values = known.model_dump()
    if not names:
        return faults, None
    values |= {name: value for name, value in given.values.items() if name in names}
    try:
        return faults, model.model_validate(values)
    except ValidationError as error:
        return [*faults, *_faults_of_values(given, known, error)], None


def _faults_of_names(
    given: Given, model: type[Entry], names: tuple[str, ...]
) -> Iterator[LineFault]:
    for name in given.lines:
        if name in names:
            if name in given.values and given.values[name] is None:
                yield given.fault(name, expectation(name))
        elif name in model.model_fields:
            listed = ", ".join(names)
            yield given.fault(
                name, f"an overlay file does not change this; it may change: {listed}"
            )
        else:
            yield given.fault(name, advice_among(names, name))


def _faults_of_own(catalogue: Catalogue, given: Given) -> Iterator[LineFault]:
    """Say what keeps an unknown id from being an own entry: most often it is a mistyped one."""
    ids = list(catalogue.shown_sections[given.section])
    if given.section not in OWN_SECTIONS:
        yield given.fault("", advice_among(ids, given.entry_id, what="entry"))
        return
    required, optional = OWN_FIELDS[given.section]
    missing = [name for name in required if name not in given.lines]
    if 2 * len(missing) > len(required):
        advice = advice_among(ids, given.entry_id, what="entry")
        yield given.fault("", f"{advice} One of your own needs {', '.join(required)}.")
        return
    if not re.fullmatch(OWN_ID, given.entry_id):
        message = "an id of at most 64 small letters, digits and underscores is expected"
        yield given.fault("", f"{message}, such as `birthday_call`")
    model: type[Entry] = Instrument if given.section == "instruments" else Strategy
    yield from _faults_of_names(given, model, (*required, *optional))
    for name in missing:
        yield given.fault(name, f"is missing: {expectation(name)}")
    if TERMINATION in _listed(given.values.get("phases")):
        yield given.fault(
            "phases", "ending a relationship has no measures of your own; leave `termination` out"
        )
    if given.section == "instruments" and given.values.get("type", OWN_TYPES[0]) not in OWN_TYPES:
        yield given.fault("type", expectation("type"))


def _faults_of_guards(given: Given, known: Entry) -> Iterator[LineFault]:
    """Say what would loosen a guard rail."""
    values = given.values
    is_choice = isinstance(known, Strategy | Instrument) and not known.auto_recommend
    if is_choice and values.get("auto_recommend") is True:
        message = "this is for people to choose and never suggested; leave `auto_recommend` out"
        yield given.fault("auto_recommend", message)
    is_obligation = isinstance(known, Instrument) and known.type == "obligation"
    if is_obligation and values.get("enabled") is False:
        message = "an obligation cannot be switched off; leave `enabled` out"
        yield given.fault("enabled", message)
    if isinstance(known, Strategy) and known.needs_human and "instruments" in values:
        yield given.fault(
            "instruments", "ending a relationship keeps its instruments; leave `instruments` out"
        )


def _faults_of_values(
    given: Given, known: Entry | None, error: ValidationError
) -> Iterator[LineFault]:
    for fault in error.errors(include_url=False):
        if fault["loc"]:
            name = str(fault["loc"][0])
            if name in given.lines:  # what is missing is told already
                yield given.fault(name, expectation(name))
            continue
        # The rules of entries, which begin with the field that they are about.
        message = fault["msg"].removeprefix("Value error, ")
        name = message.split()[0]
        yield given.fault(name, f"{message}; {_advice(known, name)}")


def _advice(known: Entry | None, name: str) -> str:
    if isinstance(known, Condition):
        return f"leave `{name}` out"
    kept = "as the catalogue has them"
    if isinstance(known, ReasonCode):
        kept = " ".join(f"{{{value}}}" for value in known.params) or "none"
    return f"write the values in braces: {kept}"


def _faults_between(adjusted: Catalogue, entries: list[Given]) -> Iterator[LineFault]:
    """Find ids of nothing and texts in one language; own entries with faults count as being there."""
    known = known_ids(adjusted)
    for given in entries:
        if given.section in OWN_SECTIONS:
            known[given.section].add(given.entry_id)
    places = {(given.section, given.entry_id): given for given in entries}
    for fault in faults_of_languages(adjusted):
        given = places[fault.section, fault.entry_id]
        yield given.fault(fault.field, f"is missing: {expectation(fault.field)}")
    for given in entries:
        fields = {name: value for name, value in given.values.items() if _is_ids(value)}
        for fault in unknown_ids(given.section, given.entry_id, fields, known):
            yield given.fault(fault.field, f"{fault.message}; {expectation(fault.field)}")
    for given in entries:
        entry = adjusted.sections.get(given.section, {}).get(given.entry_id)
        if not isinstance(entry, Strategy) or entry.needs_human:
            continue
        for name in entry.instruments:
            instrument = adjusted.sections["instruments"].get(name)
            if isinstance(instrument, Instrument) and instrument.type == TERMINATION:
                yield given.fault(
                    "instruments", f"{name} ends relationships; leave it out of this strategy"
                )


def _is_ids(value: Any) -> bool:
    return isinstance(value, str) or all(
        isinstance(name, str) for name in _listed(value) or (None,)
    )


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _adjustments(
    catalogue: Catalogue, entries: Mapping[str, Mapping[str, Entry]], good: list[Given]
) -> Adjustments:
    """Say what differs from the package; a value that is the same was not changed."""
    fields: dict[str, dict[str, tuple[str, ...]]] = {}
    computed: dict[str, Any] = {}
    for given in good:
        entry = entries[given.section][given.entry_id]
        known = catalogue.sections[given.section].get(given.entry_id)
        names = tuple(
            name
            for name in sorted(given.values)
            if known is None or getattr(known, name) != getattr(entry, name)
        )
        if not names:
            continue
        fields.setdefault(given.section, {})[given.entry_id] = names
        numbers = {name: getattr(entry, name) for name in names if not is_text(name)}
        if numbers:
            computed[f"{given.section}.{given.entry_id}"] = numbers
    if not computed:
        return Adjustments(fields=fields)
    text = orjson.dumps(computed, option=orjson.OPT_SORT_KEYS)
    return Adjustments(fields=fields, mark=hashlib.sha256(text).hexdigest())
