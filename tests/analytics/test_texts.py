"""Texts: numbers, dates and money as either language writes them, and nothing left unfilled."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from services.analytics.catalogue.catalogue import Language, ReasonCode, load_catalogue
from services.analytics.texts import day_text, gap_text, money_text, number_text, reason_text

CATALOGUE = load_catalogue()
LANGUAGES: tuple[Language, ...] = ("en", "de")
SAMPLES: dict[str, list[object]] = {
    "count": [0, 1, 2, 1234],
    "days": [0, 1, 365],
    "number": [0, 1, 0.04, 2.55, -1.5],
    "hundredths": [0, 0.004, 1.1190, -0.5],
    "share": [0, 0.01, 0.004, 0.8515, 1.0],
    "chance": [0, 0.0004, 0.01, 0.8515, 1.0],
    "money": [{"amount": "1234.50", "currency": "EUR"}, {"amount": "-3", "currency": "JPY"}],
    "date": ["2025-12-31"],
    "text": ["D-17"],
}


def text(code: str, language: Language, **params: object) -> str:
    section = "verdicts" if code.startswith("V_") else "reason_codes"
    return reason_text(code, params, catalogue=CATALOGUE, language=language, section=section)


@pytest.mark.parametrize(("language", "expected"), [("en", "1,234,567.50"), ("de", "1.234.567,50")])
def test_thousands_and_decimals_are_written_as_usual(language: Language, expected: str) -> None:
    assert number_text(Decimal("1234567.5"), decimals=2, language=language) == expected


def test_both_ends_of_an_interval_have_the_same_number_of_decimals() -> None:
    told = {"treated": 0.2, "control": 0.1, "uplift": 10, "low": -7.04, "high": 13.1}
    german = text("V_EFFECT_INCONCLUSIVE", "de", **told)
    assert "-7,0 bis 13,1" in german
    told |= {"low": -0.02, "high": 2.9}
    assert "-0.02 to 2.90" in text("V_EFFECT_INCONCLUSIVE", "en", **told)


def test_rounding_is_half_even_and_zero_has_no_sign() -> None:
    assert number_text(Decimal("0.125"), decimals=2, language="en") == "0.12"
    assert number_text(Decimal("-0.001"), decimals=2, language="en") == "0.00"


@pytest.mark.parametrize(
    ("day", "english", "german"),
    [
        (date(2025, 12, 31), "31 Dec 2025", "31.12.2025"),
        (date(2026, 3, 1), "1 Mar 2026", "01.03.2026"),
    ],
)
def test_days_are_written_as_usual(day: date, english: str, german: str) -> None:
    assert day_text(day, language="en") == english
    assert day_text(day, language="de") == german


@pytest.mark.parametrize(
    ("amount", "currency", "english", "german"),
    [
        ("1234.50", "EUR", "EUR 1,234.50", "1.234,50 EUR"),
        ("-0.05", "USD", "USD -0.05", "-0,05 USD"),
        ("1234", "JPY", "JPY 1,234", "1.234 JPY"),
        ("1.005", "KWD", "KWD 1.005", "1,005 KWD"),
    ],
)
def test_money_keeps_the_decimals_of_its_currency(
    amount: str, currency: str, english: str, german: str
) -> None:
    money = {"amount": amount, "currency": currency}
    assert money_text(money, language="en") == english
    assert money_text(money, language="de") == german


@pytest.mark.parametrize(
    ("code", "params", "english", "german"),
    [
        (
            "R_OVERDUE",
            {"gap": 116, "median_gap": 1, "rank": 0.8515},
            "Last purchase 116 days ago. Judging by the purchases so far, half of this customer's pauses should be shorter than 1 day, and 85.2% shorter than the present one.",
            "Letzter Kauf vor 116 Tagen. Nach den bisherigen Käufen sollte die Hälfte der Pausen dieses Kunden kürzer als 1 Tag sein; 85,2 % sollten kürzer sein als die aktuelle.",
        ),
        (
            "R_THIN",
            {"n": 1},
            "1 purchase of this customer is known; the estimate leans on the average of all customers or on assumed values.",
            "Von diesem Kunden ist 1 Kauf bekannt; die Schätzung stützt sich auf den Durchschnitt aller Kunden oder auf angenommene Werte.",
        ),
        (
            "R_NEXT_STEP",
            {"instrument": "personal_attention", "strategy": "attachment", "goal": "satisfaction"},
            "Personal attention, as part of the strategy “Attachment”; the goal is: Satisfaction.",
            "Persönliche Aufmerksamkeit nach dem Ansatz „Verbundenheitsstrategie“; das Ziel: Zufriedenheit.",
        ),
        (
            "R_EV_EFFECT",
            {"instrument": "gift", "effect": 0.015, "value": {"amount": "1234.50", "currency": "EUR"}, "gain": {"amount": "18.52", "currency": "EUR"}},
            "Gift raises the chance of success by an assumed 1.5 percentage points; with EUR 1,234.50 at stake this is worth EUR 18.52.",
            "Geschenk erhöht die Erfolgschance um angenommene 1,5 Prozentpunkte; bei einem Wert von 1.234,50 EUR bringt das 18,52 EUR.",
        ),
        (
            "R_CONTRACT_ENDS",
            {"days": 1},
            "The contract ends in 1 day, and no deal follows it.",
            "Der Vertrag endet in 1 Tag, und kein Geschäft folgt ihm.",
        ),
        (
            "R_COMPLAINT_FIRST",
            {"date": "2025-12-31"},
            "No selling until the complaint of 31 Dec 2025 is resolved.",
            "Kein Verkauf, bis die Beschwerde vom 31.12.2025 gelöst ist.",
        ),
        (
            "R_VALUE_PARTS",
            {"purchases": 1.5403, "margin": {"amount": "80.00", "currency": "EUR"}},
            "Allowing for the chance that the customer has already left, 1.5 purchases can be expected in 12 months, each contributing EUR 80.00.",
            "Rechnet man ein, dass der Kunde schon gegangen sein könnte, sind in 12 Monaten 1,5 Käufe mit je 80,00 EUR Deckungsbeitrag zu erwarten.",
        ),
        (
            "R_VALUE",
            {"value": {"amount": "10.00", "currency": "EUR"}},
            "Provided that the customer has not already left, about EUR 10.00 contribution is to be expected over the next 12 months.",
            "Sofern der Kunde nicht schon gegangen ist, sind in den nächsten 12 Monaten rund 10,00 EUR Deckungsbeitrag zu erwarten.",
        ),
        (
            "R_PHASE_ALIVE",
            {"p": 0.0},
            "The probability of still being a customer is less than 0.1%.",
            "Die Wahrscheinlichkeit, noch Kunde zu sein, beträgt weniger als 0,1 %.",
        ),
        (
            "R_CHURN",
            {"p": 1.0, "horizon": 30, "reference": 0.3},
            "Without any further step, the chance of no purchase in the next 30 days is more than 99.9%; right after the last purchase it was 30%.",
            "Ohne weiteres Zutun bleibt mit mehr als 99,9 % Wahrscheinlichkeit in den nächsten 30 Tagen jeder Kauf aus; direkt nach dem letzten Kauf waren es 30 %.",
        ),
        (
            "R_STATE_RULE_6",
            {"vitality": 0.195, "limit": 0.4},
            "The chance of buying again within this customer's usual time has fallen to 19.5% of what it was right after the last purchase. Below 40% a customer counts as lapsed, unless a contract is running.",
            "Die Chance, in der für diesen Kunden üblichen Zeit wieder zu kaufen, ist auf 19,5 % ihres Werts direkt nach dem letzten Kauf gefallen. Unter 40 % gilt ein Kunde ohne laufenden Vertrag als abgewandert.",
        ),
        (
            "R_DO_NOTHING",
            {},
            "No step that can be recommended at present is expected to bring more than it costs.",
            "Kein Schritt, der sich derzeit empfehlen lässt, bringt voraussichtlich mehr ein, als er kostet.",
        ),
        (
            "R_UNKNOWN_CONDITION",
            {"instrument": "testimonial_request", "ev": {"amount": "0.41", "currency": "EUR"}, "condition": "satisfied"},
            "Request for a testimonial could bring EUR 0.41 after cost, but cannot be recommended as long as it is not known whether this is true: Satisfied.",
            "Bitte um einen Erfahrungsbericht könnte nach Abzug der Kosten 0,41 EUR bringen, lässt sich aber nicht empfehlen, solange nicht bekannt ist, ob dies zutrifft: Zufrieden.",
        ),
    ],
)  # fmt: skip
def test_reasons_read_as_written(
    code: str, params: dict[str, object], english: str, german: str
) -> None:
    assert text(code, "en", **params) == english
    assert text(code, "de", **params) == german


@pytest.mark.parametrize(
    ("chance", "english"),
    [
        (0, "less than 0.1"),
        (0.0004, "less than 0.1"),
        (0.0009, "less than 0.1"),
        (0.001, "0.1"),
        (0.01, "1"),
        (0.6035, "60.4"),
        (0.999, "99.9"),
        (0.9999, "more than 99.9"),
        (1, "more than 99.9"),
    ],
)
def test_no_estimated_chance_is_told_as_certain(chance: float, english: str) -> None:
    assert text("R_PHASE_ALIVE", "en", p=chance).endswith(f" is {english}%.")


@pytest.mark.parametrize(
    "reason", [*CATALOGUE.reason_codes, *CATALOGUE.verdicts], ids=lambda reason: reason.id
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_written_in_both_languages_with_nothing_left_unfilled(
    reason: ReasonCode, language: Language
) -> None:
    samples = {
        name: SAMPLES.get(kind) or list(CATALOGUE.sections[kind])
        for name, kind in reason.params.items()
    }
    for turn in range(max([1, *map(len, samples.values())])):
        params = {name: values[turn % len(values)] for name, values in samples.items()}
        written = text(reason.id, language, **params)
        assert not re.search(r"[{}|]|\bNone\b|\bnan\b", written)
        assert written == written.strip() != ""
        assert written.endswith(".")


def test_every_gap_is_written_in_both_languages() -> None:
    for gap in CATALOGUE.sections["data_gaps"]:
        written = {gap_text(gap, catalogue=CATALOGUE, language=language) for language in LANGUAGES}
        assert len(written) == 2
        assert all(words.endswith(".") for words in written)


@pytest.mark.parametrize(
    ("code", "params", "error"),
    [
        ("R_NOTHING", {}, KeyError),
        ("R_THIN", {}, KeyError),
        ("R_THIN", {"n": "many"}, ValueError),
        ("R_THIN", {"n": True}, ValueError),
        ("R_VALUE", {"value": 12.5}, ValueError),
        ("R_COMPLAINT_FIRST", {"date": "yesterday"}, ValueError),
        ("R_CHANNEL", {"channel": "pigeon"}, KeyError),
    ],
)
def test_what_cannot_be_written_is_an_error(
    code: str, params: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        text(code, "en", **params)


def test_percentages_are_written_as_each_language_does() -> None:
    for section, entries in CATALOGUE.sections.items():
        for entry in entries.values():
            for name, text in entry.model_dump().items():
                if isinstance(text, str) and name.endswith(("_en", "_de")):
                    spaced = re.search(r"[\d}\]…] %", text)
                    tight = re.search(r"[\d}\]…]%", text)
                    wrong = spaced if name.endswith("_en") else tight
                    assert not wrong, (section, entry.id, name)


def test_a_channel_is_named_in_a_sentence_that_fits_each_of_them() -> None:
    for channel in CATALOGUE.channels:
        told = text("R_CHANNEL", "de", channel=channel.id)
        assert told.startswith(f"Der Kanal „{channel.de}“ ist erlaubt und bringt ")
