"""The rules of deals: one currency, a history of stages, dates that fit the stage."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.deals.table import AMOUNTS, DEAL
from services.crm_api.pipelines import operations as pipelines
from services.crm_api.products import operations as products
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.times import check_past
from services.crm_api.words import LostReason
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, Invalid
from services.foundation.statements import Record
from shared.values import wire_instant

CLOSED = ("won", "lost")
STANDARD_STAGES = {
    "new": "open",
    "qualified": "open",
    "proposal": "open",
    "negotiation": "open",
    "won": "won",
    "lost": "lost",
}
"""The kinds of the stages that the default pipeline always has."""
_PARTS = ("refund", "cost_recovered", "written_off", "chargeback_lost")
_PAST = (
    "opened_at",
    "closed_at",
    "invoiced_at",
    "paid_at",
    "refunded_at",
    "chargeback_at",
    "contract_cancelled_at",
    "disputed_at",
    "written_off_at",
    "fraud_confirmed_at",
)


class MixedCurrencies(Invalid):
    code, title = "mixed_currencies", "All amounts of a deal have one currency."


class ClosedTooEarly(Invalid):
    code, title = "closed_too_early", "A deal is not closed before it began."


class NotClosed(Invalid):
    code, title = "not_closed", "Only a deal that is won or lost has a closing date and reason."


class LostReasonMissing(Invalid):
    code, title = "lost_reason_missing", "A lost deal needs the reason why it was lost."


class StageImpossible(Invalid):
    code, title = "stage_impossible", "The deal cannot be in this stage."


class FraudUnconfirmed(Invalid):
    code, title = "fraud_unconfirmed", "Fraud is confirmed by a person; a suspicion is nothing."


class PartImpossible(Invalid):
    code, title = "part_impossible", "A part of the amount cannot be negative or exceed it."


class StageGone(Conflict):
    code, title = "stage_gone", "The pipeline does not have the deal's stage any more."


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
    own = current or next(iter(sent), None)
    wrong = next((currency for currency in sent if currency != own), None)
    if wrong is not None:
        message = f"The deal is in {own}; {wrong} does not fit."
        raise MixedCurrencies(
            message, errors=[FieldError(f"/body/{sent[wrong]}", "mixed_currencies", message)]
        )
    return own


def _is_priced(current: Record, given: Mapping[str, Any]) -> bool:
    """Tell whether an amount stays as it is, so that the deal keeps its currency."""
    if any(name not in given and current[f"{name}_minor"] is not None for name in AMOUNTS):
        return True
    lines = () if "lines" in given else current["lines"]
    return any(line["unit_price"] or line["unit_cost"] for line in lines)


def _check_closing(row: Mapping[str, Any]) -> None:
    kind = row["stage_kind"]
    for name, kinds in (
        ("closed_at", CLOSED),
        ("won_reason", ("won",)),
        ("lost_reason", ("lost",)),
        ("lost_note", ("lost",)),
    ):
        if row.get(name) is not None and kind not in kinds:
            message = f"A deal in stage {row['stage']} has no {name}."
            raise NotClosed(message, errors=[FieldError(f"/body/{name}", "not_closed", message)])
    if kind != "lost":
        return
    if row.get("lost_reason") is None:
        message = f"Tell why it was lost: {', '.join(get_args(LostReason))}."
        raise LostReasonMissing(
            message, errors=[FieldError("/body/lost_reason", "missing", message)]
        )
    if row["lost_reason"] == "other" and not (row.get("lost_note") or "").strip():
        message = "Tell in a note why it was lost; other alone says nothing."
        raise LostReasonMissing(message, errors=[FieldError("/body/lost_note", "missing", message)])


def _confirm_fraud(row: Record, *, now: datetime) -> None:
    """Date the confirmation of fraud; one that nobody stands for is none."""
    if row["fraud_confirmed_by"] is None:
        if row["fraud_confirmed_at"] is not None:
            message = "Tell in fraud_confirmed_by who confirmed it."
            fault = FieldError("/body/fraud_confirmed_by", "missing", message)
            raise FraudUnconfirmed(message, errors=[fault])
        return
    row["fraud_confirmed_at"] = row["fraud_confirmed_at"] or now


def _check_parts(row: Mapping[str, Any]) -> None:
    """Refuse parts of the amount that are negative or more than the whole.

    Raises
    ------
    PartImpossible
        There is one.
    """
    amount = row["amount_minor"]
    for name in _PARTS:
        part = row[f"{name}_minor"]
        if part is None:
            continue
        message = ""
        if part < 0:
            message = f"{name} is what it says, without a minus."
        elif name in ("refund", "written_off") and part > (amount or 0) >= 0:
            message = f"{name} is more than the amount of the deal."
            if amount is None:
                message = f"{name} is a part of the amount, and the deal has no amount."
        if message:
            fault = FieldError(f"/body/{name}", "part_impossible", message)
            raise PartImpossible(message, errors=[fault])


def _payment_status(row: Mapping[str, Any]) -> str:
    """Return what the dates of a payment say: a part that was paid back leaves it paid."""
    amount = row["amount_minor"]

    def is_all(part: str) -> bool:
        minor = row[f"{part}_minor"]
        return minor is None or amount is None or minor >= amount

    for status, name, holds in (
        ("written_off", "written_off_at", is_all("written_off")),
        ("charged_back", "chargeback_at", row["chargeback_lost_minor"] != 0),
        ("refunded", "refunded_at", is_all("refund")),
        ("disputed", "disputed_at", True),
        ("paid", "paid_at", True),
        ("issued", "invoiced_at", True),
    ):
        if row[name] is not None and holds:
            return status
    return "none"


def _check_stage(
    stage: str, kinds: Mapping[str, str], *, possible: Sequence[str] | None = None
) -> None:
    if stage not in kinds:
        raise _impossible(f"The pipeline has no stage {stage}", possible or list(kinds))


def _impossible(why: str, possible: Sequence[str]) -> StageImpossible:
    message = f"{why}; possible: {', '.join(possible)}."
    fault = FieldError("/body/stage", "stage_impossible", message)
    return StageImpossible(message, errors=[fault], extra={"possible_stages": list(possible)})


def _check_history(past: Sequence[Mapping[str, Any]] | None, *, now: datetime) -> None:
    newest = max((entry["entered_at"] for entry in past or ()), default=None)
    check_past({"stage_history": newest}, ["stage_history"], now=now)


def _history(
    given: Sequence[Mapping[str, Any]] | None, stage: str, at: datetime, kinds: Mapping[str, str]
) -> list[dict[str, Any]]:
    if not given:
        return [_entry(stage, at, kinds)]
    entries = sorted(given, key=lambda entry: entry["entered_at"])
    for entry in entries:
        _check_stage(entry["stage"], kinds)
    if entries[-1]["stage"] != stage:
        message = f"The newest entry is {entries[-1]['stage']}, the deal is {stage}."
        raise HistoryMismatch(
            message, errors=[FieldError("/body/stage_history", "history_mismatch", message)]
        )
    return [_entry(entry["stage"], entry["entered_at"], kinds) for entry in entries]


def _entry(stage: str, at: datetime, kinds: Mapping[str, str]) -> dict[str, Any]:
    return {"stage": stage, "kind": kinds[stage], "entered_at": wire_instant(at)}


def new_row(
    given: Mapping[str, Any], *, now: datetime, kinds: Mapping[str, str] = STANDARD_STAGES
) -> Record:
    """Turn the fields of `NewDeal` (its contact resolved) into a row.

    `kinds` are the stages of its pipeline in order, with their kinds.

    Raises
    ------
    MixedCurrencies, NotClosed, ClosedTooEarly, LostReasonMissing, PartImpossible, FraudUnconfirmed,
    StageImpossible, HistoryMismatch, InTheFuture
        A rule is broken.
    """
    row = row_values(dict(given), DEAL.money)
    row["currency"] = _currency(given, None)
    row["stage"] = row["stage"] or next(iter(kinds))
    _check_stage(row["stage"], kinds)
    row["stage_kind"] = kinds[row["stage"]]
    if row["stage_kind"] in CLOSED and row.get("closed_at") is None:
        row["closed_at"] = max(now, row.get("opened_at") or now)
    _check_closing(row)
    _check_parts(row)
    _confirm_fraud(row, now=now)
    row["opened_at"] = row.get("opened_at") or row.get("closed_at") or now
    check_past(row, _PAST, now=now)
    _check_order(row)
    past = given.get("stage_history")
    _check_history(past, now=now)
    at = row.get("closed_at") or row["opened_at"]
    row["stage_history"] = _history(past, row["stage"], at, kinds)
    row["payment_status"] = _payment_status(row)
    return row


def _check_order(row: Mapping[str, Any]) -> None:
    if row["closed_at"] is not None and row["closed_at"] < row["opened_at"]:
        message = f"The deal began later, at {wire_instant(row['opened_at'])}."
        raise ClosedTooEarly(
            message, errors=[FieldError("/body/closed_at", ClosedTooEarly.code, message)]
        )


async def _kinds(transaction: Transaction, pipeline: str) -> dict[str, str]:
    stages = await pipelines.stages_of(transaction, pipeline)
    return {key: stage["kind"] for key, stage in stages.items()}


async def create_deal(
    transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
) -> Written:
    """Create a deal from the fields of `NewDeal`.

    Raises
    ------
    ContactMissing, PipelineMissing, MixedCurrencies, NotClosed, ClosedTooEarly, LostReasonMissing,
    PartImpossible, FraudUnconfirmed, StageImpossible, HistoryMismatch, InTheFuture, CustomFieldUnknown,
    CustomValueInvalid, ExternalRefTaken
        A rule is broken; nothing is written.
    """
    values = dict(given)
    contact_ref = values.pop("contact_ref", None)
    values["contact_id"] = await finding.resolve_contact(
        transaction, values.get("contact_id"), contact_ref
    )
    await products.use_keys(transaction, values["lines"])
    kinds = await _kinds(transaction, values["pipeline_id"])
    row = new_row(values, now=stamp.now, kinds=kinds)
    row["custom"] = await custom_fields.merge_values(
        transaction, DEAL.plural, None, given["custom"]
    )
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
    NotFound, StaleVersion, PipelineMissing, MixedCurrencies, NotClosed, ClosedTooEarly, LostReasonMissing,
    PartImpossible, FraudUnconfirmed, StageImpossible, HistoryMismatch, InTheFuture,
    CustomFieldUnknown, CustomValueInvalid, ExternalRefTaken
        A rule is broken; nothing is written.
    """
    current = await records.lock(transaction, DEAL, deal_id, version=version)
    values = row_values(dict(given), DEAL.money)
    await products.use_keys(transaction, values.get("lines") or ())
    values["currency"] = _currency(
        given, current["currency"] if _is_priced(current, given) else None
    )
    if values.keys() & {"pipeline_id", "stage", "stage_history"}:
        await _move(transaction, current, values, now=stamp.now)
    after = {**current, **values}
    if values.keys() & {"stage", "closed_at", "won_reason", "lost_reason", "lost_note"}:
        _check_closing(after)
    if values.keys() & {"fraud_confirmed_at", "fraud_confirmed_by"}:
        _confirm_fraud(after, now=stamp.now)
        values["fraud_confirmed_at"] = after["fraud_confirmed_at"]
    if values.keys() & {f"{name}_minor" for name in ("amount", *_PARTS)}:
        _check_parts(after)
    values["payment_status"] = _payment_status(after)
    check_past(values, _PAST, now=stamp.now)
    if "closed_at" in values:
        _check_order({**current, **values})
    if "custom" in values:
        values["custom"] = await custom_fields.merge_values(
            transaction, DEAL.plural, current["custom"], values["custom"]
        )
    return await records.change(transaction, DEAL, current, values, stamp=stamp, personal=personal)


