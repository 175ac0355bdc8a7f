"""Facts of who may be reached, changed on trial: consents, style, the wish to be left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans
from services.analytics.calculations.reach.channels import (
    CONSENTS,
    Codes,
    channel_barriers,
    channel_quality,
    pack_barriers,
    unpack_barriers,
)
from services.analytics.calculations.reach.parameters import BARRIERS, ReachParameters
from services.analytics.calculations.what_if.known import Known

_OF_PRESSURE = ("cap_30", "wait_days", "pressure_allowed", "pressure_ok")
_REFUSED, _NOT_ACTIVE = BARRIERS.index("refused"), BARRIERS.index("not_active")


def change_consent(
    known: Known,
    *,
    channel: str,
    purpose: Literal["marketing", "survey"],
    granted: bool,
    parameters: ReachParameters,
) -> Known:
    """Grant or withdraw the consent to a channel for a purpose, of the person that is addressed.

    A consent given over one channel says nothing of the others. Whoever withdraws one counts as having
    asked for no contact if no channel is left. Marketing that is refused bars surveys over the channel, too,
    until they are granted. Source: domain specification 6.3, § 7 UWG.
    """
    place = [each.id for each in parameters.channels].index(channel)
    before, own = _barriers(known, parameters), _barriers(known, parameters, of="survey_barriers")
    after = (own if purpose == "survey" else before).copy()
    rule = parameters.channels[place]
    has_address = known.reach[f"service_{channel}"].to_numpy(dtype=np.bool_)
    consent = np.full(
        (len(before), 1), CONSENTS.index("granted" if granted else "refused"), np.int8
    )
    after[:, place] = channel_barriers(
        consent, has_address[:, None], before[:, place] != _NOT_ACTIVE, channels=(rule,)
    )[:, 0]
    is_new = purpose == "survey" and bool((after != own).any())
    own = after if is_new else own
    may_ask = (own[:, place] == 0) & (granted or purpose == "survey")
    is_asked = known.reach[f"survey_{channel}"].to_numpy(dtype=np.bool_)
    if is_new or (may_ask != is_asked).any():
        known = known.with_reach(
            **{f"survey_{channel}": may_ask}, survey_barriers=pack_barriers(own)
        )
    if purpose == "survey" or (after == before).all():
        return known
    asked = known.reach["asked_no_contact"].to_numpy(dtype=np.bool_, na_value=False)
    is_left = (after == 0).any(axis=1)
    asked_no_contact = asked & ~is_left if granted else asked | ~is_left
    return _with_barriers(known, after, parameters).with_reach(asked_no_contact=asked_no_contact)


def ask_no_contact(known: Known, *, parameters: ReachParameters) -> Known:
    """Let the person refuse advertising and surveys over every channel; service stays possible."""
    before = _barriers(known, parameters)
    after = np.where(before == _NOT_ACTIVE, before, _REFUSED)
    surveys = {f"survey_{channel.id}": False for channel in parameters.channels}
    asks_nothing = not known.reach[list(surveys)].any(axis=None)
    has_asked = known.reach["asked_no_contact"].fillna(False).all()
    if (after == before).all() and has_asked and asks_nothing:
        return known
    return _with_barriers(known, after, parameters).with_reach(
        asked_no_contact=True, survey_barriers=pack_barriers(after), **surveys
    )


def change_style(
    known: Known, *, style: Literal["brief", "normal", "extensive"], pressure: pd.DataFrame
) -> Known:
    """Let the person like it so; how often it may be addressed follows.

    Parameters
    ----------
    pressure
        The reach of the same units, read with the cap of that style for all of them.
    """
    reach = known.reach
    if (reach["style"] == style).all():
        return known
    words = reach["style"].cat.add_categories(
        [] if style in reach["style"].cat.categories else [style]
    )
    changed = replace(known, reach=reach.assign(style=words))
    return changed.with_reach(
        style=style,
        brief_style=style == "brief",
        **{name: pressure[name].to_numpy() for name in _OF_PRESSURE},
    )


def _barriers(known: Known, parameters: ReachParameters, *, of: str = "channel_barriers") -> Codes:
    """Read what bars marketing, or what that names; codes of `BARRIERS`, shape (units, channels)."""
    return unpack_barriers(known.reach[of].to_numpy(), channel_count=len(parameters.channels))


def _with_barriers(known: Known, barriers: Codes, parameters: ReachParameters) -> Known:
    """Put other barriers in place, with all that follows from them."""
    reach, channels = known.reach, parameters.channels
    ids = [channel.id for channel in channels]
    allowed: Booleans = barriers == 0
    touches, responses = (
        np.column_stack([reach[f"{kind}_count_{name}"].to_numpy() for name in ids])
        for kind in ("touch", "response")
    )
    preferred = np.array(
        [ids.index(each) if each in ids else -1 for each in reach["preferred_channel"]]
    )
    quality = channel_quality(
        responses,
        touches,
        allowed,
        preferred,
        base_response=np.array([channel.base_response for channel in channels]),
        parameters=parameters,
    ).quality
    return known.with_reach(
        channel_barriers=pack_barriers(barriers),
        addressable=allowed.any(axis=1),
        **{f"quality_{name}": quality[:, place] for place, name in enumerate(ids)},
    )
