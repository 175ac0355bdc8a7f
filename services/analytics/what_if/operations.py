"""Tries changed facts on a customer of the published version; reads alone, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.computing import rules_of
from services.analytics.customers.operations import find_customer
from services.analytics.decisions.automatic import load_decided
from services.analytics.experiments.loading import load_feedback
from services.analytics.publication import Publication
from services.analytics.settings import Settings
from services.analytics.termination_cases.feeding import load_cases
from services.analytics.turns import Busy, Turns
from services.analytics.what_if.computing import Tried, try_changes
from services.analytics.what_if.schemas import Change, Purchased
from services.foundation.database import Database
from services.foundation.problems import Conflict, invalid
from services.foundation.statements import Record
from shared.money import to_minor

_MOST_WAITING = 8


class TrialsBusy(Busy):
    code = "trials_busy"
    title = "Many trials are being computed at this moment. Try again soon."


class ProfilingObjection(Conflict):
    code = "profiling_objection"
    title = "This customer objects to profiling, so nothing is computed about it."


class Trials:
    """Computes trials beside the event loop, one at a time: each takes a moment of a processor."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turns = Turns(at_once=1, most_waiting=_MOST_WAITING, busy=TrialsBusy)

    async def run(
        self,
        database: Database,
        publication: Publication,
        unit_id: str,
        changes: Sequence[Change],
        *,
        catalogue: Catalogue,
        now: datetime,
    ) -> tuple[Record, Tried]:
        """Return the published row of a customer, and how it would be before and after the changes.

        Raises
        ------
        Invalid
            An amount has more decimals than the base currency.
        CustomerMissing
            It is not in the published version.
        ProfilingObjection
            Nothing may be computed about it.
        NothingToCompute
            The mirror or the estimates are missing here.
        TrialsBusy
            Too many wait already.
        Superseded
            The published version is not the newest any more.
        """
        row = await find_customer(database, publication, unit_id)
        if row["recommendation_basis"] == "profiling_objection":
            raise ProfilingObjection()
        _check_amounts(changes, publication.currency)
        as_of = publication.version["as_of"]
        rules = rules_of(
            self._settings, catalogue, as_of=as_of, feedback=await load_feedback(database)
        )
        rules = replace(
            rules,
            decided=await load_decided(database, now=now),
            cases=await load_cases(database, as_of=as_of),
        )
        work = partial(
            try_changes,
            unit_id,
            changes,
            data_dir=self._settings.data_dir,
            version=publication.version,
            rules=rules,
        )
        return row, await self._turns.run(work)


def _check_amounts(changes: Sequence[Change], currency: str) -> None:
    for place, change in enumerate(changes):
        if isinstance(change, Purchased):
            try:
                to_minor(Decimal(change.amount), currency)
            except ValueError as error:
                pointer = f"/body/changes/{place}/amount"
                raise invalid(pointer, "too_many_decimals", str(error)) from None