async def check_stage(
    transaction: Transaction,
    _: Record,
    after: Record,
    /,
    *,
    stamp: Stamp,  # noqa: ARG001
) -> None:
    """Refuse to bring a deal back into a stage that its pipeline does not have any more.

    Raises
    ------
    StageGone
        The pipeline is gone, or the stage, or it is of another kind by now.
    """
    try:
        kinds = await _kinds(transaction, after["pipeline_id"])
    except pipelines.PipelineMissing:
        kinds = {}
    if kinds.get(after["stage"]) != after["stage_kind"]:
        raise StageGone(
            f"The pipeline {after['pipeline_id']} has no stage {after['stage']} that is "
            f"{after['stage_kind']}; put it back into the pipeline first."
        )


async def check_restored(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Refuse to restore a deal into a stage that its pipeline does not have any more.

    Raises
    ------
    StageGone
        The pipeline is gone, or the stage, or it is of another kind by now.
    """
    await check_stage(transaction, current, current, stamp=stamp)


async def _move(
    transaction: Transaction, current: Record, values: Record, *, now: datetime
) -> None:
    """Complete a change of stage: history, closing date, reasons that no longer hold."""
    pipeline = str(values.get("pipeline_id", current["pipeline_id"]))
    stages = await pipelines.stages_of(transaction, pipeline)
    kinds = {key: each["kind"] for key, each in stages.items()}
    is_other = pipeline != current["pipeline_id"]
    if values.get("stage") is None:
        # Another pipeline has other stages: without one that is named, the deal begins anew.
        values["stage"] = next(iter(kinds)) if is_other else current["stage"]
    stage: str = values["stage"]
    here = None if is_other else stages.get(current["stage"])
    allowed = here["next"] if here else []
    allowed = allowed or [key for key in kinds if is_other or key != current["stage"]]
    _check_stage(stage, kinds, possible=allowed)
    past = values.pop("stage_history", None)
    _check_history(past, now=now)
    if past:
        values["stage_history"] = _history(past, stage, now, kinds)
    if stage == current["stage"] and not is_other:
        return
    if stage not in allowed:
        raise _impossible(f"A deal does not move from {current['stage']} to {stage}", allowed)
    kind = values["stage_kind"] = kinds[stage]
    if kind in CLOSED:
        # Another process may have opened it by a clock that is a little ahead.
        latest = max(now, current["opened_at"])
        values["closed_at"] = values.get("closed_at") or latest
    else:
        values.setdefault("closed_at", None)
    for name, wanted in (("won_reason", "won"), ("lost_reason", "lost"), ("lost_note", "lost")):
        if kind != wanted:
            values.setdefault(name, None)
    if not past:
        entered = _entry(stage, values["closed_at"] or now, kinds)
        values["stage_history"] = [*current["stage_history"], entered]
