"""A CRM that is slow, broken or has forgotten us leaves the card without its part, in time."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.analytics.customer_card.reading import CrmAnswer, CrmCards

UNIT = "01977b3a-5c00-7000-8000-000000000001"
CONTACT: dict[str, Any] = {"id": UNIT, "kind": "person", "display_name": "Anna", "name": "Anna"}
LISTS = ("last_interactions", "open_complaints", "offers", "promises", "open_deals")
CARD = {"contact": CONTACT, **{name: [] for name in (*LISTS, "unpaid_deals", "owned_products")}}


def ask(tmp_path: Path, respond: Any, *, key: str | None = "key") -> CrmAnswer:
    key_file = tmp_path / "card.key"
    if key is not None:
        key_file.write_text(key)
    transport = httpx.MockTransport(respond)

    async def run() -> CrmAnswer:
        cards = CrmCards("http://127.0.0.1:1", key_file=key_file, seconds=0.05, transport=transport)
        try:
            return await cards.read(UNIT, UNIT, request_id="r")
        finally:
            await cards.close()

    return asyncio.run(run())


async def slow(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(5)
    return httpx.Response(200, json=CARD)


def test_what_the_crm_knows_is_shown_with_the_key_of_the_file(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=CARD)

    answer = ask(tmp_path, respond)
    assert answer.is_available and answer.card is not None
    assert answer.card["person"]["name"] == "Anna"
    assert [request.headers["Authorization"] for request in seen] == ["Bearer key"]


@pytest.mark.parametrize(
    "respond",
    [
        slow,
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(403),
        lambda _: httpx.Response(200, content=b"<html>"),
        lambda _: httpx.Response(200, json={"contact": CONTACT}),
        lambda _: httpx.Response(200, json=CARD | {"contact": CONTACT | {"kind": "ghost"}}),
        lambda _: httpx.Response(302, headers={"Location": "http://127.0.0.1:2/"}),
    ],
    ids=("slow", "failing", "refusing", "no JSON", "half a card", "an unknown kind", "moved"),
)
def test_a_crm_that_does_not_keep_its_promise_is_unavailable(tmp_path: Path, respond: Any) -> None:
    assert ask(tmp_path, respond) == CrmAnswer(None, is_available=False)


def test_without_a_key_the_crm_is_unavailable(tmp_path: Path) -> None:
    found = ask(tmp_path, lambda _: httpx.Response(200, json=CARD), key=None)
    assert found == CrmAnswer(None, is_available=False)


def test_a_contact_that_the_crm_has_no_more_leaves_no_card_and_no_alarm(tmp_path: Path) -> None:
    assert ask(tmp_path, lambda _: httpx.Response(404)) == CrmAnswer(None, is_available=True)
