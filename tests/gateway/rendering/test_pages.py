"""Payer pages as HTML: every state, what is hidden, what is escaped, what is loaded."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import replace

import pytest

from gateway.domain.invoices import IconState
from gateway.ports.provider import Choice
from gateway.ports.values import Money
from gateway.rendering import (
    Brand,
    Card,
    EnterCode,
    HandOver,
    PayPage,
    Renderer,
    Returning,
    TransferPage,
    UnknownLink,
    Unsubscribe,
    masked,
)
from gateway.rendering.page_values import PAGES
from gateway.rendering.samples import BRAND, sample_page
from tests.gateway.rendering.test_messages import NASTY, Page

ALL = [(name, state) for name in PAGES for state in (IconState if name == "invoice" else (IconState.OPEN,))]


def invoice(**changes: object) -> PayPage:
    page = sample_page("invoice", changes.pop("state", IconState.OPEN))  # type: ignore[arg-type]
    assert isinstance(page, PayPage)
    return replace(page, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "words", "missing"),
    [
        (IconState.OPEN, ["De plată", "1.234,50\u00a0lei", "Scadentă vineri", "Alege cum plătești"], ["Era scadentă"]),
        (IconState.OVERDUE, ["Restantă", "Era scadentă vineri", "Alege cum plătești"], []),
        (IconState.PARTLY_PAID, ["Plătită parțial", "734,50\u00a0lei", "500,00\u00a0lei plătiți din"], []),
        (IconState.PROCESSING, ["Se confirmă", "Confirmăm plata ta", "Verifică din nou"], ["Alege cum plătești"]),
        (IconState.PAID, ["Plătită. Mulțumim!", "Plătită marți, 24 nov. 2026"], ["Alege", "Scadentă", "Verifică"]),
        (IconState.VOID, ["Anulată", "Factura a fost anulată", "Nu ai nimic de plătit"], ["Alege", "Scadentă"]),
    ],
)
def test_each_state_has_its_words(renderer: Renderer, state: IconState, words: list[str], missing: list[str]) -> None:
    text = Page(renderer.page("invoice", invoice(state=state), "ro")).text
    for word in words:
        assert " ".join(word.split()) in text
    for word in missing:
        assert word not in text


def test_methods_are_buttons_of_a_plain_form(renderer: Renderer) -> None:
    page = Page(renderer.page("invoice", invoice(), "ro"))

    assert page.all("form") == [
        {"class": "methods", "method": "post", "action": "/p/3kTMd9pQ2xVb7RnLw4/attempts"},
    ]
    assert [(button["name"], button["value"]) for button in page.all("button")] == [
        ("method", "bank"), ("method", "card"), ("method", "revolut"),
    ]  # fmt: skip
    assert {field["name"]: field["value"] for field in page.all("input")} == {
        "lang": "ro", "amount": "1234.50", "currency": "RON",
    }  # fmt: skip
    assert [button["class"] for button in page.all("button")] == ["method main", "method", "method"]
    assert "Plătește din cont" in page.text
    assert "Confirmi în aplicația băncii" in page.text


BANKS = [Choice("bt", "Banca Transilvania"), Choice("cec", "CEC Bank"), Choice("ing", "ING")]


def test_a_method_of_several_banks_is_a_list_of_buttons(renderer: Renderer) -> None:
    """One press picks and sends, without JavaScript; the list is folded away, and open where the payer sent nothing of it."""
    html = renderer.page("invoice", invoice(choices={"bank": BANKS}), "ro")
    page = Page(html)

    assert len(page.all("form")) == 1
    assert [(button["name"], button["value"]) for button in page.all("button")] == [
        ("method", "bank:bt"), ("method", "bank:cec"), ("method", "bank:ing"), ("method", "card"), ("method", "revolut"),
    ]  # fmt: skip
    assert page.all("summary")[0] == {"class": "method main"}
    assert '<ul aria-label="Alege banca ta">' in html
    assert '<details class="choose">' in html
    assert "Banca Transilvania" in page.text
    again = renderer.page("invoice", invoice(choices={"bank": BANKS}, notice="choose"), "ro")
    assert '<details class="choose" open>' in again
    assert "Alege banca din listă" in Page(again).text


def test_a_method_of_one_bank_is_a_button(renderer: Renderer) -> None:
    page = Page(renderer.page("invoice", invoice(choices={"bank": BANKS[:1]}), "ro"))

    assert [button["value"] for button in page.all("button")] == ["bank", "card", "revolut"]


def test_what_a_payer_brings_back_is_posted_by_a_page_of_its_own(renderer: Renderer) -> None:
    html = renderer.page("returning", sample_page("returning"), "ro")
    page = Page(html)

    assert [(form["method"], form["action"]) for form in page.all("form")] == [("post", "/p/3kTMd9pQ2xVb7RnLw4/return")]
    assert {field["name"]: field["value"] for field in page.all("input")} == {
        "state": "0000001aBcDeFgHiJk", "code": "SplxlOBeZQQ",
    }  # fmt: skip
    assert "Te-ai întors de la bancă" in page.text
    assert "Continuă" in page.text


@pytest.mark.parametrize("state", [IconState.PAID, IconState.VOID])
def test_a_settled_invoice_has_nothing_to_press(renderer: Renderer, state: IconState) -> None:
    page = Page(renderer.page("invoice", invoice(state=state, methods=("bank",)), "ro"))

    assert page.all("form") == []
    assert page.all("button") == []


def test_while_confirming_other_methods_are_folded_away(renderer: Renderer) -> None:
    html = renderer.page("invoice", invoice(state=IconState.PROCESSING, returned=True), "en")

    assert html.index("Did you not finish?") < html.index("<form")
    assert 'class="method main"' not in html
    assert "We are confirming your payment" in html
    assert 'href="/p/3kTMd9pQ2xVb7RnLw4/return?lang=en">Check again' in html


def test_a_chat_is_bound_by_a_post(renderer: Renderer) -> None:
    page = Page(renderer.page("invoice", invoice(state=IconState.PAID, chats=("telegram",)), "ro"))

    assert page.all("form") == [{"method": "post", "action": "/p/3kTMd9pQ2xVb7RnLw4/chats/telegram"}]
    assert "Primește-o în Telegram" in page.text
    assert "/chats/" not in renderer.page("invoice", invoice(state=IconState.VOID, chats=("telegram",)), "ro")


def test_without_methods_the_page_says_so(renderer: Renderer) -> None:
    text = Page(renderer.page("invoice", invoice(methods=()), "en")).text

    assert "Online payment is not available now" in text


def test_a_refusal_says_why(renderer: Renderer) -> None:
    html = renderer.page("invoice", invoice(notice="payment_failed", reason="insufficient_funds"), "ro")

    assert 'role="alert"' in html
    assert "Plata nu a reușit. Nu s-au luat bani." in html
    assert "Nu erau destui bani în cont." in html


def test_the_name_is_masked(renderer: Renderer) -> None:
    html = renderer.page("invoice", invoice(payer_name="Ana-Maria  Popescu"), "ro")

    assert "A*** P***" in html
    assert "Popescu" not in html
    assert masked("Ștefan") == "Ș***"
    assert masked("  ") == ""


@pytest.mark.parametrize(("name", "state"), ALL)
@pytest.mark.parametrize("locale", ["ro", "en"])
def test_nothing_is_inline_and_nothing_is_foreign(renderer: Renderer, name: str, state: IconState, locale: str) -> None:
    html = renderer.page(name, sample_page(name, state), locale)
    page = Page(html)

    assert page.all("html")[0]["lang"] == locale
    assert html.lstrip().startswith("<!doctype html>")
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert all(set(script) == {"src", "defer"} for script in page.all("script"))
    loaded = [page.all("img"), page.all("script")]
    assert all(str(tag["src"]).startswith("/") for tags in loaded for tag in tags)
    assert all(str(tag["href"]).startswith("/static/") for tag in page.all("link"))
    assert {"name": "referrer", "content": "no-referrer"} in page.all("meta")
    assert any(meta.get("name") == "robots" and "noindex" in str(meta["content"]) for meta in page.all("meta"))
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert "None" not in page.text


@pytest.mark.parametrize(("name", "state"), ALL)
def test_the_policy_lets_the_one_style_through(renderer: Renderer, name: str, state: IconState) -> None:
    context = sample_page(name, state)
    policy = renderer.policy(context)

    for style in re.findall(r"<style>(.*?)</style>", renderer.page(name, context, "ro"), re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    assert "form-action 'self' https:;" in policy


def test_a_logo_elsewhere_opens_the_policy_for_its_host_only(renderer: Renderer) -> None:
    context = invoice(brand=replace(BRAND, logo_url="https://cdn.acme.example/logo.svg?x=1;script-src *"))
    own = invoice(brand=replace(BRAND, logo_url="/static/logo.svg"))

    assert "; img-src 'self' https://cdn.acme.example; " in renderer.policy(context)
    assert "; img-src 'self'; " in renderer.policy(own)
    assert 'alt="Acme Energie"' in renderer.page("invoice", own, "ro")


def test_a_host_cannot_smuggle_a_directive(renderer: Renderer) -> None:
    context = invoice(brand=replace(BRAND, logo_url="https://a.example;script-src *;/x.png"))

    assert "script-src *" not in renderer.policy(context)


@pytest.mark.parametrize(("name", "state"), ALL)
def test_a_page_weighs_little(renderer: Renderer, name: str, state: IconState) -> None:
    html = renderer.page(name, sample_page(name, state), "ro")
    files = [renderer.assets[url].body for url in re.findall(r'/static/([^"]+)"', html)]

    assert sum(map(len, [html.encode(), *files])) < 30_000
    assert sum(len(gzip.compress(body)) for body in [html.encode(), *files]) < 12_000


def test_nothing_in_a_value_becomes_markup(renderer: Renderer) -> None:
    brand = Brand(NASTY, NASTY, logo_url=NASTY, support_email=NASTY, support_phone=NASTY, address=NASTY)
    pages = {
        "invoice": invoice(
            brand=brand, number=NASTY, path=NASTY, revision=NASTY, methods=(NASTY,), choices={NASTY: [Choice(NASTY, NASTY)] * 2},
                payer_name=NASTY, description=NASTY,
            document_url=NASTY, notice=NASTY, reason=NASTY,
        ),
        "hand_over": HandOver(brand, NASTY, Money(1, "RON"), NASTY, NASTY, {NASTY: NASTY}),
        "returning": Returning(brand, NASTY, Money(1, "RON"), NASTY, {NASTY: NASTY}),
        "transfer": TransferPage(brand, NASTY, Money(1, "EUR"), NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, qr=True),
        "unknown": UnknownLink(NASTY),
        "card": Card(brand, NASTY, NASTY),
        "unsubscribe": Unsubscribe(brand, NASTY, done=True),
        "code": EnterCode(NASTY, NASTY, refused=True),
    }  # fmt: skip

    assert set(pages) == set(PAGES)
    for name, context in pages.items():
        html = renderer.page(name, context, "ro")
        assert "<script>alert" not in html, name
        assert "alert(1)</script>" not in html, name
        assert len(Page(html).all("script")) == (0 if name == "card" else 1), name


def test_languages_are_links_that_change_nothing(renderer: Renderer) -> None:
    page = Page(renderer.page("invoice", invoice(), "en"))
    links = [link for link in page.all("a") if link.get("hreflang")]

    assert [(link["href"], link["lang"], link.get("aria-current")) for link in links] == [
        ("/p/3kTMd9pQ2xVb7RnLw4?lang=en", "en", "true"),
        ("/p/3kTMd9pQ2xVb7RnLw4?lang=ro", "ro", None),
    ]


def test_an_unknown_link_names_nobody(renderer: Renderer) -> None:
    text = Page(renderer.page("unknown", UnknownLink("/p/x"), "ro")).text

    assert "Acest link nu duce la nicio factură" in text
    assert "Acme" not in text


def test_the_card_for_preview_bots_says_nothing_personal(renderer: Renderer) -> None:
    html = renderer.page(
        "card", Card(BRAND, "https://pay.acme.example/p/abc", "https://pay.acme.example/static/logo.png"), "ro"
    )
    properties = {meta["property"]: meta["content"] for meta in Page(html).all("meta") if "property" in meta}

    assert properties["og:title"] == "Acme Energie · Factură"
    assert properties["og:image"] == "https://pay.acme.example/static/logo.png"
    assert properties["og:url"] == "https://pay.acme.example/p/abc"
    assert not re.search(r"\d{2,}", re.sub(r"https://\S+", "", html))
    assert len(html) < 2_000


def test_a_hand_over_works_without_a_script(renderer: Renderer) -> None:
    page = Page(renderer.page("hand_over", sample_page("hand_over"), "ro"))

    (form,) = page.all("form")
    assert form["action"] == "https://processor.example/pay"
    assert "data-hand-over" in form
    assert {field["name"]: field["value"] for field in page.all("input")} == {"amount": "1234.50", "curr": "RON"}
    assert page.all("button")
    assert "Continuă" in page.text


def test_unsubscribing_asks_before_it_acts(renderer: Renderer) -> None:
    asked = Page(renderer.page("unsubscribe", Unsubscribe(BRAND, "/u/x"), "ro"))
    done = Page(renderer.page("unsubscribe", Unsubscribe(BRAND, "/u/x", done=True), "ro"))

    assert [(form["method"], form["action"]) for form in asked.all("form")] == [("post", "/u/x")]
    assert done.all("form") == []
    assert "Gata. Nu mai primești facturi pe email." in done.text


def test_long_lists_of_lines_are_folded(renderer: Renderer) -> None:
    page = invoice()
    many = replace(page, lines=tuple(page.lines) * 3)

    assert '<details class="lines" open>' in renderer.page("invoice", page, "ro")
    assert '<details class="lines">' in renderer.page("invoice", many, "ro")


def test_a_context_of_another_page_is_refused(renderer: Renderer) -> None:
    with pytest.raises(TypeError, match="unknown is not rendered from PayPage"):
        renderer.page("unknown", invoice(), "ro")


def test_static_files_are_named_by_their_content(renderer: Renderer) -> None:
    for name, asset in renderer.assets.items():
        assert hashlib.sha256(asset.body).hexdigest()[:10] in name
        assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", asset.body)
    assert renderer.assets[renderer.asset_url("paypage.css").removeprefix("/static/")].content_type.startswith(
        "text/css"
    )
    with pytest.raises(KeyError):
        renderer.asset_url("../config.toml")
