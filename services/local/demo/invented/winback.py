"""At risk and lapsed: who falls silent, buys less, is angry, says that it goes, or has gone."""

from services.local.demo.invented.personas import Persona
from services.local.demo.invented.story import Record, Story
from services.local.demo.invented.wire import instant

_DISCS = ("CD-CLASSIC", "CD-JAZZ", "CD-POP", "LP-VINYL")


def _silent_after_complaint(story: Story) -> None:
    """A regular who fell silent after a complaint that is still open."""
    story.person(purchase_motive="advantage_service")
    story.allows("email", "phone", ago=480)
    silent = story.random.randint(75, 105)
    deals = story.buys_regularly(silent, 32, 6, *_DISCS, late=0)
    story.complains(
        *(silent - 20, 1 + story.number % 3, "The set came broken.", "Die Box kam zerbrochen an."),
        deal_ref=deals[0],
        sentiment=-0.7,
    )
    story.says(silent - 32, "call", "Still no answer!", "Noch immer keine Antwort!", sentiment=-0.6)


def _drifting(story: Story) -> None:
    """A regular who buys ever more rarely and reacts to no message any more."""
    story.person()
    story.allows("email", "post", ago=500)
    story.buys(story.about(85), "CD-JAZZ", late=0)
    story.buys_regularly(story.about(180), 25, 8, *_DISCS, late=0)
    for ago in (400, 340, 280, 220, 160, 110):
        outcome = "clicked" if ago > 150 else "delivered"
        story.is_touched(story.about(ago, 0.05), "news-1998", outcome)
    for ago in (70, 40, 12):
        story.is_touched(story.about(ago, 0.05), "news-1998", "delivered")


def _smaller_baskets(story: Story) -> None:
    """Still comes, but spends half of what it did."""
    story.person()
    story.allows("email", "post", "app", ago=400)
    story.buys_regularly(story.about(20), 30, 3, "CD-POP", late=0)
    story.buys_regularly(story.about(125), 30, 4, "BOX-OPERA", "HEAD-200", late=0)
    story.answers_survey(story.about(100), 8, product=(8, 7))


def _disappointed(story: Story) -> None:
    """Expected more in one respect or another and said so in a survey; the mood sinks."""
    story.person()
    story.allows("email", "phone", ago=400)
    story.buys_regularly(story.about(80, 0.08), 36, 5, *_DISCS, late=0)
    weak = ("product", "peripheral", "ambience", "psychic")[story.number % 4]
    ratings: Record = {
        name: ((2, 9) if name == weak else (5, None if name == "ambience" else 7))
        for name in ("product", "peripheral", "ambience", "psychic")
    }
    story.answers_survey(
        *(story.about(25), 3, "Less than I had hoped for.", "Weniger als erhofft."), **ratings
    )
    story.says(story.about(190), "call", "Happy then.", "Damals froh.", sentiment=0.7)
    story.says(story.about(20), "call", "Disappointed.", "Enttäuscht.", sentiment=-0.6)
    story.says(story.about(9), "email", "Again not right.", "Wieder nicht richtig.", sentiment=-0.8)
    story.hears(5, "email", "We look into it.", "Wir prüfen es.", sentiment=-0.2)


def _needs_much_help(story: Story) -> None:
    """Suddenly one request after the other: something does not work."""
    story.person()
    story.allows("phone", "email", ago=300)
    story.buys_regularly(story.about(32), 50, 4, "PLAY-20", *_DISCS, late=0)
    for ago in (26, 19, 11, 5)[story.number % 2 :]:
        story.says(
            *(ago, "service_request", "The player stops.", "Der Player bleibt stehen."),
            product_id="PLAY-20",
            channel="phone",
            touchpoint="support",
            resolved_at=instant(ago - 2) if ago > 10 else None,
        )


def _pays_ever_later(story: Story) -> None:
    """A firm that used to pay on the day and now lets weeks pass."""
    story.organisation("buyer")
    story.allows("email", ago=400)
    for place, ago in enumerate((60, 95, 130, 220, 280)):
        late = story.random.randint(22, 32) if place < 3 else 0
        story.buys(story.about(ago, 0.03), "PLAY-20", "BATTERIES", late=late)
    story.hears(30, "payment_reminder", "Please pay.", "Bitte zahlen.",
                deal_ref=f"{story.id}-deal-1", channel="post")  # fmt: skip


