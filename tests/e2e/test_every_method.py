"""Every method of a biller in Romania, on one page: from the payer's press to the pushed event, at a strict stand-in of each vendor.

Every adapter has proved itself alone; here each goes the whole way through the gateway, with the page, the webhook route, the worker and
the push endpoint that there are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.domain import references
from gateway.domain.events import EventType
from gateway.domain.ids import ATTEMPT, show
from gateway.domain.invoices import InvoiceStatus
from gateway.domain.payments import AttemptStatus
from gateway.domain.refunds import RefundState
from gateway.ports.errors import NotSupported
from gateway.ports.values import Money
from gateway.services import refunds
from gateway.services.refunds import Wanted
from gateway.store.database import Database, open_database
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Fault, Happening, Key
from tests.harness.databases import Databases
from tests.harness.methods import VENDORS, Shop, Vendor, open_shop

A, IS, R = AttemptStatus, InvoiceStatus, RefundState
every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
CARD = next(vendor for vendor in VENDORS if vendor.name == "stripe")
WALLET = next(vendor for vendor in VENDORS if vendor.name == "sandbox")


@pytest.fixture
async def embedded(databases: Databases) -> AsyncIterator[Database]:
    """The engine makes no difference to an adapter; what does is asked of both elsewhere."""
    url = await databases.make("sqlite")
    database = await open_database(url)
    yield database
    await database.aclose()
    await databases.drop(url)


@pytest.fixture
async def shop(embedded: Database, clock: FakeClock, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    vendor = request.node.callspec.params.get("vendor") if hasattr(request.node, "callspec") else None
    async with open_shop(embedded, clock, vendor.name if vendor else "") as opened:
        yield opened


@every_vendor
@pytest.mark.parametrize("currency", ["RON", "EUR"])
async def test_from_the_press_to_the_push(shop: Shop, vendor: Vendor, currency: str) -> None:
    """The payer pays, the vendor calls: the invoice is paid and the biller told, once, whoever else calls and however often."""
    bench, world = shop.benches[vendor.name], shop.world
    view = await world.issue("125.40", currency=currency)
    external_id = await shop.begin(view, vendor)
    await bench.happen(external_id, Happening.PAID)
    body, now = bench.webhook_body(external_id), world.clock.now()

    before = await shop.facts(view)
    forgeries = bench.sign(body, now, Key.STRANGER), bench.unsigned(body), bench.sign(b"", now, Key.STRANGER)
    for forged in forgeries if bench.plugin.signs else ():
        status, said = await shop.call(vendor, external_id, forged)
        assert status in (400, 401), said
        assert vendor.refused in (None, said)
    assert await shop.facts(view) == before, "a forged one is believed, or kept"

    genuine = bench.sign(body, now)
    assert await shop.call(vendor, external_id, genuine) == vendor.acknowledged
    if not bench.plugin.signs:  # then it is a reason to ask, at once
        await world.drain()
    assert await world.status(view.invoice.id) is IS.PAID
    assert await world.paid(view.invoice.id) == 12_540

    after = await shop.facts(view)
    assert await shop.call(vendor, external_id, genuine) == vendor.acknowledged
    assert await shop.facts(view) == after, "the same again changes something"

    await world.drain()
    assert world.erp.invoices[view.invoice.number].status == "paid"
    told = [push.type for push in world.erp.pushes if push.number == view.invoice.number]
    assert told == await world.event_types(view.invoice.id)
    assert told.count(EventType.INVOICE_PAID) == 1
    assert all(push.verified for push in world.erp.pushes)
    shown = await shop.payer.open(shop.url(view))
    assert shown.methods == [], "nobody is asked for what is paid"


async def test_an_unsigned_notice_is_a_reason_to_ask_and_no_more(shop: Shop) -> None:
    """Anybody can send one: what it says of the payment is not believed."""
    (vendor,) = (vendor for vendor in VENDORS if not shop.benches[vendor.name].plugin.signs)
    bench = shop.benches[vendor.name]
    view = await shop.world.issue("125.40")
    external_id = await shop.begin(view, vendor)
    for said in ("ACSC", "RJCT"):
        body = bench.webhook_body(external_id).replace(b"ACSP", said.encode())
        assert await shop.call(vendor, external_id, bench.unsigned(body)) == vendor.acknowledged
        await shop.world.drain()
    (attempt,) = (await shop.world.view(view.invoice.id)).attempts

    assert (attempt.status, await shop.world.paid(view.invoice.id)) == (A.ACCEPTED, 0)


@every_vendor
async def test_without_any_webhook_polls_find_it(shop: Shop, vendor: Vendor) -> None:
    view = await shop.world.issue("125.40")
    external_id = await shop.begin(view, vendor)
    plugin = shop.benches[vendor.name].plugin
    await shop.world.pass_time(minutes=1)
    assert await shop.world.status(view.invoice.id) is IS.OPEN

    await shop.benches[vendor.name].happen(external_id, Happening.PAID)
    await shop.world.pass_time(minutes=2)

    assert await shop.world.status(view.invoice.id) is IS.PAID
    assert await shop.kept() == 0
    vendor.settle(shop.benches[vendor.name], external_id)
    said = await shop.benches[vendor.name].provider().fetch_payment(external_id)
    assert (said.fee is not None, shop.benches[vendor.name].signed) == (plugin.tells_fee, plugin.signs), (
        "as it declares"
    )
    assert shop.world.erp.invoices[view.invoice.number].status == "paid"


@every_vendor
async def test_settlement_closes_the_session_at_the_others(shop: Shop, vendor: Vendor) -> None:
    """Where the vendor can close one it is closed there; where it cannot, money that still comes is a second payment, not lost."""
    world, bench = shop.world, shop.benches[vendor.name]
    other = CARD if vendor.method != "card" else WALLET
    view = await world.issue("125.40")
    left, taken = await shop.begin(view, vendor, comes_back=False), await shop.begin(view, other)
    await shop.benches[other.name].happen(taken, Happening.PAID)
    await world.pass_time(minutes=1)

    tries = {each.external_id: each.status for each in (await world.view(view.invoice.id)).attempts}
    assert tries == {left: A.CANCELLED, taken: A.PAID}
    if vendor.closed is not None:
        assert vendor.closed(bench, left)
        return
    await bench.happen(left, Happening.PAID)
    await shop.call(vendor, left, bench.sign(bench.webhook_body(left), world.clock.now()))
    assert EventType.PAYMENT_DUPLICATE in await world.event_types(view.invoice.id)
    (due,) = (await world.view(view.invoice.id)).refunds
    assert due.amount_minor == 12_540


@every_vendor
async def test_an_opening_without_an_answer_is_never_paid_twice(shop: Shop, vendor: Vendor) -> None:
    """The vendor made the payment and the connection broke: the payer is told so, and the next press takes up what was made.

    At a bank that nobody can pay what nobody answered: that try is over, and the next press is another.
    """
    bench, world = shop.benches[vendor.name], shop.world
    try:
        bench.arm(Fault.CUT_MADE)
    except NotSupported as error:
        pytest.skip(str(error))
    view = await world.issue("125.40")
    told = await shop.payer.press(await shop.payer.open(shop.url(view)), "method", vendor.button)
    assert told.status == 503
    (attempt,) = (await world.view(view.invoice.id)).attempts
    assert attempt.status is (A.FAILED if bench.plugin.void_unanswered else A.UNKNOWN)

    await world.pass_time(seconds=10)
    external_id = await shop.begin(view, vendor)
    tries = (await world.view(view.invoice.id)).attempts
    assert [each.status for each in tries] == [A.FAILED, A.PENDING][1 - bench.plugin.void_unanswered :]
    assert [bench.made(each.reference) for each in tries] == [1] * len(tries)
    await bench.happen(external_id, Happening.PAID)
    await world.pass_time(minutes=2)
    assert await world.status(view.invoice.id) is IS.PAID


async def test_a_transfer_is_shown_claimed_and_confirmed_by_the_biller(shop: Shop) -> None:
    world = shop.world
    view = await world.issue("125.40")
    sent = await shop.payer.press(await shop.payer.open(shop.url(view)), "method", "transfer")
    shown = await shop.payer.follow(sent)
    assert "RO49 AAAA 1B31 0075 9384 0000" in shown.text
    assert references.spaced(references.reference(view.invoice.id)) in shown.text

    told = await shop.payer.follow(await shop.payer.press(shown))
    assert told.forms == [], "it is said once"
    async with shop.session.post(f"{world.url}/hooks/providers/acme.transfer", data=b"{}") as answer:
        assert answer.status == 401, "nobody calls"
    await world.pass_time(days=2)
    assert await world.status(view.invoice.id) is IS.OPEN

    await world.off_platform(view.invoice.id, "125.40", "BT-2026-1125-7", source="bank_statement")
    await world.drain()
    (attempt,) = (await world.view(view.invoice.id)).attempts
    assert (await world.status(view.invoice.id), attempt.status) == (IS.PAID, A.PAID)
    assert world.erp.invoices[view.invoice.number].status == "paid"


async def test_one_page_offers_them_all(shop: Shop) -> None:
    """In the order of the biller's file; each method once, however many accounts serve it."""
    view = await shop.world.issue("125.40")
    for locale in ("ro", "en"):
        page = await shop.payer.open(f"{shop.url(view)}?lang={locale}")
        one_each = dict.fromkeys(button for vendor in VENDORS for button in buttons(vendor))
        assert page.methods == [*one_each, "transfer"]


