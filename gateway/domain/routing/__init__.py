"""Routing: which methods a payer is shown, in which order, and which account serves each. Decisions are values with reasons."""

from gateway.domain.routing.browsers import Browser, browser_of
from gateway.domain.routing.deciding import decide
from gateway.domain.routing.draws import drawn
from gateway.domain.routing.fees import PPM, Cost, Fee, day_value
from gateway.domain.routing.health import Health, Thresholds, Trouble, Window, pause_s, trouble_of
from gateway.domain.routing.values import (
    Candidate,
    Cap,
    Decision,
    Option,
    Policy,
    Route,
    Situation,
    Standing,
    Used,
    Why,
)

__all__ = [
    "PPM",
    "Browser",
    "Candidate",
    "Cap",
    "Cost",
    "Decision",
    "Fee",
    "Health",
    "Option",
    "Policy",
    "Route",
    "Situation",
    "Standing",
    "Thresholds",
    "Trouble",
    "Used",
    "Why",
    "Window",
    "browser_of",
    "day_value",
    "decide",
    "drawn",
    "pause_s",
    "trouble_of",
]
