"""What a conversation answers, in words: a text of the catalogue filled in, with buttons, or with numbered choices in one SMS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.domain.chat import Answer, Choice, Debt
from gateway.ports.channel import Button
from gateway.ports.values import Money
from gateway.rendering.compiling import Voice
from gateway.rendering.gsm7 import NAME_SEPTETS, NUMBER_SEPTETS, SEGMENT, septets, shorten, to_gsm7

LABEL = 20  # characters of a button, on the channel that has least room
DATA = 64  # bytes of what a button brings back
ITEMS = 3  # of a list in an SMS
LINES = 10  # of a list elsewhere
_POINTS = re.compile(r"(?<=[^\W\d_])\.\.(?=[\s?]|$)")  # an abbreviated month at the end of a sentence
_WITH_YEAR = ("due", "paid_on")
_LIMITS = {"biller": NAME_SEPTETS, "number": NUMBER_SEPTETS, "label": 14, "support": 40}


@dataclass(frozen=True, slots=True)
class AnswerText:
    """An answer, ready for a channel. The links are in the buttons where there are any, else in the text."""

    text: str
    buttons: tuple[Button, ...] = ()


def answer_text(voice: Voice, answer: Answer, *, sms: bool, buttons: int) -> AnswerText:
    """One segment of GSM 7-bit text on SMS; elsewhere text with up to `buttons` buttons, and with numbered lines where there are none.

    Raises KeyError when the catalogue's text needs a value that the answer does not have.
    """
    writer = _Writer(voice, sms)
    if sms:
        return AnswerText(writer.fitted(answer))
    shown = writer.buttons(answer)[:buttons]
    text = writer.text(answer, LINES)
    if not any(button.url for button in shown):
        text = "\n".join([text, *writer.links(answer)])
    if not buttons and answer.choices:
        text = "\n".join([text, *(f"{at}. {writer.label(one, at)}" for at, one in enumerate(answer.choices, 1))])
    return AnswerText(text, tuple(shown))


class _Writer:
    """One answer in one voice."""

    def __init__(self, voice: Voice, sms: bool) -> None:
        self._voice = voice
        self._formats = voice.formats
        self._sms = sms
        self._plain = sms and voice.formats.latin

    def text(self, answer: Answer, most: int) -> str:
        """The answer with a list of at most `most` items."""
        values = {name: self._value(name, value) for name, value in answer.values.items()}
        values["items"] = self._items(answer.items, most)
        values["choices"] = "; ".join(f"{at} {self.label(one, at)}" for at, one in enumerate(answer.choices, 1))
        values["total"] = self._say("item.total", {"amount": total}) if (total := values.get("total")) else ""
        values["parts"] = "\n".join(
            self._say("item.part", {"amount": self._value("amount", amount), "on": self._value("on", day)})
            for day, amount in answer.values.get("parts", ())
        )
        return self._say(f"answer.{answer.name}", values)

    def fitted(self, answer: Answer) -> str:
        """The answer in one SMS: of a list as much as fits."""
        tail = self.links(answer)[:1]
        text = ""
        for most in range(min(ITEMS, max(1, len(answer.items))), 0, -1):
            text = " ".join([self.text(answer, most).replace("\n", " "), *tail])
            text = to_gsm7(text) if self._plain else text
            if not self._plain or septets(text) <= SEGMENT:
                break
        return text

    def links(self, answer: Answer) -> list[str]:
        """Where it is paid: links, or what stands for them where the biller wants none."""
        if answer.pay_url:
            return [answer.pay_url]
        return [
            debt.pay_url or self._free(debt, answer.site)
            for debt in answer.pay
            if debt.pay_url or debt.pay_code or answer.site
        ]

    def buttons(self, answer: Answer) -> list[Button]:
        """Links first, then choices. A label that has no room is a shorter one, or cut."""
        found = [Button(self._pay_label(answer, debt), url=debt.pay_url) for debt in answer.pay if debt.pay_url]
        if answer.pay_url:
            found.append(Button(self._cut(self._say("choice.pay_now", {})), url=answer.pay_url))
        return found + [Button(self.label(one, at), data=one.data) for at, one in enumerate(answer.choices, 1)]

    def label(self, choice: Choice, place: int) -> str:
        values = {name: self._value(name, value, brief=True) for name, value in choice.values.items()}
        label = self._say(f"choice.{choice.label}", {**values, "place": place})
        return self._cut(label)

    def _pay_label(self, answer: Answer, debt: Debt) -> str:
        if debt.paid:
            return self._cut(self._say("choice.receipt", {}))
        label = self._say("choice.pay", {"amount": self._formats.money(debt.outstanding)})
        short = label if len(label) <= LABEL or len(answer.pay) > 1 else self._say("choice.pay_now", {})
        return self._cut(short)

    def _cut(self, label: str) -> str:
        return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"

    def _free(self, debt: Debt, site: str) -> str:
        """The biller's own site and the code of the invoice; without a code, the reference of a bank transfer."""
        if debt.pay_code and site:
            return self._say("chat.free", {"site": site, "code": debt.pay_code})
        if debt.pay_code:
            return self._say("chat.free_code", {"code": debt.pay_code})
        return self._say("chat.free_reference", {"reference": debt.payment_reference or debt.number})

    def _items(self, debts: Sequence[Debt], most: int) -> str:
        if not debts:
            return ""
        lines = [
            self._say("item.debt", {
                "place": at, "number": self._value("number", debt.number), "amount": self._value("amount", debt.outstanding),
                "due": self._value("due", debt.due_on),
            })
            for at, debt in enumerate(debts[:most], 1)
        ]  # fmt: skip
        if len(debts) > most:
            lines.append(self._say("item.more", {"count": len(debts) - most}))
        return ("; " if self._sms else "\n").join(lines)

    def _value(self, name: str, value: Any, *, brief: bool = False) -> Any:
        """A value as the language writes it; names and numbers as long as an SMS has room."""
        formats = self._formats
        match value:
            case Money():
                return formats.sms_money(value) if self._sms else formats.money(value)
            case datetime():
                return formats.instant(value, brief=brief)
            case date() if name in _WITH_YEAR:
                return formats.sms_day(value) if self._sms else formats.day(value)
            case date():
                return formats.near_day(value, brief)
            case (int(day), int(month)) if name == "about":
                return formats.named_day(day, month)
            case str() if self._plain and name in _LIMITS:
                return shorten(to_gsm7(value), _LIMITS[name], keep_end=name == "number")
            case None:
                return ""
        return value

    def _say(self, key: str, values: Mapping[str, Any]) -> str:
        group, _, name = key.partition(".")
        if self._sms:
            text = self._voice.label(f"{name}.sms", group, default="") or self._voice.label(name, group)
        else:
            text = self._voice.label(name, group)
        return _POINTS.sub(".", text % values)
