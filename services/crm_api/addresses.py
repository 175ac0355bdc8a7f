"""E-mail addresses and telephone numbers: their form, checked and unified without asking anybody."""

import re
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_USUAL_LOCAL_PART = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")


def email_address(value: str) -> str:
    """Check the form, keep the spelling but for the domain's case; ask no server.

    Raises
    ------
    ValueError
        This is not an e-mail address.
    """
    local, _, domain = value.rpartition("@")
    is_usual = _USUAL_LOCAL_PART.fullmatch(local) and domain.isascii() and "--" not in domain
    try:
        # Half of a check is that of the domain, and addresses share their domains.
        return local + _checked(f"x@{domain}")[1:] if is_usual else _checked.__wrapped__(value)
    except EmailNotValidError:
        raise ValueError("this is not an e-mail address") from None


@lru_cache(maxsize=10_000)
def _checked(address: str) -> str:
    return validate_email(address, check_deliverability=False, test_environment=True).normalized


DEFAULT_REGION = "DE"
# What phonenumbers makes of these goes without saying, and takes it a hundred times longer.
_GERMAN = re.compile(r"(?:\+49|0049|0)[ ./-]?([1-9](?:[ ./-]?[0-9]){5,12})")
_BETWEEN = re.compile(r"[ ./-]+")


def international(phone: str | None, country_code: str | None = None) -> str | None:
    """Return a telephone number in E.164, or None if it cannot be read as one.

    A number without its country's prefix is one of the contact's country, else of Germany.
    """
    if not phone:
        return None
    usual = _GERMAN.fullmatch(phone)
    if usual and (country_code or DEFAULT_REGION) == "DE":
        return "+49" + _BETWEEN.sub("", usual[1])
    try:
        number = phonenumbers.parse(phone, country_code or DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
