"""The catalogue as validated, frozen entries; what is computed with them is not here."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Language = Literal["en", "de"]
Share = Annotated[float, Field(ge=0, le=1)]
Cost = Annotated[float, Field(ge=0)]

PLACEHOLDER = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<one>[^|{}]+)\|(?P<other>[^|{}]+))?\}")
"""``{days}`` is a value, ``{days:day|days}`` the word that fits it: one, or any other number."""

VALUE_KINDS = frozenset(
    {"count", "days", "number", "share", "chance", "money", "date", "text", "hundredths"}
)
"""Kinds of a value in a text; any other kind is the name of the section the value is an id of."""

_REFERENCES: Mapping[tuple[str, str], str] = {
    ("phases", "states"): "lifecycle_states",
    ("lifecycle_states", "phase"): "phases",
    ("lead_stages", "next_goal"): "goals",
    ("goals", "phases"): "phases",
    ("strategies", "phases"): "phases",
    ("strategies", "goals"): "goals",
    ("strategies", "instruments"): "instruments",
    ("strategies", "children"): "strategies",
    ("strategies", "parent"): "strategies",
    ("strategies", "answers"): "churn_signals",
    ("instruments", "phases"): "phases",
    ("instruments", "channels"): "channels",
    ("instruments", "answers"): "churn_signals",
    ("satisfaction_dimensions", "responds_with"): "instruments",
    ("purchase_motives", "affinity"): "strategies",
    ("terminate_profiles", "signal"): "termination_signals",
    ("marketing_events", "action"): "instruments",
    ("communication_styles", "avoid"): "instruments",
    ("value_quadrants", "default_strategies"): "strategies",
    ("reason_codes", "signal"): "churn_signals",
}
_REFERENCES_EVERYWHERE: Mapping[str, str] = {
    "source": "sources",
    "prerequisites": "conditions",
    "contraindications": "conditions",
}


class CatalogueError(ValueError):
    """The catalogue contradicts itself; the message has one line per fault: section, id, field."""


class Entry(BaseModel):
    """What every entry has: an id, texts in both languages, where it comes from, conditions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    en: Annotated[str, Field(min_length=1)]
    de: Annotated[str, Field(min_length=1)]
    desc_en: Annotated[str, Field(min_length=1)]
    desc_de: Annotated[str, Field(min_length=1)]
    source: Annotated[tuple[str, ...], Field(min_length=1)]
    prerequisites: tuple[str, ...]
    contraindications: tuple[str, ...]

    def name(self, language: Language) -> str:
        return self.en if language == "en" else self.de

    def description(self, language: Language) -> str:
        return self.desc_en if language == "en" else self.desc_de


