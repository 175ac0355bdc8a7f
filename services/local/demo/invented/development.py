"""Young customers: the first purchase, the second and third, needs that come up on the way."""

from services.local.demo.invented.personas import Persona
from services.local.demo.invented.story import Story


def _first_buyer(story: Story) -> None:
    """Bought once, one to four weeks ago, and has heard nothing from us since."""
    story.person(source_campaign_id="sampler-letter", next_contact_at="1998-07-03T08:00:00Z")
    story.contacts[0]["acquisition_cost"] = {"amount": "9.00", "currency": "USD"}
    story.allows("email", ago=40)
    ago = story.random.randint(9, 26)
    story.buys(ago, "PLAY-20", "CD-POP", late=None, won_reason="product")
    story.says(ago - 2, "call", "All arrived well.", "Alles gut angekommen.", sentiment=0.6)


def _won_from_rival(story: Story) -> None:
    """Came from a competitor for the service and tries us out."""
    story.person(
        previous_supplier_id="disc-depot",
        supplier_loyalty="low",
        purchase_motive="advantage_service",
    )
    story.allows("email", "phone", ago=45)
    story.buys(story.random.randint(5, 20), "HEAD-100", won_reason="service")


def _growing(story: Story) -> None:
    """Two or three purchases in rhythm, content, open to what goes with them."""
    story.person(preferred_channel="email")
    story.allows("email", "phone", "app", ago=160)
    for ago in (110, 62, 18)[story.number % 2 :]:
        story.buys(story.about(ago, 0.1), story.random.choice(("LP-VINYL", "CD-JAZZ")), late=0)
    story.answers_survey(story.about(30), 8, product=(8, 7), peripheral=(8, 8), psychic=(8, 7))
    story.is_touched(story.about(45), "news-1998", "clicked")


def _needs_more(story: Story) -> None:
    """Owns the old headphones and says that it wants better ones: an upgrade is due."""
    story.person()
    story.allows("email", "phone", "visit", ago=500)
    story.buys(story.about(400, 0.04), "HEAD-100", late=0)
    story.buys(story.about(95), "CD-CLASSIC")
    story.buys(story.about(14), "BOX-OPERA", "CD-CLASSIC", late=0)
    story.says(
        *(story.about(8), "call", "The old headphones hum; is there something better?"),
        "Der alte Kopfhörer brummt; gibt es etwas Besseres?",
        product_id="HEAD-100",
        tags=["need:headphones"],
        sentiment=0.4,
    )
    story.hears(4, "call", "Told about the 200.", "Modell 200 vorgestellt.", sentiment=0.5)


def _family_grows(story: Story) -> None:
    """Told us of a child or a move: needs change."""
    story.person(communication_style="extensive")
    story.allows("email", "post", ago=200)
    story.buys(story.about(100), "CD-POP", "CD-CASE", late=0)
    story.buys(story.about(24), "CD-POP", late=0)
    event = ("household_growth", "birth", "move", "retirement")[story.number % 4]
    story.says(
        *(story.about(20), "life_event", "Told us at the counter.", "Erzählte es an der Theke."),
        event_type=event,
        tags=["need:discs"],
    )


def _declined_lately(story: Story) -> None:
    """Liked the purchases, declined the last offer for its price or its time."""
    story.person()
    story.allows("email", "phone", ago=150)
    story.buys(story.about(85), "PLAY-20", late=0)
    story.buys(story.about(30), "CD-POP", late=0)
    reason = ("price", "timing", "product", "no_need")[story.number % 4]
    story.is_offered(story.about(42), "HEAD-200", "declined", decline_reason=reason)
    story.says(story.about(25), "call", "A good shop.", "Ein guter Laden.", sentiment=0.5)


def _bundle_office(story: Story) -> None:
    """A firm in its first months: bundles, invoices, an offer still open, prices of its own."""
    story.organisation("decision_maker", "user", individual_price=True)
    story.allows("email", "phone", ago=180)
    currency = "EUR" if story.language == "de" else "GBP"
    for ago in (120, 65, 15)[story.number % 2 :]:
        deal = story.buys(
            *(story.about(ago, 0.1), "HEAD-100", "CD-JAZZ"),
            discount=20,
            late=story.random.randint(0, 3),
            currency=currency,
        )
        for line in story.deals[-1]["lines"]:
            line["bundle_id"] = "listening-corner"
        story.hears(story.about(ago, 0.1), "email", "Confirmed.", "Bestätigt.", deal_ref=deal)
    story.is_offered(5, "LICENCE", "delivered", discount=10)


PERSONAS = (
    Persona("first-buyer", _first_buyer, 10),
    Persona("from-rival", _won_from_rival, 6),
    Persona("growing", _growing, 9),
    Persona("needs-more", _needs_more, 7),
    Persona("life-event", _family_grows, 8),
    Persona("declined", _declined_lately, 8),
    Persona("young-firm", _bundle_office, 7),
)
