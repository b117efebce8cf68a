"""The `[reminders]` table: what it says becomes the policy, and all that is wrong in it is said at once, by its place."""

from __future__ import annotations

import tomllib
from datetime import time
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import orjson
import pytest

from gateway.config import Biller, BillerConfig, ConfigError
from gateway.config.biller import biller_from
from gateway.config.shapes import Place, read_section
from gateway.domain.deliveries import Step
from gateway.domain.reminders import Calendar, Condition, Policy, Quiet, Rung, Tone
from tests.harness.tables import NEVER, Plugins, faults_of

HEAD = """
    [biller]
    slug = "acme"
    legal_name = "Acme Energie SRL"
    display_name = "Acme"
    [channels.sms]
    adapter = "pigeon"
    loft = "Bran"
    whistle = { env = "WHISTLE" }
    [reminders]
"""


def read(table: str) -> BillerConfig:
    values = tomllib.loads(dedent(HEAD) + dedent(table))
    return biller_from(values, Plugins(), where=Place(Path(), {"WHISTLE": NEVER}), file="acme.toml")


def policy(table: str) -> Policy:
    return read(table).biller.reminders.rules("RO")


def test_without_steps_nobody_is_reminded_and_nights_are_quiet() -> None:
    found = policy("")
    assert found.rungs == ()
    assert found.quiet == Quiet(time(20), time(9))
    assert found.calendar == Calendar("RO", working_days=True, holidays=True)
    assert (found.per_day, found.per_week, found.hold_out, found.share) == (1, 3, 0, 100)
    assert (found.dispute_holds, found.already_paid_days, found.grace_s, found.thanks) == (True, 5, 86_400, True)


def test_a_full_table() -> None:
    found = policy(
        """
        hour = 10
        quiet = "21:30-08:00"
        working_days = false
        holidays = false
        per_day = 2
        per_week = 5
        cost = { sms = "0.0375" }
        cost_currency = "EUR"
        cost_share = 10
        hold_out = 5
        dispute = "ignore"
        already_paid = "3d"
        broken_promise = { tone = "final", channels = ["sms"] }
        thanks = false
        grace = "2d"
        [[reminders.steps]]
        at = "-3d"
        channels = ["sms"]
        [[reminders.steps]]
        at = "0"
        hour = 18
        channels = [{ channel = "sms", wait = "2h" }]
        [[reminders.steps]]
        at = "+10d"
        tone = "final"
        when.min_amount = "50.00"
        when.max_amount = "5000"
        when.currency = "RON"
        when.languages = ["ro-RO"]
        when.tags = ["home"]
        when.without_tags = ["vip"]
        """
    )
    step = Step("sms", 600)
    condition = Condition(Decimal("50.00"), Decimal("5000"), "RON", ("ro",), ("home",), ("vip",))
    assert found.rungs == (
        Rung(-3, Tone.FRIENDLY, (step,)),
        Rung(0, Tone.FRIENDLY, (Step("sms", 7_200),), 18),
        Rung(10, Tone.FINAL, (), None, condition),
    )
    assert (found.hour, found.quiet, found.calendar) == (10, Quiet(time(21, 30), time(8)), Calendar("RO"))
    assert (found.per_day, found.per_week, found.hold_out, found.share) == (2, 5, 5, 10)
    assert (found.costs, found.cost_currency) == ({"sms": Decimal("0.0375")}, "EUR")
    assert (found.dispute_holds, found.already_paid_days, found.grace_s, found.thanks) == (False, 3, 172_800, False)
    assert found.broken == Rung(0, Tone.FINAL, (step,))


def test_nights_and_broken_promises_can_be_left_out() -> None:
    found = policy('quiet = ""\nbroken_promise = false')
    assert (found.quiet, found.broken) == (None, None)


def test_what_is_kept_reads_back_as_it_was() -> None:
    config = read(
        'steps = [{ at = "0", when = { min_amount = "1.50" } }]\ncost = { sms = "0.35" }\nquiet = ""\nbroken_promise = false'
    )
    kept = orjson.loads(config.biller.model_dump_json(by_alias=True))
    assert read_section(Biller, kept, Place(Path(), {}), "") == config.biller


@pytest.mark.parametrize(
    ("table", "place", "words"),
    [
        ('steps = [{ at = "3d" }]', "reminders.steps[0].at", 'is written as "-3d"'),
        ('steps = [{ at = "+0d" }]', "reminders.steps[0].at", 'is written as "-3d"'),
        ("steps = [{ at = 1.5 }]", "reminders.steps[0].at", 'is written as "-3d"'),
        ('steps = [{ tone = "firm" }]', "reminders.steps[0].at", "is missing"),
        ('steps = [{ at = "+3d" }, { at = "0" }]', "reminders", "stand in the order of their days"),
        ('steps = [{ at = "0" }, { at = "0" }]', "reminders", "each day once"),
        ('steps = [{ at = "0", tone = "angry" }]', "reminders.steps[0].tone", "friendly"),
        ('steps = [{ at = "0", hour = 24 }]', "reminders.steps[0].hour", "23"),
        ('steps = [{ at = "0", channels = ["smoke"] }]', "reminders.steps[0].channels[0]", "no [channels.smoke]"),
        ('steps = [{ at = "0", channels = [{ channel = "smss" }] }]', "reminders.steps[0].channels[0]", 'mean "sms"'),
        (
            'steps = [{ at = "0", channels = [{ channel = "sms", until = "read" }] }]',
            "reminders.steps[0].channels[0].until",
            "sms does not report when a message is read",
        ),
        ('steps = [{ at = "0", when = { minimum = "1.00" } }]', "reminders.steps[0].when.minimum", "unknown key"),
        ('steps = [{ at = "0", when = { min_amount = 5 } }]', "reminders.steps[0].when.min_amount", "in a string"),
        ('steps = [{ at = "0", when = { currency = "LEI" } }]', "reminders.steps[0].when.currency", "unknown currency"),
        ('broken_promise = { channels = ["smoke"] }', "reminders.broken_promise.channels[0]", "no [channels.smoke]"),
        ('quiet = "20-9"', "reminders.quiet", 'is written as "20:00-09:00"'),
        ('quiet = "20:00-20:00"', "reminders.quiet", 'is written as "20:00-09:00"'),
        ('cost = { pigeon = "0.35" }', "reminders.cost.pigeon", "no [channels.pigeon]"),
        ('cost = { sms = "0,35" }', "reminders.cost.sms", "is an amount in a string"),
        ("per_day = 0", "reminders.per_day", "greater than or equal to 1"),
        ("cost_share = 101", "reminders.cost_share", "100"),
        ("hold_out = 91", "reminders.hold_out", "90"),
        ('dispute = "fight"', "reminders.dispute", "hold"),
        ('already_paid = "36h"', "reminders.already_paid", "whole days"),
        ('already_payed = "3d"', "reminders.already_payed", 'did you mean "already_paid"?'),
    ],
)
def test_a_fault_is_named_by_its_place(table: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(table)
    faults = faults_of(error)
    assert faults.keys() == {f"acme.toml: {place}"}
    assert words in faults[f"acme.toml: {place}"]


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        read('steps = [{ at = "x", channels = ["smoke"] }]\nquiet = "x"\nper_week = 0\ncost = { smoke = "1" }')
    assert faults_of(error).keys() == {
        "acme.toml: reminders.steps[0].at",
        "acme.toml: reminders.steps[0].channels[0]",
        "acme.toml: reminders.quiet",
        "acme.toml: reminders.per_week",
        "acme.toml: reminders.cost.smoke",
    }
