"""The operations on interactions over HTTP."""

from services.crm_api.features import INTERACTIONS
from services.crm_api.record_routes import record_routes
from services.foundation.links import Link, of_answer

_CONTACT = {"id": of_answer("contact_id")}

routes = record_routes(
    INTERACTIONS,
    singular="an interaction",
    links=(
        Link("get_contact", "Read the contact it was with.", _CONTACT),
        Link("get_timeline", "What else happened with the contact.", _CONTACT),
    ),
)
