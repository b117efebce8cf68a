"""One call to one bank: its headers, its seal, its certificate in TLS, and our own token where it wants one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient, HttpResponse
from gateway.ports.values import Secret
from providers.psd2.banks import Bank
from providers.psd2.oauth import Token
from providers.psd2.settings import Settings
from providers.psd2.wire import code_of, read_json

_NAMESPACE = uuid.UUID("7f9ad5f3-93e8-5f43-8d6b-3e0c1c2f0a51")
_FORM = "application/x-www-form-urlencoded"


def request_id(purpose: str, key: str) -> str:
    """The `X-Request-ID` of a call that changes something: the same on every try of it."""
    return str(uuid.uuid5(_NAMESPACE, f"{purpose}:{key}"))


class Client:
    """Speaks to every bank of an account. `now` is the clock for dates that are signed and tokens that end."""

    def __init__(self, settings: Settings, http: HttpClient, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._http = http
        self._seal = settings.seal()
        self._identity = settings.identity()
        self._own: dict[str, Token] = {}
        self.now = now

    async def call(
        self,
        bank: Bank,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
        id_: str = "",
        token: Secret | None = None,
    ) -> HttpResponse:
        """Any answer that the bank gave. `path` may be a whole address. Raises RetryLater, OutcomeUnknown, Rejected."""
        if token is None and bank.client_token:
            token = (await self._own_token(bank)).access
        sent = {"Accept": "application/json", "X-Request-ID": id_ or str(uuid.uuid4())}
        if token is not None:
            sent["Authorization"] = f"Bearer {token.reveal()}"
        response = await self._send(bank, method, path, sent | dict(headers or {}), body, content_type)
        if response.status == 401:
            self._own.pop(bank.code, None)
        return response

    async def token(self, bank: Bank, endpoint: str, fields: Mapping[str, str], before: Token | None = None) -> Token:
        """What a token endpoint gives for `fields`. Raises Rejected with its code, RetryLater."""
        form = {**fields, "client_id": self._settings.client_ids.get(bank.code, "")}
        if bank.code in self._settings.client_secrets:
            form["client_secret"] = self._settings.client_secrets[bank.code].reveal()
        sent = {"Accept": "application/json", "X-Request-ID": str(uuid.uuid4())}
        try:
            response = await self._send(bank, "POST", endpoint, sent, urlencode(form).encode(), _FORM)
        except OutcomeUnknown as error:
            raise RetryLater(str(error)) from None
        if response.status >= 500:
            raise RetryLater(f"the bank's token endpoint answered {response.status}")
        if response.status != 200:
            raise Rejected(code_of(response).lower())
        try:
            return Token.read(read_json(response.body), self.now().timestamp(), before=before)
        except ValueError:
            raise RetryLater("the bank's token cannot be read") from None

    async def _own_token(self, bank: Bank) -> Token:
        """Ours, by client credentials; asked for again when it is about to end."""
        known = self._own.get(bank.code)
        if known is None or not known.holds(self.now().timestamp()):
            self._own[bank.code] = known = await self.token(
                bank, bank.client_token, {"grant_type": "client_credentials"}
            )
        return known

    async def _send(
        self, bank: Bank, method: str, path: str, headers: Mapping[str, str], body: bytes, content_type: str
    ) -> HttpResponse:
        url = path if "://" in path else self._settings.base_url(bank.code) + path
        sent = {**headers, **self._settings.headers_of(bank.code)}
        if body:
            sent["Content-Type"] = content_type or bank.content_type
        if bank.dated:
            sent["Date"] = format_datetime(self.now(), usegmt=True)
        if self._seal is not None:
            sent |= self._seal.headers(bank, method, url, sent, body)
        return await self._http.request(
            method, url, headers=sent, body=body or None, submits=method != "GET", identity=self._identity
        )
