"""The SMS alphabet: what a text costs, and what it loses to cost less."""

from __future__ import annotations

import pytest

from gateway.ports.gsm7 import is_gsm7, segments, transliterated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # two septets each
        ("€" * 81, 2),
        ("€" * 152, 2),  # 76 to a part: the 77th would be split over 153
        ("€" * 153, 3),
        ("a" * 152 + "€" + "a" * 153, 3),  # the escape does not fit the first part's last septet
        ("ă" * 70, 1),
        ("ă" * 71, 2),
        ("ă" * 134, 2),
        ("ă" * 135, 3),
        ("😀" * 35, 1),  # two units each
        ("😀" * 36, 2),
        ("😀" * 66, 2),  # 33 to a part: the 34th would be split over 67
        ("😀" * 67, 3),
        ("\u00e7" * 160, 3),  # ç is not in the alphabet, Ç is
        ("\u00c7" * 160, 1),
    ],
)
def test_segments(text: str, expected: int) -> None:
    assert segments(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plătiți până vineri în județul Iași", "Platiti pana vineri in judetul Iasi"),
        ("ĂÂÎȘȚ ăâîșț ŞŢ şţ", "AAIST aaist ST st"),
        ("„Factura” – 12,50 lei…", '"Factura" - 12,50 lei...'),
        ("1 234,50\u00a0lei", "1 234,50 lei"),
        ("Ünïcödé ñ ß", "Ünicödé ñ ß"),
        ("ő ű Ł đ", "o u L d"),
        ("a\u200bb", "ab"),
        ("Привет, ăsta", "Привет, ăsta"),  # would stay UCS-2 anyway, so nothing is lost
        ("ță 😀", "ță 😀"),
        ("plain", "plain"),
    ],
)
def test_transliteration(text: str, expected: str) -> None:
    assert transliterated(text) == expected
    assert is_gsm7(transliterated(text)) is (expected not in (text,) or text == "plain")
