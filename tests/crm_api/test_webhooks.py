"""Webhooks: every event arrives, signed, whatever happens to the target or to us; nothing else does."""

import random
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

from services.crm_api.app import create_app
from services.crm_api.changes.schemas import Change
from services.crm_api.resources import RESOURCES
from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.crm_api.webhooks import schemas
from services.foundation import migrating
from services.foundation.application import utc_now
from tests.conftest import BOTH, Crm, MakeCrm, Templates, store_key
from tests.crm_api.bodies import feed, problem
from tests.crm_api.receivers import Got, Receiver, Reply, until
from tests.crm_api.served import Served, durable_database
from tests.crm_api.test_retention import run as run_retention
from tests.live import LiveServer, client, free_port

QUICK: dict[str, Any] = {
    "crm_webhook_networks": ["127.0.0.0/8"],
    "crm_webhook_poll_seconds": 0.03,
}
MERGE = "application/merge-patch+json"
ANYBODY = {"kind": "person", "given_name": "Jo", "allow_duplicate": True}
PERSON = {"kind": "person", "given_name": "Ada", "family_name": "Lovelace"}


@pytest.fixture(scope="module", params=BOTH)
def hooks(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Crm]:
    """A service that may send to this machine, shared: a test deletes the webhooks that it made."""
    folder = tmp_path_factory.mktemp("hooks")
    settings = Settings(
        data_dir=folder,
        crm_database_url=templates.fresh("crm_api", request.param, folder),
        crm_requests_per_minute=10_000_000,
        log_requests=False,
        **QUICK,
    )
    crm = Crm(settings, utc_now)
    yield crm
    crm.stop()


class Clock:
    """A clock that goes on by itself and can be put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **span: float) -> None:
        self.ahead += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BOTH)
def timed(request: pytest.FixtureRequest, make_crm: MakeCrm, clock: Clock) -> Crm:
    """A service whose clock can be put forward."""
    return make_crm(request.param, clock=clock, **QUICK)


def subscribe(crm: Crm, url: str, *event_types: str, **fields: Any) -> dict[str, Any]:
    answer = crm.client.post(
        "/v1/webhooks",
        json={"url": url, "event_types": event_types or ("crm.contact.*",), **fields},
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def unsubscribe(crm: Crm, made: dict[str, Any]) -> None:
    answer = crm.client.delete(f"/v1/webhooks/{made['id']}", headers={"If-Match": "*"})
    assert answer.status_code == 204, answer.text


@contextmanager
def subscribed(
    crm: Crm, receiver: Receiver, *event_types: str, **fields: Any
) -> Iterator[dict[str, Any]]:
    made = subscribe(crm, receiver.url, *event_types, **fields)
    yield made
    unsubscribe(crm, made)


def read(crm: Crm, made: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = crm.client.get(f"/v1/webhooks/{made['id']}").json()
    return shown


def log_of(crm: Crm, made: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = crm.client.get(f"/v1/webhooks/{made['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def attempts_of(crm: Crm, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the attempts of the one delivery of a webhook."""
    entries = log_of(crm, made)
    attempts: list[dict[str, Any]] = entries[0]["attempts"] if entries else []
    return attempts


def until_tried(crm: Crm, made: dict[str, Any], count: int) -> None:
    """Wait until so many attempts are written down."""
    until(lambda: sum(len(each["attempts"]) for each in log_of(crm, made, limit=200)) >= count)


def change(crm: Crm, made: dict[str, Any], **fields: Any) -> httpx.Response:
    return crm.patch(f"/v1/webhooks/{made['id']}", fields, version="*")


def told(crm: Crm, **matching: Any) -> list[dict[str, Any]]:
    """Return the events of the feed with these members."""
    items, _ = feed(crm.client)
    return [each for each in items if all(each[name] == value for name, value in matching.items())]


def about(got: list[Got], record: dict[str, Any]) -> list[str]:
    """Return the types of the events about a record, in the order they came."""
    return [
        each.event["type"] for each in list(got) if each.event["subject"].endswith(record["id"])
    ]


def test_an_event_arrives_as_the_feed_tells_it_and_signed(hooks: Crm) -> None:
    with Receiver() as receiver, subscribed(hooks, receiver) as made:
        contact = hooks.create("contacts", **PERSON)
        until(lambda: receiver.got)
        (got,) = receiver.got
        assert Webhook(made["secret"]).verify(got.body, got.headers) == got.event
        assert got.path == "/hook?from=crm"
        (event,) = told(hooks, subject=f"contacts/{contact['id']}")
        assert got.event == event == Change(**event).model_dump(mode="json")
        assert "Ada" not in got.body.decode()
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(got.body + b" ", got.headers)
        until(lambda: log_of(hooks, made)[0]["status"] == "delivered")
        (entry,) = log_of(hooks, made)
        assert (entry["id"], entry["event_id"]) == (got.id, event["id"])
        (attempt,) = entry["attempts"]
        assert (attempt["status_code"], attempt["error"]) == (204, None)


def test_what_was_written_before_is_not_sent(hooks: Crm) -> None:
    before = hooks.create("contacts", **PERSON)
    with Receiver() as receiver, subscribed(hooks, receiver):
        after = hooks.create("contacts", **PERSON)
        until(lambda: about(receiver.got, after))
        assert about(receiver.got, before) == []


