"""What the page knows of an invoice and of a conversation, event by event: the same fold as any follower of the stream could do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.demo.box.feed import Json

_PER_CHANNEL = ("delivery.sent", "delivery.delivered", "delivery.failed")
_DECIDES = frozenset({"invoice.paid", "invoice.voided", "invoice.reopened"})
_GONE = frozenset({"reminder.sent", "reminder.skipped", "reminder.revoked"})
_CLAIMS = ("promise.made", "promise.broken", "promise.kept", "promise.withdrawn")
_SHOWN = (
    "number",
    "status",
    "icon",
    "amount",
    "paid",
    "outstanding",
    "due_on",
    "payer",
    "pay_url",
    "icon_url",
    "deliveries",
    "refunds",
    "sequence",
    "created_at",
    "settled_at",
)


def invoice_after(known: Json | None, event: Json) -> Json:
    """The invoice of an event. `marks` are when the steps of its journey happened, the first time each; `reminders` are to come."""
    known = known or {"marks": {}, "reminders": {}, "promise": None}
    invoice, kind, data = event["invoice"], event["type"], event["data"]
    marks = dict(known["marks"])
    if kind in _DECIDES:
        marks["settled"] = event["occurred_at"]
    step = f"{kind}.{data['channel']}.{data['kind']}" if kind in _PER_CHANNEL else kind
    marks.setdefault(step, event["occurred_at"])
    shown = {name: invoice[name] for name in _SHOWN}
    return shown | {
        "api_id": invoice["id"],
        "marks": marks,
        "reminders": _reminders_after(known["reminders"], kind, data),
        "promise": _promise_after(known["promise"], kind, data),
    }


def _reminders_after(known: Mapping[str, Json], kind: str, data: Json) -> dict[str, Json]:
    reminders = dict(known)
    name = data.get("reminder")
    if name is None:
        return reminders
    said = {key: data[key] for key in ("source", "step", "tone")} if "source" in data else {}
    if kind == "reminder.planned":
        reminders[name] = said | {"at": data["at"], "held": None}
    elif kind == "reminder.held":
        reminders[name] = said | {"at": data["until"], "held": data["reason"]}
    elif kind in _GONE:
        reminders.pop(name, None)
    return reminders


def _promise_after(known: Json | None, kind: str, data: Json) -> Json | None:
    if kind not in _CLAIMS:
        return known
    state = kind.partition(".")[2]
    return None if state == "withdrawn" else {"state": state, "on": data.get("on") or (known or {}).get("on")}


def conversation_after(known: Json | None, event: Json) -> Json:
    """The conversation that an event is about: who it is with, its last words, and whether a person is wanted."""
    kind, data = event["type"], event["data"]
    item = known or {
        "api_id": data["conversation"],
        "channel": data["channel"],
        "payers": [],
        "last": "",
        "author": "",
        "at": event["occurred_at"],
        "waiting": False,
        "count": 0,
    }
    item = item | {"at": event["occurred_at"], "payers": data.get("payers") or item["payers"]}
    if kind == "person.wanted":
        return item | {"waiting": True}
    author = "payer" if kind == "message.received" else data["author"]
    answered = {"waiting": False} if author == "biller" else {}
    return item | answered | {"last": data["text"], "author": author, "count": item["count"] + 1}


def is_said(event: Mapping[str, Any]) -> bool:
    """Whether an event is of a conversation."""
    return event["type"] in ("message.received", "message.sent", "person.wanted")