class PlainEntry(Entry):
    """An entry of a section that nothing computes with yet; its further fields are kept as read."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Phase(Entry):
    """A phase of a customer relationship."""

    order: int
    states: Annotated[tuple[str, ...], Field(min_length=1)]
    note: str | None = None
    needs_human: bool = False


class LifecycleState(Entry):
    """A state of a contact; its phase is the usual one."""

    phase: str


class LeadStage(Entry):
    """How far a lead has come, and the goal that follows."""

    next_goal: str


class Goal(Entry):
    """What a strategy is to reach."""

    phases: Annotated[tuple[str, ...], Field(min_length=1)]
    metric: str


class Strategy(Entry):
    """A way to reach goals; one with children is a group and is never chosen itself."""

    phases: Annotated[tuple[str, ...], Field(min_length=1)]
    goals: Annotated[tuple[str, ...], Field(min_length=1)]
    instruments: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    parent: str | None = None
    answers: tuple[str, ...] = ()
    tone: Literal["factual", "emotional", "symbolic"] | None = None
    polarity: Literal["positive", "negative"] | None = None
    openness: Literal["open", "covert"] | None = None
    scope: Literal["segment"] | None = None
    auto_recommend: bool = True
    needs_human: bool = False
    default_choice: bool = False
    risk_rate: Share = 0.0
    risk_en: str | None = None
    risk_de: str | None = None


class Instrument(Entry):
    """A single measure; costs in base currency, effect as mean and standard deviation."""

    phases: Annotated[tuple[str, ...], Field(min_length=1)]
    type: Literal[
        "price", "product", "trial", "service", "information", "dialogue", "event", "gesture",
        "reward", "engagement", "survey", "barrier", "mass", "termination", "obligation",
    ]  # fmt: skip
    channels: tuple[str, ...]
    addressable: bool = True
    auto_recommend: bool = True
    scope: Literal["segment"] | None = None
    unit_cost: Cost | None = None
    incentive_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    incentive_abs: Cost = 0.0
    uplift: tuple[Share, Share] | None = None
    answers: tuple[str, ...] = ()


class Channel(Entry):
    """A way to reach people; its cost per contact in base currency."""

    addressable: bool
    consent: Literal["opt_in", "opt_out", "none"]
    unit_cost: Cost
    base_response: Share


class PurchaseMotive(Entry):
    """Why somebody buys, and how much that favors a strategy."""

    group: str
    affinity: Mapping[str, Cost]


class Condition(Entry):
    """A condition of strategies and instruments, and what it counts as while unknown.

    `holds` is what the company declares for everybody, where no record could say it.
    """

    rule: str
    unknown: bool
    holds: bool | None = None


class ReasonCode(Entry):
    """A reason; its descriptions are templates, `params` names the kind of every value in them."""

    signal: str | None = None
    feature: str | None = None
    params: Mapping[str, str]

    @model_validator(mode="after")
    def _templates_use_the_declared_values(self) -> Self:
        for field, template in (("desc_en", self.desc_en), ("desc_de", self.desc_de)):
            used = {match["name"] for match in PLACEHOLDER.finditer(template)}
            if used != set(self.params):
                names = ", ".join(sorted(used ^ set(self.params)))
                raise ValueError(f"{field} and params differ in {names}")
            if re.search(r"[{}]", PLACEHOLDER.sub("", template)):
                raise ValueError(f"{field} holds a brace that is no placeholder")
        return self


class SatisfactionDimension(Entry):
    """A dimension of satisfaction, its weight, and what answers a gap in it."""

    weight: Share
    responds_with: tuple[str, ...]
    note: str | None = None


class MarketingEvent(Entry):
    """What makes a step due, when, and for how long."""

    trigger: str
    action: str
    wait_days: Annotated[int, Field(ge=0)]
    valid_days: Annotated[int, Field(ge=1)]


class CommunicationStyle(Entry):
    """How somebody likes to be approached."""

    cap_30d: Annotated[int, Field(ge=0)]
    avoid: tuple[str, ...] = ()


class Draft(Entry):
    """What to write or say when an instrument is used; its id is that of the instrument.

    The descriptions are hints for who does it. Subject and text are drafts for the customer, in its
    language; ``[...]`` is to be filled in by a person, ``{product}`` is the product on offer.
    """

    subject_en: str | None = None
    subject_de: str | None = None
    text_en: str
    text_de: str

    def subject(self, language: Language) -> str | None:
        return self.subject_en if language == "en" else self.subject_de

    def text(self, language: Language) -> str:
        return self.text_en if language == "en" else self.text_de


class DataGap(Entry):
    """Something that is missing or was left out; the effect, a template, says what filling it changes.

    Its values are `count` (records), `customers` and `unvalued` (customers without any known amount).
    """

    effect_en: str | None = None
    effect_de: str | None = None


class Catalogue(BaseModel):
    """All sections, each a tuple of entries in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: int
    language: tuple[Language, ...]
    sources: Mapping[str, Mapping[str, str]]
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
    touchpoints: tuple[PlainEntry, ...]
    channels: tuple[Channel, ...]
    purchase_motives: tuple[PurchaseMotive, ...]
    loyalty_ladder: tuple[PlainEntry, ...]
    retain_profiles: tuple[PlainEntry, ...]
    terminate_profiles: tuple[PlainEntry, ...]
    marketing_events: tuple[MarketingEvent, ...]
    crm_tools: tuple[PlainEntry, ...]
    analysis_bases: tuple[PlainEntry, ...]
    organisation_enablers: tuple[PlainEntry, ...]
    business_models: tuple[PlainEntry, ...]
    communication_styles: tuple[CommunicationStyle, ...]
    value_quadrants: tuple[PlainEntry, ...]
    rfm_segments: tuple[PlainEntry, ...]
    churn_signals: tuple[PlainEntry, ...]
    termination_signals: tuple[PlainEntry, ...]
    termination_blocks: tuple[PlainEntry, ...]
    termination_steps: tuple[PlainEntry, ...]
    termination_case_steps: tuple[PlainEntry, ...]
    termination_outcomes: tuple[PlainEntry, ...]
    guard_rails: tuple[PlainEntry, ...]
    conditions: tuple[Condition, ...]
    rejection_reasons: tuple[PlainEntry, ...]
    forecasters: tuple[PlainEntry, ...]
    verdicts: tuple[ReasonCode, ...]
    reason_codes: tuple[ReasonCode, ...]
    drafts: tuple[Draft, ...] = ()
    data_gaps: tuple[DataGap, ...]
    quality_fields: tuple[PlainEntry, ...]

    @cached_property
    def sections(self) -> Mapping[str, Mapping[str, Entry]]:
        """Every section by name, its entries by id."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: {entry.id: entry for entry in value}
            for name, value in values.items()
            if isinstance(value, tuple) and name != "language"
        }

    def entry(self, section: str, entry_id: str) -> Entry:
        """Return one entry; `KeyError` if there is no such section or id."""
        return self.sections[section][entry_id]


def load_catalogue() -> Catalogue:
    """Read and check the catalogue that comes with the package; called once, at the edge."""
    file = importlib.resources.files(__package__) / "catalogue.yaml"
    return parse_catalogue(file.read_text(encoding="utf-8"))


def parse_catalogue(document: str) -> Catalogue:
    """Turn a YAML text into a checked catalogue; `CatalogueError` names every fault of one kind."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = _tuples(yaml.load(document, Loader=loader))
        catalogue = Catalogue.model_validate(raw)
    except yaml.YAMLError as error:
        raise CatalogueError(f"no YAML document: {error}") from error
    except ValidationError as error:
        raise CatalogueError("\n".join(_faults_of_form(error, raw))) from error
    faults = [*_faults_of_ids(catalogue), *_faults_of_languages(catalogue)]
    if not faults:
        faults = [*_faults_of_references(catalogue)]
    if faults:
        raise CatalogueError("\n".join(faults))
    return catalogue


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _faults_of_form(error: ValidationError, raw: Any) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        section, *rest = fault["loc"] or ("catalogue",)
        where = [str(section)]
        if rest and isinstance(rest[0], int):
            entry = raw[section][rest.pop(0)]
            where.append(str(entry.get("id", "(no id)")) if isinstance(entry, dict) else "?")
        yield f"{'.'.join([*where, *map(str, rest)])}: {fault['msg']}"


