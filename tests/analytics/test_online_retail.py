"""How the bench treats each kind of dirty line of the Online Retail log."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.online_retail import build_deals, read_lines, write_csv

COLUMNS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")
LINES = [
    ("1", "85048", "lights", 12, "2009-12-01 08:00", 2.0, 13085.0),
    ("1", "85048", "lights", 12, "2009-12-01 08:00", 2.0, 13085.0),  # entered twice
    ("1", "POST", "postage", 1, "2009-12-01 08:00", 18.0, 13085.0),
    ("1", "79323", "given away", 1, "2009-12-01 08:00", 0.0, 13085.0),
    ("2", "85048", "lights", 5, "2010-01-10 08:00", 3.0, 13085.0),
    ("3", "85048", "lights", 1, "2010-01-11 08:00", 3.0, None),  # nobody's
    ("C4", "85048", "lights", -6, "2010-02-01 09:30", 3.0, 13085.0),  # five of 2, one of 1
    ("C5", "22041", "frame", -1, "2010-02-02 08:00", 5.0, 13085.0),  # bought before the log
    ("A6", "B", "Adjust bad debt", 1, "2010-03-01 08:00", -50.0, None),
]


def test_each_kind_of_dirty_line_is_treated_as_said(tmp_path: Path) -> None:
    frame = pd.DataFrame(LINES, columns=list(COLUMNS)).assign(Country="United Kingdom")
    frame["InvoiceDate"] = pd.to_datetime(frame["InvoiceDate"])
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "log.parquet")
    lines, counts = read_lines(tmp_path / "log.parquet")
    deals = build_deals(lines, counts)
    assert deals["amount"].to_dict() == {"1": 24.0, "2": 15.0}
    assert deals["refund"].to_dict() == {"1": 2.0, "2": 15.0}
    assert (deals["refunded_at"] == pd.Timestamp("2010-02-01 09:30")).all()
    assert list(counts.values()) == [9, 1, 2, 1, 1, 1, 1, 2, 2, 1, 1]
    assert write_csv(deals).splitlines()[1] == (
        b"1,13085,2009-12-01T08:00:00,24.00,2.00,2010-02-01T09:30:00"
    )
