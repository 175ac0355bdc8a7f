"""Reads steps, and what was ruled out, out of the stored row of a customer."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from services.analytics.calculations.recommendations.barriers import BARRIERS
from services.analytics.calculations.recommendations.candidates import RULED_OUT, STEPS
from services.analytics.calculations.recommendations.steps import RuledOut, Step, Triage
from services.analytics.publication import Publication
from services.analytics.recommendations.identity import recommendation_id
from services.analytics.tables import SIGNALS

_EPOCH = date(1970, 1, 1)
_RECORDS = {
    "privacy_request": "privacy",
    "complaint_handling": "complaint",
    "answer_message": "must_answer",
}
"""The records that what is owed answers, as the columns about them begin."""
Row = Mapping[str, Any]


def steps_of(row: Row, publication: Publication) -> list[Step]:
    """Return what is owed to a customer and the steps recommended to it, the best first."""
    return [*_owed(row, publication), *_valued(row, publication)]


def find_step(row: Row, publication: Publication, wanted: str) -> Step | None:
    """Return the step with this id, None if it is not recommended any more."""
    steps = steps_of(row, publication)
    return next((step for step in steps if step.recommendation_id == wanted), None)


def ruled_out_of(row: Row, publication: Publication) -> list[RuledOut]:
    """Return the best of the steps that were ruled out, with the first rule against each."""
    known = publication.version.get("options") or {}
    found = []
    for rank in range(1, RULED_OUT + 1):
        number = row.get(f"ruled_out{rank}_option")
        if number is None or not known:
            break
        candidate = known["candidates"][int(number)]
        barrier = int(row[f"ruled_out{rank}_barrier"])
        found.append(
            RuledOut(
                candidate["strategy_id"],
                candidate["instrument_id"],
                row[f"ruled_out{rank}_value"],
                **_why(candidate, barrier),
            )
        )
    return found


def _why(candidate: Mapping[str, Any], barrier: int) -> dict[str, Any]:
    name = BARRIERS.get(barrier)
    if name is not None:
        experiments = candidate["holdouts"] if name == "holdout" else []
        return {"why": name, "experiment_id": experiments[0] if experiments else None}
    condition_id, must_hold = candidate["checks"][barrier // 2]
    known = "not_met" if must_hold else "holds"
    return {"why": "unknown" if barrier % 2 else known, "condition_id": condition_id}


def _owed(row: Row, publication: Publication) -> Iterator[Step]:
    known = publication.version.get("options") or {}
    duties = {(each["phase"], each["instrument_id"]): each for each in known.get("duties", ())}
    for instrument_id in (row["obligation_ids"] or "").split():
        duty = duties.get((row["phase"], instrument_id), {})
        owed_to = _owed_to(row, _RECORDS[instrument_id], publication.version["as_of"])
        yield Step(
            rank=0,
            recommendation_id=recommendation_id(
                *(row["unit_id"], None, instrument_id, None, None),
                owed_for=owed_to["event_record_id"],
            ),
            goal_id=duty.get("goal_id"),
            strategy_id=duty.get("strategy_id"),
            instrument_id=instrument_id,
            **owed_to,
            triage=_triage(row) if instrument_id == "complaint_handling" else None,
        )


def _owed_to(row: Row, record: str, as_of: date) -> dict[str, Any]:
    """Return which record asks for an answer, who is waiting for it, and until when."""
    due_day = row.get(f"{record}_due_day")
    due_on = None if due_day is None else _EPOCH + timedelta(days=int(due_day))
    return {
        "due_on": due_on,
        "is_late": due_on is not None and due_on < as_of,
        "event_record_id": row.get(f"{record}_interaction"),
        "person_id": row.get(f"{record}_person"),
        "language": row.get(f"{record}_language"),
    }


def _triage(row: Row) -> Triage | None:
    severity = row.get("complaint_severity")
    if severity is None:
        return None
    count = int(row.get("complaint_count") or 1)
    return Triage(int(severity), row.get("complaint_priority"), count)


def _valued(row: Row, publication: Publication) -> Iterator[Step]:
    known = publication.version.get("options") or {}
    for rank in range(1, STEPS + 1):
        part: dict[str, Any] = {
            name: row.get(f"step{rank}_{name}")
            for name in ("option", "channel", "product", "event", "signal")
        }
        if part["option"] is None or not known:
            return
        candidate = known["candidates"][int(part["option"])]
        channel: str | None = _at(part["channel"], known["channels"])
        event: Mapping[str, Any] = _at(part["event"], known["events"]) or {}
        product: Mapping[str, Any] = _at(part["product"], publication.products) or {}
        until = row.get(f"step{rank}_until_day")
        named = (candidate["strategy_id"], candidate["instrument_id"])
        product_id = product.get("id")
        yield Step(
            rank=rank,
            recommendation_id=recommendation_id(row["unit_id"], *named, channel, product_id),
            goal_id=candidate["goal_id"],
            strategy_id=named[0],
            instrument_id=named[1],
            channel_id=channel,
            product_id=product_id,
            product_name=product.get("name"),
            expected_value=row[f"step{rank}_value"],
            **{
                name: row[f"step{rank}_{name}"]
                for name in (
                    *("stake", "base_probability", "effect_probability", "contact_cost"),
                    *("incentive_cost", "risk_cost", "fit", "quality"),
                )
            },
            signal_id=None if part["signal"] is None else SIGNALS[int(part["signal"])],
            event_id=event.get("id"),
            event_record_id=row["event_record_id"] if rank == 1 else None,
            incentive_share=candidate.get("incentive_share") or None,
            incentive_amount=candidate.get("incentive_amount") or None,
            motive_id=row["motive"] if row["motive"] in candidate.get("favored_by", ()) else None,
            person_id=row.get("person") or row["unit_id"],
            language=row.get("language"),
            valid_until=None if until is None else _EPOCH + timedelta(days=int(until)),
        )


def _at(number: float | None, places: Sequence[Any]) -> Any:
    """Return what a stored number stands for; none for none."""
    return None if number is None else places[int(number)]
