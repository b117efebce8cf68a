"""What several legs begin with: a product with invoices whose payment is open, and the bank that opened it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from benchmarks import http_load, setting
from benchmarks.child import Child
from benchmarks.sinks import ok_json

PRODUCT = "benchmarks.product"
HOOK = f"/hooks/providers/{setting.BANK_ACCOUNT}"


def bank(head: bytes, body: bytes) -> bytes:
    """Opens every payment that it is asked to, and knows none."""
    if not head.startswith(b"POST"):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    reference = json.loads(body)["reference"]
    opened = {"id": f"pay-{reference}", "redirect_url": f"{setting.NOBODY}/pay", "expires_at": "2099-01-01T00:00:00Z"}
    return ok_json(json.dumps(opened).encode())


def start(pay_url: str, method: str = "bank") -> bytes:
    """The payer chooses how to pay."""
    path, chosen = urlsplit(pay_url).path, f"method={method}".encode()
    return http_load.post(f"{path}/attempts", chosen, media_type="application/x-www-form-urlencoded")


async def first_invoice(
    product: Child, *, attempt: bool = True, method: str = "bank", expected: Collection[int] = (303,)
) -> None:
    """Posts the invoice that others are copied from and, with `attempt`, begins to pay it."""
    posted = setting.posts(product.ready["key"], "FIRST", 1, deliver=False)
    (body,) = await http_load.closed_loop(product.port, posted, at_once=1, expect={201})
    if attempt:
        await http_load.closed_loop(
            product.port, [start(json.loads(body)["pay_url"], method)], at_once=1, expect=expected
        )


def confirmations(name: str, numbers: Iterable[int], path: str = HOOK) -> Iterator[bytes]:
    """The webhooks that say that these copies are paid, made before they are needed."""
    return confirmations_of((f"{name}-{n}" for n in numbers), path)


def confirmations_of(references: Iterable[str], path: str = HOOK) -> Iterator[bytes]:
    """The same for payments of these references."""
    return iter([setting.confirmation(f"pay-{reference}", reference, path=path) for reference in references])


def expect(found: int, wanted: int, what: str) -> None:
    """A leg whose counts are wrong has measured nothing."""
    if found != wanted:
        raise http_load.WrongAnswer(f"{found} {what}, and not {wanted}")


def ids_of(bodies: Sequence[bytes]) -> set[str]:
    return {json.loads(body)["id"] for body in bodies}