def test_only_the_types_that_were_asked_for_arrive(hooks: Crm) -> None:
    with (
        Receiver() as receiver,
        subscribed(hooks, receiver, "crm.contact.deleted.v1", "crm.deal.*"),
    ):
        contact = hooks.create("contacts", **PERSON)
        deal = hooks.create("deals", contact_id=contact["id"], opened_at="2026-01-02T09:00:00Z")
        hooks.patch(f"/v1/contacts/{contact['id']}", {"city": "Bonn"}, version=1)
        hooks.patch(f"/v1/deals/{deal['id']}", {"title": "Chairs"}, version=1)
        hooks.client.delete(f"/v1/contacts/{contact['id']}", headers={"If-Match": "*"})
        until(lambda: about(receiver.got, contact))
        assert about(receiver.got, contact) == ["crm.contact.deleted.v1"]
        until(lambda: len(about(receiver.got, deal)) == 2)
        assert about(receiver.got, deal) == ["crm.deal.created.v1", "crm.deal.updated.v1"]


def test_changed_lets_only_updates_of_these_fields_through(hooks: Crm) -> None:
    with Receiver() as receiver, subscribed(hooks, receiver, "crm.contact.*", changed=["city"]):
        contact = hooks.create("contacts", **PERSON)
        hooks.patch(f"/v1/contacts/{contact['id']}", {"job_title": "Countess"}, version=1)
        hooks.patch(f"/v1/contacts/{contact['id']}", {"city": "Bonn"}, version=2)
        until(lambda: len(about(receiver.got, contact)) == 2)
        last = receiver.got[-1].event["data"]
        assert (last["version"], last["changed"]) == (3, ["city"])


def test_filters_are_those_of_the_list_and_are_asked_of_the_record(hooks: Crm) -> None:
    filters = {"contacts": {"country_code": ["AT", "CH"], "status": ["active"]}}
    with Receiver() as receiver, subscribed(hooks, receiver, "crm.contact.*", filters=filters):
        german = hooks.create("contacts", **PERSON, country_code="DE")
        swiss = hooks.create("contacts", **PERSON, country_code="CH")
        hooks.client.delete(f"/v1/contacts/{swiss['id']}", headers={"If-Match": "*"})
        hooks.client.post(f"/v1/contacts/{german['id']}/erasure", json={"reason": "requested"})
        until(lambda: about(receiver.got, german))
        until(lambda: len(about(receiver.got, swiss)) == 2)
        assert about(receiver.got, swiss) == ["crm.contact.created.v1", "crm.contact.deleted.v1"]
        assert about(receiver.got, german) == ["crm.contact.erased.v1"]


def test_a_filter_that_is_no_longer_valid_pauses_and_loses_nothing(hooks: Crm) -> None:
    segment = hooks.create("segments", name="Bonn", kind="filter", filter={"city": ["Bonn"]})
    filters = {"contacts": {"segment_id": [segment["id"]]}}
    with (
        Receiver() as receiver,
        subscribed(hooks, receiver, "crm.contact.*", filters=filters) as made,
    ):
        hooks.client.delete(f"/v1/segments/{segment['id']}", headers={"If-Match": "*"})
        contact = hooks.create("contacts", **PERSON, city="Bonn")
        until(lambda: read(hooks, made)["pause_reason"] == "filter_invalid")
        assert receiver.got == []
        assert change(hooks, made, is_active=True).status_code == 422
        assert change(hooks, made, is_active=True, filters={}).status_code == 200
        until(lambda: about(receiver.got, contact))


def test_a_segment_that_asks_for_more_later_tells_a_webhook_no_more_than_its_key_may_see(
    hooks: Crm,
) -> None:
    segment = hooks.create("segments", name="German", filter={"language": ["de"]})
    filters = {"contacts": {"segment_id": [segment["id"]]}}
    rights = ("contacts:read", "segments:read", "segments:write", "webhooks:manage")
    with Receiver() as receiver, hooks.client_with(*rights) as little:
        body = {"url": receiver.url, "event_types": ["crm.contact.*"], "filters": filters}
        made = little.post("/v1/webhooks", json=body).json()
        email = "ada.oracle@example.org"
        changed = hooks.patch(
            f"/v1/segments/{segment['id']}", {"filter": {"email": [email]}}, version=1
        )
        assert changed.status_code == 200, changed.text
        contact = hooks.create("contacts", **PERSON, email=email)
        until(lambda: read(hooks, made)["pause_reason"] == "filter_invalid")
        assert (receiver.got, log_of(hooks, made)) == ([], [])
        headers = {"If-Match": "*", "Content-Type": MERGE}
        resumed = little.patch(
            f"/v1/webhooks/{made['id']}", json={"is_active": True}, headers=headers
        )
        assert (resumed.status_code, resumed.json()["code"]) == (403, "scope_missing")
        shown = change(hooks, made, is_active=True)
        assert shown.json()["granted_by"] == hooks.key.split("_")[2]
        until(lambda: about(receiver.got, contact))
        unsubscribe(hooks, made)


