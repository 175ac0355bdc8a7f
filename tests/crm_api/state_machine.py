"""Writes at random over HTTP, each checked against a plain model, and all of it after each step."""

import uuid
from typing import Any

import httpx
from hypothesis.stateful import precondition, rule

from tests.crm_api.machine_writes import DAYS, Writes, flags, numbers
from tests.crm_api.model import MOVING, Body, Done, Kept, assert_same


class CrmMachine(Writes):
    """What is refused, sent again, merged and taken back, beside all that is written."""

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
        """Undo puts back exactly what a request changed, or says what touched it since and stands."""
        done = self.done[-1 - at % len(self.done)]
        answer = self.send("POST", "/v1/changes/undo", {"request_id": done.request_id})
        is_untouched = all(self.records[id].is_as_in(after) for id, _, after in done.touched)
        if not done.is_undoable:
            assert (answer.status_code, answer.json()["code"]) == (422, "not_undoable"), answer.text
        elif not is_untouched:
            assert (answer.status_code, answer.json()["code"]) == (409, "touched_later"), (
                answer.text
            )
        elif done.merged is not None:
            self.end_merge(answer, done.merged)
        elif answer.status_code in (409, 422):
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
            record.move_on(fields, is_live=was_live)
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
        versions = {each.id: each.version for each in self.records.values()}
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
                each.move_on({name: survivor.id})
                moved.append((each.id, name))
        duplicate.move_on({"merged_into_id": survivor.id}, is_live=False)
        duplicate.merged_into = survivor.id
        shown = answer.json()["survivor"]
        self.adopt(survivor, shown)
        events = self.move_events(survivor, duplicate)
        is_member = duplicate.id in self.members and survivor.id not in self.members
        if is_member:
            self.members.remove(duplicate.id)
            self.members.add(survivor.id)
        self.merges[duplicate.id] = {
            "into": survivor.id, "before": before, "moved": moved, "events": events,
            "is_member": is_member, "version": survivor.version,
            "event_count": len(self.events[survivor.id]),
        }  # fmt: skip
        touched = [
            (record_id, version, self.records[record_id].version)
            for record_id, version in versions.items()
            if self.records[record_id].version != version
        ]
        self.note(answer, *touched, merged=duplicate.id)

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
        self.end_merge(self.send("POST", f"/v1/contacts/{duplicate_id}/unmerge"), duplicate_id)

    def end_merge(self, answer: httpx.Response, duplicate_id: str) -> None:
        merge, duplicate = self.merges[duplicate_id], self.records[duplicate_id]
        survivor = self.records[merge["into"]]
        if not survivor.is_live:
            refusal = (answer.status_code, answer.json()["code"])
            assert refusal == (409, "survivor_not_live"), answer.text
            return
        if answer.status_code == 409:
            self.check_conflict(answer, duplicate)
            return
        assert answer.status_code == 200, answer.text
        shown = {
            "duplicate": self.http.get(f"/v1/contacts/{duplicate.id}").json(),
            "survivor": self.http.get(f"/v1/contacts/{survivor.id}").json(),
        }
        if "duplicate" in answer.json():
            assert answer.json()["duplicate"] == shown["duplicate"]
            assert answer.json()["survivor"] == shown["survivor"]
        else:
            told = {item["id"]: item["version"] for item in answer.json()["items"]}
            assert told[duplicate.id] == shown["duplicate"]["version"]
            assert told.get(survivor.id, survivor.version) == shown["survivor"]["version"]
        old_survivor, old_duplicate = merge["before"]
        assert shown["duplicate"]["version"] == duplicate.version + 1
        without = {*MOVING, "consents"}
        assert_same(shown["duplicate"], old_duplicate, without=without)
        if survivor.version == merge["version"]:
            is_same = len(self.events[survivor.id]) == merge["event_count"]
            kept = answer.json().get("kept", [])
            assert all(not self.records[old_survivor[name]].is_live for name in kept), answer.text
            without = {*MOVING, *kept} if is_same else {*MOVING, *kept, "consents"}
            assert_same(shown["survivor"], old_survivor, without=without)
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
                each.move_on({name: duplicate.id})
        self.adopt(survivor, shown["survivor"])
        self.adopt(duplicate, shown["duplicate"])
        duplicate.merged_into = None
        ids = {event["id"] for event in merge["events"]}
        kept = self.events.get(survivor.id, [])
        self.events.setdefault(duplicate.id, []).extend(e for e in kept if e["id"] in ids)
        self.events[survivor.id] = [event for event in kept if event["id"] not in ids]
        if merge["is_member"] and survivor.id in self.members:
            self.members.remove(survivor.id)
            self.members.add(duplicate.id)
            self.bring_again(survivor, duplicate, is_segment=True)
        merged = list(self.merges)
        for later_id in merged[merged.index(duplicate.id) + 1 :]:
            later = self.merges[later_id]
            if later["into"] == survivor.id:
                ids, mine = {event["id"] for event in later["events"]}, self.events[survivor.id]
                self.events.setdefault(later_id, []).extend(e for e in mine if e["id"] in ids)
                self.events[survivor.id] = [e for e in mine if e["id"] not in ids]
                later["events"] = self.move_events(survivor, self.records[later_id])
        if any(self.records[id].plural == "campaign-members" for id, _ in merge["moved"]):
            self.bring_again(survivor, duplicate, is_segment=False)
        del self.merges[duplicate.id]

    def move_events(self, survivor: Kept, duplicate: Kept) -> list[Body]:
        """Confirmations of an e-mail address that is not the survivor's stay with the duplicate."""
        is_other = survivor.body["email"] != duplicate.body["email"]
        known = self.events.pop(duplicate.id, [])
        stay = [e for e in known if is_other and e["channel"] == "email"
                and e["action"] == "confirmed"]  # fmt: skip
        moved = [event for event in known if event not in stay]
        self.events[duplicate.id] = stay
        self.events.setdefault(survivor.id, []).extend(moved)
        return moved

    def bring_again(self, survivor: Kept, duplicate: Kept, *, is_segment: bool) -> None:
        """A later merge that stands gives the survivor what the one that was taken back had given."""
        merged = list(self.merges)
        for later_id in merged[merged.index(duplicate.id) + 1 :]:
            later = self.merges[later_id]
            if later["into"] != survivor.id:
                continue
            if is_segment and later_id in self.members and survivor.id not in self.members:
                self.members = (self.members - {later_id}) | {survivor.id}
                later["is_member"] = True
            joined = {m.body["contact_id"]: m for m in self.live("campaign-members")}
            if not is_segment and later_id in joined and survivor.id not in joined:
                joined[later_id].move_on({"contact_id": survivor.id})
                later["moved"].append((joined[later_id].id, "contact_id"))
