"""How contacts, interactions and deals reach each other, for filters and `embed`."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.crm_api.contacts.table import CONTACT
from services.crm_api.deals.table import DEAL
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.resources import Resource


@dataclass(frozen=True)
class Relation:
    """Another resource that one level of filters, or `embed`, may reach.

    `mine` and `theirs` are the columns that are equal.
    """

    resource: Resource
    mine: str
    theirs: str


_CONTACT = Relation(CONTACT, mine="contact_id", theirs="id")
RELATIONS: Mapping[str, Mapping[str, Relation]] = {
    "contact": {
        "parent": Relation(CONTACT, mine="parent_id", theirs="id"),
        "deals": Relation(DEAL, mine="id", theirs="contact_id"),
        "interactions": Relation(INTERACTION, mine="id", theirs="contact_id"),
    },
    "interaction": {"contact": _CONTACT},
    "deal": {"contact": _CONTACT},
}
"""The relations of each resource, by its name."""
