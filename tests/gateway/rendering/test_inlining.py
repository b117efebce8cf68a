"""CSS goes into style attributes, and nothing else of a template changes."""

from __future__ import annotations

import socket

import pytest
from jinja2 import Environment

from gateway.rendering.inlining import inlined

CSS = ".row { padding: 4px; } .sum { color: red; } .go { color: blue; }"


def shown(source: str, **values: object) -> str:
    return Environment(autoescape=True).from_string(inlined(source, CSS, "x")).render(values)


def test_a_loop_over_rows_stays_in_its_table() -> None:
    """What css-inline does to a bare Jinja source: `{% for %}` is thrown out in front of the table, and one row is left."""
    source = (
        '<table class="row">{% for name, sum in rows %}{% if sum %}'
        '<tr><td class="row">{{ name }}</td><td class="sum">{{ sum }}</td></tr>'
        "{% endif %}{% endfor %}</table>"
    )

    html = shown(source, rows=[("a", 1), ("b", 2), ("c", 0)])

    assert html.count("<tr>") == 2
    assert html.index("<table") < html.index('<td class="row" style="padding: 4px;">a</td>') < html.index("</table>")
    assert html.count('class="sum" style="color: red;"') == 2


def test_tokens_in_attributes_titles_styles_and_scripts() -> None:
    source = (
        "{# kept #}<!doctype html><html><head><title>{{ title }}</title>"
        "<style>@media print { .go { color: {{ dark }} } }</style>"
        '<script type="application/ld+json">{{ data|tojson }}</script></head>'
        '<body><a class="go" href="{{ "/x?a=1&b=" ~ title }}" style="margin: {{ gap }}">{{ title }}</a></body></html>'
    )

    html = shown(source, title="<T>", dark="#fff", data={"a": "</script>"}, gap="3px")

    assert "<title>&lt;T&gt;</title>" in html
    assert "@media print { .go { color: #fff } }" in html
    assert '{"a": "\\u003c/script\\u003e"}' in html
    assert 'href="/x?a=1&amp;b=&lt;T&gt;"' in html
    assert "color: blue" in html
    assert "margin: 3px" in html


def test_inheritance_is_left_to_jinja() -> None:
    source = '{% extends "base" %}{% block body %}<p class="go">{% trans %}Hello{% endtrans %}</p>{% endblock %}'

    assert inlined(source, CSS, "x") == source.replace('class="go"', 'class="go" style="color: blue;"')


@pytest.mark.parametrize(
    "source",
    [
        '{% block row %}<tr><td class="sum">{{ x }}</td></tr>{% endblock %}',  # a row without its table
        "<table>{{ x }}<p class='go'>{{ y }}</p><tr><td>a</td></tr></table>",  # a paragraph between rows
        '<p class="go" {% if x %}hidden{% endif %} style="{{ y }}">a</p>',  # a token that is a whole attribute or style
        "<p class='go'>{{ x }}<div>{{ y }}</div></p>{% if z %}</section>{% endif %}<tr>",
        "<!-- {{ x }} --><p class='go'>a</p>",
    ],
)
def test_what_cannot_be_done_safely_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"inlined|comment"):
        inlined(source, CSS, "x")


def test_no_stylesheet_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.css"
        source = f'<!doctype html><html><head><link rel="stylesheet" href="{address}"></head><body>a</body></html>'

        with pytest.raises(ValueError, match="inlined"):
            inlined(source, CSS, "x")

        with pytest.raises(BlockingIOError):
            server.accept()
