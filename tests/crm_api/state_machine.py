"""Writes at random over HTTP, each checked against a plain model, and all of it after each step."""

import itertools
import random
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, feed
from tests.crm_api.model import MOVING, Body, Done, Kept, assert_same, next_consents, replay, same

_numbers = itertools.count(1)
WORDS = ("Lindqvist", "Krause", "Obermayer")
PRODUCTS = ("SKU-100", "SKU-200")
LISTED = ("contacts", "deals", "interactions", "campaign-members")
DAYS = [f"2025-03-0{day}T10:00:00.000000Z" for day in range(1, 6)]
STAGES = ("new", "qualified", "proposal", "won")
numbers = st.integers(0, 1000)
flags = st.booleans()


class CrmMachine(RuleBasedStateMachine):
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

    # -- rules: writing

    @rule(at=numbers, word=st.sampled_from(WORDS), kind=st.sampled_from(["person", "organisation"]),
          is_forced=flags, has_parent=flags, has_referrer=flags, has_email=flags)  # fmt: skip
    def create_contact(
        self, at: int, word: str, kind: str, is_forced: bool, has_parent: bool, has_referrer: bool,
        has_email: bool,
    ) -> None:  # fmt: skip
        body: Body = {"kind": kind, "name": f"{word} {self.token}", "tags": [self.token]}
        body["allow_duplicate"] = is_forced
        organisation = self.pick(self.live("contacts", kind="organisation"), at)
        if has_parent and organisation and kind == "person":
            body["parent_id"] = organisation.id
        referrer = self.pick(self.live("contacts"), at)
        if has_referrer and referrer:
            body["referred_by_id"] = referrer.id
        if has_email:
            body["email"] = f"{word}{at % 2}.{self.token}@example.org".lower()
        answer = self.send("POST", "/v1/contacts", body)
        if answer.status_code == 409:
            problem = answer.json()
            assert problem["code"] == "possible_duplicate" and not is_forced, problem
            found = {candidate["id"] for candidate in problem["candidates"]}
            assert found and found <= {each.id for each in self.live("contacts")}
        else:
            self.learn("contacts", answer)

    @rule(at=numbers, stage=st.sampled_from(STAGES), cents=st.integers(1, 99_999))
    def create_deal(self, at: int, stage: str, cents: int) -> None:
        contact = self.pick(self.live("contacts"), at)
        if contact:
            amount = {"amount": f"{cents // 100}.{cents % 100:02}", "currency": "EUR"}
            self.new(
                "deals", contact_id=contact.id, owner_id=self.token, stage=stage, amount=amount
            )

    @rule(at=numbers, kind=st.sampled_from(["note", "call", "complaint", "task"]))
    def create_interaction(self, at: int, kind: str) -> None:
        contact = self.pick(self.live("contacts"), at)
        if contact is None:
            return
        body: Body = {"contact_id": contact.id, "kind": kind, "tags": [self.token]}
        if kind == "task":
            body |= {"kind": "meeting", "due_at": "2030-01-01T10:00:00Z"}
        else:
            body |= {"occurred_at": DAYS[at % 5]}
        self.new("interactions", **body, **({"severity": 2} if kind == "complaint" else {}))

    @rule(at=numbers, product=st.sampled_from(PRODUCTS), discount=st.sampled_from(["5", "10"]))
    def create_offer(self, at: int, product: str, discount: str) -> None:
        contact = self.pick(self.live("contacts"), at)
        if contact is None:
            return
        body = {"contact_id": contact.id, "kind": "offer", "occurred_at": DAYS[0],
                "product_id": product, "discount_pct": discount, "tags": [self.token]}  # fmt: skip
        answer = self.send("POST", "/v1/interactions", body)
        others = self.offers().get((self.unit(contact.id), product), [])
        if answer.status_code == 409:
            self.check_terms_conflict(
                answer, [o for o in others if o.body["discount_pct"] != discount]
            )
        else:
            self.learn("interactions", answer)

    @rule(at=numbers)
    def create_member(self, at: int) -> None:
        contact = self.pick(self.live("contacts"), at)
        if contact is None:
            return
        body = {"campaign_id": self.campaign.id, "contact_id": contact.id}
        answer = self.send("POST", "/v1/campaign-members", body)
        there = [m for m in self.live("campaign-members") if m.body["contact_id"] == contact.id]
        if there:
            assert (answer.status_code, answer.json()["code"]) == (409, "member_already")
        else:
            self.learn("campaign-members", answer)

    @rule(at=numbers, is_added=flags)
    def change_segment(self, at: int, is_added: bool) -> None:
        contact = self.pick(self.live("contacts"), at)
        if contact is None:
            return
        body = {"add" if is_added else "remove": [contact.id]}
        answer = self.send("POST", f"/v1/segments/{self.segment.id}/members", body)
        is_change = (contact.id in self.members) != is_added
        expected = {"added_count": int(is_change and is_added),
                    "removed_count": int(is_change and not is_added)}  # fmt: skip
        assert answer.json() == expected
        (self.members.add if is_added else self.members.discard)(contact.id)

    @rule(at=numbers, channel=st.sampled_from(["email", "phone"]), day=st.sampled_from(DAYS),
          action=st.sampled_from(["granted", "confirmed", "withdrawn", "objected"]),
          basis=st.sampled_from(["consent", "legitimate_interest"]))  # fmt: skip
    def record_consent(self, at: int, channel: str, day: str, action: str, basis: str) -> None:
        contact = self.pick(self.live("contacts"), at)
        if contact is None:
            return
        event = {"channel": channel, "action": action, "basis": basis, "occurred_at": day}
        answer = self.send("POST", f"/v1/contacts/{contact.id}/consents", event)
        if answer.status_code == 422:
            assert answer.json()["code"] in ("nothing_to_confirm", "consent_needed")
            return
        known = self.events.setdefault(contact.id, [])
        known.append(answer.json()["event"])
        expected = next_consents(known)
        assert answer.json()["consents"] == expected
        if expected != contact.body["consents"]:
            before = contact.version
            contact.move_on(consents=expected)
            self.note(answer, (contact.id, before, contact.version), is_undoable=False)

    @rule(at=numbers, word=st.sampled_from(WORDS), stage=st.sampled_from(STAGES), is_stale=flags)
    def patch(self, at: int, word: str, stage: str, is_stale: bool) -> None:
        record = self.pick(self.live("contacts", "deals", "interactions"), at)
        if record is None:
            return
        changes: dict[str, list[Body]] = {
            "contacts": [{"name": f"{word} {self.token}"}, {"city": word}, {"email": None}],
            "deals": [{"stage": stage}, {"title": word}, {"amount": None}],
            "interactions": [{"subject": word}, {"body": None}],
        }
        body = changes[record.plural][at % len(changes[record.plural])]
        version = record.version - 1 if is_stale else record.version
        path = f"/v1/{record.plural}/{record.id}"
        answer = self.send("PATCH", path, body, **{"If-Match": f'"{version}"'})
        if is_stale:
            assert answer.status_code == 412, answer.text
        elif answer.status_code == 422:
            assert record.plural == "deals" and "stage" in body, answer.text
        else:
            self.learn(record.plural, answer)

    @rule(at=numbers, leaves=flags)
    def change_organisation(self, at: int, leaves: bool) -> None:
        person = self.pick(self.live("contacts", kind="person"), at)
        organisation = self.pick(self.live("contacts", kind="organisation"), at // 7)
        if person is None or (organisation is None and not leaves):
            return
        parent = None if leaves or organisation is None else organisation.id
        headers = {"If-Match": f'"{person.version}"'}
        answer = self.send("PATCH", f"/v1/contacts/{person.id}", {"parent_id": parent}, **headers)
        if answer.status_code == 409:
            self.check_terms_conflict(answer, self.live("interactions", kind="offer"))
        else:
            self.learn("contacts", answer)

    @rule(
        at=numbers,
        outcome=st.sampled_from(["accepted", None]),
        discount=st.sampled_from(["5", "10"]),
    )
    def change_offer(self, at: int, outcome: str | None, discount: str) -> None:
        offer = self.pick(self.live("interactions", kind="offer"), at)
        if offer is None:
            return
        body: Body = [{"outcome": outcome}, {"discount_pct": discount}][at % 2]
        headers = {"If-Match": f'"{offer.version}"'}
        answer = self.send("PATCH", f"/v1/interactions/{offer.id}", body, **headers)
        if answer.status_code == 409:
            self.check_terms_conflict(answer, self.live("interactions", kind="offer"))
        else:
            self.learn("interactions", answer)

    @rule(at=numbers, is_stale=flags)
    def delete(self, at: int, is_stale: bool) -> None:
        record = self.pick(self.live(*LISTED), at)
        if record is None:
            return
        version = record.version - 1 if is_stale else record.version
        path = f"/v1/{record.plural}/{record.id}"
        answer = self.send("DELETE", path, **{"If-Match": f'"{version}"'})
        if is_stale:
            assert answer.status_code == 412, answer.text
            return
        assert (answer.status_code, answer.content) == (204, b""), answer.text
        before = record.version
        record.move_on(is_live=False)
        self.note(answer, (record.id, before, record.version))

    @rule(at=numbers)
    def restore(self, at: int) -> None:
        trash = [
            each for each in self.records.values() if not each.is_live and each.plural in LISTED
        ]
        record = self.pick(trash, at)
        if record is None:
            return
        was_stale, before = record.is_stale, record.body
        answer = self.send("POST", f"/v1/{record.plural}/{record.id}/restore")
        if answer.status_code == 409:
            self.check_conflict(answer, record)
            return
        self.learn(record.plural, answer)
        moving = {*MOVING, "deleted_at"}
        assert was_stale or same(before, record.body, without=moving)
        assert record.body["deleted_at"] is None

    @rule(at=numbers, plural=st.sampled_from(["contacts", "deals"]), name=st.sampled_from("abc"),
          word=st.sampled_from(WORDS))  # fmt: skip
    def upsert(self, at: int, plural: str, name: str, word: str) -> None:
        external = f"{name}-{self.token}"
        path = f"/v1/{plural}/by-external-id/test/{external}"
        holder = self.refs(plural).get(external)
        if plural == "contacts":
            body: Body = {"name": f"{word} {self.token}", "allow_duplicate": True}
            body |= {} if holder else {"kind": "person", "tags": [self.token]}
        else:
            contact = self.pick(self.live("contacts"), at)
            if contact is None:
                return
            owner = self.records[holder].body["contact_id"] if holder else contact.id
            body = {"contact_id": owner, "title": word, "owner_id": self.token}
        answer = self.send("PUT", path, body)
        assert answer.status_code == (200 if holder else 201), answer.text
        assert holder in (None, answer.json()["id"])
        self.learn(plural, answer)

    @rule(at=numbers, stage=st.sampled_from(STAGES))
    def batch(self, at: int, stage: str) -> None:
        """Two writes in one request, which undo takes back together."""
        deal, contact = self.pick(self.live("deals"), at), self.pick(self.live("contacts"), at)
        if deal is None or contact is None:
            return
        items = [
            {"action": "create", "data": {"contact_id": contact.id, "owner_id": self.token}},
            {"action": "update", "id": deal.id, "version": deal.version, "data": {"title": stage}},
        ]
        answer = self.send("POST", "/v1/deals/batch", {"items": items})
        made, changed = answer.json()["items"]
        assert (made["status"], changed["status"]) == (201, 200), answer.text
        self.records[made["id"]] = Kept("deals", self.http.get(f"/v1/deals/{made['id']}").json())
        touched = [(made["id"], 0, 1)]
        if changed["version"] != deal.version:
            touched.append((deal.id, deal.version, deal.version + 1))
            deal.move_on(title=stage)
        assert changed["version"] == deal.version
        self.note(answer, *touched)

    # -- rules: refused, repeated, taken back

    @rule(at=numbers)
    def send_nonsense(self, at: int) -> None:
        """Nothing of a refused request is left, which the invariants look for."""
        contact = self.pick(self.live("contacts"), at)
        bodies: list[tuple[str, Body]] = [
            ("contacts", {"kind": "person", "tags": [self.token]}),
            ("contacts", {"kind": "person", "name": "x", "tags": [self.token], "colour": "red"}),
            ("deals", {"contact_id": str(uuid.uuid4()), "owner_id": self.token}),
        ]
        if contact:
            bodies += [
                ("deals", {"contact_id": contact.id, "owner_id": self.token, "stage": "nowhere"}),
                ("interactions", {"contact_id": contact.id, "kind": "complaint",
                                  "occurred_at": DAYS[0], "tags": [self.token]}),
            ]  # fmt: skip
        plural, body = bodies[at % len(bodies)]
        answer = self.send("POST", f"/v1/{plural}", body)
        assert answer.status_code == 422, answer.text

    @precondition(lambda self: self.sent)
    @rule(at=numbers)
    def retry(self, at: int) -> None:
        """The same request with the same key answers the same and writes nothing."""
        again, first = self.sent[at % len(self.sent)]
        answer = again()
        assert answer.headers["idempotent-replayed"] == "true"
        assert (answer.status_code, answer.content) == (first.status_code, first.content)
        assert answer.headers.get("etag") == first.headers.get("etag")

    @precondition(lambda self: self.done)
    @rule(at=numbers)
    def undo(self, at: int) -> None:
        """Undo puts back exactly what a request changed, or says what later touched it."""
        done = self.done[-1 - at % len(self.done)]
        answer = self.send("POST", "/v1/changes/undo", {"request_id": done.request_id})
        is_untouched = all(
            self.records[id].version == after and self.records[id].merged_into is None
            for id, _, after in done.touched
        )
        if not done.is_undoable:
            assert (answer.status_code, answer.json()["code"]) == (422, "not_undoable"), answer.text
        elif not is_untouched:
            assert (answer.status_code, answer.json()["code"]) == (409, "touched_later"), (
                answer.text
            )
        elif answer.status_code == 409:
            self.check_conflict(answer, *(self.records[id] for id, _, _ in done.touched))
        else:
            assert answer.status_code == 200, answer.text
            self.take_back(answer, done)

    def take_back(self, answer: httpx.Response, done: Done) -> None:
        touched = []
        for record_id, before, after in done.touched:
            record = self.records[record_id]
            body, was_live = record.past.get(before, (record.body, False))
            fields = {n: v for n, v in body.items() if n not in {*MOVING, "deleted_at"}}
            record.move_on(is_live=was_live, **fields)
            if was_live:
                record.body["deleted_at"] = None
            touched.append((record_id, after, record.version))
        told = {(item["id"], item["version"]) for item in answer.json()["items"]}
        assert told == {(record_id, version) for record_id, _, version in touched}
        self.note(answer, *touched)

    @rule(at=numbers, other=numbers, is_dry_run=flags)
    def merge(self, at: int, other: int, is_dry_run: bool) -> None:
        survivor = self.pick(self.live("contacts"), at)
        if survivor is None:
            return
        kind = survivor.body["kind"]
        others = [each for each in self.live("contacts", kind=kind) if each is not survivor]
        duplicate = self.pick(others, other)
        if duplicate is None:
            return
        path = f"/v1/contacts/{survivor.id}/merge" + ("?dry_run=true" if is_dry_run else "")
        headers = {"If-Match": f'"{survivor.version}"'}
        answer = self.send("POST", path, {"duplicate_id": duplicate.id}, **headers)
        if answer.status_code == 409:
            self.check_terms_conflict(answer, self.live("interactions", kind="offer"))
            return
        assert answer.status_code == 200, answer.text
        assert answer.json()["is_dry_run"] == is_dry_run
        if not is_dry_run:
            self.follow_merge(survivor, duplicate, answer)

    def follow_merge(self, survivor: Kept, duplicate: Kept, answer: httpx.Response) -> None:
        before = (dict(survivor.body), dict(duplicate.body))
        moved: list[tuple[str, str]] = []
        joined = {m.body["contact_id"] for m in self.live("campaign-members")}
        for each in self.records.values():
            for name in ("contact_id", "parent_id", "referred_by_id"):
                if each.body.get(name) != duplicate.id or each is survivor or each is duplicate:
                    continue
                if each.plural == "campaign-members" and (
                    survivor.id in joined or not each.is_live
                ):
                    continue
                each.move_on(**{name: survivor.id})
                moved.append((each.id, name))
        duplicate.move_on(is_live=False, merged_into_id=survivor.id)
        duplicate.merged_into = survivor.id
        shown = answer.json()["survivor"]
        self.adopt(survivor, shown)
        events = self.events.pop(duplicate.id, [])
        self.events.setdefault(survivor.id, []).extend(events)
        is_member = duplicate.id in self.members and survivor.id not in self.members
        if is_member:
            self.members.remove(duplicate.id)
            self.members.add(survivor.id)
        self.merges[duplicate.id] = {
            "into": survivor.id, "before": before, "moved": moved, "events": events,
            "is_member": is_member, "version": survivor.version,
        }  # fmt: skip
        touched = (duplicate.id, duplicate.version - 1, duplicate.version)
        self.note(answer, touched, is_undoable=False)

    def adopt(self, record: Kept, shown: Body) -> None:
        """Take over a record that a larger write shows; it was changed at most a few times."""
        assert record.version <= shown["version"] <= record.version + 2, (record.body, shown)
        record.body, record.is_live, record.is_stale = shown, True, False
        record.remember()

    @precondition(lambda self: self.merges)
    @rule(at=numbers)
    def unmerge(self, at: int) -> None:
        """Both are as they were, but for what was changed in between."""
        duplicate_id = list(self.merges)[at % len(self.merges)]
        merge, duplicate = self.merges[duplicate_id], self.records[duplicate_id]
        survivor = self.records[merge["into"]]
        answer = self.send("POST", f"/v1/contacts/{duplicate_id}/unmerge")
        if not survivor.is_live:
            assert (answer.status_code, answer.json()["code"]) == (409, "not_merged"), answer.text
            return
        if answer.status_code == 409:
            self.check_conflict(answer, duplicate)
            return
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        old_survivor, old_duplicate = merge["before"]
        assert shown["duplicate"]["version"] == duplicate.version + 1
        without = {*MOVING, "consents"}
        assert_same(shown["duplicate"], old_duplicate, without=without)
        if survivor.version == merge["version"]:
            assert_same(shown["survivor"], old_survivor, without=MOVING)
            assert shown["duplicate"]["consents"] == old_duplicate["consents"]
        self.follow_unmerge(survivor, duplicate, merge, shown)
        touched = (duplicate_id, duplicate.version - 1, duplicate.version)
        self.note(answer, touched, is_undoable=False)

    def follow_unmerge(
        self, survivor: Kept, duplicate: Kept, merge: dict[str, Any], shown: Body
    ) -> None:
        for record_id, name in merge["moved"]:
            each = self.records[record_id]
            if each.body.get(name) == survivor.id and each is not survivor:
                each.move_on(**{name: duplicate.id})
        self.adopt(survivor, shown["survivor"])
        self.adopt(duplicate, shown["duplicate"])
        duplicate.merged_into = None
        ids = {event["id"] for event in merge["events"]}
        kept = self.events.get(survivor.id, [])
        self.events[duplicate.id] = [event for event in kept if event["id"] in ids]
        self.events[survivor.id] = [event for event in kept if event["id"] not in ids]
        if merge["is_member"] and survivor.id in self.members:
            self.members.remove(survivor.id)
            self.members.add(duplicate.id)
        del self.merges[duplicate.id]

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
        else:
            assert problem["code"] == "member_already", problem
        return None

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
            params = {**asked, "limit": 200, "count": True}
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
        params = {"segment_id": self.segment.id, "fields": "id", "limit": 200}
        listed = self.http.get("/v1/contacts", params=params).json()["items"]
        live = {each.id for each in self.live("contacts")}
        assert {item["id"] for item in listed} == self.members & live

    def search_finds_exactly_who_is_live(self) -> None:
        word = WORDS[len(self.sent) % len(WORDS)]
        params = {"q": f"{word} {self.token}", "fields": "id", "limit": 200}
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
