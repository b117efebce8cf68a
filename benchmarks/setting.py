"""What the product is given in every leg: its configuration, one biller, invoices to post, webhooks of the bank."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks import http_load
from gateway.config import Config
from gateway.config.biller import BillerConfig, biller_from
from gateway.config.shapes import Place, read_section
from gateway.ports.values import Secret
from gateway.registry import Registry
from gateway.signing import LinkSigner
from gateway.vault import derive, parse_key

MASTER = Secret("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
BANK_SECRET = "whsec_of_the_bank"
PUSH_SECRET = "whsec_" + "c2VjcmV0" * 5
BOT_SECRET = "secret-of-the-bot"
_ENVIRONMENT = {
    "KEY": MASTER.reveal(),
    "BANK": BANK_SECRET,
    "PUSH": PUSH_SECRET,
    "BOT": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "BOT_SECRET": BOT_SECRET,
}
PUBLIC_URL = "http://127.0.0.1:8080"
BANK_ACCOUNT = "acme.bank"
DUE_ON = "2026-12-08"
NOBODY = "http://127.0.0.1:9"


def config(folder: Path) -> Config:
    """One process, SQLite in `folder`, `synchronous=FULL` as always; limits so high that they are not what is measured."""
    values = {
        "server": {"listen": "127.0.0.1:0", "operations_listen": "127.0.0.1:0", "public_url": PUBLIC_URL},
        "database": {"url": "sqlite:///achit.db"},
        "secrets": {"keys": [{"id": "k1", "env": "KEY"}]},
        "push": {"allow_networks": ["127.0.0.0/8"]},
        "limits": {"reads_per_minute": 100_000_000, "writes_per_minute": 100_000_000},
        "logs": {"level": "warning"},
    }
    return read_section(Config, values, Place(folder.absolute(), _ENVIRONMENT), "")


def biller(
    *,
    smtp_port: int = 9,
    bank_url: str = NOBODY,
    bot_api_url: str = "",
    push: Sequence[dict[str, Any]] = (),
    reminders: dict[str, Any] | None = None,
) -> BillerConfig:
    """A biller that sends by email, is paid through the sandbox bank, and has these push endpoints and this reminder policy.

    With `bot_api_url` it has a bot too.
    """
    bot = {
        "bot_token": {"env": "BOT"},
        "webhook_secret": {"env": "BOT_SECRET"},
        "bot_username": "acme_bot",
        "api_url": bot_api_url,
    }
    values = {
        "biller": {"slug": "acme", "legal_name": "Acme Energie SRL", "display_name": "Acme Energie"},
        "delivery": {"channels": [{"channel": "email"}], "receipt": False},
        "channels": {
            "email": {
                "host": "127.0.0.1",
                "port": smtp_port,
                "security": "none",
                "from_address": "facturi@acme.example",
                "connections": 10,
            },
            **({"telegram": bot} if bot_api_url else {}),
        },
        "providers": {
            "bank": {
                "adapter": "sandbox",
                "api_url": bank_url,
                "api_key": {"env": "BANK"},
                "webhook_secret": {"env": "BANK"},
                "methods": ["bank", "card"],  # as many as the floor of the pay page shows
            }
        },
        "reminders": reminders or {},
        "push": [target | {"secret": {"env": "PUSH"}} for target in push],
    }
    return biller_from(values, Registry(), where=Place(Path(), _ENVIRONMENT), file="acme.toml")


def links() -> LinkSigner:
    """Signs pay links as the product does."""
    return LinkSigner([derive(parse_key(MASTER), "links")])


def ladder(steps: int) -> dict[str, Any]:
    """A reminder policy whose first step is in three days, whatever the date is; none without steps."""
    first = (datetime.now(UTC).date() - date.fromisoformat(DUE_ON)).days + 3
    return {"steps": [{"at": f"{first + 3 * n:+d}d", "channels": ["email"]} for n in range(steps)]}


def invoice(number: str, *, deliver: bool = True) -> dict[str, Any]:
    """An invoice of usual size, about 750 bytes as JSON."""
    return {
        "number": number,
        "amount": {"value": "123.45", "currency": "RON"},
        "issued_on": "2026-11-23",
        "due_on": DUE_ON,
        "description": "Energie electrică, noiembrie 2026",
        "lines": [
            {"description": "Energie activă", "quantity": "142", "unit": "kWh", "unit_price": "0.62"},
            {"description": "Abonament", "quantity": "1", "amount": "35.41"},
        ],
        "payer": {
            "reference": f"C-{number}",
            "name": "Ana Popescu",
            "email": f"ana.popescu.{number.lower()}@example.ro",
            "phone": f"+40722{int(hashlib.sha256(number.encode()).hexdigest()[:8], 16) % 1_000_000:06}",
            "locale": "ro",
        },
        "document_url": f"https://acme.example/invoices/{number}.pdf",
        "metadata": {"contract": "2026/118", "place": "POD-0004512"},
    } | ({} if deliver else {"deliver": []})


def posts(key: str, name: str, number: int, *, deliver: bool = True, telegram: Sequence[str] = ()) -> Iterator[bytes]:
    """`number` requests that post an invoice each, made before they are needed; `telegram` are their payers' chats."""
    headers = f"Authorization: Bearer {key}\r\n"
    made = []
    for n in range(number):
        body = invoice(f"{name}-{n}", deliver=deliver)
        body["payer"] |= {"telegram": telegram[n]} if telegram else {}
        made.append(http_load.post("/v1/invoices", json.dumps(body).encode(), headers))
    return iter(made)


def confirmation(external_id: str, reference: str, *, path: str) -> bytes:
    """The bank's signed webhook that says that a payment is paid."""
    paid_at = "2026-11-24T10:00:00Z"
    payment = {
        "id": external_id,
        "status": "paid",
        "reason": None,
        "amount": 12345,
        "received": 12345,
        "reversed": 0,
        "refunded": 0,
        "fee": 120,
        "currency": "RON",
        "reference": reference,
        "method": "bank",
        "updated_at": paid_at,
    }
    event = {"id": f"evt-{external_id}", "type": "payment.paid", "created_at": paid_at, "payment": payment}
    body = json.dumps(event).encode()
    at = str(int(time.time()))
    proof = hmac.new(BANK_SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return http_load.post(path, body, f"x-sandbox-signature: t={at},v1={proof}\r\n")
