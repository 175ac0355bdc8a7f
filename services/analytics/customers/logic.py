"""How the numbers about a person come about, in words (Art. 15(1)(h) GDPR)."""

from collections.abc import Mapping

from services.analytics.catalogue.catalogue import Language

LOGIC: Mapping[Language, str] = {
    "en": (
        "From the days and amounts of purchases, contacts, answers, ratings, invoices, offers and "
        "complaints that the CRM holds, it is estimated how often and for how much somebody buys, compared "
        "with all customers (a model of purchases and dropout, MBG/NBD unless another fits the base "
        "better, whose parameters stand under `model`; the margin of a purchase lies between the own mean "
        "and that of all by its credibility). Churn is the chance of no purchase within the own usual "
        "interval; eleven signals, such as silence against the own rhythm, an open complaint or a late "
        "payment, raise it by weights that are the same for all. Where a model learned from the own "
        "customers' past has forecast better than that, its estimate is taken; where a contract runs, the "
        "chance that it is not renewed. `basis` says which. Value is the expected discounted contribution "
        "of the next one and three years, with the interval in which it lies in nine of ten cases. Tier, "
        "portfolio and RFM segment compare it with all others; the rung of the loyalty ladder, newness and "
        "buying motive follow from what was bought, said and recommended. State and phase follow from "
        "rhythm, value and churn by fixed rules; the recommendation is the strategy with the highest "
        "expected value among those that are allowed. Next products are those that customers with the same "
        "products bought as well, or that are bought repeatedly, by chance and margin. "
        "Whether people may review the relationship follows "
        "from at least two recorded facts of fixed kinds, and never from a score alone. Names, addresses, "
        "texts and recordings are not used, and no trait that law protects. People decide; nothing is done "
        "automatically. Past scores are kept for 24 months: the end of each month, and of late versions "
        "what changed noticeably; what people decided on recommendations, for 24 months after it ended. "
        "Whoever objects to profiling has no scores of their own."
    ),
    "de": (
        "Aus Tagen und Beträgen von Käufen, Kontakten, Antworten, Bewertungen, Rechnungen, Angeboten und "
        "Beschwerden im CRM wird geschätzt, wie oft und für wie viel jemand kauft, verglichen mit allen "
        "Kunden (ein Modell für Käufe und Abgang, MBG/NBD, wenn kein anderes besser zum Bestand passt; "
        "seine Parameter stehen unter `model`; die Marge eines Kaufs liegt je nach Glaubwürdigkeit zwischen "
        "dem eigenen Mittel und dem aller). Abwanderung ist die Wahrscheinlichkeit, innerhalb des eigenen "
        "üblichen Abstands nicht zu kaufen; elf Signale, etwa eine Pause gegen den eigenen Rhythmus, eine "
        "offene Beschwerde oder eine späte Zahlung, erhöhen sie mit Gewichten, die für alle gleich sind. "
        "Hat ein aus der Vergangenheit der eigenen Kunden gelerntes Modell besser vorhergesagt, gilt seine "
        "Schätzung; läuft ein Vertrag, gilt die Wahrscheinlichkeit, dass er nicht verlängert wird. `basis` "
        "nennt, was gilt. Der Wert ist der erwartete abgezinste Deckungsbeitrag der nächsten ein und drei "
        "Jahre, mit dem Bereich, in dem er in neun von zehn Fällen liegt. Stufe, Portfolio und RFM-Segment "
        "vergleichen ihn mit allen anderen; Stufe der Loyalitätsleiter, Neuheit und Kaufmotiv folgen aus "
        "dem, was gekauft, gesagt und empfohlen wurde. Zustand und Phase folgen aus Rhythmus, Wert und "
        "Abwanderung nach festen Regeln; empfohlen wird unter den zulässigen Strategien die mit dem "
        "höchsten erwarteten Wert. Als nächste Produkte gelten solche, die Kunden mit denselben Produkten "
        "ebenfalls kauften oder die wiederholt gekauft werden, nach Wahrscheinlichkeit und Marge. "
        "Ob Menschen die Beziehung prüfen dürfen, folgt aus mindestens zwei "
        "erfassten Tatsachen bestimmter Art und nie aus einem Wert allein. Namen, Anschriften, Texte und "
        "Aufnahmen werden nicht verwendet, auch kein rechtlich geschütztes Merkmal. Menschen entscheiden; "
        "nichts geschieht automatisch. Frühere Werte bleiben 24 Monate: das Ende jedes Monats, und aus "
        "neueren Fassungen, was sich merklich geändert hat; was Menschen zu Empfehlungen entschieden haben, "
        "bleibt 24 Monate nach seinem Ende. Wer der Profilbildung widerspricht, hat keine eigenen Werte."
    ),
}
