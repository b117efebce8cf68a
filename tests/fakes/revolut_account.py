"""A merchant account at Revolut as its stand-in keeps it: orders, payments, refunds and disputes, and what becomes of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson


class Refused(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, code: str | int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Account:
    """Rows as the API shows them. An order that is not paid in time fails when it is looked at."""

    now: Callable[[], datetime]
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    disputes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lives: dict[str, timedelta] = {}
        self._made = 0

    def open(self, amount: int, currency: str, life: timedelta | None, said: dict[str, Any]) -> dict[str, Any]:
        token = self._id()
        page = {"token": token, "checkout_url": f"https://checkout.revolut.com/payment-link/{token}"}
        order = self._new("payment", "pending", amount, currency) | said | page
        self.orders[order["id"]] = order
        if life:
            self._lives[order["id"]] = life
        return order

    def pay(self, order_id: str, *, minor: int | None = None, fees: list[dict[str, Any]] | None = None) -> str:
        """A payment of all that is outstanding, or of `minor`; gives its id."""
        order = self.order(order_id)
        assert order["state"] in ("pending", "processing"), order["state"]
        paid = order["outstanding_amount"] if minor is None else minor
        payment = self.try_to_pay(order_id, "completed", minor=paid)
        payment["fees"] = fees or []
        order["outstanding_amount"] -= paid
        self.set_state(order_id, "pending" if order["outstanding_amount"] else "completed")
        return str(payment["id"])

    def try_to_pay(self, order_id: str, state: str, *, minor: int | None = None, reason: str = "") -> dict[str, Any]:
        """A payment in this state, the newest of the order."""
        order = self.order(order_id)
        payment = {
            "id": self._id(),
            "state": state,
            "created_at": self._stamp(),
            "updated_at": self._stamp(),
            "amount": order["outstanding_amount"] if minor is None else minor,
            "currency": order["currency"],
            "payment_method": {"type": "card", "card_brand": "visa", "card_last_four": "1234"},
        }
        if reason:
            payment["decline_reason"] = reason
        order.setdefault("payments", []).append(payment)
        order["updated_at"] = self._stamp()
        return payment

    def set_state(self, order_id: str, state: str) -> None:
        """Also a state that Revolut does not know yet."""
        order = self.order(order_id)
        order |= {"state": state, "updated_at": self._stamp()}
        if state == "cancelled":
            order["outstanding_amount"] = 0
        if state not in ("pending", "processing"):
            order.pop("token", None)
            order.pop("checkout_url", None)

    def refund(self, order_id: str, minor: int, *, reference: str = "", metadata: dict[str, str] | None = None) -> str:
        """A refund, asked for by the API or at the desk; gives the id of its order."""
        order = self.order(order_id)
        if order["state"] != "completed" or order["type"] != "payment":
            raise Refused(422, "bad_state", "only a completed order is refunded")
        if not 0 < minor <= order["amount"] - order["refunded_amount"]:
            raise Refused(422, "refund_amount_exceeded", "more than was paid")
        order["refunded_amount"] += minor
        order["updated_at"] = self._stamp()
        refund = self._new("refund", "processing", minor, order["currency"]) | {
            "outstanding_amount": 0,
            "related_order_id": order_id,
        }
        if reference:
            refund["merchant_order_data"] = {"reference": reference}
        if metadata:
            refund["metadata"] = metadata
        self.orders[refund["id"]] = refund
        return str(refund["id"])

    def end_refund(self, refund_id: str, state: str, reason: str = "") -> None:
        refund = self.order(refund_id)
        if reason:
            self.try_to_pay(refund_id, "failed", minor=refund["amount"], reason=reason)
        refund |= {"state": state, "updated_at": self._stamp()}
        if state == "failed":
            of = self.order(refund["related_order_id"])
            of |= {"refunded_amount": of["refunded_amount"] - refund["amount"], "updated_at": self._stamp()}

    def dispute(self, order_id: str, state: str, *, minor: int | None = None, of: str | None = None) -> str:
        """A new dispute about the order's payment, or another state of `of`; gives its id."""
        if of is not None:
            self.disputes[of] |= {"state": state, "updated_at": self._stamp()}
            return of
        order = self.order(order_id)
        payment = order["payments"][-1]
        dispute_id = self._id()
        self.disputes[dispute_id] = {
            "id": dispute_id,
            "state": state,
            "created_at": self._stamp(),
            "updated_at": self._stamp(),
            "reason_code": "10.4",
            "reason_description": "Fraud",
            "amount": payment["amount"] if minor is None else minor,
            "currency": payment["currency"],
            "payment": {
                "id": payment["id"],
                "order_id": order_id,
                "created_at": payment["created_at"],
                "amount": payment["amount"],
                "currency": payment["currency"],
                "payment_method": {"type": "card", "card_brand": "visa", "card_last_four": "1234"},
            },
        }
        return dispute_id

    def order(self, order_id: str) -> dict[str, Any]:
        order = self.orders[order_id]
        life = self._lives.get(order_id)
        if order["state"] == "pending" and life and self.now() >= datetime.fromisoformat(order["created_at"]) + life:
            self._lives.pop(order_id)
            self.set_state(order_id, "failed")
        return order

    def event(self, name: str, order_id: str) -> bytes:
        """The body of a webhook about an order."""
        body = {"event": name, "order_id": order_id}
        reference = self.orders[order_id].get("merchant_order_data", {}).get("reference")
        return orjson.dumps(body | ({"merchant_order_ext_ref": reference} if reference else {}))

    def _new(self, kind: str, state: str, amount: int, currency: str) -> dict[str, Any]:
        return {
            "id": self._id(),
            "type": kind,
            "state": state,
            "created_at": self._stamp(),
            "updated_at": self._stamp(),
            "amount": amount,
            "outstanding_amount": amount,
            "refunded_amount": 0,
            "currency": currency,
            "capture_mode": "automatic",
            "authorisation_type": "final",
            "enforce_challenge": "automatic",
        }

    def _id(self) -> str:
        self._made += 1
        return str(uuid.UUID(int=(0x6516E61CD279A454A837 << 48) + self._made))

    def _stamp(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
