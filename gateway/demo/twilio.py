"""A stand-in for Twilio's messaging API and the phones behind it: takes SMS, reports receipts, carries replies.

Requests are checked and refused with Twilio's own codes; calls back are signed by Twilio's own `RequestValidator`.
Facts: twilio.com/docs Messages resource, webhooks security, test credentials (magic numbers), read 2026-11-23.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from gateway.demo.standin import Arrivals, Fault, HttpStandIn
from gateway.ports.gsm7 import segments

STOP_WORDS = frozenset(["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"])
START_WORDS = frozenset(["START", "YES", "UNSTOP"])
_FILTERS = {"To", "From", "PageSize"}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# Test credentials, "To" numbers: each always fails in one way.
_MAGIC = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: +1500555XXXX"),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable via SMS or MMS"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}


@dataclass(frozen=True, slots=True)
class Sms:
    """One message as Twilio keeps it. `status` is as it was when this copy was made; see `TwilioStandIn.find`."""

    sid: str
    to: str
    sender: str
    body: str
    status: str
    segments: int
    direction: str
    created_at: datetime
    status_callback: str | None = None
    service_sid: str | None = None
    error_code: int | None = None


class TwilioStandIn(HttpStandIn):
    """One account with one number. With `receipts` every message is reported sent, then delivered.

    `scheme` stands before each address on the wire.
    """

    scheme = ""

    def __init__(
        self,
        *,
        account_sid: str = "AC" + "0" * 32,
        auth_token: str = "twilio-demo-token",  # noqa: S107
        number: str = "+40312345678",
        service_sid: str = "MG" + "0" * 32,
        inbound_url: str | None = None,
        receipts: bool = True,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(now)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.number = number
        self.service_sid = service_sid
        self.inbound_url = inbound_url
        self.receipts = receipts
        self.messages: Arrivals[Sms] = Arrivals()
        self.requests: Arrivals[Mapping[str, str]] = Arrivals()
        self.answers: Arrivals[Mapping[str, Any]] = Arrivals()
        self.unsubscribed: set[str] = set()
        self.api_keys: dict[str, str] = {}
        self.retry_after_s: int | None = None
        self._current: dict[str, Sms] = {}
        self._sids = 0

    def routes(self) -> Iterable[web.RouteDef]:
        base = "/2010-04-01/Accounts/{account}/Messages"
        return (
            web.post(base + ".json", self._create),
            web.get(base + ".json", self._list),
            web.get(base + "/{sid}.json", self._fetch),
        )

    def find(self, sid: str) -> Sms:
        """The message as it stands now. Raises KeyError."""
        return self._current[sid]

    async def receipt(self, sid: str, status: str, error_code: int | None = None) -> int:
        """Sets a message's status and reports it to its StatusCallback; the HTTP status of the answer, 0 for none."""
        message = self._current[sid] = replace(self._current[sid], status=status, error_code=error_code)
        if message.status_callback is None:
            return 0
        fields = {
            "SmsSid": sid,
            "SmsStatus": status,
            "MessageStatus": status,
            "To": self.scheme + message.to,
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "From": self.scheme + message.sender,
            "ApiVersion": "2010-04-01",
        }
        if message.service_sid:
            fields["MessagingServiceSid"] = message.service_sid
        if error_code is not None:
            fields["ErrorCode"] = str(error_code)
        if status in ("delivered", "undelivered"):
            fields["RawDlrDoneDate"] = self.now().strftime("%y%m%d%H%M")
        return await self.call(message.status_callback, fields)

    async def reply(self, sender: str, text: str) -> int:
        """A payer answers from their phone. STOP and START also change whom Twilio will send to, as at Twilio."""
        word = text.strip().upper()
        if word in STOP_WORDS:
            self.unsubscribed.add(sender)
        elif word in START_WORDS:
            self.unsubscribed.discard(sender)
        return await self.say(sender, text)

    async def say(self, sender: str, text: str, more: Mapping[str, str] | None = None) -> int:
        """What came from a phone goes to the webhook, with `more` fields; the HTTP status of the answer, 0 for none."""
        sid = self._next_sid()
        parts = segments(text)
        self._current[sid] = Sms(sid, self.number, sender, text, "received", parts, "inbound", self.now())
        if self.inbound_url is None:
            return 0
        return await self.call(
            self.inbound_url,
            {
                "ToCountry": "RO",
                "SmsMessageSid": sid,
                "NumMedia": "0",
                "SmsSid": sid,
                "SmsStatus": "received",
                "Body": text,
                "To": self.scheme + self.number,
                "From": self.scheme + sender,
                "NumSegments": str(parts),
                "MessageSid": sid,
                "AccountSid": self.account_sid,
                "ApiVersion": "2010-04-01",
                **(more or {}),
            },
        )

    async def call(self, url: str, fields: Mapping[str, str]) -> int:
        """Posts a form with a real `X-Twilio-Signature`; a fragment is neither signed nor sent."""
        from twilio.request_validator import RequestValidator  # a quarter of a second to import

        target = url.partition("#")[0]
        validator = RequestValidator(self.auth_token)  # type: ignore[no-untyped-call]
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": str(validator.compute_signature(target, dict(fields))),  # type: ignore[no-untyped-call]
            "I-Twilio-Idempotency-Token": f"{fields.get('MessageSid')}-{fields.get('SmsStatus')}",
            "User-Agent": "TwilioProxy/1.1",
        }
        return await self._post(target, urlencode(fields).encode(), headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        refused = self._refuse_caller(request) or await self._fail()
        if refused is not None:
            return refused
        self.requests.add(form)
        if (problem := self._check(form)) is not None:
            return error_answer(400, *problem)
        service, body = form.get("MessagingServiceSid"), self._body(form)
        message = Sms(
            sid=self._next_sid(),
            to=form["To"].removeprefix(self.scheme),
            sender=form.get("From", self.number).removeprefix(self.scheme),
            body=body,
            status="accepted" if service else "queued",
            segments=segments(body),
            direction="outbound-api",
            created_at=self.now(),
            status_callback=form.get("StatusCallback"),
            service_sid=service,
        )
        self._current[message.sid] = message
        self.messages.add(message)
        self._taken(message, form)
        if self.fault is Fault.LOSE_ANSWER:
            return await self._hang()
        return self._answer(self._shown(message), status=201)

    def _taken(self, message: Sms, form: Mapping[str, str]) -> None:
        """What follows by itself from a message that was taken."""
        if self.receipts:
            self._later(self._carry(message.sid))

    def _body(self, form: Mapping[str, str]) -> str:
        """What the payer reads of a request that was found good."""
        return form["Body"]

    async def _carry(self, sid: str) -> None:
        for status in ("sent", "delivered"):
            await self.receipt(sid, status)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._refuse_caller(request) or await self._fail()) is not None:
            return refused
        query = request.query
        if not query.keys() <= _FILTERS:
            return error_answer(400, 20001, "This stand-in does not filter by that")
        found = [
            message
            for message in reversed(self._current.values())
            if query.get("To", self.scheme + message.to) == self.scheme + message.to
            and query.get("From", self.scheme + message.sender) == self.scheme + message.sender
        ]
        size = min(int(query.get("PageSize", "50")), 1000)
        path = request.path
        first = f"{path}?PageSize={size}&Page=0"
        return self._answer(
            {
                "messages": [self._shown(message) for message in found[:size]],
                "page": 0,
                "page_size": size,
                "start": 0,
                "end": max(0, min(len(found), size) - 1),
                "uri": first,
                "first_page_uri": first,
                "next_page_uri": None,
                "previous_page_uri": None,
            }
        )

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._refuse_caller(request) or await self._fail()) is not None:
            return refused
        message = self._current.get(request.match_info["sid"])
        if message is None:
            return error_answer(404, 20404, f"The requested resource {request.path} was not found")
        return self._answer(self._shown(message))

    def _refuse_caller(self, request: web.Request) -> web.Response | None:
        ours = request.match_info["account"] == self.account_sid
        return self.refuse_login(request) if ours else error_answer(401, 20003, "Authenticate")

    def refuse_login(self, request: web.Request) -> web.Response | None:
        logins = {self.account_sid: self.auth_token, **self.api_keys}
        known = {"Basic " + base64.b64encode(f"{name}:{word}".encode()).decode() for name, word in logins.items()}
        if request.headers.get("Authorization") not in known:
            return error_answer(401, 20003, "Authenticate")
        return None

    async def _fail(self) -> web.Response | None:
        match self.fault:
            case Fault.THROTTLED:
                headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
                return error_answer(429, 20429, "Too Many Requests", headers)
            case Fault.UNAVAILABLE:
                return error_answer(503, 20503, "Service unavailable")
            case Fault.BROKEN:
                return error_answer(500, 20500, "Internal Server Error")
            case Fault.HANG:
                return await self._hang()
            case _:
                return None

    def _check(self, form: Mapping[str, str]) -> tuple[int, str] | None:
        whole, callback = form.get("To", ""), form.get("StatusCallback")
        to, ours = whole.removeprefix(self.scheme), self.scheme + self.number
        host = urlsplit(callback).hostname if callback else "callback"
        checks = (
            (not to, 21604, "A 'To' phone number is required."),
            (not (form.get("From") or form.get("MessagingServiceSid")), 21603, "A 'From' phone number is required."),
            (not (form.get("Body") or form.get("ContentSid")), 21602, "Message body is required."),
            (_E164.fullmatch(to) is None, 21211, f"Invalid 'To' Phone Number: {to[:-4]}XXXX"),
            (whole != self.scheme + to, 63007, "Twilio could not find a Channel with the specified From address"),
            (form.get("From", ours) != ours, 21606, "The 'From' phone number is not yours"),
            (form.get("MessagingServiceSid", self.service_sid) != self.service_sid, 21705, "Invalid service sid"),
            (len(form.get("Body", "")) > 1600, 21617, "The concatenated message body exceeds the 1600 character limit"),
            (not host or "_" in host, 21609, "The 'StatusCallback' URL is not a valid fully qualified URL"),
            (to in self.unsubscribed, 21610, "Attempt to send to unsubscribed recipient"),
        )
        return next(((code, text) for wrong, code, text in checks if wrong), _MAGIC.get(to))

    def _shown(self, message: Sms) -> dict[str, Any]:
        current = self._current[message.sid]
        stamp = format_datetime(current.created_at)
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{current.sid}"
        unsent = current.status in ("accepted", "queued")
        return {
            "sid": current.sid,
            "account_sid": self.account_sid,
            "messaging_service_sid": current.service_sid,
            "to": self.scheme + current.to,
            "from": None if current.service_sid and unsent else self.scheme + current.sender,
            "body": current.body,
            "status": current.status,
            "direction": current.direction,
            "num_segments": "0" if current.service_sid and unsent else str(current.segments),
            "num_media": "0",
            "price": None,
            "price_unit": "USD",
            "error_code": current.error_code,
            "error_message": None,
            "date_created": stamp,
            "date_updated": stamp,
            "date_sent": None if unsent else stamp,
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def _answer(self, answer: dict[str, Any], status: int = 200) -> web.Response:
        self.answers.add(answer)
        return web.json_response(answer, status=status)

    def _next_sid(self) -> str:
        self._sids += 1
        return f"SM{self._sids:032x}"


def error_answer(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(body, status=status, headers=headers)
