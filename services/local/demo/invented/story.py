"""In which words the past of one invented customer is told; every `ago` is days before the demo's day."""

from collections import Counter
from random import Random
from typing import Any

from services.local.demo.invented.names import Named, Names
from services.local.demo.invented.offers import cost_of, name_of, price_of
from services.local.demo.invented.wire import CURRENCY, LONGEST_AGO, instant, money

SOURCE = "invented"
TAG = "invented"
Record = dict[str, Any]
_OWNERS = ("anna.account", "ben.business", "carla.care")
_RATES = {"EUR": "1.0950", "GBP": "1.6650"}
_PAYMENT_DAYS = 14


class Story:
    """Collects what happened to one customer; `story.id` is its external id.

    Attributes
    ----------
    contacts, deals, interactions
        Bodies as the API takes them, each with its external reference; `deal_ref`, `parent_ref` of
        interactions and `referred_by_ref` hold external ids that the loader turns into ids.
    consents
        External id of the contact, and the event.
    """

    def __init__(self, id: str, number: int, random: Random, names: Names, language: str) -> None:
        self.id, self.number, self.random, self.language = id, number, random, language
        self._names, self._counts = names, Counter[str]()
        self.contacts: list[Record] = []
        self.deals: list[Record] = []
        self.interactions: list[Record] = []
        self.consents: list[tuple[str, Record]] = []
        self.speaker = id

    def text(self, english: str, german: str) -> str:
        return german if self.language == "de" else english

    def about(self, ago: int, share: float = 0.15) -> int:
        """Vary a number of days a little, so that no two variations are alike."""
        spread = max(1, round(ago * share))
        return max(1, min(LONGEST_AGO, ago + self.random.randint(-spread, spread)))

    # Who it is

    def person(self, **fields: Any) -> None:
        self._add_contact(self.id, "person", self._names.person(self.random, self.language), fields)

    def organisation(self, *roles: str, **fields: Any) -> None:
        """Add an organisation and a person for each role in its purchases; the first one speaks."""
        named = self._names.organisation(self.random, self.language)
        self._add_contact(self.id, "organisation", named, fields)
        domain = named.fields["email"].partition("@")[2]
        for place, role in enumerate(roles):
            who = self._names.person(self.random, self.language, domain=domain)
            own = {"roles": [role], "parent_ref": self._ref(self.id)}
            self._add_contact(f"{self.id}-{'abc'[place]}", "person", who, own)
        self.speaker = f"{self.id}-a" if roles else self.id

    def _add_contact(self, id: str, kind: str, named: Named, fields: Record) -> None:
        contact = {
            "kind": kind,
            **named.fields,
            "language": named.language,
            "owner_id": self.random.choice(_OWNERS),
            "tags": [TAG, f"persona:{self.id.rpartition('-')[0]}"],
            **fields,
        }
        self.contacts.append(contact | {"external_refs": [self._ref(id)]})

    def allows(self, *channels: str, ago: int = 400, purpose: str = "marketing") -> None:
        """Consent to channels; an e-mail counts once it was confirmed."""
        for channel in channels:
            self._consent(channel, purpose, "granted", ago)
            if channel == "email":
                self._consent(channel, purpose, "confirmed", ago - 1)

    def refuses(self, *channels: str, ago: int, objects: bool = False) -> None:
        for channel in channels:
            self._consent(channel, "marketing", "objected" if objects else "withdrawn", ago)

    def _consent(self, channel: str, purpose: str, action: str, ago: int) -> None:
        event = {"channel": channel, "purpose": purpose, "action": action}
        event |= {"occurred_at": instant(ago), "source": "order form", "text_version": "1997-01"}
        self.consents.append((self.speaker, event))

    # What was sold

    def buys(
        self,
        ago: int,
        *products: str,
        discount: float = 0,
        times: int = 1,
        late: int | None = None,
        currency: str = CURRENCY,
        **fields: Any,
    ) -> str:
        """Win a deal of these products; `late` has it paid so many days after it was due."""
        deal = self._deal(products, discount=discount, times=times, currency=currency)
        deal |= {
            "stage": "won",
            "opened_at": instant(min(ago + self.random.randint(0, 3), LONGEST_AGO), 480),
            "closed_at": instant(ago, 900),
        }
        if late is not None:
            deal |= {"invoiced_at": instant(ago, 930), "due_at": instant(ago - _PAYMENT_DAYS, 930)}
            paid = ago - _PAYMENT_DAYS - late
            if paid >= 1:
                deal["paid_at"] = instant(paid, 930)
        return self._add("deal", self.deals, deal | fields)

    def buys_regularly(
        self, last: int, gap: int, count: int, *products: str, **how: Any
    ) -> list[str]:
        """Win deals in a rhythm, the newest `last` days ago; each of one of the products."""
        bought, ago = [], last
        for _ in range(count):
            if ago > LONGEST_AGO:
                break
            bought.append(self.buys(ago, self.random.choice(products), **how))
            ago += max(2, gap + self.random.randint(-(gap // 5), gap // 5))
        return bought

    def loses(self, ago: int, product: str, reason: str, **fields: Any) -> str:
        deal = self._deal((product,)) | {
            "stage": "lost",
            "opened_at": instant(ago + 20, 480),
            "closed_at": instant(ago, 900),
            "lost_reason": reason,
            "stage_history": [
                {"stage": "new", "entered_at": instant(ago + 20, 480)},
                {"stage": "proposal", "entered_at": instant(ago + 12, 600)},
                {"stage": "lost", "entered_at": instant(ago, 900)},
            ],
        }
        return self._add("deal", self.deals, deal | fields)

    def negotiates(self, ago: int, stage: str, *products: str, **fields: Any) -> str:
        """Leave a deal open in a stage that it entered so many days ago."""
        stages = ("new", "qualified", "proposal", "negotiation")
        passed = stages[: stages.index(stage) + 1]
        first = ago + 5 * (len(passed) - 1)
        deal = self._deal(products) | {
            "stage": stage,
            "opened_at": instant(first),
            "expected_close_date": instant(-30)[:10],
            "stage_history": [
                {"stage": name, "entered_at": instant(first - 5 * place)}
                for place, name in enumerate(passed)
            ],
        }
        return self._add("deal", self.deals, deal | fields)

    def _deal(
        self,
        products: tuple[str, ...],
        *,
        discount: float = 0,
        times: int = 1,
        currency: str = CURRENCY,
    ) -> Record:
        rate = float(_RATES.get(currency, 1))
        listed = sum(price_of(key) for key in products) * times / rate
        deal: Record = {
            "contact_ref": self._ref(self.id),
            "title": ", ".join(map(name_of, products)),
            "amount": money(listed * (1 - discount / 100), currency),
            "list_amount": money(listed, currency),
            "cost": money(sum(cost_of(key) for key in products) * times / rate, currency),
            "discount_pct": f"{discount:g}",
            "lines": [
                {
                    "product_id": key,
                    "name": name_of(key),
                    "quantity": str(times),
                    "unit_price": money(price_of(key) / rate, currency),
                    "unit_cost": money(cost_of(key) / rate, currency),
                    "discount_pct": f"{discount:g}",
                }
                for key in products
            ],
        }
        return deal | ({"fx_rate": _RATES[currency]} if currency in _RATES else {})

    # What was said

    def says(self, ago: int, kind: str, english: str, german: str, **fields: Any) -> str:
        """Record what the customer did or said."""
        return self._happens(ago, kind, "inbound", english, german, fields)

    def hears(self, ago: int, kind: str, english: str, german: str, **fields: Any) -> str:
        """Record what we did or said."""
        return self._happens(ago, kind, "outbound", english, german, fields)

    def notes(self, ago: int, english: str, german: str, **fields: Any) -> str:
        return self._happens(ago, "note", "internal", english, german, fields)

    def complains(
        self,
        ago: int,
        severity: int,
        english: str,
        german: str,
        *,
        settled: int | None = None,
        resolution: str = "fixed",
        **fields: Any,
    ) -> str:
        """Complain; `settled` days later it is settled, or still open."""
        given: Record = {"channel": "phone", "touchpoint": "after_sales", "severity": severity}
        given |= {"sentiment": -0.2 * severity, "sentiment_source": "agent"}
        if settled is not None:
            given |= {"resolved_at": instant(ago - settled, 1000), "resolution": resolution}
        return self.says(ago, "complaint", english, german, **(given | fields))

    def is_touched(self, ago: int, campaign: str, outcome: str, **fields: Any) -> str:
        fields = {"channel": "email", "touchpoint": "marketing", **fields}
        more = {"campaign_id": campaign, "outcome": outcome, **fields}
        return self.hears(ago, "campaign_touch", "Our news.", "Unsere Neuigkeiten.", **more)

    def is_offered(
        self, ago: int, product: str, outcome: str, *, discount: float = 0, **fields: Any
    ) -> str:
        given: Record = {"channel": "email", "product_id": product, "outcome": outcome}
        given |= {
            "price": money(price_of(product) * (1 - discount / 100)),
            "discount_pct": f"{discount:g}",
            "valid_until": instant(ago - 30),
        }
        words = (f"Offer: {name_of(product)}.", f"Angebot: {name_of(product)}.")
        return self.hears(ago, "offer", *words, **(given | fields))

    def answers_survey(
        self,
        ago: int,
        nps: int | None,
        english: str = "The survey.",
        german: str = "Die Umfrage.",
        **ratings: tuple[float, float | None],
    ) -> None:
        """Be invited three days before, and rate dimensions by perception and expectation."""
        self.hears(
            *(ago + 3, "survey_invitation", "How are we doing?", "Wie zufrieden sind Sie?"),
            channel="email",
            outcome="replied",
        )
        rated = [
            {"dimension": name, "perception": seen, "expectation": expected}
            for name, (seen, expected) in ratings.items()
        ]
        more = {"nps": nps, "reason": self.text(english, german), "ratings": rated}
        self.says(ago, "survey_response", english, german, channel="email", **more)

    def _happens(
        self, ago: int, kind: str, direction: str, english: str, german: str, fields: Record
    ) -> str:
        channel = {"call": "phone", "email": "email", "meeting": "visit", "visit": "visit",
                   "chat": "chat", "message": "app", "social": "social"}.get(kind)  # fmt: skip
        happened: Record = {
            "kind": kind,
            "contact_ref": self._ref(self.speaker),
            "occurred_at": instant(ago, self.random.randint(480, 880)),
            "direction": direction,
            "subject": self.text(english, german),
            "user_id": self.random.choice(_OWNERS),
        }
        happened |= {"channel": channel} if channel else {}
        if "sentiment" in fields:
            happened["sentiment_source"] = "agent"
        return self._add("interaction", self.interactions, happened | fields)

    def _add(self, word: str, records: list[Record], record: Record) -> str:
        self._counts[word] += 1
        id = f"{self.id}-{word}-{self._counts[word]}"
        records.append(record | {"external_refs": [self._ref(id)]})
        return id

    @staticmethod
    def _ref(id: str) -> Record:
        return {"source": SOURCE, "id": id}
