"""The operations on deals over HTTP."""

from services.crm_api.features import DEALS
from services.crm_api.record_routes import record_routes
from services.foundation.links import Link, answered

routes = record_routes(
    DEALS,
    singular="a deal",
    links=(
        Link("get_contact", "Read the contact that buys.", {"id": answered("contact_id")}),
        Link("get_board", "The board it is on.", {"pipeline_id": answered("pipeline_id")}),
    ),
)
