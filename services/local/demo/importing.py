"""Sends a file through the import API and waits until it is in."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

_UNFINISHED = ("queued", "running")
_PAUSE_SECONDS = 0.1
_SAY_SECONDS = 0.3


class DemoFailed(Exception):
    """The CRM did not take the demo data."""


def import_file(
    client: httpx.Client,
    content: bytes,
    *,
    media_type: str,
    parameters: Mapping[str, Any],
    say: Callable[[str], None],
) -> None:
    """Import a file of which every row must be taken.

    Raises
    ------
    DemoFailed
        The import or one of its rows was refused, or it failed.
    """
    answer = client.post(
        "/v1/imports",
        params={**parameters, "time_zone": "UTC", "start": "true"},
        headers={"Content-Type": media_type},
        content=content,
    )
    if answer.status_code not in (201, 202):
        raise DemoFailed(answer.text)
    wait_for_import(client, answer.json()["id"], say)


def finish_import(client: httpx.Client, file_name: str, say: Callable[[str], None]) -> None:
    """Wait for an import of this file that an earlier start began: the CRM goes on with it by itself."""
    for begun in items(client, "/v1/imports", status=_UNFINISHED):
        if begun["file_name"] == file_name:
            wait_for_import(client, begun["id"], say)


def wait_for_import(client: httpx.Client, import_id: str, say: Callable[[str], None]) -> None:
    said = time.monotonic() - _SAY_SECONDS
    while True:
        state = client.get(f"/v1/imports/{import_id}").json()
        if state["status"] == "succeeded" and not state["rejected_count"]:
            say(f"  imported: {state['created_count']} {state['resource']}, 0 rows refused")
            return
        if state["status"] not in _UNFINISHED:
            refused = f"{state['rejected_count']} rows refused, {state['failure']}"
            raise DemoFailed(f"the import of {state['file_name']} is {state['status']}: {refused}")
        if time.monotonic() - said >= _SAY_SECONDS:
            say(f"  import: {state['progress']:.0%}")
            said = time.monotonic()
        time.sleep(_PAUSE_SECONDS)


def items(client: httpx.Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params=parameters)
    if answer.status_code != 200:
        raise DemoFailed(answer.text)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
