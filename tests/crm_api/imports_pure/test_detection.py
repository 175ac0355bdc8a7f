"""What detection promises: settings with their source, and a question where the file leaves doubt."""

import csv
import io
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.crm_api.imports.detection.detecting import HEAD_BYTES, detect, detect_file
from services.crm_api.imports.detection.findings import (
    Column,
    Detection,
    Hints,
    Question,
    Setting,
    UndetectableFile,
)
from services.crm_api.imports.detection.mapping import suggest_mapping
from services.crm_api.imports.reading.reader import records, rows
from services.crm_api.imports.reading.records import WHITESPACE, Row
from services.crm_api.imports.values.fields import RESOURCES

DATA = Path(__file__).parents[4] / "shared" / "data"
NOTHING = Hints()


def found(content: bytes | str, given_hints: Hints = NOTHING) -> Detection:
    raw = content.encode() if isinstance(content, str) else content
    return detect(raw, size=len(raw), given=given_hints, business_zone="Europe/Berlin")


def column(content: bytes | str, hints: Hints = NOTHING) -> tuple[Column, list[Question]]:
    """The column `d` of a file and the questions about it."""
    answer = found(content, hints)
    (wanted,) = [each for each in answer.columns if each.name == "d"]
    return wanted, [question for question in answer.questions if question.column == "d"]


def data_file(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"DATA MISSING: {path} is needed for this test")
    return path


# --- encoding ---

