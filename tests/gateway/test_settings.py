"""An adapter's settings, to JSON and back, by their declaration alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.ports.values import Secret
from gateway.settings import settings_from, settings_to_json
from tests.harness.tables import Mode, PigeonSettings


def test_settings_come_back_as_they_went() -> None:
    settings = PigeonSettings("Bran", Secret("a"), (Secret("b"),), wings=4, mode=Mode.TEST, ring="gold")
    shown = settings_to_json(settings)
    assert shown == {
        "loft": "Bran",
        "whistle": "a",
        "old_whistles": ["b"],
        "wings": 4,
        "mode": "test",
        "ring": "gold",
    }
    assert settings_from(PigeonSettings, shown, secret=Secret) == settings


def test_a_default_is_not_written_down() -> None:
    assert settings_to_json(PigeonSettings("Bran", Secret("a"), ring=None)) == {"loft": "Bran", "whistle": "a"}


def test_a_declaration_of_another_type_is_the_adapter_s_fault() -> None:
    @dataclass(frozen=True)
    class Odd:
        when: complex

    with pytest.raises(TypeError, match="cannot be of type"):
        settings_from(Odd, {"when": 1}, secret=Secret)