def _diverted(story: Story) -> None:
    """Bought for itself or a bar, lost a deal to a competitor, declined an offer, is about to go or gone."""
    story.person(previous_supplier_id="disc-depot", supplier_loyalty="low")
    story.allows("email", "phone", ago=420)
    silent = 75 if story.number % 2 else 260
    times = 20 if story.number % 4 > 1 else 1  # some of them for a bar
    story.buys_regularly(silent + story.random.randint(0, 20), 38, 5, *_DISCS, times=times, late=0)
    story.loses(*(story.about(40), "PLAY-20", "competitor"), competitor_id="disc-depot")
    story.is_offered(
        *(story.about(55), "CD-POP", "declined"),
        decline_reason="competitor",
        competitor_id="disc-depot",
    )
    if times == 1:
        story.says(story.about(200), "call", "A pleasant talk.", "Nettes Gespräch.", sentiment=0.6)


def _says_it_leaves(story: Story) -> None:
    """Announced that it will go, and why."""
    story.person()
    story.allows("email", "phone", "post", ago=420)
    story.buys_regularly(story.about(55), 34, 5, *_DISCS, late=0)
    story.says(
        *(story.about(18), "call", "I shall buy elsewhere.", "Ich kaufe künftig woanders."),
        tags=["leave_intent"],
        sentiment=-0.4,
    )
    story.says(story.about(260), "call", "Enjoyed the evening.", "Schöner Abend.", sentiment=0.8)


def _unsubscribed(story: Story) -> None:
    """Withdrew every consent: may be served, not wooed."""
    story.person()
    story.allows("email", "phone", ago=400)
    story.buys_regularly(story.about(110), 40, 4, *_DISCS, late=0)
    story.is_touched(story.about(60), "news-1998", "unsubscribed")
    story.refuses("email", "phone", "post", "sms", ago=50)


def _lapsed_fond(story: Story) -> None:
    """Loved it here once, some with a bar to fill, and has not come since last autumn; nobody knows why."""
    story.person(purchase_motive="familiarity")
    story.allows("email", "post", "phone", ago=500)
    times = 20 if story.number % 4 > 1 else 1  # some of them for a bar
    story.buys_regularly(story.about(280), 30, 5, *_DISCS, times=times, late=0)
    story.says(story.about(300), "call", "What a find!", "Welch ein Fund!", sentiment=0.9)
    story.is_touched(story.about(70), "come-back", "delivered", channel="post")


def _lapsed_for_a_reason(story: Story) -> None:
    """Left after a rejected complaint or for want of a product; the reason is known."""
    story.person()
    story.allows("email", "phone", ago=500)
    story.buys_regularly(story.about(250), 33, 4, *_DISCS, late=0)
    if story.number % 2:
        story.complains(
            *(story.about(240), 2, "Wanted the money back.", "Wollte das Geld zurück."),
            settled=6,
            resolution="rejected",
            justified=False,
        )
    else:
        story.loses(story.about(220), "PLAY-10", "product")
    story.complains(*(story.about(150), 1, "Too late.", "Zu spät."), settled=9, justified=True)


def _contract_cancelled(story: Story) -> None:
    """A firm that cancelled its contract, some for a competitor."""
    story.organisation("decision_maker", "buyer")
    story.allows("email", "phone", ago=450)
    began = story.about(430, 0.05)
    story.buys(
        *(began, "LICENCE"),
        times=2,
        late=0,
        contract_end_at=instant(began - 365),
        contract_cancelled_at=instant(70),
    )
    rival: Record = {"competitor_id": "klangwelt"} if story.number % 2 else {}
    story.says(
        *(70, "cancellation", "We end the licence.", "Wir kündigen die Lizenz."),
        effective_at=instant(began - 365),
        **rival,
    )


PERSONAS = (
    Persona("silent", _silent_after_complaint, 8),
    Persona("drifting", _drifting, 7),
    Persona("smaller", _smaller_baskets, 6),
    Persona("disappointed", _disappointed, 8),
    Persona("helpless", _needs_much_help, 6),
    Persona("later-payer", _pays_ever_later, 5),
    Persona("diverted", _diverted, 8),
    Persona("leaver", _says_it_leaves, 6),
    Persona("unsubscribed", _unsubscribed, 5),
    Persona("lapsed-fond", _lapsed_fond, 8),
    Persona("lapsed-why", _lapsed_for_a_reason, 7),
    Persona("cancelled", _contract_cancelled, 6),
)
