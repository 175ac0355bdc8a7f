"""A contact, a deal and a move on the board, with the client that openapi-python-client generates."""

import os
import sys
from uuid import UUID

from analytics_client import AuthenticatedClient as AnalyticsClient
from analytics_client.api.customers import get_customer, list_customers
from analytics_client.models import CustomerPage
from crm_client import AuthenticatedClient
from crm_client.api.contacts import create_contact, get_customer_card, list_contacts, patch_contact
from crm_client.api.deals import create_deal, get_board, patch_deal
from crm_client.models import (
    Board,
    Contact,
    ContactPage,
    ContactPatch,
    CustomerCard,
    Deal,
    DealPatch,
    Money,
    MoneyCurrency,
    NewContact,
    NewContactKind,
    NewDeal,
    Problem,
)


def contact_and_board(client: AuthenticatedClient) -> None:
    new = NewContact(kind=NewContactKind.PERSON, name="Carla Vogel", tags=["vip"])
    made = create_contact.sync(client=client, body=new)
    assert isinstance(made, Contact), made
    page = list_contacts.sync(client=client, q="Vogel", limit=5)
    assert isinstance(page, ContactPage) and made.id in [item.id for item in page.items], page
    patch = ContactPatch(city="Köln")
    changed = patch_contact.sync(id=made.id, client=client, body=patch, if_match='"1"')
    assert isinstance(changed, Contact) and (changed.version, changed.city) == (2, "Köln")
    stale = patch_contact.sync(id=made.id, client=client, body=patch, if_match='"1"')
    assert isinstance(stale, Problem) and stale.code == "stale_version", stale
    euros = Money(amount="99.90", currency=MoneyCurrency.EUR)
    deal = create_deal.sync(client=client, body=NewDeal(contact_id=made.id, amount=euros))
    assert isinstance(deal, Deal) and deal.stage == "new", deal
    move = DealPatch(stage="proposal")
    moved = patch_deal.sync(id=deal.id, client=client, body=move, if_match='"1"')
    assert isinstance(moved, Deal) and moved.stage == "proposal", moved
    board = get_board.sync(client=client, contact_id=[made.id])
    assert isinstance(board, Board)
    assert {column.key: column.count for column in board.columns}["proposal"] == 1
    card = get_customer_card.sync(id=made.id, client=client)
    assert isinstance(card, CustomerCard) and card.open_deals[0].id == deal.id, card


def best_customers(client: AnalyticsClient) -> None:
    page = list_customers.sync(client=client, limit=3)
    assert isinstance(page, CustomerPage) and len(page.items) == 3, page
    one = get_customer.sync(unit_id=UUID(str(page.items[0].unit_id)), client=client)
    assert one is not None and one.unit_id == page.items[0].unit_id, one


if __name__ == "__main__":
    crm_url, crm_key = os.environ["CRM_URL"], os.environ["CRM_KEY"]
    contact_and_board(AuthenticatedClient(base_url=crm_url, token=crm_key))
    analytics_url, analytics_key = os.environ["ANALYTICS_URL"], os.environ["ANALYTICS_KEY"]
    best_customers(AnalyticsClient(base_url=analytics_url, token=analytics_key))
    sys.stdout.write("the Python clients work\n")
