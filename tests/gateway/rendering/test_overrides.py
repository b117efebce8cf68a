"""A biller's own files win over ours one by one, and ours are not touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.rendering import BadTemplates, Renderer, check
from gateway.rendering.samples import sample_message, sample_page

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        {
            "invoice_issued/subject.txt": "Apă curată: {{ number }}\n",
            "base/email.css": ".heading { color: #123123; }",
            "locales/ro/messages.po": HEAD + 'msgid "Paid. Thank you!"\nmsgstr "Gata, mersi!"\n',
            "locales/hu/messages.po": HEAD + 'msgid "Invoice"\nmsgstr "Számla"\n',
            "static/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "paypage/symbols/bank.svg": "<svg id='own-bank'></svg>",
        },
    )


def test_only_the_biller_sees_its_files(folder: Path) -> None:
    renderer = Renderer(overrides={"apa": folder})
    issued, received = sample_message("invoice_issued"), sample_message("payment_received")

    own = renderer.render("invoice_issued", issued, channel="email", locale="ro", biller="apa")
    ours = renderer.render("invoice_issued", issued, channel="email", locale="ro")
    other = renderer.render("invoice_issued", issued, channel="email", locale="ro", biller="acme")

    assert own.subject == "Apă curată: FF-2026-001234"
    assert 'class="heading" style="color: #123123;"' in own.html
    assert own.text == ours.text
    assert ours == other
    assert ours.subject.startswith("Factura FF-2026-001234 de la")
    assert "#123123" not in ours.html
    assert (
        "Gata, mersi!" in renderer.render("payment_received", received, channel="email", locale="ro", biller="apa").html
    )
    assert "Mulțumim" in renderer.render("payment_received", received, channel="email", locale="ro").html


def test_pages_symbols_and_languages(folder: Path) -> None:
    renderer = Renderer(overrides={"apa": folder})
    page = sample_page("invoice")

    own, ours = (renderer.page("invoice", page, "ro", biller=biller) for biller in ("apa", None))

    assert "own-bank" in own
    assert "own-bank" not in ours
    assert "?lang=hu" in own
    assert "?lang=hu" not in ours
    assert renderer.language("hu", biller="apa") == "hu"
    assert renderer.language("hu") == "en"


def test_a_logo_is_served_from_our_host(folder: Path) -> None:
    renderer = Renderer(overrides={"apa": folder})

    url = renderer.asset_url("logo.svg", biller="apa")

    assert renderer.assets[url.removeprefix("/static/")].content_type == "image/svg+xml"
    with pytest.raises(KeyError):
        renderer.asset_url("logo.svg")


def test_a_style_sheet_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {"static/paypage.css": "body { color: teal }"})
    renderer = Renderer(overrides={"apa": tmp_path})

    own = renderer.asset_url("paypage.css", biller="apa")

    assert own != renderer.asset_url("paypage.css")
    assert own in renderer.page("invoice", sample_page("invoice"), "ro", biller="apa")
    assert renderer.assets[own.removeprefix("/static/")].body == b"body { color: teal }"
    assert renderer.asset_url("paypage.css") in renderer.page("invoice", sample_page("invoice"), "ro")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("invoice_issued/email.txt", "{% if %}", r"apa: invoice_issued/email\.txt:1"),
        ("invoice_issued/email.html", "<tr><td>{{ number }}</td></tr>", r"apa: invoice_issued/email\.html"),
        ("invoice_issued/subject.txt", '{{ _("Due %(due)s") }}', r"no value is given for %\(due\)s"),
        ("static/notes.pdf", "x", r"static/notes\.pdf"),
        ("invoice_isued/subject.txt", "x", r"invoice_isued/subject\.txt: replaces nothing"),
        ("invoice_issued/email.htm", "x", r"invoice_issued/email\.htm: replaces nothing"),
        ("paypage/invoices.html", "x", r"paypage/invoices\.html: replaces nothing"),
        ("readme.txt", "x", r"readme\.txt: replaces nothing"),
        ("locales/ro/messages.po", HEAD + 'msgid "Paid"\nmsgstr "%(x)s"\n', r"locales/ro/messages\.po"),
    ],
)
def test_faults_are_named_with_the_biller(tmp_path: Path, name: str, text: str, fault: str) -> None:
    write(tmp_path, {name: text, "payment_failed/short.txt": "{{ unclosed"})

    with pytest.raises(BadTemplates, match=fault) as raised:
        Renderer(overrides={"apa": tmp_path})

    assert any("payment_failed/short.txt" in named for named in raised.value.faults), "all faults are told at once"
    assert all(named.startswith("apa: ") for named in raised.value.faults)


def test_check_is_content_with_ours(renderer: Renderer) -> None:
    assert check(renderer) == []


def test_check_finds_what_only_rendering_shows(tmp_path: Path) -> None:
    long = "{{ sms_name }} {{ pay_url }} " + "x" * 120
    write(
        tmp_path,
        {
            "invoice_issued/subject.txt": "{{ nonsense }}",
            "payment_failed/short.txt": long,
            "paypage/card.html": "{{ nobody }}",
        },
    )

    faults = check(Renderer(overrides={"apa": tmp_path}))

    assert any(fault.startswith("apa: invoice_issued for email: 'nonsense' is undefined") for fault in faults)
    assert any(fault.startswith("apa: payment_failed for sms: ") and "septets" in fault for fault in faults)
    assert any(fault.startswith("apa: paypage/card") for fault in faults)
    assert all(fault.startswith("apa: ") for fault in faults)
