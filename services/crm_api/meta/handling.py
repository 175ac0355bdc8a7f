"""The words of how the service is used: imports, exports, webhooks and keys, in English and German."""

from collections.abc import Mapping

Labels = Mapping[str, tuple[str, str]]

HANDLING: Mapping[str, Labels] = {
    "resource": {
        "contacts": ("Contacts", "Kontakte"),
        "interactions": ("Interactions", "Interaktionen"),
        "deals": ("Deals", "Geschäfte"),
    },
    "upsert_mode": {
        "create": ("Only create", "Nur anlegen"),
        "update": ("Only change", "Nur ändern"),
        "both": ("Create or change", "Anlegen oder ändern"),
    },
    "import_status": {
        "needs_answers": ("Has open questions", "Hat offene Fragen"),
        "ready": ("Ready to start", "Bereit zum Start"),
        "queued": ("Waiting", "Wartet"),
        "running": ("Running", "Läuft"),
        "succeeded": ("Done", "Fertig"),
        "failed": ("Failed", "Fehlgeschlagen"),
        "cancelled": ("Cancelled", "Abgebrochen"),
        "reverting": ("Being taken back", "Wird zurückgenommen"),
        "reverted": ("Taken back", "Zurückgenommen"),
    },
    "import_revert_status": {
        "queued": ("Waiting", "Wartet"),
        "running": ("Running", "Läuft"),
        "succeeded": ("Done", "Fertig"),
        "refused": ("Nothing taken back", "Nichts zurückgenommen"),
        "failed": ("Failed", "Fehlgeschlagen"),
    },
    "import_format": {
        "csv": ("CSV", "CSV"),
        "tsv": ("Text with tabs (TSV)", "Text mit Tabulatoren (TSV)"),
        "ndjson": ("JSON by lines (NDJSON)", "JSON zeilenweise (NDJSON)"),
        "xlsx": ("Excel workbook", "Excel-Arbeitsmappe"),
        "vcard": ("vCard (address book)", "vCard (Adressbuch)"),
    },
    "import_column_kind": {
        "date": ("Dates", "Datumsangaben"),
        "number": ("Numbers", "Zahlen"),
        "text": ("Text", "Text"),
        "empty": ("Empty", "Leer"),
    },
    "import_setting_origin": {
        "given": ("Set by you", "Von Ihnen gesetzt"),
        "detected": ("Found in the file", "In der Datei erkannt"),
        "default": ("As usual", "Üblicher Wert"),
    },
    "export_format": {
        "ndjson": ("JSON by lines (NDJSON)", "JSON zeilenweise (NDJSON)"),
        "csv": ("CSV", "CSV"),
        "excel_csv": ("CSV for Excel", "CSV für Excel"),
        "xlsx": ("Excel workbook", "Excel-Arbeitsmappe"),
    },
    "export_delimiter": {
        "comma": ("Comma", "Komma"),
        "semicolon": ("Semicolon", "Semikolon"),
        "tab": ("Tab", "Tabulator"),
    },
    "scope": {
        "contacts:read": ("Read contacts", "Kontakte lesen"),
        "contacts:write": ("Change contacts", "Kontakte ändern"),
        "contacts:pii": (
            "See personal data of contacts",
            "Persönliche Daten der Kontakte sehen",
        ),
        "interactions:read": ("Read interactions", "Interaktionen lesen"),
        "interactions:write": ("Change interactions", "Interaktionen ändern"),
        "interactions:pii": (
            "See personal data in interactions",
            "Persönliche Daten in Interaktionen sehen",
        ),
        "deals:read": ("Read deals", "Geschäfte lesen"),
        "deals:write": ("Change deals", "Geschäfte ändern"),
        "deals:pii": ("See personal data in deals", "Persönliche Daten in Geschäften sehen"),
        "products:read": ("Read products", "Produkte lesen"),
        "products:write": ("Change products", "Produkte ändern"),
        "campaigns:read": ("Read campaigns", "Kampagnen lesen"),
        "campaigns:write": ("Change campaigns", "Kampagnen ändern"),
        "competitors:read": ("Read competitors", "Wettbewerber lesen"),
        "competitors:write": ("Change competitors", "Wettbewerber ändern"),
        "segments:read": ("Read segments", "Segmente lesen"),
        "segments:write": ("Change segments", "Segmente ändern"),
        "settings:read": (
            "Read pipelines and custom fields",
            "Pipelines und eigene Felder lesen",
        ),
        "settings:write": (
            "Change pipelines and custom fields",
            "Pipelines und eigene Felder ändern",
        ),
        "changes:read": ("Follow all changes", "Alle Änderungen verfolgen"),
        "changes:undo": ("Undo changes", "Änderungen zurücknehmen"),
        "webhooks:manage": ("Manage webhooks", "Webhooks verwalten"),
        "privacy:export": ("Export all data of a person", "Alle Daten einer Person ausgeben"),
        "privacy:erase": ("Erase persons", "Personen löschen"),
        "privacy:retention": ("Run what is due to be forgotten", "Fällige Löschungen ausführen"),
        "audit:read": ("Read the audit log", "Das Protokoll lesen"),
        "imports:write": ("Import files", "Dateien importieren"),
        "keys:manage": ("Manage keys", "Schlüssel verwalten"),
    },
    "webhook_pause_reason": {
        "requested": ("By request", "Auf Wunsch"),
        "failing": ("No success for three days", "Seit drei Tagen kein Erfolg"),
        "gone": ("The target is gone", "Das Ziel gibt es nicht mehr"),
        "filter_invalid": ("A filter is no longer valid", "Ein Filter gilt nicht mehr"),
        "key_revoked": ("Its key is no longer valid", "Sein Schlüssel gilt nicht mehr"),
    },
    "delivery_status": {
        "pending": ("Waiting", "Wartet"),
        "delivered": ("Delivered", "Zugestellt"),
        "failed": ("Failed", "Fehlgeschlagen"),
    },
    "delivery_error": {
        "name_not_resolved": ("Name not found", "Name nicht gefunden"),
        "address_not_allowed": ("Address not allowed", "Adresse nicht erlaubt"),
        "connection_failed": ("No connection", "Keine Verbindung"),
        "tls_failed": ("No secure connection", "Keine sichere Verbindung"),
        "timed_out": ("Took too long", "Dauerte zu lange"),
        "answer_broken": ("Answer broken off", "Antwort abgebrochen"),
        "redirected": ("Redirected", "Umgeleitet"),
        "error_status": ("Answered with an error", "Antwortete mit einem Fehler"),
    },
}
