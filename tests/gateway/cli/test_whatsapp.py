"""`achit whatsapp templates sync` against the Cloud API's stand-in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.demo.whatsapp import WhatsAppStandIn
from gateway.rendering import KINDS
from tests.gateway.cli.test_webhooks import achit

BILLER = """
[biller]
slug = "acme"
legal_name = "Acme S.R.L."
display_name = "Acme"

[channels.whatsapp]
phone_number_id = "{phone}"
business_account_id = "{account}"
access_token = {{ env = "TOKEN" }}
app_secret = {{ env = "SECRET" }}
verify_token = {{ env = "SECRET" }}
api_url = "{url}"
"""
SYNC = ("whatsapp", "templates", "sync")
TEXTS = {(kind, language) for kind in KINDS for language in ("en", "ro")}


@pytest.fixture
async def meta(tmp_path: Path) -> AsyncIterator[WhatsAppStandIn]:
    async with WhatsAppStandIn(receipts=False) as stand_in:
        (tmp_path / "billers").mkdir()
        biller = BILLER.format(
            phone=stand_in.phone_number_id, account=stand_in.business_account_id, url=stand_in.api_url
        )
        (tmp_path / "billers" / "acme.toml").write_text(biller)
        code, said = await achit(tmp_path, "apply", TOKEN=stand_in.token, SECRET="s")
        assert code == 0, said
        yield stand_in


async def test_what_is_missing_is_submitted_once(tmp_path: Path, meta: WhatsAppStandIn) -> None:
    meta.api.approves = False
    code, said = await achit(tmp_path, *SYNC, "--dry-run", "--json")
    rows = json.loads(said)["templates"]
    assert (code, {row["status"] for row in rows}, meta.api.kept) == (1, {"missing"}, {})
    assert {(row["kind"], row["language"]) for row in rows} == TEXTS

    code, said = await achit(tmp_path, *SYNC)
    assert (code, said.count("submitted now")) == (0, len(TEXTS)), said
    assert {kept.category for kept in meta.api.kept.values()} == {"UTILITY"}

    first = next(iter(meta.api.kept.values()))
    first.status, first.rejected_reason = "REJECTED", "INVALID_FORMAT"
    code, said = await achit(tmp_path, *SYNC, "--biller", "acme", "--json")
    rows = {row["name"]: row for row in json.loads(said)["templates"]}
    assert code == 1
    assert sorted(row["status"] for row in rows.values()) == ["pending"] * (len(TEXTS) - 1) + ["rejected"]
    assert rows[first.name.removeprefix("achit_")]["reason"] == "INVALID_FORMAT"
    assert not any(row["new"] for row in rows.values())
    assert len(meta.api.kept) == len(TEXTS)


async def test_a_refusal_is_a_sentence(tmp_path: Path, meta: WhatsAppStandIn) -> None:
    meta.token = "revoked"
    code, said = await achit(tmp_path, *SYNC)
    assert (code, said.strip()) == (1, "achit: a vendor cannot say which templates it has: 190: Meta refused")
