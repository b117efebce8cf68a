"""Languages: ours are complete, a new one is one file, a gap falls back, a broken file is named."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.rendering import BadTemplates, Brand, Renderer, templates_root
from gateway.rendering.catalogues import choose, load
from gateway.rendering.page_values import PayPage
from gateway.rendering.samples import sample_message, sample_page

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(templates_root(), tmp_path / "templates"))


def catalogue(language: str) -> Catalog:
    with (templates_root() / "locales" / language / "messages.po").open("rb") as stream:
        return read_po(stream)


def add_language(root: Path, language: str, body: str) -> None:
    (root / "locales" / language).mkdir()
    (root / "locales" / language / "messages.po").write_text(HEAD + body, "utf-8")


@pytest.mark.parametrize("language", ["ro", "en"])
def test_ours_are_complete(language: str) -> None:
    """Every text of every template is in the catalogue, said, and not in doubt; and none is there that no template has."""
    used = {
        (message, context)
        for _, _, message, _, context in extract_from_dir(
            templates_root(),
            [("static/**", "ignore"), ("**.html", "jinja2"), ("**.txt", "jinja2")],
            {"**.html": {"trimmed": "true", "silent": "false"}, "**.txt": {"trimmed": "true", "silent": "false"}},
        )
    }
    said = {(message.id, message.context) for message in catalogue(language) if message.id}

    assert len(used) > 100
    assert used == said
    assert [message.id for message in catalogue(language) if message.id and not message.string] == []
    assert [message.id for message in catalogue(language) if message.fuzzy] == []


def test_romanian_is_not_english() -> None:
    same = {message.id for message in catalogue("ro") if message.id and message.string == message.id}

    assert same == {"EEEE, d MMM y", "EEEE, d MMM", "EEE, d MMM", "Total"}


def test_no_cedilla_in_romanian() -> None:
    """The letters of Romanian have a comma below; the ones with a cedilla are another language's."""
    text = (templates_root() / "locales/ro/messages.po").read_text("utf-8")

    assert not set("şţŞŢ") & set(text)
    assert set("șțăâî") <= set(text)


def test_a_new_language_is_one_file_and_falls_back_to_english(copied: Path) -> None:
    add_language(
        copied,
        "de",
        'msgid "Due %(due)s"\nmsgstr "Fällig am %(due)s"\n\n'
        'msgid "state.open"\nmsgstr "Zu zahlen"\n\n'
        'msgid "method.card"\nmsgstr "Karte"\n\n'
        'msgctxt "date"\nmsgid "EEEE, d MMM y"\nmsgstr "EEEE, d. MMMM y"\n',
    )
    renderer = Renderer(copied)

    message = renderer.render("invoice_issued", sample_message("invoice_issued"), channel="email", locale="de")
    page = renderer.page("invoice", sample_page("invoice"), "de-AT")

    assert renderer.languages == ("de", "en", "ro")
    assert "Fällig am Freitag, 27. November 2026" in message.text
    assert "1.234,50\u00a0RON" in message.text
    assert "Invoice FF-2026-001234" in message.subject  # not translated: English
    assert "Zu zahlen" in page
    assert "Karte" in page
    assert "Bank account" in renderer.label("method", "bank", "de")
    assert '<html lang="de"' in page
    assert '<span class="hidden">Deutsch</span>' in page


def test_a_language_in_another_script_keeps_it_in_sms(copied: Path) -> None:
    add_language(
        copied,
        "uk",
        'msgid "%(biller)s: invoice %(number)s, %(amount)s, due %(due)s. Pay: %(url)s"\n'
        'msgstr "%(biller)s: рахунок %(number)s, %(amount)s, до %(due)s. Сплатити: %(url)s"\n',
    )
    context = replace(sample_message("invoice_issued"), brand=Brand("Київводоканал", "Київводоканал"))

    text = Renderer(copied).render("invoice_issued", context, channel="sms", locale="uk").text

    assert text.startswith("Київводоканал: рахунок FF-2026-001234, ")


def test_a_language_from_right_to_left(copied: Path) -> None:
    add_language(copied, "he", 'msgid "Invoice"\nmsgstr "חשבונית"\n')

    assert '<html lang="he" dir="rtl">' in Renderer(copied).page("invoice", sample_page("invoice"), "he")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('msgid "Due %(due)s"\nmsgstr "Fällig %(date)s"\n', "names"),
        ('msgid "Due %(due)s"\nmsgstr "Fällig 100 % %(due)s"\n', "names"),
        ('msgid "icon.paid"\nmsgstr "%(id)s bezahlt"\n', "names"),
        ('msgid "broken\n', "de/messages.po"),
    ],
)
def test_a_wrong_translation_is_named_when_built(copied: Path, body: str, fault: str) -> None:
    add_language(copied, "de", body)

    with pytest.raises(BadTemplates, match=r"locales/de/messages\.po") as raised:
        Renderer(copied)

    assert any(fault in named for named in raised.value.faults)


def test_a_folder_that_is_no_language_is_named(copied: Path) -> None:
    add_language(copied, "klingon", "")

    with pytest.raises(BadTemplates, match="klingon"):
        Renderer(copied)


def test_without_english_nothing_is_built(copied: Path) -> None:
    (copied / "locales/en/messages.po").unlink()

    with pytest.raises(BadTemplates, match="locales/en"):
        Renderer(copied)


def test_a_doubtful_translation_is_not_used(tmp_path: Path) -> None:
    add = tmp_path / "xx"
    for language, body in (
        ("en", 'msgid "Paid"\nmsgstr "Paid"\n'),
        ("de", '#, fuzzy\nmsgid "Paid"\nmsgstr "Bezahlt?"\n'),
    ):
        (add / language).mkdir(parents=True)
        (add / language / "messages.po").write_text(HEAD + body)

    assert load([add], [])["de"].gettext("Paid") == "Paid"


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("ro", "ro"),
        ("ro-RO,ro;q=0.9,en;q=0.8", "ro"),
        ("RO_md", "ro"),
        ("en-GB", "en"),
        ("fr,ro;q=0.3,en;q=0.5", "en"),
        ("ro;q=0.2,en;q=0.9", "en"),
        ("ro;q=0,fr", "en"),
        ("ro;q=nonsense", "en"),
        ("*", "en"),
        ("", "en"),
        ("," * 10_000, "en"),
    ],
)
def test_choice_of_language(accepted: str, chosen: str) -> None:
    assert choose(accepted, ("en", "ro")) == chosen


def test_an_unknown_method_or_reason_is_still_readable(renderer: Renderer) -> None:
    page = sample_page("invoice")
    assert isinstance(page, PayPage)

    shown = renderer.page("invoice", replace(page, methods=("blik_100%",), notice="payment_failed", reason="E51"), "ro")

    assert "Blik 100%" in shown
    assert "E51" not in shown
    assert "Banca nu a acceptat plata." in shown


def test_catalogues_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer()
    monkeypatch.setattr(io, "open", None)
    monkeypatch.setattr("builtins.open", None)

    assert renderer.render("invoice_issued", sample_message("invoice_issued"), channel="email", locale="ro").html
    assert renderer.page("invoice", sample_page("invoice"), "ro")
