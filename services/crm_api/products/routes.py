"""The operations on products over HTTP."""

from services.crm_api.products.operations import check_product
from services.crm_api.products.schemas import EXAMPLE, EXAMPLE_PATCH, FIXED, SHAPES, ListProducts
from services.crm_api.products.table import PRODUCT
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite

routes = record_routes(
    satellite(
        PRODUCT,
        SHAPES,
        ListProducts,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        fixed=FIXED,
        check=check_product,
        is_keyed=True,
        on_deletion="Deals, offers and campaigns that name it keep its key.",
    ),
    singular="a product",
)
