"""A telephone number is made international of the figures that were typed, and of no others."""

from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.crm_api.addresses import international
from services.crm_api.folding import digits
from tests.conftest import Crm
from tests.crm_api.test_imports import imported

BESIDE_WORDS = [
    ("0171/1234567 Mobil", "+491711234567"),
    ("030/901820 (privat)", "+4930901820"),
    ("030 901820 Fax", "+4930901820"),
    ("Tel.: 030 901820", "+4930901820"),
    ("0221 1234 Zentrale", "+492211234"),
    ("089 123456 ab 18h", "+4989123456"),
    ("030 901820 24h", "+4930901820"),
    ("0171-1234567 (nach 18 Uhr)", "+491711234567"),
    ("+49 (0)30 901820 App. 5", "+4930901820"),
    ("030 901820 Durchwahl 12", "+4930901820"),
    ("030 901820 DW12", "+4930901820"),
    ("030 901820 ext 5", "+4930901820"),
    ("030 901820 x5", "+4930901820"),
    ("+1 418-656-9254x102 office", "+14186569254"),
]
OPEN = [
    "0800 FLOWERS",
    "0800 40 TAXI",
    "1-800-FLOWERS",
    "030/901820 oder 0171/1234567",
    "030 9O1820",
    "030 12 34 56p",
    "Fax030 901820",
    "tel:901820;phone-context=+4930",
]


@pytest.mark.parametrize(("told", "number"), [*BESIDE_WORDS, *((told, None) for told in OPEN)])
def test_words_beside_a_telephone_number_become_no_digits(told: str, number: str | None) -> None:
    assert international(told) == number


def test_a_number_with_words_is_the_same_number_however_it_is_written(service: Crm) -> None:
    told, number = "0171/7654321 Mobil", "+491717654321"
    plain = service.create("contacts", kind="person", family_name="Zwick", phone="0171 7654321")
    worded: dict[str, Any] = {"kind": "person", "family_name": "Zwick", "phone": told}
    again = service.client.post("/v1/contacts", json=worded)
    assert (again.status_code, again.json()["code"]) == (409, "possible_duplicate")
    made = service.create(
        "contacts", **worded, other_phones=[{"label": "work", "phone": "030 901820 App. 5"}]
    )
    assert (made["phone"], made["phone_e164"]) == (told, number)
    assert made["other_phones"][0]["e164"] == "+4930901820"
    file = f"id,name,phone\nzwick-1,Zwack,{told}\n"
    query = {"resource": "contacts", "source": "zwick"}
    assert imported(service, file, **query)["rejected_count"] == 1
    assert imported(service, file, allow_duplicates="true", **query)["created_count"] == 1
    found = service.client.get("/v1/contacts", params={"phone_e164": number}).json()["items"]
    assert len(found) == 3
    assert plain["id"] in {each["id"] for each in found}


PIECES = st.sampled_from(
    [
        *("0", "030", "0171", "+49", "0049", "(0)", "+43", "1", "5", "18", "901820", "1234567"),
        *(" ", "-", "/", ".", ",", "(", ")", "x", "h", "#", ";ext=", "App. ", "Fax", "FLOWERS"),
        *("Mobil", " Durchwahl ", "ä", "Б", "O", "०", "９"),
    ]
)


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from([None, "DE", "AT", "CH", "US"]))
def test_an_international_number_has_no_digit_that_was_not_typed(
    told: str, country: str | None
) -> None:
    number = international(told, country)
    if number is not None:
        typed = digits("".join(str(int(each)) if each.isdecimal() else each for each in told))
        assert str(phonenumbers.parse(number).national_number) in typed
