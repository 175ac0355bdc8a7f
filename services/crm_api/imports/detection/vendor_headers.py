"""What HubSpot, Salesforce and Google call their columns: in their exports in English and German,
in their interfaces, and in the copies that Fivetran makes of them.

Sources: the export dialogs and field references of the three, and Fivetran's dbt packages
(`hubspot_source`, `salesforce_source`). Consents are never mapped: what "subscribed" means there is
no consent for a channel and a purpose here.
"""

_HUBSPOT_ID = "Record ID|Datensatz-ID|hs_object_id|id"
_SALESFORCE_ADDRESS = {
    "street": "{0}Street|{0} Street",
    "zip": "{0}PostalCode|{0} Zip/Postal Code|{0} Postal Code",
    "city": "{0}City|{0} City",
    "country_code": "{0}CountryCode|{0} Country Code|{0}Country|{0} Country",
}


def _address(kind: str, german: dict[str, str]) -> dict[str, str]:
    english = {target: names.format(kind) for target, names in _SALESFORCE_ADDRESS.items()}
    return {target: f"{names}|{german[target]}" for target, names in english.items()}


HUBSPOT: dict[str, dict[str, str]] = {
    "hubspot_contacts": {
        "external_id": f"{_HUBSPOT_ID}|Record ID - Contact|Datensatz-ID - Kontakt|vid",
        "parent_external_id": "Primary Associated Company ID|Associated Company IDs|"
        "Associated Company ID|Zugeordnete Unternehmens-IDs|Zugehörige Unternehmens-IDs|"
        "IDs der zugeordneten Unternehmen|associatedcompanyid",
        "given_name": "First Name|Vorname|firstname",
        "family_name": "Last Name|Nachname|lastname",
        "email": "Email|E-Mail|E-Mail-Adresse|email",
        "other_emails": "Additional email addresses|Weitere E-Mail-Adressen|hs_additional_emails",
        "phone": "Phone Number|Telefonnummer|phone",
        "other_phones": "Mobile Phone Number|Mobiltelefonnummer|mobilephone",
        "job_title": "Job Title|Jobbezeichnung|Berufsbezeichnung|Position|jobtitle",
        "street": "Street Address|Straße und Hausnummer|Adresse|Anschrift|address",
        "zip": "Postal Code|Postleitzahl|PLZ|zip",
        "city": "City|Stadt|Ort|city",
        "country_code": "Country/Region Code|Ländercode|hs_country_region_code|Country/Region|"
        "Country|Land/Region|Land|country",
        "language": "Preferred language|Bevorzugte Sprache|hs_language",
        "birth_date": "Date of birth|Geburtsdatum|date_of_birth",
    },
    "hubspot_companies": {
        "external_id": f"{_HUBSPOT_ID}|Record ID - Company|Datensatz-ID - Unternehmen",
        "name": "Company name|Name des Unternehmens|Unternehmensname|name|Name",
        "phone": "Phone Number|Telefonnummer|phone",
        "street": "Street Address|Straße und Hausnummer|Adresse|Anschrift|address",
        "additional": "Street Address 2|Adresse 2|Straße und Hausnummer 2|address_2|address2",
        "zip": "Postal Code|Postleitzahl|PLZ|zip",
        "city": "City|Stadt|Ort|city",
        "country_code": "Country/Region|Country|Land/Region|Land|country",
    },
    "hubspot_deals": {
        "external_id": f"{_HUBSPOT_ID}|Record ID - Deal|Datensatz-ID - Deal|deal_id",
        "contact_external_id": "Associated Contact IDs|Zugeordnete Kontakt-IDs|"
        "Zugehörige Kontakt-IDs|IDs der zugeordneten Kontakte|associatedvids",
        "title": "Deal Name|Deal-Name|Name des Deals|dealname",
        "stage": "Deal Stage|Deal-Phase|dealstage",
        "amount": "Amount|Betrag|amount",
        "currency": "Currency|Währung|deal_currency_code",
        "closing_date": "Close Date|Abschlussdatum|Schlussdatum|closedate",
        "opened_at": "Create Date|Erstelldatum|Erstellungsdatum|createdate",
        "owner_id": "hubspot_owner_id|owner_id",
    },
    "hubspot_tickets": {
        "external_id": f"{_HUBSPOT_ID}|Ticket ID|Ticket-ID",
        "contact_external_id": "Associated Contact IDs|Zugeordnete Kontakt-IDs|"
        "Zugehörige Kontakt-IDs|IDs der zugeordneten Kontakte",
        "subject": "Ticket name|Ticketname|subject",
        "body": "Ticket description|Ticketbeschreibung|content",
        "occurred_at": "Create date|Erstelldatum|Erstellungsdatum|createdate",
        "resolved_at": "Close date|Abschlussdatum|Schließdatum|closed_date",
        "user_id": "hubspot_owner_id|owner_id",
    },
    "hubspot_engagements": {
        "external_id": "engagement_id|hs_object_id|Record ID|Datensatz-ID",
        "contact_external_id": "Associated Contact IDs|Zugeordnete Kontakt-IDs|contact_id",
        "kind": "type|engagement_type|Activity type|Aktivitätstyp",
        "occurred_at": "hs_timestamp|start_time|Activity date|Aktivitätsdatum",
        "subject": "hs_email_subject|hs_call_title|hs_meeting_title|hs_task_subject|title",
        "body": "hs_note_body|hs_email_text|hs_call_body|hs_meeting_body|hs_task_body|body",
        "user_id": "hubspot_owner_id|owner_id",
    },
}
_MAILING = {
    "street": "Postanschrift Straße|Postanschrift (Straße)|Straße (Postanschrift)",
    "zip": "Postanschrift Postleitzahl|Postanschrift (Postleitzahl)|Postleitzahl (Postanschrift)",
    "city": "Postanschrift Ort|Postanschrift (Ort)|Postanschrift (Stadt)|Ort (Postanschrift)",
    "country_code": "Postanschrift Ländercode|Postanschrift (Ländercode)|"
    "Postanschrift Land|Postanschrift (Land)|Land (Postanschrift)",
}
_BILLING = {
    "street": "Rechnungsadresse (Straße)|Rechnungsanschrift (Straße)|Rechnungsstraße",
    "zip": "Rechnungsadresse (Postleitzahl)|Rechnungsanschrift (Postleitzahl)|Rechnungs-PLZ",
    "city": "Rechnungsadresse (Stadt)|Rechnungsanschrift (Stadt)|Rechnungsort",
    "country_code": "Rechnungsadresse (Ländercode)|Rechnungsanschrift (Ländercode)|"
    "Rechnungsadresse (Land)|Rechnungsanschrift (Land)",
}
SALESFORCE: dict[str, dict[str, str]] = {
    "salesforce_contacts": {
        "external_id": "Id|Contact ID|Kontakt-ID",
        "parent_external_id": "AccountId|Account ID|Account-ID",
        "given_name": "FirstName|First Name|Vorname",
        "family_name": "LastName|Last Name|Nachname",
        "email": "Email|E-Mail",
        "phone": "Phone|Business Phone|Telefon",
        "other_phones": "MobilePhone|Mobile|Mobile Phone|Mobil|Mobiltelefon",
        "job_title": "Title|Titel|Position",
        "birth_date": "Birthdate|Geburtsdatum",
        **_address("Mailing", _MAILING),
        "owner_id": "OwnerId",
    },
    "salesforce_leads": {
        "external_id": "Id|Lead ID|Lead-ID",
        "given_name": "FirstName|First Name|Vorname",
        "family_name": "LastName|Last Name|Nachname",
        "email": "Email|E-Mail",
        "phone": "Phone|Telefon",
        "other_phones": "MobilePhone|Mobile|Mobile Phone|Mobil|Mobiltelefon",
        "job_title": "Title|Titel|Position",
        "street": "Street|Straße",
        "zip": "PostalCode|Zip/Postal Code|Postleitzahl|PLZ",
        "city": "City|Ort|Stadt",
        "country_code": "CountryCode|Country Code|Ländercode|Country|Land",
        "owner_id": "OwnerId",
    },
    "salesforce_accounts": {
        "external_id": "Id|Account ID|Account-ID",
        "name": "Name|Account Name|Accountname",
        "phone": "Phone|Telefon",
        **_address("Billing", _BILLING),
        "owner_id": "OwnerId",
    },
    "salesforce_opportunities": {
        "external_id": "Id|Opportunity ID|Opportunity-ID",
        "contact_external_id": "AccountId|Account ID|Account-ID",
        "title": "Name|Opportunity Name|Opportunity-Name|Opportunityname",
        "stage": "StageName|Stage|Phase",
        "amount": "Amount|Betrag",
        "currency": "CurrencyIsoCode|Opportunity Currency|Amount Currency|Betrag Währung",
        "closing_date": "CloseDate|Close Date|Schlusstermin|Abschlussdatum",
        "opened_at": "CreatedDate|Created Date|Erstelldatum",
        "lost_note": "Loss Reason|Verlustgrund",
        "owner_id": "OwnerId",
    },
    "salesforce_tasks": {
        "external_id": "Id|Activity ID|Aktivitäts-ID",
        "contact_external_id": "WhoId|Contact ID|Kontakt-ID",
        "kind": "TaskSubtype|Task Subtype",
        "occurred_at": "CompletedDateTime|ActivityDate|Date|Datum",
        "subject": "Subject|Thema",
        "body": "Description|Comments|Full Comments|Kommentare",
        "user_id": "OwnerId",
    },
    "salesforce_events": {
        "external_id": "Id|Activity ID|Aktivitäts-ID",
        "contact_external_id": "WhoId|Contact ID|Kontakt-ID",
        "occurred_at": "StartDateTime|ActivityDateTime|ActivityDate|Date|Datum",
        "subject": "Subject|Thema",
        "body": "Description|Comments|Kommentare",
        "user_id": "OwnerId",
    },
}
for _table in (*HUBSPOT.values(), *SALESFORCE.values()):
    _table["is_deleted"] = "IsDeleted|Deleted|Gelöscht|_fivetran_deleted"
GOOGLE: dict[str, dict[str, str]] = {
    "google_contacts": {
        "given_name": "First Name|Given Name",
        "family_name": "Last Name|Family Name",
        "job_title": "Organization Title|Organization 1 - Title|Occupation",
        "birth_date": "Birthday",
        "tags": "Labels|Group Membership",
    }
}
VCARD: dict[str, str] = {
    "external_id": "UID",
    "kind": "Kind",
    "name": "Name",
    "given_name": "Given name",
    "family_name": "Family name",
    "job_title": "Title",
    "birth_date": "Birthday",
    "language": "Language",
    "tags": "Categories",
}
