"""The rules of campaign members."""

from sqlalchemy import bindparam, select

from services.crm_api.campaign_members.table import campaign_members
from services.crm_api.campaigns.table import campaigns
from services.crm_api.contacts import finding
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, Invalid
from services.foundation.statements import Record, Statement

_CAMPAIGN = Statement(
    select(campaigns.c.id).where(
        campaigns.c.id == bindparam("id"), campaigns.c.deleted_at.is_(None)
    )
)
_members = campaign_members.c
_MEMBER = Statement(
    select(_members.id).where(
        _members.campaign_id == bindparam("campaign_id"),
        _members.contact_id == bindparam("contact_id"),
        _members.deleted_at.is_(None),
    )
)


class CampaignMissing(Invalid):
    code, title = "campaign_missing", "The campaign does not exist."


class MemberAlready(Conflict):
    code, title = "member_already", "The contact is in the campaign already."


async def check_member(
    transaction: Transaction, after: Record, values: Record, /, *, stamp: Stamp
) -> None:
    """Refuse members of no campaign, unknown contacts and second memberships.

    Raises
    ------
    ContactMissing, CampaignMissing, MemberAlready, InTheFuture
        A rule is broken.
    """
    check_past(values, ["joined_at"], now=stamp.now)
    if after["joined_at"] is None:
        values["joined_at"] = after["joined_at"] = stamp.now
    if "campaign_id" not in values:
        return
    contact_id, _ = await finding.require(transaction, "contact_id", after["contact_id"])
    values["contact_id"] = after["contact_id"] = contact_id
    if await transaction.text(_CAMPAIGN, {"id": after["campaign_id"]}) is None:
        message = f"There is no campaign {after['campaign_id']}."
        raise CampaignMissing(message, errors=[FieldError("/body/campaign_id", "unknown", message)])
    member = await transaction.first(_MEMBER, after)
    if member is not None and member["id"] != after["id"]:
        raise MemberAlready(extra={"existing_id": member["id"]})


async def check_restored(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Refuse to restore a member whose campaign or contact is gone, or who joined again meanwhile.

    Raises
    ------
    ContactMissing, CampaignMissing, MemberAlready
        A rule is broken.
    """
    row = dict(current)
    await check_member(transaction, row, row, stamp=stamp)
    if row["contact_id"] != current["contact_id"]:  # merged since
        message = f"There is no contact {current['contact_id']}."
        fault = FieldError("/body/contact_id", "unknown", message)
        raise finding.ContactMissing(message, errors=[fault])
