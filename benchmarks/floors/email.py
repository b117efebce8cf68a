"""Floor of email: `aiosmtplib`'s `sendmail` of bytes that are ready, over connections that stay open."""

from __future__ import annotations

import asyncio
from typing import Any

from aiosmtplib import SMTP

from benchmarks import child


async def main() -> None:
    told = child.settings()
    clients = [
        SMTP(hostname="127.0.0.1", port=told["smtp_port"], use_tls=False, start_tls=False)
        for _ in range(told["connections"])
    ]
    await asyncio.gather(*(client.connect() for client in clients))
    mail = told["mail"].encode()

    async def send(order: dict[str, Any]) -> None:
        source = iter(range(order["number"]))

        async def one(client: SMTP) -> None:
            for number in source:
                await client.sendmail("facturi@acme.example", f"ana.{number}@example.ro", mail)

        await asyncio.gather(*map(one, clients))

    await child.obey({}, {"send": send})
    for client in clients:
        client.close()


if __name__ == "__main__":
    asyncio.run(main())
