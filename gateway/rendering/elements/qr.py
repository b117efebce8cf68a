"""The QR of a pay link: dark on white with its quiet zone, also on a dark page, so that every camera reads it."""

from __future__ import annotations

import io

import segno
from markupsafe import escape

QUIET = 4  # modules of quiet zone around the code (ISO/IEC 18004, 5.3.8)
_MASK = 3  # any mask is valid; letting segno choose costs three times the rest


def qr_svg(url: str, title: str = "") -> str:
    """`url` as an SVG document, error correction M. `title` is its text alternative, escaped here. About 1 ms."""
    matrix = _code(url).matrix
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
