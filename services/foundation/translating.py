"""Problems in German: each rule says it in English, and patterns of these texts know the German."""

import re
from collections.abc import Iterable

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
_PLACED = re.compile(r"(/\S*): (.+?)(?: \(and (\d+) more\))?", re.DOTALL)


class Translator:
    """Knows the German of the texts that match one of its patterns from end to end."""

    def __init__(self, *tables: Iterable[tuple[str, str]]) -> None:
        """Take pairs of a regular expression and its German, which may name the groups."""
        self._patterns = [
            (re.compile(english), german) for pairs in tables for english, german in pairs
        ]

    def __call__(self, english: str) -> str | None:
        """Return the German of a text, or None if it is not known."""
        for pattern, german in self._patterns:
            if found := pattern.fullmatch(english):
                return found.expand(german)
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
