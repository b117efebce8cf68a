"""Pay codes: who proves to hold the invoice gets it, everybody else learns nothing and locks nobody out."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from gateway.domain.chat.values import Found
from gateway.domain.deliveries import Step
from gateway.domain.invoices import Invoice
from gateway.domain.paycodes import ALPHABET, written
from gateway.domain.reminders import Tone
from gateway.services import pay_codes, wishes
from gateway.services.directory import Biller
from gateway.services.invoices import View
from gateway.services.pay_codes import OF_BILLER, OF_CODE, OF_SENDER, token_in
from gateway.store import schema
from tests.harness.gateway import Sim, apply_biller, count, identity
from tests.harness.world import PHONE, World


def code_of(sim: Sim, view: View) -> str:
    return sim.ctx.pay_codes.issue(view.invoice.id)


async def tried(sim: Sim, sender: str, code: str, proof: str, biller: Biller | None = None) -> Invoice | None:
    now = sim.clock.now()
    return await sim.db.write(
        lambda conn: pay_codes.look_up(conn, sim.ctx, biller or sim.biller, sender, code, [proof], now)
    )


async def many(sim: Sim, tries: list[tuple[str, str, str]]) -> list[Invoice | None]:
    """Many tries in one transaction: the outcome is the same, and the test is fast."""
    now = sim.clock.now()
    return await sim.db.write(
        lambda conn: [pay_codes.look_up(conn, sim.ctx, sim.biller, one[0], one[1], [one[2]], now) for one in tries]
    )


def other_codes(number: int, but: str) -> list[str]:
    """Codes that pass the check, as a guesser makes them."""
    chance, made = random.Random(7), list[str]()
    while len(made) < number:
        nine = "".join(chance.choices(ALPHABET, k=9))
        code = next(code for last in ALPHABET if (code := written(nine + last)))
        made += [code] if code != but else []
    return made


class TestLookUp:
    @pytest.mark.parametrize("proof", ["1042", "c-1042", "125,40", "125.40 lei"])
    async def test_the_code_and_a_proof_give_the_invoice(self, sim: Sim, proof: str) -> None:
        view = await sim.issue(reference="C-1042")
        await sim.issue(reference="C-2000")

        found = await tried(sim, "a", code_of(sim, view).lower().replace("-", " "), proof)

        assert found is not None
        assert found.id == view.invoice.id

    async def test_what_is_left_to_pay_is_a_proof_and_nothing_is_none(self, sim: Sim) -> None:
        view = await sim.issue("125.40", reference="C")
        await sim.off_platform(view.invoice.id, "100.00")
        assert await tried(sim, "a", code_of(sim, view), "25,40")
        await sim.off_platform(view.invoice.id, "25.40", reference="R-2")
        assert await tried(sim, "a", code_of(sim, view), "0,00") is None
        assert await tried(sim, "a", code_of(sim, view), "125,40")

    async def test_another_billers_code_is_nobodys(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1042")
        values = {"biller": identity("other"), **sim.vendors.tables}
        other = await apply_biller(sim.ctx, sim.vendors, values)  # type: ignore[arg-type]

        assert await tried(sim, "a", code_of(sim, view), "1042", other) is None
        assert await tried(sim, "a", code_of(sim, view), "1042")

    async def test_an_unknown_sender_tries_a_thousand_codes(self, sim: Sim) -> None:
        """Nothing is learned: not one answer differs, though the right code with a wrong proof is among them; and the payer gets in."""
        view = await sim.issue(reference="C-1042")
        code = code_of(sim, view)
        guesses = other_codes(1_000, code)
        guesses[500] = code

        answers = await many(sim, [("guesser", guess, "9999") for guess in guesses])

        assert answers == [None] * 1_000
        assert await tried(sim, "guesser", code, "1042") is None, "the right proof comes too late"
        assert (await tried(sim, "payer", code, "1042")) is not None
        assert await count(sim.db, schema.throttle) <= OF_SENDER.burst + 4

    async def test_a_thousand_senders_lock_nobody_out(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1042")
        code = code_of(sim, view)
        guesses = other_codes(1_000, code)
        twice = [(f"s{place // 2}", guess, "9999") for place, guess in enumerate(guesses)]

        assert await many(sim, twice) == [None] * 1_000

        assert await tried(sim, "s1", code, "1042") is None, "who has failed waits while the biller's tries are used up"
        assert await tried(sim, "payer", code, "1042")
        sim.clock.advance(seconds=OF_BILLER.every.total_seconds() * 300)
        assert await tried(sim, "s1", code, "1042")

    async def test_tries_at_one_code_are_few_and_come_back(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1042")
        code = code_of(sim, view)
        await many(sim, [(f"s{n}", code, f"{n:04}") for n in range(100)])

        assert await tried(sim, "payer", code, "1042") is None
        sim.clock.advance(seconds=OF_CODE.every.total_seconds())
        assert await tried(sim, "payer", code, "1042"), "what was refused did not make it longer"

    async def test_a_wrong_code_of_nobody_is_limited_as_a_right_one_is(self, sim: Sim) -> None:
        """Else being limited would tell that the code is somebody's."""
        view = await sim.issue(reference="C-1042")
        real, free = code_of(sim, view), other_codes(1, "")[0]
        for place, code in enumerate((real, free)):
            await many(sim, [(f"{place}-{n}", code, "9999") for n in range(20)])
        rows = await sim.db.read(
            lambda conn: {row.key: row.full_until for row in conn.execute(schema.throttle.select())}
        )
        assert rows[f"code:{real}"] == rows[f"code:{free}"]

    async def test_slips_are_not_counted_and_success_is_not(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1042")
        code = code_of(sim, view)
        slip = code[:-1] + ("2" if code[-1] != "2" else "3")
        assert await many(sim, [("payer", slip, "1042")] * 50) == [None] * 50
        found = await many(sim, [("payer", code, "1042")] * 50)
        assert all(found)

    async def test_what_is_empty_again_is_forgotten(self, sim: Sim) -> None:
        await many(sim, [(f"s{n}", guess, "1") for n, guess in enumerate(other_codes(20, ""))])
        assert await count(sim.db, schema.throttle) == 41
        sim.clock.advance(seconds=timedelta(hours=1).total_seconds())
        await many(sim, [("s", other_codes(1, "")[0], "1")])
        assert await count(sim.db, schema.throttle) == 3


async def page(world: World, method: str, path: str, data: dict[str, str] | None = None) -> tuple[int, str, str, Any]:
    headers = {"Accept-Language": "ro"}
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, f"{world.url}{path}", data=data, allow_redirects=False, headers=headers) as answer,
    ):
        return answer.status, answer.headers.get("Location", ""), await answer.text(), answer.headers


