"""QR codes, of a pay link and of a transfer: dark on white with a quiet zone, also on a dark page, so that every camera reads them."""

from __future__ import annotations

import io

import segno
from markupsafe import escape
from segno.helpers import make_epc_qr

from gateway.domain.references import valid
from gateway.ports.values import Money

QUIET = 4  # modules of quiet zone around the code (ISO/IEC 18004, 5.3.8)
_MASK = 3  # any mask is valid; letting segno choose costs three times the rest


def qr_svg(url: str, title: str = "") -> str:
    """`url` as an SVG document, error correction M. `title` is its text alternative, escaped here. About 1 ms."""
    return _svg(_code(url), title)


def epc_takes(amount: Money) -> bool:
    """Whether a transfer of it can be a European Payments Council QR: euros, from a cent to a billion less a cent."""
    return amount.currency == "EUR" and 1 <= amount.minor <= 99_999_999_999


def epc_qr_svg(name: str, iban: str, amount: Money, reference: str, bic: str = "") -> str:
    """A SEPA transfer as its QR (EPC069-12, version 002), as an SVG document. Raises ValueError on other money than euros."""
    if not epc_takes(amount):
        raise ValueError("only a transfer of euros has such a code")
    ours = valid(reference)
    code = epc_code(
        name, iban, amount, bic=bic, reference=reference if ours else None, text=None if ours else reference
    )
    return _svg(code)


def epc_code(
    name: str,
    iban: str,
    amount: Money,
    *,
    reference: str | None = None,
    text: str | None = None,
    bic: str = "",
    encoding: int | None = None,
) -> segno.QRCode:
    """The code of a transfer with a creditor reference (ISO 11649) or a free text; `encoding` None: the first that has all its letters."""
    return make_epc_qr(name, iban, amount.decimal, text=text, reference=reference, bic=bic or None, encoding=encoding)


def _svg(code: segno.QRCode, title: str = "") -> str:
    matrix = code.matrix
    side = len(matrix) + 2 * QUIET
    path = "".join(_runs(row, y + QUIET) for y, row in enumerate(matrix))
    named = f"<title>{escape(title)}</title>" if title else ""
    role = 'role="img"' if title else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side * 4}" height="{side * 4}" '
        f'{role} shape-rendering="crispEdges">{named}<path d="M0 0h{side}v{side}H0z" fill="#fff"/>'
        f'<path d="{path}" fill="#000"/></svg>'
    )


def qr_png(url: str, scale: int = 8) -> bytes:
    """`url` as a PNG with `scale` pixels a module, error correction M."""
    out = io.BytesIO()
    _code(url).save(out, kind="png", scale=scale, border=QUIET)
    return out.getvalue()


def _code(url: str) -> segno.QRCode:
    return segno.make(url, error="m", boost_error=False, micro=False, mask=_MASK)


def _runs(row: bytes | bytearray, y: int) -> str:
    """The dark runs of one row, as SVG path commands."""
    drawn, x = [], 0
    while (start := row.find(1, x)) >= 0:
        end = row.find(0, start)
        x = end if end >= 0 else len(row)
        drawn.append(f"M{start + QUIET} {y}h{x - start}v1h-{x - start}z")
    return "".join(drawn)
