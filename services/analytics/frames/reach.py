"""Who may be reached, how and how often: one row for each unit, of the person that is addressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.calculations.events import Events
from services.analytics.calculations.reach.channels import channel_quality, pack_barriers
from services.analytics.calculations.reach.parameters import ReachParameters
from services.analytics.frames.answers import unanswered_messages
from services.analytics.frames.arrays import (
    Booleans,
    Floats,
    Integers,
    Words,
    booleans_of,
    strings_of,
)
from services.analytics.frames.cases_waiting import urgent_complaints, urgent_requests
from services.analytics.frames.clock import Clock, day_number
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deals import Deals
from services.analytics.frames.interactions import CASES, Interactions
from services.analytics.frames.json_lists import read_lists
from services.analytics.frames.permissions import (
    Permissions,
    addressed_contacts,
    read_permissions,
)
from services.analytics.frames.touches import Touches
from services.analytics.mirror.snapshot import Snapshot

_LINE = pa.struct([("bundle_id", pa.string())])
_WORDS = ("language", "communication_style", "preferred_channel")


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """What the records of a day say, read for other frames already."""

    snapshot: Snapshot
    contacts: Contacts
    deals: Deals
    interactions: Interactions
    events: Events
    interaction_cost: Floats
    clock: Clock


def reach_frame(records: Records, parameters: ReachParameters) -> pd.DataFrame:
    """Build the frame of the reach of all units: see `reach_dictionary.reach_columns`.

    Raises
    ------
    FrameInvalid
        The records are not what the CRM promises.
    """
    snapshot, contacts, clock = records.snapshot, records.contacts, records.clock
    interactions, channels = records.interactions, parameters.channels
    permissions = read_permissions(snapshot, contacts, interactions, clock, channels)
    addressed = addressed_contacts(snapshot, contacts, interactions, permissions, clock)
    language, style, preferred = _words(snapshot, contacts, addressed)
    touches = Touches.read(snapshot, contacts, interactions, addressed, clock, parameters)
    touched, responses = touches.by_channel()
    pressure = touches.pressure(style)
    barriers = permissions.marketing[addressed]
    ids = [channel.id for channel in channels]
    quality = channel_quality(
        responses,
        touched,
        barriers == 0,
        preferred.numbers(lambda word: ids.index(word) if word in ids else -1, empty=-1).astype(
            np.int64
        ),
        base_response=np.array([channel.base_response for channel in channels]),
        parameters=parameters,
    ).quality
    service, survey = permissions.service[addressed], permissions.survey[addressed]
    waiting = unanswered_messages(snapshot, interactions, contacts, clock, parameters)
    complaint, severity, due_day, count = urgent_complaints(snapshot, interactions, contacts, clock)
    request, answer_day = urgent_requests(interactions, contacts, clock)
    columns: dict[str, Any] = {
        "person": strings_of(contacts.ids.take(pa.array(addressed))),
        "language": language.category(),
        "style": style.category(),
        "preferred_channel": preferred.category(),
        "touches_30": pressure.used,
        "cap_30": pressure.cap,
        "pressure_allowed": pressure.allowed,
        "wait_days": pressure.wait_days,
        "survey_allowed": ~touches.was_surveyed(),
        "spent_365": touches.spent(snapshot, contacts, records.deals, records.interaction_cost),
        "must_answer_interaction": _record_ids(snapshot, waiting),
        **_author(records, waiting, "must_answer"),
        "complaint_interaction": _record_ids(snapshot, complaint),
        **_author(records, complaint, "complaint"),
        "complaint_severity": severity,
        "complaint_due_day": due_day,
        "complaint_count": count,
        "privacy_interaction": _record_ids(snapshot, request),
        **_author(records, request, "privacy"),
        "privacy_due_day": answer_day,
        "has_open_request": _asks(records, waiting, parameters)[addressed],
        "channel_barriers": pack_barriers(barriers),
        "survey_barriers": pack_barriers(permissions.survey_barriers[addressed]),
        **_conditions(records, permissions, addressed, style, parameters),
        "addressable": _answers((barriers == 0).any(axis=1)),
        "pressure_ok": _answers(pressure.allowed),
    }
    for place, name in enumerate(ids):
        columns[f"quality_{name}"] = quality[:, place]
        columns[f"service_{name}"] = service[:, place]
        columns[f"survey_{name}"] = survey[:, place]
        columns[f"touch_count_{name}"] = touched[:, place]
        columns[f"response_count_{name}"] = responses[:, place]
    return pd.DataFrame(columns, index=pd.RangeIndex(contacts.unit_count, name="unit"), copy=False)


def _record_ids(snapshot: Snapshot, rows: Integers) -> Any:
    """Return the id of the interaction in each row; missing at -1."""
    known = np.flatnonzero(rows >= 0)
    read, order = np.unique(rows[known], return_inverse=True)
    ids = snapshot.read("interactions", ["id"], where=read).column("id").combine_chunks()
    place = np.full(len(rows), -1)
    place[known] = order
    return strings_of(ids.take(pa.array(place, mask=place < 0)))


def _author(records: Records, rows: Integers, what: str) -> dict[str, Any]:
    """Return who spoke in the interaction in each row, and in which language; missing at -1."""
    contacts = records.contacts
    person = np.append(records.interactions.contact, -1)[rows]
    ids = contacts.ids.take(pa.array(person, mask=person < 0))
    language, *_ = _words(
        records.snapshot, contacts, np.where(person < 0, contacts.unit_rows, person)
    )
    codes = np.where(person < 0, -1, language.codes)
    return {
        f"{what}_person": strings_of(ids),
        f"{what}_language": Words(codes, language.words).category(),
    }


def _asks(records: Records, waiting: Integers, parameters: ReachParameters) -> Booleans:
    """Tell who itself waits for an answer: to a message, a complaint or a service request.

    A case that nobody settled for so long is no reason to get in touch. Shape (contacts,).
    """
    interactions, clock = records.interactions, records.clock
    asked = interactions.open_cases(clock, *CASES)
    asked &= interactions.since(clock.start_of_window(parameters.answer_window_days))
    asked[waiting[waiting >= 0]] = True
    asks = np.zeros(len(records.contacts.ids), dtype=np.bool_)
    asks[interactions.contact[asked]] = True
    return asks


def _words(
    snapshot: Snapshot, contacts: Contacts, addressed: Integers
) -> tuple[Words, Words, Words]:
    """Return language, style and preferred channel; the language else of the organisation."""
    table = snapshot.read("contacts", list(_WORDS), words=_WORDS)
    language, style, preferred = (Words.of(table.column(name)) for name in _WORDS)
    own, of_unit = language.codes[addressed], language.codes[contacts.unit_rows]
    return (
        Words(np.where(own < 0, of_unit, own), language.words),
        Words(style.codes[addressed], style.words),
        Words(preferred.codes[addressed], preferred.words),
    )


def _answers(holds: Booleans, is_unknown: Booleans | None = None) -> Any:
    unknown = np.zeros(len(holds), dtype=np.bool_) if is_unknown is None else is_unknown
    return pd.arrays.BooleanArray(holds & ~unknown, unknown)


def _conditions(
    records: Records,
    permissions: Permissions,
    addressed: Integers,
    style: Words,
    parameters: ReachParameters,
) -> dict[str, Any]:
    """Answer the conditions that records alone decide; their rules are those of the catalogue.

    `solvent` is not known of whom no due invoice is recorded. A need counts as voiced by a tag or by
    a household that grew; whether a replacement is due is known where products are.
    """
    snapshot, contacts, events = records.snapshot, records.contacts, records.events
    interactions, clock = records.interactions, records.clock
    names = ["credit_hold", "individual_price", "supplier_loyalty", "kind"]
    table = snapshot.read("contacts", names)
    count = contacts.unit_count

    def any_contact(rows: Booleans) -> Booleans:
        return contacts.flags(contacts.unit, rows & (contacts.unit >= 0))

    def flags(rows: Booleans) -> Booleans:
        return contacts.flags(interactions.unit, rows)

    first_need = day_number(clock.as_of) - parameters.need_window_days + 1
    needs = events.interest[(events.interest["kind"] == "need").to_numpy()]
    has_need = np.zeros(count, dtype=np.bool_)
    has_need[needs["unit"].to_numpy()[needs["day"].to_numpy() >= first_need]] = True
    grown = events.interactions[
        (events.interactions["event_type"] == "household_growth").to_numpy()
    ]
    has_need[grown["unit"].to_numpy()[grown["day"].to_numpy() >= first_need]] = True
    declined = interactions.since(clock.start_of_window(parameters.declined_window_days))
    declined &= interactions.kind.are("offer") & interactions.outcome.are("declined")
    is_late, has_invoice = _overdue(events.invoices, count, clock, parameters)
    holds_credit = any_contact(booleans_of(table, "credit_hold"))
    is_business = Words.of(table.column("kind")).are("organisation")[contacts.unit_rows]
    asked = permissions.asked_no_contact
    return {
        "is_loyal_to_competitor": any_contact(
            Words.of(table.column("supplier_loyalty")).are("high")
        ),
        "brief_style": _answers(style.are("brief"), style.codes < 0),
        "solvent": _answers(~is_late & ~holds_credit, ~has_invoice & ~holds_credit),
        "need_voiced": _answers(has_need),
        "recently_declined": _answers(flags(declined)),
        "individual_price_exists": _answers(any_contact(booleans_of(table, "individual_price"))),
        "offer_has_components": _answers(_offers_components(records)),
        "asked_no_contact": _answers(asked[addressed] | asked[contacts.unit_rows]),
        "reference_price_ok": _answers(is_business, ~is_business),
        "sample_available": _has_sample(snapshot, count),
    }


def _has_sample(snapshot: Snapshot, unit_count: int) -> Any:
    """Tell whether anything can be given to be tried; not known where no product is recorded.

    The same holds for all units, as trials name no product.
    """
    is_sample = booleans_of(snapshot.read("products", ["is_sample"]), "is_sample")
    return _answers(np.full(unit_count, is_sample.any()), np.full(unit_count, not len(is_sample)))


def _overdue(
    invoices: pd.DataFrame, count: int, clock: Clock, parameters: ReachParameters
) -> tuple[Booleans, Booleans]:
    """Tell who has an undisputed invoice that is long overdue, and who has any that is due."""
    as_of_day = day_number(clock.as_of)
    unit, due = invoices["unit"].to_numpy(), invoices["due_day"].to_numpy()
    is_open = np.isnan(invoices["paid_day"].to_numpy())
    is_disputed = invoices["is_disputed"].to_numpy() | invoices["is_complained_of"].to_numpy()
    is_late, has_invoice = np.zeros((2, count), dtype=np.bool_)
    is_late[unit[is_open & ~is_disputed & (as_of_day - due > parameters.overdue_days)]] = True
    has_invoice[unit[due <= as_of_day]] = True
    return is_late, has_invoice


def _offers_components(records: Records) -> Booleans:
    """Tell who has an open deal of which some lines are one bundle."""
    deals = records.deals
    where = deals.stages.is_open & (deals.unit >= 0)
    texts = records.snapshot.read("deals", ["lines"], where=where).column("lines")
    deal, lines = read_lists(texts.fill_null("[]"), _LINE)
    bundle = Words.of(lines.column("bundle_id"))
    is_part = bundle.codes >= 0
    pair = deal[is_part] * max(len(bundle.words), 1) + bundle.codes[is_part]
    found, number = np.unique(pair, return_counts=True)
    several = found[number > 1] // max(len(bundle.words), 1)
    has_components = np.zeros(records.contacts.unit_count, dtype=np.bool_)
    has_components[deals.unit[where][several]] = True
    return has_components
