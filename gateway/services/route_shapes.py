"""Decisions of routing as JSON shows them, with a sentence for each reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from gateway.domain.events import instant
from gateway.domain.ids import INVOICE, show
from gateway.domain.routing import Cost, Decision, Option, Route, Why
from gateway.ports.values import Money, decimals
from gateway.services.routing import Explained, Known

Json = dict[str, Any]

SENTENCES: dict[Why, str] = {
    Why.HIDDEN: "your policy hides it",
    Why.CURRENCY: "it does not take this currency",
    Why.COUNTRY: "it does not serve your country",
    Why.BELOW_MINIMUM: "the amount is below its minimum",
    Why.ABOVE_MAXIMUM: "the amount is above its maximum",
    Why.CAPPED: "your cap for it is reached",
    Why.CHOICE: "it has nothing to pick, or not what was picked",
    Why.IN_APP: "a wallet does not work in this app's browser",
    Why.TRIED: "it has just failed",
    Why.UNHEALTHY: "nothing that serves it is well, and another method is",
    Why.ONLY: "it is the only one",
    Why.WELL: "it is well, and the next is not",
    Why.PINNED: "your policy pins it",
    Why.BANK_IN_APP: "a bank works best in this app's browser",
    Why.DRAWN: "your split drew it for this invoice",
    Why.PRICED: "its cost is known, and that of the next is not",
    Why.CHEAPER: "it costs less than the next",
    Why.SOONER: "its money comes sooner than that of the next, at the same cost",
    Why.EARLIER: "it stands before the next in your file, at the same cost",
    Why.AFTER_WELL: "it is not well, and the one before is",
    Why.AFTER_PINNED: "your policy pins the one before, or pins it higher",
    Why.AFTER_BANK_IN_APP: "a bank works better in this app's browser",
    Why.AFTER_DRAWN: "your split drew the one before for this invoice",
    Why.UNPRICED: "its cost is not known",
    Why.DEARER: "it costs more than the one before",
    Why.SLOWER: "its money comes later than that of the one before, at the same cost",
    Why.LATER: "it stands after the one before in your file, at the same cost",
}


def explained_json(found: Explained) -> Json:
    """All of an explanation."""
    seen = found.situation
    return {
        "invoice": show(INVOICE, found.invoice.id),
        "number": found.invoice.number,
        "payable": found.invoice.payable,
        "amount": _money(seen.amount),
        "browser": seen.browser.value,
        "methods": [route_json(route, seen.amount.currency) for route in found.decision.routes],
        "accounts": [_known_json(known) for known in found.accounts],
        "unanswered": found.asked,
    }


def route_json(route: Route, currency: str) -> Json:
    return {
        "method": route.method,
        "shown": route.shown,
        "troubled": route.troubled,
        "because": [_reason(why) for why in route.because],
        "options": [option_json(option, currency) for option in route.options],
    }


def option_json(option: Option, currency: str) -> Json:
    """An account for a method. `because` is why it is left out, or why it is at its place."""
    reasons = option.excluded or ((option.because,) if option.because else ())
    return {
        "account": option.account,
        "used": option.usable,
        "health": option.standing.health.value,
        "cost": cost_json(option.cost, currency),
        "because": [_reason(why) for why in reasons],
    }


def cost_json(cost: Cost, currency: str) -> Json:
    """`total` is the fee and the value of the days; null where the fee is not known."""
    return {
        "fee": cost.fee and _money(cost.fee),
        "days_to_cash": cost.days,
        "waiting": _exact(cost.waiting, currency),
        "total": None if cost.fee is None else _exact(cost.total, currency),
        "currency": currency,
    }


def routed_data(decision: Decision, method: str, option: Option, currency: str, browser: str) -> Json:
    """What `payment.routed` adds: who was chosen, why, and what else there was."""
    route = decision.route(method)
    return {
        "method": method,
        "account": option.account,
        "because": option.because and option.because.value,
        "health": option.standing.health.value,
        "browser": browser,
        "cost": cost_json(option.cost, currency),
        "options": [
            {
                "account": one.account,
                "because": [why.value for why in one.excluded or ((one.because,) if one.because else ())],
                "cost": cost_json(one.cost, currency),
            }
            for one in (route.options if route else ())
        ],
        "methods": [one.method for one in decision.shown],
    }


def _known_json(known: Known) -> Json:
    window = known.window
    return {
        "account": known.name,
        "health": known.standing.health.value,
        "trouble": known.standing.trouble and known.standing.trouble.value,
        "retry_at": known.rest and instant(known.rest.retry_at),
        "opened": window.opened,
        "failed": window.failed,
        "confirmed": window.confirmed,
        "declined": window.declined,
        "mean_ms": window.mean_ms,
    }


def _reason(why: Why) -> Json:
    return {"code": why.value, "text": SENTENCES[why]}


def _money(money: Money) -> Json:
    return {"value": money.value, "currency": money.currency}


def _exact(millionths: int, currency: str) -> str:
    """Millionths of a minor unit as a decimal of the currency, without zeros at its end but with the currency's own decimals."""
    places = decimals(currency)
    whole = f"{Decimal(millionths).scaleb(-places - 6):f}"
    head, _, tail = whole.partition(".")
    tail = tail.rstrip("0").ljust(places, "0")
    return f"{head}.{tail}" if tail else head