GERMAN = "Name;Ort\nJürgen Müller;Köln\nBärbel Groß;Düsseldorf\nZoë Ärger;Übersee – „Nord“ 5 €\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"Name;Ort\nHans;Ulm\n", "utf-8"),
        (GERMAN.encode(), "utf-8"),
        (GERMAN.encode("utf-8-sig"), "utf-8-sig"),
        (GERMAN.encode("utf-16"), "utf-16-le"),
        (GERMAN.encode("utf-16-le"), "utf-16-le"),
        (GERMAN.encode("utf-16-be"), "utf-16-be"),
        (b"\xfe\xff" + GERMAN.encode("utf-16-be"), "utf-16-be"),
        (GERMAN.encode("cp1252"), "cp1252"),
        ("Name;Preis\nMüller;5 €\n".encode("iso-8859-15"), "iso-8859-15"),
        ("Name;Ort\nMüller;Köln\nJäger;Ulm\nGroß;Düren\n".encode("cp850"), "cp850"),
        ("Name;Ort\nMüller;Köln\nJäger;Ulm\nGroß;Düren\n".encode("mac-roman"), "mac-roman"),
        ("имя;город\nИван;Москва\n".encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_the_encoding_is_detected_without_a_wrong_letter(content: bytes, encoding: str) -> None:
    answer = found(content)
    assert answer.encoding == Setting(encoding, "detected")
    assert not [question for question in answer.questions if "encoding" in question.code]
    read = [
        row.cells for row in records(io.BytesIO(content), answer.dialect) if isinstance(row, Row)
    ]
    text = content.decode(encoding).lstrip("\ufeff")
    assert [";".join(cells) for cells in read] == text.splitlines()[1:]


def test_letters_that_could_be_others_are_a_question_with_both_readings() -> None:
    answer = found("Name;Ort\nDvořák;Plzeň\nČerný;Brno\n".encode("cp1250"))
    (question,) = answer.questions
    assert question.code == "ambiguous_encoding"
    readings = {option.value: dict(option.readings) for option in question.options}
    assert readings["cp1250"]["2"] == "Dvořák"
    assert len(readings) > 1
    given_hints = Hints(encoding="Windows-1250", delimiter=";")
    answered = found("Name;Ort\nDvořák;Plzeň\n".encode("cp1250"), given_hints)
    assert answered.encoding == Setting("cp1250", "given")
    assert answered.sample_rows == (("Dvořák", "Plzeň"),)
    assert not answered.questions


def test_one_damaged_line_of_many_does_not_change_the_encoding() -> None:
    content = GERMAN.encode() * 5 + b"M\xfcller;K\xf6ln\n"
    answer = found(content)
    assert answer.encoding.value == "utf-8"
    assert answer.rejected_count == 1


def test_the_whole_file_is_looked_at_for_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_bytes(b"Name;Ort\n" + b"Hans;Ulm\n" * 40_000 + "Müller;Köln\n".encode("cp1252"))
    answer = detect_file(path, given=NOTHING, business_zone="Europe/Berlin")
    assert path.stat().st_size > HEAD_BYTES
    assert answer.encoding == Setting("cp1252", "detected")
    assert (answer.row_count, answer.rejected_count) == (40_001, 0)


@pytest.mark.parametrize(
    ("content", "hints", "code"),
    [
        (b"", NOTHING, "empty_file"),
        (b"\xef\xbb\xbf \n", NOTHING, "empty_file"),
        (b"PK\x03\x04 and so on", NOTHING, "other_kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", NOTHING, "other_kind"),
        (b"%PDF-1.7", NOTHING, "other_kind"),
        ("a;b\n".encode("utf-32"), NOTHING, "other_kind"),
        (b'[{"a": 1}]', NOTHING, "json_not_in_lines"),
        (b'{\n "a": 1\n}', NOTHING, "json_not_in_lines"),
        (GERMAN.encode("utf-16"), Hints(encoding="utf-8"), "encoding_mismatch"),
        (GERMAN.encode(), Hints(encoding="klingon"), "encoding_mismatch"),
        (GERMAN.encode(), Hints(date_format="whenever"), "unknown_hint"),
        (GERMAN.encode(), Hints(time_zone="Mars/Olympus"), "unknown_hint"),
        (GERMAN.encode(), Hints(delimiter="::"), "unknown_hint"),
        (GERMAN.encode(), Hints(delimiter=";", quote=";"), "unknown_hint"),
        (b"1," * 2_000, NOTHING, "too_many_columns"),
        (b"N\xe4me;Ort\nHans;Ulm\n", Hints(encoding="utf-8", has_header=True), "unreadable_header"),
        (b"Name;Ort\nH\xe4ns;Ulm\n", Hints(encoding="utf-8"), "no_readable_row"),
    ],
)
def test_what_cannot_be_imported_is_said_clearly(content: bytes, hints: Hints, code: str) -> None:
    with pytest.raises(UndetectableFile) as fault:
        found(content, hints)
    assert fault.value.code == code
    assert fault.value.message_en != fault.value.message_de


# --- delimiter, quote, header ---


@pytest.mark.parametrize(
    ("content", "delimiter", "has_header", "names"),
    [
        ("id,tags\n1,a;b\n2,c;d\n", ",", True, ("id", "tags")),
        ("Datum;Betrag\n1.2.2024;1,5\n2.2.2024;2,5\n", ";", True, ("Datum", "Betrag")),
        ("1,5;2,5\n3,5;4,5\n", ";", False, ("column_1", "column_2")),
        ("name\tnote\nA\tx, y\nB\tz; w\n", "\t", True, ("name", "note")),
        ("a|b\n1|2\n3|4\n", "|", True, ("a", "b")),
        ('"Name","Ort"\n"Müller, Hans","Ulm"\n"B","C"\n', ",", True, ("Name", "Ort")),
        ("sep=;\nName;Ort\nA, B;C, D\n", ";", True, ("Name", "Ort")),
        ("Vorname,,Vorname\nA,B,C\n", ",", True, ("Vorname", "column_2", "Vorname (2)")),
        ("E-Mail\na@b.de\nc@d.de\n", ",", True, ("E-Mail",)),
        ("a@b.de\nc@d.de\n", ",", False, ("column_1",)),
        ("Anna Schmidt\nAnna Schmidt\n", ",", False, ("column_1",)),
        (" 1 0001  2024\n 2 0002  2025\n", WHITESPACE, False, ("column_1", "column_2", "column_3")),
        ("deal_stage,owner_name\nwon,Anna\nlost,Bert\n", ",", True, ("deal_stage", "owner_name")),
        ("Name;Ort\r1;Ulm\r2;Köln\r", ";", True, ("Name", "Ort")),
    ],
)
def test_the_structure_is_detected(
    content: str, delimiter: str, has_header: bool, names: tuple[str, ...]
) -> None:
    answer = found(content)
    assert answer.delimiter.value == delimiter
    assert answer.has_header == Setting(has_header, "detected")
    assert answer.dialect.columns == names


def test_single_quotes_are_recognized() -> None:
    answer = found("id,name\n1,'Müller, Hans'\n2,'Meier, Eva'\n")
    assert answer.quote == Setting("'", "detected")
    assert answer.sample_rows[0] == ("1", "Müller, Hans")


def test_names_without_any_sign_of_a_header_are_a_question() -> None:
    answer = found("Anna;Ulmen\nBert;Koch\n")
    (question,) = answer.questions
    assert question.code == "uncertain_header"
    assert [option.value for option in question.options] == ["true", "false"]
    assert not found("Anna;Ulmen\nBert;Koch\n", Hints(has_header=False)).questions


def test_two_possible_delimiters_are_a_question() -> None:
    answer = found("a;b,c\nd;e,f\n", Hints(has_header=False))
    (question,) = answer.questions
    assert question.code == "ambiguous_delimiter"
    assert {option.value for option in question.options} == {";", ","}


def test_what_is_given_counts_and_is_marked_as_given() -> None:
    hints = Hints(
        format="csv",
        encoding="latin1",
        delimiter="|",
        quote="",
        has_header=False,
        time_zone="Europe/Vienna",
        decimal_mark=",",
        date_format="D/M/YYYY",
    )
    answer = found('"a"|1.234\n"b"|5\n', hints)
    sources = [
        getattr(answer, name).source
        for name in ("format", "encoding", "delimiter", "quote", "has_header", "time_zone")
    ]
    assert sources == ["given"] * 6
    assert answer.sample_rows[0] == ('"a"', "1.234")
    assert answer.columns[1].decimal_mark == Setting(",", "given")
    assert answer.columns[1].date_format == Setting("D/M/YYYY", "given")
    assert not answer.questions


def test_ndjson_is_detected_with_all_its_keys() -> None:
    answer = found('{"a": 1.5, "b": "x"}\n\n{"c": "2024-01-02T03:04:05", "a": 2}\n')
    assert answer.format == Setting("ndjson", "detected")
    assert answer.dialect.columns == ("a", "b", "c")
    assert [each.kind for each in answer.columns] == ["number", "text", "date"]
    assert answer.row_count == 2
    assert not answer.questions


def test_json_numbers_never_raise_a_question_about_their_mark() -> None:
    answer = found('{"d": 1.234}\n{"d": 5.678}\n')
    assert answer.columns[0].decimal_mark == Setting(".", "default")
    assert not answer.questions
    assert [question.code for question in found('{"d": "1.234"}\n').questions] == [
        "ambiguous_decimal_mark"
    ]


def test_the_number_of_rows_is_estimated_from_a_head_and_exact_from_the_whole() -> None:
    content = b"id;name\n" + b"".join(b"%06d;some name\n" % at for at in range(10_000))
    whole = found(content)
    assert (whole.row_count, whole.is_row_count_exact) == (10_000, True)
    part = detect(content[:5_003], size=len(content), given=NOTHING, business_zone="UTC")
    assert not part.is_row_count_exact
    assert abs(part.row_count - 10_000) < 100
    assert part.rejected_count == 0


# --- dates and numbers ---


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        ("2024-01-02 2024-02-03", "YYYY-MM-DD"),
        ("2024-01-02T03:04:05Z 2024-01-02T03:04:05.123+02:00", "YYYY-MM-DD"),
        ("20240102 20241231", "YYYYMMDD"),
        ("1.2.2024 03.04.2024", "D.M.YYYY"),
        ("25/12/2024 01/02/2024", "D/M/YYYY"),
        ("12/25/2024 01/02/2024", "M/D/YYYY"),
        ("2024/12/25 2024/01/02", "YYYY/MM/DD"),
        ("25-12-2024 01-02-2024", "D-M-YYYY"),
        ("10/20/2016 2016-10-21 3/1/2017", "M/D/YYYY"),
    ],
)
def test_a_date_format_that_one_cell_proves_is_detected(cells: str, form: str) -> None:
    wanted, questions = column("i;d\n" + "".join(f"x;{cell}\n" for cell in cells.split()))
    assert wanted.kind == "date"
    assert wanted.date_format == Setting(form, "detected")
    assert not questions


