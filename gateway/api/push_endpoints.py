"""Push endpoints over HTTP: where a biller wants its events, how each push went, and pushing again."""

from __future__ import annotations

from typing import Any

from gateway.api import answers, cursor, models, queries
from gateway.api.middleware import Answer, Call
from gateway.api.openapi import Returns, operation
from gateway.domain import ids
from gateway.domain.ids import show
from gateway.domain.keys import Scope
from gateway.services import push_endpoints
from gateway.services.errors import NotFound
from gateway.services.shapes import endpoint_json, push_json

TAG = "Push endpoints"


@operation(
    "POST",
    "/v1/push-endpoints",
    tag=TAG,
    summary="Add a push endpoint",
    scope=Scope.WRITE,
    body=models.NewPushEndpoint,
    returns={201: Returns("Added. The secret is shown this once.", answers.PushEndpointWithSecret)},
    examples={
        "all events": {"url": "https://erp.example.ro/achit"},
        "money only": {"url": "https://erp.example.ro/achit", "events": ["invoice.paid", "payment.reversed"]},
    },
)
async def add_push_endpoint(call: Call[models.NewPushEndpoint, None]) -> Answer:
    """It receives every event from now on, each at least once and in order, signed by Standard Webhooks."""
    body = call.body
    row, secret = await push_endpoints.add_endpoint(
        call.context, call.biller, body.url, types=body.events, enabled=body.enabled
    )
    headers = {"Location": f"/v1/push-endpoints/{show(ids.ENDPOINT, row.id)}"}
    return Answer(endpoint_json(row) | {"secret": secret.reveal()}, 201, headers)


@operation(
    "GET",
    "/v1/push-endpoints",
    tag=TAG,
    summary="List push endpoints",
    scope=Scope.READ,
    returns={200: Returns("All of them.", answers.PushEndpointList)},
)
async def list_push_endpoints(call: Call[None, None]) -> Answer:
    """Without their secrets."""
    rows = await push_endpoints.endpoints(call.context, call.biller)
    return Answer({"items": [endpoint_json(row) for row in rows]})


@operation(
    "GET",
    "/v1/push-endpoints/{endpoint_id}",
    tag=TAG,
    summary="Read a push endpoint",
    scope=Scope.READ,
    returns={200: Returns("The endpoint.", answers.PushEndpoint)},
)
async def read_push_endpoint(call: Call[None, None]) -> Answer:
    """Without its secret."""
    return Answer(endpoint_json(await push_endpoints.endpoint(call.context, call.biller, _endpoint_id(call))))


@operation(
    "PATCH",
    "/v1/push-endpoints/{endpoint_id}",
    tag=TAG,
    summary="Change a push endpoint",
    scope=Scope.WRITE,
    body=models.PushEndpointChange,
    returns={200: Returns("The endpoint as it is now.", answers.PushEndpoint)},
    examples={"pause": {"enabled": False}, "after a 410": {"enabled": True}},
)
async def change_push_endpoint(call: Call[models.PushEndpointChange, None]) -> Answer:
    """Switched on again, or given another URL, it goes on at once where it stopped."""
    body = call.body
    row = await push_endpoints.change_endpoint(
        call.context, call.biller, _endpoint_id(call), url=body.url, types=body.events, enabled=body.enabled
    )
    return Answer(endpoint_json(row))


@operation(
    "DELETE",
    "/v1/push-endpoints/{endpoint_id}",
    tag=TAG,
    summary="Remove a push endpoint",
    scope=Scope.WRITE,
    returns={204: Returns("Removed, with its log.")},
)
async def remove_push_endpoint(call: Call[None, None]) -> Answer:
    """What is on its way may still arrive."""
    await push_endpoints.remove_endpoint(call.context, call.biller, _endpoint_id(call))
    return Answer(status=204)


@operation(
    "POST",
    "/v1/push-endpoints/{endpoint_id}/rotate",
    tag=TAG,
    summary="Give it a new secret",
    scope=Scope.WRITE,
    returns={200: Returns("The new secret, shown this once.", answers.PushEndpointWithSecret)},
)
async def rotate_push_secret(call: Call[None, None]) -> Answer:
    """Pushes carry two signatures, by the new secret and by the one before, for a day."""
    row, secret = await push_endpoints.rotate_secret(call.context, call.biller, _endpoint_id(call))
    return Answer(endpoint_json(row) | {"secret": secret.reveal()})


@operation(
    "GET",
    "/v1/push-endpoints/{endpoint_id}/pushes",
    tag=TAG,
    summary="Read the push log",
    scope=Scope.READ,
    query=queries.PageQuery,
    returns={200: Returns("Newest first, with each try's answer code and time.", answers.PushPage)},
)
async def list_pushes(call: Call[None, queries.PageQuery]) -> Answer:
    """What was pushed, is being tried, or is out of tries (`dead`)."""
    before_id = cursor.read(call.query.cursor)
    found, next_id = await push_endpoints.log(
        call.context, call.biller, _endpoint_id(call), before_id=before_id, limit=call.query.limit
    )
    return Answer({"items": [push_json(*one) for one in found], "next_cursor": cursor.show(next_id)})


@operation(
    "POST",
    "/v1/pushes/{push_id}/replay",
    tag=TAG,
    summary="Push one event again",
    scope=Scope.WRITE,
    returns={202: Returns("It will be pushed again, with the same id.", answers.ReplayedPush)},
)
async def replay_push(call: Call[None, None]) -> Answer:
    """Also one that was delivered (it then shows the invoice as it is now), or that is out of tries (it comes as it was)."""
    push_id = ids.read(ids.PUSH, call.path["push_id"])
    if push_id is None:
        raise NotFound("there is no such push")
    row = await push_endpoints.replay(call.context, call.biller, push_id)
    return Answer({"id": show(ids.PUSH, row.id), "event": show(ids.EVENT, row.event_id), "state": row.state}, 202)


@operation(
    "POST",
    "/v1/push-endpoints/{endpoint_id}/replay",
    tag=TAG,
    summary="Push again since an instant",
    scope=Scope.WRITE,
    query=queries.ReplayQuery,
    returns={202: Returns("How many will be pushed again.", answers.Replayed)},
)
async def replay_since(call: Call[None, queries.ReplayQuery]) -> Answer:
    """After a loss on your side: every event of that time once more, in order, with the ids that they had."""
    count = await push_endpoints.replay_since(call.context, call.biller, _endpoint_id(call), call.query.since)
    return Answer({"count": count}, 202)


def _endpoint_id(call: Call[Any, Any]) -> int:
    number = ids.read(ids.ENDPOINT, call.path["endpoint_id"])
    if number is None:
        raise NotFound("there is no such push endpoint")
    return number
