"""The page of the box, and what it calls."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import aiohttp
import pytest

from gateway.demo.box import Box
from gateway.demo.box.billers import PAGES
from tests.gateway.demo.box.harness import Json, drawn, items, posted, told


async def test_the_page_is_strict_and_complete(box: Box, page: aiohttp.ClientSession) -> None:
    async with page.get("/") as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert " style=" not in html
    assert " onclick=" not in html
    for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html)):
        async with page.get(path) as answer:
            assert answer.status == 200, path
    hosts = set(re.findall(r"https?://[^/\"\s]+", html))
    assert hosts == {box.gateway_url}


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.*")), ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    hosts = set(re.findall(r"(?:https?:)?//(?!\s)[a-z0-9.-]+\.[a-z]{2,}", path.read_text("utf-8")))
    assert hosts <= {"http://www.w3.org"}


def test_both_languages_say_everything() -> None:
    texts = json.loads((PAGES / "texts.json").read_bytes())
    assert texts["en"].keys() == texts["ro"].keys()
    for part in texts["en"]:
        assert texts["en"][part].keys() == texts["ro"][part].keys()
        assert all(texts[lang][part].values() for lang in texts)
    assert len(texts["en"]["shell"]["try"]) == len(texts["ro"]["shell"]["try"])
    used = {name for path in PAGES.glob("*.js") for name in re.findall(r'\bt\("([a-z_.]+)"', path.read_text("utf-8"))}
    assert used - texts["en"]["page"].keys() == set()
    assert used, "the scripts speak"


async def test_romanian_is_a_switch_away(page: aiohttp.ClientSession) -> None:
    async with page.get("/?lang=ro") as answer:
        html = await answer.text()
    assert '<html lang="ro">' in html
    assert "Emite o factură" in html


async def test_no_other_site_may_ask(box: Box) -> None:
    async with aiohttp.ClientSession() as session:
        for name, value, status in (
            ("Origin", box.url, 200),
            ("Host", "evil.example", 403),
            ("Host", "localhost:1", 403),
            ("Origin", "https://evil.example", 403),
            ("Origin", "null", 403),
        ):
            async with session.get(f"{box.url}/drafts/luminis", headers={name: value}) as answer:
                assert answer.status == status, (name, value)


async def test_a_post_comes_from_the_page(box: Box) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{box.url}/replies/luminis/sms", json={"text": "STOP"}) as answer,
    ):
        assert answer.status == 403
    assert not box.houses["luminis"].vendors.twilio.unsubscribed


async def test_only_the_pages_own_files_are_served(page: aiohttp.ClientSession) -> None:
    for name in ("texts.json", "index.html", "..%2Ftexts.json", "%2e%2e/start.py", "none.css", ".css"):
        async with page.get(f"/static/{name}") as answer:
            assert answer.status == 404, name


async def test_posting_shows_the_call_and_the_answer(box: Box, page: aiohttp.ClientSession) -> None:
    draft = await drawn(page)
    async with page.post("/drafts/luminis", json=draft) as answer:
        before = await answer.json()
    call = await posted(page, **draft)

    assert before == {"curl": call["curl"], "request": call["request"]}
    assert (call["status"], call["answer"]["number"], call["answer"]["status"]) == (201, draft["number"], "open")
    assert call["request"]["deliver"] == [
        {"channel": "telegram", "wait": "0s"},
        {"channel": "whatsapp", "wait": "0s"},
        {"channel": "sms", "wait": "0s"},
        {"channel": "email"},
    ]
    done = await asyncio.create_subprocess_exec("bash", "-c", call["curl"], stdout=-1, stderr=-1)
    again, _ = await done.communicate()
    assert json.loads(again)["id"] == call["answer"]["id"], "the curl command is the same call: nothing new was made"


async def test_what_the_api_refuses_is_shown(page: aiohttp.ClientSession) -> None:
    call = await posted(page, amount="12,5")

    assert call["status"] == 422
    assert call["answer"]["errors"][0]["path"] == "amount.value"


async def test_what_is_no_draft_is_refused(page: aiohttp.ClientSession) -> None:
    for body in (b"", b"[]", b'"x"', b'{"number": 1}', b"{", b'{"channels": ["fax"]}'):
        async with page.post("/invoices/luminis", data=body) as answer:
            assert answer.status in (400, 422), body


async def test_no_channel_is_no_message(box: Box, page: aiohttp.ClientSession) -> None:
    call = await posted(page, channels=[])

    await told(page, lambda kind, item: kind == "invoice" and item["number"] == call["answer"]["number"])
    assert call["answer"]["deliveries"] == []
    vendors = box.houses["luminis"].vendors
    assert not any(
        (vendors.twilio.messages, vendors.mail.messages, vendors.telegram.messages, vendors.whatsapp.messages)
    )


async def test_the_stream_tells_of_all_four_messages_and_the_push(page: aiohttp.ClientSession) -> None:
    number = (await posted(page, "ciresarii"))["answer"]["number"]
    seen: dict[str, Json] = {}
    async with page.get("/live") as stream:
        async for kind, item in items(stream):
            if kind == "message":
                seen[item["channel"]] = item
            elif kind == "push" and item["type"] == "delivery.sent":
                seen["push"] = item
            if seen.keys() >= {"sms", "email", "telegram", "whatsapp", "push"}:
                break

    assert number in seen["sms"]["text"]
    assert number in seen["email"]["subject"]
    assert number in seen["telegram"]["text"]
    assert number in seen["whatsapp"]["text"]
    assert seen["whatsapp"]["template"].startswith("achit_invoice_issued")
    assert (seen["push"]["verified"], seen["push"]["booked"]) == (True, "open")
    assert {item["biller"] for item in seen.values()} == {"ciresarii"}


async def test_a_mail_is_shown_without_power(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    letter = await told(page, lambda kind, item: item.get("channel") == "email")
    message_id = letter["id"].partition(":")[2]

    async with page.get(f"/mails/luminis/{message_id.replace('/', '%2F')}") as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    async with page.get("/mails/luminis/none") as missing:
        assert missing.status == 404

    assert '<base target="_blank">' in html
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert f"default-src 'none'; img-src {box.gateway_url} data:;" in policy
    assert "/icon.png" in html


async def test_stop_silences_sms_alone(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    await told(page, lambda kind, item: item.get("channel") == "sms")
    async with page.post("/replies/luminis/sms", json={"text": "STOP"}) as answer:
        assert await answer.json() == {"status": 200}
    await told(page, lambda kind, item: kind == "push" and item["type"] == "payer.stopped")

    call = await posted(page)

    number = call["answer"]["number"]
    await told(page, lambda kind, item: item.get("channel") == "telegram" and number in item["text"])
    assert [one["channel"] for one in call["answer"]["deliveries"]] == ["telegram", "whatsapp", "email"]
    assert len(box.houses["luminis"].vendors.twilio.messages) == 1


async def test_a_reply_reaches_the_billing_system(page: aiohttp.ClientSession) -> None:
    await posted(page)
    pushed = 0
    for channel, status in (("sms", 200), ("email", 204), ("telegram", 204), ("whatsapp", 204)):
        await told(page, lambda kind, item, channel=channel: item.get("channel") == channel)  # type: ignore[misc]
        async with page.post(f"/replies/luminis/{channel}", json={"text": f"Am plătit ieri, {channel}"}) as answer:
            assert await answer.json() == {"status": status}

        said = await told(page, lambda kind, item, channel=channel: item.get("mine") and item["channel"] == channel)  # type: ignore[misc]
        assert (said["text"], said["answered"]) == (f"Am plătit ieri, {channel}", status)

        def newer(kind: str, item: Json, pushed: int = pushed) -> bool:
            return kind == "push" and item["type"] == "message.received" and item["sequence"] > pushed

        push = await told(page, newer)
        assert push["verified"]
        pushed = push["sequence"]


async def test_a_bill_is_paid_in_the_chat(page: aiohttp.ClientSession, box: Box) -> None:
    number = (await posted(page, "ciresarii"))["answer"]["number"]
    item = await told(page, lambda kind, item: bool(item.get("bill")) and number in item["text"])
    assert [button.get("pay") for button in item["buttons"]] == [True, None]
    pay = {"pay": item["bill"]["message_id"]}
    async with page.post("/replies/ciresarii/telegram", json=pay) as answer:
        assert (answer.status, await answer.json()) == (200, {"outcome": "paid", "words": ""})
    await told(page, lambda kind, item: kind == "push" and item["type"] == "invoice.paid" and item["number"] == number)
    async with page.post("/replies/ciresarii/telegram", json=pay) as answer:
        assert answer.status == 404, "its button shows the receipt"


async def test_a_bill_that_is_paid_elsewhere_leaves_the_chat(page: aiohttp.ClientSession, box: Box) -> None:
    posting = (await posted(page, "ciresarii"))["answer"]
    await told(page, lambda kind, item: bool(item.get("bill")) and posting["number"] in item["text"])
    desk = box.houses["ciresarii"].desk
    money = {"amount": posting["amount"], "received_on": posting["issued_on"], "source": "cash", "reference": "R-1"}
    assert (await desk.call("POST", f"/v1/invoices/{posting['id']}/payments", money)).status == 201
    await told(page, lambda kind, item: item.get("deleted") is True and posting["number"] in item["text"])


async def test_an_empty_reply_and_an_unknown_channel(page: aiohttp.ClientSession) -> None:
    for path, body, status in (
        ("/replies/luminis/sms", {"text": "  "}, 422),
        ("/replies/luminis/fax", {"text": "x"}, 404),
        ("/replies/luminis/email", {"text": "x"}, 404),  # nothing was received that could be answered
        ("/replies/luminis/telegram", {"button": "none"}, 404),
        ("/replies/luminis/telegram", {"pay": 999}, 404),
        ("/replies/nobody/sms", {"text": "x"}, 404),
    ):
        async with page.post(path, json=body) as answer:
            assert answer.status == status, path


async def test_the_timeline_is_the_apis(page: aiohttp.ClientSession) -> None:
    invoice_id = (await posted(page, channels=[]))["answer"]["id"]
    async with page.get(f"/invoices/luminis/{invoice_id}") as answer:
        timeline = await answer.json()
    async with page.get(f"/invoices/ciresarii/{invoice_id}") as answer:
        assert answer.status == 404, "one biller does not see another's"

    assert timeline["invoice"]["id"] == invoice_id
    assert [event["type"] for event in timeline["events"]] == ["invoice.issued", "reminder.planned"]


async def test_the_chat_opens_by_its_link(box: Box, page: aiohttp.ClientSession) -> None:
    telegram = box.houses["luminis"].vendors.telegram
    before = len(telegram.updates)
    async with page.get("/telegram/LuminisEnergieBot?start=abc") as answer:
        assert "Luminis Energie" in await answer.text()
    assert len(telegram.updates) == before, "looking changes nothing"
    async with page.post("/telegram/LuminisEnergieBot?start=abc") as answer:
        assert "The chat is open" in await answer.text()
    async with page.get("/telegram/NobodyBot") as answer:
        assert answer.status == 404

    assert telegram.updates[-1]["message"]["text"] == "/start abc"
