"""The shapes of model cards."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.schemas import Basis, Label, Shown, Signal, State
from shared.values import Count, Currency, Day, Flag, Instant, Version, number, whole, word
from shared.values import text as bounded_text

ForecasterId = word(example="mbg_nbd")
ChurnBasis = Literal["rhythm", "signals", "stacked"]
Measure = Literal["area_under_curve", "brier_score", "count_error", "normalized_gini"]
Horizon = whole(1, 36_500, example=180)
Share = number(0, 1, example=0.32)
Correlation = number(-1, 1, example=0.57)
Number = number(-1e15, 1e15, example=0.78)
Ratio = number(-1e15, 1e15, example=0.98)


class BasisCount(Shown):
    """How many churn probabilities rest on one basis."""

    basis: Literal["rhythm", "signals", "stacked", "contract"] = Field(description="Which basis.")
    customer_count: Count = Field(description="How many customers.")


class Finding(Shown):
    """One sentence of a verdict, for programs and for people."""

    code: bounded_text(64, example="V_PHASES_FALL") = Field(
        description="An id of the catalogue's verdicts."
    )
    tone: Literal["good", "caution", "bad", "note"] = Field(
        description="What it means for whoever relies on the numbers; `note` judges nothing."
    )
    params: dict[str, Any] = Field(description="The numbers and ids in the text.")
    text: bounded_text(2000, example="The phases mean something.") = Field(
        description="In the language asked for."
    )


class ContractSignal(Shown):
    """What a churn signal says of contracts."""

    weight: number(0, 1e3, example=1.6) = Field(
        description="What its full strength adds to the logarithm of the monthly chance of an end."
    )
    month_count: Count = Field(description="Months of customers in which it was to be heard.")
    event_count: Count = Field(description="Relationships that ended in them.")


class ContractAccuracy(Shown):
    """What the churn probabilities of customers under contract rest on, and how good they are; the
    backtest, which is of purchases, has none of it."""

    basis: Literal["default", "share", "survival"] = Field(
        description="The default before 30 contracts have ended, the share of those that were not "
        "renewed, or survival by tenure, term, amount and products where that forecasts better."
    )
    probability: number(0, 1, example=0.05) = Field(
        description="That a contract is not renewed, where there is no survival model."
    )
    ended_count: Count = Field(description="Contracts that have reached their end.")
    not_renewed_count: Count = Field(description="Those of them that were not renewed.")
    month_count: Count = Field(description="Months of customers that were learned from.")
    event_count: Count = Field(description="Relationships that ended in them.")
    brier_survival: Number | None = Field(
        description="Mean squared error of the survival model for months of customers held out."
    )
    brier_share: Number | None = Field(description="The same of one share for all.")
    area_under_curve: number(0, 1, example=0.84) | None = Field(
        description="How well the survival model ranks these months; 0.5 is chance."
    )
    brier_without_signals: Number | None = Field(
        description="The same of the survival model without signals: `brier_survival` is with them."
    )
    signal_basis: Literal["learned", "usual"] = Field(
        description="Whether the weights of signals were learned from these months, as that forecast "
        "those held out better, or are the usual ones."
    )
    signals: dict[Signal, ContractSignal] = Field(
        description="The signals that were to be heard in these months; others have their usual weight."
    )
    verdict: Annotated[list[Finding], Field(max_length=5)] = Field(
        description="The same in plain words; empty without contracts."
    )


class Accuracy(Shown):
    """How near one forecaster came; null where it cannot be told."""

    purchase_ratio: Ratio | None = Field(
        description="Purchases forecast in all by purchases that came; 1 is right."
    )
    revenue_ratio: Ratio | None = Field(
        description="Net amounts forecast in all by those that came; 1 is right."
    )
    count_error: Number | None = Field(
        description="Mean absolute error of the expected purchases (a mean, not a median) per customer."
    )
    rank_correlation: Correlation | None = Field(
        description="Spearman's, of expected purchases and purchases."
    )
    gini: Correlation | None = Field(
        description="How far the order by expected spend separates spend; 0 is chance."
    )
    normalized_gini: Number | None = Field(
        description="gini by that of a perfect order; 1 is best."
    )
    top_decile_share: Number | None = Field(
        description="Share of all spend that came from the tenth of the highest expected spend."
    )
    top_decile_lift: Number | None = Field(description="The same by that of a random tenth.")
    area_under_curve: Share | None = Field(
        description="Share of pairs of a buyer and another in which the buyer was ranked first."
    )
    brier_score: Number | None = Field(
        description="Mean squared error of the purchase probability; of churn it is the same."
    )
    log_loss: Number | None = Field(description="Mean surprise, in natural units.")
    calibration_error: Share | None = Field(
        description="Mean distance of forecast and observed shares over ten groups of equal size."
    )


class Decile(Shown):
    """A tenth of the customers by what was forecast for them, least first."""

    customer_count: Count = Field(description="How many.")
    predicted: Number = Field(description="Mean forecast.")
    observed: Number = Field(description="Mean of what came.")


class PhaseAccuracy(Shown):
    """The customers that were in one state at the origin."""

    state: State = Field(description="Lifecycle state.")
    customer_count: Count = Field(description="How many.")
    purchase_probability: Share | None = Field(
        description="Mean forecast of at least one purchase."
    )
    purchase_share: Share | None = Field(description="Share that bought.")
    expected_purchases: Number | None = Field(description="Purchases forecast for all of them.")
    purchase_count: Number = Field(description="Purchases that came.")
    expected_spend: Number | None = Field(description="Net amount forecast, in base currency.")
    spend: Number | None = Field(description="Net amount that came, in base currency.")


class ForecasterAccuracy(Shown):
    """One forecaster at one origin."""

    forecaster: ForecasterId = Field(description="Which.")
    forecaster_label: Label = Field(description="Its name in the language asked for.")
    is_yardstick: Flag = Field(description="Whether it is a naive rule that a model has to beat.")
    accuracy: Accuracy
    reliability: Annotated[list[Decile], Field(max_length=10)] = Field(
        description="Purchase probability against the share that bought."
    )
    purchase_deciles: Annotated[list[Decile], Field(max_length=10)] = Field(
        description="Expected purchases against purchases."
    )
    spend_deciles: Annotated[list[Decile], Field(max_length=10)] = Field(
        description="Expected spend against spend, in base currency; empty if no amount is known."
    )
    phases: Annotated[list[PhaseAccuracy], Field(max_length=9)] = Field(
        description="By the state that the customers were in at the origin."
    )


class Comparison(Shown):
    """The model against the best yardstick in one measure."""

    measure: Measure = Field(description="Which measure.")
    yardstick: ForecasterId = Field(description="The yardstick that came nearest in it.")
    value: Number = Field(description="What the model reached.")
    yardstick_value: Number = Field(description="What the yardstick reached.")
    difference: Number = Field(description="By how much the model is better; negative: worse.")
    low: Number = Field(description="Lower limit of its 95% interval, by paired bootstrap.")
    high: Number = Field(description="Upper limit of it.")
    result: Literal["better", "level", "worse"] = Field(
        description="`level` if the interval holds zero: then the model does not beat the yardstick."
    )


class Origin(Shown):
    """What was found looking back from one day."""

    day: Day = Field(description="Forecast with what was known at the end of this day.")
    customer_count: Count = Field(description="Customers that had bought by then.")
    buyer_count: Count = Field(description="Those of them that bought within the horizon.")
    purchase_count: Number = Field(description="Days on which they did.")
    spend: Number | None = Field(description="For what net amount, in base currency.")
    forecasters: Annotated[list[ForecasterAccuracy], Field(max_length=20)] = Field(
        description="Models, then yardsticks; empty where there was too little data to measure."
    )
    comparisons: Annotated[list[Comparison], Field(max_length=4)] = Field(
        description="The running model against the best yardsticks."
    )


class Backtest(Shown):
    """How the forecasts did on this base's own past."""

    horizon_days: Horizon = Field(
        description="Days forecast from each origin; churn is no purchase within them."
    )
    first_day: Day = Field(description="First purchase of the history.")
    last_day: Day = Field(description="Where the history ends.")
    forecaster: ForecasterId = Field(description="The model that the verdict is about.")
    forecaster_label: Label = Field(description="Its name in the language asked for.")
    sample_share: Share = Field(description="Share of the customers that were looked at.")
    verdict: Annotated[list[Finding], Field(max_length=30)] = Field(
        description="What it means, about the newest origin, the headline first."
    )
    origins: Annotated[list[Origin], Field(max_length=100)] = Field(
        description="Newest first; empty while the history is too short."
    )


