"""The German of what the rules of the API say in English, for those who read the rejected rows of a file."""

import re

_EXPECTED = {
    "a value": "ein Wert",
    "one line of text": "eine Zeile Text",
    "text without control characters": "Text ohne Steuerzeichen",
    "a word such as web_shop": "ein Wort wie web_shop",
    "yes or no": "ja oder nein",
    "an id": "eine Kennung",
    "a JSON object": "ein JSON-Objekt",
    "a number alone": "eine Zahl allein",
    "a whole number": "eine ganze Zahl",
    "a number below 10^18": "eine Zahl unter 10^18",
    "an amount below 9 * 10^15 minor units": "ein Betrag unter 9 * 10^15 kleinsten Einheiten",
    "an ISO 4217 code such as EUR": "ein Code nach ISO 4217 wie EUR",
    "a time with an offset, such as +01:00": "eine Zeit mit Abstand zu UTC, etwa +01:00",
    "a time that the clocks showed": "eine Zeit, die die Uhren zeigten",
    "a year between 0001 and 9999": "ein Jahr zwischen 0001 und 9999",
    "an ISO 3166-1 code of two letters such as DE, or a name such as Germany": (
        "ein Code aus zwei Buchstaben nach ISO 3166-1 wie DE, oder ein Name wie Deutschland"
    ),
    "an id such as 01890a5d-ac96-774b-bcce-b302099a8057": (
        "eine Kennung wie 01890a5d-ac96-774b-bcce-b302099a8057"
    ),
}
_PATTERNS = [
    (re.compile(english), german)
    for english, german in (
        (r"a number such as (.+)", r"eine Zahl wie \1"),
        (r"at most (\d+)", r"höchstens \1"),
        (r"an amount with at most (\d+) decimals", r"ein Betrag mit höchstens \1 Nachkommastellen"),
        # What the shapes of the API say.
        (r"this is not an e-mail address", "das ist keine E-Mail-Adresse"),
        (r"(?:this is not|value is not) a valid email address.*", "das ist keine E-Mail-Adresse"),
        (r"String should have at most (\d+) characters?", r"höchstens \1 Zeichen sind erlaubt"),
        (r"String should have at least (\d+) characters?", r"mindestens \1 Zeichen sind nötig"),
        (r"String should match pattern '(?s:(.*))'", r"der Text muss dem Muster \1 folgen"),
        (r"Input should be greater than or equal to (\S+)", r"der Wert muss mindestens \1 sein"),
        (r"Input should be less than or equal to (\S+)", r"der Wert darf höchstens \1 sein"),
        (r"Input should be greater than (\S+)", r"der Wert muss größer als \1 sein"),
        (r"Input should be less than (\S+)", r"der Wert muss kleiner als \1 sein"),
        (r"Input should be (.+) or (.+)", r"erlaubt sind \1 und \2"),
        (r"(?:List|Dictionary) should have at most (\d+) items? .*", r"höchstens \1 Einträge sind erlaubt"),
        (r"Extra inputs are not permitted", "dieses Feld gibt es nicht"),
        (r"Field required", "das Feld fehlt"),
        (r"a whole number is expected", "eine ganze Zahl wird erwartet"),
        (r"a number is expected", "eine Zahl wird erwartet"),
        (r"an instant with an offset is expected, for instance (.+)",
         r"ein Zeitpunkt mit Abstand zu UTC wird erwartet, etwa \1"),
        (r"this instant lies outside .+", "der Zeitpunkt liegt außerhalb der Jahre 0001 bis 9999"),
        (r"a date is expected, for instance (.+)", r"ein Datum wird erwartet, etwa \1"),
        (r"two capital letters of ISO 3166-1 .+", "zwei Großbuchstaben nach ISO 3166-1 wie DE werden erwartet"),
        (r"(\S+) is not an active ISO 4217 currency", r"\1 ist keine gültige Währung nach ISO 4217"),
        (r"(\S+) has (\d+) decimals", r"\1 hat \2 Nachkommastellen"),
        # What the rules of contacts say.
        (r"No live contact has the reference (.+) of (\S+)\.",
         r"Kein Kontakt hat die Kennung \1 der Quelle \2."),
        (r"There is no contact (\S+)\.", r"Es gibt keinen Kontakt \1."),
        (r"The row names no contact\.", "Die Zeile nennt keinen Kontakt."),
        (r"The row's contact was erased and is not created again\.",
         "Der Kontakt der Zeile wurde gelöscht und wird nicht wieder angelegt."),
        (r"This person was erased; the import leaves it out\.",
         "Diese Person wurde auf ihren Wunsch gelöscht; der Import lässt sie aus."),
        (r"Enter it only if the person asked for it: .+",
         ("Diese Person wurde auf ihren Wunsch gelöscht; nur wenn sie darum bittet, wird sie einzeln mit "
         "allow_suppressed wieder erfasst.")),
        (r"The contact (\S+) is all but surely the same\. .+",
         (r"Der Kontakt \1 ist so gut wie sicher derselbe. Ändern Sie diesen, oder importieren Sie mit "
         r"allow_duplicates.")),
        (r"The row is all but surely the same contact as row (\d+)\.",
         r"Die Zeile ist so gut wie sicher derselbe Kontakt wie Zeile \1."),
        (r"Give a name, an e-mail address, .+",
         "Ein Name, eine E-Mail-Adresse, eine Telefonnummer oder eine Kennung ist nötig."),
        (r"A contact with the status (\S+) has no (\S+)\.", r"Ein Kontakt im Status \1 hat kein \2."),
        (r"A person belongs to an organisation, and to nothing else\.",
         "Nur eine Person gehört zu etwas, und nur zu einer Organisation."),
        (r"The contact would be recommended by itself\.", "Der Kontakt hätte sich selbst empfohlen."),
        (r"The record has another (\S+), which never changes\.",
         r"Der Datensatz hat ein anderes \1, und das ändert sich nie."),
        (r"\S+ (\S+) has the reference (.+) of (\S+)\.", r"Die Kennung \2 der Quelle \3 gehört schon zu \1."),
        # What the rules of deals say.
        (r"a deal in stage (\S+) needs the day on which it closed",
         r"ein Abschluss in der Phase \1 braucht den Tag, an dem er endete"),
        (r"The deal is in (\S+); (\S+) does not fit\.", r"Der Abschluss ist in \1; \2 passt nicht dazu."),
        (r"A deal in stage (\S+) has no (\S+)\.", r"Ein Abschluss in der Phase \1 hat kein \2."),
        (r"Tell why it was lost: (.+)\.", r"Der Verlustgrund fehlt: \1."),
        (r"Tell in a note why it was lost; .+", "Eine Notiz zum Verlust fehlt; other allein sagt nichts."),
        (r"Tell in fraud_confirmed_by who confirmed it\.",
         "fraud_confirmed_by muss sagen, wer es bestätigt hat."),
        (r"(\S+) is what it says, without a minus\.", r"\1 steht ohne Minuszeichen."),
        (r"(\S+) is more than the amount of the deal\.", r"\1 ist mehr als der Betrag des Abschlusses."),
        (r"The pipeline has no stage (\S+); possible: (.+)\.",
         r"Die Pipeline hat keine Phase \1; möglich: \2."),
        (r"A deal does not move from (\S+) to (\S+); possible: (.+)\.",
         r"Ein Abschluss geht nicht von \1 nach \2; möglich: \3."),
        (r"The newest entry is (\S+), the deal is (\S+)\.",
         r"Der neueste Eintrag ist \1, der Abschluss ist \2."),
        (r"There is no pipeline (\S+)\.", r"Es gibt keine Pipeline \1."),
        # What the rules of interactions say.
        (r"There is no such record as (\S+) names\.", r"Den Datensatz, den \1 nennt, gibt es nicht."),
        (r"It is planned: leave occurred_at out, .+",
         "Es ist erst geplant: occurred_at weglassen, oder mit done_at sagen, dass es getan ist."),
        (r"Tell when it happened, .+", "Es fehlt, wann es geschah, oder mit due_at, wann es zu tun ist."),
        (r"The deal is one of another customer\.", "Der Abschluss gehört einem anderen Kunden."),
        (r"Settle it before you remind, .+",
         "Eine Beschwerde ist offen: erst sie lösen, dann mahnen, oder despite_open_complaint angeben."),
        (r"The contact has not consented to recordings.+",
         ("Der Kontakt hat Aufzeichnungen nicht zugestimmt: erst die Einwilligung erfassen, oder recording_ref "
         "weglassen.")),
        (r"(\S+) belongs to (.+), not to (\S+)\.", r"\1 gehört zu \2, nicht zu \3."),
        (r"A complaint needs severity: .+",
         "Eine Beschwerde braucht einen Schweregrad: 1 klein, 2 beträchtlich, 3 schwer."),
        (r"A decline_reason goes with the outcome declined\.", "decline_reason gehört zum Ergebnis declined."),
        (r"The dimension (\S+) is rated twice\.", r"Die Dimension \1 ist zweimal bewertet."),
        (r"A case that is new was not settled before; possible: (.+)\.",
         r"Ein neuer Fall war noch nicht gelöst; möglich: \1."),
        (r"A case that is (\S+) does not become (\S+); possible: (.+)\.",
         r"Ein Fall im Status \1 wird nicht \2; möglich: \3."),
        (r"A case that is (\S+) was not settled yet; leave (\S+) out\.",
         r"Ein Fall im Status \1 ist noch nicht gelöst; \2 weglassen."),
        (r"The status rejected and the resolution rejected go together\.",
         "Der Status rejected und die Lösung rejected gehören zusammen."),
        (r"The offer (\S+) is live with other terms for this product; .+",
         (r"Das Angebot \1 gilt für dieses Produkt mit anderen Bedingungen: erst dieses ändern, ablehnen oder "
         r"auslaufen lassen.")),
        # What holds for all of them.
        (r"(\S+) lies before (\S+)\.", r"\1 liegt vor \2."),
        (r"This lies in the future; .+", "Das liegt in der Zukunft; erfassen Sie es, wenn es geschehen ist."),
        (r"There is no custom field (\S+) of (\S+); there are: (.*)\.",
         r"Ein eigenes Feld \1 haben \2 nicht; es gibt: \3."),
        (r"A value of the type (\S+) is expected\.", r"Ein Wert der Art \1 wird erwartet."),
        (r".+ is expected: (.+)\.", r"Erwartet wird: \1."),
    )
]  # fmt: skip


def expected(english: str) -> str:
    """Return in German what a cell should have been; names of words and forms are the same."""
    return _EXPECTED.get(english) or _translated(english) or english


def reason(english: str, code: str) -> str:
    """Return in German why a row is rejected."""
    return _translated(english) or f"Die Zeile verletzt eine Regel der Schnittstelle ({code})."


def _translated(english: str) -> str | None:
    for pattern, german in _PATTERNS:
        if found := pattern.fullmatch(english):
            return found.expand(german)
    return None