@pytest.mark.parametrize(
    ("cells", "code", "options"),
    [
        ("01/02/2024 03/04/2024", "ambiguous_date_format", ["D/M/YYYY", "M/D/YYYY"]),
        ("01-02-2024", "ambiguous_date_format", ["D-M-YYYY", "M-D-YYYY"]),
        ("25/12/2024 12/25/2024", "mixed_date_formats", ["D/M/YYYY", "M/D/YYYY"]),
        ("25.12.24 1.2.24", "two_digit_years", ["D.M.YY@1950", "D.M.YY@2000"]),
        ("25/12/24 1/2/24", "two_digit_years", ["D/M/YY@1950", "D/M/YY@2000"]),
        (
            "01/02/24",
            "ambiguous_date_format",
            ["D/M/YY@1950", "D/M/YY@2000", "M/D/YY@1950", "M/D/YY@2000"],
        ),
    ],
)
def test_a_date_format_that_nothing_proves_is_a_question(
    cells: str, code: str, options: list[str]
) -> None:
    wanted, (question,) = column("i;d\n" + "".join(f"x;{cell}\n" for cell in cells.split()))
    assert wanted.date_format is None
    assert question.code == code
    assert [option.value for option in question.options] == options
    hints = Hints(date_formats={"d": options[0]})
    answered, none = column("i;d\n" + "".join(f"x;{cell}\n" for cell in cells.split()), hints)
    assert answered.date_format == Setting(options[0], "given")
    assert not none


