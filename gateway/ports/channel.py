"""Channel: carries messages. An adapter sends one message and turns a vendor's webhook into values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from gateway.ports.http import HttpClient
from gateway.ports.native import CheckoutQuery
from gateway.ports.provider import PaymentUpdate
from gateway.ports.values import Limits, Money, WebhookRequest

S = TypeVar("S")


class DeliveryStatus(StrEnum):
    """How far one message is known to have come. Receipts come doubled and out of order; the core only moves forward."""

    SENT = "sent"  # the vendor took it
    DELIVERED = "delivered"  # it is on the payer's device or in the mailbox
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"  # a status that the adapter does not know: kept, never believed


@dataclass(frozen=True, slots=True)
class Button:
    """A choice under a message: `url` opens a page, else `data` (at most 64 bytes) comes back as `InboundMessage.button`.

    `contact` asks for the payer's own number, which comes back as `InboundMessage.contact`. Where there is such a button it takes
    the place of the keyboard: a choice beside it comes back as its text, and a page cannot stand beside it.
    """

    text: str
    url: str | None = None
    data: str | None = None
    contact: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """What a message asks for, to be paid in the chat. `payload` is not shown, and comes back with all that is heard of it.

    `pay` is the text of the Pay button. `beside` are the buttons that stand with it, in place of the message's own: those are for
    a message without one, which it becomes when the vendor does not take the charge.
    """

    payload: str
    amount: Money
    title: str
    pay: str
    beside: Sequence[Button] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A text that the vendor keeps and has approved: its `name`, what stands in its places, and the end of its button's URL.

    `url_path` is None when it has no button.

    The vendor keeps one text for each `name` and `language`; see `TemplateText`.
    """

    name: str
    values: Sequence[str] = ()
    url_path: str | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class TemplateText:
    """What a vendor is asked to keep: `body` with its places `{{1}}`, `{{2}}` ..., an example for each, and one URL button or none.

    The button opens `url` with a `Template.url_path` behind it; without one `button` is empty, and so are both.
    A text never changes under its name: another text has another.
    """

    name: str
    language: str
    body: str
    examples: Sequence[str]
    button: str = ""
    url: str = ""
    example_path: str = ""


class TemplateStatus(StrEnum):
    """How a vendor stands to one text."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"  # also paused and disabled: it cannot be sent
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TemplateStanding:
    """A vendor's word on one text; `reason` is its own, empty when it gave none."""

    status: TemplateStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address, rendered. `text` is always there; `subject` and `html` are for email.

    `reference` identifies the delivery and is the same on every try: a vendor's idempotency key where there is one, the
    Message-ID of an email, the token in a return path. `receipt_url` is where this vendor should send receipts.
    `in_reply_to` is the vendor's id of the payer's message that this answers. `in_window`: the payer wrote within the plugin's
    `window_s`; outside it only `template` may be sent, on a channel that has such a window, and `text` is what the payer reads of
    it. `charge` is what may be paid in the chat itself, on a channel with `native_payments`; an edit does without it.
    """

    reference: str
    to: str
    text: str
    locale: str
    subject: str = ""
    html: str = ""
    sender_name: str = ""
    buttons: Sequence[Button] = ()
    unsubscribe_url: str | None = None
    receipt_url: str | None = None
    in_reply_to: str | None = None
    template: Template | None = None
    in_window: bool = True
    charge: Charge | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """The vendor took the message. Without its `external_id` no receipt could ever be matched. `segments`: SMS parts."""

    external_id: str
    segments: int = 1


@dataclass(frozen=True, slots=True)
class DeliveryUpdate:
    """One receipt. `event_id` is the same when the vendor repeats it. `unreachable`: suppress this address here.

    `reference` is `Message.reference`, from a vendor that echoes it: so a send that nobody answered is known after all.
    """

    event_id: str
    external_id: str
    status: DeliveryStatus
    occurred_at: datetime
    code: str | None = None
    unreachable: bool = False
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What a payer wrote or pressed. `address` is what we would send to; `start_token` is a deep link's single-use token.

    `stop`/`start` are the vendor's own verdict (a carrier's STOP, a blocked or unblocked bot), not a reading of the text.
    `auto`: a machine wrote it (out of office, a list, a report), and nobody answers it. `in_reply_to` is the vendor's id, or our
    `reference`, of the message that is answered. `contact` is the sender's own number in E.164, shared and vouched for by the
    vendor; where the vendor does not vouch for `address` (email), only a message with `in_reply_to` is known to be the payer's.
    `address` is empty where a complaint (`stop`) hides whose it is: then `in_reply_to` says it. `locale` is the vendor's hint of
    the sender's language. `media`: there is more than text (a picture, a voice). `left`: not words but the vendor's report that
    the sender has given this address up; who writes from it next is a stranger.
    """

    event_id: str
    external_id: str
    address: str
    text: str
    occurred_at: datetime
    button: str | None = None
    start_token: str | None = None
    stop: bool = False
    start: bool = False
    auto: bool = False
    forwarded: bool = False
    media: bool = False
    in_reply_to: str | None = None
    contact: str | None = None
    locale: str | None = None
    left: bool = False


