"""Proof that a webhook comes from Twilio: `X-Twilio-Signature`, HMAC-SHA1 over the URL and every form field.

https://www.twilio.com/docs/usage/webhooks/webhooks-security (read 2026-11-23).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

from gateway.ports import verify
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret, WebhookRequest

_MAX_FIELDS = 200
_PORT = re.compile(r":\d+$")


def verified_form(request: WebhookRequest, tokens: Iterable[Secret | None]) -> dict[str, str]:
    """The form's fields (the first of each name) once the signature is proven by one of `tokens`.

    A body that is not a form is proven by `bodySHA256` in the signed URL, and then has no fields.
    """
    body_hash = parse_qs(urlsplit(request.url).query).get("bodySHA256")
    fields: Sequence[tuple[str, str]] = ()
    if body_hash:
        verify.same(hashlib.sha256(request.body).hexdigest(), body_hash[0])
    else:
        try:
            text = request.body.decode()
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise InvalidSignature("not a form") from None
    expected = [signature(token, url, fields) for token in tokens if token for url in _spellings(request.url)]
    verify.same(request.headers.get("x-twilio-signature"), *expected)
    return dict(reversed(fields))


def signature(token: Secret, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """Base64 of HMAC-SHA1 over `url` and each distinct name and value, sorted."""
    data = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.reveal().encode(), data.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _spellings(url: str) -> Sequence[str]:
    """Twilio signs now with the port in the URL, now without."""
    parts = urlsplit(url)
    bare = _PORT.sub("", parts.netloc)
    ported = parts.netloc if bare != parts.netloc else f"{bare}:{443 if parts.scheme == 'https' else 80}"
    return [parts._replace(netloc=netloc, fragment="").geturl() for netloc in (bare, ported)]
