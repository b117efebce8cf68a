"""`achit restore`: a backup becomes the database again, made such that nothing it hands out was handed out since.

On SQLite the copy is prepared beside the database and takes its place in one step; what was there is kept under another name. On
PostgreSQL the data was put back by pg_restore, and only the numbers move on.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from gateway.cli.failing import WrongUse
from gateway.config import Config
from gateway.control import Refused
from gateway.store import billers, events
from gateway.store.database import Database, open_database
from gateway.store.sequences import skip_ahead
from gateway.store.sqlite import damage, take_lock

_PARTS = ("", "-wal", "-shm")


async def restore_sqlite(config: Config, backup: Path) -> tuple[Path | None, dict[str, int]]:
    """Gives where the database that was there is kept now, and each biller's last event.

    Raises Refused when the file is no whole backup, and DatabaseInUse while a server runs; nothing is changed then.
    """
    database = Path(config.database.url.reveal().removeprefix("sqlite:///"))
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(take_lock(database)):
        _require_whole(backup)
        draft = database.with_name(f"{database.name}.restoring")
        try:
            _copy(backup, draft)
            opened = await open_database(f"sqlite:///{draft}")
            try:
                last = await _move_on(opened)
            finally:
                await opened.aclose()
            kept = _set_aside(database)
            draft.replace(database)
        finally:
            for part in (*_PARTS, ".lock"):
                draft.with_name(draft.name + part).unlink(missing_ok=True)
    return kept, last


async def restore_postgres(config: Config) -> dict[str, int]:
    """Moves the numbers on in a database that pg_restore has filled. Gives each biller's last event."""
    opened = await open_database(config.database.url.reveal())
    try:
        return await _move_on(opened)
    finally:
        await opened.aclose()


async def _move_on(database: Database) -> dict[str, int]:
    await database.migrate()

    def body(conn: sa.Connection) -> dict[str, int]:
        skip_ahead(conn)
        return {biller.slug: events.last_seq(conn, biller.id) for biller in billers.all_billers(conn)}

    return await database.write(body)


def _require_whole(backup: Path) -> None:
    if not backup.is_file():
        raise WrongUse(f"there is no file {backup}")
    if fault := damage(backup):
        raise Refused(f"{backup} {fault}")


def _copy(backup: Path, draft: Path) -> None:
    with (
        backup.open("rb") as source,
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to,
    ):
        shutil.copyfileobj(source, to)


def _set_aside(database: Path) -> Path | None:
    """Renames the database with its log, so that it can still be opened; None when there was none."""
    if not database.exists():
        return None
    kept = database.with_name(f"{database.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for part in _PARTS:
        if (was := database.with_name(database.name + part)).exists():
            was.replace(kept.with_name(kept.name + part))
    return kept