class TestPage:
    async def test_a_code_and_a_proof_lead_to_the_pay_page(self, world: World) -> None:
        view = await world.issue(reference="C-1042")
        code = world.ctx.pay_codes.issue(view.invoice.id)
        status, _, text, headers = await page(world, "GET", "/c")
        assert status == 200
        assert 'method="post" action="/c"' in text
        assert "Acme" not in text
        assert "default-src 'none'" in headers["Content-Security-Policy"]

        for proof in ("1042", "125,40 lei"):
            status, location, _, _ = await page(world, "POST", "/c", {"code": code, "proof": proof, "lang": "en"})
            assert (status, location) == (303, f"{world.ctx.pay_path(view.invoice.id, 0)}?lang=en")
            assert (await page(world, "GET", location))[0] == 200

    async def test_what_is_wrong_has_one_answer(self, world: World) -> None:
        view = await world.issue(reference="C-1042")
        code = world.ctx.pay_codes.issue(view.invoice.id)
        wrong = [(code, "9999"), (other_codes(1, code)[0], "1042"), ("", ""), (code[:-2], "1042")]
        seen = [await page(world, "POST", "/c", {"code": code, "proof": proof}) for code, proof in wrong]
        seen += [await page(world, "POST", "/c", {"code": other, "proof": "1"}) for other in other_codes(12, code)]
        seen += [await page(world, "POST", "/c", {"code": code, "proof": "1042"})]  # too many by now

        answers = {(status, re.sub(r'value="[^"]*" required', "", text)) for status, _, text, _ in seen}
        assert len(answers) == 1
        ((status, text),) = answers
        assert status == 422
        assert "Codul și dovada nu se potrivesc" in text
        assert "C-1042" not in text

    async def test_a_get_changes_nothing(self, world: World) -> None:
        view = await world.issue(reference="C-1042")
        code = world.ctx.pay_codes.issue(view.invoice.id)
        status, location, _, _ = await page(world, "GET", f"/c?code={code}&proof=1042")
        assert (status, location) == (200, "")
        assert await count(world.db, schema.throttle) == 0


