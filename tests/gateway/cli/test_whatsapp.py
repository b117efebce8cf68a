"""`achit whatsapp templates sync` against the Cloud API's stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.demo.whatsapp import WhatsAppStandIn
from gateway.rendering import KEPT_KINDS
from tests.gateway.cli.terminal import Done, Terminal

BILLER = """
[biller]
slug = "acme"
legal_name = "Acme S.R.L."
display_name = "Acme"

[channels.whatsapp]
phone_number_id = "{phone}"
business_account_id = "{account}"
access_token = {{ env = "TOKEN" }}
app_secret = {{ env = "TOKEN" }}
verify_token = {{ env = "TOKEN" }}
api_url = "{url}"
use_phone = true
"""
TEXTS = {(kind, language) for kind in KEPT_KINDS for language in ("en", "ro")}


@pytest.fixture
async def meta() -> AsyncIterator[WhatsAppStandIn]:
    async with WhatsAppStandIn(receipts=False) as stand_in:
        yield stand_in


async def sync(terminal: Terminal, *words: str) -> Done:
    """The command in a thread, so that the stand-in can answer it."""
    return await asyncio.to_thread(terminal.run, "whatsapp", "templates", "sync", *words)


async def test_what_is_missing_is_submitted_once(terminal: Terminal, meta: WhatsAppStandIn) -> None:
    account, phone = meta.business_account_id, meta.phone_number_id
    terminal.write("billers/acme.toml", BILLER.format(phone=phone, account=account, url=meta.api_url))
    terminal.environment["TOKEN"] = meta.token
    assert (await asyncio.to_thread(terminal.run, "apply")).code == 0
    meta.api.approves = False

    done = await sync(terminal, "--dry-run", "--json")
    rows: list[dict[str, Any]] = done.json["templates"]
    assert (done.code, {row["status"] for row in rows}, meta.api.kept) == (1, {"missing"}, {})
    assert {(row["kind"], row["language"]) for row in rows} == TEXTS

    done = await sync(terminal)
    assert (done.code, done.out.count("submitted now")) == (0, len(TEXTS)), done
    assert {kept.category for kept in meta.api.kept.values()} == {"UTILITY"}

    first = next(iter(meta.api.kept.values()))
    meta.judge(first.name, first.language, "REJECTED", "INVALID_FORMAT")
    done = await sync(terminal, "--biller", "acme", "--json")
    by_name = {row["name"]: row for row in done.json["templates"]}
    assert done.code == 1
    assert sorted(row["status"] for row in by_name.values()) == ["pending"] * (len(TEXTS) - 1) + ["rejected"]
    assert by_name[first.name.removeprefix("achit_")]["reason"] == "INVALID_FORMAT"
    assert not any(row["new"] for row in by_name.values())
    assert len(meta.api.kept) == len(TEXTS)

    meta.token = "revoked"
    done = await sync(terminal)
    assert (done.code, done.err.strip()) == (
        1,
        "achit: a vendor cannot say which templates it has: 190: Meta refused",
    )


def test_a_biller_without_whatsapp_is_told_so(terminal: Terminal) -> None:
    terminal.ok("apply")
    assert terminal.refused("whatsapp", "templates", "sync") == [
        "achit: acme has no channel that reaches payers by whatsapp"
    ]
