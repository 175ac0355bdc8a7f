"""The operations on deals over HTTP."""

from services.crm_api.features import DEALS
from services.crm_api.record_routes import record_routes

routes = record_routes(DEALS, singular="a deal")
