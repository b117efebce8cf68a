"""What a biller allows in a conversation: the `[chat]` table of its file."""

from __future__ import annotations

from pydantic import Field

from gateway.config.shapes import Duration, Section


class ChatPolicy(Section):
    """How payers are answered. `latest` is how long after its due date a debt may be put off or promised, `postponements` how often.

    `parts` above 1 lets a payer pay in so many parts, the first of `least_share` percent or more, the last within `parts_within`.
    `pay_day` is the day of the month that "after my salary" means. `keep` is how long what was said is kept. A sender may write
    `burst` messages at once and `per_hour` in the long run; more is dropped unread, save a STOP.
    """

    enabled: bool = True
    latest_s: Duration = Field(default=30 * 86_400, alias="latest")
    postponements: int = Field(default=3, ge=0, le=100)
    parts: int = Field(default=0, ge=0, le=12)
    least_share: int = Field(default=20, ge=1, le=100)
    parts_within_s: Duration = Field(default=60 * 86_400, alias="parts_within")
    pay_day: int | None = Field(default=None, ge=1, le=31)
    remind_hour: int = Field(default=9, ge=0, le=23)
    burst: int = Field(default=15, ge=1, le=1_000)
    per_hour: int = Field(default=60, ge=1, le=10_000)
    keep_s: Duration = Field(default=400 * 86_400, alias="keep")
