"""Translations compiled into templates: one compilation a language, and no catalogue is asked while a message is
rendered.

`_("Due %(due)s", due=...)` in a template becomes the translated pieces with the expression between them, before Jinja
makes code of it. So a text costs what plain template text costs (looked up when rendered, it made up half of the time
of the pay page), and a value in it is escaped like any other. A text that is only known when rendered still goes
through gettext.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import CodeType
from typing import Any

from babel.support import Translations
from jinja2 import BaseLoader, Environment, Template, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

Codes = MutableMapping[tuple[Any, str, str], CodeType]

_NAMES = ("_", "gettext")
_PIECE = re.compile(r"%\((\w+)\)s|(%%)")


class TranslatingLoader(BaseLoader):
    """Templates from `sources`, compiled with `translations` in them. `codes` keeps what is compiled, for who
    shares both.
    """

    def __init__(self, sources: Mapping[str, str], translations: Translations, codes: Codes) -> None:
        self._sources = sources
        self._translations = translations
        self._codes = codes

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template not in self._sources:
            raise TemplateNotFound(template)
        return self._sources[template], None, lambda: True

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:
        source = self.get_source(environment, name)[0]
        key = (self._translations, name, source)
        code = self._codes.get(key)
        if code is None:
            tree = environment.parse(source, name)
            code = environment.compile(_Translator(self._translations, name).visit(tree), name)
            self._codes[key] = code
        return environment.template_class.from_code(environment, code, globals or {})


class _Translator(NodeTransformer):
    def __init__(self, translations: Translations, name: str) -> None:
        self._translations = translations
        self._name = name

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 (named after the node, as Jinja asks)
        """A text that is printed becomes pieces of the output."""
        printed: list[nodes.Expr] = []
        for child in node.nodes:
            if _is_text(child):
                printed.extend(self._pieces(child))
            else:
                printed.append(self.visit(child))
        node.nodes = printed
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802
        """A text inside an expression becomes one value, which is not escaped again."""
        if not _is_text(node):
            self.generic_visit(node)
            return node
        pieces: list[nodes.Expr] = [
            nodes.MarkSafeIfAutoescape(nodes.Const(piece.data)) if isinstance(piece, nodes.TemplateData) else piece
            for piece in self._pieces(node)
        ]
        return nodes.Concat(pieces, lineno=node.lineno)

    def _pieces(self, node: Any) -> Iterator[nodes.Expr]:
        values = {keyword.key: self.visit(keyword.value) for keyword in node.kwargs}
        text, end = str(self._translations.gettext(node.args[0].value)), 0
        for match in _PIECE.finditer(text):
            yield nodes.TemplateData(text[end : match.start()], lineno=node.lineno)
            end = match.end()
            if match[2]:
                yield nodes.TemplateData("%", lineno=node.lineno)
            elif match[1] in values:
                yield values[match[1]]
            else:
                raise TemplateSyntaxError(f"no value is given for %({match[1]})s", node.lineno, self._name)
        yield nodes.TemplateData(text[end:], lineno=node.lineno)


def _is_text(node: nodes.Node) -> bool:
    """Whether `node` is `_("...")` with a text that is known now."""
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name in _NAMES
        and len(node.args) == 1
        and isinstance(node.args[0], nodes.Const)
        and isinstance(node.args[0].value, str)
        and not node.dyn_args
        and not node.dyn_kwargs
    )
