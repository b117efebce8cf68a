"""EuPlătesc as its manual (v3.2) and the library `euplatesc` on npm describe it, over HTTP on the loopback; it refuses wrong forms.

The page's form, the signed reply, the unsigned notice, the web service. Its MAC is written out anew, from the manual.
What `captured` and `refunded` hold is believed, not documented: `docs/providers/euplatesc.md` says which.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.testing.provider_bench import Fault

MID = "44840978913"
KEY, OLD_KEY, STRANGERS_KEY = "00112233445566778899AABBCCDDEEFF", "AA" * 20, "5B" * 20
UKEY, UAPI = "7c1d0f52e6a94b3d", "0F1E2D3C4B5A69788796A5B4C3D2E1F0"
RETRY_AFTER_S = 11
SIGNED = ("amount", "curr", "invoice_id", "order_desc", "merch_id", "timestamp", "nonce")
REPLY = ["amount", "curr", "invoice_id", "ep_id", "merch_id", "action", "message", "approval", "timestamp", "nonce"]
_SHAPES = {
    "amount": r"\d{1,9}\.\d\d",
    "curr": "RON|EUR|USD",
    "invoice_id": r"[\x21-\x7e]{1,45}",
    "order_desc": r"[\x20-\x7e]{1,127}",
    "merch_id": MID,
    "timestamp": r"\d{14}",
    "nonce": "[0-9a-f]{16,64}",
    "ExtraData[silenturl]": "https?://.+",
    "ExtraData[successurl]": "https?://.+",
    "ExtraData[failedurl]": "https?://.+",
    "ExtraData[ep_method]": "get",
    "lang": "ro|en|fr|de|it|es|hu",
}


def mac(key: str, values: list[str]) -> str:
    """As `hash_hmac('md5', ...)` of the vendor's own routine: each length, then the value; a dash for nothing."""
    text = ""
    for value in values:
        text += f"{len(value.encode())}{value}" if value else "-"
    return hmac.new(bytes.fromhex(key), text.encode("utf-8", "surrogatepass"), "md5").hexdigest().upper()


def signed_reply(fields: Mapping[str, str], key: str = KEY) -> dict[str, str]:
    names = [*REPLY, "sec_status"] if "sec_status" in fields else REPLY
    return {**fields, "fp_hash": mac(key, [fields.get(name, "") for name in names])}


@dataclass
class Card:
    """A try with a card."""

    ep_id: str
    action: str
    message: str
    at: datetime
    sec_status: str | None = None
    captured: bool = True
    refunded: int = 0


@dataclass
class Visit:
    """A form that a browser has posted."""

    form: dict[str, str]
    cards: list[Card] = field(default_factory=list)

    @property
    def minor(self) -> int:
        return int(self.form["amount"].replace(".", ""))


