"""The steps that the cases of `ChannelContract` are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.ports.channel import ChannelEvent, DeliveryStatus, Message, SendResult, Template, TemplateText
from gateway.ports.values import WebhookRequest
from gateway.testing.channel_bench import ChannelBench, Key

PATIENCE_S = 0.5
TEXT = "Factura 1042: 123,45 lei pana pe 15 decembrie. https://pay.example.ro/p/abc"
KEPT = TemplateText("kept_1", "ro", "Factura {{1}} din {{2}} a sosit.", ("F-1", "mai"))
KEPT_LINKED = replace(KEPT, name="kept_2", button="Vezi", url="https://pay.example.ro/p/", example_path="abc")
READ = "Factura F-7 din iulie a sosit."
REAL = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ, DeliveryStatus.FAILED)


def a_message(bench: ChannelBench, **changes: object) -> Message:
    usual = Message(reference="dlv_7f3a", to=bench.address, text=TEXT, locale="ro", subject="Factura 1042")
    return replace(usual, **changes)  # type: ignore[arg-type]


async def sent(bench: ChannelBench, *, patience_s: float = 10.0) -> SendResult:
    """One message, taken by the vendor."""
    result: SendResult = await bench.channel(patience_s=patience_s).send(a_message(bench))
    return result


async def sent_kept(bench: ChannelBench, text: TemplateText, path: str | None) -> None:
    """A text that the vendor keeps, handed over, and then sent where nothing else may be; the payer reads `READ`."""
    await bench.channel().register_template(text)
    template = Template(text.name, ("F-7", "iulie"), path, text.language)
    await bench.channel().send(a_message(bench, text=READ, template=template, in_window=False))


async def parsed(bench: ChannelBench, body: bytes, key: Key = Key.PRESENT) -> Sequence[ChannelEvent]:
    events: Sequence[ChannelEvent] = await bench.channel().parse_webhook(bench.sign(body, key))
    return events


async def genuine(bench: ChannelBench) -> WebhookRequest:
    """A good webhook: the payer's answer to a message."""
    return bench.sign(bench.reply_body((await sent(bench)).external_id, "va rog factura"))
