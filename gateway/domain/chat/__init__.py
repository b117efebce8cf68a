"""The conversation with a payer, as values: what is known and what was written in, what is done and answered out.

Pure: no I/O, no clock, no SQL. `gateway.services.chat` reads the situation, carries out the actions and sends the answer.
"""

from gateway.domain.chat.values import (
    Action,
    AlreadyPaid,
    Answer,
    Cancel,
    Choice,
    Chosen,
    Debt,
    Dispute,
    Found,
    Intent,
    Language,
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
    "Debt",
    "Dispute",
    "Found",
    "Intent",
    "Language",
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
]
