"""The whole run: read the CRM, keep the mirror, compute, publish."""

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any

import orjson
import pandas as pd

from services.analytics import store
from services.analytics.backtesting import card_of, known_at
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.quality import quality_document
from services.analytics.calculations.standing.summary import standing_summary
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import CatalogueError, load_catalogue
from services.analytics.catalogue.options import options_document
from services.analytics.changing import compute_changes
from services.analytics.computing import (
    Rules,
    compute_base,
    decided_by,
    estimate_base,
    rules_of,
    sample_part,
)
from services.analytics.crm_client import CrmContractBroken, CrmUnavailable, Limits
from services.analytics.crm_reading import CrmKeyMissing, Reading, ask_gone, read_crm
from services.analytics.decisions.automatic import load_decided
from services.analytics.decisions.noticing import settle_decisions
from services.analytics.estimates_file import (
    CALCULATION,
    estimates_made_for,
    name_estimates,
    read_estimates,
    write_estimates,
)
from services.analytics.experiments.loading import load_feedback
from services.analytics.feeding_back import assign_people, feed_back
from services.analytics.forgetting import forget_gone
from services.analytics.frame_files import FrameFiles
from services.analytics.frames.cases import case_marks
from services.analytics.frames.product_list import read_product_names
from services.analytics.learning import learn_churn
from services.analytics.ledger import Mark, read_ledger, remember, write_ledger
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror
from services.analytics.plans.operations import forget_units
from services.analytics.publishing import NewVersion, publish, publish_changes
from services.analytics.settings import Settings
from services.analytics.termination_cases.feeding import load_cases, open_units, settle_cases
from services.analytics.termination_fairness.counting import count_fairness, languages_of
from services.foundation.database import Database
from services.foundation.statements import Record

# Share of the work done when a stage begins; measured on the demo base and on 1,000,000 customers.
STAGES = {
    "reading_crm": 0.0,
    "estimating": 0.3,
    "calculating": 0.45,
    "publishing": 0.7,
    "looking_back": 0.9,
}


_FAILURES = {
    CrmKeyMissing: "crm_key_missing",
    CrmUnavailable: "crm_unavailable",
    CrmContractBroken: "crm_contract_broken",
    CatalogueError: "catalogue_overlay_invalid",
}
Tell = Callable[..., Awaitable[None]]

log = logging.getLogger("phasewise")


async def run_refresh(
    refresh: Record,
    *,
    database: Database,
    settings: Settings,
    clock: Callable[[], datetime],
    show: Callable[[str, float], None],
    mirror: Mirror,
    limits: Limits | None = None,
) -> Record:
    """Run one refresh to its end and return its record; a failure is recorded, not raised.

    `mirror` is one whose context was entered: its lock says that nobody else refreshes.
    """
    await store.fail_interrupted(database, now=clock())
    refresh = await store.set_refresh(database, refresh, status="running", started_at=clock())

    async def tell(stage: str, progress: float, **more: Any) -> None:
        nonlocal refresh
        show(stage, progress)
        refresh = await store.set_refresh(database, refresh, stage=stage, progress=progress, **more)

    try:
        run = _Run(mirror, database, settings, clock, tell, limits)
        version = await _compute(refresh, run)
    except Exception as error:
        code = _failure(error)
        log.warning("refresh failed", extra={"fields": {"failure": code}}, exc_info=True)
        return await store.set_refresh(
            database, refresh, status="failed", failure=code, finished_at=clock()
        )
    return await store.set_refresh(
        database,
        refresh,
        status="succeeded",
        stage="done",
        progress=1.0,
        version=version,
        finished_at=clock(),
    )


@dataclass(frozen=True)
class _Run:
    mirror: Mirror
    database: Database
    settings: Settings
    clock: Callable[[], datetime]
    tell: Tell
    limits: Limits | None

    def read_crm(self, *, is_full: bool) -> Reading:
        return read_crm(
            self.mirror, self.settings, is_full=is_full, now=self.clock(), limits=self.limits
        )

    def ask_gone(self, ids: Collection[str]) -> frozenset[str]:
        return ask_gone(self.settings, ids, limits=self.limits)


