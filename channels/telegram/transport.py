"""python-telegram-bot on our HTTP client, and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, TelegramError
from telegram.request import BaseRequest, RequestData

from gateway.ports.errors import AdapterError, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpClient

_REFUSALS: Mapping[type[TelegramError], tuple[str, bool]] = {  # code, and whether the chat itself is the reason
    Forbidden: ("403", True),  # blocked by the user, deactivated, or never started
    ChatMigrated: ("chat_migrated", True),
    InvalidToken: ("401", False),
    Conflict: ("409", False),
    BadRequest: ("400", False),
}
_NO_SUCH_CHAT = ("chat not found", "user not found", "peer_id_invalid")
_SUBMITS = {"sendMessage", "sendInvoice", "answerPreCheckoutQuery"}
# What the library's constructors raise on JSON that is not what it should be.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)


class Transport(BaseRequest):
    """What the library calls: JSON through our client, the token added here and nowhere else."""

    def __init__(self, http: HttpClient, base_url: str, timeout_s: float) -> None:
        self._http = http
        self._base_url = base_url
        self._timeout_s = timeout_s

    async def call(self, endpoint: str, parameters: Mapping[str, Any]) -> tuple[int, bytes]:
        """One method of the API: the status and the body of its answer."""
        answer = await self._http.request(
            "POST",
            self._base_url + endpoint,
            headers={"Content-Type": "application/json"},
            body=json.dumps(parameters).encode(),
            submits=endpoint in _SUBMITS,
            timeout_s=self._timeout_s,
        )
        return answer.status, answer.body

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        return await self.call(url.rpartition("/")[2], request_data.parameters if request_data else {})

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """As the library's, which logs what it cannot read."""
        try:
            answer = json.loads(payload)
        except ValueError:
            raise TelegramError("Invalid server response") from None
        if not isinstance(answer, dict):
            raise TelegramError("Invalid server response")
        return answer

    @property
    def read_timeout(self) -> float:
        return self._timeout_s

    async def initialize(self) -> None:
        """Nothing to open: the client is shared."""

    async def shutdown(self) -> None:
        """Nothing to close."""


@contextmanager
def vendor_errors(*, submits: bool) -> Iterator[None]:
    """Turns what the library raises into ours, and unwraps our own errors, which it hides in its `NetworkError`."""
    try:
        yield
    except (TelegramError, *UNREADABLE) as error:
        if isinstance(error.__cause__, AdapterError):
            raise error.__cause__ from None
        if type(error) in _REFUSALS and isinstance(error, TelegramError):
            code, unreachable = _REFUSALS[type(error)]
            gone = any(words in error.message.lower() for words in _NO_SUCH_CHAT)
            raise Rejected(code, error.message, unreachable=unreachable or gone) from None
        unclear = "Telegram's answer says nothing"
        raise (OutcomeUnknown(unclear) if submits else RetryLater(unclear)) from None
