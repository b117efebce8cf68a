"""Push endpoints over HTTP: made, changed, rotated, removed; the log of what was really pushed; replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from gateway.api import answers
from gateway.domain import ids
from gateway.services import status_push
from tests.gateway.api.conftest import Api, MakeApi

PATH = "/v1/push-endpoints"


class Receiver:
    """A billing system that answers as it is told, and remembers."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def receive(self, request: web.Request) -> web.Response:
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/erp", receiver.receive)
    async with TestServer(app) as server:
        yield str(server.make_url("/erp"))


def shown(endpoint: Any) -> Any:
    answers.PushEndpoint.model_validate(endpoint, strict=False)
    return endpoint


def number(endpoint: Any) -> int:
    found = ids.read(ids.ENDPOINT, endpoint["id"])
    assert found is not None
    return found


async def test_a_secret_is_shown_once(api: Api, url: str) -> None:
    answer, made = await api.call("POST", PATH, {"url": url, "events": ["invoice.paid"]})
    assert (answer.status, answer.headers["Location"]) == (201, f"{PATH}/{made['id']}")
    answers.PushEndpointWithSecret.model_validate(made, strict=False)
    assert made["secret"].startswith("whsec_")
    read = shown(await api.ok("GET", f"{PATH}/{made['id']}"))
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert (await api.ok("GET", PATH))["items"] == [read]
    rotated = await api.ok("POST", f"{PATH}/{made['id']}/rotate")
    assert rotated["secret"] != made["secret"]


async def test_an_endpoint_is_changed_and_removed(api: Api, url: str) -> None:
    made = await api.ok("POST", PATH, {"url": url})
    path = f"{PATH}/{made['id']}"
    changed = shown(await api.ok("PATCH", path, {"url": f"{url}/2", "events": ["invoice.paid"], "enabled": False}))
    assert (changed["url"], changed["events"], changed["enabled"]) == (f"{url}/2", ["invoice.paid"], False)
    assert shown(await api.ok("PATCH", path, {"enabled": True}))["enabled"]
    assert (await api.ok("PATCH", path, {"events": []}))["events"] == []
    answer, body = await api.call("DELETE", path)
    assert (answer.status, body) == (204, b"")
    answer, _ = await api.call("GET", path)
    assert answer.status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://10.0.0.1/erp"},
        {"url": "http://169.254.169.254/latest/meta-data"},
        {"url": "http://[::ffff:10.0.0.1]/"},
        {"url": "ftp://example.ro/"},
        {"url": "https://user:password@example.ro/"},
        {"url": "not a url"},
    ],
)
async def test_a_url_that_may_not_be_called_is_named(edge: Api, wrong: dict[str, str]) -> None:
    answer, problem = await edge.call("POST", PATH, wrong)
    assert (answer.status, problem["errors"][0]["path"]) == (422, "url"), problem
    assert (await edge.ok("GET", PATH))["items"] == []


async def test_what_is_no_event_is_named(edge: Api, url: str) -> None:
    answer, problem = await edge.call("POST", PATH, {"url": url, "events": ["invoice.paid", "invoice.eaten"]})
    assert (answer.status, problem["errors"][0]["path"]) == (422, "events[1]")


async def test_the_log_shows_each_try_and_a_push_can_be_made_again(api: Api, receiver: Receiver, url: str) -> None:
    made = await api.ok("POST", PATH, {"url": url})
    issued = await api.issue(deliver=[])
    receiver.status = 503
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    (waiting,) = (await log(api, made))["items"]
    assert (waiting["state"], waiting["tries"], waiting["event_type"]) == ("waiting", 1, "invoice.issued")
    assert [line["code"] for line in waiting["log"]] == [503]
    assert waiting["next_at"] > waiting["created_at"]

    receiver.status = 200
    api.clock.advance(seconds=10)
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    (delivered,) = (await log(api, made))["items"]
    assert (delivered["state"], delivered["tries"]) == ("delivered", 2)
    headers, body = receiver.got[-1]
    assert headers["webhook-id"] == delivered["event"]
    event = orjson.loads(body)
    answers.Event.model_validate(event, strict=False)
    assert event["invoice"] == issued

    answer, replayed = await api.call("POST", f"/v1/pushes/{delivered['id']}/replay")
    assert answer.status == 202
    answers.ReplayedPush.model_validate(replayed, strict=False)


async def log(api: Api, endpoint: Any) -> Any:
    page = await api.ok("GET", f"{PATH}/{endpoint['id']}/pushes")
    answers.PushPage.model_validate(page, strict=False)
    return page


async def test_a_push_is_verified_with_the_secret_that_was_shown(api: Api, receiver: Receiver, url: str) -> None:
    made = await api.ok("POST", PATH, {"url": url})
    await api.issue(deliver=[])
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    headers, body = receiver.got[0]
    expected = Webhook(made["secret"]).sign(headers["webhook-id"], api.clock.now(), body.decode())
    assert expected in headers["webhook-signature"].split(" ")


async def test_all_since_an_instant_is_pushed_again_in_order(api: Api, receiver: Receiver, url: str) -> None:
    made = await api.ok("POST", PATH, {"url": url})
    since = None
    for name in range(4):
        issued = await api.issue(number=f"N-{name}", deliver=[])
        since = since or (issued["created_at"] if name == 2 else None)
        api.clock.advance(seconds=60)
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    answer, body = await api.call("POST", f"{PATH}/{made['id']}/replay?since={since}")
    assert (answer.status, body) == (202, {"count": 2})
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    sent = [orjson.loads(body)["invoice"]["number"] for _, body in receiver.got]
    assert sent == ["N-0", "N-1", "N-2", "N-3", "N-2", "N-3"]
    answer, problem = await api.call("POST", f"{PATH}/{made['id']}/replay")
    assert (answer.status, problem["errors"][0]["path"]) == (400, "since")


async def test_the_log_has_pages(api: Api, url: str) -> None:
    made = await api.ok("POST", PATH, {"url": url})
    for name in range(3):
        await api.issue(number=f"N-{name}", deliver=[])
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    path = f"{PATH}/{made['id']}/pushes?limit=2"
    first = await api.ok("GET", path)
    second = await api.ok("GET", f"{path}&cursor={first['next_cursor']}")
    assert [item["sequence"] for item in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next_cursor"] is None


async def test_another_billers_endpoints_are_not_found(api: Api, make_api: MakeApi, url: str) -> None:
    made = await api.ok("POST", PATH, {"url": url})
    await api.issue(deliver=[])
    await status_push.pump(api.ctx, number(made), until=api.clock.now() + timedelta(minutes=1))
    (push,) = (await log(api, made))["items"]
    rival = await make_api(api.ctx, "rival")
    path = f"{PATH}/{made['id']}"
    for method, at, body in (
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/rotate", None),
        ("GET", f"{path}/pushes", None),
        ("POST", f"{path}/replay?since=2026-01-01T00:00:00Z", None),
        ("POST", f"/v1/pushes/{push['id']}/replay", None),
    ):
        answer, _ = await rival.call(method, at, body)
        assert answer.status == 404, (method, at)
    assert (await rival.ok("GET", PATH))["items"] == []
    assert (await api.ok("GET", path))["enabled"]
