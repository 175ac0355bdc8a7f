"""Exports over HTTP: one for every resource, with the filters of its list."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Query

from services.crm_api import filters
from services.crm_api.audit.operations import note
from services.crm_api.changes.operations import last_position, write_position
from services.crm_api.contacts import search
from services.crm_api.exports import operations
from services.crm_api.exports.columns import SPREAD, SheetColumn, default_fields, sheet_columns
from services.crm_api.exports.schemas import FORM, ExportForm, export_query
from services.crm_api.exports.sheets import CsvWriter, XlsxWriter, batches
from services.crm_api.feature import Feature
from services.crm_api.filters import Question
from services.crm_api.listing import check_fields
from services.crm_api.resources import Resource
from services.crm_api.schemas import ALWAYS_SHOWN, CUSTOM_FILTERS
from services.crm_api.times import business_time_zone
from services.foundation.answers import StreamAnswer
from services.foundation.calls import Call
from services.foundation.problems import Forbidden, Unavailable, invalid
from services.foundation.routing import Routes
from services.foundation.sheet_texts import BYTE_ORDER_MARK

routes = Routes("exports")
_MEDIA = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "excel_csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ENDINGS = {"ndjson": "ndjson", "csv": "csv", "excel_csv": "csv", "xlsx": "xlsx"}
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_FILE_BYTES = 64 * 1024


def add_export(feature: Feature) -> None:
    """Declare the export of a resource."""
    resource = feature.resource
    plural, many = resource.plural, resource.plural.replace("-", " ")
    Exported: Any = Annotated[export_query(feature), Query()]

    async def export(call: Call, query: Exported) -> StreamAnswer:
        return await answer_export(call, resource, query)

    pii = resource.pii_scope
    told = ", ".join(f"`{name}`" for name in resource.presence)
    by_presence = f" The flat CSV also says to every key what is filled: {told}." if told else ""
    by_custom = f" {CUSTOM_FILTERS.format(pii=pii)}" if feature.query.more_prefix else ""
    export.__name__ = f"export_{plural}".replace("-", "_")
    routes.add(
        "GET",
        f"/exports/{plural}",
        answer=None,
        scope=f"{resource.scopes}:read",
        localized=True,
        headers=(("X-Change-Cursor", ""), ("Content-Disposition", "")),
        media_types=("application/x-ndjson", "text/csv", _MEDIA["xlsx"]),
        more_names=partial(filters.custom_names, resource=resource) if by_custom else None,
        summary=f"Export {many}",
        description=f"All live {many} that the list with these filters would show, streamed. "
        "The formats for machines also need the scope `changes:read`; `X-Change-Cursor` is then a "
        "position of the change feed from before the export: export once, follow the feed from there, "
        "and you miss nothing. An XLSX file holds at most 1,048,575 records, and of a text at most "
        "32,767 characters, numbers of more than 15 figures as texts, and instants to the second in the "
        "time zone of the business; one that is in the year 0 or 10000 there is told in UTC, also in the "
        "CSV for a spreadsheet. Contacts that "
        "were erased are in the formats for machines, empty, where nothing is filtered. Reading personal "
        f"fields is noted in the audit log.{by_presence}{by_custom}",
    )(export)


async def answer_export(call: Call, resource: Resource, query: ExportForm) -> StreamAnswer:
    """Answer an export in one of its forms."""
    form, language = query.format, call.language
    is_table = form in ("excel_csv", "xlsx")
    if not is_table and not call.may("changes:read"):
        raise Forbidden("This format needs a key with the scope changes:read.")
    fields = check_fields(resource, query.fields)
    if fields is not None and form == "csv":
        raise invalid("/query/fields", "not_with_csv", "The flat CSV has all columns.")
    sort: str | None = getattr(query, "sort", None)
    personal = call.may(resource.pii_scope)
    if sort and not personal and sort.removeprefix("-") in resource.personal:
        raise Forbidden(f"This order needs a key with the scope {resource.pii_scope}.")
    question = await filters.ask(call, resource, query, without=FORM)
    question = await filters.of_survivors(call.database, question)
    if q := getattr(query, "q", None):
        question = await search.narrow(call, question, q)
    if form == "xlsx":
        await operations.refuse_too_many(call.database, question)
    shown = resource.wire_names if fields is None else frozenset(fields)
    if personal and not resource.personal.isdisjoint(shown):
        await _note(call, resource)
    headers = {
        "Content-Disposition": _attachment(call, resource, form),
        "Content-Language": language,
    }
    if call.may("changes:read"):
        headers["X-Change-Cursor"] = write_position(await last_position(call.database))
    statement = operations.export_statement(
        question,
        is_flat=form == "csv",
        personal=personal,
        only=None if fields is None else frozenset(fields) | ALWAYS_SHOWN,
        has_erased=not is_table,
        sort=sort,
    )
    chunks = call.database.stream(statement, question.values, csv=form == "csv")
    if is_table:
        columns = await _columns(call, resource, question, fields)
        chunks = (
            _csv(call, query, columns, chunks)
            if form == "excel_csv"
            else await _xlsx(call, resource, columns, chunks)
        )
    return StreamAnswer(chunks, _MEDIA[form], headers=headers)


async def _note(call: Call, resource: Resource) -> None:
    stamp = call.stamp
    await call.database.write(
        lambda transaction: note(transaction, "exported", resource.name, None, stamp=stamp)
    )


def _zone(call: Call) -> ZoneInfo:
    return ZoneInfo(business_time_zone(call))


def _attachment(call: Call, resource: Resource, form: str) -> str:
    day = call.now.astimezone(_zone(call)).date().isoformat()
    return f'attachment; filename="{resource.plural}-{day}.{_ENDINGS[form]}"'


async def _columns(
    call: Call, resource: Resource, question: Question, fields: Sequence[str] | None
) -> list[SheetColumn]:
    wanted = fields or default_fields(resource)
    has_custom = "custom" in wanted
    spread = tuple(name for name in wanted if name in SPREAD and name in resource.table.c)
    # How long the hidden ones are is hidden, too.
    hidden = frozenset() if call.may(resource.pii_scope) else resource.personal.intersection(spread)
    return sheet_columns(
        resource,
        fields=fields,
        custom=await operations.custom_columns(call.database, resource) if has_custom else [],
        lengths=await operations.longest_lists(
            call.database, question, tuple(name for name in spread if name not in hidden)
        )
        | dict.fromkeys(hidden, 0),
        language=call.language,
    )


async def _csv(
    call: Call, query: ExportForm, columns: Sequence[SheetColumn], chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    is_german = call.language == "de"
    writer = CsvWriter(
        columns,
        delimiter=_DELIMITERS[query.delimiter or ("semicolon" if is_german else "comma")],
        decimal_mark="," if is_german else ".",
        zone=_zone(call),
    )
    yield (BYTE_ORDER_MARK if query.bom else b"") + writer.header()
    async for records in batches(chunks):
        yield await asyncio.to_thread(writer.lines, records)


async def _xlsx(
    call: Call,
    resource: Resource,
    columns: Sequence[SheetColumn],
    chunks: AsyncIterator[bytes],
) -> AsyncIterator[bytes]:
    """Make the whole file before the answer begins, so that what fails can still be told."""
    folder = tempfile.TemporaryDirectory(prefix="phasewise-export-")
    try:
        path = Path(folder.name) / "export.xlsx"
        writer = XlsxWriter(path, columns, title=resource.plural, zone=_zone(call))
        async for records in batches(chunks):
            await asyncio.to_thread(writer.write, records)
        await asyncio.to_thread(writer.close)
    except OSError as error:
        folder.cleanup()
        raise Unavailable("The file cannot be stored.") from error
    except BaseException:
        folder.cleanup()
        raise
    return _sent(path, folder)


async def _sent(path: Path, folder: "tempfile.TemporaryDirectory[str]") -> AsyncIterator[bytes]:
    with folder, path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _FILE_BYTES):
            yield piece
