"""The shortcut of checking e-mail addresses takes no other decision than the library behind it."""

from contextlib import suppress

from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.crm_api.addresses import email_address

LOCAL_PARTS = st.text('aZ9.+-_%é @"', min_size=1, max_size=12) | st.sampled_from(
    ["Postmaster", "postmaster", "jonas.berg", "a" * 64, "a" * 240]
)
DOMAINS = st.text("aZ9.-é[]", min_size=1, max_size=12) | st.sampled_from(
    [
        "example.org",
        "EXAMPLE.org",
        "a.test",
        "xn--mnchen-3ya.de",
        "münchen.de",
        "b..de",
        "[127.0.0.1]",
    ]
)


@settings(max_examples=400, deadline=None)
@given(LOCAL_PARTS, DOMAINS)
def test_addresses_of_known_domains_are_checked_like_any_other(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assume(len(address) <= 254)
    expected: str | None = None
    with suppress(EmailNotValidError):
        expected = validate_email(
            address, check_deliverability=False, test_environment=True
        ).normalized
    found: str | None = None
    for _ in range(2):
        with suppress(ValueError):
            found = email_address(address)
        assert found == expected
