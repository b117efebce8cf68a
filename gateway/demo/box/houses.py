"""One biller of the box with all that is its own."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.box.billers import DemoBiller
from gateway.demo.box.desk import Desk
from gateway.demo.box.drafts import Drafting
from gateway.demo.box.telling import Teller
from gateway.demo.box.vendors import Vendors


@dataclass(frozen=True, slots=True)
class House:
    """A biller, the vendors around it, its own side of the API, and who tells the page of them."""

    biller: DemoBiller
    vendors: Vendors
    desk: Desk
    drafting: Drafting
    teller: Teller
