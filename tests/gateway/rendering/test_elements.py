"""Icon, QR and the HTML that billers embed: looked at as pixels and by a reader of codes, not as strings."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
import zxingcpp

from gateway.domain.invoices import IconState
from gateway.ports.values import Money
from gateway.rendering import Brand, Renderer
from gateway.rendering.colours import contrast, parse
from gateway.rendering.elements import icon_png, icon_svg, qr_png, qr_svg
from gateway.rendering.elements.icons import SHAPES, WHITE
from gateway.rendering.elements.qr import QUIET
from tests.gateway.rendering.pixels import read_png
from tests.gateway.rendering.test_messages import NASTY, Page

SVG = "{http://www.w3.org/2000/svg}"
URL = "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4"
HUES = {
    IconState.OPEN: "grey", IconState.PROCESSING: "amber", IconState.PARTLY_PAID: "amber",
    IconState.PAID: "green", IconState.OVERDUE: "red", IconState.VOID: "grey",
}  # fmt: skip


def hue(red: int, green: int, blue: int) -> str:
    if max(red, green, blue) - min(red, green, blue) < 40:
        return "grey"
    if green > red and green > blue:
        return "green"
    return "amber" if green > red / 2 else "red"


@pytest.mark.parametrize("state", IconState)
def test_the_png_has_the_colour_of_its_state(state: IconState) -> None:
    picture = read_png(icon_png(state))
    inked = [picture.at(x, y) for y in range(64) for x in range(64) if picture.at(x, y)[3] == 255]
    coloured = [pixel for pixel in inked if pixel[:3] != (255, 255, 255)]

    assert (picture.width, picture.height, picture.channels) == (64, 64, 4)
    assert picture.at(0, 0)[3] == 0, "the ground is transparent"
    assert {hue(*pixel[:3]) for pixel in coloured if min(pixel[:3]) < 120} == {HUES[state]}
    assert len(coloured) > 600


def test_shapes_differ_and_not_only_in_colour() -> None:
    outlines = {
        state: tuple(
            pixel[3] > 127 and pixel[:3] != (255, 255, 255)
            for y in range(64)
            for pixel in [read.at(x, y) for x in range(64)]
        )
        for state in IconState
        for read in [read_png(icon_png(state))]
    }

    for one in IconState:
        for other in IconState:
            if one is not other:
                assert sum(a != b for a, b in zip(outlines[one], outlines[other], strict=True)) > 200, (one, other)


@pytest.mark.parametrize("state", IconState)
def test_the_ink_is_seen_on_light_and_dark(state: IconState) -> None:
    for shape in SHAPES[state]:
        if shape.ink != WHITE:
            assert contrast(parse(shape.ink), (255, 255, 255)) >= 3
            assert contrast(parse(shape.ink), parse("#1b1f28")) >= 3


@pytest.mark.parametrize("state", IconState)
def test_the_svg_says_what_it_shows(renderer: Renderer, state: IconState) -> None:
    drawing = ElementTree.fromstring(renderer.icon_svg(state, 'F<1>&"', "ro"))

    title = drawing.find(f"{SVG}title")
    assert title is not None
    assert title.text is not None
    assert title.text.startswith('Factura F<1>&": ')
    assert drawing.get("role") == "img"
    decoration = ElementTree.fromstring(icon_svg(state))
    assert decoration.get("aria-hidden") == "true"
    assert decoration.find(f"{SVG}title") is None


def test_titles_differ_by_state_and_language(renderer: Renderer) -> None:
    titles = {renderer.icon_svg(state, "F1", locale) for state in IconState for locale in ("ro", "en")}

    assert len(titles) == 12


def test_the_png_is_drawn_once(renderer: Renderer) -> None:
    assert renderer.icon_png(IconState.PAID) is renderer.icon_png(IconState.PAID)
    assert renderer.icon_png(IconState.PAID) == icon_png(IconState.PAID)


@pytest.mark.parametrize("side", [7, 513])
def test_an_icon_has_bounds(side: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        icon_png(IconState.OPEN, side)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8080/p/3kTMd9pQ2xVb7RnLw4", "https://" + "h" * 200 + "/p/x"])
@pytest.mark.parametrize("scale", [2, 8])
def test_the_qr_png_is_read_back(url: str, scale: int) -> None:
    picture = read_png(qr_png(url, scale))

    (code,) = zxingcpp.read_barcodes(picture.grey())

    assert code.text == url
    quiet = QUIET * scale
    assert all(set(row) == {255} for row in picture.rows[:quiet])
    assert all(set(row[:quiet]) == {255} for row in picture.rows)


@pytest.mark.parametrize("number", range(12))
def test_the_qr_svg_is_read_back(number: int) -> None:
    url = f"https://pay.acme.example/p/{number:018d}"
    drawing = ElementTree.fromstring(qr_svg(url, "QR <1>"))
    side = int(str(drawing.get("viewBox")).split()[2])
    ground, code = drawing.findall(f"{SVG}path")
    grid = [bytearray(b"\xff" * side * 4) for _ in range(side * 4)]
    for run in str(code.get("d")).split("z")[:-1]:
        start, length, _ = run.removeprefix("M").replace("v", "h").split("h", 2)
        x, y = map(int, start.split())
        for row in grid[y * 4 : y * 4 + 4]:
            row[x * 4 : (x + int(length)) * 4] = bytes(int(length) * 4)

    (read,) = zxingcpp.read_barcodes(memoryview(b"".join(grid)).cast("B", (side * 4, side * 4)))

    assert read.text == url
    assert ground.get("fill") == "#fff"
    assert ground.get("d") == f"M0 0h{side}v{side}H0z"
    assert drawing.findtext(f"{SVG}title") == "QR <1>"
    assert min(grid[y].find(0) for y in range(side * 4) if 0 in grid[y]) == QUIET * 4


def test_snippets_are_plain_and_escaped(renderer: Renderer) -> None:
    brand = Brand("Acme", "Acme S.A.", colour="#ffe600")
    button = Page(renderer.pay_button(brand, NASTY, Money(123_450, "RON"), "ro"))
    icon = Page(renderer.status_icon(NASTY, NASTY, NASTY, "ro"))

    (link,) = button.all("a")
    assert button.text == "Plătește 1.234,50 lei"
    assert set(link) == {"href", "target", "rel", "style"}
    assert link["rel"] == "noopener noreferrer"
    assert "background:#ffe600;color:#000000" in str(link["style"])
    assert link["href"] == NASTY
    (picture,) = icon.all("img")
    assert set(picture) == {"src", "alt", "width", "height", "style"}
    assert str(picture["alt"]).startswith("Starea plății facturii ")
    for page in (button, icon):
        assert not page.all("script")
