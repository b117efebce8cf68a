"""What happens at the stand-ins and in the event stream, put into the feed as the page shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from gateway.demo.box.desk import Desk
from gateway.demo.box.drafts import ANA
from gateway.demo.box.feed import Feed, Json
from gateway.demo.box.folding import conversation_after, invoice_after, is_said
from gateway.demo.box.vendors import Vendors
from gateway.demo.erp import Push
from gateway.demo.letters import Mail
from gateway.demo.telegram import ChatMessage
from gateway.demo.twilio import Sms
from gateway.demo.whatsapp import PhoneMessage


class Teller:
    """Tells the feed about one biller and its vendors."""

    def __init__(self, feed: Feed, slug: str, vendors: Vendors) -> None:
        self._feed = feed
        self._slug = slug
        self._vendors = vendors
        self._written = 0
        vendors.twilio.messages.on_add(self._sms)
        vendors.whatsapp.messages.on_add(self._whatsapp)
        vendors.mail.messages.on_add(self._mail)
        vendors.telegram.messages.on_add(self._chat)
        vendors.telegram.edits.on_add(self._chat)
        vendors.telegram.deleted.on_add(self._chat)
        vendors.telegram.receipts.on_add(self._chat)
        vendors.erp.on_push(self._push)

    async def follow(self, desk: Desk) -> None:
        """Follows the biller's events until it is cancelled."""
        await desk.follow(self._event)

    @property
    def knows_ana(self) -> bool:
        """Whether the biller has ever billed her."""
        invoices = self._feed.all("invoice")
        return any(item["biller"] == self._slug and item["payer"]["name"] == ANA.name for item in invoices)

    async def carry(self, channel: str, text: str, sent: Awaitable[int], *, pressed: bool = False) -> int:
        """Shows what Ana writes, or the button that she presses, and then how the gateway answered the vendor that carried it.

        Gives that status. Raises LookupError, and shows nothing, when there is no such button.
        """
        self._written += 1
        name, at, status = f"{channel}-mine-{self._written}", _now(self._vendors), None
        written: dict[str, Any] = {"mine": True, "text": text, "pressed": pressed, "at": at}
        self._message(name, channel, **written, answered=None)
        try:
            status = await sent
            return status
        finally:
            self._message(name, channel, **written, answered=status, deleted=status is None)

    def _sms(self, sms: Sms) -> None:
        if sms.to == ANA.phone:
            self._message(sms.sid, "sms", text=sms.body, to=sms.to, segments=sms.segments)

    def _whatsapp(self, message: PhoneMessage) -> None:
        if message.to == ANA.phone:
            buttons = [{"text": one.text, "url": one.url, "callback_data": one.data} for one in message.buttons]
            self._message(message.wamid, "whatsapp", text=message.text, buttons=buttons, template=message.template)

    def _mail(self, mail: Mail) -> None:
        if mail.recipient == ANA.email:
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
        """Folds an event into the invoice or the conversation that it is about."""
        if event["invoice"] is not None:
            self._fold("invoice", event["invoice"]["id"], event, invoice_after)
        if is_said(event):
            self._fold("conversation", event["data"]["conversation"], event, conversation_after)

    def _fold(self, kind: str, name: str, event: Json, after: Callable[[Json | None, Json], Json]) -> None:
        item_id = f"{self._slug}:{name}"
        changed = after(self._feed.get(kind, item_id), event)
        self._feed.put(kind, changed | {"id": item_id, "biller": self._slug})


def _now(vendors: Vendors) -> str:
    now: datetime = vendors.erp.now()
    return now.isoformat()
