"""The operations on pipelines over HTTP."""

from services.crm_api.pipelines.operations import check_pipeline, check_unused
from services.crm_api.pipelines.schemas import EXAMPLE, EXAMPLE_PATCH, FIXED, SHAPES, ListPipelines
from services.crm_api.pipelines.table import PIPELINE
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite
from services.foundation.links import Link, of_answer

routes = record_routes(
    satellite(
        PIPELINE,
        SHAPES,
        ListPipelines,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        fixed=FIXED,
        check=check_pipeline,
        is_keyed=True,
        on_trash=check_unused,
        on_deletion="One that holds deals is refused with 409.",
    ),
    singular="a pipeline",
    links=(Link("get_board", "Read it as a board.", {"pipeline_id": of_answer("key")}),),
)
