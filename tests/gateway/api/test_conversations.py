"""Conversations over HTTP: who wrote, what was said, and a person's own words."""

from __future__ import annotations

from typing import Any

from gateway.services.context import Context
from gateway.store import conversations
from tests.gateway.api.conftest import Api, MakeApi

PHONE = "+40722123456"


async def wrote(api: Api, text: str, *, address: str = PHONE) -> str:
    """A payer's message is in a conversation; gives the conversation's id."""
    account = api.ctx.directory.channel_called(f"{api.biller.slug}.sms")
    assert account is not None
    now = api.clock.now()

    def body(conn: Any) -> None:
        found = conversations.at(conn, api.biller.id, account.id, address, now)
        about = {"biller_id": api.biller.id, "conversation_id": found.id, "external_id": "x", "text": text}
        payer = conversations.payer.select().where(conversations.payer.c.phone == address)
        known = conn.execute(payer).first()
        conversations.write(
            conn, about | {"payer_id": known and known.id, "occurred_at": now, "created_at": now, "intent": "list"}
        )
        conversations.change(conn, found.id, now, last_in_at=now)

    await api.ctx.db.write(body)
    page = await api.ok("GET", "/v1/conversations")
    return str(page["items"][0]["id"])


async def test_a_conversation_from_the_payers_words_to_a_persons_answer(api: Api) -> None:
    await api.issue(deliver=[])
    talk = await wrote(api, "cat am de plata?")

    shown = await api.ok("GET", f"/v1/conversations/{talk}")
    assert shown["channel"] == "sms"
    assert shown["payers"] == ["C-1042"]
    assert shown["person_wanted"] is False
    sent = await api.ok("POST", f"/v1/conversations/{talk}/messages", {"text": "123,45 lei"})
    assert (sent["kind"], sent["address"], sent["status"]) == ("reply", PHONE, "queued")

    said = await api.ok("GET", f"/v1/conversations/{talk}/messages")
    assert {(one["author"], one["text"]) for one in said["items"]} == {
        ("biller", "123,45 lei"),
        ("payer", "cat am de plata?"),
    }
    assert said["next_before"] is None
    assert await api.ok("GET", "/v1/transcript?payer=C-1042") | {"items": []} == {"items": [], "next_before": None}
    waiting = await api.ok("GET", "/v1/conversations?waiting=true")
    assert [one["id"] for one in waiting["items"]] == [talk]
    assert [one["id"] for one in (await api.ok("GET", "/v1/conversations?payer=C-1042"))["items"]] == [talk]
    assert (await api.ok("GET", "/v1/conversations?payer=C-2"))["items"] == []


async def test_words_are_written_once_for_one_key(edge: Api) -> None:
    talk = await wrote(edge, "alo")
    path, key = f"/v1/conversations/{talk}/messages", {"Idempotency-Key": "k-1"}
    first, made = await edge.call("POST", path, {"text": "Bună"}, headers=key)
    again, same = await edge.call("POST", path, {"text": "Bună"}, headers=key)
    other, refused = await edge.call("POST", path, {"text": "Altceva"}, headers=key)
    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert made["id"] == same["id"]
    assert "text" in str(refused["errors"])


async def test_what_is_refused_names_its_field(edge: Api) -> None:
    talk = await wrote(edge, "alo")
    for body, path in (
        ({"text": ""}, "text"),
        ({}, "text"),
        ({"text": "x" * 1001}, "text"),
        ({"text": "x", "to": 1}, "to"),
    ):
        answer, problem = await edge.call("POST", f"/v1/conversations/{talk}/messages", body)
        assert answer.status == 422
        assert [fault["path"] for fault in problem["errors"]] == [path]
    for query in ("waiting=yes", "payer=", "cursor=x", "limit=0"):
        answer, _ = await edge.call("GET", f"/v1/conversations?{query}")
        assert answer.status == 400, query
    assert await edge.ok("GET", "/v1/transcript?payer=nobody") == {"items": [], "next_before": None}


async def test_another_billers_conversation_does_not_exist(sqlite_context: Context, make_api: MakeApi) -> None:
    acme, other = await make_api(sqlite_context, "acme"), await make_api(sqlite_context, "other")
    talk = await wrote(acme, "alo")
    for method, path, body in (
        ("GET", f"/v1/conversations/{talk}", None),
        ("GET", f"/v1/conversations/{talk}/messages", None),
        ("POST", f"/v1/conversations/{talk}/messages", {"text": "x"}),
    ):
        answer, _ = await other.call(method, path, body)
        assert answer.status == 404
    assert (await other.ok("GET", "/v1/conversations"))["items"] == []
