"""Floor of the pay page: the token is proven, one row is read, and the page's own template gives the same bytes.

Every value but the row's is ready before the first request; the product finds them out for each.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import hmac
import sqlite3
from datetime import date
from pathlib import Path

import orjson
from aiohttp import web

from benchmarks import child
from benchmarks.floors.committing import connect
from benchmarks.floors.serving import serve
from gateway.domain.invoices import IconState
from gateway.ports.values import Money
from gateway.rendering import Brand, Line, PayPage, Renderer

_SCHEMA = "CREATE TABLE invoice (id INTEGER PRIMARY KEY, number TEXT, amount INTEGER, due_on TEXT, details TEXT);"
SECRET = b"secret of the floor's links"


def token(invoice_id: int) -> str:
    return f"{invoice_id:x}-{hmac.new(SECRET, str(invoice_id).encode(), hashlib.sha256).hexdigest()[:11]}"


def fill(conn: sqlite3.Connection, number: int, details: str) -> None:
    conn.executescript(_SCHEMA)
    conn.execute(
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?) "
        "INSERT INTO invoice SELECT n, 'S-' || n, 12345, '2026-12-08', ? FROM s",
        (number, details),
    )


async def main() -> None:
    told = child.settings()
    conn = connect(Path(told["folder"]) / "floor.db")
    fill(conn, told["number"], orjson.dumps(told["details"]).decode())
    renderer = Renderer()
    template = renderer._voice(None, "ro").templates["paypage/invoice.html"]
    ready = _ready(renderer)

    async def show(request: web.Request) -> web.Response:
        given = request.match_info["token"]
        invoice_id = int(given.partition("-")[0], 16)
        if not hmac.compare_digest(given, token(invoice_id)):
            raise web.HTTPNotFound
        row = conn.execute("SELECT number, amount, details FROM invoice WHERE id = ?", (invoice_id,)).fetchone()
        amount, details = Money(row[1], "RON"), orjson.loads(row[2])
        values = ready | {
            "number": row[0],
            "amount": amount,
            "outstanding": amount,
            "path": f"/p/{given}",
            "description": details["description"],
            "document_url": details["document_url"],
        }
        return web.Response(text=template.render(values), content_type="text/html")

    app = web.Application()
    app.router.add_get("/p/{token}", show)
    await serve(app)


def _ready(renderer: Renderer) -> dict[str, object]:
    page = PayPage(
        brand=Brand("Acme Energie", "Acme Energie SRL", colour="#1f4e79"),
        state=IconState.OPEN,
        number="",
        amount=Money(12345, "RON"),
        paid=Money(0, "RON"),
        outstanding=Money(12345, "RON"),
        due_on=date(2026, 12, 8),
        path="",
        revision="2.open",
        methods=["bank", "card"],
        payer_name="Ana Popescu",
        issued_on=date(2026, 11, 23),
        lines=[
            Line("Energie activă", Money(8804, "RON"), "142 kWh"),
            Line("Abonament", Money(3541, "RON")),
        ],
    )
    values = {field.name: getattr(page, field.name) for field in dataclasses.fields(page)}
    languages = {"en": "English", "ro": "română"}
    return values | {"lang": "ro", "direction": "ltr", "languages": languages, "style": renderer.style(page)}


if __name__ == "__main__":
    asyncio.run(main())
