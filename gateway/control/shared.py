"""What every operation may need: the biller that is meant, and a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.errors import NotFound

Json = dict[str, Any]


class Refused(Exception):
    """The operation was not carried out; `details` are further lines for the operator."""

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = list(details)


def biller_of(ctx: Context, slug: str | None) -> Biller:
    """The biller of that name, or the only one there is."""
    known = sorted(biller.slug for biller in ctx.directory.billers())
    if slug is None and len(known) == 1:
        [slug] = known
    biller = ctx.directory.biller_called(slug) if slug else None
    if biller is not None:
        return biller
    if not known:
        raise NotFound("there is no biller yet: write a file and run achit apply")
    if slug is None:
        raise NotFound(f"say which biller, with --biller: {', '.join(known)}")
    raise NotFound(f"there is no biller {slug}; there is {', '.join(known)}")
