"""A stand-in for WhatsApp's Cloud API and the phones behind it: takes messages and templates, reports receipts, carries answers.

Calls back are signed as Meta signs them and tried again until a 2xx answers; a webhook is asked for its challenge first.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from gateway.demo.standin import Arrivals, Fault, HttpStandIn
from gateway.demo.whatsapp.api import CloudApi
from gateway.demo.whatsapp.kept import KeptTemplate, Refused
from gateway.demo.whatsapp.people import Person, PhoneButton, PhoneMessage

__all__ = ["Call", "KeptTemplate", "Person", "PhoneButton", "PhoneMessage", "WhatsAppStandIn"]
VERSION = "v23.0"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API and its answer, for tests that hold both against the published contract."""

    method: str
    path: str
    body: Any
    status: int
    answer: Mapping[str, Any]


class WhatsAppStandIn(HttpStandIn):
    """One number of one business account. With `receipts` every message is reported sent, then delivered.

    `retry_s` are the waits before a webhook that was not answered with 2xx is sent again. `api_url` is what an account needs.
    """

    def __init__(
        self,
        *,
        token: str = "EAAG-demo-token",  # noqa: S107 - made up
        app_secret: str = "demo-app-secret",  # noqa: S107
        verify_token: str = "demo-verify-token",  # noqa: S107
        phone_number_id: str = "106540352242922",
        business_account_id: str = "102290129340398",
        number: str = "+40312345679",
        webhook_url: str | None = None,
        receipts: bool = True,
        retry_s: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0),
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(now)
        self.token = token
        self.app_secret = app_secret
        self.verify_token = verify_token
        self.phone_number_id = phone_number_id
        self.business_account_id = business_account_id
        self.number = number
        self.webhook_url = webhook_url
        self.receipts = receipts
        self.retry_s = retry_s
        self.retry_after_s: int | None = None
        self.api = CloudApi(self.now)
        self.calls: Arrivals[Call] = Arrivals()
        self._turn = asyncio.Lock()

    @property
    def api_url(self) -> str:
        return f"{self.url}/{VERSION}"

    @property
    def messages(self) -> Arrivals[PhoneMessage]:
        """What was taken, as the payers read it."""
        return self.api.messages

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.post(f"/{VERSION}/{{phone}}/messages", self._send),
            web.post(f"/{VERSION}/{{account}}/message_templates", self._keep),
            web.get(f"/{VERSION}/{{account}}/message_templates", self._list),
        )

    async def subscribe(self, url: str) -> int:
        """Meta's question when a webhook is set: it counts from now on if the challenge comes back. The answer's status."""
        assert self._client is not None, "not started"
        asked = {"hub.mode": "subscribe", "hub.verify_token": self.verify_token, "hub.challenge": "1158201444"}
        async with self._client.get(f"{url}?{urlencode(asked)}", allow_redirects=False) as answer:
            if answer.status == 200 and await answer.text() == asked["hub.challenge"]:
                self.webhook_url = url
            return answer.status

    def judge(self, name: str, language: str, status: str, reason: str = "NONE") -> None:
        """A person at Meta decides about a template."""
        kept = self.api.kept[name, language]
        kept.status, kept.rejected_reason = status, reason

    async def write(
        self, number: str, text: str, *, forwarded: bool = False, in_reply_to: str | None = None, name: str = "Ana"
    ) -> int:
        """A payer writes. The status of the webhook's answer, 0 when there was none."""
        context = {"forwarded": True} if forwarded else self._quoting(in_reply_to) if in_reply_to else None
        return await self._said(self.api.join(number, name), {"type": "text", "text": {"body": text}}, context)

    async def press(self, number: str, data: str) -> int:
        """Presses the button with `data` under the latest message that has it. Raises LookupError when none has."""
        person = self.api.people[number]
        held = person.holding(data)
        title = next(button.text for button in held.buttons if button.data == data)
        reply = {"type": "button_reply", "button_reply": {"id": data, "title": title}}
        return await self._said(person, {"type": "interactive", "interactive": reply}, self._quoting(held.wamid))

    async def send_picture(self, number: str, caption: str | None = None) -> int:
        picture = {"mime_type": "image/jpeg", "sha256": "4654+8g=", "id": "65463453"}
        image = picture | ({"caption": caption} if caption else {})
        return await self._said(self.api.join(number), {"type": "image", "image": image}, None)

    async def change_number(self, old: str, new: str) -> int:
        """The payer moves to another number; Meta says so about the old one."""
        person = self.api.join(old)
        moved = {
            "body": f"{person.name} changed from {old} to {new}",
            "wa_id": new.removeprefix("+"),
            "type": "user_changed_number",
        }
        status = await self._said(person, {"type": "system", "system": moved}, None)
        del self.api.people[old]
        self.api.people[new] = Person(new, person.name)
        return status

    async def receipt(self, wamid: str, status: str, error_code: int | None = None) -> int:
        """Reports a message's status; the HTTP status of the answer, 0 for none."""
        message = next(message for message in self.messages if message.wamid == wamid)
        said: dict[str, Any] = {
            "id": wamid,
            "status": status,
            "timestamp": self._timestamp(),
            "recipient_id": message.to.removeprefix("+"),
        }
        if message.reference is not None:
            said["biz_opaque_callback_data"] = message.reference
        if error_code is not None:
            said["errors"] = [{"code": error_code, "title": "x", "message": "x", "error_data": {"details": "x"}}]
        return await self.call_back({"statuses": [said]})

    async def call_back(self, *values: Mapping[str, Any]) -> int:
        """One webhook with a change for each of `values`, tried again until it is taken or the waits are used up."""
        if self.webhook_url is None:
            return 0
        body = json.dumps(self.document(*values)).encode()
        async with self._turn:
            status = await self._post(self.webhook_url, body, self.signed(body))
            for wait_s in self.retry_s:
                if 200 <= status < 300:
                    break
                await asyncio.sleep(wait_s)
                status = await self._post(self.webhook_url, body, self.signed(body))
        return status

    def document(self, *values: Mapping[str, Any]) -> dict[str, Any]:
        """A webhook's JSON."""
        metadata = {"display_phone_number": self.number.removeprefix("+"), "phone_number_id": self.phone_number_id}
        head = {"messaging_product": "whatsapp", "metadata": metadata}
        changes = [{"field": "messages", "value": head | dict(value)} for value in values]
        return {"object": "whatsapp_business_account", "entry": [{"id": self.business_account_id, "changes": changes}]}

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of a webhook with this body."""
        proof = hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={proof}"}

    def _quoting(self, wamid: str) -> dict[str, Any]:
        return {"from": self.number.removeprefix("+"), "id": wamid}

    async def _said(self, person: Person, content: Mapping[str, Any], context: Mapping[str, Any] | None) -> int:
        if content["type"] != "system":
            person.wrote_at = self.now()
        message = {"from": person.wa_id, "id": self.api.next_wamid(), "timestamp": self._timestamp(), **content}
        if context is not None:
            message["context"] = context
        contact = {"profile": {"name": person.name}, "wa_id": person.wa_id}
        return await self.call_back({"contacts": [contact], "messages": [message]})

    def _timestamp(self) -> str:
        return str(int(self.now().timestamp()))

    async def _send(self, request: web.Request) -> web.StreamResponse:
        def carried_out(body: Any) -> Mapping[str, Any]:
            if request.match_info["phone"] != self.phone_number_id:
                raise Refused(100, "Unsupported post request: object does not exist")
            message = self.api.send(body)
            if self.api.late_refusals and message.wamid not in self.api.people[message.to].messages:
                self._later(self._refused_late(message.wamid))
            elif self.receipts:
                self._later(self._carry(message.wamid))
            contact = {"input": body["to"], "wa_id": message.to.removeprefix("+")}
            return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message.wamid}]}

        return await self._answered(request, carried_out)

    async def _keep(self, request: web.Request) -> web.StreamResponse:
        return await self._of_account(request, self.api.keep)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return await self._of_account(request, lambda _: self.api.listing(request.query))

    async def _of_account(
        self, request: web.Request, carried_out: Callable[[Any], Mapping[str, Any]]
    ) -> web.StreamResponse:
        def checked(body: Any) -> Mapping[str, Any]:
            if request.match_info["account"] != self.business_account_id:
                raise Refused(100, "Unsupported request: object does not exist")
            return carried_out(body)

        return await self._answered(request, checked)

    async def _carry(self, wamid: str) -> None:
        for status in ("sent", "delivered"):
            await self.receipt(wamid, status)

    async def _refused_late(self, wamid: str) -> None:
        await self.receipt(wamid, "failed", 131047)

    async def _answered(
        self, request: web.Request, carried_out: Callable[[Any], Mapping[str, Any]]
    ) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _error(401, 190, "Invalid OAuth access token")
        body = await request.json() if request.can_read_body else None
        if (refused := await self._fail()) is not None:
            return refused
        try:
            status, answer = 200, carried_out(body)
        except Refused as error:
            status, answer = error.status, _problem(error.code, error.message)
        self.calls.add(Call(request.method, request.path, body, status, answer))
        return await self._hang() if self.fault is Fault.LOSE_ANSWER else web.json_response(answer, status=status)

    async def _fail(self) -> web.Response | None:
        match self.fault:
            case Fault.THROTTLED:
                headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
                return _error(429, 130429, "Rate limit hit", headers)
            case Fault.UNAVAILABLE:
                return _error(503, 131016, "Service unavailable")
            case Fault.BROKEN:
                return _error(500, 131000, "Something went wrong")
            case Fault.HANG:
                return await self._hang()
            case _:
                return None


def _problem(code: int, message: str) -> dict[str, Any]:
    details = {"messaging_product": "whatsapp", "details": message}
    error = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    return {"error": error | {"error_data": details, "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam"}}


def _error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(_problem(code, message), status=status, headers=headers)
