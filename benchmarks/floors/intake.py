"""Floor of intake: aiohttp, orjson, a key that is compared, and one invoice with one task a body of a group commit."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sqlite3
import time
from pathlib import Path

import orjson
from aiohttp import web

from benchmarks import child
from benchmarks.floors.committing import Writer, connect
from benchmarks.floors.serving import serve

KEY = "ak_floor_0123456789"
_SCHEMA = """
CREATE TABLE invoice (id INTEGER PRIMARY KEY, biller_id INTEGER, number TEXT, amount TEXT, due_on TEXT, payer TEXT,
                      created_at INTEGER, body BLOB, UNIQUE (biller_id, number));
CREATE TABLE task (id INTEGER PRIMARY KEY, invoice_id INTEGER, due_at INTEGER);
CREATE INDEX task_due ON task (due_at);
"""


async def main() -> None:
    conn = connect(Path(child.settings()["folder"]) / "floor.db")
    conn.executescript(_SCHEMA)
    writer = Writer(conn)
    proof = hashlib.sha256(KEY.encode()).digest()

    async def post(request: web.Request) -> web.Response:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(hashlib.sha256(key.encode()).digest(), proof):
            raise web.HTTPUnauthorized
        body = await request.read()
        invoice = orjson.loads(body)
        number, amount, payer = invoice["number"], invoice["amount"]["value"], invoice["payer"]["reference"]
        if not (isinstance(number, str) and isinstance(amount, str) and isinstance(payer, str)):
            raise web.HTTPUnprocessableEntity
        now = time.time_ns() // 1_000_000
        row = (number, amount, invoice["due_on"], payer, now, body)

        def write(conn: sqlite3.Connection) -> int | None:
            done = conn.execute("INSERT OR IGNORE INTO invoice VALUES (NULL, 1, ?, ?, ?, ?, ?, ?)", row)
            conn.execute("INSERT INTO task VALUES (NULL, ?, ?)", (done.lastrowid, now))
            return done.lastrowid

        invoice_id = await writer.write(write)
        return web.Response(
            status=201,
            body=orjson.dumps({"id": invoice_id, "number": number, "pay_url": f"http://127.0.0.1/p/{invoice_id}"}),
            content_type="application/json",
        )

    app = web.Application()
    app.router.add_post("/v1/invoices", post)
    await serve(app)


if __name__ == "__main__":
    asyncio.run(main())
