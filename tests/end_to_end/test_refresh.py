"""Refreshing: the feed leads to the same numbers as reading all, and what fails leaves no trace."""

import shutil
import signal
import time
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.analytics import changing, store
from services.analytics.refresh import STAGES
from tests.conftest import BOTH, Crm
from tests.end_to_end.conftest import Analytics, MakeAnalytics

AS_OF = date(2026, 1, 31)
# What is computed of the same records is the same on both databases: `test_publishing` stores it.
ON_SQLITE = pytest.mark.parametrize("crm", ["sqlite"], indirect=True)


class Killed(BaseException):
    """Stands for a process that ends at once."""


def sell(crm: Crm, contact_id: str, day: str, amount: str = "100.00", **fields: Any) -> Any:
    money = {"amount": amount, "currency": "EUR"}
    return crm.create(
        "deals",
        contact_id=contact_id,
        stage="won",
        amount=money,
        closed_at=f"{day}T10:00:00Z",
        **fields,
    )


def make_reachable(crm: Crm, contact_id: str) -> None:
    """Let a contact agree to e-mail, in both steps that it takes."""
    for action in ("granted", "confirmed"):
        body = {"channel": "email", "action": action, "occurred_at": "2025-01-02T10:00:00Z"}
        answer = crm.client.post(f"/v1/contacts/{contact_id}/consents", json=body)
        assert answer.status_code == 201, answer.text


def fill(crm: Crm) -> list[str]:
    """Enter some customers with purchases, a lead and an organisation with a person."""
    firm = crm.create("contacts", kind="organisation", name="Weber GmbH")["id"]
    person = crm.create("contacts", kind="person", name="Weber", parent_id=firm)["id"]
    ids = [crm.create("contacts", kind="person", name="Weber")["id"] for _ in range(6)]
    sell(crm, person, "2025-03-01")
    for place, contact_id in enumerate(ids[:-1]):
        for month in range(1, 3 + 2 * place):
            sell(crm, contact_id, f"2025-{month:02}-1{place}", f"{20 * month}.50")
    return [*ids, firm]


def test_following_the_feed_ends_as_reading_everything_does(
    crm: Crm, analytics: Analytics, make_analytics: MakeAnalytics
) -> None:
    ids = fill(crm)
    analytics.published()
    crm.patch(f"/v1/contacts/{ids[0]}", {"city": "Ulm"}, version="*")
    deal = sell(crm, ids[1], "2026-01-05")
    gone = sell(crm, ids[2], "2026-01-06")
    crm.patch(f"/v1/deals/{deal['id']}", {"cost": {"amount": "1.00", "currency": "EUR"}}, version=1)
    for path in (f"/v1/deals/{gone['id']}", f"/v1/contacts/{ids[3]}", f"/v1/contacts/{ids[4]}"):
        assert crm.client.delete(path, headers={"If-Match": "*"}).status_code == 204
    assert crm.client.post(f"/v1/contacts/{ids[4]}/restore").status_code == 200
    crm.create("interactions", contact_id=ids[0], kind="call", occurred_at="2026-01-07T10:00:00Z")
    followed = analytics.published()
    other = make_analytics(crm)
    loaded = other.published()
    assert analytics.rows(followed) == other.rows(loaded)
    assert analytics.mirror_records() == other.mirror_records()


