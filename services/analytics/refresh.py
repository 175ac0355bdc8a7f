"""The whole run: read the CRM, keep the mirror, compute, publish."""

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pandas as pd

from services.analytics import store
from services.analytics.calculations.candidates import StrategyOptions
from services.analytics.calculations.report import ModelCard, calculate
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import Catalogue, load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.crm_client import (
    RESOURCES,
    ChangeCursorRejected,
    CrmClient,
    CrmContractBroken,
    CrmUnavailable,
    Limits,
)
from services.analytics.frames.building import Frames, build_frames
from services.analytics.frames.gaps import DataGaps
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.files import RecordChanges
from services.analytics.mirror.snapshot import MirrorCorrupt, Snapshot
from services.analytics.mirror.writer import Mirror
from services.analytics.publishing import NewVersion, publish
from services.analytics.settings import Settings
from services.foundation.database import Database
from services.foundation.statements import Record

CALCULATION = "4"
"""Changes with every release whose numbers differ, so that nothing stays published by mistake."""

# Share of the work done when a stage begins; measured on the demo base and on 1,000,000 customers.
STAGES = {"reading_crm": 0.0, "building_frames": 0.45, "calculating": 0.6, "publishing": 0.75}


class CrmKeyMissing(Exception):
    """The file with the key for the CRM cannot be read."""


_FAILURES = {
    CrmKeyMissing: "crm_key_missing",
    CrmUnavailable: "crm_unavailable",
    CrmContractBroken: "crm_contract_broken",
}
BESIDE = (
    *("unit_id", "kind", "has_active_contract", "has_profiling_objection", "has_open_complaint"),
    "deals_without_fx_rate_count",
)
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

    def read_crm(self, *, is_full: bool) -> Snapshot:
        return read_crm(
            self.mirror, self.settings, is_full=is_full, now=self.clock(), limits=self.limits
        )

    def frames(self, snapshot: Snapshot, as_of: date, catalogue: Catalogue) -> Frames:
        return build_frames(
            snapshot,
            as_of=as_of,
            time_zone=ZoneInfo(self.settings.business_time_zone),
            base_currency=self.settings.base_currency,
            parameters=FrameParameters(
                channel_cost={channel.id: channel.unit_cost for channel in catalogue.channels}
            ),
        )


def _failure(error: Exception) -> str:
    """Name what went wrong: a code of ours, or the kind of an error that nobody expected."""
    for kind, code in _FAILURES.items():
        if isinstance(error, kind):
            return code
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__).lower()


async def _compute(refresh: Record, run: _Run) -> int:
    """Publish a version and return its number; the present one if nothing would differ."""
    settings, now = run.settings, run.clock()
    as_of = refresh["as_of"] or settings.as_of or now.astimezone(
        ZoneInfo(settings.business_time_zone)
    ).date()  # fmt: skip
    await run.tell("reading_crm", STAGES["reading_crm"], as_of=as_of)
    snapshot = run.read_crm(is_full=refresh["is_full"])
    mark = fingerprint(snapshot, as_of, settings)
    newest = await store.newest_version(run.database)
    if newest is not None and newest["fingerprint"] == mark:
        await store.confirm_version(run.database, newest["number"], crm_read_at=now)
        return int(newest["number"])
    await run.tell("building_frames", STAGES["building_frames"])
    catalogue = load_catalogue()
    try:
        frames = run.frames(snapshot, as_of, catalogue)
    except MirrorCorrupt:
        log.warning("the mirror is damaged; the CRM is read anew")
        snapshot = run.read_crm(is_full=True)
        mark = fingerprint(snapshot, as_of, settings)
        frames = run.frames(snapshot, as_of, catalogue)
    await run.tell("calculating", STAGES["calculating"])
    customers, card = compute(frames, options=strategy_options(catalogue))
    await run.tell("publishing", STAGES["publishing"])
    new = NewVersion(
        as_of=as_of,
        currency=settings.base_currency,
        crm_read_at=now,
        mirror_cursor=snapshot.cursor,
        fingerprint=mark,
        model=model_summary(card),
        data_gaps=count_gaps(frames.gaps) | asdict(card.data_gaps),
        summary=total_customers(customers, frames.unconverted),
    )
    return await publish(
        run.database,
        new,
        customers,
        erased=frames.erased,
        now=run.clock(),
    )


def read_crm(
    mirror: Mirror,
    settings: Settings,
    *,
    is_full: bool,
    now: datetime,
    limits: Limits | None = None,
) -> Snapshot:
    """Bring the mirror up to date: by the feed if it can be followed, else by a full export."""
    with CrmClient(settings.crm_base_url, key=_key(settings), limits=limits) as client:
        snapshot = None if is_full else mirror.current()
        if snapshot is not None:
            try:
                return _follow(client, mirror, snapshot, now=now)
            except (ChangeCursorRejected, MirrorCorrupt):
                log.warning("the mirror cannot be continued; the CRM is read anew")
        return _load(client, mirror, now=now)


def _key(settings: Settings) -> str:
    try:
        return settings.key_file.read_text().strip()
    except OSError as error:
        raise CrmKeyMissing(f"{settings.key_file} cannot be read") from error


def _load(client: CrmClient, mirror: Mirror, *, now: datetime) -> Snapshot:
    with TemporaryDirectory(prefix="phasewise-export-") as folder:
        exports = [client.download_export(name, folder=Path(folder)) for name in RESOURCES]
        batches = {export.resource: export.batches() for export in exports}
        return mirror.load(batches, cursor=exports[0].cursor, now=now)


def _follow(client: CrmClient, mirror: Mirror, snapshot: Snapshot, *, now: datetime) -> Snapshot:
    changes = client.follow_changes(snapshot.cursor)
    if not changes.is_complete:
        return _load(client, mirror, now=now)
    if changes.cursor == snapshot.cursor:
        return snapshot
    changed = {
        name: RecordChanges(ids, client.fetch_records(name, ids))
        for name, ids in changes.ids.items()
        if ids
    }
    return mirror.apply(snapshot, changed, cursor=changes.cursor, now=now)


def fingerprint(snapshot: Snapshot, as_of: date, settings: Settings) -> str:
    """Name everything that the numbers depend on."""
    parts = [
        CALCULATION,
        snapshot.cursor,
        snapshot.row_counts,
        as_of,
        settings.base_currency,
        settings.business_time_zone,
    ]
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(text).hexdigest()


def compute(frames: Frames, *, options: StrategyOptions) -> tuple[pd.DataFrame, ModelCard]:
    """Calculate all customers and put at their side what is stored beside the numbers."""
    report = calculate(frames.units, frames.deals, as_of_day=frames.as_of_day, options=options)
    beside = pd.concat([frames.units[list(BESIDE)], frames.evidence], axis=1)
    return report.customers.join(beside), report.card


def count_gaps(gaps: DataGaps) -> dict[str, int]:
    return {item.name: getattr(gaps, item.name).count for item in fields(gaps)}


def model_summary(card: ModelCard) -> dict[str, object]:
    """Return what the summary shows of the model."""
    fit = card.purchase_fit
    return {
        "basis": fit.basis,
        **asdict(fit.model),
        "log_likelihood": fit.log_likelihood,
        "customer_count": card.customer_count,
        "repeat_buyer_count": card.repeat_buyer_count,
        "purchase_count": card.purchase_count,
    }
