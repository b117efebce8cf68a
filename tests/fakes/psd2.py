"""A strict bank (ASPSP) of the Berlin Group: it checks every request as the interface's rules say, and refuses a wrong one.

What it wants follows from the profile of the bank that it plays: version and products, signature, certificate, OAuth. Its own
reading of a signature shares nothing with the adapter. Source: NextGenPSD2 1.3.11, draft-cavage-http-signatures-10, RFC 7636.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import re
import secrets
import ssl
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from cryptography import x509

from gateway.testing.clock import FakeClock
from providers.psd2.banks import Bank
from tests.fakes.psd2_checks import Refused, answer, currency_of, order_of_json, order_of_xml, refusal, verify

ANSWERS = {
    "rate_limited": (429, "ACCESS_EXCEEDED"),
    "unavailable": (503, "SERVICE_UNAVAILABLE"),
    "server_error": (500, "INTERNAL_SERVER_ERROR"),
    "refused": (403, "PRODUCT_INVALID"),
}


@dataclass
class Payment:
    """One order in the bank's books."""

    id: str
    product: str
    order: dict[str, Any]
    headers: dict[str, str]
    status: str = "RCVD"
    sca: dict[str, str] = field(default_factory=dict)  # authorisation id -> scaStatus
    code: str = ""
    token: str = ""
    amount: dict[str, str] | None = None  # what the details say, where it is not what was ordered
    expired: bool = False


