"""The operations on SWOT items over HTTP."""

from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite
from services.crm_api.swot_items.operations import check_swot_item
from services.crm_api.swot_items.schemas import EXAMPLE, EXAMPLE_PATCH, SHAPES, ListSwotItems
from services.crm_api.swot_items.table import SWOT_ITEM

routes = record_routes(
    satellite(
        SWOT_ITEM,
        SHAPES,
        ListSwotItems,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        check=check_swot_item,
    ),
    singular="a SWOT item",
)
