"""CSS of emails, moved into `style` attributes when the renderer is built: mail readers drop `<style>`, and a message
must not pay for it.

css-inline parses HTML, and an HTML parser throws text that stands between table rows out of the table. So a Jinja tag
in the source cannot be left there as text. It can be hidden in what the parser keeps in place: between tags every Jinja
token becomes a comment, which the HTML standard leaves where it is, also between rows; inside a tag, a title, a style
or a script it becomes a plain word. After inlining, the tokens go back. That nothing has moved is then proven, not
hoped: tags and tokens must come out in the order in which they went in.

Inlining sources (and not a rendered sample) keeps every branch and loop, and leaves inheritance and macros to Jinja.
The price: a file is seen alone, so rules select by class, not by ancestor; and a token may stand in an attribute's
value but not be a whole attribute.
"""

from __future__ import annotations

import re
from functools import partial

import css_inline

_TOKEN = re.compile(r"{{.*?}}|{%.*?%}|{#.*?#}", re.DOTALL)
_MARK = re.compile(r"<!--jinja(\d+)mark-->|jinja(\d+)mark")
_WORD = re.compile(r"jinja\d+mark")
_PART = re.compile(
    r"(?P<comment><!--.*?-->)"
    r"|(?P<raw><(?P<element>title|style|script)\b.*?</(?P=element)>)"
    r"|(?P<tag></?(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>)",
    re.DOTALL | re.IGNORECASE,
)
_IMPLIED = frozenset({"tbody", "html", "head", "body"})  # tags that a parser adds where they were left out


def inlined(source: str, css: str, name: str) -> str:
    """The Jinja source of an email, or of a part of one, with `css` in its style attributes.

    Raises ValueError, naming the file, where that cannot be done without changing what the source says.
    """
    tokens: list[str] = []
    hidden = _PART.sub(_hide_words, _TOKEN.sub(partial(_hide, tokens), source))
    before, doctype, _ = hidden.lower().partition("<!doctype")
    if doctype:
        inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, extra_css=css)
        result = hidden[: len(before)] + inliner.inline(hidden[len(before) :])
    else:
        result = css_inline.inline_fragment(hidden, css, load_remote_stylesheets=False)
    if _landmarks(result) != _landmarks(hidden):
        raise ValueError(
            f"{name}: an element is not closed, or stands where HTML does not allow it: its styles cannot be inlined"
        )
    return _MARK.sub(lambda match: tokens[int(match[1] or match[2])], result)


def _hide(tokens: list[str], match: re.Match[str]) -> str:
    tokens.append(match[0])
    return f"<!--jinja{len(tokens) - 1}mark-->"


def _hide_words(match: re.Match[str]) -> str:
    """Inside a tag or raw text a comment would be text; there the bare word does."""
    if match["comment"]:
        if "<!--" in match[0][4:]:
            raise ValueError("a Jinja token stands in an HTML comment")
        return match[0]
    return match[0].replace("<!--jinja", "jinja").replace("mark-->", "mark")


def _landmarks(html: str) -> list[tuple[str, ...]]:
    """Opening tags and tokens in their order; within one tag the order of attributes does not count."""
    marks: list[tuple[str, ...]] = []
    for part in _PART.finditer(html):
        words = sorted(_WORD.findall(part[0]))
        if part["tag"] and (part[0].startswith("</") or part["name"].lower() in _IMPLIED) and not words:
            continue
        if part["comment"] and not words:
            continue
        marks.append((part["name"] or part["element"] or "", *words))
    return marks
