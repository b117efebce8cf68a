"""Twilio's own parts from npm, where they are installed: a mock made of its OpenAPI description, its segment counter.

`npm install @stoplight/prism-cli@5.14.2 sms-segments-calculator` in the project's folder; skipped, visibly, without.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from channels.sms import CHANNEL, Settings
from gateway.outbound import OutboundClient
from gateway.ports.channel import Message
from gateway.ports.errors import Rejected
from gateway.ports.gsm7 import segments
from gateway.ports.values import Secret
from gateway.testing.clock import START, FakeClock
from tests.harness.prism import mocked
from tests.harness.vectors import ROOT

pytestmark = pytest.mark.interop
ACCOUNT = "AC" + "a" * 32
COUNT = """
const { SegmentedMessage } = require('sms-segments-calculator');
const texts = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(texts.map(text => new SegmentedMessage(text).segmentsCount)));
"""


@pytest.fixture
async def prism(vectors: Path, free_port: Callable[[], int]) -> AsyncIterator[str]:
    description = vectors / "twilio" / "twilio_api_v2010.messages.subset.json"
    async with mocked(description, free_port()) as url:
        yield url


def settings(url: str, **changes: str) -> Settings:
    usual = {"account_sid": ACCOUNT, "from_number": "+40312345678", "api_url": url} | changes
    return Settings(auth_token=Secret("x"), **usual)  # type: ignore[arg-type]


async def test_mock_of_the_description_takes_what_we_send(prism: str) -> None:
    message = Message("dlv_1", "+40712345678", "da", "ro", receipt_url="https://pay.example.ro/hooks/channels/acme.sms")
    async with OutboundClient(FakeClock()) as http:
        channel = CHANNEL.create(settings(prism), http)
        result = await channel.send(message)
        assert result.external_id.startswith("SM")
        assert await channel.find_sent(message, START) is None  # type: ignore[attr-defined]

        with pytest.raises(Rejected):  # the description says what an account's id looks like
            await CHANNEL.create(settings(prism, account_sid="nonsense"), http).send(message)


def test_segments_are_twilios(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "sms-segments-calculator").is_dir():
        pytest.skip("sms-segments-calculator is not installed")
    dice = random.Random(1042)
    alphabets = ("abc 123", "abc€[]", "aăîșț", "a😀b", "€", "😀")
    texts = [
        "".join(dice.choices(dice.choice(alphabets), k=dice.choice((1, 70, 71, 134, 153, 160, 161, 306, 307, 500))))
        for _ in range(400)
    ]
    done = subprocess.run(
        [node, "-e", COUNT], input=json.dumps(texts), capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert [segments(text) for text in texts] == json.loads(done.stdout)
