"""What a person typed, of what their mail program sent: every program's quotes and signatures, every charset, any bytes."""

from __future__ import annotations

import time
from email import message_from_bytes
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.words import MOST, from_html, is_forwarded, own_words, written

OLD = "Factura 1042: 123,45 lei până pe 15 decembrie.\nRăspundeți STOP ca să nu mai primiți mesaje."
QUOTES = {
    "gmail": "On Mon, 23 Nov 2026 at 11:00, Acme <facturi@acme.example> wrote:",
    "gmail, broken": "On Mon, Nov 23, 2026 at 11:00 AM Acme Energie <facturi@acme.example>\nwrote:",
    "gmail ro": "În lun., 23 nov. 2026 la 11:00, Acme <facturi@acme.example> a scris:",
    "gmail ro, broken": "În lun., 23 nov. 2026 la 11:00, Acme Energie <\nfacturi@acme.example> a scris:",
    "data de": "În data de 23 nov. 2026 la 11:00, Acme a scris:",
    "apple ro": "Pe 23 nov. 2026, la 11:00, Acme <facturi@acme.example> a scris:",
    "thunderbird": "On 23/11/2026 11:00, Acme wrote:",
    "thunderbird ro": "La 23.11.2026 11:00, Acme a scris:",
    "yahoo ro": "    În luni, 23 noiembrie 2026 la 11:00:00 EET, Acme <facturi@acme.example> a scris:  ",
    "name first": "Acme <facturi@acme.example> a scris în 23 nov. 2026:",
    "outlook": "From: Acme <facturi@acme.example>\nSent: Monday, November 23, 2026 11:00 AM\nTo: Ana\nSubject: Factura 1042",
    "outlook ro": "De la: Acme <facturi@acme.example>\nTrimis: luni, 23 noiembrie 2026 11:00\nCătre: Ana\nSubiect: Factura 1042",
    "outlook, starred": "*From:* Acme <facturi@acme.example>\n*Sent:* Monday, November 23, 2026",
    "outlook mobile": "________________________________\nFrom: Acme <facturi@acme.example>",
    "original": "-----Original Message-----",
    "mesaj original": "-------- Mesaj original --------",
    "mesaj inițial": "----- Mesajul inițial -----",
    "forwarded": "---------- Forwarded message ---------",
    "marks": "> Factura 1042",
}
SIGNATURES = (
    "-- ", "--", "Trimis de pe iPhone", "Trimis de pe iPhone-ul meu", "Sent from my iPhone", "Trimis din Yahoo Mail pe Android",
    "Trimis de pe telefonul meu Samsung Galaxy.", "Get Outlook for Android<https://aka.ms/x>", "Obțineți Outlook pentru iOS",
    "Sent from Mail for Windows", "Sent from Yahoo Mail on Android",
)  # fmt: skip


@pytest.mark.parametrize("line", QUOTES.values(), ids=list(QUOTES))
def test_what_is_quoted_below_is_cut(line: str) -> None:
    assert own_words(f"Plătesc vineri.\n\n{line}\n{OLD}") == "Plătesc vineri."
    assert own_words(f"Plătesc vineri.\n\nTrimis de pe iPhone\n\n{line}\n> {OLD}") == "Plătesc vineri."


def test_a_sentence_right_above_a_quote_is_kept() -> None:
    for said in ("La mulți ani", "am platit", "Pe 15 plătesc", "On it"):
        assert own_words(f"{said}\n{QUOTES['gmail ro']}\n{OLD}") == said
        assert own_words(f"{said}\n\n{QUOTES['gmail, broken']}\n{OLD}") == said
    abroad = "Am 23.11.2026 um 11:00 schrieb Acme:", "Le lun. 23 nov. 2026 à 11:00, Acme <a@b.ro> a écrit :"
    assert [own_words(f"da\n\n{line}\n{OLD}") for line in abroad] == ["da", "da"]


@pytest.mark.parametrize("line", SIGNATURES)
def test_signatures_are_cut(line: str) -> None:
    assert own_words(f"da\n\n{line}\nAna Popescu\n0722 123 456") == "da"


def test_who_writes_below_the_quote_is_heard() -> None:
    text = "On 23/11/2026 11:00, Acme wrote:\n> Factura 1042\n> 123,45 lei\n\nPlătesc vineri.\n-- \nAna"
    assert own_words(text) == "Plătesc vineri."


