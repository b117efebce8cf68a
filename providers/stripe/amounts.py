"""Money as Stripe counts it: whole smallest units, with an idea of its own about two currencies.

Nothing is ever rounded. Source: docs.stripe.com/currencies, its lists and "special cases" (read 2026-11-26).
"""

from __future__ import annotations

from gateway.ports.values import MAX_MINOR, Money

# What cards may be charged in. Left out: UGX, which that page counts in shillings in one place and in hundredths in another.
_CURRENCIES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD JPY
KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY
TTD TWD TZS UAH USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""
CURRENCIES = frozenset(_CURRENCIES.split())

_PER_MINOR = {"ISK": 100}  # no decimals, and still written in hundredths
_MINOR_PER = {"MGA": 100}  # two decimals, and charged in whole ariary
_STEP = dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], 10)  # three decimals, of which the last is 0


def units(money: Money) -> int:
    """`money` as Stripe's `amount`. Raises ValueError where Stripe could not take exactly that."""
    if money.currency not in CURRENCIES:
        raise ValueError("not a currency of Stripe's")
    whole, rest = divmod(money.minor * _PER_MINOR.get(money.currency, 1), _MINOR_PER.get(money.currency, 1))
    if rest or whole % _STEP.get(money.currency, 1):
        raise ValueError("Stripe does not count so finely in this currency")
    return whole


def money(amount: object, currency: object) -> Money:
    """Stripe's `amount` and `currency` as Money. Raises ValueError on anything else."""
    if type(amount) is not int or not 0 <= amount <= MAX_MINOR or not isinstance(currency, str):
        raise ValueError("not an amount")
    code = currency.upper()
    if code not in CURRENCIES:
        raise ValueError("not a currency of Stripe's")
    whole, rest = divmod(amount * _MINOR_PER.get(code, 1), _PER_MINOR.get(code, 1))
    if rest:
        raise ValueError("an amount between two minor units")
    return Money(whole, code)
