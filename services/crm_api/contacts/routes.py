"""The operations on contacts over HTTP."""

from services.crm_api.features import CONTACTS
from services.crm_api.record_routes import record_routes
from services.foundation.links import Link, of_answer

_HERE = {"id": of_answer("id")}
_OF_IT = {"contact_id": of_answer("id")}

routes = record_routes(
    CONTACTS,
    singular="a contact",
    links=(
        Link("get_customer_card", "What to know before a conversation.", _HERE),
        Link("get_timeline", "What happened with it.", _HERE),
        Link("find_duplicates", "Who is likely the same.", _HERE),
        Link("list_consents", "What it said about being contacted.", _HERE),
        Link("record_consent", "Record what it says about being contacted.", _HERE),
        Link("list_interactions", "Its interactions.", _OF_IT),
        Link("create_interaction", "Record an interaction with it.", body=_OF_IT),
        Link("list_deals", "Its deals.", _OF_IT),
        Link("create_deal", "Begin a deal with it.", body=_OF_IT),
    ),
)
