"""Imports a file of deals into a running CRM and waits until it is in."""

import time
from collections.abc import Mapping
from typing import Any

import httpx


def crm_client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)


def import_deals(client: httpx.Client, content: bytes, parameters: Mapping[str, Any]) -> None:
    """Import a CSV file and say what became of it."""
    answer = client.post(
        "/v1/imports", params=parameters, headers={"Content-Type": "text/csv"}, content=content
    )
    state = answer.raise_for_status().json()
    while state["status"] in ("queued", "running"):
        time.sleep(1)
        state = client.get(f"/v1/imports/{state['id']}").raise_for_status().json()
    print(
        f"import {state['status']}: {state['created_count']} deals made, "
        f"{state['rejected_count']} rows refused"
    )
