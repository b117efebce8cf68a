"""The Content-Security-Policy of payer pages, and the biller's colours in a form that it lets through.

Colours stand in one `<style>` of CSS variables, allowed by its hash: no second request as a stylesheet a biller would
cost, no nonce, which would make every answer different. Nothing else is inline.

`form-action` cannot be `'self'` alone: Chromium checks it again on the redirect that answers a POST (CSP 3, 6.4.1.1;
Firefox does not), and the payer is sent on to a bank that is not known when the page is made, which may send on again.
So it is `'self' https:`: a form may end anywhere on https, and nowhere else. That costs little: there is no HTML of
others in these pages, and `base-uri` is shut.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from gateway.rendering.colours import Palette

HTTPS: Sequence[str] = ("https:",)
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


def brand_style(look: Palette) -> str:
    """The CSS variables of one biller, light and dark. Holds colours only, so nothing in it needs escaping."""
    light = f"--brand:{look.button};--on-brand:{look.on_button};--edge:{look.edge};--link:{look.link}"
    dark = f"--edge:{look.dark_edge};--link:{look.dark_link}"
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def content_security_policy(style: str, *, images: Iterable[str] = (), forms: Sequence[str] = HTTPS) -> str:
    """The header's value. `style` is the inline style to allow; `images` are URLs whose hosts may be asked for images.

    `forms` are the sources where a POST, and the redirects after it, may lead; a box on loopback adds its own origin.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    hosts = sorted({origin for image in images if (origin := _origin(image))})
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src 'self' 'sha256-{digest}'",
            "script-src 'self'",
            " ".join(("img-src 'self'", *hosts)),
            "connect-src 'self'",
            " ".join(("form-action 'self'", *forms)),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _origin(url: str) -> str | None:
    """The origin of an absolute URL; nothing that is not plainly one, for it goes into a header."""
    parts = urlsplit(url)
    return (
        f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
        else None
    )
