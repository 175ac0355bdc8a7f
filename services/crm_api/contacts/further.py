"""The addresses of contacts on the wire: e-mail, telephone, postal; the further ones have a label."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.crm_api.addresses import email_address
from shared.values import CountryCode, Shape, text

Email = Annotated[
    str,
    Field(
        max_length=254, json_schema_extra={"format": "email"}, examples=["anna.weber@example.org"]
    ),
    AfterValidator(email_address),
]
StoredEmail = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"})]

Label = text(50, shortest=1, example="work")


class OtherEmail(Shape):
    """A further e-mail address."""

    label: Label | None = Field(default=None, description="What it is for.")
    email: Email = Field(description="E-mail address.")


class OtherPhone(Shape):
    """A further telephone number."""

    label: Label | None = Field(default=None, description="What it is for.")
    phone: text(64, shortest=1, example="0171 2345678") = Field(description="As it was told.")
    e164: text(16, example="+491712345678") | None = Field(
        default=None, description="In international form; made by this service."
    )


class OtherAddress(Shape):
    """A further postal address."""

    label: Label | None = Field(default=None, description="What it is for.")
    street: text(200, example="Hafenstraße 1") | None = Field(
        default=None, description="Street and number."
    )
    additional: text(200, example="Hinterhaus") | None = Field(
        default=None, description="What else the address needs."
    )
    zip: text(20, example="20457") | None = Field(default=None, description="Postal code.")
    city: text(200, example="Hamburg") | None = Field(default=None, description="Town.")
    country_code: CountryCode | None = Field(default=None, description="ISO 3166-1, two letters.")
