"""The catalogue as validated, frozen entries; what is computed with them is not here."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from services.analytics.catalogue.checking import (
    CatalogueError,
    faults_of_ids,
    faults_of_languages,
    faults_of_references,
)
from services.analytics.catalogue.entries import (
    PLACEHOLDER,
    VALUE_KINDS,
    Channel,
    ChurnSignal,
    CommunicationStyle,
    Condition,
    DataGap,
    Draft,
    Entry,
    Goal,
    GuardRail,
    Instrument,
    Language,
    LeadStage,
    LifecycleState,
    LoyaltyRung,
    MarketingEvent,
    Phase,
    PlainEntry,
    PurchaseMotive,
    ReasonCode,
    Rule,
    SatisfactionDimension,
    SectionText,
    Strategy,
    TerminateProfile,
    Touchpoint,
    ValueQuadrant,
)
from services.analytics.catalogue.overlay import (
    OWN_SECTIONS,
    Adjustments,
    apply_overlay,
    read_overlay,
)
from services.analytics.catalogue.overlay_reading import tupled

__all__ = [
    "PLACEHOLDER",
    "VALUE_KINDS",
    "Adjustments",
    "Catalogue",
    "CatalogueError",
    "Channel",
    "CommunicationStyle",
    "Condition",
    "DataGap",
    "Entry",
    "Goal",
    "Instrument",
    "Language",
    "MarketingEvent",
    "Phase",
    "PlainEntry",
    "ReasonCode",
    "Strategy",
    "checked_catalogue",
    "load_catalogue",
    "parse_catalogue",
]


class Catalogue(BaseModel):
    """All sections, each a tuple of entries in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: int
    language: tuple[Language, ...]
    sources: Mapping[str, Mapping[str, str]]
    section_texts: Mapping[str, SectionText]
    phases: tuple[Phase, ...]
    lifecycle_states: tuple[LifecycleState, ...]
    lead_stages: tuple[LeadStage, ...]
    newness_types: tuple[PlainEntry, ...]
    retention_sequence: tuple[PlainEntry, ...]
    customer_development_steps: tuple[PlainEntry, ...]
    goals: tuple[Goal, ...]
    retention_levers: tuple[PlainEntry, ...]
    strategies: tuple[Strategy, ...]
    instruments: tuple[Instrument, ...]
    cross_phase_instruments: tuple[PlainEntry, ...]
    satisfaction_dimensions: tuple[SatisfactionDimension, ...]
    touchpoints: tuple[Touchpoint, ...]
    channels: tuple[Channel, ...]
    purchase_motives: tuple[PurchaseMotive, ...]
    loyalty_ladder: tuple[LoyaltyRung, ...]
    retain_profiles: tuple[Rule, ...]
    terminate_profiles: tuple[TerminateProfile, ...]
    marketing_events: tuple[MarketingEvent, ...]
    crm_tools: tuple[PlainEntry, ...]
    analysis_bases: tuple[PlainEntry, ...]
    organisation_enablers: tuple[PlainEntry, ...]
    business_models: tuple[PlainEntry, ...]
    communication_styles: tuple[CommunicationStyle, ...]
    value_quadrants: tuple[ValueQuadrant, ...]
    rfm_segments: tuple[Rule, ...]
    churn_signals: tuple[ChurnSignal, ...]
    termination_signals: tuple[PlainEntry, ...]
    termination_blocks: tuple[PlainEntry, ...]
    termination_steps: tuple[PlainEntry, ...]
    termination_case_steps: tuple[PlainEntry, ...]
    termination_outcomes: tuple[PlainEntry, ...]
    guard_rails: tuple[GuardRail, ...]
    conditions: tuple[Condition, ...]
    rejection_reasons: tuple[PlainEntry, ...]
    forecasters: tuple[PlainEntry, ...]
    verdicts: tuple[ReasonCode, ...]
    reason_codes: tuple[ReasonCode, ...]
    drafts: tuple[Draft, ...]
    data_gaps: tuple[DataGap, ...]
    quality_fields: tuple[PlainEntry, ...]

    adjustments: Adjustments = Adjustments()

    @cached_property
    def sections(self) -> Mapping[str, Mapping[str, Entry]]:
        """Every section by name, its entries by id."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: {entry.id: entry for entry in value}
            for name, value in values.items()
            if isinstance(value, tuple) and name != "language"
        }

    @cached_property
    def shown_sections(self) -> Mapping[str, Mapping[str, Entry]]:
        """The sections without what only a case with a written justification shows.

        Hidden are covert strategies, and instruments that serve no other. Source: domain specification
        5 (D-TERM) and `guard_rails.covert_off_by_default`.
        """
        covert = [each for each in self.strategies if each.openness == "covert"]
        openly = {each for s in self.strategies if s not in covert for each in s.instruments}
        hidden = {
            "strategies": {each.id for each in covert},
            "instruments": {each for s in covert for each in s.instruments} - openly,
        }
        return {
            name: {key: entries[key] for key in entries if key not in hidden.get(name, ())}
            for name, entries in self.sections.items()
        }

    def entry(self, section: str, entry_id: str) -> Entry:
        """Return one entry; `KeyError` if there is no such section or id."""
        return self.sections[section][entry_id]

    def label(self, section: str, entry_id: str, language: Language) -> str:
        """Return the name of an entry that something refers to.

        What was published or decided with an own entry outlives it: once the overlay file has it no
        more, it is named by its id. `KeyError` if a section without own entries has no such id.
        """
        entries = self.sections[section]
        if entry_id not in entries and section in OWN_SECTIONS:
            return entry_id
        return entries[entry_id].name(language)

    def with_entries(self, entries: Mapping[str, Iterable[Entry]]) -> Catalogue:
        """Return a catalogue with these entries in place of those of their sections."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        given = {name: tuple(each) for name, each in entries.items()}
        return type(self).model_validate({**kept, **given})


