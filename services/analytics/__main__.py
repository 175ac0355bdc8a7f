"""The commands of analytics: serve, refresh, migrate, add-key, openapi."""

import argparse
import asyncio
import sys
from datetime import date
from pathlib import Path

import orjson
from uuid_utils import uuid7

from services.analytics import store
from services.analytics.app import create_app
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.database import Database
from services.foundation.edge import start_logging
from services.foundation.keys import add_key, has_key, new_key
from services.foundation.serving import server
from services.foundation.statements import Record


def _serve(settings: Settings) -> None:
    start_logging(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    app = create_app(settings)
    server(app, host=settings.analytics_host, port=settings.analytics_port).run()


def _migrate(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrating.upgrade("analytics", settings.database_url)


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
    from services.analytics.mirror import Mirror
    from services.analytics.refresh import run_refresh

    with Mirror(settings.data_dir) as mirror:
        database = connect(settings.database_url)
        await database.open()
        try:
            return await run_refresh(
                await _wanted(database, arguments),
                database=database,
                settings=settings,
                clock=utc_now,
                show=_say_nothing if arguments.quiet else _show,
                mirror=mirror,
            )
        finally:
            await database.close()


def _run_refresh(settings: Settings, arguments: argparse.Namespace) -> None:
    from services.analytics.mirror import MirrorLocked

    start_logging(settings.log_level)
    try:
        refresh = asyncio.run(_refresh(settings, arguments))
    except MirrorLocked:
        sys.exit("another refresh is running")
    if refresh["status"] != "succeeded":
        sys.exit(f"the refresh failed: {refresh['failure']}")
    if not arguments.quiet:
        print(f"100%  version {refresh['version']} is published", file=sys.stderr)


async def _store_key(settings: Settings, key: str, name: str, scopes: list[str]) -> None:
    database = connect(settings.database_url)
    await database.open()
    try:
        if not await has_key(database, key):
            await add_key(database, key, name=name, scopes=scopes, now=utc_now())
    finally:
        await database.close()


def _add_key(settings: Settings, arguments: argparse.Namespace) -> None:
    unknown = sorted(set(arguments.scopes) - set(SCOPES))
    if unknown:
        sys.exit(f"unknown scopes: {', '.join(unknown)}; there are: {', '.join(SCOPES)}")
    given = arguments.key_file.read_text().strip() if arguments.key_file else ""
    key = given or new_key("live")
    asyncio.run(_store_key(settings, key, arguments.name, arguments.scopes or list(SCOPES)))
    if not given:
        print(key)


def _openapi(settings: Settings) -> None:
    app = create_app(settings, schedules=False)
    sys.stdout.buffer.write(orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2) + b"\n")  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.analytics", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer requests and run the refreshes that are due")
    commands.add_parser("migrate", help="bring the database to the newest schema")
    commands.add_parser("openapi", help="print the OpenAPI document")
    refresh = commands.add_parser("refresh", help="read the CRM, compute, publish")
    refresh.add_argument("--as-of", type=date.fromisoformat, help="what was knowable on this day")
    refresh.add_argument("--full", action="store_true", help="read the CRM anew")
    refresh.add_argument("--id", help="run the refresh that was asked for under this id")
    refresh.add_argument("--quiet", action="store_true", help="do not show progress")
    key = commands.add_parser(
        "add-key", help="make a key, or take the one in a file, and store its hash"
    )
    key.add_argument("--name", required=True, help="who uses it")
    key.add_argument("--scopes", nargs="*", default=[], help="what it may do; default: everything")
    key.add_argument("--key-file", type=Path, help="a file that holds the key already")
    arguments = parser.parse_args()
    settings = Settings()
    if arguments.command == "refresh":
        _run_refresh(settings, arguments)
    elif arguments.command == "add-key":
        _add_key(settings, arguments)
    else:
        {"serve": _serve, "migrate": _migrate, "openapi": _openapi}[arguments.command](settings)


if __name__ == "__main__":
    main()
