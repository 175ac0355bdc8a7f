"""Loads the Telco customer churn sample into a running CRM as contracts, and forecasts who leaves.

    python -m bench.telco FILE.csv --url http://127.0.0.1:8000 --key-file var/dev.key

Each customer is a contact without a name; gender, age group, partner and dependents are not loaded, nor
is how someone pays, for which the CRM has no field. What is under contract are products. `tenure` months
ago the relationship began; every term since is a won deal with a contract end, for the monthly charges
of its months: a month, a year or two. Whoever churned cancelled on the day looked from, in the middle of
it, so that the day before knows of no cancellation. `--one-deal` writes one deal per customer instead,
whose contract end moved on with each term: a habit of many companies, which hides the term.
`TotalCharges` is not read (it is blank for new customers): the amounts tell it.

Then the records are read back as analytics reads them, the survival model is estimated from four fifths
of the customers and the last fifth is scored on the day before; the forecasts are compared with who left.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from bench.importing import crm_client, import_deals
from services.analytics.calculations.backtest.measures import (
    area_under_curve,
    brier_score,
    expected_calibration_error,
)
from services.analytics.calculations.contracts.history import collect_contract_statistics
from services.analytics.calculations.contracts.model import estimate_contracts
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.contracts.scoring import score_contracts
from services.analytics.calculations.events import Events
from services.analytics.crm_client import RESOURCES, CrmClient
from services.analytics.frames.building import Frames, build_frames
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.writer import Mirror
from services.foundation.application import utc_now

_TERMS = {"Month-to-month": 1, "One year": 12, "Two year": 24}
PRODUCTS = {
    "phone": "telephone",
    "multiple_lines": "telephone",
    "dsl": "internet",
    "fiber": "internet",
    "security": "extras",
    "backup": "extras",
    "protection": "extras",
    "support": "extras",
    "tv": "streaming",
    "movies": "streaming",
}
"""Products by key, and the category of each."""
_SERVICES = {
    "PhoneService": "phone",
    "MultipleLines": "multiple_lines",
    "OnlineSecurity": "security",
    "OnlineBackup": "backup",
    "DeviceProtection": "protection",
    "TechSupport": "support",
    "StreamingTV": "tv",
    "StreamingMovies": "movies",
}
_INTERNET = {"DSL": "dsl", "Fiber optic": "fiber"}
_COLUMNS = (
    "external_id",
    "contact_external_id",
    "opened_at",
    "closed_at",
    "amount",
    "lines",
    "contract_end_at",
    "contract_cancelled_at",
)
_PARAMETERS = {
    "resource": "deals",
    "file_name": "telco.csv",
    "source": "telco",
    "currency": "USD",
    "time_zone": "UTC",
    "create_missing_contacts": "true",
    "mapping": tuple(f"{name}:{name}" for name in _COLUMNS),
    "default": "stage:won",
    "start": "true",
}
_FOLDS, _SEED = 5, 7


def build_deals(customers: pd.DataFrame, *, as_of: date, one_each: bool = False) -> pd.DataFrame:
    """Make the deals of the customers of the sample; instants are UTC."""
    noon = pd.Timestamp(as_of) + pd.Timedelta(hours=12)
    back = {months: noon - pd.DateOffset(months=months) for months in range(-24, 100)}
    rows = []
    for customer in customers.to_dict("records"):
        term, tenure = _TERMS[customer["Contract"]], int(customer["tenure"])
        has_left = customer["Churn"] == "Yes"
        # The term that would begin on the day is that of those who stay.
        starts = [0] if one_each else [*range(0, tenure + (not has_left), term)] or [0]
        for start in starts:
            months = (tenure // term + 1) * term if one_each else term
            rows.append(
                {
                    "external_id": f"{customer['customerID']}-{start}",
                    "contact_external_id": customer["customerID"],
                    "opened_at": back[tenure - start],
                    "closed_at": back[tenure - start],
                    "amount": round(customer["MonthlyCharges"] * term, 2),
                    "lines": _products(customer),
                    "contract_end_at": back[tenure - start - months],
                    "contract_cancelled_at": noon if has_left and start == starts[-1] else pd.NaT,
                }
            )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _products(customer: Mapping[Any, Any]) -> list[str]:
    internet = _INTERNET.get(customer["InternetService"])
    others = [key for name, key in _SERVICES.items() if customer[name] == "Yes"]
    return [*([internet] if internet else []), *others]


def write_csv(deals: pd.DataFrame) -> bytes:
    """Write the deals as the file that is imported."""
    lines = [json.dumps([{"product_id": key} for key in keys]) for keys in deals["lines"]]
    table = deals.assign(lines=lines, amount=deals["amount"].map("{:.2f}".format))
    for name in (name for name in _COLUMNS if name.endswith("_at")):
        table[name] = deals[name].dt.strftime("%Y-%m-%dT%H:%M:%S").fillna("")
    return table.to_csv(index=False).encode()


def send(content: bytes, *, url: str, key: str) -> None:
    """Make the products, import the deals and wait until they are in."""
    with crm_client(url, key) as client:
        for name, category in PRODUCTS.items():
            product = {"key": name, "name": name, "category": category}
            client.post("/v1/products", json=product).raise_for_status()
        import_deals(client, content, _PARAMETERS)


def read_frames(*, url: str, key: str, as_of: date) -> tuple[Frames, Frames]:
    """Read the CRM as analytics does: the frames of the day before, and of the day."""
    with (
        tempfile.TemporaryDirectory(prefix="phasewise-telco-") as folder,
        CrmClient(url, key=key) as client,
        Mirror(Path(folder)) as mirror,
    ):
        exports = [client.download_export(name, folder=Path(folder)) for name in RESOURCES]
        snapshot = mirror.load(
            {export.resource: export.batches() for export in exports},
            cursor=exports[0].cursor,
            now=utc_now(),
        )
        before, then = (
            build_frames(
                snapshot,
                as_of=day,
                time_zone=ZoneInfo("UTC"),
                base_currency="USD",
                parameters=FrameParameters(channel_cost={}),
            )
            for day in (as_of - timedelta(days=1), as_of)
        )
    return before, then


def forecast_churn(
    before: Frames, then: Frames, *, parameters: ContractParameters | None = None
) -> pd.DataFrame:
    """Forecast the customers of the day before, each fifth by what the other four tell.

    The columns are ``chance``, that the contract ends within 30 days, and ``has_churned``: cancelled on
    the day after.
    """
    parameters = parameters or ContractParameters()
    ids = np.sort(before.units["unit_id"].to_numpy(dtype=object))
    fold = np.random.default_rng(_SEED).permutation(len(ids)) % _FOLDS
    fold_of = dict(zip(ids, fold.tolist(), strict=True))
    folds_then, folds_before = (
        frames.units["unit_id"].map(fold_of).fillna(-1).to_numpy() for frames in (then, before)
    )
    chance = pd.Series(np.nan, index=before.units.index)
    for number in range(_FOLDS):
        statistics = collect_contract_statistics(
            then.units,
            _contracts_of(then.events, folds_then != number),
            as_of_day=then.as_of_day,
            parameters=parameters,
        )
        scored = score_contracts(
            _contracts_of(before.events, folds_before == number),
            as_of_day=before.as_of_day,
            model=estimate_contracts([statistics], parameters=parameters),
            parameters=parameters,
        )
        chance[scored.index] = scored["contract_end_probability"]
    contracts = then.events.contracts
    left = contracts.loc[contracts["cancelled_day"].notna(), "unit"]
    has_left = before.units["unit_id"].isin(then.units["unit_id"].loc[left.unique()])
    forecasts = pd.DataFrame({"chance": chance, "has_churned": has_left})
    return forecasts.loc[chance.notna()]


def _contracts_of(events: Events, chosen: np.ndarray) -> Events:
    contracts, products = events.contracts, events.contract_products
    return replace(
        events,
        contracts=contracts.loc[chosen[contracts["unit"].to_numpy()]],
        contract_products=products.loc[chosen[products["unit"].to_numpy()]],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.telco",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the CSV file of the sample")
    parser.add_argument("--url", required=True, help="of the running CRM, which is empty")
    parser.add_argument("--key-file", type=Path, required=True, help="a key with all scopes")
    parser.add_argument(
        "--as-of",
        type=date.fromisoformat,
        default=utc_now().date() - timedelta(days=1),
        help="the day of the cancellations; default: yesterday",
    )
    parser.add_argument("--one-deal", action="store_true", help="one deal per customer")
    arguments = parser.parse_args()
    deals = build_deals(
        pd.read_csv(arguments.file), as_of=arguments.as_of, one_each=arguments.one_deal
    )
    print(f"{deals['contact_external_id'].nunique():,} customers, {len(deals):,} deals")
    key = arguments.key_file.read_text().strip()
    send(write_csv(deals), url=arguments.url, key=key)
    forecasts = forecast_churn(*read_frames(url=arguments.url, key=key, as_of=arguments.as_of))
    chance, has_churned = forecasts["chance"], forecasts["has_churned"]
    print(
        f"{len(forecasts):,} forecast, {has_churned.mean():.1%} churned, {chance.mean():.1%} expected\n"
        f"AUC {area_under_curve(chance, has_churned):.4f}, "
        f"Brier {brier_score(chance, has_churned):.4f}, "
        f"calibration error {expected_calibration_error(chance, has_churned):.4f}"
    )


if __name__ == "__main__":
    main()
