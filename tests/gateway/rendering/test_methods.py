"""Every method that an adapter declares is a payer's choice: it has words and a symbol of its own, in every language."""

from __future__ import annotations

import pytest

from gateway.registry import Registry
from gateway.rendering import Renderer, templates_root
from tests.harness.house import adapters

METHODS = sorted({method.name for name in adapters("providers") for method in Registry().provider(name).methods})
SYMBOLS = templates_root() / "paypage" / "symbols"


def test_there_are_methods() -> None:
    assert {"bank", "card", "revolut", "transfer", "wallet"} <= set(METHODS)


@pytest.mark.parametrize("locale", ["ro", "en"])
@pytest.mark.parametrize("group", ["method", "pay_by", "method_hint"])
def test_each_has_words(renderer: Renderer, group: str, locale: str) -> None:
    """A name without words is shown as it is written in the code, capitalised."""
    said = {name: renderer.label(group, name, locale) for name in METHODS}
    nameless = {name for name in METHODS if renderer.label("no_such_group", name, locale) == said[name]}

    assert nameless - ({"card", "revolut"} if group == "method" else set()) == set()
    assert len(set(said.values())) == len(METHODS), "two methods are called the same"


def test_each_has_a_symbol_of_its_own() -> None:
    drawn = {name: (SYMBOLS / f"{name}.svg").read_text() for name in METHODS}

    assert len({*drawn.values(), (SYMBOLS / "other.svg").read_text()}) == len(METHODS) + 1
