"""The commands of analytics."""

import argparse
import asyncio
import signal
import sys
from datetime import date
from uuid import UUID

from uuid_utils import uuid7

import services.foundation.loading as loading
from services.analytics import store
from services.analytics.app import create_app
from services.analytics.catalogue_command import add_catalogue_arguments, run_catalogue
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.foundation.application import utc_now
from services.foundation.command_line import (
    Command,
    add_keys,
    migrate,
    openapi,
    opened,
    run_command,
    serve,
)
from services.foundation.database import Database
from services.foundation.edge import start_logging
from services.foundation.statements import Record

NAME = "analytics"


def _show(stage: str, progress: float) -> None:
    print(f"{progress:4.0%}  {stage.replace('_', ' ')}", file=sys.stderr, flush=True)


def _say_nothing(_: str, __: float) -> None:
    pass


async def _wanted(database: Database, arguments: argparse.Namespace) -> Record:
    if arguments.id is not None:
        found = await store.find_refresh(database, arguments.id)
        if found is None:
            sys.exit(f"there is no refresh {arguments.id}")
        if found["status"] != "queued":
            sys.exit(f"the refresh {arguments.id} is {found['status']} already")
        return found
    return await database.write(
        lambda transaction: store.add_refresh(
            transaction,
            str(uuid7()),
            as_of=arguments.as_of,
            is_full=arguments.full,
            now=utc_now(),
        )
    )


async def _refresh(settings: Settings, arguments: argparse.Namespace) -> Record:
    # Imported here because numpy, pandas and scipy take longer to load than the API to start.
    from services.analytics.mirror.writer import Mirror
    from services.analytics.refresh import run_refresh

    with Mirror(settings.data_dir) as mirror:
        async with opened(NAME, settings.database_url) as database:
            return await run_refresh(
                await _wanted(database, arguments),
                database=database,
                settings=settings,
                clock=utc_now,
                show=_say_nothing if arguments.quiet else _show,
                mirror=mirror,
            )


def _run_refresh(settings: Settings, arguments: argparse.Namespace) -> None:
    from services.analytics.mirror.writer import MirrorLocked

    start_logging(settings.log_level)
    # A refresh may be killed at any point; asyncio's way would wait for an answer of the CRM.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        refresh = asyncio.run(_refresh(settings, arguments))
    except MirrorLocked:
        sys.exit("another refresh is running")
    if refresh["status"] != "succeeded":
        sys.exit(f"the refresh failed: {refresh['failure']}")
    if not arguments.quiet:
        print(f"100%  version {refresh['version']} is published", file=sys.stderr)


def _run_backtest(settings: Settings, arguments: argparse.Namespace) -> None:
    from services.analytics.backtest_command import BacktestImpossible, backtest

    start_logging(settings.log_level)
    try:
        text = backtest(
            settings,
            as_of=arguments.as_of,
            model=arguments.model,
            horizon_days=arguments.horizon_days,
            origins=arguments.origin,
            origin_count=arguments.origins,
            form=arguments.format,
            language=arguments.language,
            now=utc_now(),
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except BacktestImpossible as error:
        sys.exit(str(error))
    sys.stdout.write(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written YYYY-MM-DD") from None


def _identifier(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError("the id of a refresh is a UUID") from None


def _refresh_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as-of", type=_day, help="what was knowable on this day, YYYY-MM-DD")
    parser.add_argument("--full", action="store_true", help="read the CRM anew")
    parser.add_argument(
        "--id", type=_identifier, help="run the refresh that was asked for under this id"
    )
    parser.add_argument("--quiet", action="store_true", help="do not show progress")


def _from_one(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on is expected")
    return number


def _backtest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--horizon-days", type=_from_one, metavar="N",
        help="days to forecast; default 180, but at most a third of the history",
    )  # fmt: skip
    parser.add_argument(
        "--origin", type=_day, nargs="+", default=[], metavar="YYYY-MM-DD",
        help="days to look back from; default: the newest that fit",
    )  # fmt: skip
    parser.add_argument(
        "--origins", type=_from_one, default=2, metavar="K",
        help="how many, a horizon apart, where no --origin is given; default 2",
    )  # fmt: skip
    parser.add_argument(
        "--model", help="the forecaster that the verdict is about; default: the running one"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default text")
    parser.add_argument(
        "--language", choices=("en", "de"), default="en", help="of the verdict; default en"
    )
    parser.add_argument("--as-of", type=_day, help="take what was known on this day, YYYY-MM-DD")


COMMANDS: list[Command[Settings]] = [
    serve(
        NAME,
        create_app,
        address=lambda settings: (settings.analytics_host, settings.analytics_port),
        help="answer requests and run the refreshes that are due",
    ),
    Command("refresh", "read the CRM, compute, publish", _run_refresh, _refresh_arguments),
    Command(
        "backtest",
        "measure the forecasts on this base's own past, beside naive yardsticks",
        _run_backtest,
        _backtest_arguments,
    ),
    Command(
        "catalogue",
        "look through the file that adjusts the catalogue",
        run_catalogue,
        add_catalogue_arguments,
    ),
    migrate(NAME),
    add_keys(NAME, SCOPES),
    openapi(create_app),
]

if __name__ == "__main__":
    loading.has_ended()
    run_command(NAME, __doc__, COMMANDS, Settings)
