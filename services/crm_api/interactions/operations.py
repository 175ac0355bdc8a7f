"""The rules of interactions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from services.crm_api import records
from services.crm_api.contacts import operations as contacts
from services.crm_api.deals.table import deals
from services.crm_api.interactions.table import INTERACTION, interactions
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Statement

_PAST = ("occurred_at", "resolved_at")
_ONLY_FOR = {
    "severity": ("complaint",),
    "justified": ("complaint",),
    "resolution": ("complaint", "service_request"),
    "resolved_at": ("complaint", "service_request"),
    "nps": ("survey_response",),
    "ratings": ("survey_response",),
    "outcome": ("campaign_touch", "offer", "survey_invitation"),
    "decline_reason": ("offer", "campaign_touch"),
    "effective_at": ("cancellation",),
    "event_type": ("life_event",),
}
_DEAL = Statement(
    select(deals.c.id).where(deals.c.id == bindparam("id"), deals.c.deleted_at.is_(None))
)
_PARENT = Statement(
    select(interactions.c.id).where(
        interactions.c.id == bindparam("id"), interactions.c.deleted_at.is_(None)
    )
)


class FieldOfOtherKind(Invalid):
    code, title = "field_of_other_kind", "This kind of interaction does not have that field."


class SeverityMissing(Invalid):
    code, title = "severity_missing", "A complaint needs its severity, set by whoever handles it."


class ReferenceMissing(Invalid):
    code, title = "reference_missing", "A record that this one points to does not exist."


async def _check(
    transaction: Transaction, values: Mapping[str, Any], kind: str, stamp: Stamp
) -> None:
    check_past(values, _PAST, now=stamp.now)
    for name, kinds in _ONLY_FOR.items():
        if values.get(name) not in (None, []) and kind not in kinds:
            message = f"{name} belongs to {' or '.join(kinds)}, not to {kind}."
            raise FieldOfOtherKind(
                message, errors=[FieldError(f"/body/{name}", "field_of_other_kind", message)]
            )
    for name, statement in (("deal_id", _DEAL), ("parent_id", _PARENT)):
        wanted = values.get(name)
        if wanted and await transaction.text(statement, {"id": wanted}) is None:
            message = f"There is no such record as {name} names."
            raise ReferenceMissing(
                message, errors=[FieldError(f"/body/{name}", "unknown", message)]
            )


def _check_severity(kind: str, severity: int | None) -> None:
    if kind == "complaint" and severity is None:
        message = "A complaint needs severity: 1 small, 2 considerable, 3 grave."
        raise SeverityMissing(message, errors=[FieldError("/body/severity", "missing", message)])


async def create_interaction(
    transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
) -> Written:
    """Create an interaction from the fields of `NewInteraction`.

    Raises
    ------
    ContactMissing, ReferenceMissing, FieldOfOtherKind, SeverityMissing, InTheFuture, ExternalRefTaken
        A rule is broken; nothing is written.
    """
    values = dict(given)
    contact_ref = values.pop("contact_ref", None)
    values["contact_id"] = await contacts.resolve_contact(
        transaction, values.get("contact_id"), contact_ref
    )
    row = row_values(values, INTERACTION.money)
    _check_severity(row["kind"], row.get("severity"))
    await _check(transaction, row, row["kind"], stamp)
    return await records.create(transaction, INTERACTION, row, stamp=stamp, personal=personal)


async def change_interaction(
    transaction: Transaction,
    interaction_id: str,
    *,
    given: Mapping[str, Any],
    version: int | None,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Change the given fields of an interaction; its kind and its contact stay.

    Raises
    ------
    NotFound, StaleVersion, ReferenceMissing, FieldOfOtherKind, SeverityMissing, InTheFuture
        A rule is broken; nothing is written.
    """
    current = await records.lock(transaction, INTERACTION, interaction_id, version=version)
    values = row_values(dict(given), INTERACTION.money)
    _check_severity(current["kind"], values.get("severity", current["severity"]))
    await _check(transaction, values, current["kind"], stamp)
    return await records.change(
        transaction, INTERACTION, current, values, stamp=stamp, personal=personal
    )