def _failure(error: Exception) -> str:
    """Name what went wrong: a code of ours, or the kind of an error that nobody expected."""
    for kind, code in _FAILURES.items():
        if isinstance(error, kind):
            return code
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__).lower()


async def _compute(refresh: Record, run: _Run) -> int:
    """Read the CRM, publish what follows from it, and forget who is gone; returns the version."""
    settings, now = run.settings, run.clock()
    last = await store.last_finished(run.database)
    as_of = refresh["as_of"] or settings.day_at(now)
    await run.tell("reading_crm", STAGES["reading_crm"], as_of=as_of)
    reading = run.read_crm(is_full=refresh["is_full"])
    reading, number = await _computed(refresh, reading, run, as_of=as_of, now=now)
    # After a failure the mirror may be ahead of what was forgotten.
    is_whole = last is None or last["status"] != "succeeded"
    await forget_gone(run.database, reading, is_whole=is_whole, ask=run.ask_gone, now=now)
    return number


async def _computed(
    refresh: Record, reading: Reading, run: _Run, *, as_of: date, now: datetime
) -> tuple[Reading, int]:
    """Publish a version of what was read, and return both; the present one if nothing differs.

    Read is once more, and all, if the mirror is damaged.
    """
    settings = run.settings
    feedback = await load_feedback(run.database)
    catalogue = load_catalogue(settings.catalogue_overlay)
    rules = rules_of(settings, catalogue, as_of=as_of, feedback=feedback)
    await settle_decisions(
        run.database, reading.snapshot, rules.time_zone, now=now, refresh_id=refresh["id"]
    )
    rules = replace(
        rules,
        decided=await load_decided(run.database, now=now),
        cases=await load_cases(run.database, as_of=as_of),
    )
    newest = await store.newest_version(run.database)
    mark = fingerprint(reading.snapshot, rules)
    if newest is not None and newest["fingerprint"] == mark and newest["model_card"] is not None:
        await store.confirm_version(run.database, newest["number"], crm_read_at=now)
        return reading, int(newest["number"])
    try:
        with FrameFiles(settings.data_dir) as kept:
            return reading, await _publish(reading, rules, newest, run, kept)
    except MirrorCorrupt:
        log.warning("the mirror is damaged; the CRM is read anew")
    reading = run.read_crm(is_full=True)
    with FrameFiles(settings.data_dir) as kept:
        return reading, await _publish(reading, rules, newest, run, kept)


