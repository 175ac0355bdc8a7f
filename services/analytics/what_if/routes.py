"""Changed facts over HTTP."""

from typing import Annotated

import orjson
from fastapi import Path

from services.analytics.customers.visibility import visible
from services.analytics.what_if.schemas import EXAMPLE, EXAMPLES, WhatIf, WhatIfAnswer
from services.analytics.what_if.showing import show_trial
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("customers")


@routes.add(
    "POST",
    "/customers/{unit_id}/explain-what-if",
    answer=WhatIfAnswer,
    scope="analytics:read",
    localized=True,
    problems=(404, 409),
    summary="See what would differ if a fact were another one",
)
async def explain_what_if(
    call: Call,
    unit_id: Annotated[RecordId, Path(description="The id of the contact in the CRM.")],
    body: Annotated[WhatIf, typical(EXAMPLE, **EXAMPLES)],
) -> Answer:
    """Computes this customer anew with other facts, in the way a refresh does and with the same
    estimates of the base, and compares state, phase, churn, value and what is recommended. Nothing is
    written, neither here nor in the CRM. The facts are changed together; of a customer who objects to
    profiling nothing is computed (409). 503 where the records are not on this machine.
    """
    state = call.app.state
    publication, (published, tried) = await state.publications.read(
        lambda current: state.trials.run(
            call.database,
            current,
            unit_id,
            body.changes,
            catalogue=state.catalogue,
            now=call.now,
        )
    )
    rows = await visible(call, (published, tried.before, tried.after))
    shown = show_trial(
        *(rows[0], rows[1], rows[2]),
        publication,
        options=tried.options,
        catalogue=state.catalogue,
        language=call.language,
    )
    answer = {**publication.about(), **shown, "without_effect": tried.without_effect}
    return Answer(orjson.dumps(answer), headers={"Content-Language": call.language})
