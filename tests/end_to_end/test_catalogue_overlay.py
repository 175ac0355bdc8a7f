"""An overlay file as the worker meets it: the next refresh computes with it, and never with half of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.analytics import changing
from tests.conftest import Crm
from tests.end_to_end.conftest import MakeAnalytics
from tests.end_to_end.test_refresh import fill, make_reachable, sell


def instruments(rows: Any) -> Counter[str]:
    return Counter(row["instrument_id"] for row in rows if row["instrument_id"])


def test_the_next_refresh_computes_with_what_the_file_says_and_fails_where_it_is_faulty(
    crm_on_sqlite: Crm,
    make_analytics: MakeAnalytics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)  # of so few customers any is a tenth
    crm, overlay = crm_on_sqlite, tmp_path / "own.yaml"
    ids = fill(crm)
    for place, contact_id in enumerate(ids[:-1]):
        email = {"email": f"weber{place}@example.org"}
        assert crm.patch(f"/v1/contacts/{contact_id}", email, version="*").status_code == 200
        make_reachable(crm, contact_id)
    analytics = make_analytics(crm, estimates_kept_from_contacts=0)
    first = analytics.published()
    ((most, count), *_) = instruments(analytics.rows(first)).most_common()
    assert count > 1

    overlay.write_text(f"instruments: {{{most}: {{enabled: false}}}}", encoding="utf-8")
    second = analytics.published(catalogue_overlay=overlay)
    rows = analytics.rows(second)
    assert second == first + 1
    assert most not in instruments(rows)
    assert analytics.published(catalogue_overlay=overlay) == second

    # Texts are shown, never computed with.
    overlay.write_text(
        f"# off\ninstruments: {{{most}: {{enabled: false, de: Neu}}}}", encoding="utf-8"
    )
    assert analytics.published(catalogue_overlay=overlay) == second

    # One customer changed together with the file: all are computed, not the one alone.
    sell(crm, ids[0], "2026-01-05", "77.77")
    assert instruments(analytics.rows(analytics.published()))[most] > 1

    overlay.write_text("channels: {phone: {unit_cost: 1}, fax: {unit_cost: 2}}", encoding="utf-8")
    refresh = analytics.refresh(catalogue_overlay=overlay)
    assert (refresh["status"], refresh["failure"]) == ("failed", "catalogue_overlay_invalid")
    summary = analytics.get("/v1/summary")
    assert (summary["model_version"], summary["stale_reason"]) == (second + 1, "refresh_failed")
