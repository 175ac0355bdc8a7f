"""The demo base, imported through the API, computed, and read page by page."""

import math
import re
from typing import Any

import pytest

from services.local.demo import load
from services.local.demo.invented.generating import tell_all
from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, feed
from tests.end_to_end.conftest import Analytics, kind_of

Demo = tuple[Crm, Analytics]
SCORES = {
    "value": ("value", "clv_365"),
    "churn": ("churn", "probability"),
    "value_at_risk": ("churn", "value_at_risk"),
}


def number_of(value: Any) -> float | None:
    return None if value is None else float(value["amount"] if isinstance(value, dict) else value)


def score_of(item: dict[str, Any], sort: str) -> float | None:
    group, name = SCORES[sort.lstrip("-")]
    return number_of(item[group][name])


def is_mixed(crm: Crm) -> bool:
    return kind_of(crm) == "postgresql"


def customer_count(crm: Crm) -> int:
    return 2357 + (len(tell_all()) if is_mixed(crm) else 0)


def test_loading_gives_every_record_once_and_importing_again_changes_nothing(demo: Demo) -> None:
    crm, _ = demo
    stories = [each.story for each in tell_all()] if is_mixed(crm) else []
    for plural, count in (
        ("contacts", 2357 + sum(len(story.contacts) for story in stories)),
        ("deals", 6919 + sum(len(story.deals) for story in stories)),
        ("interactions", sum(len(story.interactions) for story in stories)),
    ):
        assert len(crm.client.get(f"/v1/exports/{plural}").text.splitlines()) == count
    _, before = feed(crm.client)
    load.import_log(crm.client, lambda _: None)
    assert crm.client.get("/v1/imports?limit=1").json()["items"][0]["created_count"] == 0
    assert feed(crm.client)[1] == before


def test_loading_the_demo_again_imports_nothing(demo: Demo) -> None:
    crm, _ = demo
    said: list[str] = []
    load.load_demo(crm.url, crm.key, say=said.append, with_invented=is_mixed(crm))
    assert said == []


def test_the_summary_is_the_sum_of_all_pages(demo: Demo) -> None:
    crm, analytics = demo
    summary = analytics.get("/v1/summary")
    assert summary["as_of"] == load.AS_OF
    assert summary["currency"] == load.CURRENCY
    assert summary["model"]["basis"] == "fitted"
    items = all_pages(analytics.client, "/v1/customers?limit=200")
    assert len({item["unit_id"] for item in items}) == len(items) == customer_count(crm)
    scored = [item for item in items if item["state"] is not None]  # the others object to it
    # Of the invented so many object that they are in the total, which tells nobody's numbers by that.
    assert summary["total"]["customer_count"] == len(items)
    assert len(items) - len(scored) == (6 if is_mixed(crm) else 0)
    groups = [] if is_mixed(crm) else [("total", summary["total"], items)]
    for name in ("phase", "state"):
        for sums in summary[f"{name}s"]:
            members = [item for item in items if item[name] == sums[name]]
            groups.append((sums[name], sums, members))
        assert sum(sums["customer_count"] for sums in summary[f"{name}s"]) == len(scored)
    for name, sums, members in groups:
        assert sums["customer_count"] == len(members), name
        for score in ("historic_value", "clv_365", "clv_1095", "value_at_risk"):
            where = "churn" if score == "value_at_risk" else "value"
            total = sum(number_of(item[where][score]) or 0.0 for item in members)
            assert float(sums[score]["amount"]) == pytest.approx(total, abs=0.005 * len(members))
        known = [item["churn"]["probability"] for item in members if item["churn"]["probability"]]
        mean = sum(known) / len(known) if known else None
        assert sums["mean_churn_probability"] == (mean if mean is None else pytest.approx(mean))


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("score", SCORES)
def test_every_order_is_right_and_shows_every_customer_once(
    demo: Demo, score: str, direction: str
) -> None:
    crm, analytics = demo
    sort = direction + score
    items = all_pages(analytics.client, f"/v1/customers?sort={sort}&limit=97")
    assert len({item["unit_id"] for item in items}) == len(items) == customer_count(crm)
    scores = [score_of(item, sort) for item in items]
    # A lead has no value yet, and counts as the lowest.
    lowest_first = [-math.inf if score is None else score for score in scores]
    assert lowest_first == sorted(lowest_first, reverse=bool(direction))


@pytest.mark.parametrize("limit", [1, 200])
def test_a_filter_shows_what_the_summary_counts(demo: Demo, limit: int) -> None:
    _, analytics = demo
    summary = analytics.get("/v1/summary")
    for name in ("phase", "state"):
        counts = {sums[name]: sums["customer_count"] for sums in summary[f"{name}s"]}
        if limit == 1:
            counts = {word: count for word, count in counts.items() if count < 60}
        for word, count in counts.items():
            path = f"/v1/customers?{name}={word}&limit={limit}&sort=-churn"
            items = all_pages(analytics.client, path)
            assert {item[name] for item in items} == {word}
            assert len(items) == len({item["unit_id"] for item in items}) == count
    both = all_pages(analytics.client, "/v1/customers?state=new&state=developing&limit=200")
    words = {sums["state"]: sums["customer_count"] for sums in summary["states"]}
    assert len(both) == words.get("new", 0) + words.get("developing", 0)
    assert all_pages(analytics.client, "/v1/customers?phase=winback&state=retained") == []
    assert all_pages(analytics.client, "/v1/customers?state=excluded") == []


