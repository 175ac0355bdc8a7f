"""The way to the CRM: exports and change feed over HTTP, checked on arrival; nothing is kept."""

from __future__ import annotations

import csv
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar, get_args
from urllib.parse import urlencode

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import stamina
from pydantic import BaseModel, Field, ValidationError

from services.analytics.crm_columns import INSTANT, schema_of
from services.analytics.crm_feed import CHANGES_PER_PAGE, ChangePage, changed_record

Resource = Literal["contacts", "interactions", "deals", "products", "competitor-activities"]
_Received = TypeVar("_Received")

RESOURCES: tuple[Resource, ...] = get_args(Resource)
RECORDS_PER_REQUEST = 200


SCHEMAS: Mapping[Resource, pa.Schema] = {
    "contacts": schema_of(
        texts="id_ kind_ parent_id status_ source_campaign_id acquisition_cost_currency"
        " referred_by_id purchase_motive flags owner_id previous_supplier_id protections consents"
        " communication_style preferred_channel supplier_loyalty language country_code",
        instants="terminated_at profiling_objection_at erased_at created_at_ next_contact_at",
        amounts="acquisition_cost_minor",
        flags="credit_hold individual_price has_email has_phone has_address",
    ),
    "interactions": schema_of(
        texts="id_ contact_id_ parent_id deal_id kind_ channel direction resolution outcome"
        " decline_reason competitor_id product_id event_type tags ratings cost_currency campaign_id",
        instants="occurred_at_ resolved_at effective_at valid_until",
        amounts="cost_minor",
        counts="severity nps",
        numbers="sentiment",
        flags="justified is_public has_reason",
    ),
    "deals": schema_of(
        texts="id_ contact_id_ stage_kind_ stage_history_ currency lines won_reason lost_reason"
        " competitor_id campaign_id promo_code treatment_id",
        instants="opened_at_ closed_at invoiced_at due_at paid_at disputed_at refunded_at"
        " chargeback_at fraud_confirmed_at contract_end_at contract_cancelled_at",
        amounts="amount_minor list_amount_minor cost_minor refund_minor cost_recovered_minor"
        " written_off_minor chargeback_lost_minor",
        numbers="discount_pct fx_rate",
    ),
    "products": schema_of(
        texts="id_ key_ name category list_price_currency unit_cost_currency complements"
        " successor_id",
        amounts="list_price_minor unit_cost_minor",
        counts="replacement_days service_interval_days",
        flags="is_repeatable is_sample is_for_sale",
    ),
    "competitor-activities": schema_of(texts="id_ product_id", instants="occurred_at_"),
}
"""What analytics takes of each export: what is read of it, hence nobody's name, address or text."""
_WORDS: Mapping[Resource, Mapping[str, tuple[str, ...]]] = {
    "contacts": {
        "kind": ("person", "organisation"),
        "status": ("active", "blocked", "terminated"),
    },
    "interactions": {},
    "deals": {"stage_kind": ("open", "won", "lost")},
    "products": {},
    "competitor-activities": {},
}
_IDS = ("id", "contact_id")
"""What records are found by: an id is a UUID, all of one length."""
_ID_LENGTH = 36
_PLANNED = {"interactions": {"is_planned": pa.bool_()}}
"""What has not happened is not read; the column goes no further."""
_BUSY = frozenset({429, 502, 503, 504})
_REFUSED = frozenset({401, 403})


class CrmUnavailable(Exception):
    """The CRM cannot be reached, is busy for too long, or does not accept the key."""


class CrmContractBroken(Exception):
    """The CRM answered something that it never should; the answer was thrown away."""


class ChangeCursorRejected(CrmContractBroken):
    """The CRM does not know the feed cursor any more: everything has to be loaded anew."""


class _Rejected(CrmContractBroken):
    """The CRM found a fault with the request itself (a 4xx)."""


