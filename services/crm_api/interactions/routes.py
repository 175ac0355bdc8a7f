"""The operations on interactions over HTTP."""

from services.crm_api.features import INTERACTIONS
from services.crm_api.record_routes import record_routes

routes = record_routes(INTERACTIONS, singular="an interaction")
