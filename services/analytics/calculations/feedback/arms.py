"""Which arm of an experiment somebody is in: decided by the ids alone, so nothing has to be stored."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np

from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.calculations.purchases import Booleans, Floats, Integers


def arm_numbers(experiment: str, contact_ids: Iterable[str]) -> Floats:
    """Draw the number of each contact that decides its arm.

    Parameters
    ----------
    experiment
        Key of the experiment.
    contact_ids
        Ids of contacts.

    Returns
    -------
    numpy.ndarray
        In ``[0, 1)``, shape (contacts,); always the same for the same ids.

    Notes
    -----
    First 8 bytes of ``SHA-256("experiment:contact")`` over ``2**64``, cut to the 53 bits that a
    float holds, so that none becomes 1. Source: domain specification 7 (`F-HOLD`).
    """
    begun = sha256(f"{experiment}:".encode())

    def first_bytes(contact_id: str) -> bytes:
        digest = begun.copy()
        digest.update(contact_id.encode())
        return digest.digest()[:8]

    drawn = np.frombuffer(b"".join(map(first_bytes, contact_ids)), dtype=">u8")
    numbers: Floats = (drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers


def is_control(numbers: Floats, *, holdout_share: float) -> Booleans:
    """Tell who is held out: those whose number lies below the share.

    Source: domain specification 7 (`F-HOLD`).
    """
    control: Booleans = numbers < holdout_share
    return control


def window_days(
    phase: str, churn_horizon_days: Floats, *, parameters: FeedbackParameters
) -> Integers:
    """Say for how many days an outcome is waited for.

    Parameters
    ----------
    phase
        Phase of the experiment.
    churn_horizon_days
        Own horizon of each customer when it was assigned, which counts in retention; NaN unknown;
        shape (customers,).

    Returns
    -------
    numpy.ndarray
        Whole days, shape (customers,).

    Source: domain specification 7 (`F-UPLIFT`).
    """
    fixed = parameters.window_days.get(phase)
    if fixed is not None:
        return np.full(len(churn_horizon_days), fixed, dtype=np.int64)
    own = np.where(np.isnan(churn_horizon_days), parameters.prior_window_days, churn_horizon_days)
    days: Integers = np.ceil(np.clip(own, 1, parameters.longest_window_days)).astype(np.int64)
    return days
