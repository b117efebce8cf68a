"""Simulated vendors in memory: a bank and channels whose every answer, delay and repetition the test decides.

They fulfil the ports as adapters do, prove their webhooks by a secret, and keep their own books to be compared with ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.ports.channel import ChannelPlugin
from gateway.ports.provider import ProviderPlugin
from gateway.registry import Registry
from tests.harness.vendor_bank import Payment as Payment
from tests.harness.vendor_bank import SimBank
from tests.harness.vendor_channels import PROOF as PROOF
from tests.harness.vendor_channels import SimChannel


class Vendors:
    """A registry of simulated adapters: the provider `sim`, more of `banks` (with a wallet too), the real ones, and the channels."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        bank: Mapping[str, bool] | None = None,
        channels: Mapping[str, Any] | None = None,
        banks: Sequence[str] = (),
    ) -> None:
        self.bank = SimBank(now)
        self.banks = {"sim": self.bank} | {name: SimBank(now) for name in banks}
        self._providers = {name: one.plugin(name, **(bank or {})) for name, one in self.banks.items()}
        self.channels: dict[str, SimChannel] = {}
        self._plugins: dict[str, ChannelPlugin[Any]] = {}
        wanted = channels or {
            "sms": {"address": "phone", "receipts": True, "finds_sent": True},
            "email": {"address": "email"},
            "telegram": {"address": "chat", "edits": True, "opens_chats": True},
        }
        for name, abilities in wanted.items():
            self.channels[name] = SimChannel(now)
            self._plugins[name] = self.channels[name].plugin(name, **abilities)

    def channel(self, name: str) -> ChannelPlugin[Any]:
        if name not in self._plugins:
            raise LookupError(f"no channel adapter {name!r}")
        return self._plugins[name]

    def provider(self, name: str) -> ProviderPlugin[Any]:
        return self._providers.get(name) or Registry().provider(name)

    @property
    def tables(self) -> dict[str, Any]:
        """The accounts as a biller's file has them."""
        secret = {"secret": {"env": "PROOF"}}
        return {"channels": dict.fromkeys(self.channels, secret), "providers": dict.fromkeys(self.banks, secret)}