class _Busy(Exception):
    def __init__(self, status: int, wait_seconds: float | None) -> None:
        super().__init__(f"the CRM answered {status}")
        self.wait_seconds = wait_seconds


class _Gone(BaseModel):
    ids: list[str] = Field(max_length=RECORDS_PER_REQUEST)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer of the CRM may take.

    Attributes
    ----------
    attempts
        Requests before giving up on a busy or unreachable CRM; count.
    longest_wait_seconds
        Longest time that a ``Retry-After`` is obeyed for; seconds.
    connect_seconds, silence_seconds
        Time for a connection, and between two pieces of an answer; seconds.
    answer_seconds, export_seconds
        Time for a whole answer, and for a whole export; seconds.
    answer_bytes, export_bytes
        Size of an answer that is read into memory, and of an export on disk; bytes.
    """

    attempts: int = 6
    longest_wait_seconds: float = 30.0
    connect_seconds: float = 5.0
    silence_seconds: float = 60.0
    answer_seconds: float = 120.0
    export_seconds: float = 7200.0
    answer_bytes: int = 32 * 2**20
    export_bytes: int = 64 * 2**30


@dataclass(frozen=True, slots=True)
class Export:
    """A downloaded export; following the feed from `cursor` on misses nothing since."""

    resource: Resource
    path: Path
    cursor: str

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the file piece by piece, in memory that does not grow with it."""
        with pa.OSFile(str(self.path)) as file:
            yield from _read_csv(file, self.resource)


@dataclass(frozen=True, slots=True)
class Changes:
    """The records that the feed names, and the cursor behind its last item.

    `is_complete` is False if there were more than asked for: loading anew is cheaper then.
    """

    ids: Mapping[Resource, frozenset[str]]
    cursor: str
    is_complete: bool


def _read_csv(file: pa.NativeFile, resource: Resource) -> Iterator[pa.RecordBatch]:
    kinds = {field.name: field.type for field in SCHEMAS[resource]}
    kinds |= {"deleted_at": INSTANT} | _PLANNED.get(resource, {})
    _check_header(file, resource, kinds)
    try:
        # Blocks hold the longest record many times over: pyarrow refuses one that spans three.
        reader = pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(block_size=8 * 2**20),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                null_values=[""],
                strings_can_be_null=True,
                true_values=["true"],
                false_values=["false"],
                timestamp_parsers=[pa.csv.ISO8601],
            ),
        )
        for batch in reader:
            yield _checked(batch, resource)
    except pa.ArrowInvalid as error:
        # The rest of pyarrow's message repeats the rejected value.
        fault = str(error).partition(": invalid value")[0].splitlines()[0][:200]
        raise CrmContractBroken(f"export of {resource}: {fault}") from None


def _check_header(file: pa.NativeFile, resource: Resource, wanted: Iterable[str]) -> None:
    line, newline, _ = bytes(file.read(2**16)).partition(b"\n")
    file.seek(0)
    try:
        names = next(csv.reader([line.decode()]), [])
    except (UnicodeDecodeError, csv.Error):
        names = []
    missing = [name for name in wanted if names.count(name) != 1]
    if missing or not newline:
        raise CrmContractBroken(f"export of {resource}: no column {', '.join(missing)[:200]}")


def _checked(batch: pa.RecordBatch, resource: Resource) -> pa.RecordBatch:
    live = batch.column("deleted_at").is_null()
    if resource == "contacts":  # who was erased stays in totals, without a name
        live = pc.or_(live, batch.column("erased_at").is_valid())
    if resource in _PLANNED:
        live = pc.and_(live, pc.invert(batch.column("is_planned")))
    batch = batch.filter(live) if live.false_count else batch
    schema = SCHEMAS[resource]
    columns = [batch.column(name) for name in schema.names]
    for field, column in zip(schema, columns, strict=True):
        if not field.nullable and column.null_count:
            raise CrmContractBroken(f"export of {resource}: {field.name} is empty")
        if pa.types.is_floating(field.type) and pc.is_finite(column).false_count:
            raise CrmContractBroken(f"export of {resource}: {field.name} is not finite")
    for name in _IDS:
        if name in schema.names and not _are_ids(batch.column(name)):
            raise CrmContractBroken(f"export of {resource}: {name} is no id")
    for name, words in _WORDS[resource].items():
        if not set(batch.column(name).unique().to_pylist()) <= set(words):
            raise CrmContractBroken(f"export of {resource}: {name} is none of {', '.join(words)}")
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _are_ids(texts: pa.Array) -> bool:
    return bool(pc.all(pc.equal(pc.binary_length(texts), _ID_LENGTH)).as_py() is not False)


