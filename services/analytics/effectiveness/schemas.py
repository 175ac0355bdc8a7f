"""The shapes of the report on effectiveness, of learned effects and of sample sizes."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from services.analytics.experiments.result_schemas import ResultRow
from services.analytics.experiments.schemas import Difference, Key, NextPage, Tier
from services.analytics.schemas import Label, Phase, Shown
from services.foundation.queries import Page, Query, QueryFlag
from shared.values import Count, Currency, Instant, Probability, RecordId, Shape, number, word

Strategies = Annotated[list[word(example="winback_factual")], Field(max_length=50)]  # type: ignore[misc]
Instruments = Annotated[list[word(example="return_offer")], Field(max_length=50)]  # type: ignore[misc]


class EffectivenessRow(ResultRow):
    """What a step brought in one experiment."""

    experiment_id: RecordId = Field(description="The experiment.")
    experiment_key: Key = Field(description="Its key.")
    closed_at: Instant = Field(description="When its result was worked out.")
    strategy_id: word(example="winback_factual") = Field(description="The strategy.")
    strategy_label: Label = Field(description="Its name in the language asked for.")
    instrument_id: word(example="return_offer") = Field(description="The instrument.")
    instrument_label: Label = Field(description="Its name in the language asked for.")
    phase: Phase = Field(description="The phase of the customers.")
    currency: Currency = Field(description="Base currency of the amounts.")


class EffectivenessPage(Shown):
    """A page of the report."""

    items: Annotated[list[EffectivenessRow], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class ListEffectiveness(Page):
    """Closed experiments, newest first; of each all customers, then each value tier."""

    strategy_id: Strategies = Field(default=[], description="Of these strategies.")
    instrument_id: Instruments = Field(default=[], description="Of these instruments.")
    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="In these phases."
    )
    tier: Annotated[list[Tier], Field(max_length=3)] = Field(
        default=[], description="Rows of these value tiers only; empty: of all customers, too."
    )


class Belief(Shape):
    """What is believed of an effect: a normal distribution."""

    mean: Difference = Field(description="Rise of the chance of success.")
    sd: Probability = Field(description="Its standard deviation.")


class Effect(Shown):
    """What is believed of the effect of an instrument in a phase."""

    instrument_id: word(example="return_offer") = Field(description="The instrument.")
    instrument_label: Label = Field(description="Its name in the language asked for.")
    phase: Phase = Field(description="The phase.")
    prior: Belief = Field(description="What the catalogue assumes.")
    posterior: Belief = Field(
        description="What recommendations reckon with: the assumption until a result has taught more."
    )
    is_learned: QueryFlag = Field(description="Whether a result has taught it.")
    data_weight: Probability = Field(
        description="Weight of the last result in the mean; the rest was believed before."
    )
    is_individual: QueryFlag = Field(
        description="Whether the effect is told by the traits of each customer instead of this mean."
    )
    learned_at: Instant | None = Field(description="When the last result came; null before.")
    experiment_ids: Annotated[list[RecordId], Field(max_length=1000)] = Field(
        description="The experiments that taught it, oldest first."
    )
    held_back_strategy_ids: Annotated[
        list[word(example="winback_factual")], Field(max_length=100)
    ] = Field(
        description="Strategies in which it did harm and a person has not reviewed it yet: it is put to "
        "a person and not recommended."
    )


class EffectPage(Shown):
    """A page of effects."""

    items: Annotated[list[Effect], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class ListEffects(Page):
    """Effects in the order of instruments and phases."""

    instrument_id: Instruments = Field(default=[], description="Of these instruments.")
    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="In these phases."
    )
    is_learned: QueryFlag | None = Field(
        default=None, description="Only those that results have taught, or only the others."
    )


def _from_text(value: Any) -> Any:
    """Read a number as a query string has it."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _query_number(low: float, high: float, *, example: float) -> Any:
    kind: Any = number(low, high, example=example)
    return Annotated[kind, BeforeValidator(_from_text)]


class AskSampleSize(Query):
    """What is to be seen, and how surely."""

    base_rate: _query_number(0.001, 0.999, example=0.1) = Field(
        description="Success rate without treatment."
    )
    effect: _query_number(-0.999, 0.999, example=0.05) = Field(
        description="The smallest rise (or fall, below zero) worth seeing; at least 0.0001 apart from zero, "
        "and the rate with it is to lie between 0 and 1."
    )
    power: _query_number(0.5, 0.999, example=0.8) = Field(
        default=0.80, description="Chance to see it if it is there."
    )
    holdout_share: _query_number(0.01, 0.9, example=0.1) = Field(
        default=0.10, description="Share of the customers held out."
    )


class SampleSize(Shown):
    """How many customers an experiment needs."""

    per_arm: Count = Field(description="In each of two arms of the same size.")
    treatment_count: Count = Field(description="To be treated, with the share held out asked for.")
    control_count: Count = Field(description="Held out then.")
    total_count: Count = Field(description="Both together.")
