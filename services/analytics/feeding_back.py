"""What a refresh does for experiments: closes those that are due before computing, assigns people after."""

from dataclasses import replace
from datetime import datetime

from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.changing import Changes
from services.analytics.computing import Computed, Rules
from services.analytics.experiments.assigning import Today, assign_new
from services.analytics.experiments.closing import Ground, close_due
from services.analytics.experiments.loading import load_feedback
from services.analytics.mirror.snapshot import Snapshot
from services.foundation.database import Database
from services.foundation.statements import Record

PARAMETERS = FeedbackParameters()


async def feed_back(
    database: Database, snapshot: Snapshot, rules: Rules, *, now: datetime
) -> Rules:
    """Close the experiments that are due and return rules that know what they have taught.

    Raises
    ------
    MirrorCorrupt
        The mirror is damaged.
    """
    ground = Ground(
        snapshot,
        rules.as_of,
        rules.as_of_day,
        rules.time_zone,
        rules.base_currency,
        rules.parameters.value.default_margin,
    )
    if not await close_due(database, ground, now=now, parameters=PARAMETERS):
        return rules
    feedback = await load_feedback(database)
    return replace(rules, options=rules.options.informed_by(feedback), feedback=feedback)


async def assign_people(
    database: Database,
    base: Computed,
    changes: Changes | None,
    rules: Rules,
    newest: Record | None,
    *,
    now: datetime,
) -> None:
    """Assign whom running experiments may take in by now, before that is published."""
    touched = None
    if changes is not None:
        touched = frozenset((*changes.changed["unit_id"], *changes.ranks["unit_id"]))
    version = 1 if newest is None else int(newest["number"]) + 1
    await assign_new(
        database,
        base.customers,
        rules.feedback,
        Today(rules.as_of_day, rules.time_zone, rules.base_currency, now, version, touched),
        options=rules.options,
        erased=base.erased,
        parameters=PARAMETERS,
    )
