"""Shows the model cards of the kept versions in a language; `calculations.backtest` makes them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from services.analytics import store
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.tables import versions
from services.analytics.texts import reason_text
from services.foundation.database import Database
from services.foundation.problems import Problem
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_KEPT = Statement(
    select(
        versions.c.number,
        versions.c.as_of,
        versions.c.currency,
        versions.c.published_at,
        versions.c.model_card,
    ).order_by(versions.c.number.desc())
)


_NOTHING_OF_CONTRACTS: Mapping[str, Any] = {
    "brier_without_signals": None,
    "signal_basis": "usual",
    "signals": {},
    "verdict": [],
}
"""What a card tells that was made before contracts were judged."""


class VersionNotKept(Problem):
    code, status = "version_not_kept", 404
    title = "There is no such version, or it is not kept any more."


class NoModelCard(Problem):
    code, status = "no_model_card", 404
    title = "This version has no model card yet; it follows soon after publishing."


async def list_cards(database: Database) -> list[Record]:
    """Return the kept versions, newest first."""
    return await database.all(_KEPT)


async def find_card(database: Database, number: int) -> Record:
    """Return a kept version that has a card.

    Raises
    ------
    VersionNotKept
        It is not there.
    NoModelCard
        It has none.
    """
    row = await store.find_version(database, number)
    if row is None:
        raise VersionNotKept()
    if row["model_card"] is None:
        raise NoModelCard()
    return row


def summarize(row: Record, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return what the list shows of a version; what only a card tells is null without one."""
    card, shown = row["model_card"], _about(row)
    if card is None:
        return shown | dict.fromkeys(
            ("forecaster", "forecaster_label", "basis", "churn_basis", "headline")
        )
    model, verdict = card["model"], card["backtest"]["verdict"]
    return {
        **shown,
        **_named(model["forecaster"], catalogue, language),
        "basis": model["basis"],
        "churn_basis": card["churn_basis"],
        "headline": _written(verdict[0], catalogue, language) if verdict else None,
    }


def describe(row: Record, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return the card of a version with its texts."""
    card = row["model_card"]
    contracts = {**_NOTHING_OF_CONTRACTS, **card["contracts"]}
    return {
        **_about(row),
        **card,
        "model": {
            **card["model"],
            **_named(card["model"]["forecaster"], catalogue, language),
        },
        "contracts": {
            **contracts,
            "verdict": [_written(each, catalogue, language) for each in contracts["verdict"]],
        },
        "choice": _written(card["choice"], catalogue, language),
        "backtest": describe_backtest(card["backtest"], catalogue=catalogue, language=language),
    }


def describe_backtest(
    document: Mapping[str, Any], *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return a backtest with its texts and the names of its forecasters."""
    return {
        **document,
        **_named(document["forecaster"], catalogue, language),
        "verdict": [_written(finding, catalogue, language) for finding in document["verdict"]],
        "origins": [
            {
                **origin,
                "forecasters": [
                    {**each, **_named(each["forecaster"], catalogue, language)}
                    for each in origin["forecasters"]
                ],
            }
            for origin in document["origins"]
        ],
    }


def _about(row: Record) -> dict[str, Any]:
    return {
        "model_version": row["number"],
        "as_of": row["as_of"].isoformat(),
        "currency": row["currency"],
        "published_at": wire_instant(row["published_at"]),
    }


def _named(forecaster: str, catalogue: Catalogue, language: Language) -> dict[str, str]:
    label = catalogue.entry("forecasters", forecaster).name(language)
    return {"forecaster": forecaster, "forecaster_label": label}


def _written(
    finding: Mapping[str, Any], catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    text = reason_text(
        finding["code"],
        finding["params"],
        catalogue=catalogue,
        language=language,
        section="verdicts",
    )
    return {**finding, "text": text}
