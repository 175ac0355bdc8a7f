"""Names records of the CRM by what a customer knows of them: day, amount and what became of them."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from services.analytics.catalogue.catalogue import Language
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.writer import Mirror
from services.analytics.termination_cases.process import Standing
from services.analytics.texts import day_text, money_text
from shared.values import Total

log = logging.getLogger("phasewise")
Names = Mapping[str, str]
"""Record id -> name in the language of a letter; what is not known has none."""
_DEAL: Final = [
    *("id", "opened_at", "closed_at", "invoiced_at", "due_at", "paid_at", "refunded_at"),
    *("chargeback_at", "amount_minor", "currency"),
]
_INTERACTION: Final = ["id", "kind", "occurred_at", "resolved_at"]
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "invoiced_at": "invoice of {day}",
        "closed_at": "purchase of {day}",
        "opened_at": "transaction of {day}",
        "amount": "{name} for {amount}",
        "due_at": "due {day}",
        "paid_at": "paid {day}",
        "unpaid": "no payment recorded",
        "refunded_at": "refunded {day}",
        "chargeback_at": "charged back {day}",
        "complaint": "complaint of {day}",
        "service_request": "request of {day}",
        "contact": "contact of {day}",
        "resolved_at": "settled {day}",
    },
    "de": {
        "invoiced_at": "Rechnung vom {day}",
        "closed_at": "Kauf vom {day}",
        "opened_at": "Vorgang vom {day}",
        "amount": "{name} über {amount}",
        "due_at": "fällig am {day}",
        "paid_at": "bezahlt am {day}",
        "unpaid": "keine Zahlung erfasst",
        "refunded_at": "erstattet am {day}",
        "chargeback_at": "zurückgebucht am {day}",
        "complaint": "Beschwerde vom {day}",
        "service_request": "Anfrage vom {day}",
        "contact": "Kontakt vom {day}",
        "resolved_at": "erledigt am {day}",
    },
}


async def names_of(
    standing: Standing, *, data_dir: Path, time_zone: ZoneInfo, language: Language
) -> Names:
    """Name the records that a standing rests on, as far as they are on this machine."""
    ids = {
        each
        for sides in standing.evidence.values()
        for records in sides.values()
        for each in records
    }
    if not ids:
        return {}
    try:
        return await asyncio.to_thread(_names, data_dir, ids, time_zone, language)
    except (MirrorCorrupt, OSError) as error:
        # They are not on this machine, or were replaced meanwhile: a person fills them in.
        log.info("records unnamed", extra={"fields": {"reason": type(error).__name__}})
        return {}


def _names(data_dir: Path, ids: Collection[str], time_zone: ZoneInfo, language: Language) -> Names:
    snapshot = Mirror(data_dir).current()
    if snapshot is None:
        return {}
    wanted, words = pa.array(sorted(ids), pa.string()), _WORDS[language]

    def days(row: Mapping[str, Any], *names: str) -> list[str]:
        return [_day(words[name], row[name], time_zone, language) for name in names if row[name]]

    def deal(row: Mapping[str, Any]) -> str:
        name, *_ = days(row, "invoiced_at", "closed_at", "opened_at")
        if row["amount_minor"] is not None and row["currency"] is not None:
            amount = Total.of_minor(row["amount_minor"], row["currency"]).model_dump()
            name = words["amount"].format(name=name, amount=money_text(amount, language=language))
        unpaid = [words["unpaid"]] if row["due_at"] and not row["paid_at"] else []
        paid = days(row, "due_at", "paid_at") + unpaid
        return ", ".join([name, *paid, *days(row, "refunded_at", "chargeback_at")])

    def interaction(row: Mapping[str, Any]) -> str:
        word = words.get(row["kind"], words["contact"])
        told = _day(word, row["occurred_at"], time_zone, language)
        return ", ".join([told, *days(row, "resolved_at")])

    deals = snapshot.find("deals", wanted, _DEAL).to_pylist()
    interactions = snapshot.find("interactions", wanted, _INTERACTION).to_pylist()
    return {row["id"]: deal(row) for row in deals} | {
        row["id"]: interaction(row) for row in interactions
    }


def _day(word: str, at: datetime, time_zone: ZoneInfo, language: Language) -> str:
    return word.format(day=day_text(at.astimezone(time_zone).date(), language=language))
