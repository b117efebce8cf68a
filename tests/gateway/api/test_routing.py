"""Routing over HTTP: why, and at what cost; and the pay page that follows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gateway.api import routing_shapes as shapes
from gateway.config.biller import biller_from
from gateway.config.shapes import Place
from gateway.domain.payments import AttemptStatus
from gateway.registry import Registry
from gateway.services import setup
from gateway.store import payments
from tests.gateway.api.conftest import INVOICE, Api, MakeApi, biller_values

TELEGRAM = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36 Telegram-Android/11.4.2 (x)"


async def page(api: Api, issued: Any, **headers: str) -> str:
    path = re.sub(r"^https?://[^/]+", "", issued["pay_url"])
    answer = await api.client.get(path, headers={"Accept-Language": "en"} | headers)
    assert answer.status == 200
    return await answer.text()


async def click(api: Api, issued: Any, method: str, lang: str = "en") -> tuple[int, str]:
    path = re.sub(r"^https?://[^/]+", "", issued["pay_url"])
    headers = {"Accept-Language": lang}
    answer = await api.client.post(f"{path}/attempts", data={"method": method}, headers=headers, allow_redirects=False)
    return answer.status, await answer.text()


def methods(html: str) -> list[str]:
    return re.findall(r'name="method" value="([a-z_]+)"', html)


async def test_it_says_why_and_what_it_would_cost(api: Api, make_api: MakeApi) -> None:
    issued = await api.issue()
    path = f"/v1/invoices/{issued['id']}/routing"
    told = await api.ok("GET", path)
    shapes.Routing.model_validate(told, strict=False)
    assert [(one["method"], one["shown"]) for one in told["methods"]] == [
        ("bank", True),
        ("card", True),
        ("wallet", True),
    ]
    assert told["methods"][0]["options"][0]["cost"] == {
        "fee": None,
        "days_to_cash": 0,
        "waiting": "0.00",
        "total": None,
        "currency": "RON",
    }
    inside = await api.ok("GET", f"{path}?browser={TELEGRAM}")
    assert (inside["browser"], [one["method"] for one in inside["methods"] if one["shown"]]) == (
        "telegram",
        ["bank", "card"],
    )
    assert inside["methods"][2]["because"] == [
        {"code": "in_app", "text": "a wallet does not work in this app's browser"}
    ]
    rival = await make_api(api.ctx, "rival")
    answer, problem = await rival.call("GET", path)
    assert (answer.status, problem["type"]) == (404, "/problems/not-found")


async def test_the_report_is_there_for_programs(api: Api) -> None:
    told = await api.ok("GET", "/v1/routing/report?from=2026-11-01&to=2026-11-30")
    shapes.Report.model_validate(told, strict=False)
    assert (told["accounts"], told["totals"]) == ([], [])
    answer, problem = await api.call("GET", "/v1/routing/report?from=2026-11-30&to=2026-11-01")
    assert (answer.status, [fault["path"] for fault in problem["errors"]]) == (422, ["to"])


async def test_the_page_follows_the_browser_and_the_health_of_accounts(api: Api) -> None:
    issued = await api.issue()
    assert methods(await page(api, issued)) == ["bank", "card", "wallet"]
    assert methods(await page(api, issued, **{"User-Agent": TELEGRAM})) == ["bank", "card"]
    assert "It may not answer now" not in await page(api, issued)
    for number in range(5):  # nobody listens there
        other = await api.issue(number=f"N-{number}", payer=INVOICE["payer"])
        status, said = await click(api, other, "bank")
        assert (status, "does not answer right now" in said) == (503, True)
    troubled = await page(api, issued)
    assert (methods(troubled), troubled.count("It may not answer now")) == (["bank", "card", "wallet"], 3)


async def test_a_payer_is_told_that_the_last_try_is_being_asked_about(api: Api) -> None:
    issued = await api.issue()
    await click(api, issued, "bank")

    def unknown(conn: Any) -> None:
        (attempt,) = payments.of_invoice(conn, 1)
        now = api.clock.now()
        payments.move(conn, attempt.id, [AttemptStatus.FAILED], AttemptStatus.UNKNOWN, now)

    await api.ctx.db.write(unknown)
    status, said = await click(api, issued, "bank")
    assert status == 503
    assert "We are still finding out whether your last payment was opened" in said
    assert "Încă aflăm dacă plata de dinainte a fost deschisă." in (await click(api, issued, "bank", "ro"))[1]
    told = await api.ok("GET", f"/v1/invoices/{issued['id']}/routing")
    assert told["unanswered"] == ["bank"]


async def test_where_only_a_wallet_is_left_the_payer_is_sent_to_a_browser_of_their_own(api: Api) -> None:
    values = biller_values("acme")
    values["providers"]["sandbox"]["methods"] = ["wallet"]
    config = biller_from(values, Registry(), where=Place(Path(), {"ANY": "whsec_" + "c2VjcmV0" * 5}), file="acme.toml")
    await setup.apply(api.ctx, config)
    issued = await api.issue()
    assert methods(await page(api, issued)) == ["wallet"]
    inside = await page(api, issued, **{"User-Agent": TELEGRAM})
    assert methods(inside) == []
    assert "Pay in your own browser" in inside
    assert "Online payment is not available" not in inside
    romanian = await page(api, issued, **{"User-Agent": TELEGRAM, "Accept-Language": "ro"})
    assert "Deschide pagina în browserul telefonului." in romanian
