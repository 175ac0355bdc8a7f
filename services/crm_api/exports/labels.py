"""What columns are called for people; English names follow from the fields, German ones stand here."""

from collections.abc import Iterable, Iterator, Mapping

GERMAN: Mapping[str, str] = {
    "id": "ID",
    "contact_id": "Kunden-ID",
    "kind": "Art",
    "parent_id": "Gehört zu",
    "display_name": "Anzeigename",
    "name": "Name",
    "given_name": "Vorname",
    "family_name": "Nachname",
    "email": "E-Mail",
    "phone": "Telefon",
    "phone_e164": "Telefon international",
    "job_title": "Funktion",
    "birth_date": "Geburtsdatum",
    "street": "Straße",
    "additional": "Adresszusatz",
    "zip": "PLZ",
    "city": "Ort",
    "country_code": "Land",
    "language": "Sprache",
    "status": "Status",
    "terminated_at": "Beendet am",
    "terminated_by": "Beendet durch",
    "owner_id": "Betreuer",
    "source_campaign_id": "Herkunft Kampagne",
    "acquisition_cost": "Akquisekosten",
    "referred_by_id": "Empfohlen von",
    "purchase_motive": "Kaufmotiv",
    "communication_style": "Kommunikationsstil",
    "preferred_channel": "Bevorzugter Kanal",
    "previous_supplier_id": "Früherer Lieferant",
    "supplier_loyalty": "Lieferantentreue",
    "roles": "Rollen",
    "protections": "Schutzgründe",
    "credit_hold": "Kreditsperre",
    "individual_price": "Preise vereinbart",
    "other_emails": "Weitere E-Mail",
    "other_phones": "Weiteres Telefon",
    "other_addresses": "Weitere Anschrift",
    "label": "Zweck",
    "consents": "Einwilligungen",
    "profiling_objection_at": "Widerspruch Profilbildung am",
    "next_contact_at": "Nächster Kontakt",
    "flags": "Kennzeichen",
    "tags": "Schlagworte",
    "merged_into_id": "Zusammengeführt mit",
    "erased_at": "Gelöscht am",
    "external_refs": "Externe Kennungen",
    "version": "Version",
    "created_at": "Erfasst am",
    "updated_at": "Geändert am",
    "deleted_at": "Im Papierkorb seit",
    "is_redacted": "Geschwärzt",
    "deal_id": "Gehört zu Deal",
    "channel": "Kanal",
    "touchpoint": "Kontaktpunkt",
    "direction": "Richtung",
    "occurred_at": "Zeitpunkt",
    "user_id": "Bearbeiter",
    "campaign_id": "Kampagne",
    "subject": "Betreff",
    "body": "Text",
    "sentiment": "Stimmung",
    "sentiment_source": "Stimmung laut",
    "product_id": "Produktnummer",
    "treatment_id": "Maßnahme",
    "recording_ref": "Aufzeichnung",
    "due_at": "Fällig am",
    "done_at": "Getan am",
    "is_planned": "Geplant",
    "status_history": "Verlauf des Status",
    "severity": "Schweregrad",
    "resolved_at": "Gelöst am",
    "resolution": "Lösung",
    "justified": "Berechtigt",
    "ratings": "Bewertungen",
    "nps": "NPS",
    "reason": "Begründung",
    "outcome": "Ergebnis",
    "discount_pct": "Rabatt",
    "price": "Angebotspreis",
    "valid_until": "Gültig bis",
    "despite_open_complaint": "Trotz offener Beschwerde",
    "decline_reason": "Ablehnungsgrund",
    "competitor_id": "Wettbewerber",
    "effective_at": "Wirksam ab",
    "event_type": "Ereignis",
    "cost": "Kosten",
    "is_public": "Öffentlich",
    "title": "Titel",
    "pipeline_id": "Pipeline",
    "stage": "Phase",
    "stage_kind": "Stand",
    "stage_history": "Verlauf der Phasen",
    "currency": "Währung",
    "amount": "Betrag",
    "list_amount": "Listenpreis",
    "refund": "Erstattung",
    "cost_recovered": "Ersetzte Kosten",
    "written_off": "Abgeschrieben",
    "chargeback_lost": "Verlorene Rückbuchung",
    "fx_rate": "Wechselkurs",
    "lines": "Positionen",
    "opened_at": "Eröffnet am",
    "expected_close_date": "Erwarteter Abschluss",
    "closed_at": "Abschlussdatum",
    "won_reason": "Kaufgrund",
    "lost_reason": "Verlustgrund",
    "lost_note": "Verlustnotiz",
    "promo_code": "Gutscheincode",
    "document_refs": "Belege",
    "payment_status": "Zahlungsstand",
    "invoiced_at": "Rechnungsdatum",
    "disputed_at": "Strittig seit",
    "written_off_at": "Abgeschrieben am",
    "fraud_confirmed_at": "Betrug bestätigt am",
    "fraud_confirmed_by": "Betrug bestätigt von",
    "paid_at": "Bezahlt am",
    "refunded_at": "Erstattet am",
    "chargeback_at": "Zurückgebucht am",
    "contract_end_at": "Vertragsende",
    "contract_cancelled_at": "Vertrag gekündigt am",
    "key": "Schlüssel",
    "description": "Beschreibung",
    "arm": "Gruppe",
    "joined_at": "Dabei seit",
    "starts_at": "Beginnt am",
    "ends_at": "Endet am",
    "budget": "Budget",
    "website": "Website",
    "notes": "Notizen",
    "quadrant": "Quadrant",
    "text": "Text",
    "unit_price": "Stückpreis",
    "unit_cost": "Stückkosten",
    "options": "Optionen",
    "stages": "Phasen",
    "filter": "Filter",
}
_OWN_IDS = {
    "contacts": ("Customer ID", "Kunden-ID"),
    "deals": ("Deal ID", "Deal-ID"),
    "interactions": ("Interaction ID", "Aktivität-ID"),
}
"""Under these names an import knows the ids of the records as our own."""
_ENGLISH = {
    "contact_id": "Customer ID",
    # Their ids mean nothing in another base, so an import is not to take them for those of its own.
    "parent_id": "Belongs to",
    "referred_by_id": "Referred by",
    "deal_id": "Belongs to deal",
}


