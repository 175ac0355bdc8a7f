"""Reads an overlay file with the line of every value, so that a fault can be found where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from services.analytics.catalogue.checking import CatalogueError


@dataclass(frozen=True, slots=True, order=True)
class LineFault:
    """Something wrong in a line of the file: where it is by its meaning, what is expected instead."""

    line: int
    where: str
    message: str

    def text(self, name: str) -> str:
        return f"{name}:{self.line}: {f'{self.where}: ' if self.where else ''}{self.message}"


@dataclass(frozen=True, slots=True)
class Given:
    """What a file says of one entry: values by field, and the lines of all."""

    section: str
    entry_id: str
    line: int
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def fault(self, name: str, message: str) -> LineFault:
        """Return a fault of a field; one that is not given is found at the entry."""
        where = ".".join(part for part in (self.section, self.entry_id, name) if part)
        return LineFault(self.lines.get(name, self.line), where, message)


@dataclass(slots=True)
class Marked:
    """The lines of all sections of a file, their entries, and what is wrong with its form."""

    sections: dict[str, int] = field(default_factory=dict)
    entries: list[Given] = field(default_factory=list)
    faults: list[LineFault] = field(default_factory=list)


def read_overlay(path: Path) -> str:
    """Return the text of an overlay file; `CatalogueError` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogueError(f"{path}: the overlay cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CatalogueError(
            f"{path}:{line}: the overlay is not UTF-8; save it as UTF-8"
        ) from error


def read_marked(document: str) -> Marked:
    """Take a file apart into entries and fields; nothing is checked of their names and values."""
    found = Marked()
    try:
        root = yaml.compose(document, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        found.faults.append(_syntax(error, document))
        return found
    if root is None:
        return found
    expected = "sections are expected, such as `instruments:`, and under each the ids of entries"
    for section, section_line, entries in _pairs(root, "", expected, found):
        found.sections[section] = section_line
        if _is_nothing(entries):
            continue
        expected = "ids of entries are expected under it, such as `newsletter:`"
        for entry_id, line, fields in _pairs(entries, section, expected, found):
            values: dict[str, Any] = {}
            lines: dict[str, int] = {}
            where = f"{section}.{entry_id}"
            expected = "fields are expected under it, such as `unit_cost: 0.5`"
            for name, name_line, node in _pairs(fields, where, expected, found):
                lines[name] = name_line
                try:
                    values[name] = _value(node)
                except (yaml.YAMLError, ValueError):
                    message = "this value cannot be read; write texts in quotes"
                    found.faults.append(LineFault(name_line, f"{where}.{name}", message))
            found.entries.append(Given(section, entry_id, line, values, lines))
    return found


def _pairs(
    node: yaml.Node, where: str, expected: str, found: Marked
) -> Iterator[tuple[str, int, yaml.Node]]:
    """Go through a mapping by key, line and value; what is none, or names a key twice, is a fault."""
    if not isinstance(node, yaml.MappingNode):
        found.faults.append(LineFault(node.start_mark.line + 1, where, expected))
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name in seen:
            message = f"is there twice, first on line {seen[name]}; keep one of the two"
            found.faults.append(
                LineFault(line, ".".join(part for part in (where, name) if part), message)
            )
            continue
        seen[name] = line
        yield name, line, value


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _value(node: yaml.Node) -> Any:
    return tupled(yaml.constructor.SafeConstructor().construct_document(node))


def tupled(value: Any) -> Any:
    """Return a value with tuples in place of lists, as frozen entries hold them."""
    if isinstance(value, list):
        return tuple(tupled(item) for item in value)
    if isinstance(value, dict):
        return {key: tupled(item) for key, item in value.items()}
    return value


def _syntax(error: yaml.YAMLError, document: str) -> LineFault:
    line, problem = 1, "it cannot be read"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, problem = (mark.line + 1 if mark else 1), error.problem or problem
    elif isinstance(error, yaml.reader.ReaderError):
        line, problem = document.count("\n", 0, error.position) + 1, error.reason
    # What is missing at the end is found behind it.
    line = min(line, max(len(document.splitlines()), 1))
    message = f"this is no YAML: {problem}; indent with spaces and quote texts that hold a colon"
    return LineFault(line, "", message)
