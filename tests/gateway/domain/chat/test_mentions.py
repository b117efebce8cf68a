"""What a message names: links to pay pages, other addresses, and likely pay codes."""

from __future__ import annotations

import pytest

from gateway.domain.chat import Link, mentions
from gateway.domain.chat.mentions import only_code

TOKEN = "3kTMd9pQ2xVb7RnLw4"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (f"https://pay.acme.example/p/{TOKEN}", "pay.acme.example"),
        (f"vezi (https://Pay.Acme.example/p/{TOKEN}).", "pay.acme.example"),
        (f"pay.acme.example/p/{TOKEN}?x=1", "pay.acme.example"),
        (f"http://localhost:8080/p/{TOKEN}/", "localhost:8080"),
    ],
)
def test_links_to_pay_pages(text: str, host: str) -> None:
    [link] = mentions(text).links

    assert (link.host, link.token) == (host, TOKEN)
    assert link.url in text


@pytest.mark.parametrize(
    "text",
    [
        f"https://pay.acme.example@evil.example/p/{TOKEN}",
        f"https://evil.example/?u=https://pay.acme.example/p/{TOKEN}",
        f"https://evil.example/x/p/{TOKEN}",
        "https://bit.ly/3xyz",
        "www.evil.example",
        "evil.example/p/short",
    ],
)
def test_other_addresses(text: str) -> None:
    found = mentions(text)

    assert found.links == ()
    assert found.others == (text,)


def test_each_once_and_no_more_than_three() -> None:
    found = mentions(
        " ".join([f"https://a.example/p/{TOKEN}"] * 3 + [f"https://{at}.example/p/{TOKEN}" for at in range(9)])
    )

    assert len(found.links) == 3
    assert found.links[0] == Link(f"https://a.example/p/{TOKEN}", "a.example", TOKEN)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("HJ41Y-Q026X", ("HJ41Y-Q026X",)),
        ("hj41yqo26x", ("HJ41Y-Q026X",)),
        ("codul meu este Hj41y Q026x", ("HJ41Y-Q026X",)),
        ("HJ41Y-Q026Y", ()),
        ("am platit 1234567890", ()),
        ("care este soldul meu", ()),
        ("0722 123 456", ()),
        ("factura FF-2026-001234", ()),
        (f"https://a.example/p/{TOKEN} HJ41Y-Q026X", ("HJ41Y-Q026X",)),
    ],
)
def test_likely_pay_codes(text: str, codes: tuple[str, ...]) -> None:
    assert mentions(text).codes == codes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("cod HJ41Y-Q026X va rog", "HJ41Y-Q026X"),
        ("am platit cu codul HJ41Y-Q026X ieri la posta", None),
        ("HJ41Y-Q026X TXHQT-18RH8", None),
        ("", None),
    ],
)
def test_a_code_that_is_all_that_is_said(text: str, code: str | None) -> None:
    assert only_code(text) == code
