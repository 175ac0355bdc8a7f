"""Regulars: content ones, partners, and those whom something troubles."""

from services.local.demo.invented.personas import Persona
from services.local.demo.invented.story import Story
from services.local.demo.invented.wire import instant

_DISCS = ("CD-CLASSIC", "CD-JAZZ", "CD-POP", "LP-VINYL")


def _content_regular(story: Story) -> None:
    """Buys every month, is satisfied, would do so for years; out of habit or for what it knows."""
    motive = (None, "habit", "familiarity", "advantage_proximity")[story.number % 4]
    story.person(purchase_motive=motive, preferred_channel="email")
    story.allows("email", "post", "app", ago=480)
    story.buys_regularly(story.about(14), 33, 6, *_DISCS, late=0)
    story.answers_survey(
        *(story.about(90), 9, "I like it here.", "Ich mag es hier."),
        product=(9, 8),
        peripheral=(8, 8),
        ambience=(9, 8),
        psychic=(9, 8),
    )


def _advocate(story: Story) -> None:
    """A regular who recommends us, praises in public and has ideas; some are partners."""
    is_partner = story.number % 2 == 0
    flags = ["innovation_partner", "reference_customer"] if is_partner else ["reference_customer"]
    story.person(flags=flags, purchase_motive="brand_image")
    story.allows("email", "phone", "social", ago=500)
    story.buys_regularly(story.about(10), 30, 7, *_DISCS, "BOX-OPERA", late=0)
    story.answers_survey(
        *(story.about(60), 10, "Best advice in town.", "Die beste Beratung der Stadt."),
        product=(10, 8),
        psychic=(10, 8),
    )
    story.says(
        *(story.about(45), "social", "Go there!", "Geht dorthin!"), is_public=True, sentiment=0.9
    )
    if is_partner:
        story.says(story.about(120), "idea", "A listening evening.", "Ein Hörabend.")
        story.says(story.about(150), "referral", "Sent a friend.", "Hat einen Freund geschickt.")


def _referred(story: Story) -> None:
    """Came because an advocate said so, and stays."""
    story.person(referred_by_ref=f"advocate-{story.number}")
    story.allows("email", ago=300)
    story.buys_regularly(story.about(15), 40, 4, *_DISCS, won_reason="trust")


def _big_spender(story: Story) -> None:
    """A firm of weight that pays on time, with a budget that grows beyond a thousand a year."""
    story.organisation("buyer", "decision_maker", "user")
    story.allows("email", "phone", "visit", ago=500)
    currency = ("USD", "EUR", "GBP")[story.number % 3]
    story.buys_regularly(
        *(story.about(12), 60, 6, "PLAY-20", "HEAD-200", "LICENCE"),
        currency=currency,
        late=0,
    )
    story.buys(story.about(340), "LICENCE", times=5, late=0)
    if story.number == 5:
        story.deals[0].pop("fx_rate")  # its amount cannot be told in the base currency
    story.hears(story.about(20), "visit", "Looked at new rooms.", "Neue Räume.", sentiment=0.7)
    story.answers_survey(story.about(40), 9, product=(9, 8), psychic=(9, 9))


_ONLY = ("phone", "visit", "post", "chat", "sms", "app", "social", "video")


def _house(story: Story) -> None:
    """A hotel or school that lends discs and buys crates of them; each wants to hear of us in its own way."""
    story.organisation("decision_maker", "buyer", source_campaign_id="rooms")
    channel = _ONLY[(story.number - 1) % len(_ONLY)]
    if channel != "post":
        story.allows(channel, ago=500)
        story.refuses("post", ago=500)
    story.buys_regularly(story.about(12), 45, 8, "CRATE", times=2, late=0)
    story.buys(story.random.randint(400, 430), "CRATE", times=2, late=0)
    story.hears(story.about(30), "visit", "Counted the crates.", "Kisten gezählt.", sentiment=0.7)
    story.answers_survey(story.about(120), 9, product=(9, 8), psychic=(9, 8))


