"""The files that well-known programs export: how they are recognized, and what their columns are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.crm_api.imports.detection.synonyms import header_key
from services.crm_api.imports.detection.vendor_headers import GOOGLE, HUBSPOT, SALESFORCE, VCARD
from services.crm_api.imports.values.fields import MOST_OTHERS


@dataclass(frozen=True, slots=True)
class Profile:
    """The export of a program: marks are headers that only it has together, fields what each is.

    Marks count as they are spelled: ``Record ID`` is HubSpot's, ``record_id`` is anybody's.
    """

    name: str
    resource: str
    source: str | None
    marks: tuple[frozenset[str], ...]
    fields: dict[str, str]
    defaults: dict[str, str] = field(default_factory=dict)
    contact_source: str | None = None


def _table(text: dict[str, str]) -> dict[str, str]:
    """Turn the headers of each field, apart by bars, into the field of each header."""
    return {
        header_key(header): target
        for target, headers in text.items()
        for header in headers.split("|")
    }


def _marks(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.casefold().split("|")) for each in alternatives)


def _profile(
    name: str,
    resource: str,
    tables: dict[str, dict[str, str]],
    marks: tuple[str, ...],
    *,
    source: str | None,
    defaults: dict[str, str] | None = None,
    contact_source: str | None = None,
) -> Profile:
    fields = _table(tables[name])
    return Profile(name, resource, source, _marks(*marks), fields, defaults or {}, contact_source)


_ORGANISATION = {"kind": "organisation"}
PROFILES: tuple[Profile, ...] = (
    _profile(
        "hubspot_contacts", "contacts", HUBSPOT,
        ("Record ID|First Name|Last Name", "Record ID|Email|Lifecycle Stage",
         "Record ID - Contact|First Name", "Datensatz-ID|Vorname|Nachname",
         "Datensatz-ID|E-Mail|Lifecycle-Phase", "hs_object_id|firstname", "hs_object_id|email",
         "property_firstname|property_lastname", "property_email|id"),
        source="hubspot", contact_source="hubspot_company",
    ),
    _profile(
        "hubspot_companies", "contacts", HUBSPOT,
        ("Record ID|Company name", "Record ID - Company|Company name",
         "Datensatz-ID|Name des Unternehmens", "Datensatz-ID|Unternehmensname",
         "hs_object_id|name|domain", "property_name|property_industry|id"),
        source="hubspot_company", defaults=_ORGANISATION,
    ),
    _profile(
        "hubspot_deals", "deals", HUBSPOT,
        ("Record ID|Deal Name", "Record ID - Deal|Deal Name", "Datensatz-ID|Deal-Name",
         "Datensatz-ID|Name des Deals", "hs_object_id|dealname", "property_dealname|deal_id"),
        source="hubspot", contact_source="hubspot",
    ),
    _profile(
        "hubspot_tickets", "interactions", HUBSPOT,
        ("Ticket ID|Ticket name", "Record ID|Ticket name", "Datensatz-ID|Ticketname",
         "property_hs_ticket_priority", "hs_ticket_priority|subject"),
        source="hubspot_ticket", contact_source="hubspot",
        defaults={"kind": "service_request"},
    ),
    _profile(
        "hubspot_engagements", "interactions", HUBSPOT,
        ("property_hs_timestamp", "hs_timestamp|hs_object_id", "engagement_id|start_time|title"),
        source="hubspot", contact_source="hubspot",
    ),
    _profile(
        "salesforce_leads", "contacts", SALESFORCE,
        ("Id|Company|IsConverted", "id|company|is_converted", "Lead ID|Last Name",
         "First Name|Last Name|Company / Account", "Lead Status|Lead Source|Last Name",
         "Lead-ID|Nachname", "Lead-Status|Nachname", "Nachname|Firma/Account"),
        source="salesforce",
    ),
    _profile(
        "salesforce_contacts", "contacts", SALESFORCE,
        ("Id|AccountId|LastName", "Id|LastName|MailingStreet", "Id|LastName|MailingCity",
         "id|account_id|last_name|mailing_city", "Contact ID|Last Name|Account Name",
         "Contact ID|Last Name|Mailing Street", "Contact ID|Last Name|Mailing City",
         "First Name|Last Name|Account Name", "Kontakt-ID|Nachname|Accountname",
         "Kontakt-ID|Nachname|Postanschrift Ort", "Vorname|Nachname|Accountname"),
        source="salesforce",
    ),
    _profile(
        "salesforce_accounts", "contacts", SALESFORCE,
        ("Id|Name|BillingStreet", "Id|Name|BillingCity", "id|name|billing_street",
         "Account ID|Account Name",
         "Account Name|Billing City", "Account Name|Billing Street", "Account-ID|Accountname",
         "Accountname|Rechnungsort", "Accountname|Rechnungsadresse (Stadt)",
         "Accountname|Rechnungsanschrift (Stadt)"),
        source="salesforce", defaults=_ORGANISATION,
    ),
    _profile(
        "salesforce_opportunities", "deals", SALESFORCE,
        ("Id|StageName|CloseDate", "id|stage_name|close_date", "Opportunity ID|Stage", "Opportunity Name|Stage",
         "Opportunity-Name|Phase", "Opportunityname|Phase", "Opportunity-ID|Phase"),
        source="salesforce", contact_source="salesforce",
    ),
    _profile(
        "salesforce_events", "interactions", SALESFORCE,
        ("Id|WhoId|Subject|StartDateTime", "id|who_id|subject|start_date_time"),
        source="salesforce", contact_source="salesforce", defaults={"kind": "meeting"},
    ),
    _profile(
        "salesforce_tasks", "interactions", SALESFORCE,
        ("Id|WhoId|Subject|ActivityDate", "id|who_id|subject|activity_date",
         "Activity ID|Subject|Date", "Aktivitäts-ID|Thema|Datum"),
        source="salesforce", contact_source="salesforce",
    ),
    _profile(
        "google_contacts", "contacts", GOOGLE,
        ("First Name|Last Name|E-mail 1 - Value", "First Name|Last Name|Phone 1 - Value",
         "First Name|Last Name|Organization Name|Labels", "Given Name|Family Name|E-mail 1 - Value",
         "Given Name|Family Name|Phone 1 - Value", "Given Name|Family Name|Group Membership"),
        source="google",
    ),
)  # fmt: skip
VCARD_PROFILE = Profile("vcard", "contacts", None, (), _table(VCARD))


def recognized(resource: str, headers: Sequence[str]) -> Profile | None:
    """Return the profile whose marks the headers have, one of the resource rather than another."""
    keys = {" ".join(header.split()).casefold() for header in headers}
    found = [each for each in PROFILES if any(mark <= keys for mark in each.marks)]
    return next((each for each in found if each.resource == resource), next(iter(found), None))


def vendor_key(header: str) -> str:
    """Reduce a column's name as `header_key` does, without what copies of HubSpot put before it."""
    key = header_key(header)
    return key.removeprefix("property") if header.startswith("property_") else key


_NUMBERED = re.compile(
    r"(?P<kind>E-mail|Phone|Address) (?P<number>\d{1,2})(?: -)?(?: (?P<part>[A-Za-z ]+))?",
    re.IGNORECASE,
)
_MEMBERS = {
    "e-mail": {"value": "email", "label": "label", "type": "label"},
    "phone": {"value": "phone", "label": "label", "type": "label"},
    "address": {
        "street": "street",
        "extended address": "additional",
        "additional": "additional",
        "postal code": "zip",
        "city": "city",
        "country": "country_code",
        "label": "label",
        "type": "label",
    },
}
_LISTS = {"e-mail": "other_emails", "phone": "other_phones", "address": "other_addresses"}


def numbered_field(header: str) -> str | None:
    """Return the field of a column such as ``E-mail 2 - Value`` or ``Address 1 - Street``."""
    found = _NUMBERED.fullmatch(header)
    if found is None:
        return None
    kind, number = found["kind"].lower(), int(found["number"])
    member = _MEMBERS[kind].get((found["part"] or "value").lower())
    if member is None or not 1 <= number <= MOST_OTHERS + 1:
        return None
    if number > 1:
        return f"{_LISTS[kind]}.{number - 1}.{member}"
    return None if member == "label" else member