def _patience(error: Exception, longest: float) -> bool | float:
    if isinstance(error, _Busy) and error.wait_seconds is not None:
        return min(error.wait_seconds, longest) + random.random()
    return isinstance(error, _Busy | httpx.TransportError)


def _check_answer(response: httpx.Response, media_type: str) -> None:
    status = response.status_code
    if status in _BUSY:
        wait = response.headers.get("Retry-After", "")
        raise _Busy(status, float(wait) if re.fullmatch(r"\d{1,6}", wait) else None)
    if status in _REFUSED:
        raise CrmUnavailable(f"the CRM does not accept the key for this (status {status})")
    if response.is_client_error:
        raise _Rejected(f"the CRM rejected the request (status {status})")
    if response.is_server_error:
        raise CrmUnavailable(f"the CRM failed (status {status})")
    if status != httpx.codes.OK:
        raise CrmContractBroken(f"the CRM answered {status}")
    if not response.headers.get("Content-Type", "").startswith(media_type):
        raise CrmContractBroken(f"the CRM answered something that is not {media_type}")


def _pieces(response: httpx.Response, *, longest: int, seconds: float) -> Iterator[bytes]:
    received, until = 0, time.monotonic() + seconds
    for piece in response.iter_bytes():
        received += len(piece)
        if received > longest:
            raise CrmContractBroken(f"the CRM answered with more than {longest} bytes")
        if time.monotonic() > until:
            raise CrmUnavailable(f"the CRM took more than {seconds:.0f} seconds for an answer")
        yield piece


