"""What an update says, in our words. The library checks no types, so every value that leaves here is looked at."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypeVar

from telegram import CallbackQuery, ChatMemberUpdated, Contact, PreCheckoutQuery, SuccessfulPayment, Update, User
from telegram import Message as Written
from telegram.constants import ChatMemberStatus, ChatType

from gateway.ports.channel import ChannelEvent, InboundMessage
from gateway.ports.native import CheckoutQuery
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import MAX_MINOR, Money

T = TypeVar("T")
_START = re.compile(r"/start(?:@\w{1,64})? ([A-Za-z0-9_-]{1,64})\s*")
_NUMBER = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_MEDIA = (
    *("animation", "audio", "contact", "dice", "document", "location", "paid_media", "photo", "poll", "sticker"),
    *("story", "venue", "video", "video_note", "voice"),
)


def event(event_id: str, update: Update, received_at: datetime) -> ChannelEvent | None:
    """None when it is of no interest: groups, channels, edited and service messages. Raises one of UNREADABLE."""
    if update.pre_checkout_query is not None:
        return _checkout(event_id, update.pre_checkout_query, received_at)
    if update.callback_query is not None:
        return _pressed(event_id, update.callback_query, received_at)
    if update.my_chat_member is not None:
        return _member(event_id, update.my_chat_member)
    if update.message is None:
        return None
    if update.message.successful_payment is not None:  # wherever it was pressed: money is never of no interest
        return _paid(event_id, update.message.successful_payment, _typed(update.message.date, datetime))
    return _said(event_id, update.message)


def _checkout(event_id: str, query: PreCheckoutQuery, received_at: datetime) -> CheckoutQuery:
    return CheckoutQuery(
        event_id,
        _typed(query.id, str),
        str(_typed(query.from_user.id, int)),
        _typed(query.invoice_payload, str),
        _money(query.total_amount, query.currency),
        received_at,
        _locale(query.from_user),
    )


def _paid(event_id: str, payment: SuccessfulPayment, at: datetime) -> PaymentUpdate:
    """Money that Telegram's provider has taken. Its id is made of Telegram's and the provider's: either finds it there."""
    telegrams, providers = (
        _typed(payment.telegram_payment_charge_id, str),
        _typed(payment.provider_payment_charge_id, str),
    )
    if not telegrams:
        raise ValueError("a payment without an id")
    return PaymentUpdate(
        event_id,
        f"{telegrams}:{providers}",
        PaymentStatus.PAID,
        at,
        _money(payment.total_amount, payment.currency),
        reference=_typed(payment.invoice_payload, str),
    )


def _pressed(event_id: str, query: CallbackQuery, received_at: datetime) -> InboundMessage:
    sent, button = query.message, _typed(query.data, str)
    external_id = _id_of(sent.chat.id, sent.message_id) if sent else event_id
    return InboundMessage(
        event_id,
        external_id,
        str(_typed(query.from_user.id, int)),
        "",
        received_at,
        button=button,
        in_reply_to=external_id if sent else None,
        locale=_locale(query.from_user),
    )


def _member(event_id: str, member: ChatMemberUpdated) -> InboundMessage | None:
    if member.chat.type != ChatType.PRIVATE:
        return None
    status, address = member.new_chat_member.status, str(_typed(member.chat.id, int))
    stop, start = status == ChatMemberStatus.BANNED, status == ChatMemberStatus.MEMBER
    return InboundMessage(event_id, event_id, address, "", _typed(member.date, datetime), stop=stop, start=start)


def _said(event_id: str, message: Written) -> InboundMessage | None:
    if message.chat.type != ChatType.PRIVATE:
        return None
    media = any(getattr(message, kind) for kind in _MEDIA)
    if not (message.text or message.caption or media):
        return None
    text = _typed(message.text or message.caption or "", str)
    answered, start_command = message.reply_to_message, _START.fullmatch(text)
    contact = _own_number(message.contact, message.from_user)
    return InboundMessage(
        event_id,
        _id_of(message.chat.id, message.message_id),
        str(_typed(message.chat.id, int)),
        text,
        _typed(message.date, datetime),
        start_token=start_command[1] if start_command else None,
        forwarded=message.forward_origin is not None,
        media=media and contact is None,
        in_reply_to=_id_of(message.chat.id, answered.message_id) if answered else None,
        contact=contact,
        locale=_locale(message.from_user),
    )


def _own_number(contact: Contact | None, sender: User | None) -> str | None:
    """The sender's number in E.164, which Telegram has verified. Anybody else's proves nothing, and is None."""
    if contact is None or sender is None or contact.user_id is None:
        return None
    if _typed(contact.user_id, int) != _typed(sender.id, int):
        return None
    number = _NUMBER.fullmatch(re.sub(r"[\s().-]", "", _typed(contact.phone_number, str)))
    return f"+{number[1]}" if number else None


def _locale(user: User | None) -> str | None:
    """Telegram's `language_code`: an IETF tag, where the client sends one."""
    code = user.language_code if user else None
    return code if isinstance(code, str) and _LOCALE.fullmatch(code) else None


def _money(minor: Any, currency: Any) -> Money:
    if not 0 <= _typed(minor, int) <= MAX_MINOR:
        raise ValueError("not an amount")
    return Money(minor, _typed(currency, str))


def _id_of(chat_id: Any, message_id: Any) -> str:
    return f"{_typed(chat_id, int)}:{_typed(message_id, int)}"


def _typed(value: object, wanted: type[T]) -> T:
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise TypeError("not what the Bot API promises")
    return value
