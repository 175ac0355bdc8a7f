"""The German of the problems of analytics; all other texts come from the catalogue."""

from services.foundation.translating import COMMON, SHAPES, Translator

translate = Translator(
    (
        (r"Nothing is published yet; the first refresh has to finish\.",
         "Es ist noch nichts veröffentlicht; die erste Berechnung muss erst enden."),
        (r"The published version has no such customer\.",
         "Die veröffentlichte Fassung hat diesen Kunden nicht."),
        (r"There is no such version, or it is not kept any more\.",
         "Diese Fassung gibt es nicht, oder sie wird nicht mehr aufbewahrt."),
        (r"This version has no model card yet; it follows soon after publishing\.",
         "Diese Fassung hat noch keine Modellkarte; sie folgt bald nach der Veröffentlichung."),
        (r"The catalogue has no such section\.", "Diesen Abschnitt hat der Katalog nicht."),
        (r"The catalogue has these sections: (.+)\.", r"Der Katalog hat diese Abschnitte: \1."),
        (r"Version (\d+) has no customer (\S+)\. It is read as of (\S+): .+",
         (r"Fassung \1 hat keinen Kunden \2. Ihr Stand ist der \3: wen bis dahin nichts betraf oder wer erst "
         r"seit der letzten Berechnung erfasst ist, fehlt. Eine Person einer Organisation steht bei dieser.")),
    ),
    SHAPES,
    COMMON,
)  # fmt: skip
