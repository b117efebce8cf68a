"""HTTP out: the client that adapters share, and the guarded one that pushes to billers' endpoints.

Transport errors are mapped here and nowhere else. No log line and no error holds a URL's path, a header or a body, for
vendors put secrets in all three. Environment proxies, cookies and redirects are not followed.
"""

from __future__ import annotations

import re
import socket
import ssl
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.clock import Clock
from gateway.guard import INVALID_URL, AddressPolicy, ForbiddenAddress, Zone
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import ClientCertificate, HttpResponse

MAX_ANSWER = 4 * 1024 * 1024
MAX_PUSH_ANSWER = 4 * 1024  # of a receiver's answer no more is kept
_BUSY = frozenset({429, 503})
_BETWEEN = frozenset({502, 504})  # said by something before the vendor, which may have done the work
_CONNECT_SHARE = 0.6  # of the time-out: connecting must run out first, so that "not sent" stays known
_POOL = 256
_USER_AGENT = "achit"
_HOST = re.compile(r"[0-9A-Za-z._:%-]{1,253}")


class _Failed(Exception):
    """An exchange that brought no answer. `left`: the request may have reached the other side."""

    def __init__(self, why: str, *, left: bool) -> None:
        super().__init__(why)
        self.left = left


class _TooLarge(Exception):
    """The answer is over the limit."""


