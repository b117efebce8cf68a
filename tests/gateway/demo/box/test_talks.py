"""Conversations in the box: on the phone, in two languages, and as the biller's people see and answer them."""

from __future__ import annotations

import aiohttp

from gateway.demo.box import Box
from tests.gateway.demo.box.harness import posted, told


async def test_buttons_are_pressed_on_both_chats(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    for channel in ("telegram", "whatsapp"):
        async with page.post(f"/replies/luminis/{channel}", json={"text": "ce am de plată?"}) as answer:
            assert answer.status == 200
        listed = await told(
            page,
            lambda kind, item, channel=channel: (  # type: ignore[misc]
                item.get("channel") == channel and any(one.get("callback_data") for one in item.get("buttons", ()))
            ),
        )
        data = next(one["callback_data"] for one in listed["buttons"] if one.get("callback_data"))
        async with page.post(f"/replies/luminis/{channel}", json={"button": data, "text": "Amintește-mi"}) as answer:
            assert answer.status == 200
        pressed = await told(page, lambda kind, item, c=channel: item.get("channel") == c and bool(item.get("pressed")))  # type: ignore[misc]
        assert pressed["text"] == "Amintește-mi"
        async with page.post(f"/replies/luminis/{channel}", json={"button": "none"}) as answer:
            assert answer.status == 404
    shown = box.feed.all("message")
    assert [item["text"] for item in shown if item["mine"] and not item.get("deleted")] == [
        "ce am de plată?",
        "Amintește-mi",
    ] * 2


async def test_ana_reads_another_language(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    await told(page, lambda kind, item: kind == "invoice")
    async with page.post("/language", json={"locale": "en"}) as answer:
        assert await answer.json() == {"locale": "en"}
    await told(page, lambda kind, item: kind == "message" and "English" in item.get("text", "") and not item["mine"])

    async with page.post("/replies/luminis/sms", json={"text": "ce am de plată?"}) as answer:
        assert answer.status == 200
    await told(page, lambda kind, item: item.get("channel") == "sms" and "You owe" in item.get("text", ""))

    assert box.feed.all("ana") == [{"id": "ana", "locale": "en"}]
    assert not box.houses["ciresarii"].vendors.telegram.messages, "who has not billed her is told nothing"
    async with page.post("/language", json={"locale": "fr"}) as answer:
        assert answer.status == 422


async def test_a_person_answers_by_the_api(box: Box, page: aiohttp.ClientSession) -> None:
    await posted(page)
    async with page.post("/replies/luminis/whatsapp", json={"text": "vreau un om"}) as answer:
        assert answer.status == 200
    talk = await told(page, lambda kind, item: kind == "conversation" and item["waiting"])
    place = f"/conversations/luminis/{talk['api_id']}"
    async with page.post(place, json={"text": "Bună, Ana! Sunt Dana."}) as answer:
        assert (await answer.json())["status"] == 201
    await told(page, lambda kind, item: kind == "conversation" and item["author"] == "biller" and not item["waiting"])
    async with page.get(place) as answer:
        said = await answer.json()
    async with page.get(place.replace("luminis", "ciresarii")) as answer:
        assert answer.status == 404, "one biller does not see another's"
    async with page.post(place, json={"text": " "}) as answer:
        assert (await answer.json())["status"] == 422

    assert [line["author"] for line in said["messages"]] == ["payer", "achit", "biller"]
    assert said["conversation"]["person_wanted"] is True
    assert box.houses["luminis"].vendors.whatsapp.messages[-1].text == "Bună, Ana! Sunt Dana."


async def test_whatsapp_opens_by_its_link(box: Box, page: aiohttp.ClientSession) -> None:
    whatsapp = box.houses["luminis"].vendors.whatsapp
    async with page.get("/whatsapp/40312345679?text=START%20%23abc") as answer:
        assert "START #abc" in await answer.text()
    assert whatsapp.number not in whatsapp.api.people, "looking changes nothing"
    async with page.post("/whatsapp/40312345679?text=START%20%23abc") as answer:
        assert "The chat is open" in await answer.text()
    async with page.get("/whatsapp/1") as answer:
        assert answer.status == 404
    [mine] = [item for item in box.feed.all("message") if item["channel"] == "whatsapp" and item["mine"]]
    assert (mine["text"], mine["answered"]) == ("START #abc", 204)
