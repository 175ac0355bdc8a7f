"""The shapes of the catalogue: the list of its sections, and each section with its entries."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.catalogue import entry_schemas as entries
from services.analytics.schemas import Description, Label, Shown
from shared.values import Count, Flag, word

_NAME: Any = Field(description="The name of the section.")
_ITEMS: Any = Field(max_length=500, description="Its entries, in the order of the catalogue.")


class SectionHead(Shown):
    """What a section holds."""

    label: Label = Field(description="Its name in the language asked for.")
    description: Description = Field(description="What it holds, in the language asked for.")


class SectionSummary(SectionHead):
    """A section in the list of them."""

    section: word(example="instruments") = Field(description="What it is called in paths.")
    entry_count: Count = Field(description="How many entries it has.")
    adjusted_count: Count = Field(description="How many of them the overlay file changed or added.")
    disabled_count: Count = Field(description="How many of them it switches off.")


class CatalogueSections(Shown):
    """All sections."""

    is_adjusted: Flag = Field(description="Whether an overlay file changes anything.")
    items: Annotated[list[SectionSummary], Field(max_length=100)] = Field(
        description="In the order of the catalogue."
    )


class PhasesSection(SectionHead):
    """The phases."""

    section: Literal["phases"] = _NAME
    items: Annotated[list[entries.PhaseEntry], _ITEMS]


class LifecycleStatesSection(SectionHead):
    """The lifecycle states."""

    section: Literal["lifecycle_states"] = _NAME
    items: Annotated[list[entries.StateEntry], _ITEMS]


class LeadStagesSection(SectionHead):
    """The stages of leads."""

    section: Literal["lead_stages"] = _NAME
    items: Annotated[list[entries.LeadStageEntry], _ITEMS]


class GoalsSection(SectionHead):
    """The goals."""

    section: Literal["goals"] = _NAME
    items: Annotated[list[entries.GoalEntry], _ITEMS]


class StrategiesSection(SectionHead):
    """The strategies."""

    section: Literal["strategies"] = _NAME
    items: Annotated[list[entries.StrategyEntry], _ITEMS]


class InstrumentsSection(SectionHead):
    """The instruments."""

    section: Literal["instruments"] = _NAME
    items: Annotated[list[entries.InstrumentEntry], _ITEMS]


class SatisfactionDimensionsSection(SectionHead):
    """The dimensions of satisfaction."""

    section: Literal["satisfaction_dimensions"] = _NAME
    items: Annotated[list[entries.DimensionEntry], _ITEMS]


class TouchpointsSection(SectionHead):
    """The touchpoints."""

    section: Literal["touchpoints"] = _NAME
    items: Annotated[list[entries.TouchpointEntry], _ITEMS]


class ChannelsSection(SectionHead):
    """The channels."""

    section: Literal["channels"] = _NAME
    items: Annotated[list[entries.ChannelEntry], _ITEMS]


class PurchaseMotivesSection(SectionHead):
    """The buying motives."""

    section: Literal["purchase_motives"] = _NAME
    items: Annotated[list[entries.MotiveEntry], _ITEMS]


class RungsSection(SectionHead):
    """The rungs of the loyalty ladder."""

    section: Literal["loyalty_ladder"] = _NAME
    items: Annotated[list[entries.RungEntry], _ITEMS]


class GroupsSection(SectionHead):
    """Groups of customers by rules."""

    section: Literal["retain_profiles", "rfm_segments"] = _NAME
    items: Annotated[list[entries.RuleEntry], _ITEMS]


class TerminateProfilesSection(SectionHead):
    """What may give cause to review a relationship."""

    section: Literal["terminate_profiles"] = _NAME
    items: Annotated[list[entries.TerminateProfileEntry], _ITEMS]


class MarketingEventsSection(SectionHead):
    """The events that call for an action."""

    section: Literal["marketing_events"] = _NAME
    items: Annotated[list[entries.EventEntry], _ITEMS]


class CommunicationStylesSection(SectionHead):
    """The styles of communication."""

    section: Literal["communication_styles"] = _NAME
    items: Annotated[list[entries.StyleEntry], _ITEMS]


class ValueQuadrantsSection(SectionHead):
    """The groups by value and risk."""

    section: Literal["value_quadrants"] = _NAME
    items: Annotated[list[entries.QuadrantEntry], _ITEMS]


class ChurnSignalsSection(SectionHead):
    """The signals of churn."""

    section: Literal["churn_signals"] = _NAME
    items: Annotated[list[entries.SignalEntry], _ITEMS]


class GuardRailsSection(SectionHead):
    """The guard rails."""

    section: Literal["guard_rails"] = _NAME
    items: Annotated[list[entries.GuardRailEntry], _ITEMS]


class ConditionsSection(SectionHead):
    """The conditions."""

    section: Literal["conditions"] = _NAME
    items: Annotated[list[entries.ConditionEntry], _ITEMS]


class DraftsSection(SectionHead):
    """What to write or say."""

    section: Literal["drafts"] = _NAME
    items: Annotated[list[entries.DraftEntry], _ITEMS]


class ReasonsSection(SectionHead):
    """The reasons, or the verdicts."""

    section: Literal["reason_codes", "verdicts"] = _NAME
    items: Annotated[list[entries.ReasonEntry], _ITEMS]


class DataGapsSection(SectionHead):
    """The data gaps."""

    section: Literal["data_gaps"] = _NAME
    items: Annotated[list[entries.DataGapEntry], _ITEMS]


class WordsSection(SectionHead):
    """A section of names and descriptions alone."""

    section: Literal[
        "newness_types",
        "retention_sequence",
        "customer_development_steps",
        "retention_levers",
        "cross_phase_instruments",
        "crm_tools",
        "analysis_bases",
        "organisation_enablers",
        "business_models",
        "termination_signals",
        "termination_blocks",
        "termination_steps",
        "termination_case_steps",
        "termination_outcomes",
        "rejection_reasons",
        "forecasters",
        "quality_fields",
    ] = _NAME
    items: Annotated[list[entries.ShownEntry], _ITEMS]


CatalogueSection = Annotated[
    PhasesSection
    | LifecycleStatesSection
    | LeadStagesSection
    | GoalsSection
    | StrategiesSection
    | InstrumentsSection
    | SatisfactionDimensionsSection
    | TouchpointsSection
    | ChannelsSection
    | PurchaseMotivesSection
    | RungsSection
    | GroupsSection
    | TerminateProfilesSection
    | MarketingEventsSection
    | CommunicationStylesSection
    | ValueQuadrantsSection
    | ChurnSignalsSection
    | GuardRailsSection
    | ConditionsSection
    | DraftsSection
    | ReasonsSection
    | DataGapsSection
    | WordsSection,
    Field(discriminator="section"),
]
"""A section with its entries; `section` says which shape they have."""
