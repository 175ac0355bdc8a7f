"""The commands of the CRM service: serve, migrate, add-key, openapi."""

import argparse
import asyncio
import sys
from pathlib import Path

import orjson

from services.crm_api.app import create_app
from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.edge import start_logging
from services.foundation.keys import add_key, has_key, new_key
from services.foundation.serving import server


def _migrate(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrating.upgrade("crm_api", settings.database_url)


def _serve(settings: Settings) -> None:
    start_logging(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    server(create_app(settings), host=settings.crm_host, port=settings.crm_port).run()


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
    app = create_app(settings)
    sys.stdout.buffer.write(orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2) + b"\n")  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.crm_api", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer requests")
    commands.add_parser("migrate", help="bring the database to the newest schema")
    commands.add_parser("openapi", help="print the OpenAPI document")
    key = commands.add_parser(
        "add-key", help="make a key, or take the one in a file, and store its hash"
    )
    key.add_argument("--name", required=True, help="who uses it")
    key.add_argument("--scopes", nargs="*", default=[], help="what it may do; default: everything")
    key.add_argument("--key-file", type=Path, help="a file that holds the key already")
    arguments = parser.parse_args()
    settings = Settings()
    if arguments.command == "add-key":
        _add_key(settings, arguments)
    else:
        {"serve": _serve, "migrate": _migrate, "openapi": _openapi}[arguments.command](settings)


if __name__ == "__main__":
    main()