class Window(Shown):
    """The days that the model was estimated from."""

    first_day: Day | None = Field(description="First purchase; null without any.")
    last_day: Day = Field(description="The day that the version is of.")
    day_count: Count = Field(description="Days between them.")


class Estimate(Shown):
    """An estimated parameter; times are in days."""

    name: word(example="alpha") = Field(description="Its name in the literature.")
    value: Number = Field(description="The estimate.")
    standard_error: Number | None = Field(description="Its standard error; null if not known.")


class Model(Shown):
    """The running purchase model."""

    forecaster: ForecasterId = Field(description="Which.")
    forecaster_label: Label = Field(description="Its name in the language asked for.")
    basis: Basis = Field(description="prior below 30 repeat buyers, fitted from 200, else blended.")
    estimates: Annotated[list[Estimate], Field(max_length=20)] = Field(
        description="Its parameters."
    )
    log_likelihood: Number | None = Field(description="Of the data under them.")
    is_converged: Flag = Field(description="Whether the estimation ended at a maximum.")


class LeftOut(Shown):
    """Something that was missing, or left out of a figure."""

    code: word(example="deals_without_fx_rate") = Field(description="What.")
    count: Count = Field(description="How often.")


class CardHead(Shown):
    """Which version a card is of."""

    model_version: Version = Field(description="The version.")
    as_of: Day = Field(description="The day that its numbers are of.")
    currency: Currency = Field(description="Base currency of all amounts.")
    published_at: Instant = Field(description="When it was published.")