def buttons(vendor: Vendor) -> list[str]:
    return ["bank:bt", "bank:plain"] if vendor.method == "bank" else [vendor.method]


@every_vendor
async def test_an_outage_is_survived(shop: Shop, vendor: Vendor) -> None:
    """A vendor that is not there: the next account serves the same press where there is one, and else the page says so and others pay."""
    if vendor.hands_over:
        pytest.skip("opening a payment calls nobody")
    world = shop.world
    await shop.benches[vendor.name].vanish()
    view = await world.issue("125.40")
    pressed = await shop.payer.press(await shop.payer.open(shop.url(view)), "method", vendor.button)
    tries = (await world.view(view.invoice.id)).attempts
    accounts = [world.ctx.directory.provider(each.account_id) for each in tries]

    names = [account.row.name for account in accounts if account is not None]
    next_one = [other for other in VENDORS if other.method == vendor.method and other is not vendor][:1]
    assert names == [f"acme.{each.name}" for each in (vendor, *next_one)]
    assert [each.status for each in tries] == [A.FAILED, A.PENDING][: len(tries)]
    if next_one:
        assert (pressed.status, pressed.location) == (303, tries[-1].redirect_url)
        return
    assert pressed.status == 503
    external_id = await shop.begin(view, CARD)
    await shop.benches[CARD.name].happen(external_id, Happening.PAID)
    await world.pass_time(minutes=2)
    assert await world.status(view.invoice.id) is IS.PAID


