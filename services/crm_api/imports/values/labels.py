"""The closed lists of the wire, what files call their words, and countries."""

import re
from collections.abc import Mapping

from services.crm_api.imports.values.countries import NAMES
from services.crm_api.imports.values.rejection import ValueRejected
from services.crm_api.imports.values.texts import WireValue, clean, folded, is_absent, items


def choice(cell: str, labels: Mapping[str, str]) -> str | None:
    """Return the wire word that a label stands for; the labels are folded."""
    if is_absent(cell):
        return None
    wanted = folded(clean(cell))
    if wanted in labels:
        return labels[wanted]
    expected = ", ".join(sorted(set(labels.values())))
    raise ValueRejected(
        "unknown_word",
        f"this is none of: {expected}",
        f"das ist keines von: {expected}",
        expected=expected,
    )


def stage(cell: str, labels: Mapping[str, str]) -> str | None:
    """Return the stage that a label stands for, also behind which HubSpot writes its pipeline."""
    within = _IN_PIPELINE.fullmatch(clean(cell))
    if within and folded(clean(cell)) not in labels:
        return choice(within[1], labels)
    return choice(cell, labels)


_IN_PIPELINE = re.compile(r"(.*\S)\s+\([^()]+\)", re.DOTALL)
"""``Closed Won (Sales Pipeline)``"""


def choices(cell: str, labels: Mapping[str, str]) -> list[WireValue]:
    """Return the wire words of a list of labels."""
    found = [choice(str(entry), labels) for entry in items(cell)]
    return list(dict.fromkeys(word for word in found if word))


def _labels(**labels: str) -> dict[str, str]:
    """Every word is its own label; further ones stand beside it, folded, apart by spaces."""
    return {label: word for word, others in labels.items() for label in [word, *others.split()]}