class ModelCard(CardHead):
    """What a version rests on, and how its forecasts did."""

    window: Window
    customer_count: Count = Field(description="Customers with a purchase.")
    repeat_buyer_count: Count = Field(description="Customers with a second one.")
    purchase_count: Count = Field(description="Days with a purchase, over all customers.")
    model: Model
    churn_basis: ChurnBasis = Field(
        description="What the churn probabilities of the version are where there is no contract."
    )
    churn_bases: Annotated[list[BasisCount], Field(max_length=4)] = Field(
        description="How many customers have a churn probability on each basis."
    )
    contracts: ContractAccuracy
    choice: Finding = Field(description="Why it is that one.")
    left_out: Annotated[list[LeftOut], Field(max_length=50)] = Field(
        description="What was not known, or not used."
    )
    backtest: Backtest


class ModelCardSummary(CardHead):
    """A version as the list shows it; what only a card tells is null without one."""

    forecaster: ForecasterId | None = Field(description="Its purchase model.")
    forecaster_label: Label | None = Field(description="Its name in the language asked for.")
    basis: Basis | None = Field(description="What the model was estimated from.")
    churn_basis: ChurnBasis | None = Field(description="What its churn probabilities are.")
    headline: Finding | None = Field(description="The first sentence of its verdict.")


class ModelCardList(Shown):
    """The kept versions, newest first."""

    items: Annotated[list[ModelCardSummary], Field(max_length=100)] = Field(
        description="As many as are kept."
    )
