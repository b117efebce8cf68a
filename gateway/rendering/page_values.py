"""What the templates of pages are given: one frozen context a page. Values only; nothing here formats or reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from gateway.domain.invoices import IconState
from gateway.ports.provider import Choice
from gateway.ports.values import Money
from gateway.rendering.values import Brand, Line


@dataclass(frozen=True, slots=True)
class PayPage:
    """The pay page in any of its states. `path` is `/p/{token}`; forms, stream and language links hang on it.

    `revision` changes whenever the page would: the live stream sends it, and the page fetches itself when it differs.
    `stage` is what is under way (`stage.<code>`, of `domain.standing`); `notice` a code of `notice.<code>`: what came of a
    payment, also `unavailable`, `asking`, `amount_changed` and `own_browser`; `reason` one of `reason.<code>`. `troubled` are
    those of the methods that may not answer now. `transfer`: the payer was told how to make one, by `{path}/transfer`;
    `rests_until` is how long reminders rest when they say that they made it. `payer_name` is masked here and nowhere else.
    `returned`: the payer has just come back. `chats` are channels that the payer can bind from here, by a POST to
    `{path}/chats/{name}`. `choices` are what the payer picks one of in a method (their bank), posted as `method:code`.
    """

    brand: Brand
    state: IconState
    number: str
    amount: Money
    paid: Money
    outstanding: Money
    due_on: date
    path: str
    revision: str = ""
    methods: Sequence[str] = ()
    choices: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    troubled: Sequence[str] = ()
    chats: Sequence[str] = ()
    payer_name: str = ""
    issued_on: date | None = None
    description: str = ""
    lines: Sequence[Line] = ()
    document_url: str | None = None
    settled_on: date | None = None
    notice: str = ""
    reason: str = ""
    returned: bool = False
    overdue: bool = False
    stage: str = ""
    transfer: bool = False
    rests_until: date | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """A form that takes the payer to a provider that wants a POST. Sent by itself, or by its button without
    JavaScript.
    """

    brand: Brand
    number: str
    amount: Money
    action: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Returning:
    """The payer is back with something for the vendor (`fields`), which a POST takes there: a GET changes nothing. Sent by itself, or
    by its button without JavaScript.
    """

    brand: Brand
    number: str
    amount: Money
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransferPage:
    """What the payer types into their own bank. `iban` and `reference` are in groups, which a copy leaves out; with `qr` the
    picture is `{path}/transfer.svg`. `told`: they say that they made it, and reminders rest until that day.
    """

    brand: Brand
    number: str
    amount: Money
    path: str
    revision: str
    name: str
    iban: str
    reference: str
    bank: str = ""
    bic: str = ""
    qr: bool = False
    told: bool = False
    rests_until: date | None = None


@dataclass(frozen=True, slots=True)
class UnknownLink:
    """A link that leads nowhere. It says the same of a wrong, a revoked and a guessed one."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What a preview bot gets: who it is from, and that it is an invoice. No name, no number, no amount."""

    brand: Brand
    url: str
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class EnterCode:
    """Where a payer types a pay code and a proof. `refused`: what was typed did not fit, or too much was tried; it does not
    say which. `code` is what was typed.
    """

    path: str = "/c"
    code: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The page behind an unsubscribe link: opening it changes nothing, its button does. `path` takes the POST."""

    brand: Brand
    path: str
    done: bool = False


PageContext = PayPage | HandOver | Returning | TransferPage | UnknownLink | Card | Unsubscribe | EnterCode

PAGES: Mapping[str, type[PageContext]] = {
    "invoice": PayPage,
    "hand_over": HandOver,
    "returning": Returning,
    "transfer": TransferPage,
    "unknown": UnknownLink,
    "card": Card,
    "unsubscribe": Unsubscribe,
    "code": EnterCode,
}
