"""From aiohttp to a handler and back: proves, limits, reads, validates, calls, answers; and turns every error into a problem.

A handler sees a `Call` and gives an `Answer` or a `Stream`: it knows nothing of HTTP's machinery.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import orjson
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from gateway.api import errors
from gateway.api.auth import Authenticator, Identity
from gateway.api.errors import Refusal
from gateway.api.openapi import JSON, Operation, Parameter
from gateway.api.ratelimit import KeyLimiter, Rate
from gateway.config.server import RequestLimits
from gateway.domain.keys import Scope
from gateway.services import keys
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import ServiceError
from gateway.store.database import StoreUnavailable

B = TypeVar("B")
Q = TypeVar("Q")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_RATE_HEADERS = web.RequestKey("rate_headers", Mapping[str, str])
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One authenticated, validated request. `path` has the parts of the address, `headers` those the operation declares."""

    context: Context
    biller: Biller
    body: B
    query: Q
    path: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler gives back. `body` is made of plain values; None is no body at all."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that goes on (SSE), until the chunks end or the client leaves."""

    chunks: AsyncGenerator[bytes]
    media_type: str = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Limits:
    """`body_bytes` a request, `timeout_s` to receive it and again to answer it."""

    body_bytes: int
    timeout_s: float


class Streams:
    """The streams that are open, so that a shutdown can end them: their clients come again, to another process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, response: web.StreamResponse, chunks: AsyncGenerator[bytes]) -> None:
        """Writes until the chunks end, the client leaves, or `close`."""
        task = asyncio.create_task(_write(response, chunks))
        self._tasks.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._tasks.discard(task)
            task.cancel()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    def __len__(self) -> int:
        return len(self._tasks)

    def close(self) -> None:
        """Ends every stream; for the shutdown, which would wait for them."""
        for task in self._tasks:
            task.cancel()


async def _write(response: web.StreamResponse, chunks: AsyncGenerator[bytes]) -> None:
    with suppress(ConnectionError):
        async with aclosing(chunks):
            async for chunk in chunks:
                await response.write(chunk)


@dataclass(frozen=True, slots=True)
class Edge:
    """What stands between the network and the handlers."""

    context: Context
    authenticator: Authenticator
    limiter: KeyLimiter
    limits: Limits
    streams: Streams


def edge_of(context: Context, limits: RequestLimits) -> Edge:
    """The edge of one process, by the operator's limits."""
    return Edge(
        context,
        Authenticator(partial(keys.find, context), partial(keys.used, context)),
        KeyLimiter({"read": Rate.a_minute(limits.reads_per_minute), "write": Rate.a_minute(limits.writes_per_minute)}),
        Limits(limits.body_bytes, limits.request_timeout_s),
        Streams(),
    )


def endpoint(operation: Operation, edge: Edge) -> Handler:
    """The aiohttp handler of one operation: all that its declaration says, then its handler."""
    limits, scope = edge.limits, operation.scope
    rate = "read" if scope is Scope.READ else "write"
    declared = operation.headers

    async def handle(request: web.Request) -> web.StreamResponse:
        now = edge.context.clock.now()
        identity = await edge.authenticator.authenticate(request.headers.get("Authorization"), now)
        allowance = edge.limiter.take(identity.key_id, rate, asyncio.get_running_loop().time())
        request[_RATE_HEADERS] = allowed = allowance.headers
        if allowance.wait_s:
            raise Refusal(errors.RATE_LIMITED, "This key has used up its requests for now.")
        identity.require(scope)
        call = Call(
            context=edge.context,
            biller=_biller(edge.context, identity),
            body=await _body(request, operation, limits) if operation.body else None,
            query=_query(request, operation.query) if operation.query else None,
            path=request.match_info,
            headers=_headers(request, declared) if declared else {},
        )
        try:
            async with asyncio.timeout(limits.timeout_s):
                answer = await operation.handler(call)
        except TimeoutError:
            raise Refusal(
                errors.UNAVAILABLE, f"There was no answer in {limits.timeout_s:g} s.", headers={"Retry-After": "5"}
            ) from None
        if isinstance(answer, Stream):
            return await _stream(request, answer, allowed, edge.streams)
        return web.Response(
            status=answer.status,
            body=None if answer.body is None else orjson.dumps(answer.body),
            headers={
                **_NO_STORE,
                **allowed,
                **answer.headers,
                **({} if answer.body is None else {"Content-Type": JSON}),
            },
        )

    return handle


