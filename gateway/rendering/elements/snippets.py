"""HTML that a biller puts into a portal or an app: no script, no class of ours, every value escaped."""

from __future__ import annotations

from markupsafe import escape

from gateway.rendering.colours import Palette

_AWAY = 'target="_blank" rel="noopener noreferrer"'
_BUTTON = (
    "display:inline-block;padding:12px 24px;border:1px solid {};border-radius:10px;background:{};color:{};"
    "font:600 16px/1.25 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;text-decoration:none"
)


def pay_button_snippet(pay_url: str, label: str, look: Palette) -> str:
    """A link that looks like a button and opens the pay page in a new tab, telling it nothing of where it was."""
    style = _BUTTON.format(look.edge, look.button, look.on_button)
    return f'<a href="{escape(pay_url)}" {_AWAY} style="{escape(style)}">{escape(label)}</a>'


def status_icon_snippet(icon_url: str, pay_url: str, label: str) -> str:
    """The status icon, right at each opening, as a link to the pay page. `label` names the invoice: the state
    changes.
    """
    return (
        f'<a href="{escape(pay_url)}" {_AWAY} style="display:inline-block;line-height:0">'
        f'<img src="{escape(icon_url)}" alt="{escape(label)}" width="24" height="24" style="border:0"></a>'
    )
