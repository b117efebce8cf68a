"""The status icon. One table of shapes gives both the SVG and the PNG, so that they cannot differ.

States differ in shape and not only in colour: empty ring, clock, half-filled ring, tick, triangle, struck ring. Every
colour has a contrast of 3 or more against white and against our dark page.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import escape

from gateway.domain.invoices import IconState

Point = tuple[float, float]

BOX = 24.0  # all shapes live in a square of this side
GREY, AMBER, GREEN, RED, WHITE = "#737b8c", "#c2740a", "#16873f", "#dc2f2f", "#ffffff"


class Shape(Protocol):
    @property
    def ink(self) -> str: ...

    def distance(self, x: float, y: float) -> float:
        """How far a point is outside the shape; below zero inside."""
        ...

    def svg(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Disc:
    ink: str
    centre: Point
    radius: float

    def distance(self, x: float, y: float) -> float:
        return math.hypot(x - self.centre[0], y - self.centre[1]) - self.radius

    def svg(self) -> str:
        return f'<circle cx="{self.centre[0]:g}" cy="{self.centre[1]:g}" r="{self.radius:g}" fill="{self.ink}"/>'


@dataclass(frozen=True, slots=True)
class Ring:
    ink: str
    centre: Point
    radius: float
    width: float

    def distance(self, x: float, y: float) -> float:
        return abs(math.hypot(x - self.centre[0], y - self.centre[1]) - self.radius) - self.width / 2

    def svg(self) -> str:
        return (
            f'<circle cx="{self.centre[0]:g}" cy="{self.centre[1]:g}" r="{self.radius:g}" fill="none" '
            f'stroke="{self.ink}" stroke-width="{self.width:g}"/>'
        )


@dataclass(frozen=True, slots=True)
class LeftHalf:
    ink: str
    centre: Point
    radius: float

    def distance(self, x: float, y: float) -> float:
        return max(math.hypot(x - self.centre[0], y - self.centre[1]) - self.radius, x - self.centre[0])

    def svg(self) -> str:
        x, y, radius = *self.centre, self.radius
        return f'<path d="M{x:g} {y - radius:g}a{radius:g} {radius:g} 0 0 0 0 {2 * radius:g}z" fill="{self.ink}"/>'


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through `points` with round ends and joins."""

    ink: str
    points: tuple[Point, ...]
    width: float

    def distance(self, x: float, y: float) -> float:
        pairs = zip(self.points, self.points[1:], strict=False)
        return min(_to_segment(x, y, start, end) for start, end in pairs) - self.width / 2

    def svg(self) -> str:
        path = "L".join(f"{x:g} {y:g}" for x, y in self.points)
        return (
            f'<path d="M{path}" fill="none" stroke="{self.ink}" stroke-width="{self.width:g}" '
            'stroke-linecap="round" stroke-linejoin="round"/>'
        )


@dataclass(frozen=True, slots=True)
class RoundTriangle:
    """A triangle grown by `radius` on every side; corners clockwise on the screen."""

    ink: str
    corners: tuple[Point, Point, Point]
    radius: float

    def distance(self, x: float, y: float) -> float:
        first, second, third = self.corners
        sides = ((first, second), (second, third), (third, first))
        edge = min(_to_segment(x, y, start, end) for start, end in sides)
        inside = all(
            (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]) >= 0 for start, end in sides
        )
        return (-edge if inside else edge) - self.radius

    def svg(self) -> str:
        path = "L".join(f"{x:g} {y:g}" for x, y in self.corners)
        return (
            f'<path d="M{path}z" fill="{self.ink}" stroke="{self.ink}" stroke-width="{2 * self.radius:g}" '
            'stroke-linejoin="round"/>'
        )


_MIDDLE: Point = (12, 12)
SHAPES: Mapping[IconState, tuple[Shape, ...]] = {
    IconState.OPEN: (Ring(GREY, _MIDDLE, 9, 2.6),),
    IconState.PROCESSING: (Disc(AMBER, _MIDDLE, 10.3), Stroke(WHITE, ((12, 6.6), (12, 12.2), (15.8, 14.4)), 2.2)),
    IconState.PARTLY_PAID: (Ring(AMBER, _MIDDLE, 9, 2.6), LeftHalf(AMBER, _MIDDLE, 9)),
    IconState.PAID: (Disc(GREEN, _MIDDLE, 10.3), Stroke(WHITE, ((7.4, 12.4), (10.7, 15.7), (16.8, 8.9)), 2.5)),
    IconState.OVERDUE: (
        RoundTriangle(RED, ((12, 4), (20.6, 19), (3.4, 19)), 2.2),
        Stroke(WHITE, ((12, 9.2), (12, 13.6)), 2.2),
        Disc(WHITE, (12, 17.1), 1.35),
    ),
    IconState.VOID: (Ring(GREY, _MIDDLE, 9, 2.6), Stroke(GREY, ((6, 18), (18, 6)), 2.6)),
}


def icon_svg(state: IconState, title: str = "") -> str:
    """The icon as an SVG document. `title` is its text alternative, escaped here; without one it is decoration."""
    drawn = "".join(shape.svg() for shape in SHAPES[state])
    if not title:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" aria-hidden="true">{drawn}</svg>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" role="img">'
        f"<title>{escape(title)}</title>{drawn}</svg>"
    )


def icon_png(state: IconState, side: int = 64) -> bytes:
    """The icon as a PNG of `side` pixels with a transparent ground. About 10 ms at 64: keep the answer."""
    if not 8 <= side <= 512:
        raise ValueError("an icon is 8 to 512 pixels wide")
    shapes = [(shape, _channels(shape.ink)) for shape in SHAPES[state]]
    scale = BOX / side
    rows = bytearray()
    for row in range(side):
        rows.append(0)  # PNG filter type 0: none
        y = (row + 0.5) * scale
        for column in range(side):
            rows += _pixel(shapes, (column + 0.5) * scale, y, scale)
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND")
    )


def _pixel(shapes: Sequence[tuple[Shape, Sequence[int]]], x: float, y: float, scale: float) -> bytes:
    """Paints the shapes over each other, smoothed over one pixel at their edges."""
    red = green = blue = alpha = 0.0
    for shape, ink in shapes:
        cover = 0.5 - shape.distance(x, y) / scale
        if cover <= 0:
            continue
        cover = min(cover, 1.0)
        below = alpha * (1 - cover)
        alpha = cover + below
        red, green, blue = (
            (new * cover + old * below) / alpha for new, old in zip(ink, (red, green, blue), strict=True)
        )
    return bytes((round(red), round(green), round(blue), round(alpha * 255)))


def _to_segment(x: float, y: float, start: Point, end: Point) -> float:
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = ((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x * along_x + along_y * along_y)
    share = min(1.0, max(0.0, share))
    return math.hypot(x - start[0] - share * along_x, y - start[1] - share * along_y)


def _channels(ink: str) -> tuple[int, int, int]:
    return int(ink[1:3], 16), int(ink[3:5], 16), int(ink[5:7], 16)


def _chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