async def _publish(
    reading: Reading, rules: Rules, newest: Record | None, run: _Run, kept: FrameFiles
) -> int:
    """Compute what has changed if that is known and little, else everything; and publish it."""
    snapshot, data_dir = reading.snapshot, run.settings.data_dir
    rules = await feed_back(run.database, snapshot, rules, now=run.clock())
    made_for = estimates_made_for(rules)
    size = rules.parameters.churn.sample_size
    sample = cache(lambda: sample_part(snapshot, rules, size=size, kept=kept))
    estimates = read_estimates(data_dir, made_for=made_for)
    if estimates is not None and not is_usable(estimates, rules, snapshot, run.settings):
        estimates = None
    if estimates is None:
        await run.tell("estimating", STAGES["estimating"])
        estimates = estimate_base(snapshot, rules, kept=kept)
        churn = learn_churn(sample(), rules, estimates)
        estimates = replace(estimates, churn=churn)
        write_estimates(data_dir, estimates, made_for=made_for)
        card = None
    else:
        card = None if newest is None else newest["model_card"]
    await run.tell("calculating", STAGES["calculating"])
    read_on = snapshot.loaded_at.astimezone(rules.time_zone).date()
    # Of other estimates every number is another one, however little has changed.
    depends_on = (
        f"{made_for} {rules.as_of} {read_on} {name_estimates(data_dir)} {options_mark(rules)}"
        f" {rules.feedback.mark}"
    )
    mark = Mark(0, snapshot.cursor, depends_on)
    ledger = read_ledger(data_dir)
    changes = None
    if ledger is not None and newest is not None and reading.before is not None:
        expected = Mark(newest["number"], reading.before.cursor, mark.rules)
        if ledger.mark == expected:
            changes = compute_changes(reading, ledger, rules, estimates)
    base = changes.base if changes else compute_base(snapshot, rules, estimates, kept=kept)
    await assign_people(run.database, base, changes, rules, newest, now=run.clock())
    await run.tell("publishing", STAGES["publishing"])
    new = NewVersion(
        as_of=rules.as_of,
        currency=rules.base_currency,
        crm_read_at=snapshot.loaded_at,
        mirror_cursor=snapshot.cursor,
        fingerprint=fingerprint(snapshot, rules),
        model=model_summary(estimates, base.customers["purchase_count"]),
        data_gaps=quality_document(base.quality),
        summary=total_customers(base.customers, base.unconverted),
        standing=standing_summary(base.customers, erased=base.erased),
        model_card=card,
        options=options_document(rules.options),
        termination_fairness=count_fairness(snapshot, base, rules),
        products=read_product_names(snapshot),
    )
    options: dict[str, Any] = {"erased": base.erased, "now": run.clock()}
    if changes:
        number = await publish_changes(
            run.database, new, changes.changed, changes.ranks, changes.removed, **options
        )
    else:
        number = await publish(run.database, new, base.customers, **options)
    remembered = remember(
        base,
        replace(mark, version=number),
        decided=decided_by(rules),
        cases=case_marks(rules.cases),
    )
    write_ledger(data_dir, remembered)
    await _settle_cases(snapshot, run)
    await forget_units(run.database, base.erased)
    if card is None:
        # Numbers come first: looking back takes longer than computing them on a small base.
        await run.tell("looking_back", STAGES["looking_back"])
        card = card_of(
            estimates,
            base.customers,
            known_at(sample(), rules),
            parameters=rules.parameters,
            as_of_day=rules.as_of_day,
            currency=rules.base_currency,
            left_out={name: found.count for name, found in base.quality.findings.items()},
        )
        await store.set_model_card(run.database, number, card)
    return number


async def _settle_cases(snapshot: Snapshot, run: _Run) -> None:
    """Let termination cases know what is published now, and the language of their customers."""
    newest = await store.newest_version(run.database)
    units = await open_units(run.database)
    if newest is not None and units:
        languages = languages_of(snapshot, units)
        await settle_cases(run.database, newest, languages=languages, now=run.clock())


def is_usable(estimates: Estimates, rules: Rules, snapshot: Snapshot, settings: Settings) -> bool:
    """Tell whether kept estimates still hold: for a week, and in large bases only.

    A base that is estimated in a moment is always estimated anew.
    """
    age_days = rules.as_of_day - estimates.as_of_day
    is_large = snapshot.row_counts["contacts"] >= settings.estimates_kept_from_contacts
    return is_large and 0 <= age_days < settings.estimates_kept_days


def fingerprint(snapshot: Snapshot, rules: Rules) -> str:
    """Name everything that the numbers depend on."""
    parts = [
        CALCULATION,
        snapshot.cursor,
        snapshot.row_counts,
        rules.as_of,
        rules.base_currency,
        rules.time_zone.key,
        rules.parameters.rhythm.family,
        options_mark(rules),
        sorted(decided_by(rules)),
        case_marks(rules.cases),
        rules.feedback.mark,
        rules.catalogue_mark,
    ]
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(text).hexdigest()


def options_mark(rules: Rules) -> str:
    """Name everything that can be recommended, with effects and experiments."""
    return hashlib.sha256(repr(rules.options).encode()).hexdigest()


def model_summary(estimates: Estimates, purchase_count: pd.Series) -> dict[str, Any]:
    """Return what the summary shows of the model."""
    fit = estimates.purchase_fit
    return {
        "family": fit.family,
        "basis": fit.basis,
        "parameters": asdict(fit)["model"],
        "log_likelihood": fit.log_likelihood,
        "customer_count": int((purchase_count > 0).sum()),
        "repeat_buyer_count": int((purchase_count > 1).sum()),
        "purchase_count": int(purchase_count.sum()),
    }
