"""Each channel's page shows settings that the channel takes, and says what the code does."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from channels.email.smtp import UNREACHABLE as UNREACHABLE_MAIL
from channels.sms.transport import UNREACHABLE as UNREACHABLE_NUMBERS
from channels.whatsapp.calls import UNREACHABLE as UNREACHABLE_WHATSAPP
from gateway.ports.channel import ChannelPlugin
from gateway.ports.values import Secret
from gateway.registry import Registry
from gateway.settings import settings_from
from tests.harness.vectors import ROOT

PAGES = sorted((ROOT / "docs" / "channels").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_are_taken(page: Any) -> None:
    examples = map(tomllib.loads, re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    tables = [
        dict(table, name=name) for each in examples if "channels" in each for name, table in each["channels"].items()
    ]
    adapters = [table.get("adapter", table["name"]) for table in tables]
    assert page.stem in adapters

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def secret(written: dict[str, str]) -> Secret:
        return Secret(key.decode() if "file" in written else written["env"])

    for adapter, table in zip(adapters, tables, strict=True):
        plugin: ChannelPlugin[Any] = Registry().channel(adapter)
        own = {name: value for name, value in table.items() if name not in ("name", "adapter")}
        assert settings_from(plugin.settings, own, secret=secret)


def test_codes_that_silence_an_address_are_all_named() -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}

    assert all(code in pages["email"] for code in UNREACHABLE_MAIL)
    assert all(code in pages["sms"] for code in UNREACHABLE_NUMBERS)
    assert all(code in pages["whatsapp"] for code in UNREACHABLE_WHATSAPP)
