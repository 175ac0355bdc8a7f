"""The command `catalogue`: look through an overlay file before anything uses it."""

import argparse
from pathlib import Path

from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.settings import Settings


def add_catalogue_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check", help="tell every fault of an overlay file, or that it is fine"
    )
    check.add_argument(
        "--overlay", type=Path, metavar="FILE", help="default: PHASEWISE_CATALOGUE_OVERLAY"
    )


def run_catalogue(settings: Settings, arguments: argparse.Namespace) -> None:
    """Print what an overlay file changes.

    Raises
    ------
    CatalogueError
        It has faults; the message tells each.
    """
    path = arguments.overlay or settings.catalogue_overlay
    catalogue = load_catalogue(path)
    if path is None:
        print("fine: the catalogue is used as it is, without an overlay file")
        return
    lines = [
        f"  {section}.{entry_id}: {', '.join(names)}"
        for section, entries in catalogue.adjustments.fields.items()
        for entry_id, names in entries.items()
    ]
    print("\n".join([f"fine: {path} changes {_entries(len(lines))}", *lines]))


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"
