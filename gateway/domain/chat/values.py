"""What a conversation is made of: the situation that is read, the turn that is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from gateway.ports.values import Money


class Intent(StrEnum):
    """What a payer means. NONE: it was not understood."""

    LIST = "list"
    PAY = "pay"
    STATUS = "status"
    RECEIPT = "receipt"
    REMIND = "remind"
    CANCEL = "cancel"  # a reminder, or what was asked last
    PROMISE = "promise"
    ALREADY_PAID = "already_paid"
    DISPUTE = "dispute"
    PLAN = "plan"  # a part, or in parts
    STOP = "stop"
    START = "start"
    LANGUAGE = "language"
    VERIFY = "verify"
    PERSON = "person"
    HELP = "help"
    THANKS = "thanks"
    CODE = "code"  # a pay code, or the second factor that was asked for
    CHOICE = "choice"  # a number, a yes or a no to what was asked
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Debt:
    """One invoice as the conversation may speak of it. `reminder_at`: the payer's own reminder, if one is set."""

    invoice_id: int
    number: str
    amount: Money
    outstanding: Money
    due_on: date
    pay_url: str
    description: str = ""
    paid: bool = False
    paid_on: date | None = None
    processing: bool = False
    disputed: bool = False
    reminder_at: datetime | None = None
    promised_on: date | None = None
    postponed: int = 0  # how often the payer has put it off
    pay_code: str = ""
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """One payer behind the address. `label` tells them apart without saying more than they know: the biller's reference."""

    payer_id: int
    label: str
    debts: Sequence[Debt] = ()  # what is owed, the oldest due first
    settled: Sequence[Debt] = ()  # the last that were paid, the newest first


@dataclass(frozen=True, slots=True)
class Policy:
    """What the biller allows in a conversation."""

    latest_days: int = 30  # a reminder or a promise is so many days after the due date at the most
    postponements: int = 3
    parts: int = 0  # 0: no paying in parts
    least_share: int = 20  # percent of the debt, the smallest first part
    parts_until_days: int = 60
    pay_day: int | None = None
    remind_hour: int = 9
    link_free: bool = False  # no links in answers: pay codes and the biller's own site
    country: str = "RO"
    support: str = ""  # how a person is reached otherwise
    site: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers that were offered: `label` is a text of the catalogue by its name (`choice.<label>`), filled with
    `values`; `data` is what comes back when it is pressed, at most 64 bytes.
    """

    label: str
    data: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """What the conversation waits for: `asked` names the question, `data` what each kind of answer to it leads to.

    `data` is plain (it is kept as JSON). Its values are what a button would bring: `options` (a list, by number), `yes`, `no`,
    `all`, and with a `{}` to be filled `day`, `hour`, `amount`, `how`; `then` is a text to be read again.
    Old questions lapse: an answer after `until` is read as if nothing had been asked. `misses` counts messages not understood one
    after another.
    """

    asked: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a link or a pay code in the message turned out to be; `text` is that of `Mentions`. `ours`: it is this biller's,
    on this biller's own host, and about this payer. A likely code whose check digit is wrong is no code, and is left out.
    """

    text: str
    ours: bool
    invoice_id: int | None = None
    number: str = ""
    sent_at: datetime | None = None  # when we sent that to this payer


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a turn may depend on. No `who`: an unknown sender, who is told nothing about anyone.

    `chosen` is the payer that was chosen among several. `sms`: the answer must fit one segment and carries no buttons;
    `buttons`: how many a message may carry. `found` is what `mentions` found in the text, looked up.
    """

    now: datetime
    zone: ZoneInfo
    locale: str
    biller: str
    policy: Policy
    who: Sequence[Who] = ()
    chosen: int | None = None
    state: State = State()
    sms: bool = False
    buttons: int = 0
    found: Sequence[Found] = ()
    languages: Sequence[str] = ("ro", "en")
    stopped: bool = False
    forwarded: bool = False  # the channel says that somebody else wrote it first


@dataclass(frozen=True, slots=True)
class Link:
    """An address in a message that looks like one of a pay page: `url` as it was written, its host in lower case, its token."""

    url: str
    host: str
    token: str


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a message names that has to be looked up before it is answered.

    `codes` are pay codes as they are printed, at most three; `others` are addresses that cannot be ours.
    """

    links: Sequence[Link] = ()
    codes: Sequence[str] = ()
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Remind:
    """The payer's own reminder, instead of one they had; `at` is an instant in the future."""

    invoice_ids: Sequence[int]
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancel:
    """No reminder of the payer's own for these any more."""

    invoice_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Promise:
    invoice_ids: Sequence[int]
    on: date


@dataclass(frozen=True, slots=True)
class AlreadyPaid:
    """The payer says that it is paid: `how` is a word of the grammar (bank, cash, card, post, other) or empty.

    `more`: it adds to what the payer said just before, and is no claim of its own.
    """

    invoice_ids: Sequence[int]
    how: str = ""
    on: date | None = None
    reference: str = ""
    more: bool = False


@dataclass(frozen=True, slots=True)
class Dispute:
    """`reason`: not_mine, wrong_amount or other."""

    invoice_ids: Sequence[int]
    reason: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Paying in parts, within the policy: what is paid on which day."""

    invoice_id: int
    parts: Sequence[tuple[date, Money]]


@dataclass(frozen=True, slots=True)
class Stop:
    """`everywhere`: on every channel of the biller's, else on this one."""

    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Language:
    locale: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person is wanted. `why`: asked, or not_understood."""

    why: str = "asked"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of several payers behind the address this conversation is about."""

    payer_id: int


@dataclass(frozen=True, slots=True)
class CodeGiven:
    """A pay code was typed, here as it is printed: the turn becomes `answers.code_right`, whether or not it is anybody's."""

    code: str


@dataclass(frozen=True, slots=True)
class FactorGiven:
    """An answer to the second factor: the digits that were written, and the amount they may be.

    It is checked, and the turn becomes `answers.factor_right` or `factor_wrong`. `kept` is what `code_right` was given to keep.
    """

    digits: str
    amount: Decimal | None
    kept: str


Action = (
    Remind
    | Cancel
    | Promise
    | AlreadyPaid
    | Dispute
    | Plan
    | Stop
    | Start
    | Language
    | Person
    | Chosen
    | CodeGiven
    | FactorGiven
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said back: a text of the catalogue by its `name` (`answer.<name>`), filled with `values` (money, dates, instants, words).

    `items` is a list within it, `pay` is whose pay link goes with it, `pay_url` a link without a debt (a right pay code), and
    `site` what
    stands for links where the biller wants none; `locale` the language it is said in where that is another than the conversation's.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    choices: Sequence[Choice] = ()
    items: Sequence[Debt] = ()
    pay: Sequence[Debt] = ()
    pay_url: str = ""
    site: str = ""
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a message leads to. No answer: silence is right (a machine wrote, a person has taken over, thanks again)."""

    intent: Intent
    actions: Sequence[Action] = ()
    answer: Answer | None = None
    state: State = State()


ASKED_LIVES = timedelta(hours=24)
