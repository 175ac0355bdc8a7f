"""Loads the Online Retail II log (UCI, first year) into a running CRM as won deals, through its import.

    python -m bench.online_retail FILE.parquet --url http://127.0.0.1:8000 --key-file var/dev.key

The log is dirty on purpose. How each kind of line is treated, and how many there are, is printed; an
invoice is a deal of its customer, won at the invoice's time:

- exact duplicates: all but one are left out;
- no customer (shop floor, marketplaces): left out, nobody's relationship can be told from them;
- codes that are no products (postage, fees, manual entries, discounts, samples, bad debt): left out, as
  they are not what a customer chose to buy;
- no price: left out, a given-away line is no revenue;
- cancellations (invoices with C, negative quantities): a refund of the customer's latest earlier invoices
  with that product, quantity by quantity, known from the day of the last cancellation on, so that no
  day of the past knows it too early; an invoice cancelled in whole is no purchase, as the CRM's
  refunds say. What was bought before the log begins finds no invoice and is left out.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from bench.importing import crm_client, import_deals

_NO_PRODUCT = r"^(?:POST|DOT|M|m|D|C2|C3|S|B|ADJUST2?|AMAZONFEE|BANK CHARGES|CRUK|GIFT|SP1002)$"
_NO_PRODUCT_BEGINNING = ("gift_", "TEST")
_PARAMETERS = {
    "resource": "deals",
    "file_name": "online_retail.csv",
    "source": "online_retail",
    "currency": "GBP",
    "time_zone": "Europe/London",
    "create_missing_contacts": "true",
    "mapping": (
        "external_id:external_id",
        "customer_id:contact_external_id",
        "closed_at:closed_at",
        "amount:amount",
        "refund:refund",
        "refunded_at:refunded_at",
    ),
    "default": "stage:won",
    "start": "true",
}


@dataclass
class _Sold:
    """What is left of a line that was sold and can still be given back."""

    invoice: str
    quantity: int
    price: float


def read_lines(path: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the lines that say what a customer bought or gave back, and how many do not."""
    lines = pq.read_table(path).to_pandas()
    counts = {"lines in the file": len(lines)}

    def keep(reason: str, is_kept: pd.Series) -> None:
        nonlocal lines
        counts[reason] = int((~is_kept).sum())
        lines = lines[is_kept]

    keep("exact duplicates, left out", ~lines.duplicated())
    keep("without a customer, left out", lines["Customer ID"].notna())
    code = lines["StockCode"].str.strip()
    is_product = ~code.str.fullmatch(_NO_PRODUCT) & ~code.str.startswith(_NO_PRODUCT_BEGINNING)
    keep("codes that are no products, left out", is_product)
    keep("without a price, left out", lines["Price"] > 0)
    lines = lines.sort_values(["InvoiceDate", "Invoice", "StockCode", "Quantity"])
    return lines, counts


def build_deals(lines: pd.DataFrame, counts: dict[str, int]) -> pd.DataFrame:
    """Make a deal of each invoice, with what was given back of it."""
    is_back = lines["Quantity"] < 0
    sales, back = lines[~is_back], lines[is_back]
    deals = (
        sales.assign(amount=sales["Quantity"] * sales["Price"])
        .groupby("Invoice")
        .agg(customer=("Customer ID", "first"), at=("InvoiceDate", "min"), amount=("amount", "sum"))
    )
    left: dict[tuple[float, str], list[_Sold]] = defaultdict(list)
    refund: dict[str, float] = defaultdict(float)
    refunded_at: dict[str, pd.Timestamp] = {}
    unmatched = 0
    events = pd.concat([sales, back]).sort_values("InvoiceDate", kind="stable")
    for row in events.itertuples(index=False):
        invoice, code, _, quantity, at, price, customer, _ = row
        stock = left[customer, code]
        if quantity > 0:
            stock.append(_Sold(invoice, quantity, price))
            continue
        missing = -quantity
        while missing and stock:
            sold = stock[-1]
            taken = min(missing, sold.quantity)
            refund[sold.invoice] += taken * sold.price
            refunded_at[sold.invoice] = at
            sold.quantity -= taken
            missing -= taken
            if not sold.quantity:
                stock.pop()
        unmatched += missing == -quantity
    counts["cancelled lines, refunds of earlier invoices"] = len(back) - unmatched
    counts["cancelled lines without an earlier invoice, left out"] = unmatched
    deals["refund"] = pd.Series(refund).round(2)
    deals["refunded_at"] = pd.Series(refunded_at)
    deals["amount"] = deals["amount"].round(2)
    counts["deals"] = len(deals)
    counts["deals refunded in part or whole"] = int(deals["refund"].notna().sum())
    counts["deals refunded in whole"] = int((deals["refund"] >= deals["amount"]).sum())
    counts["customers"] = int(deals["customer"].nunique())
    return deals


def write_csv(deals: pd.DataFrame) -> bytes:
    """Write the deals as the file that is imported."""
    table = pd.DataFrame(
        {
            "external_id": deals.index,
            "customer_id": deals["customer"].astype(int),
            "closed_at": deals["at"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
            "amount": deals["amount"].map("{:.2f}".format),
            "refund": deals["refund"].map(lambda value: "" if pd.isna(value) else f"{value:.2f}"),
            "refunded_at": deals["refunded_at"].dt.strftime("%Y-%m-%dT%H:%M:%S").fillna(""),
        }
    )
    return table.to_csv(index=False).encode()


def send(content: bytes, *, url: str, key: str) -> None:
    """Import the file and wait until it is in."""
    with crm_client(url, key) as client:
        import_deals(client, content, _PARAMETERS)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.online_retail",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the parquet file of the first year")
    parser.add_argument("--url", required=True, help="of the running CRM")
    parser.add_argument("--key-file", type=Path, required=True, help="a key with all scopes")
    arguments = parser.parse_args()
    lines, counts = read_lines(arguments.file)
    deals = build_deals(lines, counts)
    for what, number in counts.items():
        print(f"{number:>9,}  {what}")
    send(write_csv(deals), url=arguments.url, key=arguments.key_file.read_text().strip())


if __name__ == "__main__":
    main()
