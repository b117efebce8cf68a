"""Page cursors: opaque to a client, a database id to us. A cursor is no secret; what it leads to is still the biller's own."""

from __future__ import annotations

from gateway.domain.ids import base62, unbase62

PATTERN = "^c[0-9A-Za-z]{1,10}$"


def show(before_id: int | None) -> str | None:
    """The cursor of the page that goes on before this id; None stays None."""
    return None if before_id is None else f"c{base62(before_id)}"


def read(text: str | None) -> int | None:
    """The id behind a cursor that fits PATTERN; None for the first page."""
    return None if text is None else unbase62(text[1:])
