"""The renderer: message contexts to texts, page contexts to HTML. All files are read, checked, inlined and
compiled when it is built.

After that it does no I/O, knows no clock, and is safe to share. It decides nothing about whom to send what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from babel import Locale
from jinja2 import Template
from markupsafe import Markup

from gateway.domain.chat import Answer, Grammars
from gateway.domain.invoices import IconState
from gateway.ports.channel import Button, TemplateText
from gateway.ports.values import Money
from gateway.rendering import catalogues, grammars
from gateway.rendering.answers import AnswerText, answer_text
from gateway.rendering.colours import Palette, palette
from gateway.rendering.compiling import PARTS, Compiler, Voice
from gateway.rendering.elements import icon_png, icon_svg, pay_button_snippet, status_icon_snippet
from gateway.rendering.faults import BadTemplates
from gateway.rendering.gsm7 import LEAST_NAME, NAME_SEPTETS, NUMBER_SEPTETS, SEGMENT, septets, shorten, to_gsm7
from gateway.rendering.keeping import Kept
from gateway.rendering.markup import invoice_markup
from gateway.rendering.page_values import PAGES, PageContext
from gateway.rendering.policy import HTTPS, brand_style, content_security_policy
from gateway.rendering.sources import Asset, templates_root
from gateway.rendering.values import (
    MESSAGES,
    AboutInvoice,
    Brand,
    InvoiceIssued,
    MessageContext,
    PaymentFailed,
    PaymentReceived,
    PaymentRefunded,
    Reminder,
    Rendered,
    Reply,
)

KINDS = tuple(MESSAGES)
KEPT_KINDS = tuple(kind for kind in KINDS if kind != "reply")  # an answer is free text: the payer has just written
MOST_PAY_BUTTONS = 3
_BLANK = re.compile(r"\n{3,}")


class Renderer:
    """Renders messages and payer pages.

    `templates` is our folder (by default the one that is shipped); `overrides` gives a biller, by name, a folder of the
    same layout whose files win over ours, one by one. Raises BadTemplates with every fault found.
    """

    def __init__(self, templates: Path | None = None, overrides: Mapping[str, Path] | None = None) -> None:
        root = templates or templates_root()
        faults: list[str] = []
        compiler = Compiler()
        self.grammars: Grammars = grammars.load(root / "locales", faults)
        self._voices = {"": compiler.voices([root], faults)}
        for biller, folder in (overrides or {}).items():
            own: list[str] = []
            self._voices[biller] = compiler.voices([root, folder], own)
            faults.extend(f"{biller}: {fault}" for fault in own if fault not in faults)
        if faults:
            raise BadTemplates(faults)
        self.languages = tuple(sorted(self._voices[""]))
        self.billers = tuple(self._voices)
        self._names = {biller: _names(voices) for biller, voices in self._voices.items()}
        self._read = {context: _reader(context) for context in (*MESSAGES.values(), *PAGES.values())}
        self._look = lru_cache(1024)(palette)
        self._style = lru_cache(1024)(brand_style)
        self._drawn = lru_cache(len(IconState))(icon_png)
        self.assets: Mapping[str, Asset] = {
            name: asset
            for voices in self._voices.values()
            for voice in voices.values()
            for name, asset in voice.assets.files.items()
        }

    def language(self, accepted: str, default: str = catalogues.FALLBACK, *, biller: str | None = None) -> str:
        """The language we have that suits an Accept-Language header or a tag such as `ro-RO`; else `default`."""
        return catalogues.choose(accepted, self._of(biller), default)

    def render(
        self,
        kind: str,
        context: MessageContext,
        *,
        channel: str,
        locale: str,
        biller: str | None = None,
        template: bool = False,
    ) -> Rendered:
        """One message. On `email` subject, HTML and text; on `sms` one segment of GSM 7-bit text; on other
        channels text and buttons; with `template` that of `kept`, and its text as the payer reads it.

        One segment holds for every amount, number and name, and for a link of up to 59 characters, in languages written
        in Latin letters; other scripts stay as they are. Raises TypeError when the context is not that of the kind.
        """
        if type(context) is not MESSAGES.get(kind):
            raise TypeError(f"{kind} is not rendered from {type(context).__name__}")
        voice = self._voice(biller, locale)
        if template and not isinstance(context, Reply):
            kept = self._kept(voice, kind, context)
            buttons = (Button(kept.button, url=context.pay_url),) if kept.button else ()
            return Rendered("", "", kept.text, buttons, kept.sent(kind, voice.language))
        values = self._read[type(context)](context)
        values["channel"] = channel
        if channel == "email":
            values |= {
                "look": self._look(context.brand.colour),
                "lang": voice.language,
                "markup": invoice_markup(context),
            }
            subject, html, text = (voice.templates[f"{kind}/{part}"].render(values) for part in PARTS[:3])
            return Rendered(" ".join(subject.split()), html.strip(), _BLANK.sub("\n\n", text).strip() + "\n")
        latin = voice.formats.latin
        values["sms_name"] = shorten(to_gsm7(context.brand.name), NAME_SEPTETS) if latin else context.brand.name
        if "number" in values:
            values["sms_number"] = shorten(to_gsm7(values["number"]), NUMBER_SEPTETS, keep_end=True)
        short = voice.templates[f"{kind}/short.txt"]
        if channel == "sms":
            return Rendered("", "", _sms(short, values, latin=latin, one_line=not isinstance(context, Reply)))
        text = _BLANK.sub("\n\n", short.render(values)).strip()
        return Rendered("", "", text, self._buttons(voice, context))

    def answer(
        self, answer: Answer, *, sms: bool, buttons: int = 0, locale: str, biller: str | None = None
    ) -> AnswerText:
        """What a conversation says back, in the answer's own language where it has one.

        `sms`: one segment of GSM 7-bit text with numbered choices. Else up to `buttons` buttons, the links first; without buttons
        (email) links and numbered choices are lines of the text.
        """
        return answer_text(self._voice(biller, answer.locale or locale), answer, sms=sms, buttons=buttons)

    def kept(self, kind: str, example: AboutInvoice, locale: str, *, biller: str | None = None) -> TemplateText:
        """The text of `kind` that a vendor is to keep, with the values and the link of `example` as its examples.

        The same for every context whose link has the same beginning; another one, with no button, for those without links.
        Raises TypeError as `render` does.
        """
        if kind not in KEPT_KINDS or type(example) is not MESSAGES[kind]:
            raise TypeError(f"{kind} is not rendered from {type(example).__name__}")
        voice = self._voice(biller, locale)
        return self._kept(voice, kind, example).kept(kind, voice.language)

    def _kept(self, voice: Voice, kind: str, context: AboutInvoice) -> Kept:
        button = "" if context.link_free else voice.label(kind, "open", default=voice.label("invoice", "open")) % ()
        return Kept.of(
            voice.templates[f"{kind}/template.txt"], self._read[type(context)](context), button, context.pay_url
        )

    def page(self, name: str, context: PageContext, locale: str, *, biller: str | None = None) -> str:
        """A page as HTML; `name` is one of PAGES. Raises TypeError when the context is not that of the page."""
        if type(context) is not PAGES.get(name):
            raise TypeError(f"{name} is not rendered from {type(context).__name__}")
        voice = self._voice(biller, locale)
        values = self._read[type(context)](context)
        values["lang"] = voice.language
        values["direction"] = "rtl" if voice.formats.right_to_left else "ltr"
        values["languages"] = self._names.get(biller or "", self._names[""])
        values["style"] = Markup(self.style(context))  # noqa: S704 (colours only)
        return voice.templates[f"paypage/{name}.html"].render(values)

    def policy(self, context: PageContext, *, forms: Sequence[str] = HTTPS) -> str:
        """The Content-Security-Policy that fits the page of `context`; see `policy.content_security_policy`."""
        brand: Brand | None = getattr(context, "brand", None)
        images = [brand.logo_url] if brand and brand.logo_url else []
        return content_security_policy(self.style(context), images=images, forms=forms)

    def style(self, context: PageContext) -> str:
        """The inline style of a page: its biller's colours."""
        brand: Brand | None = getattr(context, "brand", None)
        return self._style(self._look(brand.colour if brand else Brand.__dataclass_fields__["colour"].default))

    def look(self, brand: Brand) -> Palette:
        """The biller's colours, made readable. Raises ValueError when the colour is not one."""
        return self._look(brand.colour)

    def asset_url(self, name: str, *, biller: str | None = None) -> str:
        """The path of a static file, ours or the biller's. Raises KeyError when there is none."""
        return self._voice(biller, catalogues.FALLBACK).assets.url(name)

    def money(self, money: Money, locale: str) -> str:
        """An amount as `locale` writes it, with a no-break space."""
        return self._voice(None, locale).formats.money(money)

    def label(self, group: str, name: str, locale: str, *, biller: str | None = None, **values: object) -> str:
        """A named text of the catalogue, filled in: `label("method", "card", "ro")` is `method.card`."""
        return self._voice(biller, locale).label(name, group) % values

    def icon_svg(self, state: IconState, number: str, locale: str) -> str:
        """The status icon with its text alternative: `Factura FF-12: plătită`."""
        return icon_svg(state, self.label("icon", state, locale, number=number))

    def icon_png(self, state: IconState) -> bytes:
        """The status icon as a PNG of 64 pixels; drawn once."""
        return self._drawn(state)

    def pay_button(self, brand: Brand, pay_url: str, amount: Money, locale: str) -> str:
        """HTML of a pay button in the biller's colours, for a portal or an app."""
        label = self.label("button", "pay", locale, amount=self.money(amount, locale))
        return pay_button_snippet(pay_url, label, self.look(brand))

    def status_icon(self, icon_url: str, pay_url: str, number: str, locale: str) -> str:
        """HTML of the status icon, a link to the pay page, for a portal or an app."""
        return status_icon_snippet(icon_url, pay_url, self.label("icon", "live", locale, number=number))

    def _voice(self, biller: str | None, locale: str) -> Voice:
        voices = self._of(biller)
        return voices.get(locale) or voices[catalogues.choose(locale, voices)]

    def _of(self, biller: str | None) -> Mapping[str, Voice]:
        """A biller's own voices; ours for a biller without a folder."""
        return self._voices.get(biller or "") or self._voices[""]

    def _buttons(self, voice: Voice, context: MessageContext) -> tuple[Button, ...]:
        """What a chat shows under a message. The link is in the button; the text does not repeat it."""
        amount, document = _to_pay(context), getattr(context, "document_url", None)
        buttons = []
        if isinstance(context, Reminder):
            return self._reminder_buttons(voice, context)
        if amount is not None and not getattr(context, "link_free", False):
            label = voice.label("retry" if isinstance(context, PaymentFailed) else "pay", "button")
            buttons.append(
                Button(label % {"amount": voice.formats.money(amount)}, url=getattr(context, "pay_url", None))
            )
        if document:
            buttons.append(Button(voice.label("document", "button"), url=document))
        return tuple(buttons)

    def _reminder_buttons(self, voice: Voice, context: Reminder) -> tuple[Button, ...]:
        """One for each of the first debts where links are sent, and one to put them off."""
        pay, number = voice.label("pay", "button"), voice.label("pay_number", "button")
        several = len(context.debts) > 1
        buttons = [
            Button(
                number % {"number": debt.number} if several else pay % {"amount": voice.formats.money(debt.amount)},
                url=debt.pay_url,
            )
            for debt in ([] if context.link_free else context.debts[:MOST_PAY_BUTTONS])
        ]
        if context.later:
            buttons.append(Button(voice.label("later", "button") % (), data=context.later))
        return tuple(buttons)


