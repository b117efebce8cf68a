"""`achit webhooks` against the Bot API's stand-in."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gateway.demo.telegram import TelegramStandIn

BILLER = """
[biller]
slug = "acme"
legal_name = "Acme S.R.L."
display_name = "Acme"

[channels.telegram]
bot_token = {{ env = "BOT" }}
webhook_secret = {{ env = "HOOK" }}
api_url = "{url}"
"""


async def achit(state: Path, *words: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *words, "--state", str(state),
        env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.fixture
async def bot() -> object:
    async with TelegramStandIn() as stand_in:
        yield stand_in


async def test_telegram_is_told_where_its_webhooks_go(tmp_path: Path, bot: TelegramStandIn) -> None:
    (tmp_path / "billers").mkdir()
    (tmp_path / "billers" / "acme.toml").write_text(BILLER.format(url=bot.url))
    secrets = {"BOT": bot.token, "HOOK": "a-secret"}
    code, said = await achit(tmp_path, "apply", **secrets)
    assert code == 0, said

    code, said = await achit(tmp_path, "webhooks", "--biller", "acme")

    assert (code, said.strip()) == (0, "acme: registered")
    assert bot.api.webhook_url == "http://127.0.0.1:8080/hooks/channels/acme.telegram"
    assert bot.api.webhook_secret == "a-secret"


async def test_a_refusal_is_a_sentence(tmp_path: Path, bot: TelegramStandIn) -> None:
    (tmp_path / "billers").mkdir()
    (tmp_path / "billers" / "acme.toml").write_text(BILLER.format(url=bot.url))
    await achit(tmp_path, "apply", BOT="1:another", HOOK="a-secret")

    code, said = await achit(tmp_path, "webhooks")

    assert code == 1
    assert "acme.telegram: " in said
    assert "Traceback" not in said
    assert bot.api.webhook_url == ""
