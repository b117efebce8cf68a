"""An operation is declared beside its handler; the declaration is what runs and what the OpenAPI 3.1 document says.

So the document cannot drift: the body and query models validate each request, and the routes are made of the same values.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from gateway.api import errors
from gateway.api.answers import Problem
from gateway.api.errors import MEDIA_TYPE, Kind
from gateway.domain.keys import Scope

JSON = "application/json"
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_DEFINED = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Returns:
    """One successful answer. `model` is what its body looks like; without one there is no body."""

    description: str
    model: type[BaseModel] | None = None
    media_type: str = JSON
    example: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path, or a header: what it means and which values it may have (`means` says it in words)."""

    description: str
    pattern: str
    means: str
    example: str

    def accepts(self, value: str) -> bool:
        return re.fullmatch(self.pattern, value, re.ASCII) is not None

    def shown(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "schema": {"type": "string", "pattern": f"^{self.pattern}$"},
            "example": self.example,
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path: who may call it, what it takes, what it answers, and the handler that does it."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    handler: Callable[..., Awaitable[Any]]
    returns: Mapping[int, Returns]
    scope: Scope
    body: type[BaseModel] | None
    body_required: bool
    query: type[BaseModel] | None
    problems: Sequence[Kind]
    headers: Mapping[str, Parameter]
    examples: Mapping[str, Any]

    @property
    def path_parameters(self) -> Sequence[str]:
        return _PARAMETER.findall(self.path)

    @property
    def all_problems(self) -> Sequence[Kind]:
        """Its own and those that follow from what it takes, by status."""
        kinds = [*self.problems, errors.UNAUTHENTICATED, errors.MISSING_SCOPE, errors.RATE_LIMITED]
        kinds += [errors.INTERNAL, errors.UNAVAILABLE]
        if self.body:
            kinds += [
                errors.BAD_REQUEST,
                errors.INVALID_JSON,
                errors.INVALID_BODY,
                errors.TOO_SLOW,
                errors.BODY_TOO_LARGE,
            ]
            kinds += [errors.UNSUPPORTED_MEDIA_TYPE]
        if self.query:
            kinds += [errors.INVALID_QUERY]
        if self.headers:
            kinds += [errors.INVALID_HEADER]
        if self.path_parameters:
            kinds += [errors.NOT_FOUND]
        return sorted(set(kinds), key=lambda kind: (kind.status, kind.name))


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    summary: str,
    returns: Mapping[int, Returns],
    scope: Scope,
    body: type[BaseModel] | None = None,
    body_required: bool = True,
    query: type[BaseModel] | None = None,
    problems: Sequence[Kind] = (),
    headers: Mapping[str, Parameter] | None = None,
    examples: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Awaitable[Any]]], Operation]:
    """Declares the handler below it. The handler's name is the operation's id, its docstring the description."""

    def declare(handler: Callable[..., Awaitable[Any]]) -> Operation:
        description = re.sub(r"\n +", "\n", handler.__doc__ or "").strip()
        return Operation(
            name=handler.__name__,
            method=method,
            path=path,
            tag=tag,
            summary=summary,
            description=description,
            handler=handler,
            returns=returns,
            scope=scope,
            body=body,
            body_required=body_required,
            query=query,
            problems=problems,
            headers=headers or {},
            examples=examples or {},
        )

    return declare