def test_a_question_shows_how_the_samples_would_be_read() -> None:
    _, (question,) = column("i;d\nx;01/02/2024\nx;03/04/2024\n")
    assert [option.readings for option in question.options] == [
        (("01/02/2024", "2024-02-01"), ("03/04/2024", "2024-04-03")),
        (("01/02/2024", "2024-01-02"), ("03/04/2024", "2024-03-04")),
    ]
    _, (question,) = column("i;d\nx;1.234 €\n")
    assert [(option.value, option.readings) for option in question.options] == [
        (",", (("1.234 €", "1234"),)),
        (".", (("1.234 €", "1.234"),)),
    ]


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["1,5", "2"], Setting(",", "detected")),
        (["1.5", "2"], Setting(".", "detected")),
        (["1.234", "1.234,50 €"], Setting(",", "detected")),
        (["1,234", "5.5"], Setting(".", "detected")),
        (["(1.234,00)", "-5"], Setting(",", "detected")),
        (["1.234.567", "5"], Setting(",", "detected")),
        (["5", "7"], Setting(".", "default")),
    ],
)
def test_a_decimal_mark_that_one_cell_proves_is_detected(
    cells: list[str], mark: Setting[Any]
) -> None:
    wanted, questions = column("i;d\n" + "".join(f"x;{cell}\n" for cell in cells))
    assert (wanted.kind, wanted.decimal_mark) == ("number", mark)
    assert not questions


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (["1.234", "5"], "ambiguous_decimal_mark"),
        (["1,234", "12,345"], "ambiguous_decimal_mark"),
        (["1,5", "1.5"], "mixed_decimal_marks"),
    ],
)
def test_a_decimal_mark_that_nothing_proves_is_a_question(cells: list[str], code: str) -> None:
    wanted, (question,) = column("i;d\n" + "".join(f"x;{cell}\n" for cell in cells))
    assert wanted.decimal_mark is None
    assert question.code == code


