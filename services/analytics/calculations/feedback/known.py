"""What recommendations take from experiments, as plain data: effects learned, and who is held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from services.analytics.calculations.feedback.arms import arm_numbers, is_control
from services.analytics.calculations.feedback.responders import ResponseModel
from services.analytics.calculations.purchases import Booleans

InstrumentPhase = tuple[str, str]
"""An instrument and a phase, by their ids."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """An experiment that is not closed yet: its control group is left alone until the end.

    Attributes
    ----------
    experiment_id, key
        Its id, and the key that decides the arms.
    phase, strategy_id, instrument_id
        What it tries.
    channel_id
        Over which channel; None for any.
    holdout_share
        Share of the control group.
    tiers
        Value tiers that people are taken from; empty for all.
    """

    experiment_id: str
    key: str
    phase: str
    strategy_id: str
    instrument_id: str
    channel_id: str | None
    holdout_share: float
    tiers: tuple[str, ...]

    def tries(self, instrument_id: str) -> bool:
        """Tell whether this instrument is what is tried.

        Customers get the same thing whatever strategy names it, and their outcome is awaited also once
        they are in another phase; so neither is looked at. Source: domain specification 6.1 (exclusions
        before conditions), 7 (effects by instrument and phase).
        """
        return self.instrument_id == instrument_id

    def holds_out(self, unit_ids: list[str]) -> Booleans:
        """Tell which units are held out, whether they have been assigned yet or not."""
        return is_control(arm_numbers(self.key, unit_ids), holdout_share=self.holdout_share)


@dataclass(frozen=True)
class Feedback:
    """All that experiments change about recommendations.

    Attributes
    ----------
    effects
        Mean and standard deviation of the effect of an instrument in a phase, where results have
        taught it; probability.
    responders
        Where some respond more than others, how to tell who.
    held_back
        Strategy and instrument of those that did harm, until a person has reviewed it: such a step
        is put to a person and not recommended.
    holdouts
        Experiments that are not closed yet.
    """

    effects: Mapping[InstrumentPhase, tuple[float, float]] = field(default_factory=dict)
    responders: Mapping[InstrumentPhase, ResponseModel] = field(default_factory=dict)
    held_back: frozenset[tuple[str, str]] = frozenset()
    holdouts: tuple[Holdout, ...] = ()

    @cached_property
    def mark(self) -> str:
        """Name all of this: another one, other numbers."""
        parts = (
            sorted(self.effects.items()),
            sorted(
                (name, *(part.tolist() for part in (m.mean, m.spread, m.treated, m.control)))
                for name, m in self.responders.items()
            ),
            sorted(self.held_back),
            sorted(self.holdouts, key=lambda each: each.experiment_id),
        )
        return sha256(repr(parts).encode()).hexdigest()
