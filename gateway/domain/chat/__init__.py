"""The conversation with a payer, as values: what is known and what was written in, what is done and answered out.

Pure: no I/O, no clock, no SQL. `gateway.services.chat` reads the situation, carries out the actions and sends the answer.
"""

from gateway.domain.chat import answers
from gateway.domain.chat.deciding import decide
from gateway.domain.chat.grammar import Grammar, Grammars
from gateway.domain.chat.mentions import mentions
from gateway.domain.chat.values import (
    Action,
    AlreadyPaid,
    Answer,
    Cancel,
    Choice,
    Chosen,
    CodeGiven,
    Debt,
    Dispute,
    FactorGiven,
    Found,
    Intent,
    Language,
    Link,
    Mentions,
    Person,
    Plan,
    Policy,
    Promise,
    Remind,
    Situation,
    Start,
    State,
    Stop,
    Turn,
    Who,
)

__all__ = [
    "Action",
    "AlreadyPaid",
    "Answer",
    "Cancel",
    "Choice",
    "Chosen",
    "CodeGiven",
    "Debt",
    "Dispute",
    "FactorGiven",
    "Found",
    "Grammar",
    "Grammars",
    "Intent",
    "Language",
    "Link",
    "Mentions",
    "Person",
    "Plan",
    "Policy",
    "Promise",
    "Remind",
    "Situation",
    "Start",
    "State",
    "Stop",
    "Turn",
    "Who",
    "answers",
    "decide",
    "mentions",
]
