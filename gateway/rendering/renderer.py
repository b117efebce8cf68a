"""The renderer: message contexts to texts, page contexts to HTML. All files are read, checked, inlined and
compiled when it is built.

After that it does no I/O, knows no clock, and is safe to share. It decides nothing about whom to send what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from babel import Locale
from babel.support import Translations
from jinja2 import (
    BaseLoader,
    BytecodeCache,
    DictLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateError,
    pass_context,
    select_autoescape,
)
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from markupsafe import Markup

from gateway.domain.invoices import IconState
from gateway.ports.channel import Button
from gateway.ports.values import Money
from gateway.rendering import catalogues
from gateway.rendering.colours import Palette, palette
from gateway.rendering.elements.icons import icon_svg
from gateway.rendering.faults import BadTemplates
from gateway.rendering.formats import Formats
from gateway.rendering.gsm7 import NAME_SEPTETS, NUMBER_SEPTETS, shorten, to_gsm7
from gateway.rendering.markup import invoice_markup
from gateway.rendering.policy import HTTPS, brand_style, content_security_policy
from gateway.rendering.sources import Asset, Assets, read_assets, read_sources, templates_root
from gateway.rendering.values import (
    MESSAGES,
    PAGES,
    Brand,
    InvoiceIssued,
    MessageContext,
    PageContext,
    PaymentFailed,
    PaymentReceived,
    Rendered,
    masked,
)

KINDS = tuple(MESSAGES)
PARTS = ("subject.txt", "email.html", "email.txt", "short.txt")

_BLANK = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class _Voice:
    """One language of one biller, compiled."""

    language: str
    templates: Mapping[str, Template]
    formats: Formats
    translations: Translations
    assets: Assets


class Renderer:
    """Renders messages and payer pages.

    `templates` is our folder (by default the one that is shipped); `overrides` gives a biller, by name, a folder of the
    same layout whose files win over ours, one by one. Raises BadTemplates with every fault found.
    """

    def __init__(self, templates: Path | None = None, overrides: Mapping[str, Path] | None = None) -> None:
        root = templates or templates_root()
        faults: list[str] = []
        codes = _Codes()
        self._voices = {"": _voices([root], codes, faults)}
        for biller, folder in (overrides or {}).items():
            own: list[str] = []
            self._voices[biller] = _voices([root, folder], codes, own)
            faults.extend(f"{biller}: {fault}" for fault in own if fault not in faults)
        if faults:
            raise BadTemplates(faults)
        self.languages = tuple(sorted(self._voices[""]))
        self.billers = tuple(self._voices)
        self._look = lru_cache(1024)(palette)
        self._style = lru_cache(1024)(brand_style)
        self._names = {code: Locale.parse(code.replace("-", "_")).get_language_name() for code in self.languages}
        self.assets: Mapping[str, Asset] = {
            name: asset
            for voices in self._voices.values()
            for voice in voices.values()
            for name, asset in voice.assets.files.items()
        }

    def language(self, accepted: str, default: str = catalogues.FALLBACK) -> str:
        """The language we have that suits an Accept-Language header or a tag such as `ro-RO`; else `default`."""
        return catalogues.choose(accepted, self.languages, default)

    def render(
        self, kind: str, context: MessageContext, *, channel: str, locale: str, biller: str | None = None
    ) -> Rendered:
        """One message. On `email` subject, HTML and text; on `sms` one segment of GSM 7-bit text; on other
        channels text and buttons.

        One segment holds for every amount, number and name, and for a link of up to 59 characters, in languages written
        in Latin letters; other scripts stay as they are. Raises TypeError when the context is not that of the kind.
        """
        if type(context) is not MESSAGES.get(kind):
            raise TypeError(f"{kind} is not rendered from {type(context).__name__}")
        voice = self._voice(biller, locale)
        values = _values(context)
        values["channel"] = channel
        if channel == "email":
            values |= {
                "look": self._look(context.brand.colour),
                "lang": voice.language,
                "markup": invoice_markup(context),
            }
            subject, html, text = (voice.templates[f"{kind}/{part}"].render(values) for part in PARTS[:3])
            return Rendered(" ".join(subject.split()), html.strip(), _BLANK.sub("\n\n", text).strip() + "\n")
        values["sms_name"] = shorten(to_gsm7(context.brand.name), NAME_SEPTETS)
        values["sms_number"] = shorten(to_gsm7(context.number), NUMBER_SEPTETS, keep_end=True)
        text = _BLANK.sub("\n\n", voice.templates[f"{kind}/short.txt"].render(values)).strip()
        if channel == "sms":
            text = " ".join(text.split())
            return Rendered("", "", to_gsm7(text) if voice.formats.latin else text)
        return Rendered("", "", text, self._buttons(voice, context))

    def page(self, name: str, context: PageContext, locale: str, *, biller: str | None = None) -> str:
        """A page as HTML; `name` is one of PAGES. Raises TypeError when the context is not that of the page."""
        if type(context) is not PAGES.get(name):
            raise TypeError(f"{name} is not rendered from {type(context).__name__}")
        voice = self._voice(biller, locale)
        values = _values(context)
        values["lang"] = voice.language
        values["direction"] = "rtl" if voice.formats.right_to_left else "ltr"
        values["languages"] = self._names
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
        """A named text of the catalogue: `label("method", "card", "ro")`, `label("button", "pay", "en", amount="5.00
        RON")`.
        """
        return _label(self._voice(biller, locale).translations, group, name) % values

    def icon_title(self, state: IconState, number: str, locale: str) -> str:
        """The text alternative of the status icon, for a payer."""
        return self.label("icon", state, locale, number=number)

    def _voice(self, biller: str | None, locale: str) -> _Voice:
        voices = self._voices.get(biller or "") or self._voices[""]
        return voices.get(locale) or voices[catalogues.choose(locale, voices)]

    def _buttons(self, voice: _Voice, context: MessageContext) -> tuple[Button, ...]:
        """What a chat shows under a message. The link is in the button; the text does not repeat it."""
        amount, document = _to_pay(context), getattr(context, "document_url", None)
        buttons = []
        if amount is not None:
            label = _label(voice.translations, "button", "retry" if isinstance(context, PaymentFailed) else "pay")
            buttons.append(Button(label % {"amount": voice.formats.money(amount)}, url=context.pay_url))
        if document:
            buttons.append(Button(_label(voice.translations, "button", "document"), url=document))
        return tuple(buttons)


def _to_pay(context: MessageContext) -> Money | None:
    match context:
        case InvoiceIssued() | PaymentFailed():
            return context.amount
        case PaymentReceived():
            return context.outstanding if context.outstanding.minor > 0 else None


def _values(context: MessageContext | PageContext) -> dict[str, Any]:
    return {field.name: getattr(context, field.name) for field in fields(context)}


def _label(translations: Translations, group: str, name: str, default: str | None = None) -> str:
    """The catalogue's text for `group.name`; where it has none, `default`, or the name made readable."""
    key = f"{group}.{name}"
    text = translations.gettext(key)
    if text != key:
        return str(text)
    return (name.replace("_", " ").capitalize() if default is None else default).replace("%", "%%")


