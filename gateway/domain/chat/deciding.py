"""One message, one turn: what was asked before it, what it says, and what is done about that. Pure, and the same every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from gateway.domain.chat.amounts import value_of
from gateway.domain.chat.answering import answered
from gateway.domain.chat.answers import FACTOR
from gateway.domain.chat.grammar import Grammar, Grammars
from gateway.domain.chat.handlers import claiming, paying, planning, talking, waiting
from gateway.domain.chat.hearing import Heard, button, heard, pressed
from gateway.domain.chat.mentions import addresses, only_code
from gateway.domain.chat.talk import KEPT, Talk, ask, by_number, calendar
from gateway.domain.chat.understanding import Understood, understand
from gateway.domain.chat.values import (
    Choice,
    Chosen,
    CodeGiven,
    FactorGiven,
    Found,
    Intent,
    Situation,
    State,
    Turn,
    Who,
)
from gateway.domain.dates import Reading, read

Handler = Callable[[Talk, Heard], Turn]
_ABOUT_DEBTS: Mapping[Intent, Handler] = {
    Intent.LIST: paying.owed,
    Intent.PAY: paying.pay,
    Intent.STATUS: paying.status,
    Intent.RECEIPT: paying.receipt,
    Intent.REMIND: waiting.remind,
    Intent.CANCEL: waiting.cancel,
    Intent.PROMISE: waiting.promise,
    Intent.ALREADY_PAID: claiming.already_paid,
    Intent.DISPUTE: claiming.dispute,
    Intent.PLAN: planning.plan,
}
_ABOUT_NONE: Mapping[Intent, Handler] = {
    Intent.STOP: talking.stop,
    Intent.START: talking.start,
    Intent.LANGUAGE: talking.language,
    Intent.VERIFY: talking.verify,
    Intent.PERSON: talking.person,
    Intent.HELP: talking.give_help,
    Intent.THANKS: talking.thanks,
    Intent.CHOICE: talking.kept,
}
_STRANGERS = (Intent.STOP, Intent.START, Intent.LANGUAGE, Intent.VERIFY, Intent.PERSON, Intent.THANKS)
PAYERS = 4  # behind one address that are offered
_DATED = frozenset((Intent.NONE, Intent.CHOICE, Intent.PAY, Intent.REMIND, Intent.PROMISE, Intent.PLAN))
_OPEN = (Intent.NONE, Intent.CHOICE)
_ALWAYS = (Intent.STOP, Intent.START)  # whatever was asked


def decide(situation: Situation, text: str, button: str | None = None, *, grammar: Grammars) -> Turn:
    """What a message leads to. Never raises, whatever was written or pressed; nothing of anybody but `situation.who` is in it."""
    turn = _link_free(situation, _decided(situation, text, button, grammar))
    if turn.state.misses and turn.intent is not Intent.NONE and situation.who:
        return replace(turn, state=replace(turn.state, misses=0))
    return turn


def hear(situation: Situation, text: str, grammar: Grammars) -> tuple[Understood, Reading]:
    """A text in the conversation's language, else in the first other that understands it; and the date that it names."""
    first = grammar.get(situation.locale) or grammar.get(situation.locale.partition("-")[0])
    tongues: list[Grammar] = [*([first] if first else []), *(one for one in grammar.values() if one is not first)]
    found = [understand(text, one) for one in tongues[:1]]
    if not found or found[0].intent in _OPEN:
        found += [understand(text, one) for one in tongues[1:]]
    clear = (
        [one for one in found if one.intent not in _OPEN]
        or [one for one in found if one.intent is not Intent.NONE]
        or found
    )
    understood = clear[0] if clear else Understood()
    if understood.intent not in _DATED or not text:
        return understood, Reading()
    when = calendar(Talk(situation, None))
    reading = read(text, at=situation.now, zone=situation.zone, locale=situation.locale, calendar=when)
    return understood, reading


def _link_free(situation: Situation, turn: Turn) -> Turn:
    """Where the biller wants no links: pay codes, references and the biller's own site."""
    if turn.answer is None or not situation.policy.link_free:
        return turn
    pay = tuple(replace(debt, pay_url="") for debt in turn.answer.pay)
    return replace(turn, answer=replace(turn.answer, pay=pay, pay_url="", site=situation.policy.site))


def _decided(situation: Situation, text: str, press: str | None, grammar: Grammars) -> Turn:
    if press is not None and (wish := pressed(_dated(press, situation), situation.zone)) is not None:
        return _done(situation, _recalled(situation, wish, grammar), grammar)
    understood, reading = hear(situation, text, grammar)
    state = situation.state
    if state.until is not None and state.until < situation.now:
        situation = replace(situation, state=State(misses=state.misses))
        state = situation.state
    if understood.whole and understood.intent in _ALWAYS:
        return _done(situation, heard(understood, reading, text), grammar)
    if (code := only_code(text)) and (understood.intent is Intent.NONE or any(map(str.isdecimal, text))):
        return _code(situation, code, grammar)
    if state.asked == FACTOR and (factor := _factor(situation, understood, text)) is not None:
        return factor
    if any(addresses(text)) or situation.forwarded:
        return talking.verify(Talk(situation, None), Heard(Intent.VERIFY, text=text))
    if (reply := answered(situation, understood, reading, text)) is not None:
        return _done(situation, _recalled(situation, reply, grammar), grammar)
    wish = heard(understood, reading, text)
    if wish.intent is Intent.NONE and (named := _named(situation, text)):
        return _done(situation, _recalled(situation, named, grammar), grammar)
    if wish.intent is Intent.NONE and (reading.at or reading.question) and len(understood.words.words) <= 8:
        return _done(situation, replace(wish, intent=Intent.REMIND, verb="day"), grammar)
    return _done(situation, wish, grammar)


