"""Checked reading of Stripe's JSON. Each function raises ValueError on another shape than it promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.ports.reading import mapping, text

CODE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)  # of an error, a refusal
_LAST = 253_402_300_799  # the end of the year 9999
MARK = "achit_reference"  # in the metadata of the session and of its payment intent; Stripe copies it to the charge
REFUND_MARK = "achit_refund"


def moment(raw: Mapping[str, Any], name: str) -> datetime:
    """Unix seconds."""
    value = raw.get(name)
    if type(value) is not int or not 0 <= value <= _LAST:
        raise ValueError(f"no {name}")
    return datetime.fromtimestamp(value, UTC)


def id_of(value: object) -> str | None:
    """What another object is named by: its id, or itself when it is expanded. None where there is none."""
    if value is None:
        return None
    if isinstance(value, str) and value:
        return value
    return text(mapping(value), "id")


def expanded(value: object) -> Mapping[str, Any] | None:
    """The object itself, where it was asked for whole; None when it is named only."""
    return value if isinstance(value, dict) else None


def marked(raw: Mapping[str, Any], mark: str = MARK) -> str | None:
    """Our reference that came back. None: it was not made here, or not by this installation."""
    value = mapping(raw.get("metadata") or {}).get(mark)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ValueError("metadata that is not ours")
    return value
