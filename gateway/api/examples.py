"""The examples in the OpenAPI document. Tests post the requests and hold the answers to their schemas."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SMALLEST: Json = {
    "number": "2026-000123",
    "amount": {"value": "123.45", "currency": "RON"},
    "issued_on": "2026-11-23",
    "due_on": "2026-12-08",
    "payer": {"reference": "C-1042", "name": "Ana Pop", "phone": "0722 123 456"},
}
FULLEST: Json = SMALLEST | {
    "number": "2026-000124",
    "description": "Electricity, November 2026",
    "lines": [
        {"description": "Energy, 150 kWh", "quantity": "150", "unit_price": "0.7563"},
        {"description": "Meter", "quantity": "1", "unit_price": "10.01"},
    ],
    "payer": {
        "reference": "C-1042",
        "name": "Ana Pop",
        "email": "ana.pop@example.ro",
        "phone": "+40722123456",
        "locale": "ro",
        "time_zone": "Europe/Bucharest",
        "tags": ["private"],
    },
    "document_url": "https://portal.example.ro/invoices/2026-000124.pdf",
    "metadata": {"contract": "2026/118", "branch": "Cluj"},
    "deliver": [{"channel": "telegram", "wait": "15m"}, {"channel": "sms", "wait": "2h"}, {"channel": "email"}],
    "deliver_at": "2026-11-24T07:00:00Z",
}

_LINK = "https://pay.example.ro/p/000004CkQ2vX9Lm3TzB"
_AT = "2026-11-23T09:00:00.000Z"
ISSUED: Json = {
    "id": "inv_000004C",
    "number": "2026-000123",
    "status": "open",
    "icon": "open",
    "amount": {"value": "123.45", "currency": "RON"},
    "paid": {"value": "0.00", "currency": "RON"},
    "refunded": {"value": "0.00", "currency": "RON"},
    "outstanding": {"value": "123.45", "currency": "RON"},
    "issued_on": "2026-11-23",
    "due_on": "2026-12-08",
    "description": "",
    "lines": [],
    "document_url": None,
    "payer": {
        "reference": "C-1042",
        "name": "Ana Pop",
        "email": None,
        "phone": "+40722123456",
        "telegram": None,
        "whatsapp": None,
        "locale": "ro",
        "time_zone": "Europe/Bucharest",
        "tags": [],
    },
    "metadata": {},
    "pay_url": _LINK,
    "pay_code": "HJ41Y-Q026X",
    "payment_reference": "RF65260",
    "icon_url": {"svg": f"{_LINK}/icon.svg", "png": f"{_LINK}/icon.png"},
    "qr_url": {"svg": f"{_LINK}/qr.svg", "png": f"{_LINK}/qr.png"},
    "html": {
        "pay_button": f'<a href="{_LINK}" …>Plătește 123,45 lei</a>',
        "status_icon": f'<a href="{_LINK}" …><img src="{_LINK}/icon.svg" …></a>',
    },
    "deliveries": [
        {
            "id": "dlv_000005x",
            "kind": "invoice_issued",
            "channel": "sms",
            "address": "+40722123456",
            "status": "queued",
            "code": None,
            "segments": 0,
            "due_at": _AT,
            "sent_at": None,
            "created_at": _AT,
            "updated_at": _AT,
        }
    ],
    "payments": [],
    "refunds": [],
    "sequence": 1,
    "created_at": _AT,
    "updated_at": _AT,
    "settled_at": None,
}
PAID: Json = {
    "id": "evt_000007M",
    "type": "invoice.paid",
    "sequence": 1841,
    "invoice_sequence": 5,
    "occurred_at": "2026-11-23T09:07:31.250Z",
    "data": {"payment": "pay_000003a", "source": "webhook"},
    "invoice": ISSUED
    | {
        "status": "paid",
        "icon": "paid",
        "paid": {"value": "123.45", "currency": "RON"},
        "outstanding": {"value": "0.00", "currency": "RON"},
        "sequence": 5,
        "settled_at": "2026-11-23T09:07:31.250Z",
    },
}
