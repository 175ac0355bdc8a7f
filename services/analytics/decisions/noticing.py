"""What a refresh notices of decisions: interactions that were done in the CRM, and deadlines."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from services.analytics.decisions import automatic
from services.analytics.decisions.steps import Actor
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.snapshot import Snapshot
from services.foundation.database import Database

log = logging.getLogger("phasewise")


async def settle_decisions(
    database: Database, snapshot: Snapshot, time_zone: ZoneInfo, *, now: datetime, refresh_id: str
) -> None:
    """Bring decisions up to date: first what was done, then what was not done in time.

    The mirror holds no planned interaction, so one that is in it was done.
    """
    actor = Actor.system(now=now, request_id=refresh_id)
    planned = await automatic.planned_interactions(database)
    if planned:
        ids = pa.array(sorted(planned), pa.string())
        try:
            found = snapshot.find("interactions", ids, ["id", "occurred_at"]).to_pylist()
        except MirrorCorrupt:
            log.warning("the mirror is damaged; what was done is noticed by the next refresh")
            return
        done = {planned[row["id"]]: (row["id"], row["occurred_at"]) for row in found}
        await automatic.note_done(database, done, actor=actor)
    await automatic.expire_due(database, today=now.astimezone(time_zone).date(), actor=actor)
    await automatic.delete_old(database, now=now)
