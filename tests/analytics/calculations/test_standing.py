"""Where customers stand: worked examples B4 to B8, every case of the text, and what changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.standing.ambassadors import (
    AcquisitionCosts,
    Acts,
    ReferralBase,
    ambassador_scores,
    collect_acquisition_costs,
    count_acts,
    estimate_referral_base,
    referral_values,
)
from services.analytics.calculations.standing.ladder import assign_rungs
from services.analytics.calculations.standing.motives import find_motives
from services.analytics.calculations.standing.newness import find_newness
from services.analytics.calculations.standing.parameters import (
    AmbassadorParameters,
    LadderParameters,
    MotiveParameters,
)
from services.analytics.calculations.standing.ranks import RANKED, place_by_rank
from services.analytics.calculations.standing.scoring import score_standing
from tests.analytics.calculations.event_frames import events, frame
from tests.analytics.simulation import plain_deals

DAY = 20_000
AMBASSADORS = AmbassadorParameters()


def base(**columns: Any) -> pd.DataFrame:
    """Make customers with nothing but what is given."""
    count = len(next(iter(columns.values())))
    plain: dict[str, Any] = {
        "unit_id": [f"u{number + 1}" for number in range(count)],
        "state": ["retained"] * count,
        "purchase_count": np.ones(count),
        **{name: np.full(count, np.nan) for name in RANKED[2:] if name != "purchase_count"},
    }
    return pd.DataFrame(plain | columns).set_axis(pd.RangeIndex(count, name="unit"))


def words(column: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in column]


def test_example_b4_a_referral_that_bought_is_worth_half_its_value_and_what_it_saved() -> None:
    referrals = frame(
        "referrals", [{"unit": 0, "referred_unit": 10 + place, "day": DAY} for place in range(3)]
    )
    referred = pd.DataFrame(
        {"clv_365": [80.0, 60.0, 120.0], "purchase_count": [0, 1, 2]}, index=[12, 11, 10]
    )
    values = referral_values(
        referrals,
        referred,
        unit_count=2,
        as_of_day=DAY,
        base=ReferralBase(15.0),
        parameters=AMBASSADORS,
    )
    assert values.tolist() == [120.0, 0.0]


def test_nobody_refers_themselves_nor_the_same_unit_twice_nor_tomorrow() -> None:
    referrals = frame(
        "referrals",
        [
            {"unit": 0, "referred_unit": 0, "day": DAY},
            {"unit": 0, "referred_unit": 1, "day": DAY},
            {"unit": 0, "referred_unit": 1, "day": DAY - 5},
            {"unit": 0, "referred_unit": 2, "day": DAY + 1},
            {"unit": 0, "referred_unit": 3, "day": DAY},
            {"unit": 0, "referred_unit": 99, "day": DAY},
        ],
    )
    referred = pd.DataFrame({"clv_365": [100.0, 10.0, 10.0, -50.0], "purchase_count": [1, 1, 1, 1]})
    values = referral_values(
        referrals,
        referred,
        unit_count=1,
        as_of_day=DAY,
        base=ReferralBase(1.0),
        parameters=AMBASSADORS,
    )
    assert values.tolist() == [5.0 + 1.0 + 0.0 + 1.0]


def test_what_a_referral_saves_is_never_below_zero_and_adds_up_over_partitions() -> None:
    cost = np.array([10.0, 30.0, np.nan, 5.0, 100.0])
    bought = np.array([True, True, True, True, False])
    referred = np.array([False, False, False, True, False])
    whole = collect_acquisition_costs(cost, has_bought=bought, is_referred=referred)
    parts = AcquisitionCosts()
    for place in range(5):
        at = slice(place, place + 1)
        parts += collect_acquisition_costs(
            cost[at], has_bought=bought[at], is_referred=referred[at]
        )
    assert parts == whole
    assert estimate_referral_base(whole).saved_acquisition_cost == 15.0
    dear = collect_acquisition_costs(cost, has_bought=bought, is_referred=~referred)
    assert estimate_referral_base(dear).saved_acquisition_cost == 0.0
    assert estimate_referral_base(AcquisitionCosts()).saved_acquisition_cost == 0.0


def test_example_b5_ambassador_scores() -> None:
    acts = Acts(np.array([2, 0, 1]), np.array([1, 0, 0]), np.array([0, 0, 1]))
    scores = ambassador_scores(np.array([9.0, 6.0, np.nan]), acts, parameters=AMBASSADORS)
    assert scores.round(4).tolist() == [0.7272, 0.0, 0.294]


def test_acts_are_those_of_730_days_and_a_referral_recorded_twice_is_one() -> None:
    told = {"kind": "referral", "day": DAY}
    post = {"kind": "social", "day": DAY - 729, "is_public": True, "sentiment": 0.3}
    given = frame(
        "interactions",
        [
            told,
            told | {"day": DAY - 730},
            told | {"day": DAY + 1},
            post,
            post | {"sentiment": 0.29},
            post | {"sentiment": None},
            post | {"is_public": False},
            {"kind": "idea", "day": DAY},
        ],
    )
    came = frame("referrals", [{"unit": 0, "referred_unit": 1, "day": DAY}])
    acts = count_acts(given, came, unit_count=2, as_of_day=DAY, parameters=AMBASSADORS)
    assert acts.referral_count.tolist() == [1, 0]
    assert acts.public_positive_count.tolist() == [1, 0]
    assert acts.idea_count.tolist() == [1, 0]
    assert acts.total.tolist() == [3, 0]


CASES: list[tuple[dict[str, Any], str | None]] = [
    ({"n": 0}, "suspect"),
    ({"n": 0, "inbound": True}, "prospect"),
    ({"n": 2, "nps": 10}, "customer"),
    ({"n": 5}, "client"),
    ({"n": 5, "gap": 0.5}, "supporter"),
    ({"n": 5, "nps": 9, "acts": 1}, "advocate"),
    ({"n": 7, "nps": 9, "acts": 3}, "partner"),
    ({"n": 7, "nps": 9, "acts": 3, "state": "lapsed"}, "customer"),
    # Beyond the example: the other ways the text names.
    ({"n": 3}, "client"),
    ({"n": 5, "sentiment": 0.2}, "supporter"),
    ({"n": 5, "nps": 6, "gap": -0.1, "sentiment": 0.19, "acts": 3}, "client"),
    ({"n": 5, "gap": 0.0}, "supporter"),
    ({"n": 3, "partner": True}, "partner"),
    ({"n": 2, "partner": True}, "customer"),
    ({"n": 9, "nps": 10, "state": "terminated"}, "customer"),
    ({"n": 0, "state": "excluded"}, None),
]


def test_example_b6_rungs() -> None:
    def column(name: str, default: Any) -> list[Any]:
        return [case.get(name, default) for case, _ in CASES]

    customers = pd.DataFrame(
        {
            "state": pd.Categorical(column("state", "retained")),
            "purchase_count": column("n", 0),
            "nps": column("nps", np.nan),
            "satisfaction_difference": column("gap", np.nan),
            "sentiment_level": column("sentiment", np.nan),
        }
    )
    rungs = assign_rungs(
        customers,
        has_written=np.array(column("inbound", False)),
        act_count=np.array(column("acts", 0)),
        is_named_partner=np.array(column("partner", False)),
        parameters=LadderParameters(),
    )
    assert words(rungs) == [rung for _, rung in CASES]


def test_example_b7_portfolio() -> None:
    places = place_by_rank(
        base(
            clv_alive_1095=[900.0, 500.0, 300.0, 200.0, 80.0, 20.0, -10.0],
            state=[
                "at_risk",
                "retained",
                "retained",
                "lapsed",
                "retained",
                "at_risk",
                "developing",
            ],
        )
    )
    assert words(places["tier"]) == ["A", "A", "A", "B", "C", "C", "C"]
    assert words(places["quadrant"]) == [
        *("value_at_stake", "partners", "partners", "value_at_stake"),
        *("steady_small", "occasional", "steady_small"),
    ]


def test_example_b8_rfm() -> None:
    places = place_by_rank(
        base(
            gap_days=[5.0, 30.0, 200.0, 12.0, 400.0, 30.0],
            purchase_count_730=[12.0, 6.0, 9.0, 1.0, 1.0, 3.0],
            contribution_730=[900.0, 300.0, 700.0, 40.0, 20.0, 120.0],
        )
    )
    assert places["rfm_recency"].tolist() == [5, 2, 1, 4, 1, 2]
    assert places["rfm_frequency"].tolist() == [5, 3, 4, 1, 1, 2]
    assert places["rfm_monetary"].tolist() == [5, 3, 4, 1, 1, 2]
    assert words(places["rfm_segment"]) == [
        *("champions", "average", "cannot_lose", "recent", "hibernating", "hibernating")
    ]


@pytest.mark.parametrize(
    ("values", "tiers"),
    [
        ([5.0], "A"),
        ([0.0], "C"),
        ([-1.0, -2.0], "CC"),
        ([80.0, 15.0, 5.0], "ABC"),
        ([1e308, 1e308, 1e308], "AAA"),
        ([1.0] * 5, "AAAAB"),
        ([float("nan"), 1.0], " A"),
    ],
)
def test_a_tier_begins_where_the_share_before_reaches_its_limit(
    values: list[float], tiers: str
) -> None:
    found = words(place_by_rank(base(clv_alive_1095=values))["tier"])
    assert "".join(tier or " " for tier in found) == tiers


def test_of_equal_values_the_lower_id_comes_first() -> None:
    ids = ["u5", "u3", "u1", "u4", "u2"]
    places = place_by_rank(base(clv_alive_1095=[1.0] * 5, unit_id=ids))
    assert dict(zip(ids, words(places["tier"]), strict=True))["u5"] == "B"


def test_the_historic_basis_has_tiers_of_its_own() -> None:
    places = place_by_rank(
        base(
            clv_alive_1095=[100.0, 1.0],
            historic_value=[1.0, 100.0],
            state=["retained", "lapsed"],
        )
    )
    assert words(places["historic_tier"]) == ["C", "A"]
    assert words(places["quadrant"]) == ["partners", "occasional"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_fewer_than_five_units_have_three_scores_at_most(count: int) -> None:
    places = place_by_rank(base(gap_days=np.arange(count, dtype=np.float64)))
    assert places["rfm_recency"].max() <= 3
    assert places["rfm_recency"].iloc[-1] == 1


def test_who_never_bought_or_is_gone_has_no_place_and_counts_for_nobody() -> None:
    some = base(
        gap_days=[1.0, 2.0, 3.0, 4.0, 5.0],
        purchase_count_730=[5.0, 4.0, 3.0, 2.0, 1.0],
        contribution_730=[5.0, 4.0, 3.0, 2.0, 1.0],
        clv_alive_1095=[50.0, 40.0, 30.0, 20.0, 10.0],
        historic_value=[50.0, 40.0, 30.0, 20.0, 10.0],
    )
    gone = some.assign(
        unit_id=["v1", "v2", "v3", "v4", "v5"],
        state=["terminated", "excluded", "terminated", "excluded", "terminated"],
    )
    lead = base(purchase_count=[0.0], unit_id=["w"], state=["lead"])
    together = pd.concat([gone, some, lead], ignore_index=True)
    places = place_by_rank(together)
    pd.testing.assert_frame_equal(
        places.iloc[5:10].reset_index(drop=True), place_by_rank(some).reset_index(drop=True)
    )
    assert places.drop(index=range(5, 10)).isna().all(axis=None)


def test_an_unknown_contribution_is_no_champion() -> None:
    places = place_by_rank(
        base(
            gap_days=[1.0, 2.0, 3.0, 4.0, 5.0],
            purchase_count_730=[5.0, 4.0, 3.0, 2.0, 1.0],
            contribution_730=[np.nan, 4.0, 3.0, 2.0, 1.0],
        )
    )
    assert np.isnan(places["rfm_monetary"].iloc[0])
    assert places["rfm_segment"].iloc[0] == "loyal"


def test_no_units_have_no_places_but_the_columns() -> None:
    empty = base(gap_days=[1.0]).iloc[:0]
    assert list(place_by_rank(empty)) == list(place_by_rank(base(gap_days=[1.0])))


@st.composite
def ranked(draw: st.DrawFn) -> pd.DataFrame:
    count = draw(st.integers(1, 40))
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    states = np.array(["retained", "at_risk", "lapsed", "new", "terminated", "lead"])
    bought = np.where(dice.random(count) < 0.8, dice.integers(1, 9, count), 0)
    value = np.where(bought > 0, dice.normal(50, 60, count), np.nan)
    return base(
        state=states[dice.integers(0, len(states), count)],
        purchase_count=bought.astype(np.float64),
        clv_alive_1095=value,
        historic_value=value * dice.random(count),
        gap_days=np.where(bought > 0, dice.integers(0, 900, count), np.nan),
        purchase_count_730=np.where(bought > 0, dice.integers(0, 6, count), np.nan),
        contribution_730=value,
    )


@given(ranked(), st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.1, 3.0, 1e6]))
def test_row_order_money_scale_and_ids_change_no_place(
    customers: pd.DataFrame, seed: int, scale: float
) -> None:
    places = place_by_rank(customers)
    dice = np.random.default_rng(seed)
    shuffled = customers.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(place_by_rank(shuffled).sort_index(), places)
    money = ["clv_alive_1095", "historic_value", "contribution_730"]
    scaled = customers.assign(**{name: customers[name] * scale for name in money})
    pd.testing.assert_frame_equal(place_by_rank(scaled), places)
    renamed = customers.assign(unit_id=dice.permutation(customers["unit_id"].to_numpy()))
    pd.testing.assert_frame_equal(place_by_rank(renamed), places)


def newness(state: str, **facts: Any) -> str | None:
    """Tell the newness of one unit."""
    found = find_newness(
        pd.Series([state], dtype="category"),
        has_won_deal=np.array([facts.get("won", True)]),
        has_previous_supplier=np.array([facts.get("supplier", False)]),
        competitor_loss=np.array([facts.get("loss", np.nan)]),
        interactions=frame("interactions", facts.get("interactions", ())),
        interest=frame("interest", facts.get("interest", ())),
        purchased_categories=frame("purchased_categories", facts.get("bought", ())),
        as_of_day=DAY,
    )
    return words(found)[0]


PAINT, TOOLS = ({"day": DAY, "category": name} for name in ("paint", "tools"))
LEFT = {"kind": "cancellation", "day": DAY, "names_competitor": True}
GREW = {"kind": "life_event", "day": DAY, "event_type": "household_growth"}


@pytest.mark.parametrize(
    ("state", "facts", "expected"),
    [
        ("lead", {"won": False}, "first_time_buyer"),
        ("lead", {"won": False, "supplier": True}, "new_to_company first_time_buyer"),
        (
            "lead",
            {"won": False, "interest": [PAINT | {"kind": "offer"}]},
            "new_to_product first_time_buyer",
        ),
        ("retained", {"supplier": True}, None),
        ("retained", {"bought": [PAINT], "interest": [TOOLS | {"kind": "open_deal"}]}, "new_to_product"),
        ("retained", {"bought": [PAINT], "interest": [PAINT | {"kind": "offer"}]}, None),
        ("retained", {"bought": [PAINT], "interest": [PAINT | {"kind": "need"}]}, "new_variant_same_category"),
        ("retained", {"bought": [PAINT], "interactions": [GREW]}, "new_variant_same_category"),
        ("retained", {"interactions": [GREW]}, None),
        ("retained", {"bought": [PAINT], "interactions": [GREW | {"day": DAY + 1}]}, None),
        (
            "retained",
            {"bought": [PAINT], "interest": [PAINT | {"kind": "need"}, TOOLS | {"kind": "need"}]},
            "new_to_product new_variant_same_category",
        ),
        ("lapsed", {"loss": 0.1}, "diverted"),
        ("lapsed", {"loss": 0.0}, None),
        ("lapsed", {"interactions": [LEFT]}, "diverted"),
        ("retained", {"interactions": [LEFT]}, None),
        ("terminated", {"won": False}, None),
        ("excluded", {"won": False}, None),
    ],
)  # fmt: skip
def test_every_kind_of_newness(state: str, facts: dict[str, Any], expected: str | None) -> None:
    assert newness(state, **facts) == expected


def motive(
    *,
    declared: str | None = None,
    reasons: str = "",
    discounts: str = "....",
    categories: str = "",
) -> tuple[str, str]:
    """Tell the motive of one unit: a purchase per discount (% for one, ? unknown), a letter each."""
    deals = plain_deals(
        unit=[0] * len(discounts),
        day=[DAY - place for place in range(len(discounts))],
        discount_pct=[{"%": 10.0, "?": np.nan, ".": 0.0}[sign] for sign in discounts],
    )
    days = [DAY - place for place in range(len(categories))]
    found = find_motives(
        pd.Series([declared], dtype="category"),
        won_reasons=frame(
            "won_reasons", [{"day": DAY, "won_reason": word} for word in reasons.split()]
        ),
        purchased_categories=frame(
            "purchased_categories",
            [{"day": d, "category": c} for d, c in zip(days, categories, strict=True) if c != " "],
        ),
        deals=deals,
        purchases=summarize_purchases(deals, unit_count=1, as_of_day=DAY),
        parameters=MotiveParameters(),
    )
    return str(found["motive"].iloc[0]), str(found["motive_basis"].iloc[0])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"declared": "familiarity", "reasons": "price price"}, ("familiarity", "declared")),
        ({"declared": "unknown", "reasons": "price price"}, ("advantage_price", "inferred")),
        ({"reasons": "service service price"}, ("advantage_service", "inferred")),
        ({"reasons": "brand price"}, ("advantage_price", "inferred")),
        ({"reasons": "timing timing brand"}, ("unknown", "unknown")),
        ({"reasons": "price"}, ("unknown", "unknown")),
        ({"reasons": "price service brand"}, ("unknown", "unknown")),
        ({"discounts": "%%%.."}, ("advantage_price", "inferred")),
        ({"discounts": "%%%"}, ("unknown", "unknown")),
        ({"discounts": "%%..", "categories": "abc "}, ("advantage_assortment", "inferred")),
        ({"discounts": ".....", "categories": "aaaa "}, ("habit", "inferred")),
        ({"discounts": ".....", "categories": "aaa  "}, ("unknown", "unknown")),
        ({"discounts": "?....", "categories": "aaaaa"}, ("unknown", "unknown")),
        ({"discounts": "%....", "categories": "aaaaa"}, ("unknown", "unknown")),
    ],
)
def test_motives_are_declared_or_inferred(facts: dict[str, Any], expected: tuple[str, str]) -> None:
    assert motive(**facts) == expected


def test_the_standing_of_a_partition_is_that_of_the_whole() -> None:
    count = 4
    deals = plain_deals(unit=[0, 0, 0, 1, 3], day=[DAY, DAY - 100, DAY - 800, DAY - 800, DAY])
    units = pd.DataFrame(
        {
            "purchase_motive": pd.Series([None, "habit", None, None], dtype="category"),
            "has_previous_supplier": [False, False, True, False],
            "is_innovation_partner": [True, False, False, False],
        }
    )
    customers = pd.DataFrame(
        {
            "state": pd.Series(["retained", "lapsed", "lead", "new"], dtype="category"),
            "purchase_count": [3.0, 1.0, 0.0, 1.0],
            "nps": [9.0, np.nan, np.nan, np.nan],
            "satisfaction_difference": np.nan,
            "sentiment_level": np.nan,
            "signal_competitor_loss": [np.nan, 0.5, np.nan, np.nan],
        }
    )
    happened = [
        {"unit": 0, "kind": "idea", "day": DAY},
        {"unit": 2, "kind": "email", "day": DAY, "is_inbound": True},
    ]
    purchases = summarize_purchases(deals, unit_count=count, as_of_day=DAY)
    whole = score_standing(
        units, customers, deals, events(interactions=happened), purchases=purchases
    )
    assert whole["purchase_count_730"].tolist()[:2] == [2.0, 0.0]
    assert np.isnan(whole["purchase_count_730"].iloc[2])
    assert words(whole["ladder_rung"]) == ["partner", "customer", "prospect", "customer"]
    assert words(whole["newness_ids"]) == [
        None,
        "diverted",
        "new_to_company first_time_buyer",
        None,
    ]
    assert words(whole["motive_basis"]) == ["unknown", "declared", "unknown", "unknown"]
    for unit in range(count):
        own = deals[deals["unit"] == unit].assign(unit=0)
        part = score_standing(
            units.iloc[[unit]],
            customers.iloc[[unit]],
            own,
            events(interactions=[row | {"unit": 0} for row in happened if row["unit"] == unit]),
            purchases=summarize_purchases(own, unit_count=1, as_of_day=DAY),
        )
        pd.testing.assert_frame_equal(part, whole.iloc[[unit]])
