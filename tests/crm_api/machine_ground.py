"""The ground of the state machine: sending, what is known of each record, and what always holds."""

import itertools
import random
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import httpx
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, feed
from tests.crm_api.model import Body, Done, Kept, assert_same, next_consents, replay, same

_numbers = itertools.count(1)
WORDS = ("Lindqvist", "Krause", "Obermayer")
LISTED = ("contacts", "deals", "interactions", "campaign-members")


class Ground(RuleBasedStateMachine):
    """One example writes records that carry its own token, so that a database serves many examples."""

    crm: ClassVar[Crm]

    @initialize()
    def begin(self) -> None:
        dice = random.Random(next(_numbers))
        self.token = "".join(dice.choices("bcdfghjklmnpqrstvwxz", k=14))
        self.http = self.crm.client
        self.records: dict[str, Kept] = {}
        self.done: list[Done] = []
        self.sent: list[tuple[Callable[[], httpx.Response], httpx.Response]] = []
        self.members: set[str] = set()
        self.events: dict[str, list[Body]] = {}
        self.merges: dict[str, dict[str, Any]] = {}
        self.feed: list[Body] = []
        self.cursor = feed(self.http)[1]
        self.campaign = self.new("campaigns", name=f"Campaign {self.token}")
        self.segment = self.new("segments", kind="static", name=f"Segment {self.token}")
        self.done.clear()  # these two stay

    # -- sending and learning

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a write with a key of its own, so that it can be sent again later."""
        told = {"Idempotency-Key": uuid.uuid4().hex, **headers}
        if method == "PATCH":
            told["Content-Type"] = "application/merge-patch+json"

        def again() -> httpx.Response:
            return self.http.request(method, path, json=body, headers=told)

        answer = again()
        assert answer.status_code < 500, answer.text
        if answer.status_code < 400:
            self.sent.append((again, answer))
        return answer

    def learn(self, plural: str, answer: httpx.Response) -> Kept:
        """Take over what a write answered; its version has grown by one, or nothing has changed."""
        assert answer.status_code in (200, 201), answer.text
        body = answer.json()
        assert answer.headers["etag"] == f'"{body["version"]}"'
        known = self.records.get(body["id"])
        if known is None:
            assert (answer.status_code, body["version"]) == (201, 1), answer.text
            known = self.records[body["id"]] = Kept(plural, body)
            self.note(answer, (known.id, 0, 1))
        elif body["version"] == known.version:
            assert same(body, known.body, without=["updated_at"] if known.is_stale else []), answer
        else:
            assert body["version"] == known.version + 1, answer.text
            before = known.version
            known.body, known.is_live, known.is_stale = body, True, False
            known.remember()
            self.note(answer, (known.id, before, known.version))
        return known

    def note(self, answer: httpx.Response, *touched: tuple[str, int, int], **more: Any) -> None:
        self.done.append(Done(answer.headers["x-request-id"], touched, **more))

    def new(self, plural: str, **fields: Any) -> Kept:
        return self.learn(plural, self.send("POST", f"/v1/{plural}", fields))

    def live(self, *plurals: str, kind: str = "") -> list[Kept]:
        return [
            each
            for each in self.records.values()
            if each.is_live and each.plural in plurals and kind in ("", each.body.get("kind"))
        ]

    def pick(self, found: list[Kept], at: int) -> Kept | None:
        return found[at % len(found)] if found else None

    def refs(self, plural: str) -> dict[str, str]:
        """Return who has which external reference."""
        return {
            ref["id"]: each.id for each in self.live(plural) for ref in each.body["external_refs"]
        }

    # -- what refusals may say

    def unit(self, contact_id: str) -> str:
        """Return the customer unit of a contact: its organisation, else itself."""
        return str(self.records[contact_id].body["parent_id"] or contact_id)

    def offers(self) -> dict[tuple[str, str], list[Kept]]:
        """Return the live offers by unit and product."""
        found: dict[tuple[str, str], list[Kept]] = {}
        for offer in self.live("interactions", kind="offer"):
            if offer.body["outcome"] != "accepted":
                at = (self.unit(offer.body["contact_id"]), offer.body["product_id"])
                found.setdefault(at, []).append(offer)
        return found

    def check_terms_conflict(self, answer: httpx.Response, offers: list[Kept]) -> None:
        problem = answer.json()
        assert problem["code"] == "terms_conflict", problem
        existing = [offer for offer in offers if offer.id == problem["existing_id"]]
        assert existing and existing[0].body["outcome"] != "accepted", problem

    def check_conflict(self, answer: httpx.Response, *records: Kept) -> None:
        """Check that what stands in the way of a restored record does stand there."""
        problem = answer.json()
        if problem["code"] == "terms_conflict":
            return self.check_terms_conflict(answer, self.live("interactions", kind="offer"))
        if problem["code"] == "external_ref_taken":
            wanted = {ref["id"] for each in records for ref in each.body["external_refs"]}
            wanted |= {
                ref["id"]
                for each in records
                for body, _ in each.past.values()
                for ref in body["external_refs"]
            }
            assert wanted & self.refs(records[0].plural).keys(), problem
        elif problem["code"] == "merged_away":
            assert any(each.merged_into for each in records), problem
        elif problem["code"] == "reference_gone":
            self.check_gone(problem)
        elif problem["code"] == "in_use":
            user = self.records[problem["existing_id"]]
            used = {user.body.get(name) for name in ("contact_id", "deal_id", "parent_id")}
            assert user.is_live and used & {each.id for each in records}, problem
        elif problem["code"] == "contact_missing":
            members = [each for each in records if each.plural == "campaign-members"]
            contacts = [self.records[each.body["contact_id"]] for each in members]
            assert any(not each.is_live for each in contacts), problem
        else:
            assert problem["code"] == "member_already", problem
        return None

    def check_gone(self, problem: Body) -> None:
        """Check that what a record pointed to once is not live."""
        _, _, record_id, name = problem["errors"][0]["pointer"].split("/")
        former = {body.get(name) for body, _ in self.records[record_id].past.values()}
        named = [each for each in former if each and each in problem["errors"][0]["message"]]
        assert named and not self.records[named[0]].is_live, problem

    # -- what always holds

    @invariant()
    def model_and_service_agree(self) -> None:
        self.lists_are_the_model()
        self.feed_replays_to_the_model()
        self.references_are_unique_and_terms_are_one()
        self.what_is_gone_is_gone_and_what_is_merged_answers_as_the_survivor()
        self.consents_follow_from_their_events()
        self.aggregates_and_members_are_the_lists()
        self.search_finds_exactly_who_is_live()

    def lists_are_the_model(self) -> None:
        filters = {
            "contacts": {"tag": self.token},
            "deals": {"owner_id": self.token},
            "interactions": {"tag": self.token},
            "campaign-members": {"campaign_id": self.campaign.id},
        }
        for plural, asked in filters.items():
            params: dict[str, Any] = {**asked, "limit": 200, "count": True}
            answer = self.http.get(f"/v1/{plural}", params=params).json()
            found = {item["id"]: item for item in answer["items"]}
            assert answer["total"] == len(found)
            expected = {each.id: each for each in self.live(plural)}
            assert found.keys() == expected.keys(), plural
            for record_id, body in found.items():
                record = expected[record_id]
                without = ["updated_at"] if record.is_stale else []
                assert_same(record.body, body, without=without)
                record.body, record.is_stale = body, False
                record.remember()

    def feed_replays_to_the_model(self) -> None:
        new, self.cursor = feed(self.http, after=self.cursor)
        self.feed += new
        expected = {each.id: (each.version, each.is_live) for each in self.records.values()}
        assert replay(self.feed) == expected

    def references_are_unique_and_terms_are_one(self) -> None:
        for plural in ("contacts", "deals"):
            refs = [ref["id"] for each in self.live(plural) for ref in each.body["external_refs"]]
            assert len(refs) == len(set(refs)), refs
        for at, offers in self.offers().items():
            if all(self.records[o.body["contact_id"]].is_live for o in offers):
                assert len({o.body["discount_pct"] for o in offers}) == 1, at

    def what_is_gone_is_gone_and_what_is_merged_answers_as_the_survivor(self) -> None:
        gone = [each for each in self.records.values() if not each.is_live]
        for record in gone[-2:]:
            answer = self.http.get(f"/v1/{record.plural}/{record.id}")
            survivor = record
            while survivor.merged_into is not None:
                survivor = self.records[survivor.merged_into]
            if record.merged_into is None or not survivor.is_live:
                assert answer.status_code == 404, answer.text
            else:
                assert answer.json() == survivor.body
                place = f"/v1/contacts/{survivor.id}"
                assert answer.headers["content-location"] == place

    def consents_follow_from_their_events(self) -> None:
        for contact in self.live("contacts"):
            assert contact.body["consents"] == next_consents(self.events.get(contact.id, []))
        for contact_id in list(self.events)[-1:]:
            if self.records[contact_id].is_live:
                found = all_pages(self.http, f"/v1/contacts/{contact_id}/consents")
                ids = {event["id"] for event in self.events[contact_id]}
                assert {event["id"] for event in found} == ids

    def aggregates_and_members_are_the_lists(self) -> None:
        asked = {"owner_id": self.token, "group_by": "stage"}
        found = self.http.get("/v1/deals/aggregate", params=asked).json()["items"]
        counts: dict[str, int] = {}
        for deal in self.live("deals"):
            counts[deal.body["stage"]] = counts.get(deal.body["stage"], 0) + 1
        assert {item["group"]["stage"]: item["count"] for item in found} == counts
        params: dict[str, Any] = {"segment_id": self.segment.id, "fields": "id", "limit": 200}
        listed = self.http.get("/v1/contacts", params=params).json()["items"]
        live = {each.id for each in self.live("contacts")}
        assert {item["id"] for item in listed} == self.members & live

    def search_finds_exactly_who_is_live(self) -> None:
        word = WORDS[len(self.sent) % len(WORDS)]
        params: dict[str, Any] = {"q": f"{word} {self.token}", "fields": "id", "limit": 200}
        found = self.http.get("/v1/contacts", params=params).json()["items"]
        expected = {
            each.id for each in self.live("contacts") if word.lower() in searched(each.body)
        }
        assert {item["id"] for item in found} == expected


def searched(contact: Body) -> str:
    """Return what the search looks through, of what this machine writes."""
    emails = [other["email"] for other in contact["other_emails"]]
    texts = [contact["name"], contact["city"], contact["email"], *emails]
    return " ".join(text for text in texts if text).lower()
