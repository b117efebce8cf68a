"""User agents as they are seen in the wild (written here after the vendors' patterns), and what they say of the browser."""

from __future__ import annotations

import pytest

from gateway.domain.routing import Browser, browser_of

_ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-S911B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.0.0"
_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
SEEN = [
    (
        f"{_ANDROID} Mobile Safari/537.36 Telegram-Android/11.4.2 (Samsung SM-S911B; Android 14; SDK 34; HIGH)",
        Browser.TELEGRAM,
    ),
    (f"{_ANDROID} Mobile Safari/537.36 WhatsApp/2.24.23.78", Browser.WHATSAPP),
    (f"{_ANDROID} Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/489.0.0.55.78;]", Browser.FACEBOOK),
    (f"{_ANDROID} Mobile Safari/537.36 [FB_IAB/Orca-Android;FBAV/480.0.0.41.109;]", Browser.FACEBOOK),
    (f"{_IPHONE} [FBAN/FBIOS;FBAV/489.0.0.40.109;FBBV/1;FBDV/iPhone16,1;FBMD/iPhone]", Browser.FACEBOOK),
    (f"{_IPHONE} [FBAN/MessengerLiteForiOS;FBAV/480.0;FBDV/iPhone16,1]", Browser.FACEBOOK),
    (f"{_IPHONE} Instagram 358.0.0.31.85 (iPhone16,1; iOS 18_1; ro_RO; ro; scale=3.00)", Browser.INSTAGRAM),
    (f"{_IPHONE} Instagram 358.0.0.31.85 (iPhone16,1) [FBAN/FBIOS;FBAV/1]", Browser.INSTAGRAM),
    (f"{_ANDROID} Mobile Safari/537.36", Browser.PLAIN),
    (f"{_IPHONE} Version/18.1 Safari/604.1", Browser.PLAIN),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", Browser.PLAIN),
    ("about whatsapp and telegram", Browser.PLAIN),
    ("", Browser.PLAIN),
    (None, Browser.PLAIN),
]


@pytest.mark.parametrize(("agent", "browser"), SEEN)
def test_what_a_user_agent_says(agent: str | None, browser: Browser) -> None:
    assert browser_of(agent) is browser
    assert browser.in_app is (browser is not Browser.PLAIN)
