"""EuPlătesc's published example, a recorded reply, and the library of npm as a judge of both sides.

`npm install euplatesc@1.0.5` in the project's folder; skipped, visibly, without.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.ports.errors import InvalidSignature
from gateway.ports.provider import PaymentStatus, RefundRequest
from gateway.ports.values import Money
from gateway.testing.provider_steps import a_request, opened, parsed
from providers.euplatesc.wire import Card, mac
from tests.fakes.euplatesc import KEY, MID, SIGNED, UAPI, UKEY, body_of, signed_reply
from tests.harness.vectors import ROOT
from tests.providers.euplatesc_bench import open_bench

ID = "ACH1K7.12345RON"
LIBRARY = """
const { EuPlatesc } = require('euplatesc');
const asked = JSON.parse(require('fs').readFileSync(0));
const client = new EuPlatesc({ merchantId: asked.mid, secretKey: asked.key, userKey: asked.ukey, userApi: asked.uapi });
client.baseUrl = asked.url || client.baseUrl;
const said = { macs: (asked.fields || []).map(each => client.computeHmac(Object.fromEntries(each))),
               replies: (asked.replies || []).map(each => client.checkResponse(each).response) };
(async () => {
  said.called = [];
  for (const [name, ...rest] of asked.calls || []) said.called.push(await client[name](...rest));
  console.log(JSON.stringify(said));
})();
"""


async def library(**asked: Any) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "euplatesc").is_dir():
        pytest.skip("euplatesc is not installed")
    asked = {"mid": MID, "key": KEY, "ukey": UKEY, "uapi": UAPI} | asked
    process = await asyncio.create_subprocess_exec(
        *(node, "-e", LIBRARY), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    said, _ = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0
    return dict(json.loads(said))


def published(vectors: Path) -> dict[str, Any]:
    given = orjson.loads((vectors / "euplatesc" / "vectors.json").read_bytes())["vectors"]
    return {vector["name"]: vector for vector in given}


def test_the_manuals_example(vectors: Path) -> None:
    vector = published(vectors)["manual_v3.2_fields_correct_mac"]
    values = [value for _, value in vector["fields"]]

    assert [name for name, _ in vector["fields"]] == list(SIGNED)
    assert mac(bytes.fromhex(vector["key_hex"]), values) == vector["fp_hash"]


def test_the_mac_that_the_manual_prints_is_of_its_line_break(vectors: Path) -> None:
    """Over the text with the space it is the printed one, and no field of ours has that space."""
    right, printed = (published(vectors)[f"manual_v3.2_{name}"] for name in ("fields_correct_mac", "printed_mac"))
    values = [value for _, value in right["fields"]]
    broken = [*values[:-1], values[-1][:24] + " " + values[-1][24:]]
    source = "".join(f"{len(value)}{value}" for value in values)

    assert source == right["mac_source"]
    assert printed["mac_source_with_stray_space"].replace(" ", "") == source
    assert printed["fp_hash"] not in (mac(bytes.fromhex(KEY), values), mac(bytes.fromhex(KEY), broken))


async def test_a_recorded_reply_has_the_shape_and_not_our_key(vectors: Path) -> None:
    post = published(vectors)["real_callback_key_unknown"]["post"]
    async with open_bench() as bench:
        with pytest.raises(InvalidSignature):
            await bench.provider().parse_webhook(bench.posted(body_of(post)))
        ours = bench.sign(body_of(post | {"invoice_id": ID}), bench.clock.now())
        (update,) = await bench.provider().parse_webhook(ours)

    assert (update.status, update.received) == (PaymentStatus.PAID, Money(2_400, "RON"))
    assert f"{update.occurred_at:%Y%m%d%H%M%S}" == post["timestamp"]
    assert Card.read({**post, "invoice_id": ID}).message == "Approved"


@pytest.mark.interop
async def test_the_library_makes_the_same_macs() -> None:
    """In ASCII: for other letters it counts UTF-16 units where the vendor's PHP counts bytes, so we send none."""
    dice = random.Random(18773866)
    alphabet = "".join(map(chr, range(0x20, 0x7F)))
    fields = [
        [
            [f"f{number}", "".join(dice.choices(alphabet, k=dice.choice((0, 0, 1, 9, 10, 45, 127, 1_000))))]
            for number in range(7)
        ]
        for _ in range(60)
    ]
    async with open_bench() as bench:
        for reference in ("2026-0042-17", "A" * 60, "factură ș-1"):
            session = await bench.provider().create_payment(a_request(bench, reference=reference, description="Apă, ț"))
            form = session.form or {}
            fields.append([[name, form[name]] for name in SIGNED])
            assert mac(bytes.fromhex(KEY), [form[name] for name in SIGNED]) == form["fp_hash"]
    said = await library(fields=fields)

    assert said["macs"] == [mac(bytes.fromhex(KEY), [value for _, value in each]) for each in fields]


@pytest.mark.interop
async def test_the_library_and_we_agree_on_replies() -> None:
    names = {
        "amount": "amount",
        "curr": "currency",
        "invoice_id": "invoiceId",
        "ep_id": "epId",
        "merch_id": "merchantId",
    }
    names |= {name: name for name in ("action", "message", "approval", "timestamp", "nonce")} | {"fp_hash": "fpHash"}
    async with open_bench() as bench:
        await opened(bench)
        bench.vendor.card(ID)
        good = signed_reply(bench.vendor.reply(ID))
        bench.vendor.card(ID, "2", "Not sufficient funds")
        replies = [good, signed_reply(bench.vendor.reply(ID)), good | {"amount": "1.00"}, signed_reply(good, "5B" * 16)]
        said = await library(replies=[{names[name]: value for name, value in each.items()} for each in replies])
        ours = []
        for each in replies:
            try:
                (update,) = await bench.provider().parse_webhook(bench.posted(body_of(each)))
                ours.append("complete" if update.status is PaymentStatus.PAID else "failed")
            except InvalidSignature:
                ours.append("invalid")

    assert said["replies"] == ours == ["complete", "failed", "invalid", "invalid"]


@pytest.mark.interop
async def test_the_fake_takes_the_librarys_calls_as_it_takes_ours() -> None:
    async with open_bench() as bench:
        await opened(bench)
        card = bench.vendor.card(ID)
        said = await library(
            url=bench.vendor.api_url,
            calls=[
                ["getStatus", {"invoiceId": ID}],
                ["getStatus", {"epId": card.ep_id}],
                ["refund", card.ep_id, 10, "RF-1"],
                ["getStatus", {"invoiceId": "no-such"}],
            ],
        )
        status, by_epid, refund, unknown = said["called"]
        (row,) = json.loads(status["success"])
        request = RefundRequest(
            "k", ID, Money(500, "RON"), Money(12_345, "RON"), "RF-2", "requested", Money(1_000, "RON")
        )
        await bench.provider().refund_payment(request)

        assert status == by_epid
        assert (row["ep_id"], row["action"], refund) == (card.ep_id, "0", {"success": "1"})
        assert unknown["ecode"] == "401"
        assert bench.refunded(ID) == 1_500
        assert (await parsed(bench, body_of(bench.vendor.reply(ID))))[0].received == Money(12_345, "RON")