def _plain_label(translations: Translations, group: str, name: str, default: str | None = None) -> str:
    return _label(translations, group, name, default) % {}


def _voices(folders: Sequence[Path], codes: _Codes, faults: list[str]) -> dict[str, _Voice]:
    """Compiles the templates of `folders` for every language."""
    sources = read_sources(folders, faults)
    assets = read_assets(folders, faults)
    faults.extend(f"{kind}/{part}: is missing" for kind in KINDS for part in PARTS if f"{kind}/{part}" not in sources)
    faults.extend(f"paypage/{page}.html: is missing" for page in PAGES if f"paypage/{page}.html" not in sources)
    voices: dict[str, _Voice] = {}
    for language, translations in catalogues.load([folder / "locales" for folder in folders], faults).items():
        formats = Formats(language, translations)
        environment = _environment(DictLoader(sources), codes, translations, formats, assets)
        templates: dict[str, Template] = {}
        for name in sources:
            try:
                templates[name] = environment.get_template(name)
            except TemplateError as error:
                fault = f"{name}:{getattr(error, 'lineno', 0)}: {error.message}"
                if fault not in faults:
                    faults.append(fault)
        voices[language] = _Voice(language, templates, formats, translations, assets)
    return voices


def _environment(
    loader: BaseLoader, codes: _Codes, translations: Translations, formats: Formats, assets: Assets
) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(("html",), default=False, default_for_string=True),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=-1,
        auto_reload=False,
        bytecode_cache=codes,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    for name, function in (
        ("money", formats.money),
        ("day", formats.day),
        ("sms_money", formats.sms_money),
        ("sms_day", formats.sms_day),
        ("masked", masked),
    ):
        environment.filters[name] = _late(function)
    environment.globals["label"] = partial(_plain_label, translations)
    environment.globals["asset"] = assets.url
    environment.globals["icon"] = {state: Markup(icon_svg(state)) for state in IconState}  # noqa: S704 (our own shapes)
    return environment


def _late(function: Any) -> Any:
    """A filter that Jinja must not work out while compiling: the code is shared between languages."""

    @pass_context
    def filtered(_: Context, value: Any) -> Any:
        return function(value)

    return filtered


class _Codes(BytecodeCache):
    """Compiled templates in memory, by name and source: languages and billers share what is equal."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[(bucket.key, bucket.checksum)] = bucket.code