def _biller(context: Context, identity: Identity) -> Biller:
    try:
        return context.directory.biller(identity.biller_id)
    except KeyError:  # made a moment ago, and this process has not read it yet
        raise Refusal(errors.UNAVAILABLE, "This biller is being set up.", headers={"Retry-After": "1"}) from None


async def _body(request: web.Request, operation: Operation, limits: Limits) -> BaseModel | None:
    """The validated body. Refuses by its declared length before reading it, and by its true length while reading."""
    assert operation.body is not None
    if not request.can_read_body:
        if not operation.body_required:
            return operation.body()
        raise Refusal(errors.INVALID_JSON, "There is no body.")
    if request.content_type != JSON and not request.content_type.endswith("+json"):
        raise Refusal(errors.UNSUPPORTED_MEDIA_TYPE, "A body is sent as application/json.")
    too_large = Refusal(errors.BODY_TOO_LARGE, f"At most {limits.body_bytes} bytes are taken.")
    if (request.content_length or 0) > limits.body_bytes:
        raise too_large
    try:
        async with receiving(limits.timeout_s):
            raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    try:
        return operation.body.model_validate_json(raw)
    except ValidationError as error:
        raise errors.refusal_of_validation(error) from None


@asynccontextmanager
async def receiving(timeout_s: float) -> AsyncIterator[None]:
    """Around the reading of a body or a form: one that does not come in time, or is not what its headers say, is refused."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise Refusal(errors.TOO_SLOW, f"The body did not arrive in {timeout_s:g} s.") from None
    except ConnectionError:  # nobody hears it; it is no fault of ours either
        raise Refusal(errors.BAD_REQUEST, "The connection ended before the body did.") from None
    except (web.RequestPayloadError, HttpProcessingError, ValueError, LookupError):  # aiohttp's, of a form
        raise Refusal(errors.BAD_REQUEST, "The body is not encoded as its headers say.") from None


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            fault = errors.Fault(errors.path_of((name,)), "given_twice", "is given more than once")
            raise Refusal(errors.INVALID_QUERY, "A parameter is given more than once.", faults=[fault])
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise errors.refusal_of_validation(error, errors.INVALID_QUERY) from None


def _headers(request: web.Request, declared: Mapping[str, Parameter]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, what in declared.items():
        values = request.headers.getall(name, [])
        if not values:
            continue
        if len(values) > 1 or not what.accepts(values[0]):
            fault = errors.Fault(name, "not_valid", what.means)
            raise Refusal(errors.INVALID_HEADER, f"{name}: {what.means}", faults=[fault])
        given[name] = values[0]
    return given


async def _stream(
    request: web.Request, stream: Stream, allowed: Mapping[str, str], streams: Streams
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={**_NO_STORE, **allowed, "Content-Type": stream.media_type, "X-Accel-Buffering": "no"}
    )
    with suppress(ConnectionError):  # the client may be gone before the answer begins
        await response.prepare(request)
        await streams.run(response, stream.chunks)
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The middleware that turns what goes wrong into problem+json.

    An error that nobody knows is a fault of ours: it is logged whole under a correlation id, and only that id gets out.
    """
    try:
        return await handler(request)
    except Refusal as refusal:
        known = refusal
    except ServiceError as error:
        known = errors.refusal_of_service(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        known = errors.refusal_of_http(error)
    except StoreUnavailable:
        known = Refusal(errors.UNAVAILABLE, "The database does not take this now.", headers={"Retry-After": "5"})
    except Exception:
        known = _fault(request)
    return known.response(request.get(_RATE_HEADERS))


def _fault(request: web.Request) -> Refusal:
    """Called while the error is handled, so that the log has its trace."""
    correlation_id = secrets.token_hex(8)
    structlog.get_logger().exception(
        "api.fault", correlation_id=correlation_id, method=request.method, route=_route(request)
    )
    return Refusal(errors.INTERNAL, members={"correlation_id": correlation_id})


def _route(request: web.Request) -> str:
    """The route's pattern: a path may hold a token, a pattern does not."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "-"
