"""Page cursors: opaque to a client, a database id to us. A cursor is no secret; what it leads to is still the biller's own."""

from __future__ import annotations

from gateway.api.errors import INVALID_QUERY, Fault, Refusal
from gateway.domain import ids

_MARK = "c"


def show(before_id: int | None, prefix: str) -> str | None:
    """The cursor of the page that goes on before this id; None stays None."""
    return None if before_id is None else _MARK + ids.show(prefix, before_id)


def read(text: str | None, prefix: str) -> int | None:
    """The id behind a cursor of this kind; None for the first page. Raises the 400 that names the parameter."""
    if text is None:
        return None
    before_id = ids.read(prefix, text.removeprefix(_MARK)) if text.startswith(_MARK) else None
    if before_id is None:
        fault = Fault("cursor", "not_a_cursor", "is not a cursor of this list")
        raise Refusal(INVALID_QUERY, "cursor: is not a cursor of this list", faults=[fault])
    return before_id
