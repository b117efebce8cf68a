"""Grammars are read with the other files of a language: what is wrong with one is named when the renderer is built."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.rendering import BadTemplates, Renderer, templates_root


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(templates_root(), tmp_path / "templates"))


def test_there_is_one_for_each_of_our_languages(renderer: Renderer) -> None:
    assert tuple(renderer.grammars) == renderer.languages


def test_a_broken_one_is_named(copied: Path) -> None:
    (copied / "locales/ro/chat.toml").write_text("[said]\npay = [", "utf-8")
    text = (copied / "locales/en/chat.toml").read_text("utf-8")
    (copied / "locales/en/chat.toml").write_text(text.replace("yesterday = 1", 'yesterday = "1"'), "utf-8")

    with pytest.raises(BadTemplates) as raised:
        Renderer(copied)

    faults = raised.value.faults
    assert [fault.partition(": ")[0] for fault in faults] == ["locales/en/chat.toml", "locales/ro/chat.toml"]
    assert faults[0] == "locales/en/chat.toml: [past] yesterday: is a whole number"


def test_a_language_without_one_is_still_written_to(copied: Path) -> None:
    (copied / "locales/ro/chat.toml").unlink()

    renderer = Renderer(copied)

    assert tuple(renderer.grammars) == ("en",)
    assert renderer.languages == ("en", "ro")