@pytest.mark.parametrize(
    ("last", "form", "mark", "codes"),
    [
        ("25/12/2024;1.234,5", "D/M/YYYY", ",", []),
        ("12/25/2024;1.5", "M/D/YYYY", ".", []),
        ("01/01/2024;1.000", None, None, ["ambiguous_decimal_mark", "ambiguous_date_format"]),
    ],
)
def test_one_row_far_down_settles_a_column(
    last: str, form: str | None, mark: str | None, codes: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("when;amount\n" + "01/02/2024;1.234\n" * 30_000 + last + "\n")
    answer = detect_file(path, given=NOTHING, business_zone="Europe/Berlin")
    when, amount = answer.columns
    assert (when.date_format and when.date_format.value) == form
    assert (amount.decimal_mark and amount.decimal_mark.value) == mark
    assert sorted(question.code for question in answer.questions) == sorted(codes)
    head = path.read_bytes()[:HEAD_BYTES]
    early = detect(head, size=path.stat().st_size, given=NOTHING, business_zone="UTC")
    assert len(early.questions) == 2


def test_local_times_show_the_zone_that_reads_them() -> None:
    answer = found("d\n2024-01-02 03:04\n2024-01-02 05:06\n")
    assert answer.columns[0].has_local_times
    assert answer.time_zone == Setting("Europe/Berlin", "default")
    assert not found("d\n2024-01-02T03:04Z\n").columns[0].has_local_times
    assert not found("d\n2024-01-02\n").columns[0].has_local_times


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "content",
    [
        b"a;b\n" + b" " * 250_000 + b"\n1;2\n",
        b"a;b\nM\xfc" + b"x" * 250_000 + b";1\n" + b"y" * 200_000 + b"\xe8;2\n",
        b"a," * 900 + b"a\n" + b"1," * 900 + b"1\n",
        b"d\n" + (b"(" + b" " * 60 + b"x\n") * 4_000,
        b"d\n" + b"'" * 200_000 + b"\n",
        b"d,e\n" + b'x"",x",x"x,"\n' * 15_000,
    ],
)
def test_hostile_files_take_no_longer_than_others(content: bytes) -> None:
    try:
        assert found(content, Hints(has_header=True)).columns
    except UndetectableFile as fault:
        assert fault.code == "no_readable_row"


# --- what other people's files are ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("simple.csv", ("utf-8", ",", True, 3, 6)),
        ("complex.csv", ("utf-8", ",", True, 4, 3)),
        ("long.csv", ("utf-8", ",", False, 1, 4000)),
        ("null.csv", ("utf-8", ",", False, 4, 10)),
        ("example.tsv", ("utf-8", "\t", True, 17, 140)),
        ("utf-16le_encoded.csv", ("utf-16-le", ",", True, 19, 327)),
    ],
)
def test_horror_tables_are_read_entirely(name: str, expected: tuple[object, ...]) -> None:
    path = data_file(f"contacts/messytables_horror/{name}")
    answer = detect_file(path, given=NOTHING, business_zone="Europe/Berlin")
    shape = (
        answer.encoding.value,
        answer.delimiter.value,
        answer.has_header.value,
        len(answer.columns),
        answer.row_count,
    )
    assert shape == expected
    assert answer.rejected_count == 0


def test_quotes_after_spaces_hold_their_delimiters() -> None:
    path = data_file("contacts/messytables_horror/complex.csv")
    answer = detect_file(path, given=NOTHING, business_zone="Europe/Berlin")
    assert answer.dialect.columns == ("date", "another date", "temperature", "place")
    assert answer.sample_rows[2] == ("2011-01-03", "", "6,000,000", "Galway")
    assert answer.columns[2].decimal_mark == Setting(".", "detected")


def test_a_workbook_is_told_from_a_table() -> None:
    path = data_file("contacts/messytables_horror/simple.xlsx")
    answer = detect_file(path, given=NOTHING, business_zone="Europe/Berlin")
    assert answer.format == Setting("xlsx", "detected")
    assert answer.sheet == Setting("simple.csv", "detected")
    assert answer.header_row == Setting(1, "detected")
    assert answer.dialect.columns == ("date", "temperature", "place")
    assert answer.sample_rows[1] == ("2011-01-02", "-1", "Galway")
    assert answer.row_count == 6


