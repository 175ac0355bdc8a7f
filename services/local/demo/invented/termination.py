"""Relationships that harm one of the two sides, what protects them, and those that have ended."""

from services.local.demo.invented.personas import Persona
from services.local.demo.invented.story import Story
from services.local.demo.invented.wire import instant, money

_DISCS = ("CD-CLASSIC", "CD-JAZZ", "CD-POP", "LP-VINYL")
_WHINES = (
    ("The booklet is creased.", "Das Heft ist geknickt."),
    ("The colour is wrong.", "Die Farbe stimmt nicht."),
    ("Too loud.", "Zu laut."),
    ("Too quiet.", "Zu leise."),
    ("Heard it on the radio.", "Lief im Radio."),
    ("The box is too small.", "Die Schachtel ist zu klein."),
)


def _complains_without_cause(story: Story, number: int = 6) -> None:
    """Complain again and again, each time without a cause that could be found."""
    for place in range(number):
        story.complains(
            *(story.about(130 + 35 * place, 0.03), 1, *_WHINES[place]),
            settled=4,
            resolution="explained",
            justified=False,
        )


def _pays_late(story: Story, *, last: int = 50) -> None:
    story.buys_regularly(last, 40, 5, *_DISCS, late=story.random.randint(18, 30))


def _serial_complainer(story: Story) -> None:
    """Complains in series without cause and pays late: a review by people is permissible."""
    story.person()
    story.allows("email", ago=500)
    story.buys(500, "CD-POP", late=0)
    _pays_late(story)
    _complains_without_cause(story)


def _only_complains(story: Story) -> None:
    """Complains in series and pays on the day: one signal alone is watched, no more."""
    story.person()
    story.allows("email", "phone", ago=450)
    story.buys(450, "BOX-OPERA", late=0)
    story.buys_regularly(story.about(18), 42, 5, "BOX-OPERA", times=2, late=0)
    _complains_without_cause(story, 5)


def _late_payer(story: Story) -> None:
    """Pays every invoice weeks late and buys on."""
    story.organisation("buyer")
    story.allows("email", ago=480)
    story.buys(480, "PLAY-20", late=20)
    _pays_late(story, last=45)
    story.hears(40, "payment_reminder", "Please pay.", "Bitte zahlen.", channel="post")


def _fraudster(story: Story) -> None:
    """Fraud that a person has confirmed, and payments that the bank took back."""
    story.person()
    for place in range(2):
        ago = 60 + 30 * place
        listed = story.buys(ago, "PLAY-20", "HEAD-200")
        deal = story.deals[-1]
        deal |= {
            "chargeback_at": instant(ago - 25),
            "chargeback_lost": deal["amount"],
            "written_off": deal["amount"],
            "written_off_at": instant(ago - 20),
        }
        if place == 0:
            deal |= {
                "fraud_confirmed_at": instant(ago - 15),
                "fraud_confirmed_by": "carla.care",
                "document_refs": [f"dms:{listed}"],
            }


def _hunter_below_cost(story: Story) -> None:
    """Takes only what is sold at cost and lets the bank call payments back."""
    story.person(purchase_motive="advantage_price")
    story.allows("email", "app", ago=480)
    story.buys(470, "CD-JAZZ", discount=38)
    story.buys_regularly(story.about(20), 42, 6, *_DISCS, discount=38, promo_code="OUT38")
    for deal, ago in zip(story.deals[5:7], (100, 150), strict=True):
        deal |= {"chargeback_at": instant(ago - 40), "chargeback_lost": money("3.00")}


def _costs_more_than_it_brings(story: Story) -> None:
    """A firm that wants a visit for every disc, pays late, and leaves a loss."""
    story.organisation("decision_maker", "user")
    story.allows("email", "phone", ago=520)
    _pays_late(story, last=30)
    story.buys(505, "CD-CLASSIC", late=25)
    for ago in range(20, 500, 40):
        story.hears(ago, "visit", "Showed the shelf again.", "Wieder das Regal gezeigt.")


def _protected(story: Story) -> None:
    """Grounds for a review, and something that forbids it at present: each block once."""
    blocks = ("hardship", "legal_hold", "statutory_supply", "open_dispute",
              "open_justified_complaint", "own_fault", "short_tenure", "pending_request")  # fmt: skip
    block = blocks[(story.number - 1) % len(blocks)]
    protections = [block] if block in blocks[:4] else []
    story.person(protections=protections)
    story.allows("email", ago=500)
    is_short = block == "short_tenure"
    if not is_short:
        story.buys(500, "CD-JAZZ", late=0)
    _pays_late(story)
    _complains_without_cause(story)
    if block == "open_justified_complaint":
        story.complains(30, 2, "The player burnt out.", "Der Player ist durchgebrannt.")
        story.interactions[-1]["justified"] = True
    if block == "own_fault":
        story.complains(
            *(40, 2, "You sent the wrong disc.", "Sie haben die falsche CD geschickt."),
            settled=5,
            justified=True,
        )
    if block == "pending_request":
        _asks_for_data(story, 12)


def _asks_for_data(story: Story, ago: int) -> None:
    story.says(
        *(ago, "service_request", "What do you know of me?", "Was wissen Sie über mich?"),
        tags=["privacy_request"],
        resolved_at=None,
    )


def _data_subject(story: Story) -> None:
    """Asked which data we keep of it: the answer is due within a month; some object to profiling, too."""
    objects = {"profiling_objection_at": instant(90)} if story.number % 2 == 0 else {}
    story.person(**objects)
    story.allows("email", ago=300)
    story.buys_regularly(story.about(20), 45, 5, "CD-JAZZ", late=0)
    _asks_for_data(story, story.about(12))


def _ended(story: Story) -> None:
    """A relationship that has ended: by us, by the customer, or by agreement."""
    by = ("company", "customer", "mutual")[story.number % 3]
    story.person(status="terminated", terminated_at=instant(60), terminated_by=by)
    story.allows("email", ago=450)
    story.buys_regularly(story.about(150), 40, 4, *_DISCS, late=20)
    story.hears(62, "call", "Said why and said thanks.", "Gründe genannt und gedankt.")
    if by == "customer":
        story.says(60, "cancellation", "I leave.", "Ich gehe.", effective_at=instant(60))


def _gives_back(story: Story) -> None:
    """Sends much back: refunds in part and in full, none of it a fault of the customer."""
    story.person()
    story.allows("email", ago=400)
    story.complains(
        *(story.about(100), 1, "Too tight.", "Zu eng."), settled=3, resolution="withdrawn"
    )
    for place in range(5):
        ago = 30 + 45 * place
        story.buys(ago, "HEAD-100", "CD-POP", late=0)
        deal = story.deals[-1]
        if place % 2:
            part = 1 if place % 4 == 1 else 0.5
            deal |= {
                "refund": money(float(deal["amount"]["amount"]) * part),
                "refunded_at": instant(ago - 12),
                "cost_recovered": money(float(deal["cost"]["amount"]) * part),
            }


PERSONAS = (
    Persona("complainer", _serial_complainer, 5),
    Persona("only-complains", _only_complains, 4),
    Persona("late-payer", _late_payer, 4),
    Persona("fraud", _fraudster, 4),
    Persona("below-cost", _hunter_below_cost, 4),
    Persona("loss", _costs_more_than_it_brings, 4),
    Persona("protected", _protected, 8),
    Persona("ended", _ended, 6),
    Persona("returns", _gives_back, 5),
    Persona("data-subject", _data_subject, 4),
)
