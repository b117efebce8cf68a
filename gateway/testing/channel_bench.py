"""What a channel brings to `ChannelContract`: the adapter, a stand-in of its vendor, and the vendor's pen.

A bench is made afresh for each case. It must not soften what the vendor does: a contract is only as true as its bench.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.ports.channel import Channel, ChannelPlugin, DeliveryStatus
from gateway.ports.errors import NotSupported
from gateway.ports.http import HttpClient
from gateway.ports.values import Secret, WebhookRequest


class Fault(StrEnum):
    """What goes wrong at the vendor."""

    RATE_LIMITED = "rate_limited"  # too many requests, with the vendor's wish in `retry_after_s`
    UNAVAILABLE = "unavailable"  # cannot now, and says so
    SERVER_ERROR = "server_error"  # broken in a way that says nothing
    REFUSED = "refused"  # the message is refused for good, the address is not the reason
    UNREACHABLE = "unreachable"  # the address is refused for good
    HANGS_TAKEN = "hangs_taken"  # the message is taken and no answer comes
    HANGS_NOT_TAKEN = "hangs_not_taken"  # no answer comes and nothing was taken


class Key(StrEnum):
    """Who signs a webhook."""

    PRESENT = "present"
    OLD = "old"  # the one being replaced
    STRANGER = "stranger"


class ChannelBench(ABC):
    """The things that only a channel's own tests can know.

    `settings` accept webhooks by `Key.PRESENT` alone, `rotating` by `Key.OLD` too. `address` is a good one, of the
    payer whose `reply_body` comes in. `signs_body`: the proof covers the body, and not the sender alone.
    """

    plugin: ChannelPlugin[Any]
    settings: Any
    rotating: Any
    http: HttpClient
    address: str
    signs_body = True
    retry_after_s: float | None = None
    nonsense: Sequence[bytes] = ()

    def __init__(self) -> None:
        self.made: list[Channel] = []

    def channel(self, settings: Any = None, *, patience_s: float = 10.0) -> Any:
        """The adapter under test, with `settings` or the usual ones. It fulfils what its plugin declares.

        Settings with a `timeout_s` get `patience_s`, so that a case need not wait for a vendor that hangs.
        """
        chosen = settings or self.settings
        if hasattr(chosen, "timeout_s"):
            chosen = dataclasses.replace(chosen, timeout_s=patience_s)
        channel: Channel = self.plugin.create(chosen, self.http)
        self.made.append(channel)
        return channel

    @abstractmethod
    def now(self) -> datetime:
        """The vendor's time."""

    @abstractmethod
    def arm(self, fault: Fault | None) -> None:
        """Every call meets `fault` from now on; None makes all well again."""

    @abstractmethod
    async def vanish(self) -> None:
        """The vendor stops listening: connections are refused."""

    @abstractmethod
    def taken(self) -> Sequence[str]:
        """The texts that the vendor took, as the payer reads them, in order."""

    @abstractmethod
    def external_ids(self) -> Sequence[str]:
        """The vendor's ids of these."""

    def references(self) -> Sequence[str]:
        """Our own references as the vendor saw them. Raises NotSupported where it has no such field."""
        raise NotSupported("the vendor takes no reference of ours")

    def reads(self, external_id: str) -> str:
        """The text of that message as it reads now, for channels that can edit."""
        raise NotSupported("a message stays as it is")

    def receipt_body(self, external_id: str, status: DeliveryStatus, *, hard: bool = False) -> bytes:
        """What the vendor posts when this has become of the message. `hard`: it failed because of the address.

        UNKNOWN is a status of tomorrow. Raises NotSupported where the vendor reports no such thing.
        """
        raise NotSupported("the vendor reports nothing")

    @abstractmethod
    def reply_body(self, external_id: str, text: str) -> bytes:
        """What the vendor posts when the payer answers that message."""

    @abstractmethod
    def sign(self, body: bytes, key: Key = Key.PRESENT) -> WebhookRequest:
        """`body` as the vendor's webhook."""

    @abstractmethod
    def unsigned(self, body: bytes) -> WebhookRequest:
        """`body` as anybody could post it."""

    @abstractmethod
    def wrong_shapes(self, body: bytes) -> Iterator[bytes]:
        """`body` with each of its parts in turn left out or replaced."""

    def secrets(self) -> tuple[str, ...]:
        """Every secret in the settings, in the clear."""
        values = [getattr(self.rotating, each.name) for each in dataclasses.fields(self.rotating)]
        return tuple(value.reveal() for value in values if isinstance(value, Secret))

    async def aclose(self) -> None:
        """Closes every adapter that was made. A bench that opens more calls this first."""
        for channel in self.made:
            if hasattr(channel, "aclose"):
                await channel.aclose()
