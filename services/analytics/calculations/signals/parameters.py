"""All parameters of the churn signals; the defaults are those of the domain specification."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.analytics.calculations.signals.burst import BurstParameters
from services.analytics.calculations.signals.competitors import CompetitorParameters
from services.analytics.calculations.signals.complaints import ComplaintParameters
from services.analytics.calculations.signals.engagement import EngagementParameters
from services.analytics.calculations.signals.frequency import FrequencyParameters
from services.analytics.calculations.signals.inactivity import InactivityParameters
from services.analytics.calculations.signals.leaving import LeavingParameters
from services.analytics.calculations.signals.monetary import MonetaryParameters
from services.analytics.calculations.signals.payment import PaymentParameters
from services.analytics.calculations.signals.satisfaction import SatisfactionParameters
from services.analytics.calculations.signals.sentiment import SentimentParameters


@dataclass(frozen=True, slots=True)
class SignalParameters:
    """How every signal is read; each field is said where the signal is computed (section 4)."""

    inactivity: InactivityParameters = field(default_factory=InactivityParameters)
    frequency: FrequencyParameters = field(default_factory=FrequencyParameters)
    monetary: MonetaryParameters = field(default_factory=MonetaryParameters)
    sentiment: SentimentParameters = field(default_factory=SentimentParameters)
    complaints: ComplaintParameters = field(default_factory=ComplaintParameters)
    satisfaction: SatisfactionParameters = field(default_factory=SatisfactionParameters)
    burst: BurstParameters = field(default_factory=BurstParameters)
    engagement: EngagementParameters = field(default_factory=EngagementParameters)
    competitors: CompetitorParameters = field(default_factory=CompetitorParameters)
    payment: PaymentParameters = field(default_factory=PaymentParameters)
    leaving: LeavingParameters = field(default_factory=LeavingParameters)
