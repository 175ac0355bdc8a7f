"""What several columns, or several values in one cell, are of one contact, put together."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from services.crm_api.imports.values.fields import CUSTOM, MOST_OTHERS
from services.crm_api.imports.values.rejection import ValueRejected

Values = dict[str, Any]
ADDRESS = ("street", "additional", "zip", "city", "country_code")
_MAIN = {"other_emails": ("email",), "other_phones": ("phone",), "other_addresses": ADDRESS}
_KEYS = {"other_emails": "email", "other_phones": "phone"}


class Slot(NamedTuple):
    """Where an entry of a list comes from: the number in the name of its columns, if it has one."""

    number: int | None


class Gathered(NamedTuple):
    """Where the entries of the lists of a row come from, and which fields were taken out of one cell."""

    slots: dict[str, list[Slot]]
    unchecked: list[str]


class Gathering:
    """Puts `custom.<key>`, `other_emails.2.email` and cells with several values where they belong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Take the names of the columns by their targets."""
        self._columns = fields
        self._custom = [each for each in fields if each.startswith(CUSTOM)]
        self._numbered: dict[str, dict[int, list[str]]] = {}
        for each in sorted(fields):
            name, _, rest = each.partition(".")
            if name in _MAIN and rest:
                number, _, member = rest.partition(".")
                self._numbered.setdefault(name, {}).setdefault(int(number), []).append(member)
        self._lists = [
            name
            for name, members in _MAIN.items()
            if name in self._numbered or name in fields or any(each in fields for each in members)
        ]
        self.is_needed = bool(self._custom or self._lists)
        self.fields = tuple(each for name in self._lists for each in (name, *_MAIN[name]))

    def gather(self, given: Values) -> Gathered:
        """Put the values of a row together.

        Raises
        ------
        ValueRejected
            There are more than a contact has room for.
        """
        custom = {each[len(CUSTOM) :]: given.pop(each) for each in self._custom if each in given}
        if custom:
            given["custom"] = custom
        gathered = Gathered({}, [])
        for name in self._lists:
            if slots := self._gathered(given, name, gathered.unchecked):
                gathered.slots[name] = slots
        return gathered

    def _gathered(self, given: Values, name: str, unchecked: list[str]) -> list[Slot]:
        entries: list[Values] = []
        slots: list[Slot] = []

        def add(found: Values, number: int | None) -> None:
            key = _KEYS.get(name)
            if found.get(key) if key else any(found.get(member) for member in ADDRESS):
                entries.append({member: value for member, value in found.items() if value})
                slots.append(Slot(number))

        main = {member: given[member] for member in _MAIN[name] if member in given}
        if any(type(value) is list for value in main.values()):
            first, *others = _apart(main)
            given.update(first)
            unchecked += first
            for member in main.keys() - first.keys():
                del given[member]
            for other in others:
                add(other, None)
        for entry in given.get(name) or ():
            entries.append(entry)
            slots.append(Slot(None))
        for number, members in sorted(self._numbered.get(name, {}).items()):
            found = {member: given.pop(f"{name}.{number}.{member}", None) for member in members}
            if any(type(value) is list for value in found.values()):
                for part in _apart(found):
                    add(part, number)
            else:
                add(found, number)
        kept = _distinct(entries, slots, given.get(_KEYS.get(name, "")), _KEYS.get(name))
        if len(kept) > MOST_OTHERS:
            raise ValueRejected(
                "too_many_values",
                f"{name} has room for {MOST_OTHERS} entries",
                f"{name} fasst {MOST_OTHERS} Einträge",
                expected=f"at most {MOST_OTHERS}",
            )
        if kept:
            given[name] = [entry for entry, _ in kept]
        return [slot for _, slot in kept]

    def column(self, name: str, slots: list[Slot], at: object, member: object) -> str | None:
        """Return the column that an entry of a list comes from."""
        slot = slots[at] if isinstance(at, int) and at < len(slots) else Slot(None)
        if slot.number is not None:
            found = self._columns.get(f"{name}.{slot.number}.{member}")
            if found is not None:
                return found
        return self._columns.get(name) or self._columns.get(str(member))


def _apart(values: Values) -> list[Values]:
    """Take values apart that stand side by side in their cells; a label holds for all."""
    lists = {name: value for name, value in values.items() if type(value) is list}
    single = {name: value for name, value in values.items() if type(value) is not list}
    found = []
    for at, row in enumerate(zip_longest(*lists.values())):
        one = {name: value for name, value in zip(lists, row, strict=True) if value}
        both = single if at == 0 else {"label": single.get("label")}
        found.append(one | {name: value for name, value in both.items() if value})
    return found


def _distinct(
    entries: list[Values], slots: list[Slot], main: object, key: str | None
) -> list[tuple[Values, Slot]]:
    """Leave out what is there already; files name one address under several headings."""
    if key is None:
        return list(zip(entries, slots, strict=True))
    seen, kept = {main}, []
    for entry, slot in zip(entries, slots, strict=True):
        value = entry.get(key) if isinstance(entry, dict) else None
        if value is None or value not in seen:
            seen.add(value if isinstance(value, str) else None)
            kept.append((entry, slot))
    return kept
