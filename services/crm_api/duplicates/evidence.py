"""What each finding about two contacts weighs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """What a finding weighs.

    Each field is in bits: log2 of the ratio of how often one and the same person (or organisation)
    shows it to how often two strangers that share a blocking key do. Source: judgement, from the error
    rates of typed data (about one field in ten has a slip) and from how many people share a value.
    """

    prior: float = -5.0
    same_email: float = 12.0
    similar_email: float = 7.0
    different_email: float = -2.5
    same_phone: float = 9.0
    different_phone: float = -2.0
    same_birth_date: float = 9.0
    similar_birth_date: float = 5.0
    different_birth_date: float = -5.0
    same_family_name: float = 6.0
    similar_family_name: float = 4.0
    different_family_name: float = -4.5
    same_given_name: float = 4.5
    similar_given_name: float = 3.0
    different_given_name: float = -5.0
    swapped_names: float = 8.0
    same_name: float = 11.0
    similar_name: float = 6.0
    different_name: float = -8.0
    same_address: float = 7.0
    similar_address: float = 4.5
    same_place: float = 2.5
    different_address: float = -1.5


EVIDENCE = Evidence()
