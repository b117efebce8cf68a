"""`/docs`: the OpenAPI document as a page for people. No script, no outside host; the search works on the server.

Everything on it comes from the document, so it is as true as that. Its parts are rendered once; a search only chooses among them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gateway.api.errors import KINDS, NOT_FOUND, Refusal
from gateway.domain import ids
from gateway.rendering import templates_root

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_LONGEST_SEARCH = 100
_MOST_VALUES = 12
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the page: an operation, a shape, a problem or an event type; `words` is what a search looks through."""

    group: str
    anchor: str
    title: str
    mark: str
    words: str
    html: Markup


class DocsPage:
    """The page of one document. `asset_url` gives the path of a static file on our own host."""

    def __init__(self, document: Mapping[str, Any], asset_url: Callable[[str], str]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates_root() / "docs"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["prose"] = prose
        self._page = self._environment.get_template("page.html.j2")
        self._document = document
        self._assets = {"style_url": asset_url("docs.css"), "icon_url": asset_url("icon-paid.svg")}
        self._parts = (*self._operations(), *self._events(), *self._problems(), *self._shapes())
        self._whole = self._render("").encode()
        self._tag = f'"{hashlib.sha256(self._whole).hexdigest()[:20]}"'

    async def get(self, request: web.Request) -> web.Response:
        """The page; with `?q=` only the parts that have all of these words."""
        sought = request.query.get("q", "").strip()[:_LONGEST_SEARCH]
        if sought:
            return web.Response(text=self._render(sought), content_type="text/html", headers=_HEADERS)
        if request.headers.get("If-None-Match") == self._tag:
            return web.Response(status=304, headers=_HEADERS | {"ETag": self._tag})
        headers = _HEADERS | {"ETag": self._tag, "Content-Type": "text/html; charset=utf-8"}
        return web.Response(body=self._whole, headers=headers)

    async def problem(self, request: web.Request) -> web.Response:
        """Where the `type` of a problem leads: to its explanation."""
        name = request.match_info["name"]
        if name not in KINDS:
            raise Refusal(NOT_FOUND, "There is no problem of this name.")
        return web.Response(status=303, headers={"Location": f"/docs#problem-{name}"})

    def _render(self, sought: str) -> str:
        words = sought.casefold().split()
        found = [part for part in self._parts if all(word in part.words for word in words)]
        groups: dict[str, list[Part]] = {}
        for part in found:
            groups.setdefault(part.group, []).append(part)
        return self._page.render(
            info=self._document["info"],
            tags={tag["name"]: tag["description"] for tag in self._document["tags"]} | _GROUPS,
            groups=groups,
            sought=sought,
            found=len(found),
            **self._assets,
        )

    def _part(self, template: str, group: str, anchor: str, title: str, mark: str = "", **values: Any) -> Part:
        html = Markup(self._environment.get_template(template).render(anchor=anchor, title=title, **values))  # noqa: S704
        return Part(group, anchor, title, mark, f"{title} {mark} {html.striptags()}".casefold(), html)

    def _operations(self) -> Iterable[Part]:
        server = self._document["servers"][0]["url"]
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                yield self._part(
                    "operation.html.j2",
                    operation["tags"][0],
                    operation["operationId"],
                    operation["summary"],
                    method.upper(),
                    method=method.upper(),
                    path=path,
                    operation=operation,
                    parameters=[_row(one["name"], one["schema"], one) for one in operation.get("parameters", ())],
                    body=_kind(body["schema"]) if body else None,
                    fields=self._fields(self._resolve(body["schema"])) if body else (),
                    calls=[
                        (one["summary"], _curl(server, method, path, one["value"]))
                        for one in body.get("examples", {}).values()
                    ]
                    or [("", _curl(server, method, path, None))],
                    answers=self._answers(operation["responses"]),
                    problems=self._problem_names(operation["responses"]),
                )

    def _events(self) -> Iterable[Part]:
        push = self._document["webhooks"]["event"]["post"]
        yield self._part(
            "push.html.j2",
            "Event types",
            "receive-event",
            push["summary"],
            description=push["description"],
            headers=push["parameters"],
            example=json.dumps(
                push["requestBody"]["content"]["application/json"]["example"], indent=2, ensure_ascii=False
            ),
        )

    def _problems(self) -> Iterable[Part]:
        for kind in KINDS.values():
            yield self._part(
                "problem.html.j2", "Problems", f"problem-{kind.name}", kind.name, str(kind.status), kind=kind
            )

    def _shapes(self) -> Iterable[Part]:
        for name, schema in self._document["components"]["schemas"].items():
            yield self._part(
                "shape.html.j2",
                "Shapes",
                f"shape-{name}",
                name,
                description=schema.get("description", ""),
                fields=self._fields(schema),
                values=schema.get("enum", ()),
            )

    def _resolve(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        return self._document["components"]["schemas"][_name(reference)] if reference else schema

    def _fields(self, schema: Schema) -> Sequence[Mapping[str, Any]]:
        required = schema.get("required", ())
        return [
            _row(name, one, {"required": name in required, "description": one.get("description", "")})
            for name, one in schema.get("properties", {}).items()
        ]

    def _answers(self, responses: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        shown = []
        for status, response in responses.items():
            if "$ref" in response:
                continue
            contents: Mapping[str, Any] = response.get("content", {})
            media_type = next(iter(contents), "")
            content = contents.get(media_type, {})
            example = content.get("example")
            shown.append(
                {
                    "status": status,
                    "description": response["description"],
                    "kind": _kind(content["schema"])
                    if media_type.endswith("json")
                    else Markup("{}").format(media_type),
                    "example": json.dumps(example, indent=2, ensure_ascii=False) if example else "",
                }
            )
        return shown

    def _problem_names(self, responses: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[str]]]:
        referred = {
            status: _name(response["$ref"]).split("-or-")
            for status, response in responses.items()
            if "$ref" in response
        }
        return sorted(referred.items())


_GROUPS = {
    "Event types": "What is pushed, and how to verify it.",
    "Problems": "Every refusal, by its `type`.",
    "Shapes": "What goes in and comes out, field by field.",
}


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _kind(schema: Schema) -> Markup:
    """A schema in a word or two, with links to the shapes that it names."""
    if reference := schema.get("$ref"):
        name = _name(reference)
        return Markup('<a href="#shape-{0}">{0}</a>').format(name)
    if choices := schema.get("anyOf"):
        kinds = [_kind(choice) for choice in choices if choice.get("type") != "null"]
        null = Markup(" or null") if len(kinds) < len(choices) else Markup()
        return Markup(" or ").join(kinds) + null
    if schema.get("type") == "array":
        return Markup("list of ") + _kind(schema["items"])
    if schema.get("type") == "object":
        return Markup("object")
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    return Markup("{}").format(
        {"date": "day", "date-time": "instant"}.get(schema.get("format", ""), schema.get("type", "any"))
    )


def _row(name: str, schema: Schema, about: Mapping[str, Any]) -> Mapping[str, Any]:
    inner: Schema = next((choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"), schema)
    examples = schema.get("examples") or inner.get("examples") or ([about["example"]] if "example" in about else [])
    return {
        "name": name,
        "kind": _kind(schema),
        "required": bool(about.get("required")),
        "place": about.get("in", ""),
        "description": about.get("description") or schema.get("description", ""),
        "limits": _limits(inner, schema.get("default")),
        "values": inner["enum"] if len(inner.get("enum", ())) <= _MOST_VALUES and "enum" in inner else (),
        "example": json.dumps(examples[0], ensure_ascii=False).strip('"') if examples else "",
    }


def _limits(schema: Schema, default: Any) -> str:
    said = []
    for low, high, unit in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
        ("minimum", "maximum", ""),
    ):
        if low in schema and high in schema:
            said.append(f"{schema[low]} to {schema[high]}{unit}")
        elif high in schema:
            said.append(f"at most {schema[high]}{unit}")
        elif schema.get(low):
            said.append(f"at least {schema[low]}{unit}")
    if default not in (None, "", [], {}):
        said.append(f"default {json.dumps(default)}")
    return ", ".join(said)


_IDS = {
    f"{name}_id": f"{prefix}_000004C"
    for name, prefix in (
        ("invoice", ids.INVOICE),
        ("conversation", ids.CONVERSATION),
        ("reminder", ids.REMINDER),
        ("payment", ids.ATTEMPT),
        ("refund", ids.REFUND),
        ("endpoint", ids.ENDPOINT),
        ("push", ids.PUSH),
    )
}


def _curl(server: str, method: str, path: str, body: Any) -> str:
    lines = [f"curl {server}{path.format(**_IDS)}"]
    if method not in ("get", "post") or (method == "post" and body is None):
        lines.append(f"-X {method.upper()}")
    lines.append('-H "Authorization: Bearer $ACHIT_KEY"')
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d '{json.dumps(body, indent=2, ensure_ascii=False)}'")
    return " \\\n  ".join(lines)


_INLINE = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`")


def prose(text: str) -> Markup:
    """Paragraphs, lists, **bold** and `code` as HTML; all else is escaped."""
    return Markup("\n").join(_block(block) for block in re.split(r"\n\s*\n", text.strip()) if block)


def _block(text: str) -> Markup:
    lines = text.split("\n")
    if all(line.startswith("- ") for line in lines):
        items = Markup().join(Markup("<li>{}</li>").format(_inline(line[2:])) for line in lines)
        return Markup("<ul>{}</ul>").format(items)
    return Markup("<p>{}</p>").format(_inline(text))


def _inline(text: str) -> Markup:
    html, at = Markup(), 0
    for match in _INLINE.finditer(text):
        bold, code = match.groups()
        tag = Markup("<strong>{}</strong>").format(bold) if bold else Markup("<code>{}</code>").format(code)
        html += escape(text[at : match.start()]) + tag
        at = match.end()
    return html + escape(text[at:])
