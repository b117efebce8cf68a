"""What the Cloud API stand-in knows: people with WhatsApp, and the messages that they got, as they read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PhoneButton:
    """A button under a message: it opens `url`, or sends `data` back."""

    text: str
    url: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """One message on a payer's phone. `template`: the name of the kept text it was made of; `answers`: the id of what it quotes."""

    wamid: str
    to: str
    text: str
    buttons: Sequence[PhoneButton] = ()
    template: str | None = None
    answers: str | None = None
    reference: str | None = None


@dataclass(slots=True)
class Person:
    """Somebody with WhatsApp. `number` is in E.164."""

    number: str
    name: str = "Ana"
    wrote_at: datetime | None = None
    messages: dict[str, PhoneMessage] = field(default_factory=dict)

    @property
    def wa_id(self) -> str:
        return self.number.removeprefix("+")

    def may_be_written_to(self, now: datetime) -> bool:
        """Whether free text is allowed: they wrote within the window."""
        return self.wrote_at is not None and now - self.wrote_at < WINDOW

    def holding(self, data: str) -> PhoneMessage:
        """The latest message with a button that sends `data`. Raises LookupError."""
        for message in reversed(self.messages.values()):
            if any(button.data == data for button in message.buttons):
                return message
        raise LookupError(f"no message has a button {data!r}")
