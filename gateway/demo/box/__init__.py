"""The demo box: a gateway, the vendors around it and the billing systems behind it, on one page of one machine.

It is where a newcomer meets Achit, so everything in it is the real path: adapters speak HTTP and SMTP to the stand-ins, the
page posts invoices by the API with a key, and what it shows of them it reads from the API's own event stream. It must never
listen outside 127.0.0.1, and nothing of it outlives its end.
"""

from gateway.demo.box.entry import main
from gateway.demo.box.start import Box, Run

__all__ = ["Box", "Run", "main"]
