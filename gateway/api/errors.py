"""Every refusal that the API gives, as RFC 9457 problems: a stable `type`, a title, and what exactly is wrong.

Nothing internal gets out: no value that was sent, no class name, no trace. A fault of ours carries a correlation id, and the
log has the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from gateway.api.fields import PATTERN_MEANS
from gateway.services.errors import Conflict, Invalid, NotFound, ServiceError, Unavailable

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 50  # a body with ten thousand faults is told of the first fifty
_LONGEST_PATH = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of problem. `type` is stable; `remedy` says what a client does about it."""

    name: str
    status: int
    title: str
    remedy: str

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


INVALID_JSON = Kind("invalid-json", 400, "The body is not JSON", "Send one JSON object in UTF-8.")
INVALID_QUERY = Kind("invalid-query", 400, "The query is not valid", "Correct the parameters that `errors` names.")
INVALID_HEADER = Kind("invalid-header", 400, "A header is not valid", "Correct the header that `errors` names.")
BAD_REQUEST = Kind("bad-request", 400, "The request cannot be read", "Correct what `detail` names.")
UNAUTHENTICATED = Kind(
    "unauthenticated", 401, "No valid API key", "Send `Authorization: Bearer <key>` with a key that is not revoked."
)
NOT_PROVEN = Kind(
    "not-proven", 401, "The webhook is not proven", "Give the account the secret that the vendor signs or calls with."
)
MISSING_SCOPE = Kind(
    "missing-scope", 403, "The key may not do this", "Use a key that has the scope that `detail` names."
)
NOT_FOUND = Kind(
    "not-found", 404, "There is no such thing", "Check the address and the id; ids of other billers are not found."
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed", 405, "Not with this method", "`Allow` names the methods of this address."
)
TOO_SLOW = Kind("request-too-slow", 408, "The request came too slowly", "Send it again, faster.")
DIFFERENT_REQUEST = Kind(
    "different-request",
    409,
    "Something else was sent under this name",
    "`errors` names what differs. Change an invoice with PATCH; use a new number, key or reference for something new.",
)
WRONG_STATE = Kind(
    "wrong-state", 409, "Not in this state", "Read the invoice again; `detail` says what stands in the way."
)
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is too large", "Send less; `detail` says how much is taken.")
UNSUPPORTED_MEDIA_TYPE = Kind(
    "unsupported-media-type", 415, "Not this kind of body", "Send `Content-Type: application/json`."
)
INVALID_BODY = Kind(
    "invalid-body", 422, "The body is not valid", "Correct the fields that `errors` names by their path."
)
RATE_LIMITED = Kind("rate-limited", 429, "Too many requests", "Wait as long as `Retry-After` says.")
INTERNAL = Kind(
    "internal",
    500,
    "A fault of ours",
    "Send it again with the same Idempotency-Key; tell the operator the `correlation_id`.",
)
UNAVAILABLE = Kind(
    "unavailable", 503, "Not now", "Nothing is lost: send it again, with the same Idempotency-Key, after `Retry-After`."
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        INVALID_JSON, INVALID_QUERY, INVALID_HEADER, BAD_REQUEST, UNAUTHENTICATED, NOT_PROVEN, MISSING_SCOPE, NOT_FOUND,
        METHOD_NOT_ALLOWED, TOO_SLOW, DIFFERENT_REQUEST, WRONG_STATE, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_BODY,
        RATE_LIMITED, INTERNAL, UNAVAILABLE,
    )
}  # fmt: skip
_OF_STATUS = {
    400: BAD_REQUEST, 401: NOT_PROVEN, 403: MISSING_SCOPE, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 408: TOO_SLOW,
    413: BODY_TOO_LARGE, 415: UNSUPPORTED_MEDIA_TYPE, 429: RATE_LIMITED, 503: UNAVAILABLE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, by its path in the body (`payer.phone`, `lines[2].quantity`) or its parameter's name."""

    path: str
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        return {"path": self.path, "code": self.code, "message": self.message}


class Refusal(Exception):
    """What a handler raises to answer with a problem."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}
        self.members = members or {}

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """The answer. `headers` (rate limits) go along with the refusal's own."""
        body: dict[str, Any] = {"type": self.kind.type, "title": self.kind.title, "status": self.kind.status}
        if self.detail:
            body["detail"] = self.detail
        if self.faults:
            body["errors"] = [fault.as_json() for fault in self.faults]
        body |= self.members
        return web.Response(
            status=self.kind.status,
            body=orjson.dumps(body),
            content_type=MEDIA_TYPE,
            headers={"Cache-Control": "no-store", **(headers or {}), **self.headers},
        )


def refusal_of_http(error: web.HTTPException) -> Refusal:
    """The problem for what aiohttp itself refuses: no route, no such method, a body over the limit."""
    kind = _OF_STATUS.get(error.status)
    if kind is None:
        phrase = HTTPStatus(error.status).phrase
        return Refusal(Kind("about:blank", error.status, phrase, ""))
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Refusal(kind, _DETAILS.get(kind, ""), headers=headers)


_DETAILS = {
    NOT_FOUND: "Nothing is at this address.",
    BODY_TOO_LARGE: "The body is larger than this server takes.",
    BAD_REQUEST: "The request is not proper HTTP, or its body is not encoded as it says.",
}


def refusal_of_validation(error: ValidationError, kind: Kind = INVALID_BODY) -> Refusal:
    """The problem for a body or a query that a model refused; a body that is no JSON at all is `invalid-json`."""
    details = error.errors(include_url=False, include_input=False)
    first = details[0]
    if first["type"] == "json_invalid":
        return Refusal(INVALID_JSON, f"{first.get('ctx', {}).get('error', 'This is not JSON')}.")
    faults = [Fault(_path(one), one["type"], message_of(one)) for one in details[:MOST_ERRORS]]
    count = len(details)
    detail = (
        f"{count} errors; the first {MOST_ERRORS} are named."
        if count > MOST_ERRORS
        else "; ".join(map(_said, faults[:3]))
    )
    return Refusal(kind, detail, faults=faults)


def _said(fault: Fault) -> str:
    return f"{fault.path}: {fault.message}" if fault.path else fault.message


def _path(error: Mapping[str, Any]) -> str:
    return path_of((*error["loc"], *error.get("ctx", {}).get("at", ())))


def path_of(location: Sequence[str | int]) -> str:
    """`lines[0].quantity`; the empty path is the body itself."""
    parts = [part for part in location if part != "[key]"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
    return path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}…"


def refusal_of_service(error: ServiceError) -> Refusal:
    """The problem for what a service refuses."""
    detail = str(error)
    match error:
        case NotFound():
            return Refusal(NOT_FOUND, detail)
        case Conflict() if error.differs:
            faults = [Fault(path, "differs", "is not what was sent before") for path in error.differs[:MOST_ERRORS]]
            return Refusal(DIFFERENT_REQUEST, detail, faults=faults)
        case Unavailable():
            return Refusal(UNAVAILABLE, detail, headers={"Retry-After": "30"})
        case Invalid():
            return Refusal(INVALID_BODY, detail, faults=[Fault(error.path or "", "not_possible", detail)])
        case _:
            return Refusal(
                WRONG_STATE, detail, faults=[Fault(error.path, "not_possible", detail)] if error.path else ()
            )


Context = Mapping[str, Any]
_MESSAGES: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda ctx: "is required",
    "extra_forbidden": lambda ctx: "unknown field",
    "string_type": lambda ctx: "a string is expected",
    "string_too_short": lambda ctx: f"at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: PATTERN_MEANS.get(ctx["pattern"], "not of the expected form"),
    "string_unicode": lambda ctx: "not valid Unicode",
    "too_long": lambda ctx: f"at most {ctx['max_length']} entries",
    "list_type": lambda ctx: "a list is expected",
    "dict_type": lambda ctx: "an object is expected",
    "model_type": lambda ctx: "an object is expected",
    "bool_type": lambda ctx: "true or false is expected",
    "enum": lambda ctx: f"one of {ctx['expected']}",
    "greater_than_equal": lambda ctx: f"{ctx['ge']} or more",
    "less_than_equal": lambda ctx: f"{ctx['le']} or less",
}


def message_of(error: Mapping[str, Any]) -> str:
    """What is wrong, in our words; a value that was sent is never in it."""
    ctx = error.get("ctx", {})
    if own := ctx.get("message"):
        return str(own)
    known = _MESSAGES.get(error["type"])
    return known(ctx) if known else "not of the expected form"
