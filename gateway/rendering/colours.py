"""A biller's colour made readable. Pure: from one hexadecimal colour to all the shades a page and an email need.

Ratios are those of WCAG 2.2: 4.5 for text (1.4.3), 3 for the edge of a control (1.4.11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Colour = tuple[int, int, int]

TEXT_RATIO = 4.5
EDGE_RATIO = 3.0
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
PAPER: Colour = (244, 245, 248)  # --paper of static/paypage.css, light
NIGHT: Colour = (27, 31, 40)  # --card of static/paypage.css, dark: the lightest ground there

_HEX = re.compile(r"#(?:([0-9a-f]{3})|([0-9a-f]{6}))", re.ASCII | re.IGNORECASE)
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Palette:
    """Shades of one colour, `#rrggbb`. `button` is the colour itself, `on_button` the text on it, on light and
    dark pages.

    `edge` draws the border of a button and other shapes, `link` is for text; each on a light and on a dark page.
    """

    button: str
    on_button: str
    edge: str
    link: str
    dark_edge: str
    dark_link: str


def parse(text: str) -> Colour:
    """Reads `#rgb` or `#rrggbb`. Raises ValueError on anything else."""
    match = _HEX.fullmatch(text)
    if match is None:
        raise ValueError("a colour is written as #1d4ed8")
    digits = match[2] or "".join(digit * 2 for digit in match[1])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def shown(colour: Colour) -> str:
    """`#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def readable(colour: Colour, ground: Colour, ratio: float) -> Colour:
    """The shade nearest to `colour` that has `ratio` against `ground`: darkened on a light ground, lightened on a dark
    one.
    """
    end = BLACK if contrast(ground, BLACK) > contrast(ground, WHITE) else WHITE
    for step in range(_STEPS + 1):
        shade = _mixed(colour, end, step / _STEPS)
        if contrast(shade, ground) >= ratio:
            return shade
    return end


def palette(text: str) -> Palette:
    """All shades for a biller's colour. Raises ValueError when it is not one."""
    colour = parse(text)
    return Palette(
        shown(colour),
        shown(_text_on(colour)),
        shown(readable(colour, PAPER, EDGE_RATIO)),
        shown(readable(colour, PAPER, TEXT_RATIO)),
        shown(readable(colour, NIGHT, EDGE_RATIO)),
        shown(readable(colour, NIGHT, TEXT_RATIO)),
    )


def _text_on(ground: Colour) -> Colour:
    """White while it is readable, for it looks calmer on a strong colour; else black (one of the two always is)."""
    return WHITE if contrast(WHITE, ground) >= TEXT_RATIO else BLACK


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _mixed(colour: Colour, end: Colour, share: float) -> Colour:
    red, green, blue = (round(part + (target - part) * share) for part, target in zip(colour, end, strict=True))
    return red, green, blue
