"""The rules of deals: one currency, a history of stages, dates that fit the stage."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.crm_api import records
from services.crm_api.contacts import operations as contacts
from services.crm_api.deals.table import AMOUNTS, DEAL
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record
from shared.values import wire_instant

CLOSED = ("won", "lost")
_PAST = (
    "opened_at",
    "closed_at",
    "invoiced_at",
    "paid_at",
    "refunded_at",
    "chargeback_at",
    "contract_cancelled_at",
)


class MixedCurrencies(Invalid):
    code, title = "mixed_currencies", "All amounts of a deal have one currency."


class NotClosed(Invalid):
    code, title = "not_closed", "Only a deal that is won or lost has a closing date and reason."


class HistoryMismatch(Invalid):
    code, title = "history_mismatch", "The stage history does not end in the deal's stage."


def _currency(given: Mapping[str, Any], current: str | None) -> str | None:
    """Return the one currency of the deal after the change.

    Raises
    ------
    MixedCurrencies
        The amounts, those of the lines included, would have several.
    """
    sent = {given[name]["currency"]: name for name in AMOUNTS if given.get(name)}
    for number, line in enumerate(given.get("lines") or ()):
        for name in ("unit_price", "unit_cost"):
            if line[name]:
                sent.setdefault(line[name]["currency"], f"lines/{number}/{name}")
    if len(sent) > 1 or (sent and current is not None and current not in sent):
        wrong = list(sent)[-1]
        message = f"The deal is in {current or next(iter(sent))}; {wrong} does not fit."
        raise MixedCurrencies(
            message, errors=[FieldError(f"/body/{sent[wrong]}", "mixed_currencies", message)]
        )
    return next(iter(sent), current)


def _is_priced(current: Record, given: Mapping[str, Any]) -> bool:
    """Tell whether an amount stays as it is, so that the deal keeps its currency."""
    if any(name not in given and current[f"{name}_minor"] is not None for name in AMOUNTS):
        return True
    lines = () if "lines" in given else current["lines"]
    return any(line["unit_price"] or line["unit_cost"] for line in lines)


def _check_closing(row: Mapping[str, Any]) -> None:
    for name, stages in (
        ("closed_at", CLOSED),
        ("won_reason", ("won",)),
        ("lost_reason", ("lost",)),
    ):
        if row.get(name) is not None and row["stage"] not in stages:
            message = f"A deal in stage {row['stage']} has no {name}."
            raise NotClosed(message, errors=[FieldError(f"/body/{name}", "not_closed", message)])


def _check_history(past: Sequence[Mapping[str, Any]] | None, *, now: datetime) -> None:
    newest = max((entry["entered_at"] for entry in past or ()), default=None)
    check_past({"stage_history": newest}, ["stage_history"], now=now)


def _history(
    given: Sequence[Mapping[str, Any]] | None, stage: str, at: datetime
) -> list[dict[str, Any]]:
    if not given:
        return [{"stage": stage, "entered_at": wire_instant(at)}]
    entries = sorted(given, key=lambda entry: entry["entered_at"])
    if entries[-1]["stage"] != stage:
        message = f"The newest entry is {entries[-1]['stage']}, the deal is {stage}."
        raise HistoryMismatch(
            message, errors=[FieldError("/body/stage_history", "history_mismatch", message)]
        )
    return [
        {"stage": entry["stage"], "entered_at": wire_instant(entry["entered_at"])}
        for entry in entries
    ]


def new_row(given: Mapping[str, Any], *, now: datetime) -> Record:
    """Turn the fields of `NewDeal` (its contact resolved) into a row.

    Raises
    ------
    MixedCurrencies, NotClosed, HistoryMismatch, InTheFuture
        A rule is broken.
    """
    row = row_values(dict(given), DEAL.money)
    row["currency"] = _currency(given, None)
    if row["stage"] in CLOSED and row.get("closed_at") is None:
        row["closed_at"] = now
    _check_closing(row)
    row["opened_at"] = row.get("opened_at") or row.get("closed_at") or now
    check_past(row, _PAST, now=now)
    past = given.get("stage_history")
    _check_history(past, now=now)
    row["stage_history"] = _history(past, row["stage"], row.get("closed_at") or row["opened_at"])
    return row


async def create_deal(
    transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
) -> Written:
    """Create a deal from the fields of `NewDeal`.

    Raises
    ------
    ContactMissing, MixedCurrencies, NotClosed, HistoryMismatch, InTheFuture, ExternalRefTaken
        A rule is broken; nothing is written.
    """
    values = dict(given)
    contact_ref = values.pop("contact_ref", None)
    values["contact_id"] = await contacts.resolve_contact(
        transaction, values.get("contact_id"), contact_ref
    )
    row = new_row(values, now=stamp.now)
    return await records.create(transaction, DEAL, row, stamp=stamp, personal=personal)


async def change_deal(
    transaction: Transaction,
    deal_id: str,
    *,
    given: Mapping[str, Any],
    version: int | None,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Change the given fields of a deal; a new stage goes into its history.

    Raises
    ------
    NotFound, StaleVersion, MixedCurrencies, NotClosed, InTheFuture, ExternalRefTaken
        A rule is broken; nothing is written.
    """
    current = await records.lock(transaction, DEAL, deal_id, version=version)
    values = row_values(dict(given), DEAL.money)
    values["currency"] = _currency(
        given, current["currency"] if _is_priced(current, given) else None
    )
    _move(current, values, now=stamp.now)
    _check_closing({**current, **values})
    check_past(values, _PAST, now=stamp.now)
    return await records.change(transaction, DEAL, current, values, stamp=stamp, personal=personal)


def _move(current: Record, values: Record, *, now: datetime) -> None:
    """Complete a change of stage: history, closing date, reasons that no longer hold."""
    stage: str = values["stage"] if "stage" in values else current["stage"]
    past = values.pop("stage_history", None)
    _check_history(past, now=now)
    if past:
        values["stage_history"] = _history(past, stage, now)
    if stage == current["stage"]:
        return
    if stage in CLOSED:
        values.setdefault("closed_at", now)
        values["closed_at"] = values["closed_at"] or now
    else:
        values.setdefault("closed_at", None)
    for name, wanted in (("won_reason", "won"), ("lost_reason", "lost")):
        if stage != wanted:
            values.setdefault(name, None)
    if not past:
        entered = {"stage": stage, "entered_at": wire_instant(values["closed_at"] or now)}
        values["stage_history"] = [*current["stage_history"], entered]