class OutboundClient:
    """Fulfils `gateway.ports.http.HttpClient`. One shared session; made inside the running loop, closed by `aclose`."""

    def __init__(self, clock: Clock, *, user_agent: str = _USER_AGENT, tls: ssl.SSLContext | None = None) -> None:
        """`tls` replaces the system's trust store."""
        self._clock = clock
        self._tls = tls
        self._identified: dict[ClientCertificate, ssl.SSLContext] = {}
        self._session = _session(aiohttp.TCPConnector(limit=_POOL, ssl=tls or True), user_agent)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
        identity: ClientCertificate | None = None,
    ) -> HttpResponse:
        """As the port says. Also raises Rejected on a malformed request (`invalid_url`, `invalid_request`).

        An answer over 4 MiB is `answer_too_large` to a read, and an unknown outcome to a call that submits.
        """
        target, tls = _url(url), self._showing(identity) if identity else None
        try:
            answer = await _exchange(
                self._session, method, target, headers, body, timeout_s, MAX_ANSWER, cut=False, tls=tls
            )
        except _Failed as failure:
            if failure.left and submits:
                raise OutcomeUnknown(str(failure)) from None
            raise RetryLater(str(failure)) from None
        except _TooLarge:
            why = f"{target.host} answered with more than {MAX_ANSWER} bytes"
            raise (OutcomeUnknown(why) if submits else Rejected("answer_too_large", why)) from None
        if answer.status in _BETWEEN and submits:
            raise OutcomeUnknown(f"{target.host} answered {answer.status}")
        if answer.status in _BUSY | _BETWEEN:
            why = f"{target.host} answered {answer.status}"
            raise RetryLater(why, after_s=retry_after_s(answer, self._clock.now()))
        return answer

    def _showing(self, identity: ClientCertificate) -> ssl.SSLContext:
        """A context of this identity, made once: connections are shared only between calls with the same context."""
        if identity not in self._identified:
            self._identified[identity] = _identified(identity, self._tls)
        return self._identified[identity]

    async def aclose(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class PushClient:
    """Posts to addresses that billers chose, and never into the operator's network beyond its allow-list.

    Each zone has a session of its own, so that a connection made for a listed host serves no other. The address is
    checked twice: all that the name resolves to, and again the one that the socket is about to connect to.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
        user_agent: str = _USER_AGENT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` replaces the system's trust store, for billing systems with a certificate of their own."""
        self._policy = policy
        self._tls = tls
        self._resolvers = {zone: _GuardedResolver(resolver(), policy, zone) for zone in Zone}
        self._sessions = {zone: self._guarded(zone, user_agent) for zone in Zone}

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float = 15.0) -> HttpResponse:
        """One call. Every status is returned, redirects and 429 too; of the answer's body at most 4 KiB.

        Raises Rejected with `forbidden_address`, `https_required` or `invalid_url`; RetryLater when the connection
        could not be made; OutcomeUnknown when it broke or timed out after the request may have left.
        """
        target, zone = self._judge(url)
        session = self._sessions[zone]
        try:
            return await _exchange(session, "POST", target, headers, body, timeout_s, MAX_PUSH_ANSWER, cut=True)
        except _Failed as failure:
            raise (OutcomeUnknown if failure.left else RetryLater)(str(failure)) from None

    async def vet(self, url: str) -> None:
        """Raises the Rejected that `post` would raise; for a new endpoint. A name without an address yet passes."""
        target, zone = self._judge(url)
        try:
            await self._resolvers[zone].resolve(target.raw_host or "", target.port or 0)
        except ForbiddenAddress as error:
            raise Rejected(error.code) from None
        except OSError:
            pass

    async def aclose(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _judge(self, url: str) -> tuple[URL, Zone]:
        target = _url(url)
        if target.user or target.password:
            raise Rejected(INVALID_URL, "credentials do not belong in an address")
        return target, self._policy.zone(target.scheme, target.raw_host or "")

    def _guarded(self, zone: Zone, user_agent: str) -> aiohttp.ClientSession:
        def checked_socket(info: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            self._policy.check(zone, address[0])
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            limit=_POOL, ssl=self._tls or True, resolver=self._resolvers[zone], socket_factory=checked_socket
        )
        return _session(connector, user_agent)


class _GuardedResolver(AbstractResolver):
    """Refuses a name when any of its addresses is forbidden."""

    def __init__(self, inner: AbstractResolver, policy: AddressPolicy, zone: Zone) -> None:
        self._inner = inner
        self._policy = policy
        self._zone = zone

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for result in found:
            self._policy.check(self._zone, result["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def retry_after_s(answer: HttpResponse, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, given as seconds or as a date; None when it says nothing readable.

    A date is counted from the answer's own `Date` where there is one, so that a wrong clock does no harm.
    """
    wish = answer.headers.get("retry-after", "").strip()
    if wish.isascii() and wish.isdigit():
        return float(wish[:10])
    at = _http_date(wish)
    if at is None:
        return None
    return max(0.0, (at - (_http_date(answer.headers.get("date", "")) or now)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _session(connector: aiohttp.TCPConnector, user_agent: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": user_agent},
        skip_auto_headers=("Accept-Encoding", "Content-Type"),
        trust_env=False,
    )


def _identified(identity: ClientCertificate, trusting: ssl.SSLContext | None) -> ssl.SSLContext:
    """Trusts what `trusting` does, else the system, and shows the identity. Raises Rejected.

    `ssl` reads a certificate from a file alone: the files are the owner's only, and gone before this returns.
    """
    context = ssl.create_default_context()
    if trusting is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=b"".join(trusting.get_ca_certs(binary_form=True)))
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate.write_text(identity.certificate.reveal())
        key.write_text(identity.key.reveal())
        try:
            context.load_cert_chain(certificate, key, password=lambda: b"")
        except (ssl.SSLError, ValueError):
            raise Rejected("invalid_certificate", "the client certificate and its key cannot be used") from None
    return context


def _url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError:
        raise Rejected(INVALID_URL) from None
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host or ""):
        raise Rejected(INVALID_URL)
    return url


async def _exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    timeout_s: float,
    limit: int,
    *,
    cut: bool,
    tls: ssl.SSLContext | None = None,
) -> HttpResponse:
    """One request and its answer. Raises _Failed, _TooLarge, Rejected.

    With `cut` the status alone is the answer: its body ends at `limit`, or where the connection did.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s * _CONNECT_SHARE)
    try:
        async with session.request(
            method, url, headers=headers, data=body, allow_redirects=False, timeout=timeout, ssl=tls or True
        ) as response:
            content = await (_beginning if cut else _whole)(response.content, limit)
            return HttpResponse(response.status, _lowered(response), content)
    except aiohttp.InvalidURL:
        raise Rejected(INVALID_URL) from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, ForbiddenAddress):
            raise Rejected(error.os_error.code) from None
        raise _Failed(f"no connection to {url.host} ({_name(error)})", left=False) from None
    except aiohttp.ConnectionTimeoutError:
        raise _Failed(f"no connection to {url.host} in time", left=False) from None
    except TimeoutError:
        raise _Failed(f"no answer from {url.host} in {timeout_s:g} s", left=True) from None
    except (aiohttp.ClientError, OSError) as error:
        raise _Failed(f"the connection to {url.host} broke ({_name(error)})", left=True) from None
    except ValueError:
        # A line break in a header: aiohttp refuses it before anything is written.
        raise Rejected("invalid_request") from None


def _name(error: Exception) -> str:
    return type(error).__name__


def _lowered(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _whole(stream: aiohttp.StreamReader, limit: int) -> bytes:
    content = await stream.readany()
    while len(content) <= limit and not stream.at_eof():
        content += await stream.readany()
    if len(content) > limit:
        raise _TooLarge
    return content


async def _beginning(stream: aiohttp.StreamReader, limit: int) -> bytes:
    content = b""
    try:
        while len(content) < limit and not stream.at_eof():
            content += await stream.readany()
    except (aiohttp.ClientError, TimeoutError):
        pass
    return content[:limit]