def label(plural: str, field: str, language: str) -> str:
    """Return the header of a field's column."""
    is_german = language == "de"
    if field == "id" and plural in _OWN_IDS:
        return _OWN_IDS[plural][is_german]
    if is_german and (german := _german(field)):
        return german
    return _ENGLISH.get(field) or field.replace("_", " ").capitalize()


def _german(field: str) -> str | None:
    amount, _, currency = field.rpartition("_")
    if amount in GERMAN and currency == "currency":
        return f"{GERMAN[amount]} {GERMAN[currency]}"
    return GERMAN.get(field)


_OURS = frozenset(("id", "external_refs", "version"))


def own_id_headers(plural: str, headers: Iterable[str]) -> dict[str, str]:
    """Return which columns are those that an export of ours gives the ids, and which id each holds."""
    names = frozenset(headers)
    known = dict.fromkeys(_OWN_IDS[plural], "id")
    if plural != "contacts":
        known |= dict.fromkeys((_ENGLISH["contact_id"], GERMAN["contact_id"]), "contact_id")
    if names >= _OURS:  # one for programs, whose headers are the fields of the wire
        known["id"] = "id"
    return {name: known[name] for name in names & known.keys()}


def german_headers(targets: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the German headers of our own exports with what an import takes their columns for."""
    for target in targets:
        parts = [part if part.isdigit() else _german(part) for part in target.split(".")]
        if target not in _ENGLISH and all(parts):
            yield " ".join(filter(None, parts)), target
