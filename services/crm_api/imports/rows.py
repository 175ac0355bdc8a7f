"""Rows of a file turned into complete table rows by the rules of the API; it reads no database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from services.crm_api import german
from services.crm_api.contacts import operations as contacts
from services.crm_api.deals import operations as deals
from services.crm_api.feature import Feature
from services.crm_api.imports.cells import (
    MEMO_ENTRIES,
    REFERENCES,
    FieldReaders,
    checked_field,
)
from services.crm_api.imports.gathering import Gathering
from services.crm_api.imports.plan import PlannedColumn, base
from services.crm_api.imports.reading.json_lines import json_object
from services.crm_api.imports.reading.records import Row, Unreadable
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.imports.values import amounts, dates, texts
from services.crm_api.imports.values.fields import RESOURCES
from services.crm_api.imports.values.rejection import ValueRejected
from services.crm_api.interactions import operations as interactions
from services.crm_api.pipelines.operations import PipelineMissing
from services.crm_api.pipelines.table import DEFAULT
from services.foundation.problems import FieldError, Invalid, Problem
from services.foundation.statements import Record
from shared.values import ExternalRef, Shape, wire_instant

Pair = tuple[str, str]
_LONGEST_MESSAGE = 2000
_MOST_CURRENCIES = 300
_DELETED = (
    "deleted_elsewhere",
    "the row is marked as deleted where it comes from, so it is not taken",
    "die Zeile ist dort, woher sie kommt, als gelöscht markiert und wird nicht übernommen",
)
UNTOLD = "The imported file does not tell why."


class ClosedWithoutDay(Invalid):
    code, title = "closed_without_day", "The row does not tell when the deal closed."

    def __init__(self, stage: str) -> None:
        message = f"a deal in stage {stage} needs the day on which it closed"
        super().__init__(message, errors=[FieldError("/body/closed_at", self.code, message)])


class _InvalidPart(Exception):
    """What was put together out of several columns has not the shape of its field."""

    def __init__(self, column: str | None, error: ValidationError) -> None:
        super().__init__(column)
        self.column, self.error = column, error


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

    `own_id` and `contact_id` are what may be ids of ours, and count before the references.
    `given` are the fields that it sends; `row` is what it becomes if its reference is new, and
    `fault`, if told, why it cannot become that.
    """

    row_number: int
    ordinal: int
    cells: tuple[str, ...]
    ref: Pair
    own_id: str | None
    given: dict[str, Any]
    row: Record
    contact_ref: Pair | None
    contact_id: str | None
    parent_ref: Pair | None
    fault: Problem | None


