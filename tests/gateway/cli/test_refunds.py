"""`achit refund`: what waits for a person is listed, reported done, tried again where a provider can."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from gateway.app import open_context
from gateway.config import load_config
from gateway.ports.values import Money
from gateway.services import invoices
from gateway.services.payments import OffPlatform, record_off_platform
from tests.gateway.cli.terminal import Terminal


@pytest.fixture
def paid_twice(terminal: Terminal) -> Terminal:
    """A terminal whose biller was paid twice, at a cash desk."""
    terminal.ok("apply")
    terminal.ok("invoice", "send", terminal.invoice())
    config = load_config(terminal.folder / "achit.toml", environment=terminal.environment)
    config = config.model_copy(
        update={
            "database": config.database.model_copy(
                update={"url": type(config.database.url)(f"sqlite:///{terminal.folder}/var/achit.db")}
            )
        }
    )

    async def pay() -> None:
        async with open_context(config) as ctx:
            biller = ctx.directory.biller_called("acme")
            assert biller is not None
            found = await invoices.by_number(ctx, biller, "A-1")
            for reference in ("R-1", "R-2"):
                money = OffPlatform(Money(12_345, "RON"), date(2026, 11, 25), "cash_desk", reference)
                await record_off_platform(ctx, biller, found.invoice.id, money)

    asyncio.run(pay())
    return terminal


def test_what_waits_is_listed_and_reported_done(paid_twice: Terminal) -> None:
    (row,) = paid_twice.ok("refund", "list", "--json").json
    assert (row["number"], row["state"], row["reason"], row["amount"]["value"]) == ("A-1", "due", "duplicate", "123.45")
    head, line = paid_twice.ok("refund", "list", "--biller", "acme").lines
    assert head.split()[:3] == ["refund", "biller", "invoice"]
    assert line.split()[:4] == [row["id"], "acme", "A-1", row["payment"]]
    assert paid_twice.refused("refund", "retry", row["id"]) == [
        "achit: its provider gives no money back: do it another way, and report it done"
    ]
    done = ("refund", "done", row["id"], "--reference", "OP 1187")
    assert paid_twice.ok(*done).lines == [f"{row['id']}: 123.45 RON is booked as given back"]
    assert paid_twice.ok(*done).lines == [f"{row['id']}: 123.45 RON was booked before"]
    assert paid_twice.refused("refund", "done", row["id"], "--reference", "OP 2") == [
        "achit: this refund is done with another reference",
        "achit:   reference differs",
    ]
    for named in ("rfd_0000zzz", "pay_0000001"):
        for command in (("retry", named), ("done", named, "--reference", "x")):
            assert paid_twice.refused("refund", *command) == [
                f"achit: there is no refund {named}; achit refund list shows them"
            ]
    assert paid_twice.run("refund", "list").err == "no refund waits for you\n"
    (kept,) = paid_twice.ok("refund", "list", "--all", "--json").json
    assert (kept["state"], kept["by"], kept["reference"]) == ("done", "person", "OP 1187")
    assert f"123.45 RON, done: duplicate ({row['id']})" in paid_twice.ok("invoice", "show", "A-1").out