def _hall(story: Story) -> None:
    """A house with a sound system: new, due for service, worn out, or too small for a second hall."""
    story.organisation("decision_maker", purchase_motive="advantage_offer")
    story.allows("email", "phone", ago=400)
    case = ("is_new", "wears_out", "opens_hall", "needs_service")[story.number % 4]
    ago = {"is_new": 18, "wears_out": 315, "opens_hall": 280, "needs_service": 160}[case]
    story.buys(story.about(ago, 0.03), "HALL-1", late=0)
    story.says(story.about(9), "call", "It sounds well.", "Es klingt gut.", sentiment=0.6)
    if case != "is_new":
        story.buys_regularly(story.about(15), 50, 2, "CD-JAZZ", "CD-POP", times=2, late=0)
    if case == "opens_hall":
        story.says(
            *(story.about(20), "life_event", "We open a second hall.", "Wir eröffnen einen Saal."),
            event_type="site_opening",
            product_id="HALL-2",
            tags=["need:systems"],
        )


def _first_thousand(story: Story) -> None:
    """A club that orders by the app alone and has just spent its first thousand of a year."""
    story.organisation("buyer")
    story.allows("app", ago=200)
    story.refuses("post", ago=200)
    story.buys_regularly(story.about(130, 0.05), 30, 2, "CD-POP", times=15, late=0)
    story.buys(story.about(60, 0.1), "CD-JAZZ", times=15, late=0)
    story.buys(story.about(35, 0.1), "CD-POP", times=15, late=0)
    story.buys(story.about(12), "LP-VINYL", times=25, late=0)
    story.says(10, "message", "Ordered.", "Bestellt.", sentiment=0.2)
    story.hears(9, "message", "On its way.", "Ist unterwegs.", channel="app")


def _pauses(story: Story) -> None:
    """A library that ordered crates every month and has let three months pass; nobody knows why."""
    story.organisation("buyer")
    story.allows("email", ago=450)
    story.buys_regularly(105 + 4 * story.number, 32, 9, "CRATE", late=0)
    story.hears(story.about(60), "email", "All well?", "Alles gut?")


def _turntable_owner(story: Story) -> None:
    """The turntable wants its service, the stylus is worn: maintenance and replacement are due."""
    story.person(purchase_motive="advantage_assortment")
    story.allows("email", "phone", "visit", ago=400)
    story.buys(story.random.randint(186, 205), "TURN-50", late=0)
    story.buys(story.random.randint(305, 345), "NEEDLE", late=0)
    story.buys_regularly(story.about(15), 42, 4, "LP-VINYL", "CLEAN-KIT", "CD-JAZZ", late=0)
    story.says(
        *(story.about(10), "service_request", "How often to oil it?", "Wie oft ölen?"),
        resolved_at=None,
        product_id="TURN-50",
    )


def _since_last_summer(story: Story) -> None:
    """First bought a year ago this week, some for a whole choir: it is an anniversary."""
    story.person()
    story.allows("email", ago=360)
    times = 1 if story.number % 2 else 20  # some of them for a choir
    story.buys(story.random.randint(365, 374), "BOX-OPERA", times=times, late=0)
    story.buys_regularly(story.about(20), 55, 4, *_DISCS, times=times, late=0)


def _brief_regular(story: Story) -> None:
    """Likes few words: a reserved customer who wants no visits and few letters."""
    story.person(communication_style="brief", preferred_channel="post")
    story.allows("email", ago=300)
    story.buys_regularly(story.about(18), 45, 5, *_DISCS, late=0)
    story.is_touched(story.about(8), "news-1998", "delivered")
    story.is_touched(story.about(20), "summer-sounds", "delivered")


def _deal_hunter(story: Story) -> None:
    """Buys only what is reduced; little is left, and no price would keep it."""
    story.person(purchase_motive="advantage_price")
    story.allows("email", "app", "sms", ago=450)
    story.buys_regularly(
        *(story.about(15), 40, 6, *_DISCS), discount=story.random.choice((30, 33)),
        promo_code="SAVE30", won_reason="price", late=0,
    )  # fmt: skip
    story.is_touched(story.about(20), "summer-sounds", "accepted")


def _only_shop_in_town(story: Story) -> None:
    """Has no other shop near; stays as long as that is so."""
    story.person(purchase_motive="monopoly")
    story.allows("post", "phone", ago=300)
    story.buys_regularly(story.about(22), 50, 5, *_DISCS, late=1)
    story.answers_survey(story.about(50), 6, product=(6, 7), ambience=(5, 7))


def _contract_runs(story: Story) -> None:
    """A firm under contract: licence for a year, renewed or with time to go."""
    story.organisation("decision_maker", "buyer")
    story.allows("email", "phone", ago=500)
    began = story.about(250)
    story.buys(began, "LICENCE", times=2, late=0, contract_end_at=instant(began - 365))
    story.buys(story.about(160), "PLAY-20", "CD-JAZZ", late=0)
    story.hears(story.about(70), "call", "Content.", "Zufrieden.", sentiment=0.6)


