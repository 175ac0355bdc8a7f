"""Remembers erased people by keyed hashes of their addresses, so that nobody brings them back unasked."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from services.crm_api.audit.operations import note
from services.crm_api.duplicates.matching import normal_email
from services.crm_api.folding import digits
from services.crm_api.privacy.table import suppression_salt, suppressions
from services.foundation.calls import Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Statement

_SALT = Statement(select(suppression_salt.c.salt))
_KNOWN = Statement(
    select(suppressions.c.hash).where(any_of(suppressions.c.hash, bindparam("hashes", type_=Texts)))
)
# One statement where nobody was ever erased, which is most of the time.
_SALT_IF_ANY = Statement(
    select(suppression_salt.c.salt).where(select(suppressions.c.hash).limit(1).exists())
)
_SUPPRESS = Statement(insert(suppressions))
_LIFT = Statement(
    delete(suppressions).where(any_of(suppressions.c.hash, bindparam("hashes", type_=Texts)))
)


class Suppressed(Conflict):
    code, title = (
        "suppressed",
        "A person with this address, number or reference was erased at their request.",
    )


def _addresses(contact: Mapping[str, Any]) -> Iterable[str]:
    """Return what a person would be brought back by: addresses, numbers, names in other systems."""
    for email in (
        contact.get("email"),
        *(each["email"] for each in contact.get("other_emails") or ()),
    ):
        if email:
            yield f"email:{normal_email(email)}"
    for phone in (
        contact.get("phone_e164"),
        *(each["e164"] for each in contact.get("other_phones") or ()),
    ):
        if phone and len(digits(phone)) >= 6:
            yield f"phone:{digits(phone)}"
    for ref in contact.get("external_refs") or ():
        yield f"ref:{ref['source']}:{ref['id']}"


async def _hashes(reader: Reader, rows: Iterable[Mapping[str, Any]]) -> list[set[str]]:
    return await _keyed(reader, [set(_addresses(row)) for row in rows])


async def _keyed(
    reader: Reader, found: list[set[str]], *, salted: Statement = _SALT
) -> list[set[str]]:
    """Return the hashes of addresses; none at all if there is no salt for them."""
    if not any(found):
        return found
    salt = await reader.text(salted)
    if salt is None:
        return [set() for _ in found]
    secret = salt.encode()

    def keyed(address: str) -> str:
        return hmac.digest(secret, address.encode(), "sha256").hex()

    return [{keyed(address) for address in addresses} for addresses in found]


async def _known(reader: Reader, hashes: Iterable[str]) -> set[str]:
    every = sorted(hashes)
    if not every:
        return set()
    return {row["hash"] for row in await reader.all(_KNOWN, {"hashes": every})}


async def suppressed(reader: Reader, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Tell for each contact whether it has an address, number or reference of an erased person."""
    addresses = [set(_addresses(row)) for row in rows]
    hashes = await _keyed(reader, addresses, salted=_SALT_IF_ANY)
    known = await _known(reader, set().union(*hashes))
    return [not known.isdisjoint(some) for some in hashes]


async def refuse_suppressed(
    reader: Reader, contact: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
) -> None:
    """Do nothing if the contact is no erased person; of one that is there, only what is new counts.

    Raises
    ------
    Suppressed
        It has an e-mail address, a telephone number or a reference of one.
    """
    new = set(_addresses(contact)) - set(_addresses(before or {}))
    (hashes,) = await _keyed(reader, [new], salted=_SALT_IF_ANY)
    if await _known(reader, hashes):
        raise Suppressed(
            "Enter it only if the person asked for it: with allow_suppressed, in a create, a change "
            "or an upsert."
        )


async def admit_again(
    transaction: Transaction, contact: Mapping[str, Any], *, stamp: Stamp
) -> None:
    """Let a person who asked for it in again: what was remembered of its addresses is dropped."""
    (hashes,) = await _hashes(transaction, [contact])
    known = await _known(transaction, hashes)
    if known:
        await transaction.run(_LIFT, {"hashes": sorted(known)})
        await note(transaction, "suppression_lifted", "contact", contact["id"], stamp=stamp)


async def suppress(
    transaction: Transaction,
    rows: Sequence[Mapping[str, Any]],
    *,
    also: Sequence[str] = (),
    erasure_id: str,
    stamp: Stamp,
) -> list[str]:
    """Remember whom not to bring back; returns the hashes, `also` among them."""
    hashes = sorted(set().union(also, *await _hashes(transaction, rows)))
    known = await _known(transaction, hashes)
    new = [
        {"hash": each, "erasure_id": erasure_id, "created_at": stamp.now}
        for each in hashes
        if each not in known
    ]
    if new:
        await transaction.run_many(_SUPPRESS, new)
    return hashes
