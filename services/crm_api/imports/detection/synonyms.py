"""What files call the fields of each resource, in English and German."""

from services.crm_api.exports.labels import german_headers
from services.crm_api.imports.values.fields import RESOURCES
from services.crm_api.imports.values.texts import folded


def header_key(header: str) -> str:
    """Reduce a column's name to its letters and figures: ``E-Mail`` and ``eMail`` are one."""
    return folded(header).replace("_", "")


_PEOPLE = {
    "external_id": "kundennummer kunden_nr kundennr customer_id customer_no customer_number "
    "kunden_id kunde_id contact_id kontakt_id client_id account_number account_no "
    "debitorennummer debitor mitgliedsnummer external_id rec_id record_id unique_id user_id id "
    "nr nummer",
    "kind": "kind art typ type kundentyp kundenart customer_type kontaktart",
    "name": "name firma firmenname company company_name organisation organization unternehmen "
    "account account_name kunde kundenname customer customer_name full_name vollname "
    "ansprechpartner",
    "parent_external_id": "parent_external_id organisation_id organization_id firmen_id firma_id "
    "company_id unternehmens_id",
    "given_name": "vorname first_name given_name firstname forename rufname",
    "family_name": "nachname last_name family_name surname familienname zuname lastname",
    "email": "e_mail email mail email_address e_mail_adresse mailadresse email_work e_mail_1",
    "phone": "telefon phone tel telephone telefonnummer phone_number rufnummer festnetz mobile "
    "mobil handy mobilnummer phone_work telefon_1",
    "job_title": "job_title jobtitle berufsbezeichnung stellenbezeichnung funktion beruf occupation",
    "birth_date": "birth_date birthdate date_of_birth birthday dob geburtsdatum geburtstag geb_datum",
    "additional": "adresszusatz address_2 address_line_2 street_2 zusatz",
    "owner_id": "betreuer kundenbetreuer account_manager",
    "other_emails": "weitere_e_mails other_emails additional_emails",
    "other_phones": "weitere_telefonnummern other_phones",
    "communication_style": "kommunikationsstil",
    "preferred_channel": "bevorzugter_kanal preferred_channel",
    "credit_hold": "kreditsperre credit_hold",
    "roles": "rollen kaufrolle",
    "street": "strasse str street address adresse anschrift address_1 street_address "
    "mailing_street billing_street strasse_hausnummer strasse_und_hausnummer",
    "zip": "plz postleitzahl zip zip_code postcode postal_code zipcode mailing_postal_code "
    "billing_postal_code",
    "city": "ort stadt city town wohnort place mailing_city billing_city suburb",
    "country_code": "land country country_code laenderkennzeichen staat nation laendercode "
    "mailing_country billing_country",
    "language": "sprache language lang locale",
    "status": "status kundenstatus customer_status",
    "acquisition_cost": "acquisition_cost akquisekosten anschaffungskosten cac",
    "purchase_motive": "kaufmotiv purchase_motive",
    "tags": "tags schlagworte schlagwoerter stichworte labels",
    "flags": "flags kennzeichen",
    "terminated_at": "kuendigungsdatum terminated_at gekuendigt_am",
    "next_contact_at": "wiedervorlage next_contact next_contact_at naechster_kontakt",
}
_OWNED = {
    "contact_external_id": "kundennummer kunden_nr kundennr customer_id customer_no "
    "customer_number kunden_id kunde_id kontakt_id client_id account_id contact_external_id "
    "account_number who_id kunde customer account debitorennummer debitor customer_name "
    "kundenname",
    "contact_id": "contact_id",
}
_TALK = _OWNED | {
    "external_id": "interaction_id activity_id aktivitaet_id ticket_id ticketnummer "
    "vorgangsnummer engagement_id external_id record_id id nr nummer",
    "occurred_at": "occurred_at datum date zeitpunkt timestamp zeit uhrzeit date_time datetime "
    "activity_date kontaktdatum created_at erstellt_am start_time gespraechsdatum",
    "kind": "kind art typ type aktivitaetsart activity_type interaktionsart kontaktart",
    "channel": "channel kanal kontaktkanal",
    "touchpoint": "touchpoint kontaktpunkt beruehrungspunkt",
    "direction": "direction richtung",
    "subject": "subject betreff titel title thema",
    "body": "body text inhalt notiz notizen note notes beschreibung description kommentar "
    "bemerkung",
    "sentiment": "sentiment stimmung",
    "due_at": "due_at due_date faellig_am faelligkeit",
    "done_at": "done_at completed_at",
    "status": "ticketstatus case_status",
    "product_id": "product_id produktnummer artikelnummer",
    "user_id": "user_id bearbeiter agent mitarbeiter",
    "price": "angebotspreis offer_price",
    "valid_until": "valid_until gueltig_bis",
    "reason": "begruendung",
    "severity": "severity schweregrad dringlichkeit",
    "nps": "nps net_promoter_score weiterempfehlung",
    "outcome": "outcome ergebnis reaktion",
    "decline_reason": "decline_reason ablehnungsgrund",
    "resolved_at": "resolved_at geloest_am erledigt_am closed_at",
    "resolution": "resolution loesung",
    "justified": "justified berechtigt",
    "cost": "cost kosten",
    "tags": "tags schlagworte stichworte labels",
    "is_public": "is_public oeffentlich",
}
_SALES = _OWNED | {
    "external_id": "order_id order_no order_number bestellnummer bestell_nr auftragsnummer "
    "auftrags_nr rechnungsnummer rechnungs_nr invoice_no invoice invoice_number invoice_id "
    "belegnummer beleg_nr opportunity_id deal_id transaction_id transaktionsnummer external_id "
    "record_id id nr nummer",
    "title": "title titel name bezeichnung deal_name betreff opportunity_name product produkt "
    "artikel description beschreibung artikelbezeichnung",
    "stage": "stage phase deal_stage stage_name status verkaufsphase stufe",
    "currency": "currency waehrung currency_code iso_waehrung currency_iso_code",
    "amount": "amount betrag umsatz summe gesamtbetrag total total_amount close_value value wert "
    "revenue sales umsatz_eur betrag_eur rechnungsbetrag nettobetrag netto dollars price preis "
    "order_total auftragswert deal_amount",
    "list_amount": "list_amount listenpreis list_price bruttobetrag_vor_rabatt",
    "discount_pct": "discount_pct rabatt discount rabatt_prozent discount_percent nachlass",
    "cost": "cost kosten einstandspreis wareneinsatz cogs",
    "refund": "refund erstattung rueckerstattung gutschrift",
    "closed_at": "closed_at datum date order_date bestelldatum kaufdatum purchase_date close_date "
    "auftragsdatum abschlussdatum belegdatum transaction_date buchungsdatum verkaufsdatum "
    "won_at order_time ordered_at",
    "invoiced_at": "invoiced_at invoice_date rechnungsdatum",
    "opened_at": "opened_at engage_date erstellt_am created created_at created_date create_date "
    "angelegt_am eroeffnet_am erstelldatum",
    "expected_close_date": "expected_close_date erwarteter_abschluss expected_close",
    "due_at": "due_at due_date faellig_am faelligkeit faelligkeitsdatum",
    "paid_at": "paid_at bezahlt_am zahlungsdatum payment_date zahlungseingang",
    "pipeline_id": "pipeline_id pipeline_key",
    "lost_note": "lost_note verlustnotiz",
    "competitor_id": "competitor_id",
    "contract_cancelled_at": "contract_cancelled_at vertrag_gekuendigt_am",
    "lost_reason": "lost_reason verlustgrund loss_reason",
    "won_reason": "won_reason gewinngrund kaufgrund",
    "promo_code": "promo_code gutscheincode coupon voucher aktionscode",
    "contract_end_at": "contract_end_at vertragsende contract_end",
}
HEADERS: dict[str, dict[str, tuple[str, int]]] = {}
"""By resource and header key: the field, and how far back in its list the synonym stands."""


for _resource, _named in (("contacts", _PEOPLE), ("interactions", _TALK), ("deals", _SALES)):
    HEADERS[_resource] = {
        header_key(synonym): (target, rank)
        for target, synonyms in _named.items()
        for rank, synonym in enumerate(synonyms.split(), 1)
    } | {header_key(target): (target, 0) for target in RESOURCES[_resource] if target != "id"}
    HEADERS[_resource] |= {
        header_key(header): (target, 0)
        for header, target in german_headers(RESOURCES[_resource])
        if target not in ("id", "contact_id")  # these are known by their exact headers
    }


KNOWN_HEADERS = frozenset().union(*HEADERS.values())
COMPANY_HEADERS = frozenset(
    header_key(each)
    for each in "firma firmenname company company_name organisation organization unternehmen".split()
)
