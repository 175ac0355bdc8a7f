"""The commands that every service has, and one clear line for whatever goes wrong in a command."""

import argparse
import asyncio
import logging
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import asyncpg
import orjson
from alembic.util.exc import CommandError
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp

from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import InvalidUrl, connect, unreachable
from services.foundation.database import Database
from services.foundation.edge import start_logging
from services.foundation.keys import add_key, has_key, new_key
from services.foundation.problems import Problem, Unauthenticated, Unavailable
from services.foundation.serving import AddressTaken, require_free, server, silence_standard_output
from services.foundation.settings import Unusable
from services.foundation.tokens import InvalidKeySet

log = logging.getLogger("phasewise")
_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130
_LONGEST_NAME = 100
_ENVIRONMENT = "PHASEWISE_"
_UNUSABLE = ("unable to open", "not a database", "readonly", "locked", "full", "disk I/O")


class Settings(Protocol):
    """What the commands need to know of a service's settings."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def log_level(self) -> str: ...

    @property
    def database_url(self) -> str: ...


Chosen = TypeVar("Chosen", bound=Settings)
Arguments = argparse.Namespace


def _no_arguments(_: argparse.ArgumentParser) -> None:
    pass


@dataclass(frozen=True)
class Command(Generic[Chosen]):
    """A word behind `python -m <service>`, what it says of itself, and what it does."""

    name: str
    help: str
    run: Callable[[Chosen, Arguments], None]
    add_arguments: Callable[[argparse.ArgumentParser], None] = _no_arguments


def run_command(
    service: str, about: str, commands: Sequence[Command[Chosen]], settings: type[Chosen]
) -> None:
    """Do what the command line asks for; the settings are read here, from the environment."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{service}",
        description=about,
        epilog="Settings are environment variables:\n" + _settings_text(settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    choices = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        one = choices.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    arguments = parser.parse_args()
    with plain_failures():
        arguments.run(settings(), arguments)


def _settings_text(settings: Any) -> str:
    lines = []
    for name, one in settings.model_fields.items():
        default = one.get_default(call_default_factory=True)
        shown = "" if default is None else orjson.dumps(default, default=str).decode().strip('"')
        lines.append(f"  {_ENVIRONMENT}{name.upper()}" + (f"  ({shown})" if shown else ""))
    return "\n".join(lines)


@contextmanager
def plain_failures() -> Iterator[None]:
    """Let a failure that its reader can mend end the program with one line, any other as it is."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        cause: BaseException | None = error
        if isinstance(error, DBAPIError):
            cause = getattr(error.orig, "__cause__", None) or error.orig
        known = _line(cause)
        if known is None:
            raise
        print(known[1], file=sys.stderr)
        sys.exit(known[0])


def _line(error: BaseException | None) -> tuple[int, str] | None:
    """Say what happened and with which code to end; None for what only a programmer can mend."""
    match error:
        case ValidationError():
            return _WRONG_USE, "; ".join(_fault(one) for one in error.errors())
        case SettingsError():
            names = re.findall(r'field "(\w+)"', str(error))
            listed = " ".join(f"{_ENVIRONMENT}{name.upper()}" for name in names)
            return _WRONG_USE, f'{listed}: a list is written as JSON, like ["one", "two"]'
        case (
            Unusable()
            | InvalidUrl()
            | InvalidKeySet()
            | Unauthenticated()
            | asyncpg.ClientConfigurationError()
        ):
            return _WRONG_USE, str(error)
        case Problem() | AddressTaken() | migrating.SchemaMissing() | CommandError():
            return _FAILED, str(error)
        case (
            asyncpg.InvalidAuthorizationSpecificationError()
            | asyncpg.InvalidCatalogNameError()
            | asyncpg.InsufficientPrivilegeError()
        ):
            return _FAILED, f"the database refuses: {error}"
        case sqlite3.Error() if any(words in str(error) for words in _UNUSABLE):
            return _FAILED, f"the database cannot be used: {error}"
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return _FAILED, f"{where}{error.strerror or error}"
    return None


def _fault(error: Any) -> str:
    """Say what is wrong with a setting without repeating it."""
    message = str(error["msg"]).removeprefix("Value error, ")
    name = "_".join(str(part) for part in error["loc"][:1]).upper()
    return f"{_ENVIRONMENT}{name}: {message}" if name else message


@asynccontextmanager
async def opened(service: str, url: str, *, connections: int = 4) -> AsyncIterator[Database]:
    """Open the database of a service for a command.

    Raises
    ------
    Unavailable
        It cannot be reached; the message says where it was looked for.
    SchemaMissing
        It lacks tables that the service needs.
    """
    migrating.require_file(service, url)
    database = connect(url, connections=connections)
    try:
        try:
            await database.open()
            await migrating.require_schema(service, database)
        except Unavailable as error:
            raise Unavailable(unreachable(url)) from error
        yield database
    finally:
        await database.close()


def serve(
    service: str,
    create_app: Callable[[Chosen], ASGIApp],
    *,
    address: Callable[[Chosen], tuple[str, int]],
    help: str = "answer requests",
) -> Command[Chosen]:
    """Make the command that runs the service; it waits for a database that is not there yet."""

    async def look(url: str) -> None:
        try:
            async with opened(service, url, connections=1):
                pass
        except Unavailable as error:
            log.warning("%s; every request tries again", error)

    def run(settings: Chosen, _: Arguments) -> None:
        start_logging(settings.log_level)
        host, port = address(settings)
        require_free(host, port)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        asyncio.run(look(settings.database_url))
        silence_standard_output()
        server(create_app(settings), host=host, port=port).run()

    return Command("serve", help, run)


def migrate(service: str) -> Command[Chosen]:
    """Make the command that brings the database to the newest schema."""

    def run(settings: Chosen, _: Arguments) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        migrating.upgrade(service, settings.database_url)
        print(f"the database is at {migrating.present(settings.database_url)}", file=sys.stderr)

    return Command("migrate", "bring the database to the newest schema", run)


def openapi(create_app: Callable[[Chosen], Any]) -> Command[Chosen]:
    """Make the command that prints the OpenAPI document."""

    def run(settings: Chosen, _: Arguments) -> None:
        document = orjson.dumps(create_app(settings).openapi(), option=orjson.OPT_INDENT_2)
        sys.stdout.buffer.write(document + b"\n")

    return Command("openapi", "print the OpenAPI document", run)


def add_keys(service: str, scopes: Sequence[str]) -> Command[Chosen]:
    """Make the command that lets a key in."""

    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", required=True, type=_name, help="who uses it")
        parser.add_argument(
            "--scopes",
            nargs="+",
            metavar="SCOPE",
            choices=scopes,
            default=list(scopes),
            help=f"what it may do, of: {', '.join(scopes)}; default: everything",
        )
        parser.add_argument(
            "--key-file", type=Path, metavar="FILE", help="a file that holds the key already"
        )

    def run(settings: Chosen, arguments: Arguments) -> None:
        given = arguments.key_file.read_text().strip() if arguments.key_file else None
        key = new_key("live") if given is None else given
        is_new = asyncio.run(
            store_key(
                service, settings.database_url, key, name=arguments.name, scopes=arguments.scopes
            )
        )
        if given is None:
            print(key)
        elif not is_new:
            print("this key is in already; nothing was changed", file=sys.stderr)

    return Command(
        "add-key", "make and print a key, or take the one in a file; store its hash", run, arguments
    )


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= _LONGEST_NAME:
        raise argparse.ArgumentTypeError(f"a name has 1 to {_LONGEST_NAME} characters")
    return text.strip()


async def store_key(service: str, url: str, key: str, *, name: str, scopes: Sequence[str]) -> bool:
    """Let a key into a database; return False if it is in already, with whatever scopes."""
    async with opened(service, url, connections=1) as database:
        if await has_key(database, key):
            return False
        await add_key(database, key, name=name, scopes=scopes, now=utc_now())
        return True