@pytest.mark.parametrize("end", ["revoked", "narrowed"])
def test_a_webhook_ends_with_its_key_until_another_answers_for_it(hooks: Crm, end: str) -> None:
    with (
        Receiver() as receiver,
        hooks.client_with("contacts:read", "segments:read", "webhooks:manage") as little,
    ):
        body = {"url": receiver.url, "event_types": ["crm.contact.*"]}
        made = little.post("/v1/webhooks", json=body).json()
        key = f"/v1/keys/{made['key_id']}"
        if end == "revoked":
            assert hooks.client.delete(key).status_code == 204
            assert read(hooks, made)["pause_reason"] == "key_revoked"
        else:
            narrowed = hooks.patch(key, {"scopes": ["segments:read"]}, version=1)
            assert narrowed.status_code == 200, narrowed.text
        contact = hooks.create("contacts", **PERSON)
        until(lambda: read(hooks, made)["pause_reason"] == "key_revoked")
        assert (receiver.got, log_of(hooks, made)) == ([], [])
        assert change(hooks, made, is_active=True).status_code == 200
        until(lambda: about(receiver.got, contact))
        unsubscribe(hooks, made)


def test_nobody_hears_his_own_echo_if_he_asks_for_that(hooks: Crm) -> None:
    other_key = store_key(hooks.settings.database_url, scopes=SCOPES)
    third_key = store_key(hooks.settings.database_url, scopes=SCOPES)
    with (
        Receiver() as receiver,
        subscribed(hooks, receiver, skip_own=True, skip_keys=[third_key.split("_")[2]]),
        client(hooks.url, other_key) as other,
        client(hooks.url, third_key) as third,
    ):
        own = hooks.create("contacts", **PERSON)
        named = third.post("/v1/contacts", json={"kind": "person", "family_name": "Third"}).json()
        foreign = other.post("/v1/contacts", json={"kind": "person", "family_name": "Other"}).json()
        until(lambda: about(receiver.got, foreign))
        assert about(receiver.got, own) == about(receiver.got, named) == []


def test_a_rotated_secret_signs_beside_the_old_one_until_the_grace_ends(
    timed: Crm, clock: Clock
) -> None:
    with Receiver() as receiver, subscribed(timed, receiver) as made:
        rotated = timed.client.post(
            f"/v1/webhooks/{made['id']}/rotate-secret", json={"grace_seconds": 3600}
        ).json()
        assert rotated["secret"] != made["secret"]
        assert rotated["previous_secret_until"] is not None
        timed.create("contacts", **PERSON)
        until(lambda: receiver.got)
        (first,) = receiver.got
        for secret in (made["secret"], rotated["secret"]):
            Webhook(secret).verify(first.body, first.headers)
        clock.forward(seconds=3601)
        timed.create("contacts", **PERSON)
        until(lambda: len(receiver.got) == 2)
        last = receiver.got[-1]
        at = datetime.fromtimestamp(int(last.headers["webhook-timestamp"]), UTC)
        expected = Webhook(rotated["secret"]).sign(last.id, at, last.body.decode())
        assert last.headers["webhook-signature"] == expected
        assert read(timed, made)["previous_secret_until"] is None


def test_a_target_that_was_down_gets_everything_when_it_is_back(timed: Crm, clock: Clock) -> None:
    port = free_port()
    made = subscribe(timed, f"http://127.0.0.1:{port}/hook")
    contacts = [timed.create("contacts", **PERSON) for _ in range(6)]
    until(lambda: any(each["attempts"] for each in log_of(timed, made)))
    failed = [each for each in log_of(timed, made) if each["attempts"]]
    assert {each["attempts"][0]["error"] for each in failed} == {"connection_failed"}
    for _ in range(5):
        clock.forward(minutes=12)
        timed.create("contacts", **PERSON)
    assert read(timed, made)["failing_since"] is not None
    with Receiver(port=port) as receiver:

        def is_done() -> bool:
            clock.forward(minutes=5)
            return {each["status"] for each in log_of(timed, made)} == {"delivered"}

        until(is_done)
        assert all(about(receiver.taken, each) for each in contacts)
        assert len({got.id for got in receiver.taken}) == len(receiver.taken) == 11
        assert read(timed, made)["failing_since"] is None


def test_an_attempt_that_breaks_off_or_fails_is_made_again_with_the_same_id(
    timed: Crm, clock: Clock
) -> None:
    replies = iter([Reply(status=200, dies=True), Reply(500), Reply(302), Reply()])
    with Receiver(lambda *_: next(replies)) as receiver, subscribed(timed, receiver) as made:
        timed.create("contacts", **PERSON)
        for count, wait in enumerate((6, 400, 2100), start=1):
            until_tried(timed, made, count)
            clock.forward(seconds=wait)
        until(lambda: log_of(timed, made)[0]["status"] == "delivered")
        assert len({got.id for got in receiver.got}) == 1
        assert len({got.body for got in receiver.got}) == 1
        attempts = attempts_of(timed, made)
        assert [(each["status_code"], each["error"]) for each in attempts] == [
            (200, "answer_broken"),
            (500, "error_status"),
            (302, "redirected"),
            (204, None),
        ]


def test_the_schedule_is_kept_and_the_tenth_failure_is_the_last(timed: Crm, clock: Clock) -> None:
    expected = [5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))]
    with Receiver(lambda *_: Reply(404)) as receiver, subscribed(timed, receiver) as made:
        timed.create("contacts", **PERSON)
        for count, seconds in enumerate(expected, start=1):
            until_tried(timed, made, count)
            (entry,) = log_of(timed, made)
            last = datetime.fromisoformat(entry["attempts"][-1]["at"])
            wait = (datetime.fromisoformat(entry["next_attempt_at"]) - last).total_seconds()
            assert seconds <= wait <= seconds * 1.1 + 5
            clock.forward(seconds=seconds * 0.9)
            assert len(receiver.got) == count
            clock.forward(seconds=seconds * 0.2 + 1)
        until(lambda: log_of(timed, made)[0]["status"] == "failed")
        (entry,) = log_of(timed, made)
        assert (entry["attempt_count"], entry["next_attempt_at"]) == (10, None)
        shown = read(timed, made)
        assert (shown["is_active"], shown["pause_reason"]) == (False, "failing")


