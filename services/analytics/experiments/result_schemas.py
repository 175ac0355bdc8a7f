"""The shapes of results: what a step brought, in all and by value tier, and who responded."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.experiments.schemas import Arms, Difference, Status, Tier, Verdict
from services.analytics.schemas import Description, Label, Shown
from shared.values import (
    LARGEST_INTEGER,
    Count,
    Currency,
    Day,
    Flag,
    Probability,
    RecordId,
    Total,
    number,
    word,
)


class Contribution(Shown):
    """Contribution per customer within the windows, by the arm it was assigned to."""

    treatment: Total | None = Field(description="Of those to be treated, per customer.")
    control: Total | None = Field(description="Of those held out, per customer.")
    difference: Total | None = Field(
        description="What treatment brought per customer, what was expected of both arms allowed for."
    )
    low: Total | None = Field(
        description="Lower end of the 95% interval, from arms that are drawn anew: it keeps its level on "
        "skewed spend."
    )
    high: Total | None = Field(description="Upper end of it.")
    welch_low: Total | None = Field(
        description="Lower end of Welch's interval, for comparison; on skewed spend it errs too often."
    )
    welch_high: Total | None = Field(description="Upper end of it.")
    verdict: Verdict | None = Field(description="Of this difference.")


class ResultRow(Shown):
    """What the step brought among some customers; all figures are null if it is hidden."""

    tier: Tier | None = Field(description="Their value tier when assigned; null for all of them.")
    is_hidden: Flag = Field(
        description="True if an arm has fewer than five customers, unless both have none, or if such a "
        "row could be told from this one and the total."
    )
    treatment_count: Count | None = Field(description="To be treated, whether it was done or not.")
    control_count: Count | None = Field(description="Held out.")
    treatment_rate: Probability | None = Field(description="Success rate of those to be treated.")
    control_rate: Probability | None = Field(description="Success rate of those held out.")
    uplift: Difference | None = Field(description="The difference of both rates.")
    uplift_low: Difference | None = Field(description="Lower end of Newcombe's 95% interval.")
    uplift_high: Difference | None = Field(description="Upper end of it.")
    verdict: Verdict | None = Field(
        description="`effective` or `harmful` if the interval lies on one side of zero, else "
        "`inconclusive`; `too_few` if an arm has fewer than 30 customers or fewer than 10 succeeded."
    )
    verdict_label: Label | None = Field(description="The verdict in the language asked for.")
    verdict_text: Description | None = Field(description="What it rests on, in that language.")
    contribution: Contribution | None = Field(description="Per customer.")
    incremental: Total | None = Field(
        description="Contribution of all treated that would not have come without treatment."
    )
    incremental_low: Total | None = Field(description="Lower end of its 95% interval.")
    incremental_high: Total | None = Field(description="Upper end of it.")
    cost: Total | None = Field(
        description="What treating cost: of each customer the cost that was recorded of the executed "
        "decision, else what the catalogue says of instrument and channel, and of an incentive for each "
        "success."
    )
    net: Total | None = Field(description="Incremental contribution less the cost.")
    roi: number(-LARGEST_INTEGER, LARGEST_INTEGER, example=1.67) | None = Field(
        description="Net over cost; null without cost."
    )


class Trait(Shown):
    """A trait by which those who respond most differ from all."""

    feature: word(example="churn_probability") = Field(description="What it is.")
    top_mean: number(-LARGEST_INTEGER, LARGEST_INTEGER, example=0.62) | None = Field(
        description="Mean among those expected to respond most."
    )
    mean: number(-LARGEST_INTEGER, LARGEST_INTEGER, example=0.41) | None = Field(
        description="Mean among all."
    )


class Responders(Shown):
    """Whether some respond more than others; what one half teaches is tried on the other."""

    basis: Literal["individual", "average", "too_few"] = Field(
        description="Which effect is used from now on: `individual` by the traits of each customer, else "
        "the average."
    )
    text: Description = Field(description="What that rests on, in the language asked for.")
    top_uplift: Difference | None = Field(
        description="Uplift among the third expected to respond most."
    )
    rest_uplift: Difference | None = Field(description="Uplift among the others.")
    difference: number(-2, 2, example=0.09) | None = Field(
        description="How much more the top third responded."
    )
    difference_low: number(-6, 6, example=0.02) | None = Field(
        description="Lower end of its 95% interval; above zero, traits are used."
    )
    difference_high: number(-6, 6, example=0.16) | None = Field(description="Upper end of it.")
    traits: Annotated[list[Trait], Field(max_length=20)] = Field(
        description="How those who respond most differ; empty while the average is used."
    )


class ExperimentResult(Shown):
    """What an experiment found; before all windows have closed only how many are in each arm."""

    experiment_id: RecordId = Field(description="The experiment.")
    status: Status = Field(description="Its state.")
    is_final: Flag = Field(
        description="True once the result is known; it does not change any more."
    )
    known_on: Day | None = Field(
        description="From this day on the first refresh works the result out; null while no end is set."
    )
    text: Description | None = Field(
        description="Why there is no result yet, in the language asked for; null if there is one."
    )
    currency: Currency | None = Field(description="Base currency of all amounts; null before.")
    arms: Arms
    lost_count: Count | None = Field(
        description="Assigned customers that are none any more, deleted or merged; null before."
    )
    total: ResultRow | None = Field(description="All customers; null before.")
    tiers: Annotated[list[ResultRow], Field(max_length=3)] = Field(
        description="By value tier; empty before."
    )
    responders: Responders | None = Field(description="Who responds more; null before.")
