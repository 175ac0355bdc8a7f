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
        (r"Version (\d+) has no customer (\S+)\. It is read as of (\S+): .+",
         (r"Fassung \1 hat keinen Kunden \2. Ihr Stand ist der \3: wen bis dahin nichts betraf oder wer erst "
         r"seit der letzten Berechnung erfasst ist, fehlt. Eine Person einer Organisation steht bei dieser.")),
        (r"The published version does not recommend this to this customer\.",
         "Die veröffentlichte Fassung empfiehlt diesem Kunden das nicht."),
        (r"Recommendations change with every refresh\. Read the present one with (.+) and decide on its (.+)\.",
         r"Empfehlungen ändern sich mit jeder Berechnung. Die aktuelle steht unter \1; maßgeblich ist \2."),
        (r"There is an open decision on this recommendation\.",
         "Zu dieser Empfehlung gibt es eine offene Entscheidung."),
        (r"It is decision (\S+): change it with (.+)\.", r"Es ist die Entscheidung \1; \2 ändert sie."),
        (r"There is no decision (\S+)\.", r"Eine Entscheidung \1 gibt es nicht."),
        (r"Only an accepted decision can be changed\.",
         "Nur eine angenommene Entscheidung lässt sich ändern."),
        (r"The decision is executed, which is final\.",
         "Die Entscheidung ist umgesetzt; das ist endgültig."),
        (r"The decision is rejected, which is final\.",
         "Die Empfehlung ist abgelehnt; das ist endgültig."),
        (r"The decision is expired, which is final\.",
         "Die Entscheidung ist abgelaufen; das ist endgültig."),
        (r"A rejection needs its reason\.", "Eine Ablehnung braucht ihren Grund."),
        (r"Send reason, one of: (.+)\.", r"Der Grund fehlt in reason; möglich sind: \1."),
        (r"A field does not go with this decision\.", "Ein Feld passt nicht zu dieser Entscheidung."),
        (r"(\S+) goes with (\S+) only\.", r"\1 ist nur bei \2 möglich."),
        (r"A day from today to a year ahead\.",
         "Der Tag muss zwischen heute und in einem Jahr liegen."),
        (r"What was done lies not in the future\.", "Erledigtes liegt nicht in der Zukunft."),
    ),
    SHAPES,
    COMMON,
)  # fmt: skip
