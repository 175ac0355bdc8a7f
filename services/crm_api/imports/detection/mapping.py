"""Which column is which field, by its name and its cells."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.crm_api.exports.labels import own_id_headers
from services.crm_api.imports.detection.notices import Notice, notice
from services.crm_api.imports.detection.profiles import Profile, numbered_field, vendor_key
from services.crm_api.imports.detection.synonyms import COMPANY_HEADERS, HEADERS, header_key
from services.crm_api.imports.values import dates, numbers, texts
from services.crm_api.imports.values.fields import RESOURCES, CellReading, converted, stage_shown
from services.crm_api.imports.values.rejection import ValueRejected

_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Suggestions(NamedTuple):
    """What the columns are likely to be; a doubt says why one is not, and which field it could be."""

    fields: dict[str, str]
    doubts: dict[str, tuple[str, str]]


def suggest_mapping(
    resource: str,
    headers: Sequence[str],
    samples: Mapping[str, Sequence[str]],
    stages: Mapping[str, str] = MappingProxyType({}),
) -> Suggestions:
    """Suggest a field for every column whose name or content speaks for one, each field once.

    `external_id` is the row's own id, `contact_external_id` the one of its contact; `id` and
    `contact_id` are those that an export of ours gives. Nothing is
    suggested, but a doubt told, for a column whose samples do not fit the field, one whose name
    comes again, and one of organisations beside the names of persons. Where a file of deals has no
    other day of purchase, the day of the invoice counts as it.
    """
    best: dict[str, tuple[int, str]] = {}
    doubts: dict[str, tuple[str, str]] = {}
    repeated = _repeated(headers)
    ours = own_id_headers(resource, headers)
    for header in headers:
        target, rank = HEADERS[resource].get(header_key(repeated.get(header, header)), ("", 0))
        if header in ours:
            target, rank = ours[header], 0
        if not target and "email" in RESOURCES[resource]:
            shown = [sample.strip() for sample in samples.get(header, ()) if sample.strip()]
            if shown and all(_MAIL.fullmatch(sample) for sample in shown):
                target, rank = "email", _LAST_RANK
        if not target:
            continue
        if header in repeated:
            doubts[header] = ("repeated_header", target)
            continue
        if not _fits(resource, target, samples.get(header, ()), stages):
            doubts[header] = ("unlikely_cells", target)
            continue
        if target not in best or rank < best[target][0]:
            best[target] = (rank, header)
    if resource == "deals" and "invoiced_at" in best and "closed_at" not in best:
        best["closed_at"] = best.pop("invoiced_at")
    if resource == "contacts" and "name" in best and best.keys() & {"given_name", "family_name"}:
        header = best["name"][1]
        if header_key(header) in COMPANY_HEADERS:
            del best["name"]
            doubts[header] = ("organisation_beside_person", "name")
    if "id" in best:
        best.pop("external_id", None)
    chosen = {header: target for target, (_, header) in best.items()}
    return Suggestions({name: chosen[name] for name in headers if name in chosen}, doubts)


_NUMBERED = re.compile(r"(.+) \(\d+\)")


def _repeated(headers: Sequence[str]) -> dict[str, str]:
    """Return the columns that share a name, which were numbered, by that name."""
    found: dict[str, str] = {}
    for header in headers:
        numbered = _NUMBERED.fullmatch(header)
        if numbered and numbered[1] in headers:
            found |= dict.fromkeys((numbered[1], header), numbered[1])
    return found


_LAST_RANK = 1_000


_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[A-Za-z0-9+/]{22}==")
_FREE = frozenset(("text", "lines", "list", "structure", "label", "word"))
_BY = CellReading(zone=ZoneInfo("UTC"))
_ORGANISATIONS = frozenset(
    header_key(each)
    for each in (
        *("Organisation", "Organization Name", "Organization 1 - Name", "Company Name", "Company"),
        *("Associated Company", "Zugehöriges Unternehmen", "Account Name", "Accountname"),
        *("Company / Account", "Firma/Account", "Firma", "AccountId", "Account ID"),
        *("Name des Unternehmens", "Unternehmensname"),
    )
)


def profile_mapping(
    profile: Profile,
    headers: Sequence[str],
    samples: Mapping[str, Sequence[str]],
    stages: Mapping[str, str],
) -> tuple[Suggestions, list[Notice]]:
    """Return what the columns of a known program are; what does not fit is left out and told.

    Stages that do not fit are a doubt: without them closed deals would come in as open ones. Of
    several columns for one field the first that has cells is taken.
    """
    ranks = {key: at for at, key in enumerate(profile.fields)}
    best: dict[str, tuple[tuple[bool, int], str]] = {}
    doubts: dict[str, tuple[str, str]] = {}
    notices: list[Notice] = []
    is_of_people = profile.resource == "contacts" and "kind" not in profile.defaults
    for header in headers:
        shown = [sample for sample in samples.get(header, ()) if not texts.is_absent(sample)]
        key = header_key(header) if header_key(header) in ranks else vendor_key(header)
        target = profile.fields.get(key)
        if target is None and profile.name in ("google_contacts", "vcard"):
            target = numbered_field(header)
        if target is None:
            if is_of_people and shown and key in _ORGANISATIONS:
                notices.append(notice("organisation_not_linked", header))
            continue
        read_as = RESOURCES[profile.resource][target]
        is_hashed = bool(shown) and all(_HASH.fullmatch(sample.strip()) for sample in shown)
        if is_hashed and _reads_free(target, read_as):
            notices.append(notice("hashed_values", header))
        elif target == "stage":
            if 5 * len(_stages(shown, stages)) < 4 * len(shown):
                doubts[header] = ("unlikely_cells", target)
                continue
        elif is_hashed or not _reads(target, read_as, shown):
            code = "hashed_values" if is_hashed else "cells_do_not_fit"
            notices.append(notice(code, header, field=target))
            continue
        rank = (not shown, ranks.get(key, 0))
        if target not in best or rank < best[target][0]:
            best[target] = (rank, header)
    chosen = {header: target for target, (_, header) in best.items()}
    return Suggestions({name: chosen[name] for name in headers if name in chosen}, doubts), notices


def _reads_free(target: str, read_as: str) -> bool:
    if target == "zip":
        return False
    is_free = read_as in ("several:text", "several:joined") or read_as.partition(":")[0] in _FREE
    return is_free and "email" not in target and "phone" not in target


def _reads(target: str, read_as: str, shown: Sequence[str]) -> bool:
    """Say whether at least half of the samples can be cells of the field."""
    how, _, vocabulary = read_as.partition(":")
    if target in ("contact_external_id", "parent_external_id"):
        good = [sample for sample in shown if ";" not in sample]
    elif target == "email" or target.endswith(".email") or target == "other_emails":
        apart = [re.split(r":::|[;|,]", sample)[0].strip() for sample in shown]
        good = [sample for sample in apart if _MAIL.fullmatch(sample)]
    elif how == "choice" or vocabulary == "country":
        good = [sample for sample in shown if _is_read(read_as, sample)]
    elif how in ("day", "instant"):
        good = [each for each in shown if dates.date_parts(each) or dates.is_epoch(each)]
    elif how in ("integer", "decimal", "percentage", "number", "money"):
        good = [sample for sample in shown if numbers.number_parts(sample)]
    else:
        return True
    return 2 * len(good) >= len(shown)


def _stages(shown: Sequence[str], own: Mapping[str, str]) -> list[str]:
    """Return the samples that are stages, also of the team's own pipelines."""
    return [sample for sample in shown if stage_shown(sample, own)]


def _is_read(read_as: str, sample: str) -> bool:
    try:
        return converted(read_as, sample, by=_BY) is not None
    except ValueRejected:
        return False


def _fits(resource: str, target: str, samples: Sequence[str], stages: Mapping[str, str]) -> bool:
    """Say whether half of the samples could be cells of the field, whatever the file's forms."""
    shown = [sample for sample in samples if not texts.is_absent(sample)]
    read_as = RESOURCES[resource][target]
    how = read_as.partition(":")[0]
    if target == "stage":
        good = _stages(shown, stages)
    elif how in ("day", "instant"):
        good = [sample for sample in shown if dates.date_parts(sample) or dates.is_epoch(sample)]
    elif how in ("integer", "decimal", "percentage", "number", "money", "minor"):
        good = [sample for sample in shown if numbers.number_parts(sample)]
    elif how == "choice":
        good = [sample for sample in shown if _is_read(read_as, sample)]
    else:
        return True
    return 2 * len(good) >= len(shown)
