"""`achit template preview`: what would be sent, on the screen, in files, or in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from gateway.rendering import KINDS, septets
from tests.gateway.cli.terminal import Terminal


@pytest.fixture
def bare(tmp_path: Path) -> Terminal:
    """A folder without any configuration: none is needed."""
    return Terminal(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("locale", "word"), [("ro", "factur"), ("en", "invoice"), ("en-GB", "invoice")])
def test_an_sms_is_shown_as_it_would_be_sent(bare: Terminal, kind: str, locale: str, word: str) -> None:
    out = bare.ok("template", "preview", kind, "--channel", "sms", "--locale", locale).out
    head, text, *_ = out.splitlines()
    assert head == "--- short.txt"
    assert septets(text) <= 160
    assert word in text.lower() or kind != "invoice_issued"


def test_an_email_is_written_part_by_part(bare: Terminal, tmp_path: Path) -> None:
    lines = bare.ok("template", "preview", "invoice_issued", "--out", "made/here").lines
    assert [Path(line).name for line in lines] == ["subject.txt", "email.html", "email.txt"]
    assert "<html" in (tmp_path / "made" / "here" / "email.html").read_text()


def test_a_chat_message_has_its_buttons(bare: Terminal) -> None:
    out = bare.ok("template", "preview", "invoice_issued", "--channel", "telegram", "--locale", "en").out
    assert "--- buttons.txt\nPay " in out


def test_it_is_opened_in_the_browser(bare: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f"#!{sys.executable}\nimport sys\nopen({str(seen)!r}, 'w').write(sys.argv[1])\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")  # without "&" the command waits for it
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser._tryorder", None)
    bare.ok("template", "preview", "payment_received", "--out", "made", "--open")
    opened = Path(unquote(urlsplit(seen.read_text()).path))
    assert opened == tmp_path / "made" / "email.html"


def test_a_biller_sees_its_own(terminal: Terminal) -> None:
    file = terminal.folder / "achit.toml"
    file.write_text('templates_dir = "own"\n' + file.read_text())
    terminal.write("own/acme/invoice_issued/short.txt", "Acme asks: {{ pay_url }}\n")
    shown = terminal.ok("template", "preview", "invoice_issued", "--channel", "sms", "--biller", "acme").out
    assert "Acme asks: https://" in shown
    assert "Acme asks" not in terminal.ok("template", "preview", "invoice_issued", "--channel", "sms").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ nonsense }}", "achit: acme: invoice_issued for sms: 'nonsense' is undefined"),
        ("{% if %}", "achit: acme: invoice_issued/short.txt"),
    ],
)
def test_a_template_with_a_fault_is_a_sentence(terminal: Terminal, text: str, said: str) -> None:
    file = terminal.folder / "achit.toml"
    file.write_text('templates_dir = "own"\n' + file.read_text())
    terminal.write("own/acme/invoice_issued/short.txt", text)
    asked = ("template", "preview", "invoice_issued", "--channel", "sms", "--biller", "acme")
    assert terminal.refused(*asked, code=2)[0].startswith(said)
    assert any("invoice_issued" in fault for fault in terminal.run("check", "--json").json["faults"])