def _to_pay(context: MessageContext) -> Money | None:
    match context:
        case InvoiceIssued(withdrawn=True):
            return None
        case InvoiceIssued() | PaymentFailed():
            return context.amount
        case PaymentReceived() | PaymentRefunded():
            return context.outstanding if context.outstanding.minor > 0 else None
        case Reminder() | Reply():
            return None


def _sms(short: Template, values: dict[str, Any], *, latin: bool, one_line: bool) -> str:
    """The text; one a little longer than a segment takes the room from the biller's name, which is read elsewhere too."""
    text = short.render(values).strip()
    text = " ".join(text.split()) if one_line else _BLANK.sub("\n\n", text)
    if not latin:
        return text
    text, name = to_gsm7(text), values["sms_name"]
    room = septets(name) - max(0, septets(text) - SEGMENT)
    if LEAST_NAME <= room < septets(name):
        return _sms(short, values | {"sms_name": shorten(name, room)}, latin=True, one_line=one_line)
    return text


def _names(voices: Mapping[str, Voice]) -> dict[str, str]:
    """Languages by code, each named in itself."""
    return {code: Locale.parse(code.replace("-", "_")).get_language_name() or code for code in sorted(voices)}


def _reader(context: type) -> Callable[[Any], dict[str, Any]]:
    """Reads the fields of a context into what a template is given."""
    names = tuple(field.name for field in fields(context))
    read = attrgetter(*names)
    return lambda value: dict(zip(names, read(value), strict=True)) if len(names) > 1 else {names[0]: read(value)}
