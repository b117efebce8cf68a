"""The pages that the bank shows to a payer: the home bank, the card form, the wallet, and the panel of every other outcome.

They work without JavaScript, load nothing from elsewhere and never ask for a card number.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import jinja2
import orjson
from aiohttp import web
from babel.dates import format_date
from babel.numbers import format_decimal

from gateway.demo.bank.ledger import OFFERED, Outcome, Payment, State
from gateway.ports.values import Money, decimals

_HTML = Path(__file__).parent / "html"
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "cache-control": "no-store",
}
# Accounts of nobody: the IBANs fail their check digits on purpose.
_ACCOUNTS = (("current", "RO00 DEMO 0000 0000 0000 1001"), ("savings", "RO00 DEMO 0000 0000 0000 2002"))


class Brand(StrEnum):
    """Whose pages these are: a name, a mark and colours of its own."""

    BANK = "bank"
    PLASTIK = "plastik"
    BUZUNAR = "buzunar"


class Pages:
    """Renders the pages for one bank; `payee` is who is paid, as the payer sees it."""

    def __init__(self, payee: str, brand: Brand = Brand.BANK) -> None:
        self._payee = payee
        self._brand = brand
        self._texts: Mapping[str, Mapping[str, str]] = orjson.loads((_HTML / "texts.json").read_bytes())
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HTML), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self.style = (_HTML / "bank.css").read_text("utf-8")

    def show(self, payment: Payment, language: str | None) -> web.Response:
        """The page of this payment in its present state; `language` outweighs the locale that the gateway asked for."""
        terms = payment.terms
        lang = self._language(language, "ro" if terms.locale.lower().startswith("ro") else "en")
        offered = OFFERED.get(payment.state, ())
        return self._page(
            f"{terms.method}.html",
            lang,
            payment=payment,
            payee=self._payee,
            amount=_shown(terms.amount_minor, terms.currency, lang),
            received=_shown(payment.received_minor, terms.currency, lang),
            refunded=_shown(payment.refunded_minor, terms.currency, lang),
            rest=_shown(terms.amount_minor - payment.received_minor, terms.currency, lang),
            date=format_date(payment.created_at, "long", locale=lang),
            accounts=_ACCOUNTS,
            payable=Outcome.PAID in offered,
            others=[outcome for outcome in offered if outcome is not Outcome.PAID],
            partly=payment.state is State.PARTLY_PAID,
        )

    def missing(self, language: str | None) -> web.Response:
        """The page for a payment that this bank does not know."""
        return self._page("missing.html", self._language(language, "en"), status=404)

    def _language(self, wanted: str | None, otherwise: str) -> str:
        return wanted if wanted and wanted in self._texts else otherwise

    def _page(self, name: str, lang: str, *, status: int = 200, **context: Any) -> web.Response:
        text = self._environment.get_template(name).render(
            lang=lang, t=self._texts[lang], brand=self._brand.value, **context
        )
        return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)


def _shown(minor: int, currency: str, lang: str) -> str:
    places = decimals(currency)
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return f"{format_decimal(Money(minor, currency).decimal, pattern, locale=lang)} {currency}"