@pytest.mark.parametrize(
    "text",
    [
        "De la: 15 noiembrie nu mai am lumină",
        "În decembrie am scris: nu e a mea",
        "Trimis banii? Da.",
        "Am plătit -- pe 12 noiembrie",
        "La ce oră? 9:00\nPe 15 decembrie plătesc restul, am scris și la ghișeu, mulțumesc mult pentru răbdare și înțelegere.",
    ],
)
def test_a_sentence_is_no_quote(text: str) -> None:
    assert own_words(text) == text


def test_a_quote_alone_says_nothing() -> None:
    for quote in ("> STOP\n> da", f"{QUOTES['gmail ro']}\nSTOP", f"{QUOTES['outlook ro']}\nSTOP"):
        assert own_words(quote) == ""


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>Plătesc&nbsp;vineri</p><p>Ana &amp; Ion</p>", "Plătesc vineri\n\nAna & Ion"),
        ("<style>p{color:red}</style><script>STOP</script><!-- STOP --><title>STOP</title>da", "da"),
        ('<div dir="ltr">da<br>mâine</div><div class="gmail_quote"><div>On x wrote:<blockquote>STOP</blockquote></div></div>', "da\nmâine"),
        ('<div>da</div><blockquote type="cite"><blockquote>STOP</blockquote>STOP</blockquote>', "da"),
        ('<div>da</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Acme</div>', "da"),
        ('<div>da</div><div class="moz-cite-prefix">On 23/11/2026, Acme wrote:<br></div><blockquote>STOP</blockquote>', "da"),
        ('<div>da</div><div class="yahoo_quoted"><div>STOP</div></div>', "da"),
        ("da <b>nu", "da nu"),
        ("5 < 7 & 8 > 3", "5 < 7 & 8 > 3"),
    ],
)  # fmt: skip
def test_html_is_read_as_text(page: str, expected: str) -> None:
    assert own_words(from_html(page)) == expected


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<!--", "<!", "</", "<a href='", "&#", "<blockquote>", "<style>", "On 1 <a@b> ", "> \n", "From: x\n"],
)
def test_no_input_is_slow(piece: str) -> None:
    started = time.process_time()
    own_words(from_html(piece * (200_000 // len(piece))))
    own_words(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("windows-1250", "cp1250"),
        ("iso-8859-2", "iso-8859-2"),
        ("iso-8859-16", "iso-8859-16"),
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("utf-8", "cp1250"),  # it lies
        ("us-ascii", "utf-8"),
        ("us-ascii", "cp1250"),
        ("x-unknown", "cp1250"),
        ("punycode", "utf-8"),
        (None, "utf-8"),
        (None, "cp1250"),
    ],
)
def test_charsets(charset: str | None, codec: str) -> None:
    text = "Plătesc mâine, în întregime"
    declared = f"; charset={charset}" if charset else ""
    raw = f"From: a@b.ro\r\nContent-Type: text/plain{declared}\r\n\r\n".encode() + text.encode(codec)
    assert written(message_from_bytes(raw)) == text


def test_a_subject_alone_is_what_was_said() -> None:
    said = {"STOP": "STOP", "Re: Factura 1042": "", "=?utf-8?q?Pl=C4=83tesc?=": "Plătesc", "=?x?b?!?=": "=?x?b?!?="}
    for subject, expected in said.items():
        assert written(message_from_bytes(f"Subject: {subject}\r\n\r\n\r\n".encode())) == expected


def test_html_is_read_where_the_text_is_empty_and_attachments_are_not() -> None:
    mail = EmailMessage()
    mail.set_content(" \n")
    mail.add_alternative("<p>Plătesc vineri</p>", subtype="html")
    mail.add_attachment("STOP", filename="a.txt")
    assert written(message_from_bytes(mail.as_bytes())) == "Plătesc vineri"


def test_a_forwarded_mail_is_kept_whole() -> None:
    raw = f"Subject: Fwd: Factura 1042\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nE de la voi?\n\n-- Forwarded message --\n{OLD}"
    mail = message_from_bytes(raw.encode())
    assert is_forwarded(mail)
    assert written(mail).endswith(OLD)


@given(st.text(max_size=120))
def test_any_text_is_read_within_bounds(text: str) -> None:
    for read in (own_words(text), own_words(text, whole=True), own_words(from_html(text))):
        assert len(read) <= MOST
        read.encode()
        assert "\x00" not in read
