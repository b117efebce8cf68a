"""Payment elements that live outside our pages: status icon, QR, and HTML that a biller embeds. No I/O, no state."""

from __future__ import annotations

from gateway.rendering.elements.icons import icon_png, icon_svg
from gateway.rendering.elements.qr import epc_qr_svg, epc_takes, qr_png, qr_svg
from gateway.rendering.elements.snippets import pay_button_snippet, status_icon_snippet

__all__ = [
    "epc_qr_svg",
    "epc_takes",
    "icon_png",
    "icon_svg",
    "pay_button_snippet",
    "qr_png",
    "qr_svg",
    "status_icon_snippet",
]