class RowConverter:
    """Turns the cells of a row into what the API would be sent, and checks it the same way."""

    def __init__(
        self,
        feature: Feature,
        settings: ImportSettings,
        columns: list[PlannedColumn],
        stages: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Take what the columns are, and of deals the kinds of the stages by pipeline."""
        self.feature, self.settings = feature, settings
        self._mapped = [column for column in columns if column.field]
        self._contact_source = settings.contact_source or settings.source
        self._readers: dict[tuple[str | None, ...], FieldReaders] = {}
        self._currencies: dict[str, str | None] = {}
        self._checked_ids: set[str] = set()
        self._currency_columns = [each for each in self._mapped if each.how == "currency"]
        targets = RESOURCES[feature.resource.plural]
        self._fixed_currencies = {
            field: currency
            for field, told in settings.defaults.items()
            if targets[field] == "currency" and (currency := amounts.currency_code(told))
        }
        by_field = {base(column.field or ""): column.name for column in self._mapped}
        self._id_column = by_field.get("external_id") or by_field.get("id")
        self.has_ids = self._id_column is not None
        contact = by_field.get("contact_external_id") or by_field.get("contact_id")
        if contact:
            by_field |= {"contact_ref": contact, "contact_id": contact}
        parent = by_field.get("parent_external_id") or by_field.get("parent_id")
        if parent:
            by_field |= {"parent_ref": parent, "parent_id": parent}
        if "closing_date" in by_field:
            by_field.setdefault("closed_at", by_field["closing_date"])
            by_field.setdefault("expected_close_date", by_field["closing_date"])
        if "closed_at" in by_field:
            by_field.setdefault("opened_at", by_field["closed_at"])  # what it is if not told
        self._columns = by_field
        self._stages = stages
        self._zone = ZoneInfo(settings.time_zone)
        self._gathering = Gathering(by_field)
        self._checks = {name: checked_field(feature, name) for name in self._gathering.fields}
        # Fields without a default (`occurred_at`) are in every row that gets this far.
        self._unsent = {
            name: info.get_default(call_default_factory=True)
            for name, info in feature.upsert.model_fields.items()
            if not info.is_required()
        }
        self._required = [
            name for name, info in feature.upsert.model_fields.items() if info.is_required()
        ]

    def prepare(self, row: Row, identity: str | None, *, now: datetime) -> Prepared | Refused:
        """Convert and check a row; `identity` is its external id if no column has one."""
        column: str | None = None
        try:
            currencies = []
            for each in self._currency_columns:
                column = each.name
                currencies.append(self._currency_of(row.cells, each))
            readers = self._readers_of(*currencies)
            given = dict(readers.fixed)
            for at, path, name, field, read, _, memo in readers.cells:
                column = name
                cell = row.cells[at] if not path else _member(row.cells[at], path)
                if not cell:
                    continue
                # The text of a JSON number equals a text with other figures for its decimal mark.
                if memo is None or type(cell) is not str:
                    value = read(cell)
                else:
                    value = memo.get(cell, memo)
                    if value is memo:
                        value = read(cell)
                        if len(memo) < MEMO_ENTRIES:
                            memo[cell] = value
                if value is not None:
                    given[field] = value
            if given.pop("is_deleted", False):
                column = self._columns["is_deleted"]
                return Refused(row.row_number, row.ordinal, column, *_DELETED, row.cells)
            if self._gathering.is_needed:
                column = None
                self._gather(given)
            if "closing_date" in given:
                column = self._columns["closing_date"]
                self._close(given, given.pop("closing_date"))
            column = self._id_column
            own, told = given.pop("id", None), given.pop("external_id", None)
            ref = self._ref((told or own) if self.has_ids else identity)
            column = self._columns.get("contact_ref") or self._columns.get("parent_ref")
            self._place(given)
        except ValueRejected as fault:
            return _value_refused(row, column, fault)
        except _InvalidPart as part:
            return _invalid(row, part.column, part.error)
        except ValidationError as error:
            return _invalid(row, column, error)
        for name in self._required:
            if name not in given:
                return Refused(row.row_number, row.ordinal, self._columns.get(name), "missing",
                               f"{name} is missing", f"{name} fehlt", row.cells)  # fmt: skip
        return self._completed(row, given, ref, own and texts.own_id(own), now)

    def _gather(self, given: dict[str, Any]) -> None:
        """Put together what several columns are, and check it as the API does."""
        gathered = self._gathering.gather(given)
        for name in (*gathered.unchecked, *gathered.slots):
            try:
                given[name] = self._checks[name](given[name])
            except ValidationError as error:
                at = error.errors(include_url=False, include_context=False, include_input=False)[0]
                _, *place = at["loc"]
                column = self._columns.get(name)
                if len(place) > 1:
                    column = self._gathering.column(name, gathered.slots[name], *place[:2])
                raise _InvalidPart(column, error) from None

    def _close(self, given: dict[str, Any], at: datetime, *, is_wire: bool = False) -> None:
        """Take the day for that of the decision: made, or expected while the deal is open."""
        pipeline = given.get("pipeline_id", DEFAULT)
        kinds = (self._stages or {}).get(pipeline, deals.STANDARD_STAGES)
        if kinds.get(given.get("stage") or "") in deals.CLOSED:
            given["closed_at"] = wire_instant(at) if is_wire else at
        else:
            day = dates.day_of(at, self._zone)
            given["expected_close_date"] = day.isoformat() if is_wire else day

    def wire_body(self, cells: tuple[str, ...], parent_id: str | None) -> Shape:
        """Return the body that the API would be sent for a row that was prepared before.

        It names the organisation that was found by its reference, and no other record.
        """
        currencies = (self._currency_of(cells, each) for each in self._currency_columns)
        readers = self._readers_of(*currencies)
        body = dict(readers.fixed_wire)
        for reader in readers.cells:
            cell = _member(cells[reader.at], reader.path) if reader.path else cells[reader.at]
            value = reader.wire(cell) if cell else None
            if value is not None and value != []:
                body[reader.field] = value
        if self._gathering.is_needed:
            self._gathering.gather(body)
        if "closing_date" in body:
            self._close(body, datetime.fromisoformat(body.pop("closing_date")), is_wire=True)
        for name in (*REFERENCES, "is_deleted"):  # what they name is found, and no contact changes
            body.pop(name, None)
        if parent_id is not None:
            body["parent_id"] = parent_id
        return self.feature.upsert.model_validate(body)

    def refused(self, row: Prepared, problem: Problem) -> Refused:
        """Reject a row for a rule that it breaks."""
        column, text = None, problem.detail
        if problem.errors:
            parts = problem.errors[0].pointer.split("/")
            column = self._columns.get(parts[2]) if len(parts) > 2 else None
            column = column or self._columns.get(".".join(parts[2:4]))
            text = problem.errors[0].message
        told = german.reason(text, problem.code)[:_LONGEST_MESSAGE]
        text = text[:_LONGEST_MESSAGE]
        return Refused(row.row_number, row.ordinal, column, problem.code, text, told, row.cells)

    def _currency_of(self, cells: tuple[str, ...], column: PlannedColumn) -> str | None:
        cell = _member(cells[column.at], column.path)
        if cell not in self._currencies and len(self._currencies) < MEMO_ENTRIES:
            self._currencies[cell] = amounts.currency_code(cell)
        return self._currencies.get(cell)

    def _readers_of(self, *currencies: str | None) -> FieldReaders:
        """Return the readers of rows whose currency columns tell these."""
        found = self._readers.get(currencies)
        if found is None:
            if len(self._readers) > _MOST_CURRENCIES:
                self._readers.clear()
            columns = zip(self._currency_columns, currencies, strict=True)
            told = {column.field or "": currency for column, currency in columns if currency}
            told = self._fixed_currencies | told
            found = FieldReaders(self.feature, self.settings, self._mapped, told)
            self._readers[currencies] = found
        return found

    def _ref(self, external_id: str | None) -> dict[str, str]:
        if external_id is None:
            raise ValueRejected(
                "external_id_missing",
                "the row has no id",
                "die Zeile hat keine Kennung",
                expected="an id",
            )
        ref = {"source": self.settings.source, "id": external_id}
        if self.has_ids:
            ExternalRef.model_validate(ref)
        return ref

    def _place(self, given: dict[str, Any]) -> None:
        """Turn the ids of the contact and of the organisation into references."""
        contact, told = given.pop("contact_id", None), given.pop("contact_external_id", None)
        if told or contact:
            given["contact_ref"] = self._contact_ref(told or contact)
        if own := contact and texts.own_id(contact):
            given["contact_id"] = own
        parent = given.pop("parent_external_id", None)
        if parent is not None:
            given["parent_ref"] = self._contact_ref(parent)

    def _contact_ref(self, external_id: str) -> dict[str, str]:
        ref = {"source": self._contact_source, "id": external_id}
        if external_id not in self._checked_ids:
            ExternalRef.model_validate(ref)
            if len(self._checked_ids) < MEMO_ENTRIES:
                self._checked_ids.add(external_id)
        return ref

    def _completed(
        self,
        row: Row,
        given: dict[str, Any],
        ref: dict[str, str],
        own_id: str | None,
        now: datetime,
    ) -> Prepared:
        full = {**self._unsent, **given, "external_refs": [ref]}
        contact_ref, parent_ref = full.pop("contact_ref", None), full.pop("parent_ref", None)
        fault: Problem | None = None
        new: Record = {}
        try:
            new = self._new_row(full, now)
        except Problem as problem:
            fault = problem
        return Prepared(
            row.row_number,
            row.ordinal,
            row.cells,
            (ref["source"], ref["id"]),
            own_id,
            given,
            new,
            contact_ref and (contact_ref["source"], contact_ref["id"]),
            full.get("contact_id"),
            parent_ref and (parent_ref["source"], parent_ref["id"]),
            fault,
        )

    def _new_row(self, full: dict[str, Any], now: datetime) -> Record:
        resource = self.feature.resource
        if resource.plural == "deals":
            if full["stage"] in deals.CLOSED and full.get("closed_at") is None:
                # Alone, a deal that is entered as won was won now; a row of a file was not.
                raise ClosedWithoutDay(full["stage"])
            if full["stage"] == "lost" and full.get("lost_reason") is None:
                full = {**full, "lost_reason": "other", "lost_note": full["lost_note"] or UNTOLD}
            if self._stages is None:
                return deals.new_row(full, now=now)
            if full["pipeline_id"] not in self._stages:
                message = f"There is no pipeline {full['pipeline_id']}."
                fault = FieldError("/body/pipeline_id", "unknown", message)
                raise PipelineMissing(message, errors=[fault])
            return deals.new_row(full, now=now, kinds=self._stages[full["pipeline_id"]])
        if resource.plural == "contacts":
            if not self.has_ids and not any(full.get(name) for name in contacts.SAYS_WHO):
                raise contacts.unnamed()  # the content of a row is an id, but no name
            return contacts.new_row(full)
        return interactions.new_row(full, now=now)


def _member(cell: str, path: tuple[str, ...]) -> str:
    """Follow a dotted name into a JSON cell; what is not there is empty."""
    for name in path:
        if not cell:
            break
        try:
            cell = json_object(cell).get(name, "")
        except Unreadable:
            raise ValueRejected(
                "no_object",
                f"{name} is to be taken out of an object, and this is none",
                f"{name} soll aus einem Objekt genommen werden, und das ist keines",
                expected="a JSON object",
            ) from None
    return cell


def _value_refused(row: Row, column: str | None, fault: ValueRejected) -> Refused:
    english = f"{fault.message_en}; expected: {fault.expected}"
    told = f"{fault.message_de}; erwartet: {german.expected(fault.expected)}"
    return Refused(row.row_number, row.ordinal, column, fault.code,
                   english[:_LONGEST_MESSAGE], told[:_LONGEST_MESSAGE], row.cells)  # fmt: skip


def _invalid(row: Row, column: str | None, error: ValidationError) -> Refused:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    inside = "/".join(str(part) for part in first["loc"][1:])
    both = (message, german.reason(message, first["type"]))
    english, told = (f"{inside}: {each}" if inside else each for each in both)
    return Refused(row.row_number, row.ordinal, column, first["type"],
                   english[:_LONGEST_MESSAGE], told[:_LONGEST_MESSAGE], row.cells)  # fmt: skip
