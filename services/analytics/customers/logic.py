"""How the numbers about a person come about, in words (Art. 15(1)(h) GDPR)."""

from collections.abc import Mapping

from services.analytics.catalogue.catalogue import Language

LOGIC: Mapping[Language, str] = {
    "en": (
        "From the days and amounts of purchases, contacts and complaints that the CRM holds, it is "
        "estimated how often and for how much somebody buys, compared with all customers (MBG/NBD and "
        "gamma-gamma models, whose parameters stand under `model`). Churn is the chance of no purchase "
        "within the own usual interval. Value is the expected discounted contribution of the next one "
        "and three years. State and phase follow from rhythm, value and churn by fixed rules; the "
        "recommendation is the strategy with the highest expected value among those that are allowed. "
        "Names, addresses, texts and recordings are not used, and no trait that law protects. People "
        "decide; nothing is done automatically. Whoever objects to profiling has no scores of their own."
    ),
    "de": (
        "Aus Tagen und Beträgen von Käufen, Kontakten und Beschwerden im CRM wird geschätzt, wie oft und "
        "für wie viel jemand kauft, verglichen mit allen Kunden (MBG/NBD- und Gamma-Gamma-Modell, deren "
        "Parameter unter `model` stehen). Abwanderung ist die Wahrscheinlichkeit, innerhalb des eigenen "
        "üblichen Abstands nicht zu kaufen. Der Wert ist der erwartete abgezinste Deckungsbeitrag der "
        "nächsten ein und drei Jahre. Zustand und Phase folgen aus Rhythmus, Wert und Abwanderung nach "
        "festen Regeln; empfohlen wird unter den zulässigen Strategien die mit dem höchsten erwarteten "
        "Wert. Namen, Anschriften, Texte und Aufnahmen werden nicht verwendet, auch kein rechtlich "
        "geschütztes Merkmal. Menschen entscheiden; nichts geschieht automatisch. Wer der "
        "Profilbildung widerspricht, hat keine eigenen Werte."
    ),
}