@every_vendor
async def test_money_goes_back_the_way_it_came(shop: Shop, vendor: Vendor) -> None:
    """A part, then the rest, each once. A part that the vendor cannot give waits for a person, until the whole is asked for."""
    world, bench = shop.world, shop.benches[vendor.name]
    view = await world.issue("125.40")
    external_id = await shop.begin(view, vendor)
    await bench.happen(external_id, Happening.PAID)
    await world.pass_time(minutes=2)
    (attempt,) = (await world.view(view.invoice.id)).attempts
    payment = show(ATTEMPT, attempt.id)

    for key, wanted in (("part", Wanted(Money(4_000, "RON"))), ("rest", Wanted())):
        for _ in range(2):
            await refunds.request(world.ctx, world.biller, payment, wanted, key)
        await world.pass_time(minutes=2)

    given = {refund.amount_minor: refund.state for refund in (await world.view(view.invoice.id)).refunds}
    if not bench.plugin.refunds:
        assert given == {4_000: R.DUE, 8_540: R.DUE}
    else:
        assert given == ({4_000: R.DONE, 8_540: R.DONE} if vendor.gives_parts else {4_000: R.CLOSED, 12_540: R.DONE})
        assert bench.refunded(external_id) == 12_540
    assert await world.status(view.invoice.id) is IS.PAID
    assert (await world.view(view.invoice.id)).invoice.outstanding.minor == 0
