"""The grammars of the conversation: `locales/<language>/chat.toml`. A language without one is written to, but not understood."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gateway.domain.chat.grammar import Grammar, Grammars, parsed


def load(folder: Path, faults: list[str]) -> Grammars:
    """The grammar of every language of a `locales` folder. Appends to `faults` everything wrong, with its file and place."""
    grammars: dict[str, Grammar] = {}
    for file in sorted(folder.glob("*/chat.toml")):
        shown = f"locales/{file.parent.name}/chat.toml"
        try:
            data = tomllib.loads(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            faults.append(f"{shown}: {error}")
            continue
        if grammar := parsed(file.parent.name, data, shown, faults):
            grammars[file.parent.name] = grammar
    return grammars
