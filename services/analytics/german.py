"""The German of the problems of analytics; all other texts come from the catalogue."""

from services.foundation.translating import COMMON, Translator

translate = Translator(
    (
        (r"Nothing is published yet; the first refresh has to finish\.",
         "Es ist noch nichts veröffentlicht; die erste Berechnung muss erst enden."),
        (r"The published version has no such customer\.",
         "Die veröffentlichte Fassung hat diesen Kunden nicht."),
    ),
    COMMON,
)  # fmt: skip
