"""Finds and removes the uploaded files that name a person."""

import re
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from services.crm_api.imports import plan
from services.crm_api.imports.reading.reader import raw_bytes, rows
from services.crm_api.imports.reading.records import ENCODINGS, Row
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.imports.table import imports
from services.crm_api.imports.uploads import upload_path
from services.crm_api.privacy.traces import SHORTEST_NAME, SHORTEST_REF, Marks
from services.foundation.database import Reader
from services.foundation.statements import Record, Statement

_READ_BYTES = 2**20
_ENCODINGS = ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
_NAMING = frozenset({"contact_external_id", "contact_id", "parent_external_id", "parent_id"})
_OWN = frozenset({"external_id", "id"})
_JSON_TEXT = re.compile(r'"([^"\\]*)"')
_UPLOADS = Statement(
    select(imports.c.id, imports.c.resource, imports.c.settings, imports.c.detected).where(
        imports.c.emptied_at.is_(None)
    )
)


async def uploads(reader: Reader) -> dict[str, Record]:
    """Return how the file of each import is read, by its id."""
    return {row["id"]: row for row in await reader.all(_UPLOADS)}


def remove(folder: Path, import_ids: Iterable[str]) -> None:
    """Remove the files of these imports."""
    for import_id in import_ids:
        upload_path(folder, import_id).unlink(missing_ok=True)


def remove_naming(folder: Path, known: Mapping[str, Record], marks: Marks) -> list[str]:
    """Remove every file that names the person; returns their imports."""
    named = [path for path in folder.glob("*.upload") if _names(path, known.get(path.stem), marks)]
    for path in named:
        path.unlink(missing_ok=True)
    return [path.stem for path in named]


def _names(path: Path, upload: Record | None, marks: Marks) -> bool:
    """Tell whether a file holds an address, a full name or an id; or a row both names or a reference.

    A reference counts in files of its source: in the columns that name contacts, and, unless it is so
    short that it may be anything, wherever a cell is nothing else.
    """
    full = (" ".join(pair) for pair in marks.pairs)
    texts = {*marks.texts, *marks.ids, *(name for name in full if len(name) >= SHORTEST_NAME)}
    refs = set() if upload is None else _refs(upload, marks)
    parts = {part for pair in marks.pairs for part in pair}
    try:
        found = _found(path, texts | refs | parts)
        if not found.isdisjoint(texts):
            return True
        pairs = [pair for pair in marks.pairs if found.issuperset(pair)]
        if upload is None or not (refs & found or pairs):
            return False
        return _rows_name(path, upload, refs & found, pairs)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _refs(upload: Record, marks: Marks) -> set[str]:
    settings = upload["settings"]
    sources = {settings["source"], settings["contact_source"]}
    return {external_id for source, external_id in marks.refs if source in sources}


def _rows_name(
    path: Path, upload: Record, refs: Collection[str], pairs: Collection[tuple[str, ...]]
) -> bool:
    settings = ImportSettings.model_validate(upload["settings"])
    resource, detected = upload["resource"], upload["detected"]
    fields = _NAMING | _OWN if resource == "contacts" else _NAMING
    columns = plan.columns_in_force(resource, settings, detected)
    naming = [each.at for each in columns if each.field in fields and not each.path]
    ids = {ref.casefold() for ref in refs}
    long = {ref for ref in ids if len(ref) >= SHORTEST_REF}
    names = [{part.casefold() for part in pair} for pair in pairs]
    dialect = plan.dialect(detected)
    for record in rows(path, dialect):
        if isinstance(record, Row):
            cells = [cell.strip().casefold() for cell in record.cells]
            if any(cells[at] in ids for at in naming):
                return True
        else:
            text = record.text
            if text is None:
                text = raw_bytes(path, record).decode(ENCODINGS[dialect.encoding], "replace")
            cells = re.split(r"[,;\t|\"\r\n]", text.casefold())
        words = {*cells, *_inside(cells)}
        if not words.isdisjoint(long) or any(pair <= words for pair in names):
            return True
    return False


def _inside(cells: Iterable[str]) -> Iterable[str]:
    """Yield the texts of cells that are JSON."""
    for cell in cells:
        if cell[:1] in ("{", "["):
            yield from _JSON_TEXT.findall(cell)


def _found(path: Path, texts: Collection[str]) -> set[str]:
    """Return which of these texts a file holds, whatever their case and its encoding."""
    wanted = [
        (form.encode(encoding, "ignore").lower(), text)
        for text in texts
        for form in {text, text.lower(), text.upper()}
        for encoding in _ENCODINGS
    ]
    wanted = [each for each in wanted if each[0]]
    if not wanted:
        return set()
    if not zipfile.is_zipfile(path):
        return _held(path.open("rb"), wanted)
    with zipfile.ZipFile(path) as archive:  # a workbook
        parts = (_held(archive.open(name), wanted) for name in archive.namelist())
        return set().union(*parts)


def _held(file: Any, wanted: Sequence[tuple[bytes, str]]) -> set[str]:
    """Return which texts a file holds, without regard to the case of plain letters."""
    found: set[str] = set()
    with file:
        rest = b""
        longest = max(len(each) for each, _ in wanted)
        while chunk := file.read(_READ_BYTES):
            window = (rest + chunk).lower()
            found |= {text for each, text in wanted if text not in found and each in window}
            rest = window[-longest:]
    return found
