"""Floor of the outbox: claim and delete in groups of 200, in plain SQL, each group of either in a transaction of its own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.floors.committing import connect

_SCHEMA = """
CREATE TABLE task (id INTEGER PRIMARY KEY, kind TEXT, key INTEGER, state TEXT, due_at INTEGER, tries INTEGER, lease_by TEXT,
                   UNIQUE (kind, key));
CREATE INDEX task_due ON task (state, due_at);
"""
GROUP = 200


async def main() -> None:
    conn = connect(Path(child.settings()["folder"]) / "floor.db")
    conn.executescript(_SCHEMA)

    async def add_tasks(order: dict[str, Any]) -> None:
        due_at = time.time_ns() // 1_000_000
        conn.execute("BEGIN")
        rows = ((n, due_at) for n in range(order["first"], order["first"] + order["number"]))
        conn.executemany("INSERT INTO task VALUES (NULL, 'nothing', ?, 'due', ?, 0, NULL)", rows)
        conn.execute("COMMIT")

    async def drain(order: dict[str, Any]) -> None:
        while True:
            now = time.time_ns() // 1_000_000
            conn.execute("BEGIN IMMEDIATE")
            claimed = conn.execute(
                "UPDATE task SET lease_by = 'floor', due_at = ?, tries = tries + 1 WHERE id IN "
                "(SELECT id FROM task WHERE state = 'due' AND due_at <= ? ORDER BY due_at LIMIT ?) RETURNING id, kind, key",
                (now + 60_000, now, GROUP),
            ).fetchall()
            conn.execute("COMMIT")
            if not claimed:
                return
            conn.execute("BEGIN IMMEDIATE")
            done = [(row[0],) for row in claimed]
            conn.executemany("DELETE FROM task WHERE id = ? AND lease_by = 'floor'", done)
            conn.execute("COMMIT")

    async def rest(order: dict[str, Any]) -> None:
        """The floor has no worker to stop."""

    await child.obey({}, {"add_tasks": add_tasks, "drain": drain, "rest": rest})


if __name__ == "__main__":
    asyncio.run(main())
