"""Says how a customer can be reached: channels, contact pressure, and why not."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from services.analytics.calculations.reach.channels import channel_quality, unpack_barriers
from services.analytics.calculations.reach.parameters import BARRIERS
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.catalogue.options import addressable_channels, reach_parameters
from services.analytics.texts import reason_text

_WHY_NOT = {
    "not_active": "R_CHANNEL_NOT_ACTIVE",
    "refused": "R_CHANNEL_REFUSED",
    "no_address": "R_CHANNEL_NO_ADDRESS",
    "consent_pending": "R_CHANNEL_CONSENT_PENDING",
    "no_consent": "R_CHANNEL_NO_CONSENT",
}


def contact_of(
    row: Mapping[str, Any], *, as_of: date, catalogue: Catalogue, language: Language
) -> dict[str, Any] | None:
    """Return who is addressed, over which channels and how often; None where it was not computed."""
    if row.get("channel_barriers") is None:
        return None
    channels = list(_channels(row, catalogue, language))
    cap, used, wait = row["cap_30"], row["touches_30"], row["wait_days"]
    is_allowed = wait == 0
    reasons = []
    if not any(channel["allowed"] for channel in channels):
        reasons.append(_reason("R_NO_CONSENT", {}, catalogue, language))
    if not is_allowed:
        params = {"used": used, "cap": cap, "days": wait}
        reasons.append(_reason("R_CAP", params, catalogue, language))
    return {
        "person_id": row["person"] or row["unit_id"],
        "language": row["language"],
        "style": row["style"],
        "preferred_channel": row["preferred_channel"],
        "channels": channels,
        "pressure": {
            "used": used,
            "cap": cap,
            "allowed": is_allowed,
            "next_possible_on": (as_of + timedelta(days=wait)).isoformat(),
        },
        "must_answer_interaction_id": row["must_answer_interaction"],
        "reasons": reasons,
    }


def _channels(
    row: Mapping[str, Any], catalogue: Catalogue, language: Language
) -> Iterator[dict[str, Any]]:
    known = addressable_channels(catalogue)
    ids = [channel.id for channel in known]
    (codes,) = unpack_barriers(np.array([row["channel_barriers"]]), channel_count=len(ids))
    touches, responses = (
        np.array([[row[f"{kind}_count_{name}"] or 0 for name in ids]])
        for kind in ("touch", "response")
    )
    preferred = row["preferred_channel"]
    found = channel_quality(
        responses,
        touches,
        (codes == 0)[None, :],
        np.array([ids.index(preferred) if preferred in ids else -1]),
        base_response=np.array([channel.base_response for channel in known]),
        parameters=reach_parameters(catalogue),
    )
    for place, channel in enumerate(known):
        barrier = BARRIERS[int(codes[place])]
        is_allowed = barrier == "allowed"
        yield {
            "channel": channel.id,
            "label": channel.name(language),
            "allowed": is_allowed,
            "response_rate": float(found.response_rate[0, place]),
            "quality": float(found.quality[0, place]) if is_allowed else None,
            "why_not": None if is_allowed else _reason(_WHY_NOT[barrier], {}, catalogue, language),
        }


def _reason(
    code: str, params: Mapping[str, Any], catalogue: Catalogue, language: Language
) -> dict[str, str]:
    return {
        "code": code,
        "text": reason_text(code, params, catalogue=catalogue, language=language),
    }
