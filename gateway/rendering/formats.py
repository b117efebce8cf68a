"""Amounts and dates as a language writes them: `1.234,50 lei`, `vineri, 27 nov. 2026`. One instance a language; no
clock.

CLDR (through Babel) gives separators, order and names; the number of decimals is that of ISO 4217, where CLDR differs.
The catalogue may say more: message context `currency` names a currency (`RON` is `lei` in Romanian), contexts `date`,
`short date`, `chat date`, `chat day` and `chat time` hold the patterns.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_time, get_month_names
from babel.numbers import NumberPattern, get_currency_symbol, parse_pattern
from babel.support import Translations

from gateway.ports.values import Money, decimals
from gateway.rendering.gsm7 import to_gsm7

LONG_DATE = "EEEE, d MMM y"
SHORT_DATE = "d MMM y"
CHAT_DATE, CHAT_DAY, CHAT_TIME = "EEEE, d MMM", "EEE, d MMM", "'at' H:mm"
_HELD = 4096  # a date repeats over a bill run, an amount within one message
_SPACES = str.maketrans({"\u202f": "\u00a0"})  # a narrow space is a box in some phones' fonts


class Formats:
    """How one language writes values. `money` and `day` are for people; `sms_money` and `sms_day` are short and
    plain.
    """

    def __init__(self, language: str, translations: Translations) -> None:
        self._locale = Locale.parse(language.replace("-", "_"))
        self._translations = translations
        self._long = str(translations.pgettext("date", LONG_DATE))
        self._short = str(translations.pgettext("short date", SHORT_DATE))
        self._chat = {
            name: str(translations.pgettext(name, pattern))
            for name, pattern in (("chat date", CHAT_DATE), ("chat day", CHAT_DAY), ("chat time", CHAT_TIME))
        }
        self.right_to_left = self._locale.text_direction == "rtl"
        self.latin = "?" not in to_gsm7(self._locale.get_display_name() or "")
        self._written = lru_cache(_HELD)(self._write)
        self._patterns = lru_cache(256)(self._pattern)
        self.day = lru_cache(_HELD)(self._day)
        self.sms_day = lru_cache(_HELD)(self._sms_day)
        self.near_day = lru_cache(_HELD)(self._near_day)

    def money(self, money: Money) -> str:
        """The amount with its currency, held together by a no-break space."""
        return self._written(money.minor, money.currency, False)

    def sms_money(self, money: Money) -> str:
        """The same with plain spaces, and with the currency's code unless the catalogue names it: signs do not fit an
        SMS.
        """
        return self._written(money.minor, money.currency, True)

    def instant(self, at: datetime, *, brief: bool = False) -> str:
        """A day that is near with its hour, in the zone of `at`: `vineri, 27 nov., ora 9:00`; brief, `vin., 27 nov. 9:00`."""
        if brief:
            return f"{self.near_day(at.date(), brief)} {at.hour}:{at.minute:02}"
        hour = str(format_time(at.timetz(), self._chat["chat time"], locale=self._locale)).translate(_SPACES)
        return f"{self.near_day(at.date(), brief)}, {hour}"

    def named_day(self, day: int, month: int) -> str:
        """A day that there may not be in any year: `31 noiembrie`."""
        return f"{day} {get_month_names('wide', locale=self._locale)[month]}" if 1 <= month <= 12 else str(day)

    def _near_day(self, day: date, brief: bool = False) -> str:
        """A day without its year, for which no one is in doubt."""
        return str(format_date(day, self._chat["chat day" if brief else "chat date"], self._locale)).translate(_SPACES)

    def _write(self, minor: int, currency: str, plain: bool) -> str:
        number, before, after = self._patterns(currency, plain)
        digits = number.apply(Decimal(abs(minor)).scaleb(-decimals(currency)), self._locale)
        text = f"{'-' if minor < 0 else ''}{before}{digits}{after}".translate(_SPACES)
        return text.replace("\u00a0", " ") if plain else text

    def _pattern(self, currency: str, plain: bool) -> tuple[NumberPattern, str, str]:
        """The locale's own pattern for a currency with its ISO decimals: number, and what stands before and after
        it.
        """
        name = str(self._translations.pgettext("currency", currency))
        if name == currency and not plain:
            name = get_currency_symbol(currency, self._locale)
        places = decimals(currency)
        shape = str(self._locale.currency_formats["standard"].pattern).split(";")[0]
        number = "#" + shape.split("#", 1)[1].rsplit("0", 1)[0] + "0"
        before, after = (side.replace("¤", name) for side in shape.split(number))
        if before[-1:].isalpha():
            before += "\u00a0"
        if after[:1].isalpha():
            after = "\u00a0" + after
        whole = number.split(".")[0]
        return parse_pattern(f"{whole}.{'0' * places}" if places else whole), before, after

    def _day(self, day: date) -> str:
        return str(format_date(day, self._long, self._locale))

    def _sms_day(self, day: date) -> str:
        return str(format_date(day, self._short, self._locale)).replace("\u00a0", " ")
