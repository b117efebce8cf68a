"""Nothing secret or personal survives the mask, and what an operator needs does."""

from __future__ import annotations

import re
import time

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.masking import mask, masked
from gateway.ports.values import Money, Secret
from gateway.signing import MAX_ID, LinkSigner, new_secret

BEFORE = [
    "",
    " ",
    "to=",
    "<",
    "'",
    '"',
    "(",
    ": ",
    "tel:",
    "error for ",
    "[",
    "{'to': '",
    "\n",
    "whatsapp:",
    "x,",
    "_",
    "-",
]
AFTER = ["", " ", ">", "'", '"', ")", ": no such user", ",", ".", ";", "]", "'}", "\n", " (550)"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+40712345123", "+407••••123"),
        ("sent to +40 712 345 123.", "sent to +407••••123."),
        ("+40-712-345-123", "+407••••123"),
        ("(0712) 345 123", "071••••123"),
        ("0712.345.123", "071••••123"),
        ("021 123 45 67", "021••••567"),
        ("0040712345123", "004••••123"),
        ("wa 40712345123 failed", "wa 407••••123 failed"),
        ("To=%2B40712345123&x=1", "To=+407••••123&x=1"),
        ("ana.pop@example.ro", "a•••@example.ro"),
        ("<ana@example.ro>: 550", "<a•••@example.ro>: 550"),
        ('"ana pop"@example.ro', "•••@example.ro"),
        ("?to=ana%40example.ro", "?to=a•••%40example.ro"),
        ("a@x.ro,b@y.ro", "a•••@x.ro,b•••@y.ro"),
        ("GET /p/0000q0uAbCdEfGhIjK HTTP/1.1", "GET /p/0000q0u… HTTP/1.1"),
        ("/u/0000q0uAbCdEfGhIjK?x=1", "/u/0000q0u…?x=1"),
        ("link 0000q0uAbCdEfGhIjK", "link 0000q0u…"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer •••"),
        ("basic dXNlcjpwYXNz", "basic •••"),
        ("https://user:pass@host/x", "https://•••@host/x"),
        (
            "https://api.telegram.org/bot123456:AAE-abcdefghijklmnopqrstuvwxyz_01/getMe",
            "https://api.telegram.org/bot123456:•••/getMe",
        ),
        ("/hook?token=abc&id=7", "/hook?token=•••&id=7"),
        ("key sk_live_abcdefgh123", "key sk_•••"),
        ("RO49AAAA1B31007593840000", "RO49••••0000"),
        ("RO49 AAAA 1B31 0075 9384 0000", "RO49••••0000"),
    ],
)
def test_what_is_left(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "delivery.sent",
        "invoice inv_0000q0u is paid: 123.45 RON",
        "2026-11-23T09:00:00.123456Z",
        "2026-11-23 09:00:00",
        "23-11-2026 09:00",
        "127.0.0.1:54321",
        "[::1]:8080",
        "SM0123456789abcdef0123456789abcdef",
        "550 5.1.1 no such user",
        "10.20.0.0/16",
        "0.123456789",
        "acme.sms",
        "https://pay.example.ro/v1/invoices?limit=50",
        "gateway/domain/push.py line 12345678",
        "token expired",
        "ACM-2026-001234",
        "-",
        "",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert mask(text) == text


@st.composite
def phones(draw: st.DrawFn) -> tuple[str, str]:
    """A phone number as somebody might write it, and its last nine digits."""
    subscriber = draw(st.from_regex(r"7[0-9]{8}", fullmatch=True))
    separator = draw(st.sampled_from(["", " ", "-", "."]))
    grouped = separator.join([subscriber[:3], subscriber[3:6], subscriber[6:]])
    prefix = draw(st.sampled_from(["+40", "+40 ", "+373", "+1", "0", "0040", "40", "+40-"]))
    if prefix == "40":
        grouped = subscriber
    return prefix + grouped, subscriber


@given(phone=phones(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_no_phone_number_survives(phone: tuple[str, str], before: str, after: str) -> None:
    written, subscriber = phone
    shown = mask(f"{before}{written}{after}")
    assert written not in shown
    assert subscriber not in re.sub(r"\D", "", shown)


@given(email=st.emails(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_no_email_address_survives(email: str, before: str, after: str) -> None:
    shown = mask(f"{before}{email}{after}")
    assert email not in shown
    local = email.rpartition("@")[0]
    assert f"{local}@" not in shown.replace("•••@", " ")
    assert len(local) < 4 or local not in shown


@given(
    link_id=st.integers(0, MAX_ID),
    version=st.integers(0, 9),
    before=st.sampled_from(["/p/", "https://pay.example.ro/p/", "GET /u/", "'/p/", "path=/p/"]),
    after=st.sampled_from(["", " HTTP/1.1", "/icon.svg", "?lang=ro", "'", '"', "."]),
)
def test_no_pay_link_survives(link_id: int, version: int, before: str, after: str) -> None:
    token = LinkSigner([bytes(32)]).issue(link_id, version)
    shown = mask(f"{before}{token}{after}")
    assert token not in shown
    assert token[7:] not in shown
    assert token[:7] in shown  # which link it was


@given(before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_no_signing_secret_survives(before: str, after: str) -> None:
    secret = new_secret().reveal()
    assert secret.removeprefix("whsec_") not in mask(f"{before.rstrip('_')}{secret}{after}")


def test_the_values_of_a_failed_statement_do_not_survive() -> None:
    engine = sa.create_engine("sqlite://")
    with pytest.raises(sa.exc.OperationalError) as caught, engine.connect() as conn:
        conn.execute(sa.text("SELECT :name FROM nowhere"), {"name": "Ana Pop"})
    engine.dispose()
    assert "Ana Pop" in str(caught.value)
    shown = mask(str(caught.value))
    assert "Ana Pop" not in shown
    assert "no such table: nowhere" in shown


@given(text=st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "piece",
    ["0", "+1 ", "a@", "@", "%41", "%40", "://", "AA00 ", '"@a', "0 12", "?token_", "1:", "(0", "/p/0", "sk_", "=a"],
)
def test_no_text_makes_it_slow(piece: str) -> None:
    """Work grows with the length, not with its square: the last would take minutes here."""
    text = piece * (200_000 // len(piece)) + "%40 = _"
    before = time.process_time()
    mask(text)
    assert time.process_time() - before < 5


class TestFields:
    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("status", "sent", "sent"),
            ("ms", 1.5, 1.5),
            ("invoice_id", 40712345123, 40712345123),
            ("paid", True, True),
            ("after_s", None, None),
            ("auth_token", "abc", "•••"),
            ("webhook-signature", "v1,abc", "•••"),
            ("Authorization", "Bearer x", "•••"),
            ("body", b"{}", "•••"),
            ("raw", b"{}", "<2 bytes>"),
            ("to", 40712345123, "407••••123"),
            ("to", "ana@example.ro", "a•••@example.ro"),
            ("chat_id", 5551, "5•••"),
            ("text", "Când plătesc?", "C•••"),
            ("payer_name", "Ana Pop", "A•••"),
            ("token", None, None),
            ("amount", Money(12345, "RON"), "123.45 RON"),
            ("key", Secret("s3cr3t"), "Secret(***)"),
            ("error", ValueError("no ana@example.ro"), "no a•••@example.ro"),
        ],
    )
    def test_by_form_and_by_name(self, name: str, value: object, shown: object) -> None:
        assert masked(value, name) == shown

    def test_at_any_depth_keys_too(self) -> None:
        value = {"by": {"+40712345123": [{"x": ("ana@example.ro", {"password": "p"})}]}, "set": {"b@x.ro"}}
        assert masked(value) == {
            "by": {"+407••••123": [{"x": ["a•••@example.ro", {"password": "•••"}]}]},
            "set": ["b•••@x.ro"],
        }

    def test_what_never_ends_is_cut(self) -> None:
        endless: list[object] = []
        endless.append(endless)
        assert "…" in str(masked(endless))