@dataclass
class XS2A:
    """The bank. `how`: redirect, oauth, explicit (the authorisation is started first), embedded, confirmed (with a code)."""

    bank: Bank
    clock: FakeClock
    how: str = "redirect"
    client_id: str = "PSDRO-BNR-12345"
    client_secret: str = ""
    cancels: int = 204
    details: bool = True
    tls: ssl.SSLContext | None = None
    fault: str = ""
    payments: dict[str, Payment] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    own_tokens: set[str] = field(default_factory=set)
    refreshes: dict[str, str] = field(default_factory=dict)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        base = f"/{self.bank.version}/payments/{{product}}"
        app.add_routes(
            [
                web.post(base, self._guarded(self._create)),
                web.get(f"{base}/{{payment}}", self._guarded(self._show)),
                web.delete(f"{base}/{{payment}}", self._guarded(self._cancel)),
                web.get(f"{base}/{{payment}}/status", self._guarded(self._status)),
                web.get(f"{base}/{{payment}}/authorisations", self._guarded(self._authorisations)),
                web.post(f"{base}/{{payment}}/authorisations", self._guarded(self._authorise)),
                web.get(f"{base}/{{payment}}/authorisations/{{id}}", self._guarded(self._sca)),
                web.put(f"{base}/{{payment}}/authorisations/{{id}}", self._guarded(self._confirm)),
                web.get("/.well-known/oauth-authorization-server", self._metadata),
                web.get("/authorise", self._page),
                web.post("/v1/token", self._guarded(self._token)),
                web.post("/oauth2/token", self._guarded(self._token)),
            ]
        )
        self._closing = asyncio.Event()
        self._numbers = itertools.count(1)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        self._closing.set()
        await self._runner.cleanup()

    def made(self, reference: str) -> int:
        return sum(each.order["endToEndIdentification"] == reference for each in self.payments.values())

    def authorise(self, payment_id: str, status: str = "ACSC", *, sca: str = "finalised") -> None:
        """The payer has been at the bank: this is how their authorisation went, and what became of the order."""
        payment = self.payments[payment_id]
        payment.sca = dict.fromkeys(payment.sca, sca)
        payment.status = status

    def come_back(self, url: str) -> dict[str, str]:
        """The payer authorises at `url` (OAuth); gives the parameters that their browser brings back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == self.client_id
        assert query["code_challenge_method"] == "S256"
        payment = self.payments[query["scope"].removeprefix("PIS:")]
        payment.code = secrets.token_urlsafe(8)
        payment.headers["challenge"], payment.headers["redirect_uri"] = query["code_challenge"], query["redirect_uri"]
        self.authorise(payment.id, "ACSP")
        return {"code": payment.code, "state": query["state"]}

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            self.asked.append((request.method, request.path))
            body = await request.read()
            fault = ""
            if request.method == "POST" and "payments" in request.path:
                fault, self.fault = self.fault, ""
            try:
                self._check(request, body)
                if fault in ANSWERS:
                    raise Refused(*ANSWERS[fault])
                if fault == "cut_not_made":
                    return await self._vanish(request)
                response: web.StreamResponse = await handler(request, body)
            except Refused as error:
                self.refused.append(error)
                return refusal(error, request)
            if fault == "hangs":
                await self._closing.wait()
            if fault in ("hangs", "cut_made"):
                return await self._vanish(request)
            return response

        return guarded

    async def _vanish(self, request: web.Request) -> web.StreamResponse:
        if request.transport:
            request.transport.abort()
        return web.Response(status=503)

    def _check(self, request: web.Request, body: bytes) -> None:
        """What holds for every request: its id, its date, its certificate, its signature, who we are."""
        headers = request.headers
        try:
            uuid.UUID(headers.get("X-Request-ID", ""))
        except ValueError:
            raise Refused(400, "FORMAT_ERROR", "X-Request-ID") from None
        for name, value in self.bank.headers.items():
            wanted = value.format(client_id=self.client_id, client_secret=self.client_secret)
            if headers.get(name) != wanted:
                raise Refused(401, "ROLE_INVALID", name)
        if self.bank.dated:
            try:
                at = parsedate_to_datetime(headers.get("Date", ""))
            except (ValueError, TypeError):
                raise Refused(400, "TIMESTAMP_INVALID", "Date") from None
            if abs(at - self.clock.now()) > timedelta(minutes=5):
                raise Refused(400, "TIMESTAMP_INVALID", "Date")
        certificate = None
        if self.bank.certificate:
            given = headers.get("TPP-Signature-Certificate", "")
            if self.bank.certificate == "pem":
                if not (
                    given.startswith("-----BEGIN CERTIFICATE-----") and given.endswith("-----END CERTIFICATE-----")
                ):
                    raise Refused(401, "CERTIFICATE_INVALID", "not PEM")
                given = given.removeprefix("-----BEGIN CERTIFICATE-----").removesuffix("-----END CERTIFICATE-----")
            try:
                certificate = x509.load_der_x509_certificate(base64.b64decode(given, validate=True))
            except ValueError:
                raise Refused(401, "CERTIFICATE_MISSING" if not given else "CERTIFICATE_INVALID") from None
        if self.bank.signing is not None:
            if headers.get("Digest") != "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode():
                raise Refused(401, "SIGNATURE_INVALID", "Digest")
            assert certificate is not None
            verify(request.method, request.raw_path, dict(headers), certificate, self.bank)
        if self.bank.client_token and request.path != self.bank.client_token:
            token = headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.own_tokens:
                raise Refused(401, "TOKEN_INVALID")

    async def _create(self, request: web.Request, body: bytes) -> web.StreamResponse:
        headers, product = request.headers, request.match_info["product"]
        try:
            ip_address(headers.get("PSU-IP-Address", ""))
        except ValueError:
            raise Refused(400, "FORMAT_ERROR", "PSU-IP-Address") from None
        if not re.match(r"https?://", headers.get("TPP-Redirect-URI", "")):
            raise Refused(400, "FORMAT_ERROR", "TPP-Redirect-URI")
        if headers.get("TPP-Redirect-Preferred") != "true" or headers.get("Content-Type") != self.bank.content_type:
            raise Refused(400, "FORMAT_ERROR", "Content-Type, TPP-Redirect-Preferred")
        order = order_of_xml(body) if self.bank.xml else order_of_json(body)
        currency = currency_of(order, debtor=self.bank.debtor)
        if product != self.bank.product(currency):
            raise Refused(404, "PRODUCT_UNKNOWN")
        payment = Payment(f"{next(self._numbers)}=/{secrets.token_urlsafe(9)}", product, order, dict(headers))
        self.payments[payment.id] = payment
        said = {"transactionStatus": "RCVD", "paymentId": payment.id, "_links": self._links(request, payment)}
        return answer(request, said, 201, {"ASPSP-SCA-Approach": "REDIRECT", "Location": f"{self._self(payment)}"})

    def _self(self, payment: Payment) -> str:
        return f"{self.url}/{self.bank.version}/payments/{payment.product}/{payment.id.replace('/', '%2F')}"

    def _links(self, request: web.Request, payment: Payment) -> dict[str, Any]:
        links: dict[str, Any] = {
            "self": {"href": self._self(payment)},
            "status": {"href": self._self(payment) + "/status"},
        }
        if self.how == "explicit":
            links["startAuthorisation"] = {"href": self._self(payment) + "/authorisations"}
        elif self.how == "embedded":
            links["startAuthorisationWithPsuAuthentication"] = {"href": self._self(payment) + "/authorisations"}
        else:
            links |= self._sca_links(payment)
        return links

    def _sca_links(self, payment: Payment) -> dict[str, Any]:
        authorisation = str(uuid.uuid4())
        payment.sca[authorisation] = "received"
        links = {"scaStatus": {"href": f"{self._self(payment)}/authorisations/{authorisation}"}}
        if self.how == "oauth":
            return links | {"scaOAuth": {"href": f"{self.url}/.well-known/oauth-authorization-server"}}
        if self.how == "confirmed":
            payment.code = "c-" + secrets.token_hex(4)
            links |= {"confirmation": {"href": f"{self._self(payment)}/authorisations/{authorisation}"}}
        return links | {"scaRedirect": {"href": f"{self.url}/authorise?{urlencode({'payment': payment.id})}"}}

    async def _authorise(self, request: web.Request, body: bytes) -> web.StreamResponse:
        payment = self._payment(request)
        if "PSU-IP-Address" not in request.headers or order_of_json(body) != {}:
            raise Refused(400, "FORMAT_ERROR")
        links = self._sca_links(payment)
        said = {"scaStatus": "received", "authorisationId": next(iter(payment.sca)), "_links": links}
        return answer(request, said, 201, {"ASPSP-SCA-Approach": "REDIRECT"})

    async def _status(self, request: web.Request, body: bytes) -> web.StreamResponse:
        payment = self._payment(request, seen=True)
        return answer(request, {"transactionStatus": payment.status})

    async def _show(self, request: web.Request, body: bytes) -> web.StreamResponse:
        payment = self._payment(request, seen=True)
        if not self.details:
            raise Refused(405, "SERVICE_INVALID")
        amount = {"instructedAmount": payment.amount or payment.order["instructedAmount"]}
        return answer(request, payment.order | amount | {"transactionStatus": payment.status})

    async def _cancel(self, request: web.Request, body: bytes) -> web.StreamResponse:
        payment = self._payment(request)
        if payment.status not in ("RCVD", "PDNG", "ACTC") or self.cancels == 405:
            raise Refused(405, "CANCELLATION_INVALID")
        if self.cancels == 204:
            payment.status = "CANC"
            return web.Response(status=204, headers={"X-Request-ID": request.headers["X-Request-ID"]})
        return answer(
            request, {"transactionStatus": payment.status, "_links": {"startAuthorisation": {"href": "/x"}}}, 202
        )

    async def _authorisations(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return answer(request, {"authorisationIds": list(self._payment(request).sca)})

    async def _sca(self, request: web.Request, body: bytes) -> web.StreamResponse:
        found = self._payment(request).sca.get(request.match_info["id"])
        if found is None:
            raise Refused(404, "RESOURCE_UNKNOWN")
        return answer(request, {"scaStatus": found})

    async def _confirm(self, request: web.Request, body: bytes) -> web.StreamResponse:
        payment, id_ = self._payment(request), request.match_info["id"]
        if payment.sca.get(id_) != "unconfirmed":
            raise Refused(409, "STATUS_INVALID")
        if order_of_json(body) != {"confirmationCode": payment.code}:
            payment.sca[id_], payment.status = "failed", "RJCT"
            raise Refused(400, "SCA_INVALID")
        payment.sca[id_], payment.status = "finalised", "ACSC"
        return answer(request, {"scaStatus": "finalised"})

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        found = {"authorization_endpoint": f"{self.url}/authorise?lang=ro", "token_endpoint": f"{self.url}/v1/token"}
        return web.json_response(found)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """Where the payer would authorise; a test does it by `authorise`. Who has the link is who was answered."""
        return web.Response(text="the bank")

    async def _token(self, request: web.Request, body: bytes) -> web.StreamResponse:
        form = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
        if request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Refused(400, "INVALID_REQUEST")
        if form.get("client_id") != self.client_id or form.get("client_secret", "") != self.client_secret:
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["grant_type"] == "client_credentials":
            token = secrets.token_urlsafe(16)
            self.own_tokens.add(token)
            return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 900})
        if form["grant_type"] == "refresh_token":
            renewed = self.refreshes.pop(form["refresh_token"], None)
            if renewed is None:
                return web.json_response({"error": "invalid_grant"}, status=400)
            payment = self.payments[renewed]
        else:
            found = [each for each in self.payments.values() if each.code and each.code == form.get("code")]
            if not found or not self._proven(found[0], form):
                return web.json_response({"error": "invalid_grant"}, status=400)
            payment, found[0].code = found[0], ""
        payment.token, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.refreshes[refresh] = payment.id
        return web.json_response(
            {"access_token": payment.token, "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh}
        )

    def _proven(self, payment: Payment, form: dict[str, str]) -> bool:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return (challenge, form.get("redirect_uri")) == (payment.headers["challenge"], payment.headers["redirect_uri"])

    def _payment(self, request: web.Request, *, seen: bool = False) -> Payment:
        payment = self.payments.get(request.match_info["payment"])
        if payment is None or payment.product != request.match_info["product"]:
            raise Refused(404, "RESOURCE_UNKNOWN")
        if payment.expired:
            raise Refused(403, "RESOURCE_EXPIRED")
        shown = payment.token and request.headers.get("Authorization") == f"Bearer {payment.token}"
        if seen and self.how == "oauth" and not shown:
            raise Refused(401, "TOKEN_INVALID")
        return payment
