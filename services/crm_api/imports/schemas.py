"""The shapes of imports on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.imports.revert_schemas import ImportRevert
from services.crm_api.schemas import ListPage, Partial
from services.foundation.queries import Page, Query, QueryFlag, query_integer
from shared.values import (
    Count,
    Currency,
    Flag,
    Instant,
    RecordId,
    Shape,
    Version,
    number,
    text,
    whole,
    word,
)

ResourceName = Literal["contacts", "interactions", "deals"]
Status = Literal[
    "needs_answers",
    "ready",
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "reverting",
    "reverted",
]
FileFormat = Literal["csv", "tsv", "ndjson", "xlsx", "vcard"]
DecimalMark = Literal[".", ","]
Origin = Literal["given", "detected", "default"]
IGNORE = "ignore"
"""The field of a column that is to be left out although one was suggested for it."""

ColumnName = text(200, shortest=1, example="Betrag")
FieldName = Annotated[
    str,
    Field(
        max_length=80,
        pattern=r"^[a-z][a-z0-9_]{0,63}(\.[a-z0-9_]{1,64}){0,2}$",
        examples=["amount"],
    ),
]
SheetName = text(200, shortest=1, example="Kunden")
HeaderRow = whole(1, 1_048_576, example=4)
Delimiter = text(10, shortest=1, lines=True, example=";")
Encoding = text(20, shortest=1, example="utf-8")
DateFormat = text(20, shortest=1, example="D.M.YYYY")
TimeZone = text(64, shortest=1, example="Europe/Berlin")
Source = Annotated[
    str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["shop"])
]
Sample = text(200, lines=True, example="12,50")


class ImportSettings(Shape):
    """What was given about the file and its meaning; null and absent: as detected or suggested."""

    format: FileFormat | None = Field(default=None, description="Null: detected.")
    encoding: Encoding | None = Field(default=None, description="Null: detected.")
    delimiter: Delimiter | None = Field(
        default=None, description="A character or `tab` or `whitespace`; null: detected."
    )
    quote: text(1, example='"') | None = Field(
        default=None, description="Empty: nothing is quoted; null: detected."
    )
    has_header: Flag | None = Field(default=None, description="Null: detected.")
    sheet: SheetName | None = Field(
        default=None, description="Of a workbook: the sheet to read; null: the only one with cells."
    )
    header_row: HeaderRow | None = Field(
        default=None, description="The row that names the columns; null: detected."
    )
    date_format: DateFormat | None = Field(
        default=None,
        description="Of every column without its own, such as D.M.YYYY, or epoch_ms for milliseconds "
        "since 1970; null: detected.",
    )
    decimal_mark: DecimalMark | None = Field(
        default=None, description="Of every column without its own; null: detected."
    )
    date_formats: Annotated[dict[ColumnName, DateFormat], Field(max_length=1000)] = Field(
        default={}, description="By column."
    )
    decimal_marks: Annotated[dict[ColumnName, DecimalMark], Field(max_length=1000)] = Field(
        default={}, description="By column."
    )
    mapping: Annotated[dict[ColumnName, FieldName], Field(max_length=1000)] = Field(
        default={},
        description="Field by column; `ignore` leaves a column out, an absent one has the "
        "suggested field. `external_id` is the record's id in its source, `contact_external_id` that "
        "of its contact, `parent_external_id` that of a person's organisation. `id` is our own id, as "
        "exports have it: a row with that of a live record changes this record, another one is as an "
        "`external_id`; likewise `contact_id`. `custom.<key>` is a custom field. Of contacts, "
        "`other_emails.2.email`, "
        "`other_phones.1.label`, `other_addresses.1.street` and so on are the parts of further "
        "addresses and numbers. Of deals, `closing_date` is `closed_at` of a closed deal and "
        "`expected_close_date` of an open one.",
    )
    allow_duplicates: Flag = Field(
        default=False,
        description="Also import contacts that are all but surely there already under another id, or "
        "that the file has twice; without it such rows are rejected with the reason.",
    )
    defaults: Annotated[dict[FieldName, text(200, example="won")], Field(max_length=100)] = Field(
        default={}, description="Values that every row has, by field that no column is mapped to."
    )
    words: Annotated[
        dict[FieldName, Annotated[dict[text(200), text(64)], Field(max_length=200)]],
        Field(max_length=50),
    ] = Field(
        default={}, description="By field of a closed list: its word by the label in the file."
    )
    source: Source = Field(
        default="import",
        description="The source of the external references of the records. If none is given, a "
        "recognized program is its own source, such as `hubspot`.",
    )
    contact_source: Source | None = Field(
        default=None,
        description="The source of `contact_external_id` and `parent_external_id`; null: `source`.",
    )
    time_zone: TimeZone = Field(description="Of times without an offset and of days.")
    currency: Currency | None = Field(
        default=None, description="Of amounts that come without one and without a currency column."
    )
    create_missing_contacts: Flag = Field(
        default=False,
        description="Create a person for a `contact_external_id` that no contact has, and an "
        "organisation for such a `parent_external_id`; otherwise the row is rejected.",
    )


_Formats = Annotated[dict[ColumnName, DateFormat | None], Field(max_length=1000)]
_Marks = Annotated[dict[ColumnName, DecimalMark | None], Field(max_length=1000)]
_Mapping = Annotated[dict[ColumnName, FieldName | None], Field(max_length=1000)]
_Fixed = text(200, example="won")
_Defaults = Annotated[dict[FieldName, _Fixed | None], Field(max_length=100)]
_Label = text(200, shortest=1, example="Abschluss")
_Word = text(64, shortest=1, example="won")
_Labels = Annotated[dict[_Label, _Word], Field(max_length=200)]
_Words = Annotated[dict[FieldName, _Labels | None], Field(max_length=50)]


class SettingsPatch(Partial, ImportSettings):
    """The settings to change; in the maps, null takes an entry out."""

    date_formats: _Formats = Field(default={}, description="By column.")
    decimal_marks: _Marks = Field(default={}, description="By column.")  # type: ignore[assignment]
    mapping: _Mapping = Field(  # type: ignore[assignment]
        default={}, description="Field by column; `ignore` leaves a column out."
    )
    defaults: _Defaults = Field(default={}, description="By field.")
    words: _Words = Field(default={}, description="By field.")  # type: ignore[assignment]
    time_zone: TimeZone = Field(default="UTC", description="Of times without an offset.")


class QuestionAnswer(Shape):
    """What answers an open question."""

    code: word(example="ambiguous_date_format") = Field(description="The question's code.")
    column: ColumnName | None = Field(default=None, description="The question's column.")
    value: text(200, shortest=1, lines=True, example="D.M.YYYY") = Field(
        description="The value of one of its options, or another one that fits."
    )


class ImportPatch(Partial):
    """What to change before the start (merge patch); answers are put into the settings."""

    file_name: text(200, example="orders.csv") | None = Field(default=None, description="A label.")
    settings: SettingsPatch = Field(default=None, description="The settings to change.")  # type: ignore[assignment]
    answers: Annotated[list[QuestionAnswer], Field(max_length=1000)] = Field(
        default=[], description="Answers to open questions."
    )


class UploadQuery(Query):
    """What the file is for, and hints about it; all of it can be changed until the start."""

    resource: ResourceName = Field(description="What the rows become.")
    file_name: text(200, example="orders.csv") | None = Field(default=None, description="A label.")
    source: Source = Field(default="import", description="The source of the external references.")
    contact_source: Source | None = Field(
        default=None,
        description="The source of `contact_external_id` and `parent_external_id`, if it is another one.",
    )
    start: QueryFlag = Field(default=False, description="Start at once if no question is open.")
    dry_run: QueryFlag = Field(
        default=False, description="With `start`: only try; needs the scope `<resource>:pii`."
    )
    create_missing_contacts: QueryFlag = Field(
        default=False,
        description="Create a person for an unknown `contact_external_id`, an organisation for an unknown "
        "`parent_external_id`.",
    )
    allow_duplicates: QueryFlag = Field(
        default=False, description="Also import contacts that are all but surely there already."
    )
    format: FileFormat | None = Field(default=None, description="Absent: detected.")
    encoding: Encoding | None = Field(default=None, description="Absent: detected.")
    delimiter: Delimiter | None = Field(
        default=None, description="A character or `tab`; absent: detected."
    )
    header: QueryFlag | None = Field(
        default=None, description="Whether the first row names the columns; absent: detected."
    )
    sheet: SheetName | None = Field(
        default=None, description="Of a workbook: the sheet to read; absent: the one with cells."
    )
    header_row: query_integer(1, 1_048_576, example=4) | None = Field(
        default=None, description="The row that names the columns; absent: detected."
    )
    date_format: DateFormat | None = Field(
        default=None, description="Such as D.M.YYYY; absent: detected."
    )
    decimal_mark: DecimalMark | None = Field(default=None, description="Absent: detected.")
    time_zone: TimeZone | None = Field(
        default=None, description="Of times without an offset; absent: that of the business."
    )
    currency: Currency | None = Field(default=None, description="Of amounts without one.")
    mapping: Annotated[
        list[text(300, shortest=3, example="Kundennummer:external_id")], Field(max_length=500)
    ] = Field(default=[], description="`column:field`, repeatable; else as suggested.")
    default: Annotated[
        list[text(300, shortest=3, example="kind:person")], Field(max_length=100)
    ] = Field(default=[], description="`field:value` that every row has, repeatable.")


class StartImport(Shape):
    """How to run it."""

    dry_run: Flag = Field(
        default=False,
        description="Do everything, write nothing, and tell the counts and the rejected rows; needs the "
        "scope `<resource>:pii`.",
    )


class DetectedText(Shape):
    """A value and who says so."""

    value: text(20, lines=True, example=";") | None = Field(description="The value.")
    origin: Origin = Field(description="Given by a caller, detected from the file, or the default.")


class DetectedFlag(Shape):
    """A yes or no and who says so."""

    value: Flag = Field(description="The value.")
    origin: Origin = Field(description="Given by a caller, detected from the file, or the default.")


class DetectedSheet(Shape):
    """The sheet of a workbook and who says so."""

    value: SheetName | None = Field(description="Its name; null: the file is no workbook.")
    origin: Origin = Field(description="Given by a caller, detected from the file, or the default.")


class DetectedRow(Shape):
    """The number of a row and who says so."""

    value: HeaderRow | None = Field(description="The row; null: none, or the first.")
    origin: Origin = Field(description="Given by a caller, detected from the file, or the default.")


class ImportNotice(Shape):
    """What a person should know of the file, although nothing has to be answered."""

    code: word(example="column_unused") = Field(description="For programs.")
    column: ColumnName | None = Field(description="Null: the file as a whole.")
    message: text(2000, example="This column becomes no field.") = Field(description="For people.")


class Detected(Shape):
    """How the file is read."""

    format: DetectedText = Field(description="csv, tsv, ndjson, xlsx or vcard.")
    profile: word(example="hubspot_contacts") | None = Field(
        description="The program whose export it is, by its headers: its columns are mapped by what "
        "they are there. Null: none that is known."
    )
    encoding: DetectedText = Field(description="The encoding of its text.")
    delimiter: DetectedText = Field(description="What separates the cells.")
    quote: DetectedText = Field(description="What quotes a cell; null: nothing does.")
    has_header: DetectedFlag = Field(description="Whether the first row names the columns.")
    sheet: DetectedSheet = Field(description="Of a workbook: the sheet that is read.")
    header_row: DetectedRow = Field(description="The row that names the columns, if not the first.")
    row_count: Count = Field(description="How many rows it has.")
    unreadable_count: Count = Field(description="How many of them cannot be read.")


class ImportColumn(Shape):
    """A column of the file, its meaning and its form."""

    name: ColumnName = Field(description="From the header, else column_1 and so on.")
    kind: Literal["date", "number", "text", "empty"] = Field(
        description="What its cells look like."
    )
    samples: Annotated[list[Sample], Field(max_length=3)] | None = Field(
        description="Its first cells; null without the pii scope of the resource."
    )
    suggested_field: FieldName | None = Field(description="What its name or content speaks for.")
    field: FieldName | None = Field(description="What it is read as; null: it is ignored.")
    is_ignored: Flag = Field(description="True if no field takes it.")
    date_format: DetectedText | None = Field(description="If its field is a date or an instant.")
    decimal_mark: DetectedText | None = Field(description="If its field is a number.")


class Reading(Shape):
    """How a sample would be read."""

    sample: Sample = Field(description="What stands in the file.")
    reading: Sample = Field(description="What it would mean.")


class ImportOption(Shape):
    """A possible answer."""

    value: text(200, lines=True, example="D.M.YYYY") = Field(description="What to answer.")
    readings: Annotated[list[Reading], Field(max_length=1000)] = Field(
        description="The first samples under this answer; empty without the pii scope."
    )


class ImportQuestion(Shape):
    """What the file leaves open: it is asked, never guessed."""

    code: word(example="ambiguous_date_format") = Field(description="For programs.")
    column: ColumnName | None = Field(description="Null: the file as a whole.")
    message: text(2000, example="Does the day or the month come first?") = Field(
        description="For people."
    )
    options: Annotated[list[ImportOption], Field(max_length=1000)] = Field(
        description="Possible answers; empty if only the caller can know."
    )


class ShownSettings(ImportSettings):
    """Everything in force that is not a matter of a single column."""

    id_column: ColumnName | None = Field(
        description="The column with the records' external ids; null: the content of a row is its "
        "id, so that the same row of the same file is the same record."
    )


class Failure(Shape):
    """Why an import stopped for good."""

    code: word(example="upload_missing") = Field(description="For programs.")
    message: text(2000, example="The uploaded file is gone.") = Field(description="For people.")


class Import(Shape):
    """A file on its way into records."""

    id: RecordId = Field(description="Made by this service.")
    resource: ResourceName = Field(description="What the rows become.")
    status: Status = Field(
        description="`needs_answers` until no question is open, `ready` to start, then `queued`, "
        "`running`, and at last `succeeded`, `failed` or `cancelled`; `reverting` and `reverted` if it "
        "is taken back."
    )
    file_name: text(200, example="orders.csv") | None = Field(description="A label.")
    size_bytes: Count = Field(description="Of the file.")
    detected: Detected = Field(description="How the file is read.")
    columns: Annotated[list[ImportColumn], Field(max_length=2000)] = Field(
        description="The columns of the file."
    )
    questions: Annotated[list[ImportQuestion], Field(max_length=2000)] = Field(
        description="What is to be answered before the start."
    )
    notices: Annotated[list[ImportNotice], Field(max_length=4000)] = Field(
        description="What should be known before the start, such as each column that is not used."
    )
    settings: ShownSettings = Field(description="What was given.")
    is_dry_run: Flag = Field(description="Whether the run writes nothing.")
    progress: number(0, 1, example=0.4) = Field(description="The share of the file that is done.")
    processed_count: Count = Field(description="Rows done, those rejected included.")
    created_count: Count = Field(description="Rows that became new records.")
    updated_count: Count = Field(description="Rows that changed a record.")
    unchanged_count: Count = Field(description="Rows that equal their record: nothing was written.")
    rejected_count: Count = Field(description="Rows that break a rule; see rejected-rows.")
    created_contact_count: Count = Field(description="Contacts made by create_missing_contacts.")
    failure: Failure | None = Field(description="Why it failed.")
    revert: ImportRevert | None = Field(
        description="How taking it back went, or goes; null: nobody asked."
    )
    version: Version = Field(description="Grows with every change; the ETag holds it.")
    created_at: Instant = Field(description="When the file came.")
    queued_at: Instant | None = Field(description="When it was last asked to start.")
    started_at: Instant | None = Field(description="When the run began.")
    finished_at: Instant | None = Field(description="When the run ended.")


class ImportPage(ListPage):
    """A page of imports, newest first."""

    items: Annotated[list[Import], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListImports(Page):
    """Filters of the list of imports."""

    resource: Annotated[list[ResourceName], Field(max_length=3)] = Field(
        default=[], description="Of these resources."
    )
    status: Annotated[list[Status], Field(max_length=9)] = Field(
        default=[], description="In these states."
    )
