"""The operations on deals over HTTP."""

from services.crm_api.features import DEALS
from services.crm_api.record_routes import record_routes
from services.foundation.links import Link, of_answer

routes = record_routes(
    DEALS,
    singular="a deal",
    links=(
        Link("get_contact", "Read the contact that buys.", {"id": of_answer("contact_id")}),
        Link("get_board", "The board it is on.", {"pipeline_id": of_answer("pipeline_id")}),
    ),
)
