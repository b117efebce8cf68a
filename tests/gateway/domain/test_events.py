"""Which events an endpoint is pushed: what it names, or all but those that are for who looks into one decision."""

from __future__ import annotations

from gateway.domain.events import QUIET, EventType, wanted


def test_an_endpoint_that_names_nothing_is_pushed_all_but_the_quiet_ones() -> None:
    assert {kind for kind in EventType if not wanted([], kind)} == QUIET == {EventType.PAYMENT_ROUTED}


def test_an_endpoint_is_pushed_what_it_names() -> None:
    assert wanted(["payment.routed"], EventType.PAYMENT_ROUTED)
    assert not wanted(["payment.routed"], EventType.INVOICE_PAID)
