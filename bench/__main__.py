"""`python -m bench [section ...] [--quick] [--contacts N]`: measures, prints, keeps, ends by itself."""

import argparse
import importlib
import tempfile
import time
from pathlib import Path

from bench.figures import OUTPUT, Figure, print_figure, write
from bench.stores import stores

SECTIONS = {
    "crm": "requests a second, 32 connections, one worker; ratio of paired rounds",
    "bulk": "rows a second through imports and exports",
    "analytics": "calculating against reading the same columns once",
    "models": "purchase models of every family against reading the columns they take",
    "plans": "plans under a budget and limits against sorting their values once",
    "publishing": "storing scored customers, and reading one meanwhile; ratio of paired rounds",
    "next_products": "products named against popularity and own frequency; a large base",
    "accuracy": "forecasts against what came on real logs, beside Pareto/NBD and BG/NBD",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="default: all")
    parser.add_argument("--contacts", type=int, help="the base of `crm`; default: 100,000")
    parser.add_argument("--quick", action="store_true", help="less data, shorter rounds")
    arguments = parser.parse_args()
    started, figures = time.perf_counter(), list[Figure]()
    with (
        tempfile.TemporaryDirectory(prefix="phasewise-bench-") as folder,
        stores(Path(folder)) as databases,
    ):
        for section in arguments.sections or SECTIONS:
            print(f"\n{section}: {SECTIONS[section]}", flush=True)
            measure = importlib.import_module(f"bench.{section}").measure
            more = {"contacts": arguments.contacts} if section == "crm" else {}
            for figure in measure(databases, is_quick=arguments.quick, **more):
                print_figure(figure)
                figures.append(figure)
    missed = write(figures, is_quick=arguments.quick, seconds=time.perf_counter() - started)
    took = f"{time.perf_counter() - started:,.0f} s"
    print(f"\n{len(figures)} figures, {len(missed)} targets missed, {took}; kept in {OUTPUT}")


if __name__ == "__main__":
    main()
