"""Migrated databases at the price of a copy: each engine migrates one template a test process, and tests get copies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from gateway.store.database import open_database
from tests.harness.postgres import Cluster

ENGINES = ("sqlite", "postgres")


class Databases:
    """Makes copies of migrated templates. `server` gives the PostgreSQL cluster, or skips the test."""

    def __init__(self, folder: Path, server: Callable[[], Cluster]) -> None:
        self._folder = folder
        self._server = server
        self._templates: dict[str, str] = {}
        self._copies = 0

    async def make(self, engine: str) -> str:
        """The URL of a fresh, migrated database of `engine`."""
        if engine == "sqlite":
            self._copies += 1
            copy = self._folder / f"{self._copies}.db"
            shutil.copyfile(await self._template(engine), copy)
            return f"sqlite:///{copy}"
        server = self._server()
        return server.url_of(await server.create(template=await self._template(engine)))

    async def drop(self, url: str) -> None:
        """Forgets a database that `make` made."""
        if url.startswith("sqlite"):
            file = Path(url.removeprefix("sqlite:///"))
            for part in file.parent.glob(f"{file.name}*"):  # the write-ahead log and the lock too
                part.unlink()
        else:
            await self._server().drop(url.rpartition("/")[2])

    async def _template(self, engine: str) -> str:
        """The file, or the name, of the engine's template; migrated once."""
        if engine not in self._templates:
            if engine == "sqlite":
                name = str(self._folder / "template.db")
                url = f"sqlite:///{name}"
            else:
                name = await self._server().create()
                url = self._server().url_of(name)
            database = await open_database(url)
            try:
                await database.migrate()
            finally:
                await database.aclose()
            self._templates[engine] = name
        return self._templates[engine]
