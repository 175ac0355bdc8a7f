"""Shows the data quality of a version in a language; `calculations.quality` makes the document."""

from collections.abc import Mapping
from typing import Any

from services.analytics.calculations.quality import FIELDS, FINDINGS
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.publication import Publication
from services.analytics.texts import effect_text, gap_text
from shared.money import from_minor


def show(publication: Publication, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return findings and completeness as the wire shows them."""
    stored = publication.version["data_gaps"]
    # Versions of earlier releases hold nothing but counts.
    findings = stored.get("findings") or {
        name: {"count": count} for name, count in stored.items() if isinstance(count, int) and count
    }
    fields: Mapping[str, list[int]] = stored.get("fields", {})
    return {
        **publication.about(),
        "findings": [
            _finding(name, findings[name], catalogue=catalogue, language=language)
            for name in FINDINGS
            if name in findings
        ],
        "fields": [
            _field(name, fields[name], catalogue=catalogue, language=language)
            for name in FIELDS
            if name in fields
        ],
        "owners": [
            {
                "owner_id": each["owner_id"],
                "fields": [_share(name, each["fields"][name]) for name in FIELDS if name in each["fields"]],
            }
            for each in stored.get("owners", ())
        ],
    }  # fmt: skip


def _finding(
    name: str, found: Mapping[str, Any], *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    subject = FINDINGS[name]
    counts = {
        "count": found["count"],
        "customers": found.get("customer_count", found["count"]),
        "unvalued": found.get("unvalued_count", 0),
    }
    return {
        "code": name,
        "label": catalogue.entry("data_gaps", name).name(language),
        "text": gap_text(name, catalogue=catalogue, language=language),
        "effect": effect_text(name, counts, catalogue=catalogue, language=language),
        "is_fault": subject.is_fault,
        "count": found["count"],
        "record": subject.record,
        "examples": found.get("examples", []),
        "customer_count": found.get("customer_count"),
        "amounts": [
            {"amount": str(from_minor(int(minor), currency)), "currency": currency}
            for currency, minor in sorted(found.get("amounts", {}).items())
        ],
        "figures": list(subject.figures),
    }


def _field(
    name: str, counts: list[int], *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    entry = catalogue.entry("quality_fields", name.replace(".", "_"))
    return {
        **_share(name, counts),
        "label": entry.name(language),
        "text": entry.description(language),
        "record": FIELDS[name].record,
        "figures": list(FIELDS[name].figures),
    }


def _share(name: str, counts: list[int]) -> dict[str, Any]:
    known, records = counts
    return {
        "field": name,
        "record_count": records,
        "known_count": known,
        "unknown_count": records - known,
        "known_share": known / records if records else None,
    }