class TestVerify:
    async def found(self, sim: Sim, view: View, *texts: str) -> list[Found]:
        payers = {view.invoice.payer_id}
        return await sim.db.read(lambda conn: pay_codes.found_of(conn, sim.ctx, sim.biller, payers, texts))

    async def test_what_we_sent_to_this_payer_is_ours(self, sim: Sim) -> None:
        sent_at = sim.clock.now()
        view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
        await sim.drain()
        url = sim.ctx.pay_url(view.invoice.id, 0)
        token = url.rpartition("/")[2]
        for text in (
            url,
            f"{url}.",
            f"{url}/qr.png",
            f"{url}?lang=ro",
            token,
            code_of(sim, view),
            url.removeprefix("https://"),
        ):
            (found,) = await self.found(sim, view, text)
            assert (found.ours, found.invoice_id, found.number, found.text) == (True, view.invoice.id, "F-1", text)
            assert found.sent_at is not None
            assert abs((found.sent_at - sent_at).total_seconds()) < 5

    async def test_a_reminder_of_several_dates_each_that_it_names(self, sim: Sim) -> None:
        views = [await sim.issue(reference="C-1", phone=PHONE) for _ in range(3)]
        for view in views[:2]:
            await wishes.add(sim.ctx, sim.biller, view.invoice.id, sim.clock.now(), [Step("sms", 0)], Tone.FRIENDLY)
        await sim.drain()
        sim.clock.advance(seconds=3600)
        (message,) = sim.vendors.channels["sms"].sent
        (url,) = re.findall(r"https://\S+", message.text)
        found = await self.found(sim, views[0], url, *(code_of(sim, view) for view in views))
        sent_at = found[0].sent_at
        assert sent_at is not None
        assert timedelta(minutes=59) < sim.clock.now() - sent_at < timedelta(minutes=61)
        assert [one.invoice_id for one in found] == [1, 1, 2, 3]
        assert [one.sent_at for one in found] == [sent_at, sent_at, sent_at, None]

    async def test_what_was_never_sent_has_no_time(self, sim: Sim) -> None:
        view = await sim.issue()
        (found,) = await self.found(sim, view, code_of(sim, view))
        assert (found.ours, found.sent_at) == (True, None)

    async def test_another_payers_is_not_ours(self, sim: Sim) -> None:
        """Of another's invoice the answer holds nothing, not even that there is one."""
        mine, theirs = await sim.issue(reference="C-1"), await sim.issue(reference="C-2")
        url, code = sim.ctx.pay_url(theirs.invoice.id, 0), code_of(sim, theirs)
        assert await self.found(sim, mine, url, code) == [Found(url, ours=False), Found(code, ours=False)]

    async def test_forged_revoked_and_foreign_ones_are_not_ours(self, sim: Sim) -> None:
        view = await sim.issue()
        url = sim.ctx.pay_url(view.invoice.id, 0)
        token = url.rpartition("/")[2]
        texts = [
            f"https://evil.example/p/{token}",
            f"https://pay.example.evil.example/p/{token}",
            f"https://pay.example@evil.example/p/{token}",
            f"https://user@pay.example/p/{token}",
            f"http://pay.example/p/{token}",
            f"https://pay.example:444/p/{token}",
            f"https://evil.example/?u={url}",
            url[:-1] + ("a" if url[-1] != "a" else "b"),
            sim.ctx.pay_url(view.invoice.id, 1),
            sim.ctx.unsubscribes.issue(view.invoice.id),
            "https://[",
            "",
        ]
        assert [found.ours for found in await self.found(sim, view, *texts)] == [False] * len(texts)

    def test_a_host_is_read_as_browsers_read_it(self) -> None:
        token = "0" * 18
        assert token_in(f"HTTPS://PAY.example/p/{token}", "https://pay.example") == token
        assert token_in(f"https://pay.example/achit/p/{token}", "https://pay.example/achit") == token
