"""The decision: one function, whose value the page shows, the click follows, the event keeps and `explain` prints."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from gateway.domain.routing.draws import drawn
from gateway.domain.routing.fees import Cost, day_value
from gateway.domain.routing.health import Health
from gateway.domain.routing.values import Candidate, Cap, Decision, Option, Route, Situation, Standing, Why

BANK = "bank"
_LAST = sys.maxsize
# What decides between two, most important first: what it is called at the better place, and at the worse one.
_OPTION_PARTS = (
    (Why.WELL, Why.AFTER_WELL),
    (Why.PINNED, Why.AFTER_PINNED),
    (Why.DRAWN, Why.AFTER_DRAWN),
    (Why.PRICED, Why.UNPRICED),
    (Why.CHEAPER, Why.DEARER),
    (Why.SOONER, Why.SLOWER),
    (Why.EARLIER, Why.LATER),
)
_ROUTE_PARTS = (
    (Why.PINNED, Why.AFTER_PINNED),
    (Why.BANK_IN_APP, Why.AFTER_BANK_IN_APP),
    (Why.PRICED, Why.UNPRICED),
    (Why.CHEAPER, Why.DEARER),
    (Why.SOONER, Why.SLOWER),
    (Why.EARLIER, Why.LATER),
)
Key = tuple[int, ...]


def decide(situation: Situation) -> Decision:
    """Which methods are shown, in which order, and which account serves each; why, for each that is shown and each that is not.

    The same situation always gives the same decision. No account that is down is chosen while another account, of any method that
    may be shown, is not.
    """
    methods = dict.fromkeys(method for one in situation.candidates for method in one.methods)
    routes = [_route(situation, method) for method in methods]
    well = any(route.shown and route.options[0].fit for route in routes)
    judged = [_by_health(route, well=well) for route in routes]
    places = {method: place for place, method in enumerate(methods)}

    def key(route: Route) -> Key:
        first = route.options[0].cost
        policy, in_app = situation.policy, situation.browser.in_app and situation.policy.bank_first_in_app
        return (
            _place(policy.pinned_methods, route.method),
            int(in_app and route.method != BANK),
            *_price(first),
            places[route.method],
        )

    shown = sorted((route for route in judged if route.shown), key=key)
    reasons = _reasons([key(route) for route in shown], _ROUTE_PARTS)
    ordered = [replace(route, because=(why,)) for route, why in zip(shown, reasons, strict=True)]
    return Decision((*ordered, *(route for route in judged if not route.shown)))


def _route(situation: Situation, method: str) -> Route:
    """A method by all but the health of others. Its `because` is why it is left out."""
    options = [_option(situation, one, method) for one in situation.candidates if method in one.methods]
    usable = _served(situation, method, [option for option in options if option.usable])
    others = [option for option in options if not option.usable]
    hidden = method in situation.policy.hidden_methods
    because: Sequence[Why] = ()
    if hidden:
        because = (Why.HIDDEN,)
    elif not usable:
        because = tuple(dict.fromkeys(why for option in others for why in option.excluded))
    return Route(method, not because, because, (*usable, *others))


def _by_health(route: Route, *, well: bool) -> Route:
    """An unhealthy method is hidden while another one is well, else it is shown with words."""
    if not route.shown or route.options[0].fit:
        return route
    return replace(route, shown=False, because=(Why.UNHEALTHY,)) if well else replace(route, troubled=True)


def _option(situation: Situation, one: Candidate, method: str) -> Option:
    amount, days = situation.amount, one.days_to_cash
    cost = Cost(one.fee_of(amount), days, day_value(amount, days, situation.policy.cost_of_day))
    excluded = tuple(why for why, out in _OUT if out(situation, one, method))
    return Option(one.id, one.name, cost, situation.standings.get(one.id, Standing()), excluded)


Out = Callable[[Situation, Candidate, str], bool]


def _capped(situation: Situation, one: Candidate, method: str) -> bool:
    return any(cap.account == one.name and _reached(situation, cap) for cap in situation.policy.caps)


def _reached(situation: Situation, cap: Cap) -> bool:
    """Whether this payment would go beyond an amount, or the account has more than its share already."""
    used, amount = situation.used.of(cap.per), situation.amount
    mine = used.get(cap.account, 0)
    if cap.amount_minor is not None and cap.currency == amount.currency and mine + amount.minor > cap.amount_minor:
        return True
    return cap.share is not None and 100 * mine > cap.share * sum(used.values())


_OUT: Sequence[tuple[Why, Out]] = (
    (Why.HIDDEN, lambda situation, one, method: one.name in situation.policy.hidden_accounts),
    (
        Why.CURRENCY,
        lambda situation, one, method: one.currencies is not None and situation.amount.currency not in one.currencies,
    ),
    (Why.COUNTRY, lambda situation, one, method: bool(one.countries) and situation.country not in one.countries),
    (
        Why.BELOW_MINIMUM,
        lambda situation, one, method: situation.amount.minor < one.min_amount.get(situation.amount.currency, 0),
    ),
    (
        Why.ABOVE_MAXIMUM,
        lambda situation, one, method: situation.amount.minor > one.max_amount.get(situation.amount.currency, _LAST),
    ),
    (Why.CAPPED, _capped),
    (Why.CHOICE, lambda situation, one, method: (one.id, method) in situation.unable),
    (Why.IN_APP, lambda situation, one, method: situation.browser.in_app and method in one.wallets),
    (Why.TRIED, lambda situation, one, method: one.id in situation.tried),
)


def _served(situation: Situation, method: str, usable: Sequence[Option]) -> list[Option]:
    """The usable accounts of a method in the order in which they serve it, each with the reason for its place."""
    weights = situation.policy.weights.get(method, {})
    fit = {option.account: weights[option.account] for option in usable if option.fit and weights.get(option.account)}
    lot = drawn(f"{situation.key}:{method}", fit)
    places = {one.id: place for place, one in enumerate(situation.candidates)}

    def key(option: Option) -> Key:
        return (
            int(option.standing.health is Health.DOWN),
            _place(situation.policy.pinned_accounts, option.account),
            int(lot is not None and option.account != lot),
            *_price(option.cost),
            places[option.account_id],
        )

    ordered = sorted(usable, key=key)
    reasons = _reasons([key(option) for option in ordered], _OPTION_PARTS)
    return [replace(option, because=why) for option, why in zip(ordered, reasons, strict=True)]


def _price(cost: Cost) -> Key:
    return (int(cost.fee is None), cost.total, cost.days)


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else _LAST


def _reasons(keys: Sequence[Key], parts: Sequence[tuple[Why, Why]]) -> Iterable[Why]:
    """Why the first is before the second, and each other after the one before it: the first part in which they differ."""
    if len(keys) == 1:
        return [Why.ONLY]
    decisive = [
        next(part for part, (this, next_) in enumerate(zip(one, other, strict=True)) if this != next_)
        for one, other in itertools.pairwise(keys)
    ]
    return [parts[part][0] for part in decisive[:1]] + [parts[part][1] for part in decisive]
