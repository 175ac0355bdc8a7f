"""The operations on contacts over HTTP."""

from services.crm_api.features import CONTACTS
from services.crm_api.record_routes import record_routes

routes = record_routes(CONTACTS, singular="a contact")