def test_cdnow_has_no_header_and_stands_in_columns_of_spaces() -> None:
    path = data_file("transactions/cdnow/CDNOW_sample.txt")
    answer = detect_file(path, given=NOTHING, business_zone="America/New_York")
    assert answer.delimiter == Setting(WHITESPACE, "detected")
    assert answer.has_header == Setting(False, "detected")
    assert (answer.row_count, answer.rejected_count) == (6_919, 0)
    assert answer.columns[2].date_format == Setting("YYYYMMDD", "detected")
    assert answer.columns[4].decimal_mark == Setting(".", "detected")
    assert not answer.questions
    first = next(rows(path, answer.dialect))
    assert isinstance(first, Row)
    assert first.cells == ("00004", "0001", "19970101", "2", "29.33")


def test_opportunities_are_mapped_and_their_dates_settled() -> None:
    path = data_file("deals/maven_crm_asof_2017-09-30/sales_pipeline.csv")
    answer = detect_file(path, given=NOTHING, business_zone="America/New_York")
    formats = {each.name: each.date_format for each in answer.columns if each.kind == "date"}
    assert formats == dict.fromkeys(("engage_date", "close_date"), Setting("M/D/YYYY", "detected"))
    samples = {each.name: each.samples for each in answer.columns}
    assert suggest_mapping("deals", answer.dialect.columns, samples).fields == {
        "opportunity_id": "external_id",
        "product": "title",
        "account": "contact_external_id",
        "deal_stage": "stage",
        "engage_date": "opened_at",
        "close_date": "closed_at",
        "close_value": "amount",
    }


# --- mapping ---


@pytest.mark.parametrize(
    ("resource", "mapping"),
    [
        (
            "contacts",
            {
                "Kundennummer": "external_id",
                "Vorname": "given_name",
                "Nachname": "family_name",
                "E-Mail": "email",
                "Telefon": "phone",
                "Straße": "street",
                "PLZ": "zip",
                "Ort": "city",
                "Land": "country_code",
                "Sprache": "language",
            },
        ),
        (
            "contacts",
            {
                "customerID": "external_id",
                "firstName": "given_name",
                "Last Name": "family_name",
                "email_address": "email",
                "Phone": "phone",
                "ZIP code": "zip",
                "City": "city",
                "Country": "country_code",
            },
        ),
        (
            "deals",
            {
                "Rechnungsnr.": "external_id",
                "Kundennummer": "contact_external_id",
                "Bestelldatum": "closed_at",
                "Umsatz": "amount",
                "Währung": "currency",
                "Artikel": "title",
            },
        ),
        (
            "deals",
            {
                "Invoice": "external_id",
                "Customer ID": "contact_id",
                "InvoiceDate": "closed_at",
            },
        ),
        (
            "deals",
            {
                "invoice no": "external_id",
                "customer_id": "contact_external_id",
                "order date": "closed_at",
                "InvoiceDate": "invoiced_at",
                "amount": "amount",
            },
        ),
        (
            "interactions",
            {
                "id": "external_id",
                "Kundennr": "contact_external_id",
                "Datum": "occurred_at",
                "Kanal": "channel",
                "Richtung": "direction",
                "Betreff": "subject",
                "Notiz": "body",
            },
        ),
    ],
)
def test_columns_are_mapped_by_their_names(resource: str, mapping: dict[str, str]) -> None:
    assert suggest_mapping(resource, [*mapping, "Foo"], {}).fields == mapping


def test_every_field_is_found_under_its_own_name_once() -> None:
    for resource, fields in RESOURCES.items():
        found_fields = suggest_mapping(resource, list(fields), {}).fields
        expected = {name: name for name in fields}
        del expected["id"]  # only an export of ours holds our own ids, and its headers show it
        if resource == "deals":
            assert "closed_at" in found_fields
        assert found_fields == expected


