"""Says what is in a plan, as the wire shows it."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.plans.dropping import DROP_REASONS
from services.analytics.recommendations.identity import recommendation_id
from services.analytics.wire import add_up, money
from shared.values import Total, wire_instant

Row = Mapping[str, Any]
_SECTIONS = {
    "strategy": "strategies",
    "instrument": "instruments",
    "channel": "channels",
    "phase": "phases",
    "segment": "rfm_segments",
    "quadrant": "value_quadrants",
}
_AMOUNTS = ("spent", "expected_value", "upper_bound")
AMOUNTS = ("cost", "expected_value")
"""Of a choice."""
_RATIOS = ("candidate_count", "chosen_count", "gap", "is_optimal", "shadow_price")


def label(kind: str, word: str | None, catalogue: Catalogue, language: Language) -> str | None:
    """Return the name of what is in the catalogue; anything else names itself."""
    entries = catalogue.sections.get(_SECTIONS.get(kind, ""), {})
    entry = None if word is None else entries.get(word)
    return word if entry is None else entry.name(language)


def show_head(row: Row) -> dict[str, Any]:
    """Return a plan without its parts; of one that was not saved `id` is None."""
    figures, currency = row["figures"], row["currency"]
    return {
        "id": row["id"],
        "version": row["version"],
        "name": row["name"],
        "status": row["status"],
        "model_version": row["model_version"],
        "as_of": row["as_of"].isoformat(),
        "currency": currency,
        "budget": Total.of_minor(row["budget_minor"], currency).model_dump(),
        "period": show_period(row),
        **{name: figures[name] for name in _RATIOS},
        **{name: money(figures[name], currency) for name in _AMOUNTS},
        **_step(row, "created"),
        **_step(row, "canceled"),
    }


def show_period(row: Row) -> dict[str, str]:
    """Return the days that a plan is for."""
    return {"from": row["period_from"].isoformat(), "until": row["period_until"].isoformat()}


def _step(row: Row, what: str) -> dict[str, Any]:
    at = row[f"{what}_at"]
    person = {
        "key_id": row[f"{what}_by_key_id"],
        "name": row[f"{what}_by_name"],
        "request_id": row[f"{what}_request_id"],
    }
    return {
        f"{what}_at": at and wire_instant(at),
        f"{what}_by": person if at else None,
    }


def show_plan(
    row: Row, exports: Iterable[Row], *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return a plan with its parts."""
    figures, currency = row["figures"], row["currency"]
    return {
        **show_head(row),
        "limits": [
            {
                **limit,
                "label": label(limit["kind"], limit["id"], catalogue, language),
                "chosen_count": found["chosen_count"],
                "spent": money(found["spent"], currency),
                "shadow_price": found["shadow_price"],
                "value_of_one_more_customer": money(found["value_of_one_more_customer"], currency),
            }
            for limit, found in zip(row["limits"], figures["limits"], strict=True)
        ],
        "filters": row["filters"],
        "breakdown": {
            kind: _breakdown(kind, parts, currency, catalogue, language)
            for kind, parts in figures["breakdown"].items()
        },
        "exports": [show_export(each) for each in exports],
    }


def _breakdown(
    kind: str, parts: list[Row], currency: str, catalogue: Catalogue, language: Language
) -> list[dict[str, Any]]:
    amounts = {
        name: add_up([part[name] for part in parts], currency)
        for name in ("spent", "expected_value")
    }
    return [
        {
            "id": part["id"],
            "label": label(kind, part["id"], catalogue, language),
            "chosen_count": part["chosen_count"],
            **{name: amounts[name][place] for name in amounts},
        }
        for place, part in enumerate(parts)
    ]


def show_export(row: Row) -> dict[str, Any]:
    """Return a list that was taken, and by whom."""
    return {
        "exported_at": wire_instant(row["exported_at"]),
        "exported_by": {
            "key_id": row["key_id"],
            "name": row["key_name"],
            "request_id": row["request_id"],
        },
        "format": row["format"],
        "reason": row["reason"],
        "listed_count": row["listed_count"],
        "dropped": [
            {"reason": reason, "count": row["dropped"][reason]}
            for reason in DROP_REASONS
            if row["dropped"].get(reason)
        ],
    }


def show_choice(
    row: Row,
    *,
    currency: str,
    product_keys: Mapping[str, str],
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    """Return what is planned for a customer."""
    strategy, instrument, channel = row["strategy_id"], row["instrument_id"], row["channel"]
    product = row["product_id"]
    return {
        "unit_id": row["unit_id"],
        "recommendation_id": recommendation_id(
            row["unit_id"], strategy, instrument, channel, product
        ),
        "phase": row["phase"],
        "tier": row["tier"],
        "strategy_id": strategy,
        "strategy_label": label("strategy", strategy, catalogue, language),
        "instrument_id": instrument,
        "instrument_label": label("instrument", instrument, catalogue, language),
        "channel": channel,
        "channel_label": label("channel", channel, catalogue, language),
        "product_id": product,
        "product_key": product_keys.get(product),
        "cost": money(row["cost"], currency),
        "expected_value": money(row["value"], currency),
    }


def show_line(choice: Mapping[str, Any], *, period: tuple[date, date]) -> dict[str, str]:
    """Return a choice as a flat line of a list, with the days that it is for."""
    return {
        **{name: value or "" for name, value in choice.items() if name not in AMOUNTS},
        **{name: choice[name]["amount"] for name in AMOUNTS},
        "currency": choice["cost"]["currency"],
        "from": period[0].isoformat(),
        "until": period[1].isoformat(),
    }
