"""The shape of the summary."""

from typing import Annotated

from pydantic import Field

from services.analytics.schemas import Basis, Family, Label, Phase, Published, Shown, State
from shared.values import Count, Total, number, word


class OtherCurrency(Shown):
    """Won deals of one other currency that have no rate to the base currency."""

    deal_count: Count = Field(description="How many.")
    amount: Total = Field(description="Their net amounts, as far as known.")


class Sums(Shown):
    """Counts and sums over a group of customers, in base currency."""

    customer_count: Count = Field(description="How many.")
    historic_value: Total = Field(description="Sum of the historic values.")
    clv_365: Total = Field(description="Sum of clv_365.")
    clv_1095: Total = Field(description="Sum of clv_1095.")
    value_at_risk: Total = Field(description="Sum of the values at risk.")
    mean_churn_probability: number(0, 1, example=0.4) | None = Field(
        description="Mean churn probability of those that have one."
    )
    other_currencies: Annotated[list[OtherCurrency], Field(max_length=300)] = Field(
        description="What is in none of the sums: deals without an fx_rate, by currency."
    )


class PhaseSums(Sums):
    """The same for one phase."""

    phase: Phase = Field(description="The phase.")
    label: Label = Field(description="Its name in the language asked for.")


class StateSums(Sums):
    """The same for one state."""

    state: State = Field(description="The state.")
    label: Label = Field(description="Its name in the language asked for.")


class ModelSummary(Shown):
    """What the numbers rest on."""

    family: Family = Field(description="Family of the purchase model.")
    basis: Basis = Field(description="prior below 30 repeat buyers, fitted from 200, else blended.")
    parameters: dict[str, number(0, 1e15, example=0.5)] = Field(
        description="Its parameters, times in days: `r` and `alpha` of the purchase rates; of the "
        "dropout `a` and `b`, or `s` and `beta` of the Pareto/NBD."
    )
    log_likelihood: number(-1e15, 1e15, example=-9582.4) | None = Field(description="Of the fit.")
    customer_count: Count = Field(description="Customers with a purchase.")
    repeat_buyer_count: Count = Field(description="Customers with a second one.")
    purchase_count: Count = Field(description="Days with a purchase, over all customers.")


class DataGap(Shown):
    """Something that was missing in the data."""

    code: word(example="deals_without_fx_rate") = Field(description="What.")
    count: Count = Field(description="How often.")


class Summary(Published):
    """All customers at a glance."""

    total: Sums
    phases: Annotated[list[PhaseSums], Field(max_length=5)] = Field(description="By phase.")
    states: Annotated[list[StateSums], Field(max_length=9)] = Field(description="By state.")
    model: ModelSummary
    data_gaps: Annotated[list[DataGap], Field(max_length=50)] = Field(
        description="What was not known."
    )
