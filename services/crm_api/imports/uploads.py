"""Uploaded files: from the socket to the disk in constant memory, and what is detected in them."""

import asyncio
import hashlib
import os
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from services.crm_api.imports.detection.detecting import detect_file
from services.crm_api.imports.detection.findings import Detection, UndetectableFile
from services.crm_api.imports.plan import Document, Known, NestedColumn, describe, hints
from services.crm_api.imports.reading.json_lines import json_object
from services.crm_api.imports.reading.reader import rows
from services.crm_api.imports.reading.records import COLUMN_NAME, Row, Unreadable
from services.crm_api.imports.schemas import ImportSettings
from services.foundation.calls import Call
from services.foundation.problems import FieldError, Invalid, TooLarge, Unavailable
from services.foundation.problems import Unreadable as UnreadableCall

LARGEST_UPLOAD = 200 * 2**20
_WRITE_BYTES = 2**20
_NESTED_RECORDS = 300
_MOST_NESTED = 200
_DEEPEST_NESTED = 6
_SAMPLES = 3


class FileUnusable(Invalid):
    code, title = "unusable_file", "The file cannot be imported as it is."


class Upload(NamedTuple):
    """What came: its size and the SHA-256 of its bytes."""

    size_bytes: int
    content_hash: str


def upload_path(folder: Path, import_id: str) -> Path:
    return folder / f"{import_id}.upload"


async def receive(call: Call, path: Path) -> Upload:
    """Stream the body of a call to a file that is either complete and durable or not there.

    Raises
    ------
    TooLarge, UnreadableCall, Unavailable
        The body is too large, breaks off, or cannot be stored.
    """
    _check_length(call)
    part = path.with_suffix(".part")
    try:
        file = await asyncio.to_thread(part.open, "wb")
        try:
            upload = await _stream(call, file)
            await asyncio.to_thread(_finish, file, part, path)
        finally:
            file.close()
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Unavailable("The upload cannot be stored.") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return upload


def _check_length(call: Call) -> None:
    length = call.header(b"content-length")
    if length is not None and length.isdigit() and int(length) > LARGEST_UPLOAD:
        raise TooLarge(f"A file may have at most {LARGEST_UPLOAD} bytes.")


async def _stream(call: Call, file: BinaryIO) -> Upload:
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise UnreadableCall("The connection closed before the body was complete.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_UPLOAD:
            raise TooLarge(f"A file may have at most {LARGEST_UPLOAD} bytes.")
        digest.update(chunk)
        waiting += chunk
        is_last = not message.get("more_body")
        if len(waiting) >= _WRITE_BYTES or is_last:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
        if is_last:
            return Upload(size, digest.hexdigest())


def _finish(file: BinaryIO, part: Path, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def inspect(
    path: Path, resource: str, settings: ImportSettings, known: Known, *, language: str
) -> Document:
    """Detect what the file is, from all of it.

    Raises
    ------
    FileUnusable
        It is empty, of another kind, or a hint does not fit it.
    """
    try:
        return await asyncio.to_thread(_inspect, path, resource, settings, known)
    except UndetectableFile as fault:
        message = fault.message_de if language == "de" else fault.message_en
        errors = [FieldError("/body", fault.code, message)]
        raise FileUnusable(message, errors=errors, extra={"reason": fault.code}) from None


def _inspect(path: Path, resource: str, settings: ImportSettings, known: Known) -> Document:
    detection = detect_file(path, given=hints(settings), business_zone=settings.time_zone)
    is_json = detection.dialect.format == "ndjson"
    return describe(detection, resource, _nested(path, detection) if is_json else [], known)


def _nested(path: Path, detection: Detection) -> list[NestedColumn]:
    """Find the members of objects inside of objects in the first records; money is one value."""
    found: dict[str, tuple[int, tuple[str, ...], list[str]]] = {}
    for record in islice(rows(path, detection.dialect), _NESTED_RECORDS):
        if not isinstance(record, Row):
            continue
        for at, (name, cell) in enumerate(
            zip(detection.dialect.columns, record.cells, strict=True)
        ):
            _add_members(found, at, name, (), cell)
    known = {column.name for column in detection.columns}
    return [
        NestedColumn(name, at, inside, tuple(samples))
        for name, (at, inside, samples) in found.items()
        if name not in known
    ]


def _add_members(
    found: dict[str, tuple[int, tuple[str, ...], list[str]]],
    at: int,
    name: str,
    inside: tuple[str, ...],
    cell: str,
) -> None:
    for key, value in _members(cell).items():
        full, path = f"{name}.{key}", (*inside, key)
        if COLUMN_NAME.fullmatch(full) is None:
            continue
        if len(path) <= _DEEPEST_NESTED and _members(value):
            _add_members(found, at, full, path, value)
        elif len(found) < _MOST_NESTED or full in found:
            samples = found.setdefault(full, (at, path, []))[2]
            if value and len(samples) < _SAMPLES and value[:100] not in samples:
                samples.append(value[:100])


def _members(cell: str) -> dict[str, str]:
    """Return the members of an object; any other text has none, and money is one value."""
    try:
        found = json_object(cell) if cell.startswith("{") else {}
    except Unreadable:
        return {}
    return {} if found.keys() == {"amount", "currency"} else found
