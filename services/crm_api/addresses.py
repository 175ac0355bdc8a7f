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
_LETTER = r"[^\W\d_]"
_HAS_LETTERS = re.compile(_LETTER)
# Letters that touch figures leave open what the number is (an O for a 0), but for 18h, x5 and DW12.
_TOUCHING = re.compile(rf"\d(?!h\b|[xX]\d){_LETTER}|(?:{_LETTER}{{2}}|(?![xX]){_LETTER})\d{{3}}")
_NUMBER = re.compile(
    r"(?<!\w)[+\uff0b]?[(\[]?\d[\d ()\[\]/.\u00a0\u2010-\u2015\u2212-]*(?<=\d)(?=[xX]|\W|$)"
)
_FEWEST_DIGITS = 6
"""Of a number beside words; an extension or a time of the day has fewer."""


def international(phone: str | None, country_code: str | None = None) -> str | None:
    """Return a telephone number in E.164, or None if it cannot be read as one.

    A number without its country's prefix is one of the contact's country, else of Germany. Words
    beside the number and an extension are left out.
    """
    if not phone:
        return None
    usual = _GERMAN.fullmatch(phone)
    if usual and (country_code or DEFAULT_REGION) == "DE":
        return "+49" + _BETWEEN.sub("", usual[1])
    has_words = _HAS_LETTERS.search(phone) is not None
    spelled = _beside_words(phone) if has_words else phone
    if spelled is None:
        return None
    try:
        number = phonenumbers.parse(spelled, country_code or DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    # Letters can be the rest of a number (0800 FLOWERS): what stands beside them must be a whole one.
    is_number = phonenumbers.is_valid_number if has_words else phonenumbers.is_possible_number
    if not is_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _beside_words(phone: str) -> str | None:
    """Return the only telephone number of a text with words; phonenumbers takes letters for digits."""
    if _TOUCHING.search(phone):
        return None
    found = [
        each
        for each in _NUMBER.findall(phone)
        if each[0] in "+\uff0b" or sum(map(str.isdigit, each)) >= _FEWEST_DIGITS
    ]
    return found[0] if len(found) == 1 else None
