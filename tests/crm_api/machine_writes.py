"""The writes of the state machine: creating, changing, throwing away, bringing back."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.crm_api.machine_ground import LISTED, WORDS, Ground
from tests.crm_api.model import MOVING, Body, Kept, next_consents, same

PRODUCTS = ("SKU-100", "SKU-200")
DAYS = [f"2025-03-0{day}T10:00:00.000000Z" for day in range(1, 6)]
STAGES = ("new", "qualified", "proposal", "won")
numbers = st.integers(0, 1000)
flags = st.booleans()


class Writes(Ground):
    """Every rule checks what the service answers and tells the model."""

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
        if kind == "complaint":
            body["severity"] = 2
        if kind == "task":
            body |= {"kind": "meeting", "due_at": "2030-01-01T10:00:00Z"}
        else:
            body |= {"occurred_at": DAYS[at % 5]}
        self.new("interactions", **body)

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
            codes = ("nothing_to_confirm", "consent_needed", "email_needs_consent")
            assert answer.json()["code"] in codes
            return
        known = self.events.setdefault(contact.id, [])
        known.append(answer.json()["event"])
        expected = next_consents(known)
        assert answer.json()["consents"] == expected
        if expected != contact.body["consents"]:
            before = contact.version
            contact.move_on({"consents": expected})
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
        choices: list[Body] = [{"outcome": outcome}, {"discount_pct": discount}]
        body = choices[at % 2]
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
        record.move_on({}, is_live=False)
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
        if answer.status_code in (409, 422):
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
            deal.move_on({"title": stage})
        assert changed["version"] == deal.version
        self.note(answer, *touched)
