"""Rows of a file turned into validated bodies and complete table rows; it reads no database."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from services.crm_api.contacts import operations as contacts
from services.crm_api.deals import operations as deals
from services.crm_api.features import Feature
from services.crm_api.imports import values
from services.crm_api.imports.plan import PlannedColumn, base, cell_reading, fixed_value, how
from services.crm_api.imports.reading import (
    ENCODINGS,
    Dialect,
    NumberText,
    Position,
    RejectedRow,
    Row,
    RowIds,
    raw_bytes,
    repeated_identities,
    rows,
)
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.schemas import row_values
from services.foundation.problems import Problem
from services.foundation.statements import Record
from shared.values import ExternalRef, Shape

Pair = tuple[str, str]
_MEMO_ENTRIES = 20_000
_LONGEST_MESSAGE = 2000
_LARGEST_CHUNK = 2 * 2**20
_LONGEST_RAW = 20_000


class Refused(NamedTuple):
    """A row that becomes no record, and why."""

    row_number: int
    ordinal: int
    column: str | None
    code: str
    message_en: str
    message_de: str
    cells: tuple[str, ...]


class Prepared(NamedTuple):
    """A row that keeps every rule that can be checked without the database.

    `row` is what it becomes if its reference is new; if `fault` is told, it cannot become that.
    """

    row_number: int
    ordinal: int
    cells: tuple[str, ...]
    ref: Pair
    body: Shape
    given: dict[str, Any]
    row: Record
    contact_ref: Pair | None
    contact_id: str | None
    fault: Refused | None

    def refused(self, problem: Problem, columns: Mapping[str, str]) -> Refused:
        """Reject this row for a rule that it breaks."""
        return _refused(self, problem, columns)


class Chunk(NamedTuple):
    """Some consecutive rows, and where the next one starts."""

    items: list[Prepared | Refused]
    after: Position
    is_last: bool


class _Cell(NamedTuple):
    at: int
    path: tuple[str, ...]
    column: str
    field: str
    convert: Callable[[str], Any]
    memo: dict[str, Any] | None


class RowConverter:
    """Turns the cells of a row into what the API would be sent for it, and checks it the same way."""

    def __init__(
        self,
        feature: Feature,
        settings: ImportSettings,
        columns: list[PlannedColumn],
        *,
        is_text_only: bool,
    ) -> None:
        self.feature, self.settings = feature, settings
        self.plural = feature.resource.plural
        self._mapped = [column for column in columns if column.field]
        self._zone = ZoneInfo(settings.time_zone)
        self._has_memo = is_text_only
        self._readings: dict[str | None, tuple[list[_Cell], dict[str, Any]]] = {}
        self.contact_source = settings.contact_source or settings.source
        self.columns = {base(column.field or ""): column.name for column in self._mapped}
        self._columns_of_faults = dict(self.columns)
        for name in ("contact_ref", "contact_id"):
            told = self.columns.get("contact_external_id") or self.columns.get("contact_id")
            if told:
                self._columns_of_faults[name] = told
        at = next((c for c in self._mapped if c.field == "currency"), None)
        self._currency = None if at is None else at
        fixed = settings.defaults.get("currency")
        self._fixed_currency = values.currency_code(fixed) if fixed else settings.currency
        # `kind` and `occurred_at` of interactions have no default; their rows always send them.
        self._unsent = {
            name: info.get_default(call_default_factory=True)
            for name, info in feature.upsert.model_fields.items()
            if not info.is_required()
        }
        self.has_ids = "external_id" in self.columns

    @property
    def fault_columns(self) -> Mapping[str, str]:
        """The column that fills a field of the wire."""
        return self._columns_of_faults

    def prepare(self, row: Row, identity: str | None, *, now: datetime) -> Prepared | Refused:
        """Convert and validate a row; `identity` is its external id if no column has one."""
        column: str | None = None
        try:
            currency = self._fixed_currency
            if self._currency is not None:
                column = self._currency.name
                cell = _cell(row.cells[self._currency.at], self._currency.path)
                currency = self._currency_of(cell) or currency
            cells, fixed = self._readings.get(currency) or self._read_as(currency)
            body: dict[str, Any] = dict(fixed)
            for at, path, column, field, convert, memo in cells:
                cell = row.cells[at] if not path else _cell(row.cells[at], path)
                if not cell:
                    continue
                if memo is None:
                    value = convert(cell)
                else:
                    value = memo.get(cell, memo)
                    if value is memo:
                        value = convert(cell)
                        if len(memo) < _MEMO_ENTRIES:
                            memo[cell] = value
                if value is not None and value != []:
                    body[field] = value
        except values.ValueRejected as fault:
            return _value_refused(row, column, fault)
        return self._validated(row, body, identity, now)

    def _currency_of(self, cell: str) -> str | None:
        return values.currency_code(cell) if cell else None

    def _read_as(self, currency: str | None) -> tuple[list[_Cell], dict[str, Any]]:
        cells = []
        for column in self._mapped:
            field = column.field or ""
            if field == "currency":
                continue
            by = cell_reading(column, self.settings, self._zone, currency)
            convert = partial(values.convert, self.plural, field, by=by)
            is_free = how(self.plural, field) in ("text", "lines", "structure", "list")
            memo: dict[str, Any] | None = None if is_free or not self._has_memo else {}
            cells.append(
                _Cell(
                    column.at,
                    column.path,
                    column.name,
                    base(field),
                    lambda cell, convert=convert: convert(cell),  # type: ignore[misc]
                    memo,
                )
            )
        fixed = {
            base(field): fixed_value(self.plural, field, value, self.settings, currency)
            for field, value in self.settings.defaults.items()
            if field != "currency"
        }
        if len(self._readings) > 300:
            self._readings.clear()
        self._readings[currency] = cells, fixed
        return cells, fixed

    def _validated(
        self, row: Row, body: dict[str, Any], identity: str | None, now: datetime
    ) -> Prepared | Refused:
        external_id = body.pop("external_id", None) if self.has_ids else identity
        if external_id is None:
            column = self.columns.get("external_id")
            return Refused(row.row_number, row.ordinal, column, "external_id_missing",
                           "the row has no id", "die Zeile hat keine Kennung", row.cells)  # fmt: skip
        contact_external_id = body.pop("contact_external_id", None)
        if contact_external_id is not None:
            body["contact_ref"] = {"source": self.contact_source, "id": contact_external_id}
        ref = {"source": self.settings.source, "id": external_id}
        field = "external_id"
        try:
            if self.has_ids:
                ExternalRef.model_validate(ref)
            field = ""
            model = self.feature.upsert.model_validate(body)
        except ValidationError as error:
            return self._invalid(row, error, field)
        given = model.model_dump(exclude_unset=True)
        return self._completed(row, model, given, ref, now)

    def _completed(
        self, row: Row, model: Shape, given: dict[str, Any], ref: dict[str, str], now: datetime
    ) -> Prepared:
        full = {**self._unsent, **given, "external_refs": [ref]}
        contact_ref = full.pop("contact_ref", None)
        fault, new = None, {}
        prepared = Prepared(
            row_number=row.row_number,
            ordinal=row.ordinal,
            cells=row.cells,
            ref=(ref["source"], ref["id"]),
            body=model,
            given=given,
            row=new,
            contact_ref=contact_ref and (contact_ref["source"], contact_ref["id"]),
            contact_id=full.get("contact_id"),
            fault=None,
        )
        try:
            new = self._new_row(full, now)
        except Problem as problem:
            fault = _refused(prepared, problem, self._columns_of_faults)
        return prepared._replace(row=new, fault=fault)

    def _new_row(self, full: dict[str, Any], now: datetime) -> Record:
        if self.plural == "deals":
            return deals.new_row(full, now=now)
        row = row_values(full, self.feature.resource.money)
        return contacts.complete(row) if self.plural == "contacts" else row

    def _invalid(self, row: Row, error: ValidationError, field: str) -> Refused:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        first = found[0]
        field = field or str(first["loc"][0] if first["loc"] else "")
        message = first["msg"].removeprefix("Value error, ")
        inside = "/".join(str(part) for part in first["loc"][1:])
        text = f"{inside}: {message}" if inside else message
        return Refused(
            row.row_number, row.ordinal, self._columns_of_faults.get(field), first["type"],
            text[:_LONGEST_MESSAGE], text[:_LONGEST_MESSAGE], row.cells,
        )  # fmt: skip


def _cell(cell: str, path: tuple[str, ...]) -> str:
    """Follow a dotted name into a JSON cell; what is not there is empty."""
    if not path or not cell.startswith("{"):
        return cell if not path else ""
    found = json.loads(cell, parse_float=NumberText, parse_int=NumberText)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return found
    if found is None:
        return ""
    return json.dumps(found, ensure_ascii=False)


def _value_refused(row: Row, column: str | None, fault: values.ValueRejected) -> Refused:
    english = f"{fault.message_en}; expected: {fault.expected}"
    german = f"{fault.message_de}; erwartet: {fault.expected}"
    return Refused(row.row_number, row.ordinal, column, fault.code,
                   english[:_LONGEST_MESSAGE], german[:_LONGEST_MESSAGE], row.cells)  # fmt: skip


def _refused(row: Prepared, problem: Problem, columns: Mapping[str, str]) -> Refused:
    column, text = None, problem.detail
    if problem.errors:
        parts = problem.errors[0].pointer.split("/")
        column = columns.get(parts[2]) if len(parts) > 2 else None
        text = problem.errors[0].message
    text = text[:_LONGEST_MESSAGE]
    return Refused(row.row_number, row.ordinal, column, problem.code, text, text, row.cells)


class ChunkReader:
    """Reads a file chunk by chunk from a position on; made and used outside of the event loop."""

    def __init__(
        self, path: Path, dialect: Dialect, converter: RowConverter, position: Position
    ) -> None:
        self._path, self._dialect, self._converter = path, dialect, converter
        self._codec = ENCODINGS[dialect.encoding]
        self._position = position
        self._records = rows(path, dialect, start_at=position)
        self._ids = None if converter.has_ids else self._row_ids(position)

    def _row_ids(self, position: Position) -> RowIds:
        """Count the rows before the position again, so that equal rows keep their numbers."""
        repeated = repeated_identities(rows(self._path, self._dialect))
        ids = RowIds(repeated)
        if repeated and position.ordinal:
            for record in islice(rows(self._path, self._dialect), position.ordinal):
                if isinstance(record, Row):
                    ids.next_id(record.cells)
        return ids

    def next_chunk(self, limit: int, *, now: datetime) -> Chunk:
        """Read and prepare up to `limit` rows, fewer if they are long."""
        items: list[Prepared | Refused] = []
        start = self._position.offset
        is_last = True
        for record in self._records:
            self._position = record.after
            items.append(self._item(record, now))
            if len(items) >= limit or record.end_offset - start >= _LARGEST_CHUNK:
                is_last = False
                break
        return Chunk(items, self._position, is_last)

    def _item(self, record: Row | RejectedRow, now: datetime) -> Prepared | Refused:
        if isinstance(record, RejectedRow):
            return self._unreadable(record)
        identity = self._ids.next_id(record.cells) if self._ids else None
        return self._converter.prepare(record, identity, now=now)

    def _unreadable(self, record: RejectedRow) -> Refused:
        """Keep the text of a row that has no cells, as far as a database can keep it."""
        text = raw_bytes(self._path, record)[: 4 * _LONGEST_RAW].decode(self._codec, "replace")
        shown = text[:_LONGEST_RAW].replace("\0", "\ufffd").rstrip("\r\n")
        return Refused(record.row_number, record.ordinal, record.column, record.code,
                       record.message_en, record.message_de, (shown,))  # fmt: skip


def repeated_external_ids(path: Path, dialect: Dialect, at: int) -> frozenset[str]:
    """Return the cells of a column that occur in more than one row, and a few more."""
    once: Iterator[Row] = (
        record._replace(cells=(record.cells[at],))
        for record in rows(path, dialect)
        if isinstance(record, Row)
    )
    return repeated_identities(once)