class _Schemas(GenerateJsonSchema):
    """Pydantic's, without a title on every field: a title that repeats the name helps nobody."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class About:
    """What the document says of itself. `paths` and `tags` describe the parts that several operations share."""

    title: str
    version: str
    description: str
    server: str
    tags: Mapping[str, str]
    paths: Mapping[str, Parameter]
    push: type[BaseModel]
    push_example: Any
    push_events: Mapping[str, str]


def document(operations: Sequence[Operation], about: About) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these operations, as plain values for JSON."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization"), (about.push, "serialization")]
    for one in operations:
        models += [(model, "validation") for model in (one.body,) if model]
        models += [(returned.model, "serialization") for returned in one.returns.values() if returned.model]
    unique = list(dict.fromkeys(models))
    references, definitions = models_json_schema(unique, ref_template=_DEFINED, schema_generator=_Schemas)
    schemas: dict[type[BaseModel], Any] = {cast(Any, model): shown for (model, _), shown in references.items()}

    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, about, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": about.version,
            "description": about.description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": about.server}],
        "tags": [{"name": name, "description": text} for name, text in about.tags.items()],
        "security": [{"key": []}],
        "paths": paths,
        "webhooks": {"event": {"post": _push(about, schemas)}},
        "components": {
            "schemas": dict(sorted(definitions.get("$defs", {}).items())),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`achit key create --biller NAME` makes a key and shows it once.",
                }
            },
            "responses": _problems(operations, schemas),
            "headers": {
                name: {"description": text, "schema": dict(schema)} for name, (text, schema) in _HEADERS.items()
            },
        },
    }


_NUMBER = {"type": "integer", "minimum": 0}
_HEADERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "RateLimit-Limit": ("How many such requests this key may make at once.", _NUMBER),
    "RateLimit-Remaining": ("How many are left now.", _NUMBER),
    "RateLimit-Reset": ("Seconds until all are there again.", _NUMBER),
    "Retry-After": ("Seconds to wait.", _NUMBER),
    "WWW-Authenticate": ("`Bearer`.", {"type": "string"}),
    "Allow": ("The methods of this address.", {"type": "string"}),
}
_RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def _operation(one: Operation, about: About, schemas: Mapping[type[BaseModel], Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"operationId": one.name, "tags": [one.tag], "summary": one.summary}
    if one.description:
        shown["description"] = one.description
    shown["x-scope"] = one.scope.value
    parameters = [
        {"name": name, "in": "path", "required": True} | about.paths[name].shown() for name in one.path_parameters
    ]
    parameters += _query(one.query) if one.query else []
    parameters += [
        {"name": name, "in": "header", "required": False} | what.shown() for name, what in one.headers.items()
    ]
    if parameters:
        shown["parameters"] = parameters
    if one.body:
        content: dict[str, Any] = {"schema": schemas[one.body]}
        if one.examples:
            content["examples"] = {
                name.replace(" ", "-"): {"summary": name, "value": value} for name, value in one.examples.items()
            }
        shown["requestBody"] = {"required": one.body_required, "content": {JSON: content}}
    shown["responses"] = _responses(one, schemas)
    return shown


def _query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_DEFINED, schema_generator=_Schemas)
    shared, required = schema.get("$defs", {}), schema.get("required", [])
    parameters = []
    for name, written in schema["properties"].items():
        one = dict(written)
        description = one.pop("description", None)
        kinds = [kind for kind in one.pop("anyOf", []) if kind.get("type") != "null"]
        one |= kinds[0] if kinds else {}
        if reference := one.pop("$ref", None):
            one |= shared[reference.rpartition("/")[2]]
            description = description or one.pop("description", None)
        if one.get("default", 0) is None:
            del one["default"]
        one.pop("title", None)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": one}
        parameters.append(parameter | ({"description": description} if description else {}))
    return parameters


def _responses(one: Operation, schemas: Mapping[type[BaseModel], Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, returned in sorted(one.returns.items()):
        response: dict[str, Any] = {"description": returned.description, "headers": _header_references(_RATE)}
        response["headers"] |= {
            name: {"description": text, "schema": {"type": "string"}} for name, text in returned.headers.items()
        }
        if returned.media_type != JSON:
            response["content"] = {returned.media_type: {"schema": {"type": "string"}}}
        elif returned.model:
            content = {"schema": schemas[returned.model]}
            response["content"] = {JSON: content | ({"example": returned.example} if returned.example else {})}
        responses[str(status)] = response
    for status, kinds in _by_status(one.all_problems).items():
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_named(kinds)}"})
    return responses


def _by_status(kinds: Sequence[Kind]) -> dict[int, tuple[Kind, ...]]:
    return {status: tuple(group) for status, group in itertools.groupby(kinds, key=lambda kind: kind.status)}


def _named(kinds: Sequence[Kind]) -> str:
    return "-or-".join(kind.name for kind in kinds)


_OWN_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def _problems(operations: Sequence[Operation], schemas: Mapping[type[BaseModel], Any]) -> dict[str, Any]:
    """Every set of problems that shares a status in some operation, as one response to refer to."""
    sets = {kinds: status for one in operations for status, kinds in _by_status(one.all_problems).items()}
    return {
        _named(kinds): {
            "description": " ".join(f"`{kind.name}`: {kind.title}. {kind.remedy}" for kind in kinds),
            "headers": _header_references((*_OWN_HEADERS.get(status, ()), *(() if status == 401 else _RATE))),
            "content": {
                MEDIA_TYPE: {
                    "schema": schemas[Problem],
                    "examples": {
                        kind.name: {"value": {"type": kind.type, "title": kind.title, "status": kind.status}}
                        for kind in kinds
                    },
                }
            },
        }
        for kinds, status in sorted(sets.items(), key=lambda entry: (entry[1], _named(entry[0])))
    }


def _header_references(names: Sequence[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _push(about: About, schemas: Mapping[type[BaseModel], Any]) -> dict[str, Any]:
    headers = {
        "webhook-id": "The event's id: the same on every try, so that a receiver can tell a repetition.",
        "webhook-timestamp": "Unix seconds of this try.",
        "webhook-signature": "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, by spaces, while a secret rotates.",
    }
    listed = "\n".join(f"- `{name}`: {text}" for name, text in about.push_events.items())
    return {
        "operationId": "receive_event",
        "summary": "What your endpoint receives",
        "description": f"Signed by Standard Webhooks. The types:\n\n{listed}",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": schemas[about.push], "example": about.push_example}},
        },
        "responses": {
            "2XX": {"description": "You have it; it is not sent again."},
            "410": {"description": "You want no more: the endpoint is disabled."},
            "default": {"description": "It is tried ten times over 75.6 hours, later when you send `Retry-After`."},
        },
    }