def test_a_cursor_is_bound_to_its_filters_and_order(demo: Demo) -> None:
    _, analytics = demo
    following = analytics.get("/v1/customers?limit=2&sort=value")["next"]
    foreign = following.replace("sort=value", "sort=-value")
    assert foreign != following
    assert analytics.get(foreign, 422)["errors"][0]["code"] == "foreign_cursor"


def sample(analytics: Analytics) -> list[dict[str, Any]]:
    """Return customers of every state, the first and the last by each order."""
    states = [sums["state"] for sums in analytics.get("/v1/summary")["states"]]
    paths = [f"/v1/customers?state={state}&limit=4&sort=-churn" for state in states]
    paths += [f"/v1/customers?limit=4&sort={sign}{score}" for sign in ("", "-") for score in SCORES]
    found = {item["unit_id"]: item for path in paths for item in analytics.get(path)["items"]}
    return list(found.values())


@pytest.mark.parametrize(
    ("asked", "language", "word"),
    [("de", "de", "Kunde"), ("en", "en", "customer"), ("de-AT,en;q=0.5", "de", "Kunde"),
     ("fr, en;q=0.1, de;q=0.05", "en", "customer")],
)  # fmt: skip
def test_reasons_are_whole_sentences_in_the_language_asked_for(
    demo: Demo, asked: str, language: str, word: str
) -> None:
    _, analytics = demo
    texts: list[str] = []
    for item in sample(analytics):
        answer = analytics.client.get(
            f"/v1/customers/{item['unit_id']}", headers={"Accept-Language": asked}
        )
        assert answer.headers["content-language"] == language
        body = answer.json()
        assert body["explanations"]["state"]["reasons"], body
        assert body["explanations"]["recommendation"]["reasons"], body
        for explanation in body["explanations"].values():
            for part in ("reasons", "data_gaps"):
                texts += [each["text"] for each in explanation[part]]
    assert len(set(texts)) > 50
    for text in texts:
        assert not re.search(r"[{}]|\bNone\b|\bnan\b|\bnull\b|R_[A-Z]", text), text
        assert text.strip() == text != ""
    assert any(word.lower() in text.lower() for text in texts)


def test_both_languages_say_the_same_with_the_same_codes_and_numbers(demo: Demo) -> None:
    _, analytics = demo

    def bare(node: Any) -> Any:
        """Drop what is meant for people."""
        if isinstance(node, dict):
            kept = {k: bare(v) for k, v in node.items() if k not in ("text", "label", "note")}
            return {k: v for k, v in kept.items() if not k.endswith("_label")}
        return [bare(item) for item in node] if isinstance(node, list) else node

    for item in sample(analytics)[:8]:
        path = f"/v1/customers/{item['unit_id']}"
        german, english = (
            analytics.get(path, headers={"Accept-Language": tag}) for tag in ("de", "en")
        )
        assert bare(german) == bare(english)
        assert german["state_label"] != english["state_label"] or german["state"] == "lead"
    for path in ("/v1/summary", "/v1/customers?limit=3"):
        answer = analytics.client.get(path, headers={"Accept-Language": "de"})
        assert answer.headers["content-language"] == "de"


def test_a_list_shows_the_same_numbers_as_the_customer(demo: Demo) -> None:
    _, analytics = demo
    for item in sample(analytics)[:10]:
        body = analytics.get(f"/v1/customers/{item['unit_id']}")
        assert {name: body[name] for name in item} == item


def test_contributions_add_up_to_the_expected_value(demo: Demo) -> None:
    _, analytics = demo
    checked = 0
    recommended = analytics.get("/v1/recommendations?limit=20")["items"]
    for item in recommended:
        body = analytics.get(f"/v1/customers/{item['unit_id']}")
        if body["recommendation"]["basis"] == "expected_value":
            parts = [r["contribution"] for r in body["explanations"]["recommendation"]["reasons"]]
            total = sum(part for part in parts if part is not None)
            expected = float(body["recommendation"]["expected_value"]["amount"])
            assert total == pytest.approx(expected, abs=0.01)
            checked += 1
    # The anonymous log alone can be reached over no channel.
    is_mixed = bool(analytics.get("/v1/customers?kind=organisation&limit=1")["items"])
    assert (checked > 3) == is_mixed


def test_churn_is_forecast_by_the_base_s_own_past_and_says_what_moves_it(demo: Demo) -> None:
    _, analytics = demo
    for item in sample(analytics):
        body = analytics.get(f"/v1/customers/{item['unit_id']}")
        if body["churn"]["basis"] in (None, "contract"):  # a lead, or somebody under contract
            continue
        assert body["churn"]["basis"] == "stacked"
        reasons = body["explanations"]["churn_probability"]["reasons"]
        parts = [r["contribution"] for r in reasons if r["contribution"] is not None]
        assert parts == sorted(parts, key=abs, reverse=True)
        assert max(map(abs, parts)) <= 1


def test_the_evidence_is_in_the_crm_and_says_what_the_numbers_say(demo: Demo) -> None:
    crm, analytics = demo
    for item in sample(analytics):
        body = analytics.get(f"/v1/customers/{item['unit_id']}")
        assert crm.client.get(f"/v1/contacts/{item['unit_id']}").status_code == 200
        by_role = {
            evidence["role"]: evidence for evidence in body["explanations"]["value"]["evidence"]
        }
        bought = item["rhythm"]["purchase_count"]
        assert set(by_role) == ({"first_purchase", "last_purchase"} if bought else set())
        for role, evidence in by_role.items():
            deal = crm.client.get(f"/v1/deals/{evidence['id']}").json()
            assert deal["contact_id"] == item["unit_id"]
            assert deal["stage"] == "won"
            assert evidence["occurred_at"] == item["rhythm"][f"{role}_date"]
