"""Sends the demo to the CRM through its API, once: the CDNOW log, and invented customers beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from services.local.demo.importing import finish_import, import_file, items
from services.local.demo.invented.loading import is_loaded, load_invented

FILE = Path(__file__).with_name("cdnow.csv")
SOURCE = "cdnow"
DECLARED = Path(__file__).with_name("catalogue.yaml")
"""What the invented company declares: see there."""
CURRENCY = "USD"
AS_OF = "1998-07-01"
"""The day after the log's last purchase, 1998-06-30."""
LOG: dict[str, Any] = {
    "resource": "deals",
    "file_name": FILE.name,
    "source": SOURCE,
    "currency": CURRENCY,
    "create_missing_contacts": "true",
    "mapping": ("customer_id:contact_external_id", "date:closed_at", "amount:amount"),
    "default": "stage:won",
}
_FIRST_CUSTOMER = f"/v1/contacts/by-external-id/{SOURCE}/00004"


def load_demo(
    url: str, key: str, *, say: Callable[[str], None], with_invented: bool = True
) -> None:
    """Load what is not there yet; loading it again would change nothing, only take time.

    Raises
    ------
    DemoFailed
        The CRM refused or failed to take it.
    """
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        finish_import(client, FILE.name, say)
        if not items(client, "/v1/deals", limit=1):
            say("Importing the CDNOW sample: 2,357 customers and 6,919 transactions.")
            import_log(client, say)
        if with_invented and _holds_the_log(client) and not is_loaded(client):
            load_invented(client, say=say)


def import_log(client: httpx.Client, say: Callable[[str], None]) -> None:
    """Import the log; of a second time nothing changes.

    Raises
    ------
    DemoFailed
        It is refused or fails.
    """
    import_file(client, FILE.read_bytes(), media_type="text/csv", parameters=LOG, say=say)


def _holds_the_log(client: httpx.Client) -> bool:
    """Tell whether this is the demo's base: nobody invented comes into a base of one's own."""
    return client.put(_FIRST_CUSTOMER, params={"mode": "update"}, json={}).status_code == 200