@dataclass
class EuPlatesc:
    """The vendor; `now` is its clock, `says_amount` that its status call names amounts too."""

    now: Callable[[], datetime]
    visits: dict[str, Visit] = field(default_factory=dict)
    refund_fault: Fault | None = None
    status_fault: Fault | None = None
    says_amount: bool = False
    server: TestServer = field(init=False)

    def __post_init__(self) -> None:
        self._over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/tdsprocess/tranzactd.php", self._page)
        app.router.add_post("/v3/index.php", self._service)
        self.server = TestServer(app)

    @property
    def page_url(self) -> str:
        return str(self.server.make_url("/tdsprocess/tranzactd.php"))

    @property
    def api_url(self) -> str:
        return str(self.server.make_url("/v3/index.php?action=ws"))

    async def __aenter__(self) -> EuPlatesc:
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self.server.close()

    def card(self, invoice_id: str, action: str = "0", message: str = "Approved", **rest: Any) -> Card:
        """The payer types a card on the page."""
        number = sum(len(visit.cards) for visit in self.visits.values()) + 1
        card = Card(f"{number:040X}", action, message, self.now(), **rest)
        self.visits[invoice_id].cards.append(card)
        return card

    def reply(self, invoice_id: str, /, **changes: str) -> dict[str, str]:
        """The fields of the reply about the last card, unsigned."""
        visit = self.visits[invoice_id]
        card = visit.cards[-1]
        fields = {name: visit.form[name] for name in ("amount", "curr", "invoice_id")}
        fields |= {"ep_id": card.ep_id, "merch_id": MID, "action": card.action, "message": card.message}
        approval = "683855" if card.action == "0" else ""
        fields |= {
            "approval": approval,
            "timestamp": f"{card.at:%Y%m%d%H%M%S}",
            "nonce": "2d3f1f7e0557f9973d566998470f9ac8",
        }
        if card.sec_status is not None:
            fields["sec_status"] = card.sec_status
        return fields | changes

    async def _page(self, request: web.Request) -> web.Response:
        pairs = parse_qsl((await request.read()).decode(), keep_blank_values=True)
        form = dict(pairs)
        wrong = [name for name, shape in _SHAPES.items() if not re.fullmatch(shape, form.get(name, ""))]
        if len(form) != len(pairs) or wrong:
            return web.Response(status=400, text=f"invalid: {', '.join(wrong)}")
        if form["fp_hash"] != mac(KEY, [form[name] for name in SIGNED]):
            return web.Response(status=403, text="invalid fp_hash")
        known = self.visits.setdefault(form["invoice_id"], Visit(form))
        if known.form != form:
            return web.Response(status=409, text="this invoice_id was used for another form")
        return web.Response(text="<form>card</form>", content_type="text/html")

    async def _service(self, request: web.Request) -> web.Response:
        pairs = [(name, str(value)) for name, value in (await request.post()).items()]  # urlencoded or multipart
        asked = dict(pairs)
        method = asked.get("method", "")
        reads = method == "check_status"
        fault = self.status_fault if reads else self.refund_fault
        if reads:
            self.status_fault = None
        else:
            self.refund_fault = None
        early = {Fault.RATE_LIMITED: 429, Fault.UNAVAILABLE: 503, Fault.SERVER_ERROR: 500}.get(fault) if fault else None
        if early:
            return web.Response(status=early, headers={"Retry-After": str(RETRY_AFTER_S)})
        if fault is Fault.CUT_NOT_MADE:
            return _cut(request)
        if fault is Fault.REFUSED:
            return _error("303", "transaction data didn't match")
        names = [name for name, _ in pairs if name != "fp_hash"]
        right = mac(KEY if reads else UAPI, [asked[name] for name in names])
        if names[-2:] != ["timestamp", "nonce"] or asked.get("fp_hash") != right or request.query != {"action": "ws"}:
            return _error("109", "invalid fp_hash")
        answer = self._status(asked, names) if reads else self._operation(asked, names)
        if fault is Fault.HANGS:
            await self._over.wait()
        return _cut(request) if fault is Fault.CUT_MADE else answer

    def _status(self, asked: dict[str, str], names: list[str]) -> web.Response:
        if names[:3] not in (["method", "mid", "invoice_id"], ["method", "mid", "epid"]) or asked["mid"] != MID:
            return _error("102", "invalid parameter")
        rows = [
            self._row(visit, card)
            for invoice_id, visit in self.visits.items()
            for card in visit.cards
            if invoice_id == asked.get("invoice_id") or card.ep_id == asked.get("epid")
        ]
        return web.json_response({"success": json.dumps(rows)}) if rows else _error("401", "transaction not found")

    def _row(self, visit: Visit, card: Card) -> dict[str, str]:
        row = {"merch_id": MID, "invoice_id": visit.form["invoice_id"], "ep_id": card.ep_id, "action": card.action}
        row |= {"message": card.message, "captured": "1" if card.captured else "0", "refunded": _decimal(card.refunded)}
        row |= {"masked_card": "444444xxxxxx4444", "name_on_card": "Ana Popescu", "email": "ana.popescu@example.ro"}
        row |= {"timestamp": f"{card.at:%Y-%m-%d %H:%M:%S}", "tran_type": "Normal"}
        return row | ({"amount": visit.form["amount"], "curr": visit.form["curr"]} if self.says_amount else {})

    def _operation(self, asked: dict[str, str], names: list[str]) -> web.Response:
        """`refund`, `reversal`, `partial_capture`: the fields in the order in which they are signed."""
        shapes = {
            "refund": ["method", "ukey", "amount", "reason", "epid"],
            "reversal": ["method", "ukey", "epid"],
            "partial_capture": ["method", "ukey", "amount", "epid"],
        }
        method = asked["method"]
        if names[:-2] != shapes.get(method) or asked["ukey"] != UKEY:
            return _error("101", "invalid parameter")
        found = [(visit, card) for visit in self.visits.values() for card in visit.cards if card.ep_id == asked["epid"]]
        if not found or found[0][1].action != "0":
            return _error("301", "transaction isn't approved")
        visit, card = found[0]
        if (method == "refund") is not card.captured:
            return _error("304", "transaction already captured" if card.captured else "transaction is not captured")
        amount = int(asked["amount"].replace(".", "")) if "amount" in asked else visit.minor
        if not 0 < amount <= visit.minor - card.refunded:
            return _error("103", "invalid parameter amount")
        if method == "partial_capture":
            card.captured, amount = True, visit.minor - card.refunded - amount
        card.refunded += amount
        return web.json_response({"success": "1"})


def body_of(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def _decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}" if minor else "0"


def _error(code: str, message: str) -> web.Response:
    return web.json_response({"error": message, "ecode": code})


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
