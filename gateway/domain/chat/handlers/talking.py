"""What is not about a debt: stop and start, language, whether it is really us, a person, help, thanks, and not understanding."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.chat.hearing import Heard
from gateway.domain.chat.mentions import addresses
from gateway.domain.chat.talk import Talk, ask, say
from gateway.domain.chat.values import (
    ASKED_LIVES,
    Choice,
    Found,
    Intent,
    Language,
    Person,
    Situation,
    Start,
    State,
    Stop,
    Turn,
)

OFFERED_AFTER = 2  # messages not understood
SILENT_AFTER = 4
_PERSON = Choice("person", "person")


def stop(talk: Talk, heard: Heard) -> Turn:
    """Done at once when it is all that was said; within a longer message it is asked."""
    if not heard.whole:
        return ask(
            talk,
            heard,
            "stop_hint",
            choices=[Choice("stop", "stop"), Choice("person", "person")],
            data={"yes": "stop", "no": "keep"},
        )
    everywhere = heard.detail == "everywhere"
    return say(heard, "stopped_everywhere" if everywhere else "stopped", Stop(everywhere))


def start(talk: Talk, heard: Heard) -> Turn:
    """Messages come again; to who had not stopped them it is a greeting."""
    everywhere = heard.detail == "everywhere"
    if talk.situation.stopped or everywhere:
        return say(heard, "started", Start(everywhere))
    return replace(give_help(talk, heard), actions=(Start(everywhere),))


def language(talk: Talk, heard: Heard) -> Turn:
    """The language that was named, if we have it; else which of those we have."""
    languages = talk.situation.languages
    if heard.detail in languages:
        return say(heard, "language_set", Language(heard.detail), locale=heard.detail)
    choices = [Choice(f"language_{name}", f"lang:{name}") for name in languages][:3]
    return ask(talk, heard, "language_which", choices=choices)


def verify(talk: Talk, heard: Heard) -> Turn:
    """Genuine is only what was found to be ours, about this payer, with no address in it that is not; anything else is not."""
    situation = talk.situation
    ours = [one for one in situation.found if one.ours and situation.who]
    strange = set(addresses(heard.text)) - {one.text for one in ours}
    if ours and not strange and all(one.ours for one in situation.found):
        return _genuine(heard, ours[0])
    if strange or situation.found or situation.forwarded:
        return say(heard, "not_ours", biller=situation.biller)
    state = State("verify_what", {}, situation.now + ASKED_LIVES)
    return say(heard, "verify_what", state=state, biller=situation.biller)


def person(talk: Talk, heard: Heard) -> Turn:
    """Passed on when it is asked for; offered to who is angry."""
    if heard.detail == "angry":
        return ask(talk, heard, "person_offered", choices=[_PERSON], data={"yes": "person", "no": "keep"})
    support = talk.situation.policy.support
    why = heard.detail if heard.detail == "not_understood" else "asked"
    return say(heard, "person_at" if support else "person", Person(why), support=support)


def give_help(talk: Talk, heard: Heard) -> Turn:
    choices = [Choice("list", "list"), Choice("remind", "remind"), _PERSON]
    return ask(talk, heard, "help", choices=choices, biller=talk.situation.biller)


def thanks(talk: Talk, heard: Heard) -> Turn:
    """Answered once; thanks for that need no more words."""
    if talk.situation.state.asked == "thanks":
        return Turn(heard.intent, state=talk.situation.state)
    return say(heard, "thanks", state=State("thanks", {}, talk.situation.now + ASKED_LIVES))


def kept(talk: Talk, heard: Heard) -> Turn:
    """What was asked is not wanted; everything stays as it is."""
    return say(heard, "kept")


def not_understood(talk: Talk, heard: Heard) -> Turn:
    """Once: what can be said. Twice: a person. Then silence, so that two machines do not talk to each other."""
    misses = talk.situation.state.misses + 1
    heard = replace(heard, intent=Intent.NONE)
    if misses >= SILENT_AFTER:
        return Turn(Intent.NONE, state=State(misses=misses))
    if misses >= OFFERED_AFTER:
        turn = ask(
            talk,
            heard,
            "not_understood_again",
            choices=[Choice("person", "person:not_understood")],
            data={"yes": "person:not_understood"},
        )
    else:
        turn = ask(talk, heard, "not_understood", choices=[Choice("list", "list"), Choice("help", "help")])
    return replace(turn, state=replace(turn.state, misses=misses))


def unknown(situation: Situation, heard: Heard) -> Turn:
    """Said to who is not known: how to become known, and nothing else, whatever they wrote."""
    misses = situation.state.misses + 1
    if misses >= SILENT_AFTER:
        return Turn(heard.intent, state=State(misses=misses))
    return say(heard, "unknown", state=State("code", {}, situation.now + ASKED_LIVES, misses), biller=situation.biller)


def _genuine(heard: Heard, found: Found) -> Turn:
    if found.sent_at is None:
        return say(heard, "genuine", number=found.number)
    return say(heard, "genuine_sent", number=found.number, at=found.sent_at)
