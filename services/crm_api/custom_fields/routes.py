"""The operations on custom fields over HTTP."""

from services.crm_api.custom_fields.operations import check_definition, check_restored
from services.crm_api.custom_fields.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    FIXED,
    SHAPES,
    ListCustomFields,
)
from services.crm_api.custom_fields.table import CUSTOM_FIELD
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite

routes = record_routes(
    satellite(
        CUSTOM_FIELD,
        SHAPES,
        ListCustomFields,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        fixed=FIXED,
        check=check_definition,
        on_restore=check_restored,
        on_deletion="Values that records have stay and are shown; they can be taken away, but neither "
        "set nor filtered by until the field is restored. If another field is made with its key, what that "
        "one does not take does not come back: restoring, undoing and un-merging answer 409 "
        "`custom_value_outdated`.",
    ),
    singular="a custom field",
)
