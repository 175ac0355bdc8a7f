"""The Telco churn sample as contracts: who leaves is told beforehand, as well as is published."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pandas as pd
import pyarrow as pa
import pytest

from bench.telco import PRODUCTS, build_deals, forecast_churn, write_csv
from services.analytics.calculations.backtest.measures import (
    area_under_curve,
    expected_calibration_error,
)
from services.analytics.calculations.contracts.model import ContractModel
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.contracts.scoring import score_contracts
from services.analytics.crm_client import SCHEMAS, Resource
from services.analytics.frames.building import Frames, build_frames
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.writer import Mirror

FILE = Path(__file__).parents[3] / "shared/data/churn/telco/WA_Fn-UseC_-Telco-Customer-Churn.csv"
DAY = date(2026, 3, 31)
CUSTOMER = {
    "customerID": "7590-VHVEG",
    "tenure": 14,
    "PhoneService": "Yes",
    "MultipleLines": "No",
    "InternetService": "Fiber optic",
    "OnlineSecurity": "No",
    "OnlineBackup": "Yes",
    "DeviceProtection": "No",
    "TechSupport": "No",
    "StreamingTV": "No",
    "StreamingMovies": "Yes",
    "Contract": "One year",
    "MonthlyCharges": 29.85,
    "Churn": "No",
}


def frames_of(deals: pd.DataFrame, folder: Path, *days: date) -> list[Frames]:
    """Build the frames of days from the records that the CRM would export."""
    number = {name: place for place, name in enumerate(deals["contact_external_id"].unique())}
    table: dict[str, Any] = {
        "id": [str(UUID(int=place)) for place in range(len(deals))],
        "contact_id": [
            str(UUID(int=2**100 + number[name])) for name in deals["contact_external_id"]
        ],
        "stage_kind": ["won"] * len(deals),
        "stage_history": ["[]"] * len(deals),
        "currency": ["USD"] * len(deals),
        "amount_minor": (deals["amount"] * 100).round().astype("int64"),
        "lines": [
            orjson.dumps([{"product_id": key} for key in keys]).decode() for keys in deals["lines"]
        ],
    }
    for name in ("opened_at", "closed_at", "contract_end_at", "contract_cancelled_at"):
        table[name] = deals[name].dt.tz_localize("UTC")
    contacts = [
        {
            "id": str(UUID(int=2**100 + place)),
            "kind": "person",
            "status": "active",
            "created_at": datetime(2026, 4, 1, tzinfo=UTC),
        }
        for place in number.values()
    ]
    products = [
        {"id": str(UUID(int=2**110 + place)), "key": key, "category": category}
        for place, (key, category) in enumerate(PRODUCTS.items())
    ]
    arrays = [
        pa.array(table[field.name], from_pandas=True).cast(field.type)
        if field.name in table
        else pa.nulls(len(deals), field.type)
        for field in SCHEMAS["deals"]
    ]
    batches: dict[Resource, list[pa.RecordBatch]] = {
        "contacts": [pa.RecordBatch.from_pylist(contacts, schema=SCHEMAS["contacts"])],
        "interactions": [pa.RecordBatch.from_pylist([], schema=SCHEMAS["interactions"])],
        "deals": [pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS["deals"])],
        "products": [pa.RecordBatch.from_pylist(products, schema=SCHEMAS["products"])],
        "competitor-activities": [],
    }
    with Mirror(folder) as mirror:
        snapshot = mirror.load(batches, cursor="1", now=datetime(2026, 4, 1, tzinfo=UTC))
        return [
            build_frames(
                snapshot,
                as_of=day,
                time_zone=ZoneInfo("UTC"),
                base_currency="USD",
                parameters=FrameParameters(channel_cost={}),
            )
            for day in days
        ]


def test_a_customer_is_a_contract_for_each_term_with_what_it_is_about(tmp_path: Path) -> None:
    deals = build_deals(pd.DataFrame([CUSTOMER]), as_of=DAY)
    assert deals["amount"].tolist() == [358.2, 358.2]
    assert deals["closed_at"].dt.date.tolist() == [date(2025, 1, 31), date(2026, 1, 31)]
    assert deals["contract_end_at"].dt.date.tolist() == [date(2026, 1, 31), date(2027, 1, 31)]
    assert b'[{""product_id"": ""fiber""}' in write_csv(deals)
    (frames,) = frames_of(deals, tmp_path, DAY)
    products = frames.events.contract_products
    told = set(zip(products["product"], products["category"], strict=True))
    assert told == {(key, PRODUCTS[key]) for key in ("fiber", "phone", "backup", "movies")}
    assert len(products) == 8
    assert products["cancelled_day"].isna().all()
    running = score_contracts(
        frames.events,
        as_of_day=frames.as_of_day,
        model=ContractModel(),
        parameters=ContractParameters(),
    )
    (row,) = running.to_dict("records")
    assert (round(row["contract_tenure_months"]), round(row["contract_term_months"])) == (14, 12)
    assert row["contract_left_days"] == (date(2027, 1, 31) - DAY).days
    assert row["contract_monthly_amount"] == pytest.approx(29.85, abs=0.01)


def test_churn_of_the_sample_is_ranked_and_calibrated_out_of_sample(tmp_path: Path) -> None:
    customers = pd.read_csv(FILE)
    # One deal each, the term hidden in the end of the contract, is the harder way to keep contracts.
    deals = build_deals(customers, as_of=DAY, one_each=True)
    before, then = frames_of(deals, tmp_path, DAY - timedelta(days=1), DAY)
    # Who came on the day (with blank total charges) is not there the day before, and can be scored then.
    is_new = customers["TotalCharges"].str.strip() == ""
    assert (len(customers), len(before.units)) == (7_043, 7_043 - is_new.sum())
    assert then.units["has_active_contract"].sum() == (customers["Churn"] == "No").sum()
    forecasts = forecast_churn(before, then, parameters=ContractParameters(folds=2))
    assert forecasts["has_churned"].sum() == (customers["Churn"] == "Yes").sum()
    chance, has_churned = forecasts["chance"], forecasts["has_churned"]
    assert chance.between(0, 1).all() and len(chance) == len(before.units)
    assert area_under_curve(chance, has_churned) >= 0.84
    assert expected_calibration_error(chance, has_churned) <= 0.05
    newest = score_contracts(
        then.events,
        as_of_day=then.as_of_day,
        model=ContractModel(),
        parameters=ContractParameters(),
    )
    assert (newest["contract_tenure_months"] == 0).sum() == is_new.sum()
