"""What the value types of the wire accept, refuse and spell."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.money import CURRENCIES, CURRENCY_EXPONENTS, currency_exponent, from_minor, to_minor
from shared.values import (
    Count,
    CountryCode,
    Day,
    ExternalRef,
    Flag,
    Instant,
    Money,
    Percentage,
    Rate,
    RecordId,
    Total,
    text,
    whole,
    wire_instant,
    word,
)


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(-(10**14) + 1, 10**14 - 1))
def test_minor_units_and_decimals_are_each_others_inverse(currency: str, minor: int) -> None:
    amount = from_minor(minor, currency)
    assert to_minor(amount, currency) == minor
    assert -amount.as_tuple().exponent == currency_exponent(currency)  # type: ignore[operator]
    total = Total.of_minor(minor, currency)
    assert Decimal(total.amount) == amount
    assert Money(**total.model_dump()).minor() == minor


def test_every_currency_with_other_decimals_than_two_is_a_currency() -> None:
    assert set(CURRENCY_EXPONENTS) <= CURRENCIES
    assert {len(code) for code in CURRENCIES} == {3}


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "EUR"), ("0.5", "JPY"), ("1", "XXX")])
def test_an_amount_finer_than_its_currency_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|active"):
        to_minor(Decimal(amount), currency)
    with pytest.raises(ValidationError):
        Money(amount=amount, currency=currency)


moments = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC)
)


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_spelled_in_utc_whatever_its_offset(moment: datetime, minutes: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    spelled = wire_instant(elsewhere)
    assert spelled == wire_instant(moment)
    assert len(spelled) == 27
    adapter = TypeAdapter[Any](Instant)
    assert adapter.validate_json(json.dumps(spelled)) == moment
    assert json.loads(adapter.dump_json(elsewhere)) == spelled


def test_the_spelling_of_instants_sorts_as_time_does() -> None:
    moments = [datetime(year, 1, 1, tzinfo=UTC) for year in (1, 999, 1970, 2026, 9999)]
    spelled = [wire_instant(moment) for moment in moments]
    assert spelled == sorted(spelled)


def test_a_naive_instant_has_no_spelling() -> None:
    with pytest.raises(ValueError, match="time zone"):
        wire_instant(datetime(2025, 1, 1))


ACCEPTED: list[tuple[Any, str]] = [
    (Instant, '"2025-01-01T00:00:00Z"'),
    (Instant, '"2025-01-01T00:00:00.5+05:30"'),
    (Day, '"2024-02-29"'),
    (Flag, "true"),
    (Count, "5.0"),
    (Count, "9007199254740991"),
    (Percentage, '"100.00"'),
    (Rate, '"0.0000000001"'),
    (RecordId, '"01977b3a-5c00-7000-8000-000000000001"'),
    (text(3), '"ä😀x"'),
    (text(3, lines=True), '"\\n\\t"'),
    (word(example="x"), '"win_back"'),
    (whole(1, 3, example=1), "3"),
]
REFUSED: list[tuple[Any, str]] = [
    (Instant, '"2025-01-01T00:00:00"'),
    (Instant, '"2025-01-01"'),
    (Instant, '"2025-01-01 00:00:00Z"'),
    (Instant, '"2025-02-30T00:00:00Z"'),
    (Instant, '"2025-01-01T24:00:01Z"'),
    (Instant, '"0001-01-01T00:00:00+01:00"'),
    (Instant, '"٢٠٢٥-01-01T00:00:00Z"'),
    (Instant, "1735689600"),
    (Day, '"2025-02-29"'),
    (Day, '"2025-2-9"'),
    (Day, '"2025-01-01T00:00:00Z"'),
    (Day, "20250101"),
    (Flag, "1"),
    (Flag, '"true"'),
    (Count, "true"),
    (Count, '"7"'),
    (Count, "5.5"),
    (Count, "-1"),
    (Count, "9007199254740992"),
    (Count, "1e400"),
    (Count, "NaN"),
    (Percentage, '"100.01"'),
    (Percentage, '"-1"'),
    (Percentage, "5"),
    (Rate, '"1e5"'),
    (Rate, '"0"'),
    (Rate, '"00.000"'),
    (RecordId, '"01977B3A-5C00-7000-8000-000000000001"'),
    (RecordId, '"01977b3a5c0070008000000000000001"'),
    (RecordId, '"01977b3a-5c00-7000-8000-000000000001\\n"'),
    (text(3), '"abcd"'),
    (text(3), '"a\\n"'),
    (text(3), '"\\u0000"'),
    (text(3, shortest=1), '""'),
    (text(3, lines=True), '"\\u0007"'),
    (word(example="x"), '"Won"'),
    (word(example="x"), '"1x"'),
    (whole(1, 3, example=1), "4"),
]


@pytest.mark.parametrize(("kind", "sent"), ACCEPTED)
def test_what_fits_is_accepted(kind: Any, sent: str) -> None:
    TypeAdapter(kind).validate_json(sent)


@pytest.mark.parametrize(("kind", "sent"), REFUSED)
def test_what_does_not_fit_is_refused(kind: Any, sent: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_json(sent)


@pytest.mark.parametrize(
    ("source", "id"), [("", "1"), ("shop", ""), ("a b", "1"), ("shop", " x"), ("shop", "\x00")]
)
def test_an_external_reference_names_both_its_parts(source: str, id: str) -> None:
    with pytest.raises(ValidationError):
        ExternalRef(source=source, id=id)


def test_an_unknown_field_of_a_shape_is_an_error() -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": "1", "currency": "EUR", "minor": 100})


@pytest.mark.parametrize("code", ["ZZ", "de", "DEU", "", "D", "UK", " DE"])
def test_a_country_that_there_is_not_is_refused(code: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CountryCode).validate_python(code)


@pytest.mark.parametrize("code", ["DE", "AT", "CH", "GB", "XK", "AQ"])
def test_a_country_is_named_by_its_two_letters(code: str) -> None:
    assert TypeAdapter(CountryCode).validate_python(code) == code