class CrmClient:
    """Reads the CRM with one key; every call retries while the CRM is busy or out of reach.

    Every method raises `CrmUnavailable` or `CrmContractBroken` and nothing else of the network.
    """

    def __init__(self, base_url: str, *, key: str, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(
                self._limits.silence_seconds, connect=self._limits.connect_seconds
            ),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def download_export(self, resource: Resource, *, folder: Path) -> Export:
        """Stream the live records of `resource` into a file in `folder`."""
        path = folder / f"{resource}.csv"

        def receive(response: httpx.Response) -> Export:
            cursor = response.headers.get("X-Change-Cursor", "")
            if not 0 < len(cursor) <= 4000:
                raise CrmContractBroken(f"export of {resource}: no X-Change-Cursor")
            limits = self._limits
            with path.open("wb") as file:
                for piece in _pieces(
                    response, longest=limits.export_bytes, seconds=limits.export_seconds
                ):
                    file.write(piece)
            return Export(resource, path, cursor)

        return self._get(f"/v1/exports/{resource}", [("format", "csv")], "text/csv", receive)

    def fetch_records(self, resource: Resource, ids: Iterable[str]) -> pa.Table:
        """Return the live ones of these records; whoever is missing is no longer live."""
        wanted = sorted(set(ids))
        tables = [
            self._fetch(resource, wanted[start : start + RECORDS_PER_REQUEST])
            for start in range(0, len(wanted), RECORDS_PER_REQUEST)
        ]
        return pa.concat_tables([SCHEMAS[resource].empty_table(), *tables]).combine_chunks()

    def _fetch(self, resource: Resource, ids: list[str]) -> pa.Table:
        params = [("format", "csv"), *(("id", record_id) for record_id in ids)]
        body = self._get(f"/v1/exports/{resource}", params, "text/csv", self._body)
        batches = list(_read_csv(pa.BufferReader(body), resource))
        table = pa.Table.from_batches(batches, SCHEMAS[resource])
        found = table.column("id").to_pylist()
        if len(set(found)) != len(found) or not set(found) <= set(ids):
            raise CrmContractBroken(f"export of {resource}: records that nobody asked for")
        return table

    def ask_gone(self, ids: Iterable[str]) -> frozenset[str]:
        """Return which of these contacts were erased, or are not known at all."""
        wanted, gone = sorted(set(ids)), set[str]()
        for start in range(0, len(wanted), RECORDS_PER_REQUEST):
            asked = wanted[start : start + RECORDS_PER_REQUEST]
            params = [("id", contact_id) for contact_id in asked]
            body = self._get("/v1/gone-contacts", params, "application/json", self._body)
            try:
                found = set(_Gone.model_validate_json(body).ids)
            except ValidationError:
                raise CrmContractBroken("gone contacts: the answer is not as agreed") from None
            if not found <= set(asked):
                raise CrmContractBroken("gone contacts: some that nobody asked for")
            gone |= found
        return frozenset(gone)

    def follow_changes(self, cursor: str, *, at_most: int = 100_000) -> Changes:
        """Read the feed from `cursor` to its end, or until it names `at_most` records.

        Raises
        ------
        ChangeCursorRejected
            The CRM does not know the cursor.
        """
        ids: dict[Resource, set[str]] = {resource: set() for resource in RESOURCES}
        has_more = True
        while has_more and sum(map(len, ids.values())) < at_most:
            page = self._change_page(cursor)
            for change in page.items:
                resource, record_id = _subject(change.subject)
                if resource is not None:
                    ids[resource].add(record_id)
            has_more = page.has_more
            if has_more and (page.cursor == cursor or not page.items):
                raise CrmContractBroken("the change feed does not get on")
            cursor = page.cursor
        changed = {resource: frozenset(found) for resource, found in ids.items()}
        return Changes(changed, cursor, is_complete=not has_more)

    def _change_page(self, cursor: str) -> ChangePage:
        params = [("after", cursor), ("limit", str(CHANGES_PER_PAGE))]
        try:
            body = self._get("/v1/changes", params, "application/json", self._body)
            return ChangePage.model_validate_json(body)
        except _Rejected:
            raise ChangeCursorRejected("the CRM does not know the cursor") from None
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise CrmContractBroken(
                f"change feed: {where or 'the page'} is not as agreed"
            ) from None

    def _body(self, response: httpx.Response) -> bytes:
        limits = self._limits
        return b"".join(
            _pieces(response, longest=limits.answer_bytes, seconds=limits.answer_seconds)
        )

    def _get(
        self,
        path: str,
        params: list[tuple[str, str]],
        media_type: str,
        receive: Callable[[httpx.Response], _Received],
    ) -> _Received:
        url = f"{path}?{urlencode(params)}"
        try:
            for attempt in stamina.retry_context(
                on=lambda error: _patience(error, self._limits.longest_wait_seconds),
                attempts=self._limits.attempts,
                timeout=None,
            ):
                with attempt, self._http.stream("GET", url) as response:
                    _check_answer(response, media_type)
                    return receive(response)
        except (httpx.HTTPError, _Busy) as error:
            reason = str(error) if isinstance(error, _Busy) else type(error).__name__
            raise CrmUnavailable(f"the CRM is out of reach: {reason}") from error
        raise AssertionError("unreachable: the last attempt returns or raises")


def _subject(subject: str) -> tuple[Resource | None, str]:
    """Take a subject apart; the resource is None if analytics has no use for it."""
    found = changed_record(subject)
    if found is None:
        raise CrmContractBroken("change feed: a subject is not <resource>/<id>")
    name, record_id = found
    return next((resource for resource in RESOURCES if resource == name), None), record_id
