"""Bodies that a vendor could send one day: each part of a JSON document missing, or of another kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import orjson

_OTHER_KINDS: tuple[Any, ...] = (None, True, -1, 0, 1.5, 2**62, "", "x", "\u0000", [], [None], {}, {"x": 1})


def mutated(body: bytes) -> Iterator[bytes]:
    """`body` with each value in turn left out or replaced; nothing when it is not a JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for path in _paths(document):
        for value in (_Missing, *_OTHER_KINDS):
            changed = copy.deepcopy(document)
            parent = changed
            for step in path[:-1]:
                parent = parent[step]
            if value is _Missing:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            yield orjson.dumps(changed)


class _Missing:
    """Stands for a value that is left out."""


def _paths(document: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps: Any = ()
    if isinstance(document, dict):
        steps = document
    elif isinstance(document, list):
        steps = range(len(document))
    for step in steps:
        yield (*prefix, step)
        yield from _paths(document[step], (*prefix, step))
