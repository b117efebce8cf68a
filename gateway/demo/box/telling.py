"""What happens at the stand-ins and in the event stream, put into the feed as the page shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.demo.box.desk import Desk
from gateway.demo.box.feed import Feed, Json
from gateway.demo.box.vendors import Vendors
from gateway.demo.erp import Push
from gateway.demo.letters import Mail
from gateway.demo.telegram import ChatMessage
from gateway.demo.twilio import Sms

_PER_CHANNEL = ("delivery.sent", "delivery.delivered", "delivery.failed")
_DECIDES = frozenset({"invoice.paid", "invoice.voided", "invoice.reopened"})


class Teller:
    """Tells the feed about one biller and its vendors."""

    def __init__(self, feed: Feed, slug: str, vendors: Vendors) -> None:
        self._feed = feed
        self._slug = slug
        self._vendors = vendors
        self._written = 0
        vendors.twilio.messages.on_add(self._sms)
        vendors.mail.messages.on_add(self._mail)
        vendors.telegram.messages.on_add(self._chat)
        vendors.telegram.edits.on_add(self._chat)
        vendors.telegram.deleted.on_add(self._chat)
        vendors.telegram.receipts.on_add(self._chat)
        vendors.erp.on_push(self._push)

    async def follow(self, desk: Desk) -> None:
        """Follows the biller's events until it is cancelled."""
        await desk.follow(self._event)

    def written(self, channel: str, text: str, status: int) -> None:
        """What Ana wrote, and how the gateway answered the vendor that carried it."""
        self._written += 1
        self._message(f"{channel}-mine-{self._written}", channel, mine=True, text=text, answered=status)

    def _sms(self, sms: Sms) -> None:
        self._message(sms.sid, "sms", text=sms.body, to=sms.to, segments=sms.segments)

    def _mail(self, mail: Mail) -> None:
        self._message(mail.message_id, "email", subject=mail.subject, sender=mail.from_header, to=mail.recipient)

    def _chat(self, message: ChatMessage) -> None:
        name = f"telegram-{message.message_id}"
        known = self._feed.get("message", f"{self._slug}:{name}")
        buttons = [button.as_json() for button in message.buttons]
        at = known["at"] if known else None
        bill = message.bill and {
            "title": message.bill.title,
            "message_id": message.message_id,
            "paid": message.bill.paid,
        }
        changes = {"edited": message.edited, "deleted": message.deleted}
        self._message(name, "telegram", text=message.text, buttons=buttons, bill=bill, at=at, **changes)

    def _message(self, name: str, channel: str, *, mine: bool = False, at: str | None = None, **content: Any) -> None:
        item = {"id": f"{self._slug}:{name}", "biller": self._slug, "channel": channel, "mine": mine, **content}
        self._feed.put("message", item | {"at": at or _now(self._vendors)})

    def _push(self, push: Push) -> None:
        booked = self._vendors.erp.invoices.get(push.number or "")
        self._feed.put(
            "push",
            {
                "id": f"{self._slug}:{len(self._vendors.erp.pushes)}",
                "biller": self._slug,
                "type": push.type,
                "number": push.number,
                "sequence": push.sequence,
                "verified": push.verified,
                "duplicate": push.duplicate,
                "code": push.code,
                "ms": push.ms,
                "age_ms": push.age_ms,
                "booked": booked.status if booked else None,
                "at": push.received_at.isoformat(),
            },
        )

    def _event(self, event: Json) -> None:
        """Folds an event into its invoice; `marks` are when the steps of its journey happened, the first time each."""
        invoice = event["invoice"]
        if invoice is None:
            return
        item_id = f"{self._slug}:{invoice['id']}"
        known = self._feed.get("invoice", item_id) or {"marks": {}}
        marks = dict(known["marks"])
        kind, data = event["type"], event["data"]
        if kind in _PER_CHANNEL:
            kind = f"{kind}.{data['channel']}.{data['kind']}"
        if kind in _DECIDES:
            marks["settled"] = event["occurred_at"]
        marks.setdefault(kind, event["occurred_at"])
        shown = {name: invoice[name] for name in _SHOWN}
        self._feed.put(
            "invoice", shown | {"id": item_id, "biller": self._slug, "api_id": invoice["id"], "marks": marks}
        )


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


def _now(vendors: Vendors) -> str:
    now: datetime = vendors.erp.now()
    return now.isoformat()
