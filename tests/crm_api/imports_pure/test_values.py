"""What converters promise: a wire value or a reason, and never a guess."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.crm_api.imports.reading.records import NumberText
from services.crm_api.imports.values import amounts, dates, numbers, texts
from services.crm_api.imports.values.fields import RESOURCES, CellReading, convert
from services.crm_api.imports.values.labels import CHOICES
from services.crm_api.imports.values.numbers import DecimalMark
from services.crm_api.imports.values.rejection import ValueRejected
from shared.money import CURRENCIES, from_minor

BERLIN = ZoneInfo("Europe/Berlin")
GERMAN = CellReading(zone=BERLIN, decimal_mark=",", date_format="D.M.YYYY", currency="EUR")


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


@pytest.mark.parametrize(
    ("cell", "mark", "currency", "amount"),
    [
        ("1.234,50 €", ",", None, eur("1234.50")),
        ("EUR 12.30", ".", None, eur("12.30")),
        ("12,5", ",", "EUR", eur("12.50")),
        ("(12.00)", ".", "EUR", eur("-12.00")),
        ("(1.234,00 €)", ",", None, eur("-1234.00")),
        ("12.00-", ".", "EUR", eur("-12.00")),
        ("\u221212.00", ".", "EUR", eur("-12.00")),
        ("€ -5", ",", None, eur("-5.00")),
        ("-0", ".", "EUR", eur("0.00")),
        ("12,-", ",", "EUR", eur("12.00")),
        ("12,– €", ",", "EUR", eur("12.00")),
        ("1.234", ",", "EUR", eur("1234.00")),
        ("12.345.678", ",", "EUR", eur("12345678.00")),
        ("1\u00a0234,5", ",", "EUR", eur("1234.50")),
        ("1 234,5", ",", "EUR", eur("1234.50")),
        ("12.3400", ".", "EUR", eur("12.34")),
        (".5", ".", "EUR", eur("0.50")),
        ('="12,50"', ",", "EUR", eur("12.50")),
        (NumberText("1.234"), ",", "KWD", {"amount": "1.234", "currency": "KWD"}),
        ("CHF 1'234.50", ".", None, {"amount": "1234.50", "currency": "CHF"}),
        ("1’234.50", ".", "CHF", {"amount": "1234.50", "currency": "CHF"}),
        ("$5", ".", "USD", {"amount": "5.00", "currency": "USD"}),
        ("US$ 5", ".", None, {"amount": "5.00", "currency": "USD"}),
        ("1200", ",", "JPY", {"amount": "1200", "currency": "JPY"}),
        ("¥1,200", ".", "JPY", {"amount": "1200", "currency": "JPY"}),
        ("1200.00", ".", "JPY", {"amount": "1200", "currency": "JPY"}),
        ("1.234", ".", "KWD", {"amount": "1.234", "currency": "KWD"}),
        ('{"amount": "3.50", "currency": "EUR"}', ",", None, eur("3.50")),
        ("", ",", "EUR", None),
        ("NULL", ",", "EUR", None),
    ],
)
def test_money_is_read_by_mark_and_currency(
    cell: str, mark: DecimalMark, currency: str | None, amount: object
) -> None:
    assert amounts.money(cell, decimal_mark=mark, currency=currency) == amount


@pytest.mark.parametrize(
    ("cell", "mark", "currency", "code"),
    [
        ("1.234", ".", "EUR", "too_many_decimals"),
        ("12.5", ".", "JPY", "too_many_decimals"),
        ("1.2345", ".", "KWD", "too_many_decimals"),
        ("1.234,50", ".", "EUR", "no_number"),
        ("1,234.50", ",", "EUR", "no_number"),
        ("12,34", ".", "EUR", "no_number"),
        ("1.23", ",", "EUR", "no_number"),
        ("1.", ".", "EUR", "no_number"),
        ("--5", ".", "EUR", "no_number"),
        ("(-5)", ".", "EUR", "no_number"),
        ("(5", ".", "EUR", "no_number"),
        ("\u0663", ".", "EUR", "no_number"),
        ("1²", ".", "EUR", "no_number"),
        ("5 Stück", ".", "EUR", "no_number"),
        ("teuer", ".", "EUR", "no_number"),
        ("0" * 100_000, ".", "EUR", "no_number"),
        ("1" * 60, ".", "EUR", "number_out_of_range"),
        ("1e400", ".", "EUR", "number_out_of_range"),
        ("100000000000000.00", ".", "EUR", "number_out_of_range"),
        ("5 USD", ".", "EUR", "currency_mismatch"),
        ("$5", ".", "EUR", "currency_mismatch"),
        ("$5", ".", None, "ambiguous_currency"),
        ("¥5", ".", None, "ambiguous_currency"),
        ("5", ".", None, "unknown_currency"),
        ("5", ".", "XXX", "unknown_currency"),
        ("5 %", ".", "EUR", "unknown_currency"),
        ("{", ".", "EUR", "no_json"),
    ],
)
def test_money_that_is_not_certain_is_refused(
    cell: str, mark: DecimalMark, currency: str | None, code: str
) -> None:
    with pytest.raises(ValueRejected) as refusal:
        amounts.money(cell, decimal_mark=mark, currency=currency)
    assert refusal.value.code == code


@given(
    minor=st.integers(-(10**15), 10**15),
    currency=st.sampled_from(sorted(CURRENCIES)),
    mark=st.sampled_from(get_args(DecimalMark)),
    is_grouped=st.booleans(),
)
def test_any_amount_is_read_back_exactly(
    minor: int, currency: str, mark: DecimalMark, is_grouped: bool
) -> None:
    amount = from_minor(minor, currency)
    spelled = f"{amount:,f}" if is_grouped else f"{amount:f}"
    if mark == ",":
        spelled = spelled.translate(str.maketrans(",.", ".,"))
    expected = {"amount": f"{amount:f}", "currency": currency}
    if not minor:
        expected["amount"] = expected["amount"].lstrip("-")
    assert amounts.money(spelled, decimal_mark=mark, currency=currency) == expected
    assert amounts.money(f"{currency} {spelled}", decimal_mark=mark, currency=None) == expected


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.234", 1234), ("-7", -7), ("2,0", 2), ("+3", 3), ("n/a", None), (" 5 ", 5)],
)
def test_integers_are_read(cell: str, value: int | None) -> None:
    assert numbers.integer(cell, decimal_mark=",") == value


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("2,5", "no_integer"),
        ("9007199254740992", "no_integer"),
        ("5 €", "unit_beside_number"),
        ("zwei", "no_number"),
    ],
)
def test_what_is_no_integer_is_refused(cell: str, code: str) -> None:
    with pytest.raises(ValueRejected) as refusal:
        numbers.integer(cell, decimal_mark=",")
    assert refusal.value.code == code


@given(st.decimals(-(10**9), 10**9, places=6, allow_nan=False))
def test_decimals_are_exact_and_plain(value: Decimal) -> None:
    read = numbers.decimal(f"{value:f}", decimal_mark=".")
    assert read is not None
    assert Decimal(read) == value
    assert "e" not in read.lower()


@pytest.mark.parametrize(
    ("cell", "value"),
    [("12,5 %", "12.5"), ("12,50", "12.5"), ("0", "0"), ("100%", "100"), ("", None)],
)
def test_percentages_lose_their_sign(cell: str, value: str | None) -> None:
    assert numbers.percentage(cell, decimal_mark=",") == value


@pytest.mark.parametrize(
    ("body", "mark"),
    [
        ("1.234", "either"),
        ("1,234", "either"),
        ("12.345", "either"),
        ("1,5", ","),
        ("1.50", "."),
        ("0.123", "."),
        ("0,123", ","),
        ("1234.567", "."),
        (".123", "."),
        ("1.234.567", ","),
        ("1,234,567", "."),
        ("1.234,5", ","),
        ("1,234.567", "."),
        ("1 234,567", ","),
        ("1'234.567", "."),
        ("1234", "none"),
        ("1 234", "none"),
        ("1.2.3", "neither"),
        ("12.05.2024", "neither"),
        ("1.234,567.8", "neither"),
    ],
)
def test_figures_prove_a_decimal_mark_or_do_not(body: str, mark: str) -> None:
    assert numbers.decimal_mark_shown(body) == mark


@pytest.mark.parametrize(
    ("cell", "form", "expected"),
    [
        ("25.12.2024", "D.M.YYYY", "2024-12-24T23:00:00.000000Z"),
        ("5.6.2024", "TT.MM.JJJJ", "2024-06-04T22:00:00.000000Z"),
        ("25.12.2024 14:30", "D.M.YYYY", "2024-12-25T13:30:00.000000Z"),
        ("25.12.2024, 14:30 Uhr", "D.M.YYYY", "2024-12-25T13:30:00.000000Z"),
        ("04/03/2024", "D/M/YYYY", "2024-03-03T23:00:00.000000Z"),
        ("04/03/2024", "M/D/YYYY", "2024-04-02T22:00:00.000000Z"),
        ("12/25/2024 3:04:05 PM", "M/D/YYYY", "2024-12-25T14:04:05.000000Z"),
        ("12/25/2024 12:00 AM", "M/D/YYYY", "2024-12-24T23:00:00.000000Z"),
        ("25-12-2024", "D-M-YYYY", "2024-12-24T23:00:00.000000Z"),
        ("2024/12/25", "YYYY/MM/DD", "2024-12-24T23:00:00.000000Z"),
        ("20241225", "YYYYMMDD", "2024-12-24T23:00:00.000000Z"),
        ("20241225T101112Z", "YYYYMMDD", "2024-12-25T10:11:12.000000Z"),
        ("5.6.49", "D.M.YY@1950", "2049-06-04T22:00:00.000000Z"),
        ("5.6.50", "D.M.YY@1950", "1950-06-04T23:00:00.000000Z"),
        ("2024-12-25", "M/D/YYYY", "2024-12-24T23:00:00.000000Z"),
        ("2024-12-25T10:00:00Z", "D.M.YYYY", "2024-12-25T10:00:00.000000Z"),
        ("2024-12-25 10:00:00 UTC", "D.M.YYYY", "2024-12-25T10:00:00.000000Z"),
        ("2024-12-25T10:00:00.1234567+02:00", "YYYY-MM-DD", "2024-12-25T08:00:00.123456Z"),
        ("2024-12-25T10:00:00,5-0330", "YYYY-MM-DD", "2024-12-25T13:30:00.500000Z"),
        ("2024-10-27 02:30:00+01:00", "YYYY-MM-DD", "2024-10-27T01:30:00.000000Z"),
        ("29.2.2024", "D.M.YYYY", "2024-02-28T23:00:00.000000Z"),
        ("", "D.M.YYYY", None),
        ("null", "D.M.YYYY", None),
    ],
)
def test_instants_are_read_by_format_and_zone(cell: str, form: str, expected: str | None) -> None:
    assert dates.instant(cell, date_format=form, zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("cell", "form", "code"),
    [
        ("30.2.2024", "D.M.YYYY", "no_date"),
        ("29.2.2023", "D.M.YYYY", "no_date"),
        ("25/12/2024", "M/D/YYYY", "no_date"),
        ("25.12.2024", "D/M/YYYY", "no_date"),
        ("25.12.24", "D.M.YYYY", "no_date"),
        ("25.12.2024", "D.M.YY@2000", "no_date"),
        ("25.12.2024 25:00", "D.M.YYYY", "no_date"),
        ("25.12.2024 24:00", "D.M.YYYY", "no_date"),
        ("25.12.2024 10:60", "D.M.YYYY", "no_date"),
        ("25.12.2024 13:00 PM", "D.M.YYYY", "no_date"),
        ("2024-12-25T10:00:00+99:00", "YYYY-MM-DD", "no_date"),
        ("24 October 2011", "D.M.YYYY", "no_date"),
        ("45000", "D.M.YYYY", "no_date"),
        ("2024-01-01" + " " * 90_000 + "x", "YYYY-MM-DD", "no_date"),
        ("\u0662\u0665.12.2024", "D.M.YYYY", "no_date"),
        ("31.03.2024 02:30", "D.M.YYYY", "local_time_skipped"),
        ("27.10.2024 02:30", "D.M.YYYY", "local_time_twice"),
        ("0001-01-01", "YYYY-MM-DD", "date_out_of_range"),
        ("9999-12-31T23:59:59-05:00", "YYYY-MM-DD", "date_out_of_range"),
    ],
)
def test_instants_that_are_not_certain_are_refused(cell: str, form: str, code: str) -> None:
    with pytest.raises(ValueRejected) as refusal:
        dates.instant(cell, date_format=form, zone=BERLIN)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("cell", "zone", "expected"),
    [
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00.000000Z"),
        ("2024-11-03", "America/Havana", "2024-11-03T04:00:00.000000Z"),
        ("2024-03-31", "Europe/Berlin", "2024-03-30T23:00:00.000000Z"),
    ],
)
def test_a_day_without_a_time_is_its_first_instant(cell: str, zone: str, expected: str) -> None:
    assert dates.instant(cell, date_format="YYYY-MM-DD", zone=ZoneInfo(zone)) == expected


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_local_times_are_read_back_unless_the_clocks_showed_them_twice(moment: datetime) -> None:
    local = moment.astimezone(BERLIN)
    spelled = local.strftime("%d.%m.%Y %H:%M:%S.%f")
    try:
        read = dates.instant(spelled, date_format="D.M.YYYY", zone=BERLIN)
    except ValueRejected as refusal:
        assert refusal.code == "local_time_twice"
        other = local.replace(fold=1 - local.fold).utcoffset() or timedelta()
        assert other != local.utcoffset()
    else:
        assert read == moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("25.12.2024", "2024-12-25"),
        ("25.12.2024 00:00:00", "2024-12-25"),
        ("2024-12-25T23:30:00Z", "2024-12-26"),
        ("2024-12-25", "2024-12-25"),
        ("-", None),
    ],
)
def test_days_are_read_in_the_zone(cell: str, expected: str | None) -> None:
    assert dates.day(cell, date_format="D.M.YYYY", zone=BERLIN) == expected


@pytest.mark.parametrize("name", ["M.YYYY", "D.M.YY", "DD/MM/YYYY HH:MM", "YYYY", "", "D.M/YYYY"])
def test_a_name_of_no_date_format_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="is no date format"):
        dates.parsed_format(name)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((cell, True) for cell in ("ja", "Yes", "TRUE", "1", "x", "X", "wahr", " on ")),
        *((cell, False) for cell in ("nein", "No", "false", "0", "falsch", "N")),
        *((cell, None) for cell in ("", "null", "n/a")),
    ],
)
def test_booleans_are_read_in_both_languages(cell: str, value: bool | None) -> None:
    assert texts.boolean(cell) is value


@pytest.mark.parametrize("cell", ["vielleicht", "2", "01"])
def test_what_is_no_boolean_is_refused(cell: str) -> None:
    with pytest.raises(ValueRejected, match="no_boolean"):
        texts.boolean(cell)


@pytest.mark.parametrize(
    ("resource", "name", "cell", "value"),
    [
        ("deals", "stage", "Gewonnen", "won"),
        ("deals", "stage", "VERLOREN", "lost"),
        ("deals", "stage", "Closed Won", "won"),
        ("deals", "stage", "won", "won"),
        ("deals", "lost_reason", "kein Bedarf", "no_need"),
        ("contacts", "kind", "Firma", "organisation"),
        ("contacts", "kind", "Organization", "organisation"),
        ("contacts", "kind", "Person", "person"),
        ("contacts", "status", "gekündigt", "terminated"),
        ("contacts", "language", "Deutsch", "de"),
        ("contacts", "country_code", "Österreich", "AT"),
        ("contacts", "country_code", "de", "DE"),
        ("contacts", "country_code", "UK", "GB"),
        ("contacts", "tags", "a; b ;;a|c", ["a", "b", "c"]),
        ("contacts", "tags", '["x;y", "z"]', ["x;y", "z"]),
        ("contacts", "tags", "", []),
        ("contacts", "family_name", "Null", "Null"),
        ("contacts", "zip", '="01067"', "01067"),
        ("contacts", "name", "  Müller \u00a0", "Müller"),
        ("contacts", "street", "Hauptstr. 1\r\nHinterhaus\n", "Hauptstr. 1, Hinterhaus"),
        ("contacts", "tags", "* myContacts ::: Kunden", ["myContacts", "Kunden"]),
        ("contacts", "email", "a@b.de ::: c@d.de", ["a@b.de", "c@d.de"]),
        ("contacts", "other_emails", "a@b.de; c@d.de", [{"email": "a@b.de"}, {"email": "c@d.de"}]),
        ("contacts", "other_phones.3.label", "* Work", "work"),
        ("contacts", "roles", "Entscheider; buyer", ["decision_maker", "buyer"]),
        ("contacts", "country_code", "United States of America", "US"),
        ("contacts", "country_code", "Kanada", "CA"),
        ("contacts", "acquisition_cost_minor", "1250", eur("12.50")),
        ("interactions", "kind", "E-Mail", "email"),
        ("interactions", "kind", "Reklamation", "complaint"),
        ("interactions", "channel", "Web-Shop", "web"),
        ("interactions", "body", "a\nb", "a\nb"),
        ("interactions", "sentiment", "-0,5", -0.5),
        ("interactions", "ratings", '[{"dimension": "x"}]', [{"dimension": "x"}]),
        ("interactions", "justified", "", None),
        ("deals", "currency", "€", "EUR"),
        ("deals", "currency", "chf", "CHF"),
        ("deals", "fx_rate", "1,0842", "1.0842"),
        ("deals", "expected_close_date", "1.2.2024", "2024-02-01"),
    ],
)
def test_cells_become_what_their_field_needs(
    resource: str, name: str, cell: str, value: object
) -> None:
    assert convert(resource, name, cell, by=GERMAN) == value


@pytest.mark.parametrize(
    ("resource", "name", "cell", "code"),
    [
        ("deals", "stage", "Engaging", "unknown_word"),
        ("interactions", "channel", "7/7", "unknown_word"),
        ("interactions", "event_type", "7/7", "no_word"),
        ("contacts", "city", "a\nb", "line_break"),
        ("contacts", "city", "#REF!", "formula_error"),
        ("contacts", "roles", "buyer;King", "unknown_word"),
        ("contacts", "name", "a\x07b", "control_character"),
        ("interactions", "body", "a\x00b", "control_character"),
        ("interactions", "ratings", "{", "no_json"),
        ("contacts", "tags", '["a", 1]', "no_json"),
        ("contacts", "country_code", "Atlantis", "unknown_word"),
        ("deals", "currency", "$", "ambiguous_currency"),
        ("deals", "currency", "Taler", "unknown_currency"),
    ],
)
def test_a_refusal_has_both_languages_and_never_the_cell(
    resource: str, name: str, cell: str, code: str
) -> None:
    with pytest.raises(ValueRejected) as refusal:
        convert(resource, name, cell, by=GERMAN)
    fault = refusal.value
    assert fault.code == code
    assert fault.message_en != fault.message_de
    assert fault.expected
    told = " ".join([fault.message_en, fault.message_de, fault.expected, str(fault)])
    assert len(cell) < 3 or cell not in told


def test_words_of_the_user_come_first() -> None:
    reading = CellReading(zone=BERLIN, words={"Engaging": "qualified", "lost": "won"})
    assert convert("deals", "stage", "engaging", by=reading) == "qualified"
    assert convert("deals", "stage", "Lost", by=reading) == "won"
    assert convert("deals", "won_reason", "Engaging", by=reading) == "qualified"


@given(st.text(max_size=40))
def test_no_cell_makes_a_converter_fail_otherwise(cell: str) -> None:
    for resource, fields in RESOURCES.items():
        for name in fields:
            try:
                convert(resource, name, cell, by=GERMAN)
            except ValueRejected as refusal:
                assert refusal.expected


def test_every_label_of_a_choice_is_folded() -> None:
    for labels in CHOICES.values():
        assert all(texts.folded(label) == label for label in labels)