def test_what_follows_from_changes_alone_is_what_computing_everything_gives(
    crm: Crm, analytics: Analytics, make_analytics: MakeAnalytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)  # of so few customers any is a tenth
    ids, keeping = fill(crm), {"estimates_kept_from_contacts": 0}
    other = make_analytics(crm)
    for side in (analytics, other):
        side.published(**keeping)
    answer = {"If-Match": "*"}
    sell(crm, ids[0], "2026-01-05", "77.77")
    crm.create("interactions", contact_id=ids[1], kind="call", occurred_at="2026-01-07T10:00:00Z")
    for path, body in (
        (f"/v1/contacts/{ids[2]}/merge", {"duplicate_id": ids[3]}),
        (f"/v1/contacts/{ids[4]}/erasure", {"reason": "requested"}),
    ):
        assert crm.client.post(path, json=body, headers=answer).is_success
    versions = [analytics.published(**keeping)]
    shutil.rmtree(other.settings.data_dir / "ledger")
    versions.append(other.published(**keeping))
    rows = [side.rows(version) for side, version in zip((analytics, other), versions, strict=True)]
    assert [{**row, "number": None} for row in rows[0]] == [
        {**row, "number": None} for row in rows[1]
    ]
    assert {ids.index(row["unit_id"]) for row in rows[0]} == {0, 1, 2, 6}
    newest = [side.on_database(store.newest_version) for side in (analytics, other)]
    # Changes go into the table that is shown, everything into the other one.
    assert [each["slot"] for each in newest] == ["a", "b"]
    for name in ("summary", "standing", "data_gaps", "customer_count"):
        assert newest[0][name] == newest[1][name], name


@ON_SQLITE
def test_what_is_estimated_anew_changes_everybody_however_little_has_changed(
    crm: Crm, analytics: Analytics, make_analytics: MakeAnalytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)  # of so few customers any is a tenth
    ids = fill(crm)
    before = analytics.rows(analytics.published())
    sell(crm, ids[0], "2026-01-05", "77.77")
    followed = analytics.rows(analytics.published())
    other = make_analytics(crm)
    assert followed == other.rows(other.published())
    changed = [row["unit_id"] for row, old in zip(followed, before, strict=True) if row != old]
    assert len(changed) > 1


def test_nothing_new_publishes_nothing_new(crm: Crm, analytics: Analytics) -> None:
    fill(crm)
    assert analytics.published() == analytics.published()


@ON_SQLITE
def test_as_of_uses_only_what_was_knowable_on_that_day(
    crm: Crm, analytics: Analytics, make_crm: Any, make_analytics: MakeAnalytics
) -> None:
    earlier = make_crm("sqlite")
    totals = []
    for service, knows_more in ((crm, True), (earlier, False)):
        contact = service.create("contacts", kind="person", name="Weber")["id"]
        deal = sell(service, contact, "2025-06-01")
        sell(service, contact, "2025-07-01")
        if knows_more:
            sell(service, contact, "2025-12-01")
            late = {
                "refund": {"amount": "100.00", "currency": "EUR"},
                "refunded_at": "2025-12-02T10:00:00Z",
            }
            service.patch(f"/v1/deals/{deal['id']}", late, version=1)
        side = analytics if knows_more else make_analytics(service)
        version = side.published(as_of=date(2025, 8, 1))
        (row,) = side.rows(version)
        totals.append({k: v for k, v in row.items() if not k.endswith("_id")})
    assert totals[0] == totals[1]
    assert totals[0]["purchase_count"] == 2


@ON_SQLITE
def test_a_refresh_that_ends_while_it_looks_back_has_published_and_the_next_one_brings_the_card(
    crm: Crm, analytics: Analytics
) -> None:
    fill(crm)

    def die(now: str, _: float) -> None:
        if now == "looking_back":
            raise Killed

    with pytest.raises(Killed):
        analytics.refresh(show=die)
    first = analytics.get("/v1/summary")["model_version"]
    before = analytics.rows(first)
    second = analytics.published()
    assert analytics.rows(second) == before
    time.sleep(1.1)  # a publication is remembered for a second
    assert analytics.get("/v1/models/latest")["model_version"] == second


def on_database(*before_publishing: str) -> list[tuple[str, str]]:
    """Name stages with the databases to try them on: only publishing writes customers into one."""
    return [*(("sqlite", stage) for stage in before_publishing), *((k, "publishing") for k in BOTH)]


