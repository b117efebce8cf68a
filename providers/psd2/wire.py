"""The words on the wire: a payment's order in JSON or as pain.001, and what a bank answers, checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urljoin
from xml.sax.saxutils import escape

import orjson

from gateway.ports.errors import Rejected
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentRequest
from gateway.ports.values import MAX_MINOR, Money
from providers.psd2.banks import BANKS, Bank
from providers.psd2.settings import Settings
from providers.psd2.words import REASONS

SERVICE = "payments"
_CODE = re.compile(r"[A-Z][A-Z_]{1,63}")
_STATUS = re.compile(r"[A-Z]{4}")
_XML_STATUS = re.compile(rb"<(?:\w+:)?(TxSts|GrpSts)>([A-Z]{4})</")
_NOT_SEPA = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")


@dataclass(frozen=True, slots=True)
class Order:
    """A payment at a bank: all that is needed to ask for it. As text it is the payment's `external_id`.

    The amount is part of it: most banks answer a status alone, and what the payer authorised is this amount and no other
    (dynamic linking, RTS on SCA, article 5).
    """

    bank: Bank
    product: str
    amount: Money
    payment: str

    @property
    def about(self) -> str:
        """All but the bank's own id: what a notification's address says, for its body names the id alone."""
        return f"{self.bank.code}/{SERVICE}/{self.product}/{self.amount.minor}{self.amount.currency}"

    @property
    def external_id(self) -> str:
        return f"{self.about}/{quote(self.payment, safe='')}"

    @property
    def path(self) -> str:
        return f"/{self.bank.version}/{SERVICE}/{self.product}/{quote(self.payment, safe='=')}"

    @classmethod
    def read(cls, external_id: str) -> Order:
        """Raises Rejected on what is no such text."""
        parts = external_id.split("/")
        amount = re.fullmatch(r"([0-9]{1,16})([A-Z]{3})", parts[3]) if len(parts) == 5 else None
        bank = BANKS.get(parts[0])
        if bank is None or amount is None or parts[1] != SERVICE or not parts[4] or int(amount[1]) > MAX_MINOR:
            raise Rejected("unknown_payment")
        try:
            money = Money(int(amount[1]), amount[2])
        except ValueError:
            raise Rejected("unknown_payment") from None
        if parts[2] != bank.product(money.currency):
            raise Rejected("unknown_payment")
        return cls(bank, parts[2], money, unquote(parts[4]))


def order_body(bank: Bank, settings: Settings, request: PaymentRequest, now: datetime) -> bytes:
    """What is to be paid. Raises Rejected where the biller has no account in that currency."""
    currency = request.amount.currency
    iban = settings.ibans.get(currency)
    if iban is None:
        raise Rejected("currency_not_supported")
    debtor, _, debtor_bic = settings.debtor_accounts.get(bank.code, "").partition(" ")
    order: dict[str, Any] = {
        "endToEndIdentification": end_to_end(request.reference),
        "instructedAmount": {"currency": currency, "amount": request.amount.value},
        "creditorAccount": {"iban": iban.replace(" ", ""), "currency": currency},
        "creditorName": sepa_text(settings.creditor_name, 70),
        "remittanceInformationUnstructured": sepa_text(f"{request.creditor_reference} {request.description}", 140),
    }
    if debtor:
        order["debtorAccount"] = {"iban": debtor, "currency": currency}
    if settings.creditor_bic:
        order["creditorAgent"] = settings.creditor_bic
    return _pain001(order, debtor_bic, now) if bank.xml else orjson.dumps(order)


def _pain001(order: Mapping[str, Any], debtor_bic: str, now: datetime) -> bytes:
    """The same as pain.001.001.03; its texts are plain ASCII, so that the encoding that a bank declares is always right."""
    values = {
        "id": order["endToEndIdentification"],
        "at": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "day": now.astimezone(UTC).date().isoformat(),
        "amount": order["instructedAmount"]["amount"],
        "currency": order["instructedAmount"]["currency"],
        "creditor": order["creditorName"],
        "iban": order["creditorAccount"]["iban"],
        "debtor": order.get("debtorAccount", {}).get("iban", ""),
        "text": order["remittanceInformationUnstructured"],
    }
    safe = {name: escape(str(value)) for name, value in values.items()}
    agent = f"<BIC>{escape(debtor_bic)}</BIC>" if debtor_bic else "<Othr><Id>NOTPROVIDED</Id></Othr>"
    return _PAIN001.format(**safe, agent=agent).replace("\n", "").encode("ascii")


_PAIN001 = """<?xml version="1.0" encoding="ISO-8859-1"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{at}</CreDtTm><NbOfTxs>1</NbOfTxs><CtrlSum>{amount}</CtrlSum>
<InitgPty><Nm>{creditor}</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>{id}</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>1</NbOfTxs><CtrlSum>{amount}</CtrlSum>
<ReqdExctnDt>{day}</ReqdExctnDt><Dbtr><Nm>NOTPROVIDED</Nm></Dbtr><DbtrAcct><Id><IBAN>{debtor}</IBAN></Id></DbtrAcct>
<DbtrAgt><FinInstnId>{agent}</FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>
<CdtTrfTxInf><PmtId><EndToEndId>{id}</EndToEndId></PmtId><Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>
<Cdtr><Nm>{creditor}</Nm></Cdtr><CdtrAcct><Id><IBAN>{iban}</IBAN></Id></CdtrAcct><RmtInf><Ustrd>{text}</Ustrd></RmtInf>
</CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>"""


def sepa_text(text: str, longest: int) -> str:
    """In the characters that every bank takes: without diacritics, other signs a space."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(_NOT_SEPA.sub(" ", plain).split())[:longest].strip()