def _contract_ends_soon(story: Story) -> None:
    """Its contract ends within ninety days and nothing is said of a renewal."""
    story.organisation("decision_maker")
    story.allows("email", "phone", ago=400)
    left = story.random.randint(31, 75)
    story.buys(365 - left, "LICENCE", times=12, late=0, contract_end_at=instant(-left))
    story.hears(story.about(80), "meeting", "A quiet talk.", "Ruhiges Gespräch.", sentiment=0.1)


def _complaint_settled(story: Story) -> None:
    """Complained with good reason, was helped, and ought to be asked whether all is well."""
    story.person(purchase_motive="advantage_service")
    is_short = story.number % 3 == 0  # buys for many and wants short messages alone
    story.allows(*(("sms",) if is_short else ("email", "phone")), ago=350)
    if is_short:
        story.refuses("post", ago=350)
        story.allows("sms", ago=350, purpose="survey")
    times = 5 if is_short else 1
    deals = story.buys_regularly(story.about(24), 40, 5, *_DISCS, times=times, late=0)
    ago = story.random.randint(14, 20)
    complaint = story.complains(
        *(ago, 2, "The CD was scratched.", "Die CD war zerkratzt."),
        settled=story.random.randint(2, 5),
        justified=True,
        deal_ref=deals[0],
        resolution=("fixed", "compensated", "explained")[story.number % 3],
    )
    story.says(
        *(ago - 1, "service_request", "Where to send it?", "Wohin damit?"),
        parent_ref=complaint,
        resolved_at=instant(ago - 2),
        resolution="fixed",
    )
    story.hears(ago - 4, "call", "Apologised.", "Entschuldigt.", sentiment=0.3)


def _unanswered(story: Story) -> None:
    """Wrote days ago, or criticised us in public, and nobody has answered."""
    story.person(preferred_channel="email")
    story.allows("email", "social", ago=300)
    story.buys_regularly(story.about(20), 42, 4, *_DISCS, late=0)
    if story.number % 2:
        story.says(3, "email", "Where is my parcel?", "Wo bleibt mein Paket?", sentiment=-0.3)
    else:
        story.says(
            *(4, "social", "They never call back.", "Die rufen nie zurück."),
            is_public=True,
            sentiment=-0.6,
        )


def _objects(story: Story) -> None:
    """Does not want to be scored: no recommendation, but an open complaint of some is owed an answer."""
    story.person(profiling_objection_at=instant(story.about(120)))
    story.refuses("email", "post", "phone", ago=120, objects=True)
    story.buys_regularly(story.about(16), 35, 4, *_DISCS, late=0)
    if story.number % 2:
        story.complains(story.about(6), 2, "The case is broken.", "Die Hülle ist zerbrochen.")


def _on_hold(story: Story) -> None:
    """Blocked, or without credit, until an old matter is cleared."""
    is_blocked = story.number % 2 == 0
    story.person(credit_hold=True, status="blocked" if is_blocked else "active")
    story.allows("email", ago=300)
    deals = story.buys_regularly(story.about(60), 45, 5, *_DISCS, late=80)
    story.notes(19, "To be cleared with accounting.", "Mit der Buchhaltung zu klären.")
    story.hears(
        *(20, "payment_reminder", "Please pay.", "Bitte zahlen."), deal_ref=deals[0], channel="post"
    )


PERSONAS = (
    Persona("regular", _content_regular, 12),
    Persona("advocate", _advocate, 6),
    Persona("referred", _referred, 6),
    Persona("big-firm", _big_spender, 7),
    Persona("house", _house, 8),
    Persona("hall", _hall, 8),
    Persona("first-thousand", _first_thousand, 4),
    Persona("pauses", _pauses, 4),
    Persona("turntable", _turntable_owner, 7),
    Persona("anniversary", _since_last_summer, 6),
    Persona("brief", _brief_regular, 6),
    Persona("deal-hunter", _deal_hunter, 6),
    Persona("monopoly", _only_shop_in_town, 5),
    Persona("contract", _contract_runs, 6),
    Persona("contract-ends", _contract_ends_soon, 6),
    Persona("settled", _complaint_settled, 7),
    Persona("unanswered", _unanswered, 6),
    Persona("objector", _objects, 4),
    Persona("on-hold", _on_hold, 4),
)
