"""Leads: whom nobody has reached yet, who listens, who asks, who wants an offer, who has gone quiet."""

from services.local.demo.invented.personas import Persona
from services.local.demo.invented.story import Story


def _unaware(story: Story) -> None:
    """An address from the fair whose letter came back, so nothing has reached it yet."""
    story.person()
    story.is_touched(story.about(60), "sampler-letter", "bounced", channel="post")


def _aware(story: Story) -> None:
    """Got a letter or a newsletter and has not answered."""
    story.person(source_campaign_id="sampler-letter")
    story.allows("email", ago=150)
    story.is_touched(story.about(75), "sampler-letter", "delivered", channel="post")
    story.is_touched(story.about(20), "voices", ("delivered", "sent")[story.number % 2])


def _interested(story: Story) -> None:
    """Clicked, then wrote in with a question about a product."""
    story.person(communication_style=story.random.choice(("normal", "extensive")))
    story.allows("email", "phone", ago=100)
    story.is_touched(story.about(40), "voices", "clicked")
    mail = story.says(
        *(story.about(25), "email", "Does the player skip when I walk?"),
        "Springt der Player beim Gehen?",
        product_id="PLAY-20",
        tags=["need:players"],
        touchpoint="sales",
        sentiment=0.3,
    )
    story.hears(
        *(16, "email", "It has a buffer of ten seconds.", "Er hat einen Puffer von zehn Sekunden."),
        parent_ref=mail,
    )


def _brand_lover(story: Story) -> None:
    """Interested for the name's sake; convinced by the voices of others rather than by data."""
    story.person(purchase_motive="brand_image", preferred_channel="email")
    story.allows("email", "social", ago=120)
    story.is_touched(story.about(30), "voices", "replied")
    story.says(
        *(story.about(50), "social", "Love your shop window!", "Ihr Schaufenster ist wunderbar!"),
        is_public=True,
        sentiment=0.8,
    )


def _asked_for_quote(story: Story) -> None:
    """A firm that asked for a quote and has a deal on the table."""
    story.organisation("buyer", "decision_maker")
    story.allows("email", "phone", "visit", ago=90)
    story.says(
        *(story.about(12), "quote_request", "Music for our rooms, please quote."),
        "Musik für unsere Räume, bitte um ein Angebot.",
        product_id="LICENCE",
    )
    deal = story.negotiates(6, "proposal", "LICENCE", "PLAY-20", owner_id="ben.business")
    story.hears(
        *(4, "meeting", "Showed the rooms.", "Räume besichtigt."), deal_ref=deal, sentiment=0.5
    )


def _nearly_first_buyer(story: Story) -> None:
    """Has qualified deals in negotiation and hesitates only over the price."""
    story.person(communication_style="brief")
    story.allows("email", "phone", ago=60)
    story.negotiates(story.about(8), "negotiation", "TURN-50")
    story.says(
        *(3, "call", "Asked for the best price.", "Fragte nach dem besten Preis."),
        product_id="TURN-50",
        sentiment=0.1,
    )


def _loyal_to_rival(story: Story) -> None:
    """Buys from a competitor: some would change at once, some are attached to it."""
    loyalty = "high" if story.number % 2 else "low"
    story.person(previous_supplier_id="klangwelt", supplier_loyalty=loyalty)
    story.allows("email", "phone", ago=200)
    story.is_touched(story.about(35), "sampler-letter", "replied", channel="post")
    story.is_offered(
        *(story.about(50), "CD-CLASSIC", "declined"),
        decline_reason="competitor",
        competitor_id="klangwelt",
    )


def _house_to_win(story: Story) -> None:
    """A house that the campaign for rooms found: not reached yet, aware, asking, or about to buy."""
    story.organisation("decision_maker", source_campaign_id="rooms")
    stage = ("intent", "unaware", "aware", "interested")[story.number % 4]
    if stage == "unaware":
        story.is_touched(story.about(60), "rooms", "bounced")
        return
    story.allows("email", "phone", "social", "video", ago=110)
    story.is_touched(story.about(60), "rooms", "delivered", channel="post")
    if stage != "aware":
        story.says(
            *(story.about(30), "call", "Which system suits us?", "Welche Anlage passt zu uns?"),
            product_id="HALL-1",
            tags=["need:systems"],
            sentiment=0.4,
        )
    if stage == "intent":
        story.negotiates(story.about(10), "qualified", "HALL-1", owner_id="ben.business")


def _dormant(story: Story) -> None:
    """Asked once, long ago; silence since."""
    story.person()
    story.says(
        *(story.about(330), "chat", "Do you repair turntables?", "Reparieren Sie Plattenspieler?"),
        sentiment=0.2,
    )
    story.is_touched(story.about(300), "sampler-letter", "delivered", channel="post")


def _minor(story: Story) -> None:
    """A pupil who likes what the shop does; no advertising may go there."""
    story.person(flags=["minor"])
    story.says(
        *(story.about(15), "message", "What does the pop CD cost?", "Was kostet die Pop-CD?"),
        sentiment=0.4,
        product_id="CD-POP",
    )


PERSONAS = (
    Persona("unaware", _unaware, 8),
    Persona("aware", _aware, 9),
    Persona("interested", _interested, 8),
    Persona("brand-lover", _brand_lover, 5),
    Persona("quote", _asked_for_quote, 7),
    Persona("nearly", _nearly_first_buyer, 6),
    Persona("rivals-own", _loyal_to_rival, 6),
    Persona("house-to-win", _house_to_win, 8),
    Persona("dormant", _dormant, 6),
    Persona("pupil", _minor, 3),
)