def _dated(press: str, situation: Situation) -> str:
    """A button that says tomorrow means the day after it is pressed, whenever its message came."""
    if not press.endswith(":tomorrow"):
        return press
    tomorrow = situation.now.astimezone(situation.zone).date() + timedelta(days=1)
    return f"{press.removesuffix(':tomorrow')}:{tomorrow.isoformat()}"


def _recalled(situation: Situation, wish: Heard, grammar: Grammars) -> Heard:
    """An answer to "which invoice?" with all that was said before it: the day, the amount, the reason."""
    data, then = situation.state.data, str(situation.state.data.get("then", ""))
    if situation.state.asked != "which_debt" or not wish.ids or wish.verb != data.get("verb"):
        return wish
    before = pressed(then, situation.zone) or heard(*hear(situation, then, grammar), then)
    if before.intent in (wish.intent, Intent.PAY):
        return replace(before, ids=wish.ids, intent=wish.intent, verb=wish.verb)
    return wish


def _named(situation: Situation, text: str) -> Heard | None:
    """A message that names an invoice and says no more: the one that was asked for, else one to be paid."""
    data = situation.state.data
    verb = str(data.get("verb") or "pay") if situation.state.asked == "which_debt" else "pay"
    for who in situation.who:
        if len(found := by_number(who.debts, text)) == 1:
            return pressed(button(verb, found), situation.zone)
    return None


def _done(situation: Situation, wish: Heard, grammar: Grammars) -> Turn:
    """The handler's turn, once it is known about which payer."""
    if not situation.who and wish.intent not in _STRANGERS:
        return talking.unknown(situation, wish)
    if wish.verb == "who":
        return _choose(situation, wish, grammar)
    owner = _owner(situation, wish)
    if wish.intent in _ABOUT_NONE:
        return _ABOUT_NONE[wish.intent](Talk(situation, owner), wish)
    if wish.intent not in _ABOUT_DEBTS:
        return talking.not_understood(Talk(situation, owner), wish)
    if owner is None:
        labels = tuple(who.label for who in situation.who[:PAYERS])
        choices = [Choice("payer", f"who:{who.payer_id}", {"label": who.label}) for who in situation.who[:PAYERS]]
        data = {"then": wish.text[:KEPT], "verb": wish.verb}
        return ask(Talk(situation, None), wish, "which_payer", choices=choices, data=data, labels=labels)
    handler = waiting.day_alone if wish.verb == "day" else _ABOUT_DEBTS[wish.intent]
    turn = handler(Talk(situation, owner), wish)
    if len(situation.who) > 1 and owner.payer_id != situation.chosen:
        return replace(turn, actions=(Chosen(owner.payer_id), *turn.actions))
    return turn


def _owner(situation: Situation, wish: Heard) -> Who | None:
    """Whose debts are spoken of: those of the button, of the only payer, of the one that was chosen."""
    for who in situation.who:
        if wish.ids and any(debt.invoice_id in wish.ids for debt in (*who.debts, *who.settled)):
            return who
    if len(situation.who) == 1:
        return situation.who[0]
    return next((who for who in situation.who if who.payer_id == situation.chosen), None)


def _choose(situation: Situation, wish: Heard, grammar: Grammars) -> Turn:
    """The payer is chosen, and what was written before that is read again."""
    chosen = next((who for who in situation.who if wish.ids == (who.payer_id,)), None)
    if chosen is None:
        return talking.not_understood(Talk(situation, None), wish)
    then, state = str(situation.state.data.get("then", "list")), situation.state
    press = then if state.data.get("verb") not in ("", "day") else None
    if state.asked != "which_payer":
        then, press = "", "list"
    again = replace(situation, chosen=chosen.payer_id, state=State())
    turn = _decided(again, then, press, grammar)
    return replace(turn, actions=(Chosen(chosen.payer_id), *turn.actions))


def _code(situation: Situation, code: str, grammar: Grammars) -> Turn:
    """A pay code that is about this payer shows its debt; any other is looked up by the service."""
    found: Found | None = next(
        (one for one in situation.found if one.text == code and one.ours and one.invoice_id), None
    )
    if found is not None and situation.who:
        return _done(
            situation,
            Heard(Intent.PAY, ids=(found.invoice_id or 0,), verb="pay", text=f"pay:{found.invoice_id}"),
            grammar,
        )
    return Turn(Intent.CODE, (CodeGiven(code),), state=situation.state)


def _factor(situation: Situation, understood: Understood, text: str) -> Turn | None:
    """An answer to the second factor; None when it is plainly something else."""
    if understood.whole and understood.intent in _STRANGERS:
        return None
    words = text[:KEPT].split()
    alone = len(words) == 1 and understood.intent is Intent.NONE
    likely = [word for word in words if alone or any(map(str.isdecimal, word))]
    tail = "".join(filter(str.isalnum, likely[-1])).upper() if likely else ""
    if not tail:
        return None
    values = (value_of(word) for word in understood.words.words)
    said = understood.amount.value if understood.amount else next((one for one in values if one is not None), None)
    return Turn(
        Intent.CODE, (FactorGiven(tail, said, str(situation.state.data.get("kept", ""))),), state=situation.state
    )