def _faults_of_ids(catalogue: Catalogue) -> Iterator[str]:
    for section, entries in _entries(catalogue):
        seen: set[str] = set()
        for entry in entries:
            if entry.id in seen:
                yield f"{section}.{entry.id}.id: is there twice"
            seen.add(entry.id)


def _faults_of_languages(catalogue: Catalogue) -> Iterator[str]:
    for section, entries in _entries(catalogue):
        for entry in entries:
            fields = entry.model_dump()
            for name in sorted(name[:-3] for name in fields if name.endswith(("_en", "_de"))):
                texts = {language: fields.get(f"{name}_{language}") for language in ("en", "de")}
                if any(texts.values()) and not all(texts.values()):
                    missing = next(language for language, text in texts.items() if not text)
                    yield f"{section}.{entry.id}.{name}_{missing}: is missing"


def _faults_of_references(catalogue: Catalogue) -> Iterator[str]:
    known: dict[str, set[str]] = {name: set(items) for name, items in catalogue.sections.items()}
    known["sources"] = set(catalogue.sources)
    for section, entries in _entries(catalogue):
        for entry in entries:
            for field, value in entry.model_dump(exclude_none=True).items():
                target = _REFERENCES_EVERYWHERE.get(field) or _REFERENCES.get((section, field))
                if target is None:
                    continue
                names = (value,) if isinstance(value, str) else tuple(value)
                for name in sorted(set(names) - known[target]):
                    yield f"{section}.{entry.id}.{field}: there is no {name} in {target}"
    for section in ("reason_codes", "verdicts"):
        for reason in getattr(catalogue, section):
            for name, kind in reason.params.items():
                if kind not in VALUE_KINDS and kind not in catalogue.sections:
                    yield f"{section}.{reason.id}.params: {name} is of the unknown kind {kind}"


def _entries(catalogue: Catalogue) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    for section in catalogue.sections:
        yield section, getattr(catalogue, section)