@pytest.mark.parametrize(
    ("crm", "stage"),
    on_database(*(stage for stage in STAGES if stage not in ("publishing", "looking_back"))),
    indirect=["crm"],
)
def test_a_refresh_that_ends_at_a_stage_leaves_the_last_version_and_the_next_one_is_whole(
    crm: Crm, analytics: Analytics, make_analytics: MakeAnalytics, stage: str
) -> None:
    ids = fill(crm)
    first = analytics.published()
    before = analytics.rows(first)
    sell(crm, ids[0], "2026-01-20")

    def die(now: str, _: float) -> None:
        if now == stage:
            raise Killed

    with pytest.raises(Killed):
        analytics.refresh(show=die)
    assert analytics.get("/v1/summary")["model_version"] == first
    assert analytics.rows(first) == before
    second = analytics.published()
    undisturbed = make_analytics(crm)
    clean = undisturbed.rows(undisturbed.published())
    assert analytics.rows(second) == clean
    assert analytics.mirror_records() == undisturbed.mirror_records()
    ended = [(r["status"], r["failure"]) for r in analytics.get("/v1/refreshes")["items"]]
    assert ("failed", "interrupted") in ended


@pytest.mark.parametrize(("crm", "stage"), on_database("reading crm"), indirect=["crm"])
def test_a_killed_process_leaves_the_last_version_and_the_next_run_is_whole(
    crm: Crm, analytics: Analytics, make_analytics: MakeAnalytics, stage: str
) -> None:
    ids = fill(crm)
    first = analytics.published()
    sell(crm, ids[0], "2026-01-20")
    process = analytics.start_refresh()
    assert process.stderr is not None
    for line in process.stderr:
        if stage in line:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(30) == -signal.SIGKILL
    newest = analytics.get("/v1/summary")["model_version"]
    assert newest in (first, first + 1)  # it may have been done before the signal came
    second = analytics.published()
    undisturbed = make_analytics(crm)
    clean = undisturbed.rows(undisturbed.published())
    assert analytics.rows(second) == clean


def test_while_the_crm_is_down_the_last_version_is_served_and_says_so(
    crm: Crm, analytics: Analytics
) -> None:
    fill(crm)
    version = analytics.published()
    crm.stop()
    failed = analytics.refresh()
    assert (failed["status"], failed["failure"]) == ("failed", "crm_unavailable")
    time.sleep(1.1)  # a publication is remembered for a second
    summary = analytics.get("/v1/summary")
    assert summary["model_version"] == version
    assert (summary["is_stale"], summary["stale_reason"]) == (True, "crm_unavailable")
    assert summary["as_of"] == AS_OF.isoformat()
    assert analytics.get("/v1/customers")["items"]
    crm.start()
    analytics.published(crm_url=crm.url)
    time.sleep(1.1)
    assert analytics.get("/v1/summary")["is_stale"] is False


def test_before_the_first_version_the_answer_is_503_with_a_time_to_come_back(
    crm: Crm, analytics: Analytics
) -> None:
    answer: httpx.Response = analytics.client.get("/v1/summary")
    assert answer.status_code == 503
    assert answer.json()["code"] == "not_computed_yet"
    assert int(answer.headers["retry-after"]) > 0


def test_analytics_keeps_nothing_personal(crm: Crm, analytics: Analytics, tmp_path: Path) -> None:
    canary = "Kanarienvogel"
    contact = crm.create("contacts", kind="person", name=canary, email="kanarienvogel@example.org")
    sell(crm, contact["id"], "2025-03-01", title=canary)
    crm.create(
        "interactions",
        contact_id=contact["id"],
        kind="note",
        occurred_at="2025-03-01T10:00:00Z",
        subject=canary,
        body=canary,
    )
    version = analytics.published()
    kept = repr(analytics.rows(version)) + analytics.client.get("/v1/customers").text
    files = b"".join(
        path.read_bytes() for path in analytics.settings.data_dir.rglob("*") if path.is_file()
    )
    assert canary.lower() not in kept.lower()
    assert canary.lower().encode() not in files.lower()
