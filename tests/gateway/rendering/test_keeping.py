"""Texts that a vendor keeps: what is registered and what is sent are the same, for every message."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.ports.channel import TemplateText
from gateway.rendering import KEPT_KINDS, Renderer, check, templates_root
from gateway.rendering.keeping import kept_faults
from gateway.rendering.samples import longest_messages, sample_message
from gateway.rendering.values import MessageContext

LANGUAGES = ("en", "ro")
GOOD = TemplateText("x_1", "en", "Invoice {{1}} is due.", ("FF-1",), "Pay", "https://pay.example.ro/p/", "abc")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


def filled(text: TemplateText, values: tuple[str, ...]) -> str:
    """As a vendor fills it."""
    return re.sub(r"\{\{(\d+)\}\}", lambda place: values[int(place[1]) - 1], text.body)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KEPT_KINDS)
def test_what_is_sent_fits_what_is_registered(renderer: Renderer, kind: str, language: str) -> None:
    registered = renderer.kept(kind, sample_message(kind), language)
    linked = [one for one in longest_messages(kind) if not one.link_free]
    host = "https://pay.acme.example/p/"
    contexts: list[MessageContext] = [replace(one, pay_url=f"{host}{at}") for at, one in enumerate(linked)]
    for context in contexts:
        message = renderer.render(kind, context, channel="whatsapp", locale=language, template=True)
        sent = message.template

        assert sent is not None
        assert (sent.name, sent.language) == (registered.name, registered.language)
        assert message.text == filled(registered, tuple(sent.values))
        assert len(sent.values) == len(registered.examples)
        assert f"{registered.url}{sent.url_path}" == context.pay_url
        assert [(button.text, button.url) for button in message.buttons] == [(registered.button, context.pay_url)]


@pytest.mark.parametrize("kind", KEPT_KINDS)
def test_places_follow_the_words_of_each_language(renderer: Renderer, kind: str) -> None:
    for language in LANGUAGES:
        registered = renderer.kept(kind, sample_message(kind), language)

        assert re.findall(r"\{\{(\d+)\}\}", registered.body) == [
            str(at) for at in range(1, len(registered.examples) + 1)
        ]
        assert kept_faults(registered) == []
    assert renderer.kept(kind, sample_message(kind), "ro").body != renderer.kept(kind, sample_message(kind), "en").body


def test_an_answer_is_not_kept(renderer: Renderer) -> None:
    with pytest.raises(TypeError, match="reply"):
        renderer.kept("reply", sample_message("reply"), "ro")  # type: ignore[arg-type]


def test_another_text_button_or_host_is_another_template(renderer: Renderer, tmp_path: Path) -> None:
    example = sample_message("invoice_issued")
    own = Path(shutil.copytree(templates_root(), tmp_path / "templates"))
    catalogue = own / "locales/ro/messages.po"
    names = {renderer.kept("invoice_issued", example, "ro").name}
    elsewhere = replace(example, pay_url="https://other.example/p/abc")
    names.add(renderer.kept("invoice_issued", elsewhere, "ro").name)
    for old, new in (("Vezi și plătește", "Plătește"), ("o vezi și o plătești", "o plătești")):
        catalogue.write_text(catalogue.read_text("utf-8").replace(old, new), "utf-8")
        names.add(Renderer(own).kept("invoice_issued", example, "ro").name)

    assert len(names) == 4
    assert all(re.fullmatch(r"invoice_issued_[0-9a-f]{8}", name) for name in names)


def test_a_language_that_we_lack_is_sent_in_the_one_that_is_registered(renderer: Renderer) -> None:
    message = renderer.render(
        "invoice_issued", sample_message("invoice_issued"), channel="whatsapp", locale="hu", template=True
    )

    assert message.template is not None
    assert message.template.language == "en"


def test_what_stands_in_a_place_is_one_line_and_never_empty(renderer: Renderer) -> None:
    context = replace(sample_message("invoice_issued"), number="  a\n\tb     {{3}} ", brand=brand(""))
    message = renderer.render("invoice_issued", context, channel="whatsapp", locale="ro", template=True)

    assert message.template is not None
    assert list(message.template.values[:2]) == ["a b {{3}}", "-"]
    assert "\xa0" not in message.template.values[2]
    assert message.text.startswith("Factura a b {{3}} de la - este de 1.234,50 lei")


def brand(name: str) -> object:
    return replace(sample_message("invoice_issued").brand, name=name)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("{{ brand.name|place }} sent an invoice.", "begins or ends with a place"),
        ("Invoice {{ number|place }}.", "begins or ends with a place"),
        ("Invoice {{ number|place }} {{ amount|money|place }} is due.", "two places with nothing between"),
        ("An invoice is due.", "has no place"),
        (
            "{% if link_free %}{{ pay_code|place }} pays it.{% else %}Invoice {{ number|place }} is due.{% endif %}",
            "begins or ends with a place",
        ),
        ("x" * 1024 + " {{ number|place }} is due.", "longer than 1024"),
        ("Invoice {{ number }} of {{ amount|money|place }} is due.", "says more than its places do"),
        ("Invoice {{ number|place }} of {{ nobody|place }} is due.", "'nobody' is undefined"),
    ],
)
def test_what_a_vendor_would_refuse_is_named(tmp_path: Path, body: str, fault: str) -> None:
    own = Path(shutil.copytree(templates_root(), tmp_path / "templates"))
    (own / "invoice_issued/template.txt").write_text(body, "utf-8")
    faults = check(Renderer(own))

    assert len(faults) == len(LANGUAGES)
    assert all(one.startswith("invoice_issued/template.txt: ") and fault in one for one in faults), faults


@pytest.mark.parametrize(
    "changes", [{"body": "{{1}} is due."}, {"body": "Due {{1}}"}, {"examples": ()}, {"button": "x" * 21}]
)
def test_the_rules_bite(changes: dict[str, str]) -> None:
    assert kept_faults(GOOD) == []
    assert len(kept_faults(replace(GOOD, **changes))) == 1  # type: ignore[arg-type]
