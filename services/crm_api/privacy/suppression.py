"""Remembers erased people by keyed hashes of their addresses, so that nobody brings them back unasked."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select

from services.crm_api.duplicates.matching import normal_email
from services.crm_api.folding import digits
from services.crm_api.privacy.table import suppression_salt, suppressions
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Statement

_SALT = Statement(select(suppression_salt.c.salt))
_KNOWN = Statement(
    select(suppressions.c.hash).where(any_of(suppressions.c.hash, bindparam("hashes", type_=Texts)))
)
_ANY = Statement(select(suppressions.c.hash).limit(1))
_SUPPRESS = Statement(insert(suppressions))


class Suppressed(Conflict):
    code, title = "suppressed", "A person with this address or number was erased at their request."


def _addresses(contact: Mapping[str, Any]) -> Iterable[str]:
    """Return what an import would bring the person back by: e-mail addresses and numbers."""
    for email in (contact["email"], *(each["email"] for each in contact["other_emails"])):
        if email:
            yield f"email:{normal_email(email)}"
    for phone in (contact["phone_e164"], *(each["e164"] for each in contact["other_phones"])):
        if phone and len(digits(phone)) >= 6:
            yield f"phone:{digits(phone)}"


async def _hashes(reader: Reader, rows: Iterable[Mapping[str, Any]]) -> list[set[str]]:
    found = [set(_addresses(row)) for row in rows]
    if not any(found):
        return found
    salt = (await reader.text(_SALT) or "").encode()

    def keyed(address: str) -> str:
        return hmac.digest(salt, address.encode(), "sha256").hex()

    return [{keyed(address) for address in addresses} for addresses in found]


async def suppressed(reader: Reader, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Tell for each contact whether it has an address or number of an erased person."""
    if await reader.text(_ANY) is None:
        return [False] * len(rows)
    hashes = await _hashes(reader, rows)
    every = sorted(set().union(*hashes)) if hashes else []
    if not every:
        return [False] * len(rows)
    known = {row["hash"] for row in await reader.all(_KNOWN, {"hashes": every})}
    return [not known.isdisjoint(some) for some in hashes]


async def refuse_suppressed(reader: Reader, contact: Mapping[str, Any]) -> None:
    """Do nothing if the contact is no erased person.

    Raises
    ------
    Suppressed
        It has an e-mail address or a telephone number of one.
    """
    if (await suppressed(reader, [contact]))[0]:
        raise Suppressed("Enter it only if the person asked for it, with allow_suppressed.")


async def suppress(
    transaction: Transaction,
    rows: Sequence[Mapping[str, Any]],
    *,
    erasure_id: str,
    now: datetime,
) -> None:
    """Remember the addresses and numbers of people who are erased."""
    hashes = sorted(set().union(*await _hashes(transaction, rows)))
    if not hashes:
        return
    known = {row["hash"] for row in await transaction.all(_KNOWN, {"hashes": hashes})}
    new = [
        {"hash": each, "erasure_id": erasure_id, "created_at": now}
        for each in hashes
        if each not in known
    ]
    if new:
        await transaction.run_many(_SUPPRESS, new)
