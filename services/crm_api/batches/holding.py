"""Locks what a batch will write before its first item, in one order whatever that of the items is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.contacts.table import CONTACT
from services.crm_api.duplicates import operations as duplicates
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.feature import Feature
from services.foundation.database import Transaction


async def hold_all(transaction: Transaction, feature: Feature, items: Sequence[Any]) -> None:
    """Lock the records that items name, then the contacts they point to, then who is new.

    Two batches that have some of it in common come one after the other and cannot block each other.
    """
    resource = feature.resource
    upserts = [(item.ref.source, item.ref.id) for item in items if item.action == "upsert"]
    found = await external_refs.find(transaction, resource.name, upserts)
    named = [item.id for item in items if item.action in ("update", "delete")]
    await records.hold(transaction, resource, [*named, *found.values()])
    if resource is CONTACT:
        await duplicates.wait_for_twins(transaction, _new_contacts(items, found))
    else:
        await _hold_contacts(transaction, items)


def _new_contacts(items: Sequence[Any], found: Mapping[Any, str]) -> Iterator[Mapping[str, Any]]:
    for item in items:
        is_new = item.action == "create" or (
            item.action == "upsert" and (item.ref.source, item.ref.id) not in found
        )
        if is_new and not item.data.allow_duplicate:
            yield item.data.model_dump()


async def _hold_contacts(transaction: Transaction, items: Sequence[Any]) -> None:
    bodies = [item.data for item in items if item.action in ("create", "upsert")]
    refs = [body.contact_ref for body in bodies if getattr(body, "contact_ref", None)]
    pairs = list(dict.fromkeys((ref.source, ref.id) for ref in refs))
    found = await external_refs.find(transaction, CONTACT.name, pairs)
    ids = [body.contact_id for body in bodies if getattr(body, "contact_id", None)]
    is_alone = any(getattr(body, "kind", None) == "offer" for body in bodies)
    await finding.hold(transaction, sorted({*ids, *found.values()}), is_alone=is_alone)
