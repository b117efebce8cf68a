"""Checked reading of a vendor's JSON, for adapters. Each function raises ValueError on another shape than it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.ports.values import MAX_MINOR, Money


def parsed(body: bytes) -> Mapping[str, Any]:
    """The object that a body is."""
    return mapping(orjson.loads(body))


def mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def items(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def text(raw: Mapping[str, Any], name: str) -> str:
    """A text that is not empty."""
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {name}")
    return value


def maybe_text(raw: Mapping[str, Any], name: str) -> str | None:
    """The same, or None where there is none or an empty one."""
    return None if raw.get(name) in (None, "") else text(raw, name)


def instant(raw: Mapping[str, Any], name: str) -> datetime:
    """An instant in ISO 8601, with its offset."""
    at = datetime.fromisoformat(text(raw, name))
    if at.tzinfo is None:
        raise ValueError(f"{name} has no offset")
    return at


def money(raw: Mapping[str, Any], name: str, currency: str) -> Money:
    """Whole minor units, not below zero."""
    value = raw.get(name)
    if type(value) is not int or not 0 <= value <= MAX_MINOR:
        raise ValueError(f"no {name}")
    return Money(value, currency)