def test_a_paused_webhook_loses_nothing_and_is_resumed_by_a_patch(timed: Crm, clock: Clock) -> None:
    with Receiver(lambda *_: Reply(410)) as receiver, subscribed(timed, receiver) as made:
        first = timed.create("contacts", **PERSON)
        until(lambda: read(timed, made)["pause_reason"] == "gone")
        shown = read(timed, made)
        assert (shown["is_active"], shown["version"]) == (False, 2)
        assert shown["paused_at"] is not None
        second = timed.create("contacts", **PERSON)
        clock.forward(days=1)
        path = f"/v1/webhooks/{made['id']}"
        one = log_of(timed, made)[0]["id"]
        for refused in (
            timed.client.post(f"{path}/redeliver", json={"since": "2026-01-01T00:00:00Z"}),
            timed.client.post(f"{path}/deliveries/{one}/redeliver"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (409, "webhook_paused")
        assert len(receiver.got) == 1
        receiver.decide = lambda *_: Reply()
        resumed = change(timed, made, is_active=True).json()
        assert (resumed["paused_at"], resumed["pause_reason"]) == (None, None)
        until(lambda: about(receiver.taken, first) and about(receiver.taken, second))


def test_what_is_older_than_thirty_days_is_neither_sent_nor_kept(timed: Crm, clock: Clock) -> None:
    with Receiver() as receiver, subscribed(timed, receiver) as made:
        timed.create("contacts", **PERSON)
        until(lambda: receiver.got)
        change(timed, made, is_active=False)
        old = timed.create("contacts", **PERSON)
        clock.forward(days=29)
        assert len(log_of(timed, made)) == 1
        clock.forward(days=2)
        run_retention(timed)
        assert log_of(timed, made) == []
        change(timed, made, is_active=True)
        new = timed.create("contacts", **PERSON)
        until(lambda: about(receiver.got, new))
        assert about(receiver.got, old) == []


def test_a_target_that_asks_for_patience_gets_it(timed: Crm, clock: Clock) -> None:
    busy = Reply(429, headers={"Retry-After": "600"})
    with Receiver(lambda *_: busy) as receiver, subscribed(timed, receiver) as made:
        timed.create("contacts", **PERSON)
        until(lambda: attempts_of(timed, made))
        others = [timed.create("contacts", **PERSON) for _ in range(3)]
        receiver.decide = lambda *_: Reply()
        clock.forward(seconds=540)
        threading.Event().wait(0.2)
        assert len(receiver.got) == 1
        clock.forward(seconds=70)
        until(lambda: all(about(receiver.taken, each) for each in others))
        until(lambda: {each["status"] for each in log_of(timed, made)} == {"delivered"})


def test_a_target_that_fails_gets_one_attempt_at_a_time_and_ever_fewer(
    timed: Crm, clock: Clock
) -> None:
    with Receiver(lambda *_: Reply(503)) as receiver, subscribed(timed, receiver) as made:
        items = [{"action": "create", "data": ANYBODY}] * 40
        written = timed.client.post("/v1/contacts/batch", json={"items": items}).json()
        assert {each["status"] for each in written["items"]} == {201}
        until(lambda: len(log_of(timed, made, limit=200)) == 40)
        until_tried(timed, made, 4)
        for _ in range(6):
            until_tried(timed, made, len(receiver.got))
            seen = len(receiver.got)
            clock.forward(seconds=61)
            until_tried(timed, made, seen + 1)
        threading.Event().wait(0.2)
        assert len(receiver.got) <= 4 + 2 * 6


def test_a_slow_target_delays_no_other(hooks: Crm) -> None:
    with (
        Receiver(lambda *_: Reply(seconds=1.5)) as slow,
        Receiver() as quick,
        subscribed(hooks, slow),
        subscribed(hooks, quick),
    ):
        contacts = [hooks.create("contacts", **PERSON) for _ in range(12)]
        until(lambda: slow.got and all(about(quick.taken, each) for each in contacts))
        assert len(slow.got) <= 4
        assert slow.most_at_once <= 4
        assert quick.got[-1].at - slow.got[0].at < 1.4


def test_events_about_one_record_come_in_the_order_of_its_versions(hooks: Crm) -> None:
    with Receiver(lambda *_: Reply(seconds=random.random() / 50)) as receiver:
        with subscribed(hooks, receiver):
            contacts = [hooks.create("contacts", **PERSON) for _ in range(4)]
            for version in range(1, 8):
                for contact in contacts:
                    path = f"/v1/contacts/{contact['id']}"
                    hooks.patch(path, {"city": f"Bonn {version}"}, version=version)
            until(lambda: len(receiver.taken) == 32)
        for contact in contacts:
            of_one = [g.event for g in receiver.got if g.event["subject"].endswith(contact["id"])]
            assert [each["data"]["version"] for each in of_one] == list(range(1, 9))
        assert receiver.most_at_once > 1


def test_a_target_that_fails_at_random_gets_everything_in_the_end(timed: Crm, clock: Clock) -> None:
    dice = random.Random(7)

    def decide(*_: Any) -> Reply:
        return dice.choice([Reply(500), Reply(dies=True, status=200), Reply(), Reply(), Reply()])

    with Receiver(decide) as receiver, subscribed(timed, receiver) as made:
        for number in range(15):
            contact = timed.create("contacts", **PERSON)
            timed.patch(f"/v1/contacts/{contact['id']}", {"city": f"Bonn {number}"}, version=1)

        def is_done() -> bool:
            clock.forward(minutes=30)
            entries = log_of(timed, made, limit=200)
            return len(entries) == 30 and {each["status"] for each in entries} == {"delivered"}

        until(is_done, seconds=20)
        wanted = {each["id"] for each in told(timed, source="/crm")}
        assert {got.event["id"] for got in receiver.taken} == wanted
        ids: dict[str, set[str]] = {}
        for got in receiver.got:
            ids.setdefault(got.event["id"], set()).add(got.id)
        assert {len(each) for each in ids.values()} == {1}
        assert len({next(iter(each)) for each in ids.values()}) == 30


@pytest.mark.long
@pytest.mark.parametrize("kind", BOTH)
def test_a_killed_service_delivers_everything_after_its_restart(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHASEWISE_CRM_WEBHOOK_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setenv("PHASEWISE_CRM_WEBHOOK_POLL_SECONDS", "0.05")
    with durable_database(kind, tmp_path) as (url, _), Receiver() as receiver:
        migrating.upgrade("crm_api", url)
        key = store_key(url, scopes=SCOPES)
        receiver.decide = lambda *_: Reply(seconds=0.3)
        with Served(url, tmp_path) as served, client(served.url, key) as mine:
            made = mine.post(
                "/v1/webhooks", json={"url": receiver.url, "event_types": ["crm.contact.*"]}
            ).json()
            ids = [mine.post("/v1/contacts", json=ANYBODY).json()["id"] for _ in range(40)]
            until(lambda: receiver.at_once == 4)
            served.kill()
            before = {got.event["subject"] for got in receiver.got}
            assert 0 < len(before) < 40
            served.restart()
            until(lambda: len({got.event["subject"] for got in receiver.got}) == 40, seconds=30)
            until(lambda: not log_of_client(mine, made, status="pending"))
        assert {got.event["subject"].partition("/")[2] for got in receiver.taken} == set(ids)
        by_event = {got.event["id"]: got.id for got in receiver.got}
        assert all(got.id == by_event[got.event["id"]] for got in receiver.got)
        assert len(receiver.got) > 40  # what was broken off came again


def log_of_client(mine: httpx.Client, made: dict[str, Any], **query: Any) -> list[Any]:
    items: list[Any] = mine.get(f"/v1/webhooks/{made['id']}/deliveries", params=query).json()[
        "items"
    ]
    return items


def test_several_processes_deliver_everything_once_between_them(make_crm: MakeCrm) -> None:
    first = make_crm("postgresql", **QUICK)
    second_app = create_app(
        first.settings.model_copy(update={"data_dir": first.settings.data_dir / "second"})
    )
    with LiveServer(second_app) as second, Receiver() as one, Receiver() as other:
        for receiver in (one, other):
            subscribe(first, receiver.url)
        with client(second.url, first.key) as mine:
            for number in range(30):
                writer = mine if number % 2 else first.client
                assert writer.post("/v1/contacts", json=ANYBODY).status_code == 201
        until(lambda: len(one.taken) >= 30 and len(other.taken) >= 30)
        for receiver in (one, other):
            assert len({got.event["id"] for got in receiver.got}) == len(receiver.got) == 30


def test_a_delivery_can_be_sent_again_one_by_one_or_all_that_failed(
    timed: Crm, clock: Clock
) -> None:
    with Receiver() as receiver, subscribed(timed, receiver) as made:
        path = f"/v1/webhooks/{made['id']}"
        timed.create("contacts", **PERSON)
        until(lambda: [each for each in log_of(timed, made) if each["status"] == "delivered"])
        (entry,) = log_of(timed, made)
        again = timed.client.post(f"{path}/deliveries/{entry['id']}/redeliver")
        assert (again.status_code, again.json()["status"]) == (200, "pending")
        until(lambda: len(receiver.got) == 2)
        assert receiver.got[0].id == receiver.got[1].id
        receiver.decide = lambda *_: Reply(400)
        for _ in range(2):
            timed.create("contacts", **PERSON)

        def both_failed() -> bool:
            clock.forward(seconds=2)
            return sum(bool(each["attempts"]) for each in log_of(timed, made)) == 3

        until(both_failed)
        since = "2026-01-01T00:00:00Z"
        body = timed.client.post(f"{path}/redeliver", json={"since": since}).json()
        assert body == {"redelivered_count": 2, "has_more": False}
        receiver.decide = lambda *_: Reply()  # not before: one that is due would be sent by itself

        def all_delivered() -> bool:
            clock.forward(minutes=6)
            return {each["status"] for each in log_of(timed, made)} == {"delivered"}

        until(all_delivered)
        missing = "01977b3a-5c00-7000-8000-000000000001"
        assert timed.client.post(f"{path}/deliveries/{missing}/redeliver").status_code == 404


def test_the_log_is_filtered_and_paged(hooks: Crm) -> None:
    with Receiver() as receiver, subscribed(hooks, receiver) as made:
        for _ in range(3):
            contact = hooks.create("contacts", **PERSON)
            hooks.patch(f"/v1/contacts/{contact['id']}", {"city": "Bonn"}, version=1)
        until(lambda: len(log_of(hooks, made, status="delivered")) == 6)
        whole = log_of(hooks, made)
        assert [each["created_at"] for each in whole] == sorted(
            (each["created_at"] for each in whole), reverse=True
        )
        assert len(log_of(hooks, made, event_type="crm.contact.updated.v1")) == 3
        assert log_of(hooks, made, status="failed") == []
        assert log_of(hooks, made, created_at_lt=whole[-1]["created_at"]) == []
        assert log_of(hooks, made, created_at_gte=whole[-1]["created_at"]) == whole
        found, path = [], f"/v1/webhooks/{made['id']}/deliveries?limit=4"
        while path:
            page = hooks.client.get(path).json()
            found += page["items"]
            path = page.get("next")
        assert found == whole
        wrong = hooks.client.get(f"/v1/webhooks/{made['id']}/deliveries", params={"state": "x"})
        assert wrong.status_code == 422


def test_a_test_event_is_sent_at_once_and_its_fate_is_told(hooks: Crm) -> None:
    with Receiver() as receiver, subscribed(hooks, receiver, is_active=False) as made:
        path = f"/v1/webhooks/{made['id']}/test"
        good = hooks.client.post(path).json()
        assert (good["is_delivered"], good["attempt"]["status_code"]) == (True, 204)
        (got,) = receiver.got
        event = Webhook(made["secret"]).verify(got.body, got.headers)
        assert (event["type"], event["subject"]) == (
            "crm.webhook.test.v1",
            f"webhooks/{made['id']}",
        )
        receiver.decide = lambda *_: Reply(500, body=b"the secret plans")
        bad = hooks.client.post(path)
        assert bad.json()["attempt"]["error"] == "error_status"
        assert "secret plans" not in bad.text
        assert log_of(hooks, made) == []


def test_an_answer_that_never_ends_is_not_read_to_its_end(hooks: Crm) -> None:
    endless = Reply(200, body=b"x" * 50_000_000)
    with (
        Receiver(lambda *_: endless) as receiver,
        subscribed(hooks, receiver, is_active=False) as made,
    ):
        told_of = hooks.client.post(f"/v1/webhooks/{made['id']}/test").json()
        assert told_of["is_delivered"] is True
        assert told_of["attempt"]["duration_ms"] < 1000


def test_webhooks_are_made_read_listed_changed_and_deleted(hooks: Crm) -> None:
    made = [
        subscribe(hooks, f"http://127.0.0.1:9/{number}", is_active=False) for number in range(3)
    ]
    secrets = [each.pop("secret") for each in made]
    assert len(set(secrets)) == 3
    assert all(secret.startswith("whsec_") for secret in secrets)
    listed, path = [], "/v1/webhooks?limit=2"
    while path:
        page = hooks.client.get(path)
        assert not any(secret in page.text for secret in secrets)
        listed += page.json()["items"]
        path = page.json().get("next")
    assert [each["id"] for each in listed] == [each["id"] for each in reversed(made)]
    assert listed[-1] == made[0] == read(hooks, made[0])
    path = f"/v1/webhooks/{made[0]['id']}"
    changed = hooks.patch(path, {"description": "Other", "changed": ["city"]}, version=1)
    assert changed.json() == {
        **made[0],
        "description": "Other",
        "changed": ["city"],
        "version": 2,
        "updated_at": changed.json()["updated_at"],
    }
    assert changed.headers["etag"] == '"2"'
    assert hooks.patch(path, {"description": None}, version=1).status_code == 412
    assert hooks.client.patch(path, json={}, headers={"Content-Type": MERGE}).status_code == 428
    assert hooks.client.delete(path).status_code == 428
    for each in made:
        unsubscribe(hooks, each)
        assert hooks.client.get(f"/v1/webhooks/{each['id']}").status_code == 404
    assert hooks.client.delete(path, headers={"If-Match": "*"}).status_code == 404


def test_a_request_that_comes_again_makes_no_second_webhook_and_keeps_no_secret(hooks: Crm) -> None:
    body = {"url": "http://127.0.0.1:9/", "event_types": ["crm.deal.*"], "is_active": False}
    headers = {"Idempotency-Key": "once-only"}
    first = hooks.client.post("/v1/webhooks", json=body, headers=headers)
    again = hooks.client.post("/v1/webhooks", json=body, headers=headers)
    assert again.json() == {**first.json(), "secret": None}
    other = hooks.client.post("/v1/webhooks", json={**body, "skip_own": True}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"
    unsubscribe(hooks, first.json())


def test_a_deleted_webhook_gets_nothing_more_and_its_log_goes(timed: Crm, clock: Clock) -> None:
    with Receiver() as receiver:
        made = subscribe(timed, receiver.url)
        timed.create("contacts", **PERSON)
        until(lambda: receiver.got)
        unsubscribe(timed, made)
        timed.create("contacts", **PERSON)
        clock.forward(hours=2)
        last = subscribe(timed, receiver.url)
        contact = timed.create("contacts", **PERSON)
        until(lambda: about(receiver.got, contact))
        assert len(receiver.got) == 2
        assert timed.client.get(f"/v1/webhooks/{made['id']}/deliveries").status_code == 404
        assert len(log_of(timed, last)) == 1


def test_nobody_subscribes_to_what_his_key_may_not_read(hooks: Crm) -> None:
    body = {"url": "http://127.0.0.1:9/", "event_types": ["crm.contact.*"], "is_active": False}
    with hooks.client_with("webhooks:manage", "contacts:read") as little:
        made = little.post("/v1/webhooks", json=body)
        assert made.status_code == 201
        for types in (["crm.deal.*"], ["crm.contact.*", "crm.pipeline.updated.v1"]):
            refused = little.post("/v1/webhooks", json={**body, "event_types": types})
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_held")
        personal = {"contacts": {"email": ["ada@example.org"]}}
        spied = little.post("/v1/webhooks", json={**body, "filters": personal})
        assert (spied.status_code, spied.json()["code"]) == (403, "scope_missing")
        foreign = subscribe(hooks, "http://127.0.0.1:9/", "crm.deal.*", is_active=False)
        path = f"/v1/webhooks/{foreign['id']}"
        headers = {"If-Match": "*", "Content-Type": MERGE}
        stolen = little.patch(path, json={"url": "http://127.0.0.1:10/"}, headers=headers)
        assert stolen.json()["code"] == "scope_not_held"
        turned = little.post(f"{path}/rotate-secret", json={"grace_seconds": 0})
        assert turned.json()["code"] == "scope_not_held"
        for each in (made.json(), foreign):
            unsubscribe(hooks, each)
    with hooks.client_with("contacts:read", "deals:read") as none:
        for answer in (
            none.get("/v1/webhooks"),
            none.post("/v1/webhooks", json=body),
            none.post(f"{path}/test"),
            none.get(f"{path}/deliveries"),
        ):
            assert answer.status_code == 403


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"event_types": ["crm.person.created.v1"]}, "/body/event_types/0"),
        ({"event_types": ["crm.deal.merged.v1"]}, "/body/event_types/0"),
        ({"event_types": []}, "/body/event_types"),
        ({"filters": {"deals": {"stage": ["won"]}}}, "/body/filters/deals"),
        ({"filters": {"contacts": {"colour": ["red"]}}}, "/body/filters/contacts/colour"),
        ({"filters": {"contacts": {"custom.wood": ["oak"]}}}, "/body/filters/contacts/custom.wood"),
        ({"filters": {"orders": {}}}, "/body/filters/orders"),
        ({"changed": ["nope"]}, "/body/changed/0"),
        ({"changed": ["city", "stage"]}, "/body/changed/1"),
        ({"changed": ["acquisition_cost_minor"]}, "/body/changed/0"),
        ({"changed": ["updated_at"]}, "/body/changed/0"),
        ({"secret": "whsec_mine"}, "/body/secret"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused_with_the_field(
    service: Crm, fields: dict[str, Any], pointer: str
) -> None:
    body = {"url": "https://hooks.example.org/", "event_types": ["crm.contact.*"], **fields}
    answer = service.client.post("/v1/webhooks", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_field_that_no_event_names_is_answered_with_the_one_that_was_meant(hooks: Crm) -> None:
    fields = {"event_types": ["crm.contact.*", "crm.deal.*"], "is_active": False}
    body = {"url": "http://127.0.0.1:9/", **fields, "changed": ["city", "stage", "amount"]}
    made = hooks.client.post("/v1/webhooks", json=body)
    assert made.status_code == 201, made.text
    path = f"/v1/webhooks/{made.json()['id']}"
    found = problem(hooks.patch(path, {"changed": ["stages"]}, version=1), 422)
    assert "did you mean `stage`" in found["errors"][0]["message"]
    found = problem(hooks.patch(path, {"event_types": ["crm.contact.*"]}, version=1), 422)
    assert [each["pointer"] for each in found["errors"]] == ["/body/changed/1", "/body/changed/2"]


REFUSED = (
    *("http://example.org/", "https://example.org:22/", "https://example.org:80/"),
    *("https://anna:secret@example.org/", "https://anna@example.org/", "https://@example.org/"),
    *("https://example.org/#part", "https://", "https:///path", "ftp://example.org/"),
    *("https://127.0.0.1/", "https://localhost/", "https://0.0.0.0/", "https://127.1/"),
    *("https://2130706433/", "https://0177.0.0.1/", "https://0x7f000001/", "https://0x7f.1/"),
    *("https://10.0.0.8/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/"),
    *("https://169.254.169.254/latest/meta-data/", "https://192.0.2.1/", "https://198.18.0.1/"),
    *("https://224.0.0.1/", "https://255.255.255.255/", "https://240.0.0.1/"),
    *("https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/"),
    *("https://[fe80::1]/", "https://[fc00::1]/", "https://[fec0::1]/", "https://[ff02::1]/"),
    *("https://[64:ff9b::7f00:1]/", "https://[64:ff9b::a00:1]/", "https://[64:ff9b:1::1]/"),
    *("https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::]/", "https://[2001::1]/"),
    *("https://[2001:db8::1]/", "https://[::ffff:0:7f00:1]/", "https://127.0.0.1.:443/"),
)


@pytest.mark.parametrize("url", REFUSED)
def test_no_url_that_leads_inside_is_taken(service: Crm, url: str) -> None:
    answer = service.client.post(
        "/v1/webhooks", json={"url": url, "event_types": ["crm.contact.*"]}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/body/url"
    assert url not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        *("https://8.8.8.8/", "https://[2606:4700::1111]:8443/x", "https://[64:ff9b::808:808]/"),
        "https://not-there-yet.invalid/hook",
    ],
)
def test_a_public_target_is_taken(service: Crm, url: str) -> None:
    made = subscribe(service, url, is_active=False)
    assert made["url"] == url
    unsubscribe(service, made)


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the name hooks.example.test stand for other addresses each time that it is looked up."""
    real = socket.getaddrinfo
    asked: list[str] = []

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "hooks.example.test":
            return real(host, port, *rest, **more)
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_with_one_address_inside_is_refused(
    service: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    answer = service.client.post(
        "/v1/webhooks",
        json={"url": "https://hooks.example.test/", "event_types": ["crm.contact.*"]},
    )
    assert answer.json()["errors"][0]["code"] == "address_not_allowed"


def test_a_name_that_changes_its_address_after_the_check_reaches_nothing(
    service: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    made = subscribe(service, "https://hooks.example.test/", is_active=False)
    answer = service.client.post(f"/v1/webhooks/{made['id']}/test").json()
    assert answer["attempt"]["error"] == "address_not_allowed"
    assert asked == ["hooks.example.test"] * 2
    unsubscribe(service, made)


def certificate_of(name: str, folder: Path) -> tuple[Path, Path]:
    """Make a certificate for a name that only who is told to will trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, secret)
    )
    return folder / "cert.pem", folder / "key.pem"


def test_the_connection_goes_to_the_address_and_host_and_certificate_are_of_the_name(
    make_crm: MakeCrm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate_of("hooks.example.test", tmp_path)
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.sni_callback = lambda _, name, __: asked.append(name)
    names(monkeypatch, ["127.0.0.1"])
    with Receiver(tls=context) as receiver:
        url = f"https://hooks.example.test:{receiver.port}/hook"
        distrusting = make_crm("sqlite", **QUICK)
        made = subscribe(distrusting, url, is_active=False)
        answer = distrusting.client.post(f"/v1/webhooks/{made['id']}/test").json()
        assert answer["attempt"]["error"] == "tls_failed"
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        trusting = make_crm("sqlite", **QUICK)
        for address, error in ((url, None), (url.replace("hooks.example.test", "127.0.0.1"), 1)):
            made = subscribe(trusting, address, is_active=False)
            attempt = trusting.client.post(f"/v1/webhooks/{made['id']}/test").json()["attempt"]
            assert attempt["error"] == (error and "tls_failed")
        (got,) = receiver.got
        assert got.headers["host"] == f"hooks.example.test:{receiver.port}"
        assert asked[1] == "hooks.example.test"


def test_a_redirect_inside_is_not_followed(hooks: Crm) -> None:
    with Receiver() as inside, Receiver() as outside, subscribed(hooks, outside) as made:
        outside.decide = lambda *_: Reply(302, headers={"Location": inside.url})
        answer = hooks.client.post(f"/v1/webhooks/{made['id']}/test").json()
        assert answer["attempt"] | {"at": 0, "duration_ms": 0} == {
            "at": 0,
            "status_code": 302,
            "duration_ms": 0,
            "error": "redirected",
        }
        assert inside.got == []


def test_only_the_networks_of_the_settings_are_reached_besides(hooks: Crm) -> None:
    for url in ("http://10.0.0.8/", "https://[::1]/", "http://8.8.8.8/", "https://8.8.8.8:8000/"):
        answer = hooks.client.post(
            "/v1/webhooks", json={"url": url, "event_types": ["crm.contact.*"]}
        )
        assert answer.json()["errors"][0]["code"] == "address_not_allowed"


def test_there_is_a_most_of_webhooks(make_crm: MakeCrm) -> None:
    crm = make_crm("sqlite", **QUICK)
    for number in range(50):
        last = subscribe(crm, f"http://127.0.0.1:9/{number}", is_active=False)
    body = {"url": "http://127.0.0.1:9/", "event_types": ["crm.contact.*"]}
    answer = crm.client.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
    unsubscribe(crm, last)
    assert crm.client.post("/v1/webhooks", json=body).status_code == 201


def test_there_are_events_of_every_resource() -> None:
    create_app(Settings(crm_database_url="sqlite:///never-opened.sqlite3"))  # knows all resources
    assert set(schemas.RESOURCES) == set(RESOURCES)


def test_what_was_sent_goes_after_a_month_and_at_once_with_its_webhook(
    timed: Crm, clock: Clock
) -> None:
    with Receiver() as receiver:
        kept, gone = (subscribe(timed, receiver.url) for _ in range(2))
        timed.create("contacts", **ANYBODY)
        until(lambda: len(receiver.got) == 2)
        until(lambda: log_of(timed, kept)[0]["status"] == "delivered")
        unsubscribe(timed, gone)
        done = run_retention(timed)
        assert (done["webhook_deliveries"]["count"], done["webhooks"]["examples"]) == (
            1,
            [gone["id"]],
        )
        clock.forward(days=29)
        assert run_retention(timed) == {}
        assert len(log_of(timed, kept)) == 1
        clock.forward(days=2)
        assert run_retention(timed)["webhook_deliveries"]["count"] == 1
        assert log_of(timed, kept) == []
        assert timed.client.get(f"/v1/webhooks/{kept['id']}").status_code == 200
