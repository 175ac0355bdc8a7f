"""The three main features, and the writes that are the same for every feature."""

from collections.abc import Mapping
from typing import Any

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.contacts import operations as contacts
from services.crm_api.contacts import schemas as contact_schemas
from services.crm_api.contacts.search import answer_search
from services.crm_api.contacts.table import CONTACT
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.deals import operations as deals
from services.crm_api.deals import schemas as deal_schemas
from services.crm_api.deals.table import DEAL
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.external_refs.operations import Pair
from services.crm_api.feature import Feature
from services.crm_api.interactions import operations as interactions
from services.crm_api.interactions import schemas as interaction_schemas
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.records import Written
from services.crm_api.schemas import MOST_EXTERNAL_REFS, Mode, sent_fields
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, Invalid, NotFound, StaleVersion
from shared.values import Shape

CONTACTS = Feature(
    resource=CONTACT,
    new=contact_schemas.NewContact,
    patch=contact_schemas.ContactPatch,
    upsert=contact_schemas.UpsertContact,
    shown=contact_schemas.Contact,
    page=contact_schemas.ContactPage,
    query=contact_schemas.ListContacts,
    create=contacts.create_contact,
    change=contacts.change_contact,
    example=contact_schemas.EXAMPLE,
    example_patch=contact_schemas.EXAMPLE_PATCH,
    fixed=("kind",),
    search=answer_search,
    instead=finding.survivor_of,
    on_restore=contacts.come_back,
    on_return=contacts.check_return,
    on_deletion="Its interactions and deals, and the persons of an organisation, stay as they are and "
    "come back into sight with it; nothing new can be recorded for it meanwhile. The terms of its offers "
    "are free for others until it is restored, which is refused with 409 while others are live.",
    aggregate=contact_schemas.AggregateContacts,
    groupable=(
        *("kind", "status", "language", "country_code", "owner_id", "source_campaign_id"),
        *("purchase_motive", "preferred_channel", "city", "created_at", "next_contact_at"),
    ),
)
INTERACTIONS = Feature(
    resource=INTERACTION,
    new=interaction_schemas.NewInteraction,
    patch=interaction_schemas.InteractionPatch,
    upsert=interaction_schemas.UpsertInteraction,
    shown=interaction_schemas.Interaction,
    page=interaction_schemas.InteractionPage,
    query=interaction_schemas.ListInteractions,
    create=interactions.create_interaction,
    change=interactions.change_interaction,
    example=interaction_schemas.EXAMPLE,
    example_patch=interaction_schemas.EXAMPLE_PATCH,
    fixed=("kind", "contact_id", "contact_ref"),
    on_trash=interactions.release_terms,
    on_restore=interactions.take_back_terms,
    on_return=interactions.check_return,
    on_deletion="The terms of an offer are free then.",
    aggregate=interaction_schemas.AggregateInteractions,
    groupable=(
        *("kind", "channel", "touchpoint", "direction", "user_id", "campaign_id", "product_id"),
        *("status", "severity", "outcome", "nps", "occurred_at", "due_at", "created_at"),
    ),
)
DEALS = Feature(
    resource=DEAL,
    new=deal_schemas.NewDeal,
    patch=deal_schemas.DealPatch,
    upsert=deal_schemas.UpsertDeal,
    shown=deal_schemas.Deal,
    page=deal_schemas.DealPage,
    query=deal_schemas.ListDeals,
    create=deals.create_deal,
    change=deals.change_deal,
    example=deal_schemas.EXAMPLE,
    example_patch=deal_schemas.EXAMPLE_PATCH,
    fixed=("contact_id", "contact_ref", "opened_at"),
    on_restore=deals.check_restored,
    on_return=deals.check_stage,
    aggregate=deal_schemas.AggregateDeals,
    groupable=(
        *("pipeline_id", "stage", "stage_kind", "payment_status", "currency", "owner_id"),
        *("campaign_id", "competitor_id", "won_reason", "lost_reason", "promo_code"),
        *("opened_at", "closed_at", "expected_close_date", "created_at", "due_at"),
    ),
)
FEATURES = {feature.resource.plural: feature for feature in (CONTACTS, INTERACTIONS, DEALS)}


class FixedAtCreation(Invalid):
    code, title = "fixed_at_creation", "The record keeps this from its creation."

    def __init__(self, field: str) -> None:
        message = f"The record has another {field}, which never changes."
        super().__init__(message, errors=[FieldError(f"/body/{field}", self.code, message)])


class ExistsAlready(Conflict):
    code, title = "exists_already", "A live record has this external reference already."


