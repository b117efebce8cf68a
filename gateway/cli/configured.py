"""From options to a configuration, and from a configuration to an operation carried out: here, or by the server that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.failing import WrongUse
from gateway.config import Config, default_config, load_config
from gateway.config.server import FILE
from gateway.store.database import DatabaseInUse

if TYPE_CHECKING:
    from gateway.store.database import Database

DEFAULT_STATE = Path("var")


def find_config(config: Path | None, state: Path | None, *, make: bool = False) -> Config:
    """What `--config` and `--state` say; without either, `achit.toml` here, else `./var`.

    `make`: the command may be the first one ever, so a state folder is made where there is none.
    """
    if config is not None and state is not None:
        raise WrongUse("give --config or --state, not both")
    if config is not None or (state is None and Path(FILE).exists()):
        return load_config(config or Path(FILE))
    folder = state or DEFAULT_STATE
    if not make and not (folder / "key").exists():
        missing = f"{folder} has no state" if state else f"there is no {FILE} here and no state in ./{folder}"
        raise WrongUse(f"{missing}; say --config FILE or --state DIR")
    return default_config(folder)


def quiet_logs() -> None:
    """Log lines of a command that a person reads: what went wrong, on standard error."""
    from gateway import logs

    logs.configure("error", json=False)


async def operate(config: Config, operation: str, arguments: dict[str, Any], *, migrate: bool = False) -> Any:
    """Carries out an operation of `gateway.control`. A server that has the SQLite file open does it, else this process.

    `migrate`: bring the schema to this version first; without it, one that is of another version is refused. Raises Refused,
    DatabaseInUse when the process that has the file takes no commands, StoreUnavailable.
    """
    from gateway import control

    quiet_logs()
    url = config.database.url.reveal()
    beside = control.socket_beside(url)
    if beside is not None:
        try:
            return await control.ask(beside, operation, arguments)
        except control.NobodyListens:
            pass
    from gateway.app import open_context
    from gateway.store.database import open_database

    try:
        database = await open_database(url)
    except DatabaseInUse as error:
        raise DatabaseInUse(f"{error}. It takes no commands: it is starting or ending, or it is no server") from None
    try:
        if not migrate:
            await _require_schema(database)
        async with open_context(config, database=database, migrate=migrate) as ctx:
            return await control.perform(ctx, operation, arguments)
    finally:
        await database.aclose()


async def _require_schema(database: Database) -> None:
    from gateway.control import Refused

    if not await database.schema_is_current():
        raise Refused("the database is not of this version: run achit migrate")
