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
        (r"There is no such plan\.", "Diesen Plan gibt es nicht."),
        (r"The plan was canceled\.", "Der Plan wurde storniert."),
        (r"Many plans are being computed at this moment\. Try again soon\.",
         "Im Moment werden viele Pläne berechnet. Bitte gleich noch einmal versuchen."),
        (r"A plan ends after it begins\.", "Ein Plan endet nicht vor seinem Beginn."),
        (r"A limit needs a budget, a number of customers or both\.",
         "Eine Grenze braucht ein Budget, eine Zahl von Kunden oder beides."),
        (r"What is covered is told of a campaign, and only of one\.",
         "Was dazugehört, wird bei einer Kampagne angegeben, und nur dort."),
        (r"A campaign covers something\.", "Zu einer Kampagne gehört mindestens eine Angabe."),
        (r"This id is not in the catalogue\.", "Diese Kennung steht nicht im Katalog."),
        (r"Plans are in the base currency (\S+)\.", r"Pläne lauten auf die Basiswährung \1."),
        (r"An amount of a plan is not negative\.", "Beträge eines Plans sind nicht negativ."),
        (r"Version (\d+) has no customer (\S+)\. It is read as of (\S+): .+",
         (r"Fassung \1 hat keinen Kunden \2. Ihr Stand ist der \3: wen bis dahin nichts betraf oder wer erst "
         r"seit der letzten Berechnung erfasst ist, fehlt. Eine Person einer Organisation steht bei dieser.")),
    ),
    SHAPES,
    COMMON,
)  # fmt: skip