ChannelEvent = DeliveryUpdate | InboundMessage | CheckoutQuery | PaymentUpdate


class Channel(Protocol):
    async def send(self, message: Message) -> SendResult:
        """Hands one message to the vendor. Raises RetryLater, Rejected or OutcomeUnknown, nothing else."""
        ...

    async def parse_webhook(self, request: WebhookRequest) -> Sequence[ChannelEvent]:
        """Verifies, then reads. Raises InvalidSignature or MalformedWebhook; an event of no interest gives ()."""
        ...


class Edits(Protocol):
    async def edit(self, external_id: str, message: Message) -> None:
        """Replaces a message that was sent. Already equal counts as done; Rejected when it can no longer be changed."""
        ...


class FindsSent(Protocol):
    async def find_sent(self, message: Message, since: datetime) -> SendResult | None:
        """Asks the vendor whether this message (by its `reference` or text) was taken since `since`. None: it was not."""
        ...


class OpensChats(Protocol):
    def start_url(self, token: str) -> str | None:
        """The link that opens a chat with the biller and brings `token` back as `InboundMessage.start_token`."""
        ...


class Registers(Protocol):
    async def register(self, webhook_url: str) -> None:
        """Tells the vendor where its webhooks go. The same again is fine. Raises RetryLater or Rejected."""
        ...


class AnswersChallenge(Protocol):
    def challenge(self, query: Mapping[str, str]) -> str:
        """What to answer a vendor that asks by GET, with these parameters, whether the webhook is ours. Raises InvalidSignature."""
        ...


class KeepsTemplates(Protocol):
    async def templates(self, texts: Sequence[TemplateText]) -> Sequence[TemplateStanding]:
        """How the vendor stands to each of the texts, in their order. Changes nothing. Raises RetryLater or Rejected."""
        ...

    async def register_template(self, text: TemplateText) -> TemplateStanding:
        """Asks the vendor to keep a text that it does not have. Raises RetryLater, Rejected or OutcomeUnknown."""
        ...


class TakesMail(Protocol):
    def expects(self, recipient: str) -> bool:
        """Whether mail to this address is for this account."""
        ...

    def proof(self, mail: bytes) -> Mapping[str, str]:
        """The headers by which `parse_webhook` believes that the biller's mail server handed over `mail`, as it does here.

        Raises NotSupported when the account takes no mail.
        """
        ...


class MayBeOneWay(Protocol):
    @property
    def one_way(self) -> bool:
        """Whether nobody can answer what this account sends, as where the sender is a name and no number."""
        ...


class Closes(Protocol):
    async def aclose(self) -> None:
        """Lets go of connections. Calling it twice is fine."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelPlugin(Generic[S]):
    """What an adapter file declares in its last line; `create` is checked against `settings` by mypy in that file.

    `settings` is a frozen dataclass: its secrets are encrypted at rest, `field(metadata={"doc": ...})` is the reference.
    `edits`, `finds_sent`, `opens_chats`, `registers`, `challenges`, `templates`, `native_payments`, `takes_mail` and `one_way`
    declare that the channel also fulfils `Edits`, `FindsSent`, `OpensChats`, `Registers`, `AnswersChallenge`, `KeepsTemplates`,
    `NativePayments`, `TakesMail` and `MayBeOneWay`. `webhook_bytes`: how long its webhooks are at most; 0: as any request.
    `acknowledge` is the body and content type of our 2xx answer to its webhooks.
    """

    name: str
    settings: type[S]
    create: Callable[[S, HttpClient], Channel]
    address: (
        str  # which contact point it sends to: "email", "phone", "whatsapp", or "chat" (the one of the plugin's name)
    )
    limits: Limits = field(default_factory=Limits)
    edits: bool = False
    finds_sent: bool = False
    opens_chats: bool = False
    registers: bool = False
    native_payments: bool = False
    challenges: bool = False
    templates: bool = False
    replies: bool = False  # payers can answer on it
    one_way: bool = False  # but not on every account of it
    acknowledge: tuple[bytes, str] = (b"", "text/plain")
    receipts: bool = False  # the vendor reports delivery
    reads: bool = False  # the vendor reports reading
    takes_mail: bool = False
    webhook_bytes: int = 0
    window_s: int = 0  # free text only so long after the payer's last message; 0: at any time
