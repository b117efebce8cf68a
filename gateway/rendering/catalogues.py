"""Message catalogues: `locales/<language>/messages.po`, compiled to MO in memory. A new language is one such file.

A message that a language lacks (or marks fuzzy) falls back to English, and the English source text is the last resort.
Keys such as `method.bank` name things that adapters bring; an unknown one is shown by its last part.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import Translations

FALLBACK = "en"

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|%|((?s:.)|$))")


def load(folders: Sequence[Path], faults: list[str]) -> Mapping[str, Translations]:
    """The translations of every language found in `folders`; a later folder wins, message by message.

    Appends to `faults` what cannot be used: a folder that names no language, a broken file, a translation with a
    `%(name)s` that its source (for a key: its text in our English) does not have.
    """
    catalogues: dict[str, Catalog] = {}
    names: dict[Any, frozenset[str]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/messages.po"), key=lambda file: (file.parent.name != FALLBACK, file)):
            catalogue = _read(file, names, faults)
            known = catalogues.setdefault(file.parent.name, catalogue) if catalogue else None
            if catalogue and known and known is not catalogue:
                for message in catalogue:
                    if message.id and message.string and not message.fuzzy:
                        known.delete(message.id, message.context)
                        known[message.id] = message
    if FALLBACK not in catalogues:
        faults.append(f"locales/{FALLBACK}/messages.po: is missing or broken; the other languages fall back to it")
        return {}
    english = _compiled(catalogues[FALLBACK])
    languages = {FALLBACK: english}
    for name, catalogue in catalogues.items():
        if name != FALLBACK:
            languages[name] = _compiled(catalogue)
            languages[name].add_fallback(english)
    return languages


def choose(accepted: str, available: Iterable[str], default: str = FALLBACK) -> str:
    """The language of `available` that an Accept-Language header, or a single tag such as `ro-RO`, likes best.

    A region falls back to its language (`ro-MD` to `ro`). Never raises: what cannot be read counts as not said.
    """
    by_tag = {name.lower().replace("_", "-"): name for name in available}
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:512].split(",")):
        tag, _, parameter = part.strip().partition(";")
        wishes.append((-_quality(parameter), place, tag.strip().lower().replace("_", "-")))
    for quality, _, tag in sorted(wishes):
        found = by_tag.get(tag) or by_tag.get(tag.partition("-")[0])
        if quality < 0 and found:
            return found
    return default


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value.strip(), re.ASCII) else 0.0


def _read(file: Path, names: dict[Any, frozenset[str]], faults: list[str]) -> Catalog | None:
    """Reads one file; `names` holds, and learns, which names each message may use."""
    shown = f"locales/{file.parent.name}/messages.po"
    try:
        locale = Locale.parse(file.parent.name.replace("-", "_"))
        with file.open("rb") as stream:
            catalogue = read_po(stream, locale=locale, abort_invalid=True)
    except (UnknownLocaleError, ValueError, PoFileError, OSError) as error:
        faults.append(f"{shown}: {error}")
        return None
    wrong = []
    for message in catalogue:
        found, stray = _names(message.string)
        allowed = names.setdefault(message.id, _names(message.id)[0] or found)
        if message.id and (stray or not found <= allowed):
            wrong.append(f"{shown}:{message.lineno}: the %(names)s are not those of the source text")
    faults.extend(wrong)
    return None if wrong else catalogue


def _names(text: Any) -> tuple[frozenset[str], bool]:
    """The names in `%(name)s`, and whether a stray `%` stands in the text. `text` is a string, or the plural forms of
    one.
    """
    forms = (text,) if isinstance(text, str) else tuple(text)
    found = [match for form in forms for match in _PLACEHOLDER.findall(form)]
    return frozenset(name for name, _ in found if name), any(stray for _, stray in found)


def _compiled(catalogue: Catalog) -> Translations:
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    stream.seek(0)
    return Translations(stream)
