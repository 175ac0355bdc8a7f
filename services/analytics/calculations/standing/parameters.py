"""Every number that the standing of customers is told, with unit, default and source."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RankParameters:
    """How customers are placed by rank (domain specification 3.5).

    Attributes
    ----------
    tier_a_until, tier_b_until
        Share of all value that lies before a unit up to which it is in tier A or B; share; defaults
        0.80 and 0.95 (3.5).
    share_tolerance
        A share this close to a limit has reached it, so that rounding decides nothing; share;
        default 1e-9 (choice: far above the rounding of a sum of a million amounts).
    levels
        Scores of recency, frequency and money; count; default 5 (3.5).
    few_units
        Units below which there are fewer scores; count; default 5 (3.5).
    levels_of_few
        How many there are then; count; default 3 (3.5).
    """

    tier_a_until: float = 0.80
    tier_b_until: float = 0.95
    share_tolerance: float = 1e-9
    levels: int = 5
    few_units: int = 5
    levels_of_few: int = 3


@dataclass(frozen=True, slots=True)
class AmbassadorParameters:
    """How referrals and other acts for us are counted (domain specification 3.3).

    Attributes
    ----------
    window_days
        Window of the acts, the day itself included; days; default 730 (3.3).
    positive_sentiment
        Sentiment from which a public post is positive; -1 to 1; default 0.3 (3.3).
    neutral_nps, nps_span
        Recommendation that counts nothing, and how far above it one counts fully; points; defaults
        6 and 4 (3.3).
    nps_weight, acts_weight
        Of recommendation and acts in the score; no unit; defaults 0.4 and 0.6 (3.3).
    referral_factor, public_factor, idea_factor
        What one act of each kind leaves of the way to a full score; no unit; defaults 0.6, 0.8 and
        0.85 (3.3).
    referral_share
        ``rho``: share of referred customers who would not have come anyway; share; default 0.5
        (3.3).
    """

    window_days: int = 730
    positive_sentiment: float = 0.3
    neutral_nps: float = 6.0
    nps_span: float = 4.0
    nps_weight: float = 0.4
    acts_weight: float = 0.6
    referral_factor: float = 0.6
    public_factor: float = 0.8
    idea_factor: float = 0.85
    referral_share: float = 0.5


@dataclass(frozen=True, slots=True)
class LadderParameters:
    """Where one rung of the loyalty ladder ends and the next begins (domain specification 3.4).

    Attributes
    ----------
    client_from_purchases
        Purchases from which a customer is a client; count; default 3 (3.4).
    positive_nps, positive_difference, positive_sentiment
        Recommendation (points), satisfaction difference D (points) and sentiment level (-1 to 1)
        from which an attitude is positive; defaults 7, 0 and 0.2 (3.4).
    partner_from_acts
        Acts for us from which an advocate is a partner; count; default 3 (3.4).
    """

    client_from_purchases: int = 3
    positive_nps: float = 7.0
    positive_difference: float = 0.0
    positive_sentiment: float = 0.2
    partner_from_acts: int = 3


@dataclass(frozen=True, slots=True)
class MotiveParameters:
    """When records suffice to infer why somebody buys (domain specification 2.3).

    Attributes
    ----------
    from_reasons, reason_share
        Recorded reasons of won deals needed, and the share that one must make up; count and share;
        defaults 2 and 0.5 (2.3).
    from_purchases
        Purchases from which buying itself tells; count; default 4 (2.3).
    price_discounted_share
        Share of discounted purchases from which price is the motive; share; default 0.6 (2.3).
    assortment_from_categories
        Categories bought from which the assortment is; count; default 3 (2.3).
    habit_discounted_share, habit_category_share
        Share of discounted purchases up to which, and share of purchases in one category from
        which, it is habit; share; defaults 0.1 and 0.8 (2.3).
    """

    from_reasons: int = 2
    reason_share: float = 0.5
    from_purchases: int = 4
    price_discounted_share: float = 0.6
    assortment_from_categories: int = 3
    habit_discounted_share: float = 0.1
    habit_category_share: float = 0.8


@dataclass(frozen=True, slots=True)
class StandingParameters:
    """All parameters of standing; the defaults are those of the domain specification.

    Attributes
    ----------
    ranks, ambassadors, ladder, motives
        Of each part.
    recent_days
        Window of the purchases that RFM counts, the day itself included; days; default 730 (3.5).
    """

    ranks: RankParameters = field(default_factory=RankParameters)
    ambassadors: AmbassadorParameters = field(default_factory=AmbassadorParameters)
    ladder: LadderParameters = field(default_factory=LadderParameters)
    motives: MotiveParameters = field(default_factory=MotiveParameters)
    recent_days: int = 730
