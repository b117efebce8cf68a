"""Any colour of a biller stays readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rendering import palette, templates_root
from gateway.rendering.colours import NIGHT, PAPER, contrast, parse, readable

colours = st.tuples(*[st.integers(0, 255)] * 3).map(lambda colour: "#{:02x}{:02x}{:02x}".format(*colour))


@given(colours)
def test_any_colour_is_readable(colour: str) -> None:
    look = palette(colour)

    assert look.button == colour
    assert contrast(parse(look.on_button), parse(look.button)) >= 4.5
    assert contrast(parse(look.edge), PAPER) >= 3
    assert contrast(parse(look.link), PAPER) >= 4.5
    assert contrast(parse(look.link), (255, 255, 255)) >= 4.5
    assert contrast(parse(look.dark_edge), NIGHT) >= 3
    assert contrast(parse(look.dark_link), NIGHT) >= 4.5


def test_a_colour_that_is_readable_is_left_alone() -> None:
    look = palette("#0b6e4f")

    assert (look.button, look.on_button, look.edge, look.link) == ("#0b6e4f", "#ffffff", "#0b6e4f", "#0b6e4f")


def test_a_pale_colour_gets_black_text_and_a_darker_edge() -> None:
    look = palette("#FFE600")

    assert (look.button, look.on_button) == ("#ffe600", "#000000")
    assert look.link != look.button


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000", "#fff", 21.0), ("#777777", "#ffffff", 4.48), ("#1d4ed8", "#ffffff", 6.7), ("#ff0000", "#ffffff", 4.0)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    """Values of the WebAIM contrast checker."""
    assert contrast(parse(one), parse(other)) == pytest.approx(ratio, abs=0.01)
    assert contrast(parse(other), parse(one)) == pytest.approx(ratio, abs=0.01)


@given(colours, colours)
def test_readable_moves_no_further_than_needed(colour: str, ground: str) -> None:
    shade = readable(parse(colour), parse(ground), 3)

    assert contrast(shade, parse(ground)) >= 3
    if contrast(parse(colour), parse(ground)) >= 3:
        assert shade == parse(colour)


@pytest.mark.parametrize(
    "text", ["", "red", "#12", "#12345", "#1234567", "#12345g", "url(x)", "#fff;}", "#\u0661\u0661\u0661"]
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="#1d4ed8"):
        palette(text)


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    css = (Path(templates_root()) / "static/paypage.css").read_text()
    light, dark = re.findall(r"--paper: (#\w+); --card: (#\w+);", css)

    assert parse(light[0]) == PAPER
    assert parse(dark[1]) == NIGHT
    assert contrast(parse(dark[0]), NIGHT) < 1.2, "what is readable on the card is readable on the page"
