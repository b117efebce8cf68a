"""Floor of a confirmation: HMAC of the body, then event, states and outbox in one body of a group commit, then 200."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sqlite3
import time
from pathlib import Path

import orjson
from aiohttp import web

from benchmarks import child, setting
from benchmarks.floors.committing import Writer, connect
from benchmarks.floors.serving import serve

_SCHEMA = """
CREATE TABLE invoice (id INTEGER PRIMARY KEY, status TEXT, paid INTEGER);
CREATE TABLE attempt (id INTEGER PRIMARY KEY, invoice_id INTEGER, external_id TEXT UNIQUE, status TEXT);
CREATE TABLE inbox (id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, body BLOB);
CREATE TABLE event (id INTEGER PRIMARY KEY, invoice_id INTEGER, type TEXT, at INTEGER);
CREATE TABLE task (key INTEGER PRIMARY KEY, due_at INTEGER);
"""


async def main() -> None:
    told = child.settings()
    conn = connect(Path(told["folder"]) / "floor.db")
    conn.executescript(_SCHEMA)
    series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?)"
    conn.execute(f"{series} INSERT INTO invoice SELECT n, 'open', 0 FROM s", (told["number"],))
    conn.execute(
        f"{series} INSERT INTO attempt SELECT n, n, 'pay-' || ? || '-' || n, 'pending' FROM s", (told["number"], "P")
    )
    writer = Writer(conn)
    secret = setting.BANK_SECRET.encode()

    async def post(request: web.Request) -> web.Response:
        body = await request.read()
        at, _, proof = request.headers["x-sandbox-signature"].removeprefix("t=").partition(",v1=")
        right = hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, right) or abs(time.time() - int(at)) > 300:
            raise web.HTTPUnauthorized
        event = orjson.loads(body)
        payment = event["payment"]
        now = time.time_ns() // 1_000_000

        def write(conn: sqlite3.Connection) -> None:
            if not conn.execute("INSERT OR IGNORE INTO inbox VALUES (NULL, ?, ?)", (event["id"], body)).rowcount:
                return
            row = conn.execute(
                "UPDATE attempt SET status = 'paid' WHERE external_id = ? AND status = 'pending' RETURNING invoice_id",
                (payment["id"],),
            ).fetchone()
            paid = (payment["received"], row[0])
            conn.execute("UPDATE invoice SET status = 'paid', paid = paid + ? WHERE id = ? AND status = 'open'", paid)
            conn.execute("INSERT INTO event VALUES (NULL, ?, 'invoice.paid', ?)", (row[0], now))
            conn.execute("INSERT OR IGNORE INTO task VALUES (1, ?)", (now,))

        await writer.write(write)
        return web.Response(status=200)

    app = web.Application()
    app.router.add_post("/hook", post)
    await serve(app)


if __name__ == "__main__":
    asyncio.run(main())
