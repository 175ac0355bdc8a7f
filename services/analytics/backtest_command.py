"""The command `backtest`: bring the mirror up to date, look back, write text or JSON."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Literal

import orjson

from services.analytics.backtest_text import backtest_text
from services.analytics.backtesting import (
    MODELS,
    backtest_base,
    known_at,
)
from services.analytics.calculations.backtest.card import backtest_document
from services.analytics.calculations.backtest.origins import (
    BacktestParameters,
    HistoryTooShort,
    OriginOutside,
)
from services.analytics.calculations.backtest.verdict import day_of
from services.analytics.catalogue.catalogue import Language, load_catalogue
from services.analytics.computing import rules_of
from services.analytics.crm_client import CrmContractBroken, CrmUnavailable, Limits
from services.analytics.crm_reading import CrmKeyMissing, read_crm
from services.analytics.frames.clock import day_number
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror, MirrorLocked
from services.analytics.model_cards.operations import describe_backtest
from services.analytics.settings import Settings

Say = Callable[[str], None]
# Somebody is waiting, and the mirror will do: do not ask a CRM that is down for long.
_IMPATIENT = Limits(attempts=3)


class BacktestImpossible(Exception):
    """There is nothing to look back on, or not as asked; the message says what to do."""


def backtest(
    settings: Settings,
    *,
    as_of: date | None,
    model: str | None,
    horizon_days: int | None,
    origins: Sequence[date],
    origin_count: int,
    form: Literal["text", "json"],
    language: Language,
    now: datetime,
    say: Say,
    limits: Limits | None = None,
) -> str:
    """Run a backtest and return what is printed; a bad verdict is a result like any other.

    Raises
    ------
    BacktestImpossible
        There is no data, or too little history for what was asked.
    """
    if model is not None and model not in MODELS:
        raise BacktestImpossible(f"there is no model {model}; there are: {', '.join(MODELS)}")
    catalogue = load_catalogue(settings.catalogue_overlay)
    day = as_of or settings.day_at(now)
    try:
        with Mirror(settings.data_dir) as mirror:
            snapshot = _up_to_date(mirror, settings, now=now, say=say, limits=limits)
            rules = rules_of(settings, catalogue, as_of=day)
            found = backtest_base(
                known_at(snapshot, rules),
                as_of_day=day_number(day),
                currency=settings.base_currency,
                parameters=rules.parameters,
                chosen=model,
                horizon_days=horizon_days,
                origin_days=[day_number(each) for each in origins],
                backtest=BacktestParameters(origin_count=origin_count),
            )
    except MirrorLocked:
        raise BacktestImpossible("a refresh is running; try again when it has ended") from None
    except MirrorCorrupt:
        raise BacktestImpossible(
            "the mirror is damaged; run: python -m services.analytics refresh --full"
        ) from None
    except HistoryTooShort as error:
        raise BacktestImpossible(_too_short(error, day)) from None
    except OriginOutside as error:
        raise BacktestImpossible(
            f"{day_of(error.day)} cannot be looked back from: it needs a purchase before and the "
            f"whole horizon after it; days from {day_of(error.first_day)} to "
            f"{day_of(error.last_day)} do"
        ) from None
    document = backtest_document(found)
    if form == "json":
        shown = describe_backtest(document, catalogue=catalogue, language=language)
        return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n"
    return backtest_text(document, catalogue=catalogue, language=language)


def _up_to_date(
    mirror: Mirror, settings: Settings, *, now: datetime, say: Say, limits: Limits | None
) -> Snapshot:
    """Read the CRM; where that fails, take what is there and say of when it is."""
    try:
        return read_crm(
            mirror, settings, is_full=False, now=now, limits=limits or _IMPATIENT
        ).snapshot
    except (CrmUnavailable, CrmContractBroken, CrmKeyMissing) as error:
        snapshot = mirror.current()
        if snapshot is None:
            raise BacktestImpossible(
                f"there is no data yet, and the CRM at {settings.crm_base_url} cannot be read "
                f"({error}); start it, or name it with PHASEWISE_CRM_URL"
            ) from None
        say(
            f"the CRM cannot be read; using what was read at {snapshot.loaded_at:%Y-%m-%d %H:%M} UTC"
        )
        return snapshot


def _too_short(error: HistoryTooShort, as_of: date) -> str:
    if not error.history_days:
        return (
            f"no purchase is known by {as_of}: record won deals in the CRM or import them "
            "(POST /v1/imports), or look from another day with --as-of"
        )
    return (
        f"the purchases span {error.history_days} days, {error.needed_days} are needed: choose a "
        "shorter --horizon-days, or wait until there is more history"
    )