async def upsert(
    transaction: Transaction,
    feature: Feature,
    ref: Pair,
    body: Shape,
    *,
    mode: Mode,
    version: int | None,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Create the record with this external reference, or set the sent fields of the one that has it.

    Raises
    ------
    ExistsAlready
        `mode` is create and there is such a record.
    NotFound
        `mode` is update and there is none.
    StaleVersion
        A version is expected and there is none.
    FixedAtCreation
        A field that never changes is sent with another value than the record has.
    Invalid
        With this one there are more external references than a record can have.
    """
    name = feature.resource.name
    found = await external_refs.find(transaction, name, [ref])
    source, external_id = ref
    if ref in found:
        if mode == "create":
            raise ExistsAlready(extra={"existing_id": found[ref]})
        sent = sent_fields(body)
        if "external_refs" in sent:
            sent["external_refs"] = _with_ref(sent["external_refs"], ref)
        return await set_fields(
            transaction, feature, found[ref], sent, version=version, stamp=stamp, personal=personal
        )
    if version is not None:
        raise StaleVersion(f"If-Match named version {version}, and there is no such record.")
    if mode == "update":
        raise NotFound(f"No live {name} has the reference {external_id} of {source}.")
    given = body.model_dump()
    _require_fields(feature, given)
    given["external_refs"] = _with_ref(given["external_refs"], ref)
    return await feature.create(transaction, given=given, stamp=stamp, personal=personal)


async def set_fields(
    transaction: Transaction,
    feature: Feature,
    record_id: str,
    sent: Mapping[str, Any],
    *,
    version: int | None,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Set the sent fields of a record that is there.

    Raises
    ------
    NotFound, StaleVersion
        There is none, or not in this version.
    FixedAtCreation
        A field that never changes is sent with another value than the record has.
    """
    given = {field: value for field, value in sent.items() if field not in feature.fixed}
    if len(given) < len(sent):
        current = await records.lock(transaction, feature.resource, record_id)
        await check_fixed(transaction, feature, current, sent)
    return await feature.change(
        transaction, record_id, given=given, version=version, stamp=stamp, personal=personal
    )


def _require_fields(feature: Feature, given: Mapping[str, Any]) -> None:
    """Refuse to create a record by an upsert that lacks what a new record needs."""
    missing = [
        name
        for name, info in feature.new.model_fields.items()
        if info.is_required() and given[name] is None
    ]
    if missing:
        errors = [
            FieldError(f"/body/{name}", "missing", "A new record needs it.") for name in missing
        ]
        raise Invalid(
            f"There is no such {feature.resource.title} yet, and a new one needs {', '.join(missing)}.",
            errors=errors,
        )


async def check_fixed(
    transaction: Transaction,
    feature: Feature,
    current: Mapping[str, Any],
    sent: Mapping[str, Any],
) -> None:
    """Refuse to drop silently what cannot be changed.

    Raises
    ------
    FixedAtCreation, ContactMissing
        It differs from what is stored, or names no live contact.
    """
    wanted = {field: sent[field] for field in feature.fixed if sent.get(field) is not None}
    if "contact_ref" in wanted:
        wanted["contact_ref"] = await finding.resolve_contact(
            transaction, None, wanted["contact_ref"]
        )
    elif wanted.get("contact_id") not in (None, current.get("contact_id")):
        # Who names a contact that was merged names the one that it is part of.
        named = wanted["contact_id"]
        wanted["contact_id"] = await finding.survivor_of(transaction, named) or named
    for field, value in wanted.items():
        if value != current["contact_id" if field == "contact_ref" else field]:
            raise FixedAtCreation(field)


def _with_ref(refs: list[dict[str, Any]], ref: Pair) -> list[dict[str, Any]]:
    own = {"source": ref[0], "id": ref[1]}
    if own in refs:
        return refs
    if len(refs) >= MOST_EXTERNAL_REFS:
        message = (
            f"a record has at most {MOST_EXTERNAL_REFS} external references, this one's included"
        )
        raise Invalid(message, errors=[FieldError("/body/external_refs", "too_long", message)])
    return [own, *refs]


async def trash(
    transaction: Transaction, feature: Feature, record_id: str, *, version: int | None, stamp: Stamp
) -> Written:
    """Put a record into the trash."""
    current = await records.lock(transaction, feature.resource, record_id, version=version)
    if feature.on_trash is not None:
        await feature.on_trash(transaction, current, stamp=stamp)
    return await records.trash(transaction, feature.resource, current, stamp=stamp)


async def restore(
    transaction: Transaction, feature: Feature, record_id: str, *, stamp: Stamp, personal: bool
) -> Written:
    """Take a record out of the trash."""
    current = await records.lock(transaction, feature.resource, record_id, in_trash=True)
    if current.get("erased_at") is not None:
        raise NotFound(f"There is no {feature.resource.title} {record_id} in the trash.")
    if feature.on_restore is not None:
        await feature.on_restore(transaction, current, stamp=stamp)
    await custom_fields.check_return(transaction, feature.resource, current)
    return await records.restore(
        transaction, feature.resource, current, stamp=stamp, personal=personal
    )
