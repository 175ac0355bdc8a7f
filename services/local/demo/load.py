"""Sends the CDNOW transaction log to the CRM through its import API, once."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

FILE = Path(__file__).with_name("cdnow.csv")
SOURCE = "cdnow"
CURRENCY = "USD"
AS_OF = "1998-07-01"
"""The day after the log's last purchase, 1998-06-30."""

_MAPPING = (
    "customer_id:contact_external_id",
    "date:closed_at",
    "amount:amount",
)
_UNFINISHED = ("queued", "running")


class DemoFailed(Exception):
    """The CRM did not take the demo data."""


def load_demo(url: str, key: str, *, say: Callable[[str], None]) -> None:
    """Import the log unless it is there; importing it again would change nothing, only take time.

    Raises
    ------
    DemoFailed
        The import was refused or failed.
    """
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        # After a stop in between the CRM goes on with an import by itself.
        for begun in _items(client, "/v1/imports", status=_UNFINISHED):
            if begun["file_name"] == FILE.name:
                _wait(client, begun["id"], say)
        if _items(client, "/v1/deals", limit=1):
            return
        say("Importing the CDNOW sample: 2,357 customers and 6,919 transactions.")
        answer = client.post(
            "/v1/imports",
            params={
                "resource": "deals",
                "file_name": FILE.name,
                "source": SOURCE,
                "currency": CURRENCY,
                "time_zone": "UTC",
                "create_missing_contacts": "true",
                "mapping": _MAPPING,
                "default": "stage:won",
                "start": "true",
            },
            headers={"Content-Type": "text/csv"},
            content=FILE.read_bytes(),
        )
        if answer.status_code not in (201, 202):
            raise DemoFailed(answer.text)
        _wait(client, answer.json()["id"], say)


def _items(client: httpx.Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params=parameters)
    if answer.status_code != 200:
        raise DemoFailed(answer.text)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _wait(client: httpx.Client, import_id: str, say: Callable[[str], None]) -> None:
    while True:
        state = client.get(f"/v1/imports/{import_id}").json()
        if state["status"] == "succeeded":
            say(
                f"  imported: {state['created_count']} deals, {state['rejected_count']} rows refused"
            )
            return
        if state["status"] not in _UNFINISHED:
            raise DemoFailed(f"the import is {state['status']}: {state['failure']}")
        say(f"  import: {state['progress']:.0%}")
        time.sleep(0.3)
