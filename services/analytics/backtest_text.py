"""Prints a backtest for people: the verdict first, then aligned tables."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.model_cards.operations import describe_backtest

_MARKS: Final = {"good": "+", "caution": "~", "bad": "-", "note": " "}
_COLUMNS: Final = (
    ("purchases", "purchase_ratio", 2),
    ("revenue", "revenue_ratio", 2),
    ("MAE", "count_error", 3),
    ("rank", "rank_correlation", 3),
    ("Gini", "normalized_gini", 3),
    ("top 10 %", "top_decile_share", 3),
    ("AUC", "area_under_curve", 3),
    ("Brier", "brier_score", 4),
    ("ECE", "calibration_error", 4),
)
_LEGEND: Final = (
    (
        "purchases, revenue: forecast by actual total.  MAE: of the mean number of purchases.  rank: "
        "Spearman."
    ),
    (
        "Gini: of spend, normalized.  top 10 %: their share of spend.  AUC, Brier, ECE: of purchase (and "
        "churn) probability."
    ),
    "* naive yardsticks",
)
_WIDTH: Final = 100


def backtest_text(
    document: Mapping[str, Any], *, catalogue: Catalogue, language: Language = "en"
) -> str:
    """Write a backtest document as text."""
    shown = describe_backtest(document, catalogue=catalogue, language=language)
    lines = [f"Verdict on {shown['forecaster']}", ""]
    for finding in shown["verdict"]:
        lines += _wrapped(f" {_MARKS[finding['tone']]} ", finding["text"])
    for origin in shown["origins"]:
        lines += ["", *_origin_lines(origin, shown)]
    return "\n".join(lines) + "\n"


def _origin_lines(origin: Mapping[str, Any], backtest: Mapping[str, Any]) -> list[str]:
    lines = [
        (
            f"From {origin['day']}, {backtest['horizon_days']} days: {origin['customer_count']:,} "
            f"customers, {origin['buyer_count']:,} bought on {origin['purchase_count']:,.0f} days, "
            f"spend {_number(origin['spend'], 2)}"
        )
    ]
    if not origin["forecasters"]:
        return [*lines, "  too little data to measure"]
    rows = [["", *(name for name, _, _ in _COLUMNS)]]
    for each in origin["forecasters"]:
        name = each["forecaster"] + ("*" if each["is_yardstick"] else "")
        numbers = [_number(each["accuracy"][field], places) for _, field, places in _COLUMNS]
        rows.append([name, *numbers])
    own = next(
        each for each in origin["forecasters"] if each["forecaster"] == backtest["forecaster"]
    )
    lines += [*_table(rows), *(f"  {line}" for line in _LEGEND)]
    if own["phases"]:
        lines += ["", f"  By phase at the origin ({own['forecaster']})", *_phases(own["phases"])]
    lines += ["", f"  By decile of the forecast ({own['forecaster']})", *_deciles(own)]
    return lines


def _phases(phases: Sequence[Mapping[str, Any]]) -> list[str]:
    header = [
        "",
        "customers",
        "P forecast",
        "bought",
        "expected",
        "purchases",
        "expected spend",
        "spend",
    ]
    rows = [
        [
            phase["state"],
            f"{phase['customer_count']:,}",
            _number(phase["purchase_probability"], 3),
            _number(phase["purchase_share"], 3),
            _number(phase["expected_purchases"], 0),
            _number(phase["purchase_count"], 0),
            _number(phase["expected_spend"], 0),
            _number(phase["spend"], 0),
        ]
        for phase in phases
    ]
    return _table([header, *rows])


def _deciles(own: Mapping[str, Any]) -> list[str]:
    header = ["", "P forecast", "bought", "expected", "purchases", "expected spend", "spend"]
    rows = []
    for place, (sure, count) in enumerate(
        zip(own["reliability"], own["purchase_deciles"], strict=True)
    ):
        spend = own["spend_deciles"]
        rows.append(
            [
                str(place + 1),
                _number(sure["predicted"], 3),
                _number(sure["observed"], 3),
                _number(count["predicted"], 3),
                _number(count["observed"], 3),
                _number(spend[place]["predicted"], 2) if spend else "-",
                _number(spend[place]["observed"], 2) if spend else "-",
            ]
        )
    return _table([header, *rows])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns: the first to the left, numbers to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _number(value: float | None, places: int) -> str:
    if value is None:
        return "-"
    return f"{round(value, places) or 0.0:,.{places}f}"


def _wrapped(mark: str, text: str) -> list[str]:
    lines, line = [], mark
    for word in text.split():
        if len(line) + len(word) > _WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * len(mark)
        line += word + " "
    return [*lines, line.rstrip()]
