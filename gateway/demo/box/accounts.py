"""The provider accounts that each biller of the box has: what each costs, when its money comes, and whose pages it shows.

Cards are taken by two of them, so that one can fail and the payer notices nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.demo.bank import Brand, Fee


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account at one company, and what it keeps of a payment: so much, and such a percentage. `days` until the money is there."""

    name: str
    brand: Brand
    methods: Sequence[str]
    fixed: str = "0.00"
    percent: str = "0"
    days: int = 0

    @property
    def fees(self) -> Mapping[str, Fee]:
        """The same as the company itself counts it, by the method."""
        fee = Fee(int(Decimal(self.fixed) * 100), int(Decimal(self.percent) * 100))
        return dict.fromkeys(self.methods, fee)

    @property
    def secrets(self) -> tuple[str, str]:
        """The names of its key and of the secret that signs its webhooks."""
        return f"{self.name.upper()}_KEY", f"{self.name.upper()}_SECRET"

    def table(self, url: str) -> dict[str, Any]:
        """Its table in the biller's file, as TOML would read it."""
        key, secret = self.secrets
        return {
            "adapter": "sandbox",
            "api_url": url,
            "api_key": {"env": key},
            "webhook_secret": {"env": secret},
            "methods": list(self.methods),
            "fee": {"fixed": self.fixed, "percent": self.percent},
            "days_to_cash": self.days,
        }


BANK = DemoAccount("bank", Brand.BANK, ("bank",), fixed="0.50", days=1)
CARDS = DemoAccount("plastik", Brand.PLASTIK, ("card",), fixed="0.30", percent="1.2", days=2)
WALLET = DemoAccount("buzunar", Brand.BUZUNAR, ("wallet", "card"), percent="1.9", days=5)
ACCOUNTS = (BANK, CARDS, WALLET)

# In a box with one payer a single failure is enough to see what follows from it, and half a minute to see it over.
HEALTH = {"failures": 1, "failure_share": "10%", "slow": "3s", "rest": "30s"}