def end_to_end(reference: str) -> str:
    """The reference as the statement will show it: at most 35 characters, of which the last tell one try from another."""
    return sepa_text(reference, len(reference)).replace("/", "-")[-35:].strip()


@dataclass(frozen=True, slots=True)
class Opened:
    """A bank's answer to an order, or to the start of its authorisation. `links` are whole addresses by name."""

    payment: str
    status: str
    links: Mapping[str, str]

    @classmethod
    def read(cls, response: HttpResponse, base_url: str) -> Opened:
        """Raises ValueError on any other shape."""
        raw = read_json(response.body)
        given = raw.get("_links")
        links: dict[str, str] = {}
        for name, link in given.items() if isinstance(given, dict) else ():
            href = link.get("href") if isinstance(link, dict) else link  # ING writes the address alone
            if isinstance(href, str) and href:
                links[name] = urljoin(base_url + "/", href) if "://" in href else base_url + "/" + href.lstrip("/")
        return cls(str(raw.get("paymentId") or ""), _status(raw), links)


def status_of(response: HttpResponse) -> str:
    """The status in an answer, JSON or pain.002; that of the transaction before that of the group. Raises ValueError."""
    if response.body.lstrip().startswith(b"<"):
        found = dict(_XML_STATUS.findall(response.body))
        if not found:
            raise ValueError("no status")
        return bytes(found.get(b"TxSts") or found[b"GrpSts"]).decode()
    return _status(read_json(response.body))


def _status(raw: Mapping[str, Any]) -> str:
    word = raw.get("transactionStatus", "")
    if not isinstance(word, str):
        raise ValueError("no status")
    return word


def amount_of(response: HttpResponse) -> Money | None:
    """What a bank's details say was ordered; None where they do not say."""
    try:
        amount = read_json(response.body).get("instructedAmount")
        if not isinstance(amount, dict):
            return None
        currency, value = str(amount.get("currency")), str(amount.get("amount"))
        whole, _, fraction = value.partition(".")
        places = len(Money(0, currency).value.partition(".")[2])
        shown = f"{whole}.{fraction[:places].ljust(places, '0')}" if places else whole
        return Money.parse(shown, currency) if not fraction[places:].strip("0") else None
    except ValueError:
        return None


def code_of(response: HttpResponse) -> str:
    """The bank's own code of an error, in either of the two shapes; else `HTTP_<status>`."""
    try:
        raw = read_json(response.body)
    except ValueError:
        raw = {}
    for field in ("tppMessages", "additionalErrors"):
        for message in raw[field] if isinstance(raw.get(field), list) else ():
            code = message.get("code") if isinstance(message, dict) else None
            if isinstance(code, str) and _CODE.fullmatch(code):
                return code
    code = raw.get("code") or raw.get("error")  # RFC 7807 as the Berlin Group has it, and OAuth
    return code.upper() if isinstance(code, str) and _CODE.fullmatch(code.upper()) else f"HTTP_{response.status}"


def refusal(code: str) -> Rejected:
    """A refusal for good, by the reason that the payer's page has words for, else by the bank's code."""
    return Rejected(REASONS.get(code, code.lower()))


def read_json(body: bytes) -> Mapping[str, Any]:
    raw = orjson.loads(body)
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    return raw


def answered_at(response: HttpResponse, now: datetime) -> datetime:
    """When the bank said so, by its own clock where it tells."""
    try:
        at = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return now
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
