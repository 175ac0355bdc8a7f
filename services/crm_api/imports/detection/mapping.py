"""Which column is which field, by its name and its cells."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.crm_api.imports.detection.synonyms import COMPANY_HEADERS, HEADERS, header_key
from services.crm_api.imports.values import dates, numbers, texts
from services.crm_api.imports.values.fields import RESOURCES
from services.crm_api.imports.values.labels import CHOICES
from services.crm_api.imports.values.texts import folded

_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Suggestions(NamedTuple):
    """What the columns are likely to be; a doubt says why one is not, and which field it could be."""

    fields: dict[str, str]
    doubts: dict[str, tuple[str, str]]


def suggest_mapping(
    resource: str, headers: Sequence[str], samples: Mapping[str, Sequence[str]]
) -> Suggestions:
    """Suggest a field for every column whose name or content speaks for one, each field once.

    `external_id` is the row's own id, `contact_external_id` the one of its contact. Nothing is
    suggested, but a doubt told, for a column whose samples do not fit the field, one whose name
    comes again, and one of organisations beside the names of persons. Where a file of deals has no
    other day of purchase, the day of the invoice counts as it.
    """
    best: dict[str, tuple[int, str]] = {}
    doubts: dict[str, tuple[str, str]] = {}
    repeated = _repeated(headers)
    for header in headers:
        target, rank = HEADERS[resource].get(header_key(repeated.get(header, header)), ("", 0))
        if not target and "email" in RESOURCES[resource]:
            shown = [sample.strip() for sample in samples.get(header, ()) if sample.strip()]
            if shown and all(_MAIL.fullmatch(sample) for sample in shown):
                target, rank = "email", _LAST_RANK
        if not target:
            continue
        if header in repeated:
            doubts[header] = ("repeated_header", target)
            continue
        if not _fits(resource, target, samples.get(header, ())):
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


def _fits(resource: str, target: str, samples: Sequence[str]) -> bool:
    """Say whether half of the samples could be cells of the field, whatever the file's forms."""
    shown = [sample for sample in samples if not texts.is_absent(sample)]
    how, _, vocabulary = RESOURCES[resource][target].partition(":")
    if how in ("day", "instant"):
        good = [sample for sample in shown if dates.date_parts(sample)]
    elif how in ("integer", "decimal", "percentage", "number", "money", "minor"):
        good = [sample for sample in shown if numbers.number_parts(sample)]
    elif vocabulary:
        good = [sample for sample in shown if folded(sample) in CHOICES[vocabulary]]
    else:
        return True
    return 2 * len(good) >= len(shown)