def test_samples_speak_for_and_against_a_field() -> None:
    samples = {"Kontakt": ["a@b.de", "c@d.org"], "amount": ["viel", "wenig"], "Typ": ["A1", "B2"]}
    assert suggest_mapping("contacts", list(samples), samples).fields == {"Kontakt": "email"}
    assert suggest_mapping("deals", ["amount", "Betrag"], samples).fields == {"Betrag": "amount"}


def test_a_better_name_wins_the_field() -> None:
    assert suggest_mapping("contacts", ["id", "Kundennummer"], {}).fields == {
        "Kundennummer": "external_id"
    }
    assert suggest_mapping("contacts", ["Firma", "name"], {}).fields == {"name": "name"}


# --- round trip ---

WORDS = st.text(st.sampled_from("abcxyzÄÖüß éñ'#@-0123456789\n\""), min_size=1, max_size=10).map(
    str.strip
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_random_table_is_detected_and_read_back(data: st.DataObject) -> None:
    width = data.draw(st.integers(2, 5))
    table = data.draw(
        st.lists(
            st.lists(WORDS, min_size=width, max_size=width).filter(any), min_size=3, max_size=12
        )
    )
    delimiter = data.draw(st.sampled_from(",;\t|"))
    has_delimiter_inside = data.draw(st.booleans())
    if has_delimiter_inside:
        table[0][0] += f"x{delimiter}x"
    encoding = data.draw(
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
    )
    line_end = data.draw(st.sampled_from(["\n", "\r\n"]))
    quotings: list[Literal[0, 1]] = [csv.QUOTE_ALL, csv.QUOTE_MINIMAL]
    quoting = data.draw(st.sampled_from(quotings))
    header = [f"Spalte {'ABCDE'[at]}" for at in range(width)]
    spelled = io.StringIO()
    csv.writer(spelled, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(
        [header, *table]
    )
    content = spelled.getvalue().encode(encoding)
    hints = Hints(has_header=True, encoding="cp1252" if encoding == "cp1252" else None)

    answer = found(content, hints)
    assume(not [question for question in answer.questions if "delimiter" in question.code])
    assert answer.delimiter.value == delimiter
    expected = "utf-16-le" if encoding == "utf-16" else encoding
    if encoding != "utf-8-sig" or content.isascii():
        assert answer.encoding.value == expected
    read = list(records(io.BytesIO(content), answer.dialect))
    assert [list(row.cells) for row in read if isinstance(row, Row)] == table


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_detected_or_refused(content: bytes) -> None:
    try:
        answer = found(content)
    except UndetectableFile as fault:
        assert fault.message_en
        return
    assert answer.row_count >= answer.rejected_count
    assert len(answer.columns) == len(answer.dialect.columns)


def test_a_head_cut_anywhere_is_detected_alike() -> None:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp1252"):
        content = ("Name;Betrag\n" + "Jürgen Müller;1,50\n" * 40).encode(encoding)
        for cut in range(80, 140):
            answer = detect(content[:cut], size=len(content), given=NOTHING, business_zone="UTC")
            assert (answer.encoding.value, answer.delimiter.value) == (encoding, ";")
            assert answer.rejected_count == 0


def test_what_speaks_against_a_field_is_told() -> None:
    samples = {"Betrag": ["viel", "wenig"], "Datum": ["2024-01-05"]}
    assert suggest_mapping("deals", list(samples), samples) == (
        {"Datum": "closed_at"},
        {"Betrag": ("unlikely_cells", "amount")},
    )
    assert suggest_mapping("deals", ["Betrag", "Betrag (2)", "Foo", "Foo (2)"], {}) == (
        {},
        {"Betrag": ("repeated_header", "amount"), "Betrag (2)": ("repeated_header", "amount")},
    )
    assert suggest_mapping("contacts", ["Firma", "Vorname", "Nachname"], {}) == (
        {"Vorname": "given_name", "Nachname": "family_name"},
        {"Firma": ("organisation_beside_person", "name")},
    )
