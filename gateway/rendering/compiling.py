"""Voices: the templates of one biller in one language, compiled, with the formats and labels of that language.

A template sees its context's values and: filters `money`, `day`, `sms_money`, `sms_day`, `masked`, `label`, `asset`, `place`;
tables `icon` (status icons by state) and `symbol` (of methods, by name). No function of ours is called from a template
in any other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.support import Translations
from jinja2 import Environment, StrictUndefined, Template, TemplateError, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from gateway.domain.invoices import IconState
from gateway.rendering import catalogues
from gateway.rendering.elements.icons import icon_svg
from gateway.rendering.formats import Formats
from gateway.rendering.keeping import placed
from gateway.rendering.page_values import PAGES
from gateway.rendering.sources import SYMBOLS, Assets, read_assets, read_sources
from gateway.rendering.translating import Codes, TranslatingLoader
from gateway.rendering.values import MESSAGES, masked

PARTS = ("subject.txt", "email.html", "email.txt", "short.txt", "template.txt")


@dataclass(frozen=True, slots=True)
class Voice:
    """One language of one biller, compiled."""

    language: str
    templates: Mapping[str, Template]
    formats: Formats
    translations: Translations
    assets: Assets

    def label(self, name: str, *groups: str, default: str | None = None) -> str:
        """The catalogue's text for `group.name` in the first group that has one; else `default`, or the name made
        readable.
        """
        for group in groups:
            key = f"{group}.{name}"
            text = self.translations.gettext(key)
            if text != key:
                return str(text)
        return name.replace("_", " ").capitalize().replace("%", "%%") if default is None else default


class Compiler:
    """Compiles billers one after another; what they have in common is read and compiled once."""

    def __init__(self) -> None:
        self._codes: Codes = {}
        self._languages: dict[tuple[Path, ...], Mapping[str, Translations]] = {}

    def voices(self, folders: Sequence[Path], faults: list[str]) -> dict[str, Voice]:
        """A voice for each language of `folders`, a later folder over an earlier one. Appends to `faults` what
        cannot be used.
        """
        sources = read_sources(folders, faults)
        assets = read_assets(folders, faults)
        wanted = [f"{kind}/{part}" for kind in MESSAGES for part in (PARTS[:4] if kind == "reply" else PARTS)]
        wanted += [f"paypage/{page}.html" for page in PAGES]
        faults.extend(f"{name}: is missing" for name in wanted if name not in sources)
        symbols = _Symbols(
            (name.removeprefix(SYMBOLS).removesuffix(".svg"), Markup(source))  # noqa: S704 (a template, not a value)
            for name, source in sources.items()
            if name.startswith(SYMBOLS)
        )
        voices: dict[str, Voice] = {}
        for language, translations in self._catalogues(folders, faults).items():
            voice = Voice(language, {}, Formats(language, translations), translations, assets)
            templates = self._templates(voice, sources, symbols, faults)
            voices[language] = Voice(language, templates, voice.formats, translations, assets)
        return voices

    def _catalogues(self, folders: Sequence[Path], faults: list[str]) -> Mapping[str, Translations]:
        locales = tuple(folder / "locales" for folder in folders if (folder / "locales").is_dir())
        if locales not in self._languages:
            self._languages[locales] = catalogues.load(locales, faults)
        return self._languages[locales]

    def _templates(
        self, voice: Voice, sources: Mapping[str, str], symbols: Mapping[str, Markup], faults: list[str]
    ) -> Mapping[str, Template]:
        environment = _environment(voice, sources, symbols, self._codes)
        templates: dict[str, Template] = {}
        for name in sources:
            if name.startswith(SYMBOLS):
                continue
            try:
                templates[name] = environment.get_template(name)
            except TemplateError as error:
                faults.append(f"{name}:{getattr(error, 'lineno', 0)}: {error.message} ({voice.language})")
        return templates


class _Symbols(dict[str, Markup]):
    """Symbols by method. A method without its own has that of any other method."""

    def __missing__(self, name: str) -> Markup:
        return self["other"]


def _environment(voice: Voice, sources: Mapping[str, str], symbols: Mapping[str, Markup], codes: Codes) -> Environment:
    environment = Environment(
        loader=TranslatingLoader(sources, voice.translations, codes),
        autoescape=select_autoescape(("html",), default=False, default_for_string=True),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=-1,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(voice.translations, newstyle=True)  # type: ignore[attr-defined]
    formats = voice.formats
    environment.filters |= {
        "money": formats.money,
        "day": formats.day,
        "sms_money": formats.sms_money,
        "sms_day": formats.sms_day,
        "masked": masked,
        "label": _late(lambda name, *groups, default=None: voice.label(name, *groups, default=default) % ()),
        "asset": _late(voice.assets.url),
        "place": placed,
    }
    environment.globals["icon"] = {state: Markup(icon_svg(state)) for state in IconState}  # noqa: S704 (our own shapes)
    environment.globals["symbol"] = symbols
    return environment


def _late(function: Any) -> Any:
    """A filter that Jinja must not work out while it compiles: billers share the code and not the answer."""

    @pass_context
    def filtered(_: Context, value: Any, *arguments: Any, **options: Any) -> Any:
        return function(value, *arguments, **options)

    return filtered
