"""Problems in German: each rule says it in English, and patterns of these texts know the German."""

import re
from collections.abc import Callable, Iterable

German = str | Callable[[re.Match[str]], str]
"""A text that may name the groups of its pattern, or what makes one of them."""


def _guessed(found: re.Match[str]) -> str:
    """Name all that may have been meant."""
    what = {"field": "Ein Feld", "parameter": "Einen Parameter"}[found[1]]
    meant = found[3].replace("` or `", "` oder `")
    return f"{what} `{found[2]}` gibt es nicht; gemeint ist wohl {meant}."


COMMON = (
    (r"Something failed on our side\.", "Bei uns ist etwas schiefgegangen."),
    (r"The request could not be read\.", "Die Anfrage ist nicht lesbar."),
    (r"A valid key is needed\.", "Ein gültiger Schlüssel ist nötig."),
    (r"The key lacks a scope\.", "Dem Schlüssel fehlt eine Berechtigung."),
    (r"This needs a key with the scope (\S+)\.", r"Dafür braucht der Schlüssel die Berechtigung \1."),
    (r"There is no such resource, or this key may not see it\.",
     "Das gibt es nicht, oder dieser Schlüssel darf es nicht sehen."),
    (r"There is no such path\.", "Diesen Pfad gibt es nicht."),
    (r"This path does not know that method\.", "Dieser Pfad kennt diese Methode nicht."),
    (r"The request conflicts with what is stored\.", "Die Anfrage widerspricht dem, was gespeichert ist."),
    (r"The record was changed since you read it\.",
     "Der Datensatz wurde geändert, seit Sie ihn gelesen haben."),
    (r"The record's version is (\d+), If-Match named (\d+)\.",
     r"Der Datensatz hat die Version \1, If-Match nennt \2."),
    (r"The request is larger than this path accepts\.", "Die Anfrage ist größer, als dieser Pfad erlaubt."),
    (r"This path does not read that media type\.", "Dieser Pfad liest diesen Medientyp nicht."),
    (r"The request breaks a rule\.", "Die Anfrage verletzt eine Regel."),
    (r"Send If-Match with the ETag that you read\.", "If-Match mit dem gelesenen ETag ist nötig."),
    (r'If-None-Match takes entity tags in quotes, for instance "3", or \*\.',
     'If-None-Match nimmt ETags in Anführungszeichen, etwa "3", oder *.'),
    (r"The key's quota is used up\.", "Das Kontingent des Schlüssels ist aufgebraucht."),
    (r"This key may send (\d+) requests a minute\.",
     r"Dieser Schlüssel darf \1 Anfragen in der Minute senden."),
    (r"The database cannot be reached\. Try again soon\.",
     "Die Datenbank ist nicht erreichbar. Bitte gleich noch einmal versuchen."),
    (r"Others write the same records at this moment\. Try again soon\.",
     "Andere schreiben gerade dieselben Datensätze. Bitte gleich noch einmal versuchen."),
    (r"This Idempotency-Key was used for another request\.",
     "Dieser Idempotency-Key gehört schon zu einer anderen Anfrage."),
    (r"The body is not valid JSON\.", "Der Inhalt ist kein gültiges JSON."),
    (r"This path takes no query parameters\.", "Dieser Pfad nimmt keine Parameter."),
    (r"This parameter may be given once\.", "Dieser Parameter darf nur einmal vorkommen."),
)  # fmt: skip
SHAPES = (
    (r"this is not an e-mail address", "das ist keine E-Mail-Adresse"),
    (r"(?:this is not|value is not) a valid email address.*", "das ist keine E-Mail-Adresse"),
    (r"String should have at most (\d+) characters?", r"höchstens \1 Zeichen sind erlaubt"),
    (r"String should have at least (\d+) characters?", r"mindestens \1 Zeichen sind nötig"),
    (r"String should match pattern '(?s:(.*))'", r"der Text muss dem Muster \1 folgen"),
    (r"Input should be greater than or equal to (\S+)", r"der Wert muss mindestens \1 sein"),
    (r"Input should be less than or equal to (\S+)", r"der Wert darf höchstens \1 sein"),
    (r"Input should be greater than (\S+)", r"der Wert muss größer als \1 sein"),
    (r"Input should be less than (\S+)", r"der Wert muss kleiner als \1 sein"),
    (r"Input should be ('.+') or ('.+')", r"erlaubt sind \1 und \2"),
    (r"an object is expected", "ein Objekt wird erwartet"),
    (r"a text is expected", "ein Text wird erwartet"),
    (r"a list is expected", "eine Liste wird erwartet"),
    (r"a day that exists is expected", "Ein Tag, den es gibt, wird erwartet"),
    (r"a day and a time that exist are expected", "Tag und Uhrzeit, die es gibt, werden erwartet"),
    (r"at least one entry is expected", "mindestens ein Eintrag ist nötig"),
    (r"at least (\d+) entries are expected", r"mindestens \1 Einträge sind nötig"),
    (r"at most one entry is allowed", "höchstens ein Eintrag ist erlaubt"),
    (r"at most (\d+) entries are allowed", r"höchstens \1 Einträge sind erlaubt"),
    (r"the field `(.+)` is missing; it tells what is meant",
     r"das Feld `\1` fehlt; es sagt, was gemeint ist"),
    (r"the field `(.+)` takes: (.+)", r"im Feld `\1` sind erlaubt: \2"),
    (r"Extra inputs are not permitted", "dieses Feld gibt es nicht"),
    (r"Field required", "das Feld fehlt"),
    (r"a whole number is expected", "eine ganze Zahl wird erwartet"),
    (r"a number is expected", "eine Zahl wird erwartet"),
    (r"an instant with an offset is expected, for instance (.+)",
     r"ein Zeitpunkt mit Abstand zu UTC wird erwartet, etwa \1"),
    (r"the offset lacks its sign; in an address write %2B for the \+ before it",
     "dem Abstand zu UTC fehlt das Vorzeichen; in einer Adresse steht für das + davor %2B"),
    (r"this instant lies outside .+", "der Zeitpunkt liegt außerhalb der Jahre 0001 bis 9999"),
    (r"a date is expected, for instance (.+)", r"ein Datum wird erwartet, etwa \1"),
    (r"two capital letters of ISO 3166-1 .+", "zwei Großbuchstaben nach ISO 3166-1 wie DE werden erwartet"),
    (r"a rate above zero is expected", "ein Kurs über null wird erwartet"),
    (r"(\S+) is not an active ISO 4217 currency", r"\1 ist keine gültige Währung nach ISO 4217"),
    (r"(\S+) has (\d+) decimals", r"\1 hat \2 Nachkommastellen"),
    (r"There is no (field|parameter) `(.+)`; did you mean (.+)\?", _guessed),
    (r"There is no field `(.+)`; there are: (.+)", r"Ein Feld `\1` gibt es nicht; es gibt: \2"),
    (r"There is no field `(.+)`\.", r"Ein Feld `\1` gibt es nicht."),
    (r"There is no parameter `(.+)`; there are: (.+)",
     r"Einen Parameter `\1` gibt es nicht; es gibt: \2"),
    (r"There is no parameter `(.+)`\.", r"Einen Parameter `\1` gibt es nicht."),
    (r"This is no cursor of ours; follow `next` as it was given\.",
     "Das ist keiner unserer Cursor; `next` so folgen, wie es kam."),
    (r"This cursor belongs to other filters or another order; start without a cursor\.",
     "Dieser Cursor gehört zu anderen Filtern oder einer anderen Reihenfolge; ohne Cursor beginnen."),
    (r"an amount with at most (\d+) decimals is expected, such as (\S+)",
     r"ein Betrag mit höchstens \1 Nachkommastellen wird erwartet, etwa \2"),
    (r"a number with at most (\d+) decimals is expected, such as (\S+)",
     r"eine Zahl mit höchstens \1 Nachkommastellen wird erwartet, etwa \2"),
    (r"a number from 0 to 1 with at most (\d+) decimals is expected, such as (\S+)",
     r"eine Zahl von 0 bis 1 mit höchstens \1 Nachkommastellen wird erwartet, etwa \2"),
    (r"a percentage from 0 to 100 with at most (\d+) decimals is expected, such as (\S+)",
     r"ein Prozentsatz von 0 bis 100 mit höchstens \1 Nachkommastellen wird erwartet, etwa \2"),
    (r"a rate with at most (\d+) digits and (\d+) decimals is expected, such as (\S+)",
     r"ein Kurs mit höchstens \1 Stellen und \2 Nachkommastellen wird erwartet, etwa \3"),
    (r"true or false is expected", "true oder false wird erwartet"),
)  # fmt: skip
"""What the shapes of the API say."""
_PLACED = re.compile(r"(/\S*): (.+?)(?: \(and (\d+) more\))?", re.DOTALL)


class Translator:
    """Knows the German of the texts that match one of its patterns from end to end."""

    def __init__(self, *tables: Iterable[tuple[str, German]]) -> None:
        """Take pairs of a regular expression and its German."""
        self._patterns = [
            (re.compile(english), german) for pairs in tables for english, german in pairs
        ]

    def __call__(self, english: str) -> str | None:
        """Return the German of a text, or None if it is not known."""
        for pattern, german in self._patterns:
            if found := pattern.fullmatch(english):
                return found.expand(german) if isinstance(german, str) else german(found)
        # The same text begins small where it goes on from what was sent, and is a sentence elsewhere.
        begun = english[:1].lower() + english[1:]
        if begun != english and (told := self(begun)) is not None:
            return told[:1].upper() + told[1:]
        return self._placed(english)

    def _placed(self, english: str) -> str | None:
        """Translate what begins with the place of the first fault and ends with the number of others."""
        found = _PLACED.fullmatch(english)
        told = self(found[2]) if found else None
        if found is None or told is None:
            return None
        return f"{found[1]}: {told}" + (f" (und {found[3]} weitere)" if found[3] else "")
