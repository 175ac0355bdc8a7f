"""Seals a personal value that a cursor holds as its place, so that URLs and logs tell nothing of it."""

import base64
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import select

from services.crm_api.privacy.table import suppression_salt
from services.foundation.cursors import bad_cursor
from services.foundation.database import Reader
from services.foundation.statements import Statement

_SECRET = Statement(select(suppression_salt.c.salt))


async def _cipher(reader: Reader) -> AESSIV:
    """Return AES-SIV (RFC 5297) with a key derived from the secret that this deployment's database has.

    It needs no nonce, and what was changed on the way does not open.
    """
    secret = await reader.text(_SECRET) or ""
    return AESSIV(hmac.digest(secret.encode(), b"places of cursors", "sha512"))


async def seal(reader: Reader, place: str) -> str:
    """Return a place as only this deployment reads it."""
    # With a letter before it, since nothing cannot be sealed.
    sealed = (await _cipher(reader)).encrypt(b"=" + place.encode(), None)
    return base64.urlsafe_b64encode(sealed).decode()


async def unseal(reader: Reader, sealed: object) -> str:
    """Return the place that was sealed.

    Raises
    ------
    Invalid
        It was not sealed here.
    """
    try:
        if not isinstance(sealed, str):
            raise bad_cursor()
        text = base64.urlsafe_b64decode(sealed)
        return (await _cipher(reader)).decrypt(text, None)[1:].decode()
    except (InvalidTag, ValueError):
        raise bad_cursor() from None
