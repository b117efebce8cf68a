"""Where the page is open: a browser of its own, or the one inside a messenger, in which wallets do not work."""

from __future__ import annotations

import re
from enum import StrEnum


class Browser(StrEnum):
    """`plain` is every browser that is not known to be inside an app."""

    PLAIN = "plain"
    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    FACEBOOK = "facebook"  # Messenger too
    INSTAGRAM = "instagram"

    @property
    def in_app(self) -> bool:
        return self is not Browser.PLAIN


# Meta's apps add `[FBAN/...;FBAV/...]` or `[FB_IAB/...]` (Messenger: Orca), Instagram `Instagram 300.0.0`, Telegram for Android
# `Telegram-Android/11.4.2`, WhatsApp `WhatsApp/2.24` after the browser's own words. Instagram also says FBAN, so it is asked first.
_MARKS: tuple[tuple[Browser, re.Pattern[str]], ...] = (
    (Browser.INSTAGRAM, re.compile(r"\bInstagram\b", re.IGNORECASE)),
    (Browser.FACEBOOK, re.compile(r"\bFB(?:AN|AV|_IAB|IOS)\b", re.IGNORECASE)),
    (Browser.WHATSAPP, re.compile(r"\bWhatsApp/", re.IGNORECASE)),
    (Browser.TELEGRAM, re.compile(r"\bTelegram(?:-(?:Android|iOS))?/|\bTelegramWebview\b", re.IGNORECASE)),
)


def browser_of(agent: str | None) -> Browser:
    """What a `User-Agent` says. An app that says nothing of itself is a plain browser."""
    return next((browser for browser, mark in _MARKS if mark.search(agent or "")), Browser.PLAIN)