CHOICES: dict[str, dict[str, str]] = {
    "contact_kind": _labels(
        person="individual natuerliche_person privatperson mensch b2c",
        organisation="organization firma unternehmen company account gesellschaft business b2b "
        "juristische_person verein",
    ),
    "language": _labels(
        de="deutsch german ger deu de_de de_at de_ch",
        en="englisch english eng en_us en_gb en_ca en_au",
    ),
    "status": _labels(
        active="aktiv", blocked="gesperrt blockiert", terminated="gekuendigt beendet gekuendigter"
    ),
    "terminated_by": _labels(
        company="firma unternehmen wir us", customer="kunde kundin", mutual="beide einvernehmlich"
    ),
    "direction": _labels(
        inbound="eingehend eingang incoming in",
        outbound="ausgehend ausgang outgoing out",
        internal="intern",
    ),
    "sentiment_source": _labels(
        agent="mitarbeiter mitarbeiterin bearbeiter", customer="kunde kundin", model="modell"
    ),
    "case_status": _labels(
        open="offen neu new",
        acknowledged="bestaetigt in_bearbeitung in_progress working",
        resolved="geloest erledigt solved closed geschlossen completed",
        rejected="abgelehnt",
        reopened="wiedereroeffnet",
    ),
    "communication_style": _labels(
        brief="knapp kurz", normal="", extensive="ausfuehrlich umfangreich"
    ),
    "supplier_loyalty": _labels(low="gering niedrig", high="hoch"),
    "role": _labels(
        initiator="initiatorin",
        decision_maker="entscheider entscheiderin executive_sponsor decisionmaker",
        influencer="einflussnehmer beeinflusser",
        buyer="einkaeufer einkaeuferin budget_holder",
        user="nutzer nutzerin anwender end_user",
        gatekeeper="",
    ),
    "protection": _labels(
        open_dispute="offener_streit rechtsstreit",
        legal_hold="gesetzliche_aufbewahrung",
        hardship="haertefall",
        statutory_supply="gesetzliche_versorgung grundversorgung",
    ),
    "flag": _labels(
        innovation_partner="innovationspartner",
        reference_customer="referenzkunde",
        minor="minderjaehrig",
    ),
    "resolution": _labels(
        fixed="behoben geloest",
        compensated="entschaedigt",
        explained="erklaert",
        rejected="abgelehnt",
        withdrawn="zurueckgezogen",
    ),
    "outcome": _labels(
        sent="gesendet versendet",
        delivered="zugestellt",
        clicked="geklickt angeklickt",
        replied="beantwortet geantwortet",
        accepted="angenommen",
        declined="abgelehnt",
        unsubscribed="abgemeldet",
        bounced="unzustellbar zurueckgewiesen bounce",
    ),
    "interaction_kind": _labels(
        call="anruf telefonat telefon phone_call call_recap",
        email="e_mail mail",
        chat="",
        message="nachricht sms",
        meeting="termin besprechung treffen event ereignis",
        visit="besuch",
        social="soziales_netzwerk social_media",
        note="notiz",
        complaint="beschwerde reklamation",
        service_request="serviceanfrage servicefall ticket support",
        survey_invitation="umfrageeinladung",
        survey_response="umfrageantwort umfrage survey",
        campaign_touch="kampagne campaign",
        offer="angebot",
        idea="idee vorschlag",
        quote_request="angebotsanfrage rfq",
        referral="empfehlung",
        cancellation="kuendigung",
        payment_reminder="mahnung zahlungserinnerung",
        life_event="lebensereignis",
    ),
    "stage": _labels(
        new="neu prospecting appointment_scheduled appointmentscheduled termin_vereinbart prospektion",
        qualified="qualifiziert qualification qualifizierung needs_analysis bedarfsanalyse "
        "qualified_to_buy qualifiedtobuy",
        proposal="angebot vorschlag proposal_price_quote value_proposition nutzenversprechen "
        "angebot_preisangebot presentation_scheduled presentationscheduled praesentation_vereinbart",
        negotiation="verhandlung in_verhandlung negotiation_review verhandlung_pruefung "
        "id_decision_makers perception_analysis decision_maker_bought_in decisionmakerboughtin "
        "contract_sent contractsent vertrag_gesendet",
        won="gewonnen closed_won closedwon abgeschlossen_gewonnen geschlossen_und_gewonnen "
        "geschlossene_gewonnene",
        lost="verloren closed_lost closedlost abgeschlossen_verloren geschlossen_und_verloren "
        "geschlossene_verlorene",
    ),
    "channel": _labels(
        email="e_mail mail elektronische_post",
        post="brief briefpost letter postal_mail",
        sms="textnachricht text_message",
        phone="telefon telephone anruf telefonisch mobil handy",
        call_centre="callcenter call_center hotline",
        chat="livechat live_chat",
        app="portal app_oder_portalnachricht",
        social="social_media soziale_medien soziales_netzwerk",
        web="website webseite internet online web_shop webshop online_shop onlineshop shop",
        video="videoanruf videogespraech video_call videokonferenz",
        store="laden filiale geschaeft ladengeschaeft branch",
        visit="besuch aussendienst vor_ort",
        event="veranstaltung messe trade_fair",
        atm="terminal automat geldautomat kiosk",
        tv="fernsehen television",
        print="anzeige printmedien zeitung",
        online_ads="onlinewerbung online_werbung",
    ),
    "touchpoint": _labels(
        phone_reception="telefonempfang empfang telefonzentrale reception",
        sales="vertrieb verkauf",
        marketing="",
        account_management="kundenbetreuung",
        website="webseite website_und_portal portal",
        social_media="soziale_medien",
        after_sales="after_sales_service",
        support="kundendienst helpdesk service service_hotline",
        technician="servicetechnik techniker servicetechniker",
        accounting="buchhaltung rechnungswesen",
        store="ladengeschaeft filiale laden",
        delivery="lieferung versand",
    ),
    "purchase_motive": _labels(
        monopoly="einziger_anbieter",
        advantage_price="preis preisvorteil price",
        advantage_offer="angebot vorteil_des_angebots produkt product qualitaet quality",
        advantage_service="service servicevorteil",
        advantage_proximity="naehe proximity",
        advantage_assortment="sortiment assortment",
        brand_image="marke markensympathie brand",
        habit="gewohnheit",
        familiarity="vertraute_personen vertrautheit",
        unknown="unbekannt motiv_unbekannt",
    ),
    "won_reason": _labels(
        price="preis",
        product="produkt",
        service="",
        proximity="naehe",
        assortment="sortiment",
        brand="marke",
        timing="zeitpunkt",
        trust="vertrauen",
        other="andere anderer sonstige sonstiges anderes",
    ),
    "lost_reason": _labels(
        price="preis zu_teuer",
        product="produkt",
        service="",
        timing="zeitpunkt",
        no_need="kein_bedarf",
        competitor="wettbewerber mitbewerber konkurrenz",
        trust="vertrauen",
        other="andere anderer sonstige sonstiges anderes",
    ),
}
"""The wire words of closed lists by folded label."""
_COUNTRIES = {
    label: line[:2] for line in NAMES.splitlines() for label in [line[:2], *line[3:].split()]
}


def country(cell: str) -> str | None:
    """Return the ISO 3166 code of a two-letter code or of a common English or German name."""
    content = clean(cell)
    if content.isascii() and content.isalpha() and len(content) == 2 and content.upper() != "UK":
        return content.upper()
    if is_absent(cell):
        return None
    found = _COUNTRIES.get(folded(content))
    if found is None:
        raise ValueRejected(
            "unknown_word",
            "this is no country that is known by its English or German name",
            "das ist kein Land, das unter seinem deutschen oder englischen Namen bekannt ist",
            expected="an ISO 3166-1 code of two letters such as DE, or a name such as Germany",
        )
    return found
