"""What a person should know of a file although nothing has to be answered."""

from dataclasses import dataclass

_TEXTS = {
    "column_unused": (
        "this column becomes no field; map it to one, also to a custom field, if it matters",
        "diese Spalte wird zu keinem Feld; ordnen Sie sie einem zu, auch einem eigenen, wenn sie zählt",
    ),
    "organisation_not_linked": (
        (
            "this column names the organisation of a person, which is linked by an id only: map such a "
            "column to parent_external_id"
        ),
        (
            "diese Spalte nennt die Organisation einer Person, die nur über eine Kennung verknüpft wird: "
            "ordnen Sie eine solche Spalte parent_external_id zu"
        ),
    ),
    "cells_do_not_fit": (
        "the cells of this column do not fit the field {field}, it is left out",
        "die Zellen dieser Spalte passen nicht zum Feld {field}, sie wird ausgelassen",
    ),
    "days_without_year": (
        "{count} days of this column have no year and are not taken",
        "{count} Tage dieser Spalte haben kein Jahr und werden nicht übernommen",
    ),
    "hashed_values": (
        "the cells of this column are hashes: the values themselves are not in the file",
        "die Zellen dieser Spalte sind Hashwerte: die Werte selbst stehen nicht in der Datei",
    ),
    "profile_of_other_resource": (
        "the file looks like {profile}, whose rows are {field}: is the resource right?",
        "die Datei sieht aus wie {profile}, deren Zeilen {field} sind: stimmt die Ressource?",
    ),
    "rows_above_header": (
        "what stands above the header in row {row} is not read",
        "was über dem Kopf in Zeile {row} steht, wird nicht gelesen",
    ),
    "hidden_sheet": (
        "the sheet {sheet} is hidden and not read; choose it with `sheet` if it is meant",
        "das Blatt {sheet} ist ausgeblendet und wird nicht gelesen; mit `sheet` lässt es sich wählen",
    ),
    "formula_without_value": (
        (
            "{count} cells hold a formula whose result is not in the file; they are read as empty: "
            "open it in a spreadsheet program and save it anew"
        ),
        (
            "{count} Zellen enthalten eine Formel, deren Ergebnis nicht in der Datei steht; sie "
            "werden als leer gelesen: bitte in einem Tabellenprogramm öffnen und neu speichern"
        ),
    ),
    "binary_dropped": (
        "{count} pictures, sounds or keys of the cards are left out",
        "{count} Bilder, Töne oder Schlüssel der Karten werden ausgelassen",
    ),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person should know; `column` is None for the whole file."""

    code: str
    column: str | None
    message_en: str
    message_de: str


def notice(code: str, column: str | None = None, **facts: object) -> Notice:
    """Build a notice in both languages."""
    english, german = _TEXTS[code]
    return Notice(code, column, english.format(**facts), german.format(**facts))