def load_catalogue(overlay: Path | None = None) -> Catalogue:
    """Read and check the catalogue of the package and the overlay file, which may have changed.

    Raises
    ------
    CatalogueError
        The overlay file cannot be read or is not valid: a line for every fault, nothing is applied.
    """
    if overlay is None:
        return _of_the_package()
    return apply_overlay(_of_the_package(), read_overlay(overlay), name=str(overlay))


@cache
def _of_the_package() -> Catalogue:
    """Read our own entries, once: the file changes with the code only, and reading it takes long."""
    file = importlib.resources.files(__package__) / "catalogue.yaml"
    return parse_catalogue(file.read_text(encoding="utf-8"))


def parse_catalogue(document: str) -> Catalogue:
    """Turn a YAML text into a checked catalogue; `CatalogueError` names every fault of one kind."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return checked_catalogue(yaml.load(document, Loader=loader))
    except yaml.YAMLError as error:
        raise CatalogueError(f"no YAML document: {error}") from error


def checked_catalogue(content: Any) -> Catalogue:
    """Turn what a YAML document holds into a checked catalogue; `CatalogueError` as above."""
    raw = tupled(content)
    try:
        catalogue = Catalogue.model_validate(raw)
    except ValidationError as error:
        raise CatalogueError("\n".join(_faults_of_form(error, raw))) from error
    faults = [*faults_of_ids(catalogue), *faults_of_languages(catalogue)]
    if not faults:
        faults = [*faults_of_references(catalogue)]
    if faults:
        raise CatalogueError("\n".join(map(str, faults)))
    return catalogue


def _faults_of_form(error: ValidationError, raw: Any) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        section, *rest = fault["loc"] or ("catalogue",)
        where = [str(section)]
        if rest and isinstance(rest[0], int):
            entry = raw[section][rest.pop(0)]
            where.append(str(entry.get("id", "(no id)")) if isinstance(entry, dict) else "?")
        yield f"{'.'.join([*where, *map(str, rest)])}: {fault['msg']}"
