"""What the fake Stripe knows: sessions, payment intents, charges, refunds, disputes and the events that tell of them.

Shapes and names are those of Stripe's API reference (version 2026-10-28.endive), cut down to what says something here.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gateway.testing.clock import FakeClock

Thing = dict[str, Any]
FEE_PER_MILLE, FEE_FIXED = 15, 100


class Ledger:
    """`happens` to sessions by their id; each step that Stripe tells of leaves an event."""

    def __init__(self, clock: FakeClock, api_version: str) -> None:
        self.clock = clock
        self.api_version = api_version
        self.things: dict[str, Thing] = {}
        self.events: list[Thing] = []
        self._about: dict[str, list[Thing]] = {}
        self._wanted: dict[str, Mapping[str, Any]] = {}
        self._numbers = itertools.count(1)

    def unix(self) -> int:
        return int(self.clock.now().timestamp())

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):06d}aZ"

    def made(self, kind: str, **filters: object) -> list[Thing]:
        """All of a kind, newest first."""
        found = [
            each
            for each in self.things.values()
            if each["object"] == kind and all(each.get(name) == wanted for name, wanted in filters.items())
        ]
        return found[::-1]

    def open_session(self, form: Mapping[str, Any], amount: int, currency: str, url: str) -> Thing:
        session_id = self.new_id("cs_test")
        intent = form.get("payment_intent_data", {})
        self._wanted[session_id] = {"metadata": intent.get("metadata", {}), "description": intent.get("description")}
        return self._add(
            {
                "id": session_id,
                "object": "checkout.session",
                "amount_total": amount,
                "client_reference_id": form.get("client_reference_id"),
                "currency": currency,
                "currency_conversion": None,
                "customer_email": form.get("customer_email"),
                "expires_at": int(form["expires_at"]),
                "livemode": False,
                "locale": form.get("locale"),
                "metadata": form.get("metadata", {}),
                "mode": "payment",
                "payment_intent": None,
                "payment_status": "unpaid",
                "status": "open",
                "success_url": form["success_url"],
                "url": f"{url}/c/pay/{session_id}",
            }
        )

    def pay(self, session_id: str) -> None:
        """By card, or a bank debit that has come in."""
        session, intent = self.things[session_id], self._intent(session_id)
        later = session["status"] == "complete"
        charge = self._add(
            {
                "id": self.new_id("ch"),
                "object": "charge",
                "amount": intent["amount"],
                "amount_captured": intent["amount"],
                "amount_refunded": 0,
                "balance_transaction": None,
                "currency": intent["currency"],
                "disputed": False,
                "metadata": intent["metadata"],
                "paid": True,
                "payment_intent": intent["id"],
                "refunded": False,
                "status": "succeeded",
            }
        )
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
        intent["last_payment_error"] = None
        session |= {"status": "complete", "payment_status": "paid", "url": None}
        self._tell("charge.succeeded", charge, session_id)
        self._tell("payment_intent.succeeded", intent, session_id)
        kind = "async_payment_succeeded" if later else "completed"
        self._tell(f"checkout.session.{kind}", session, session_id)

    def book_fee(self, session_id: str) -> None:
        """The charge is captured asynchronously, and what it costs is known only then."""
        charge = self._charge(session_id)
        fee = charge["amount"] * FEE_PER_MILLE // 1000 + FEE_FIXED
        transaction = {"id": self.new_id("txn"), "object": "balance_transaction", "currency": charge["currency"]}
        self._add(transaction | {"amount": charge["amount"], "fee": fee, "net": charge["amount"] - fee})
        charge["balance_transaction"] = transaction["id"]
        self._tell("charge.updated", charge, session_id)

    def decline(self, session_id: str, code: str = "insufficient_funds") -> None:
        """A card is refused; the session stays open for another."""
        intent = self._intent(session_id)
        intent["last_payment_error"] = {"type": "card_error", "code": "card_declined", "decline_code": code}
        self._tell("payment_intent.payment_failed", intent, session_id)

    def debit(self, session_id: str) -> None:
        """A bank debit is on its way: complete, and not paid."""
        intent = self._intent(session_id)
        intent["status"] = "processing"
        self.things[session_id] |= {"status": "complete", "url": None}
        self._tell("payment_intent.processing", intent, session_id)
        self._tell("checkout.session.completed", self.things[session_id], session_id)

    def debit_fails(self, session_id: str, code: str = "insufficient_funds") -> None:
        intent = self._intent(session_id)
        intent |= {"status": "requires_payment_method", "last_payment_error": {"type": "api_error", "code": code}}
        self._tell("payment_intent.payment_failed", intent, session_id)
        self._tell("checkout.session.async_payment_failed", self.things[session_id], session_id)

    def expire(self, session_id: str) -> None:
        """By the clock or by a call; the clock is not moved."""
        session = self.things[session_id]
        session |= {"status": "expired", "url": None}
        if session["payment_intent"] is not None:
            self._intent(session_id)["status"] = "canceled"
        self._tell("checkout.session.expired", session, session_id)

    def expire_in_time(self, session_id: str) -> None:
        left = self.things[session_id]["expires_at"] - self.unix()
        self.clock.advance(timedelta(seconds=max(0, left)))
        self.expire(session_id)

    def refund(self, intent: Thing, amount: int, reason: str | None, metadata: Mapping[str, str]) -> Thing:
        """Raises ValueError when there is not so much left."""
        session_id = self._session_of(intent)
        charge = self._charge(session_id)
        if amount > charge["amount"] - charge["amount_refunded"]:
            raise ValueError("more than is left")
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        refund = self._add(
            {
                "id": self.new_id("re"),
                "object": "refund",
                "amount": amount,
                "charge": charge["id"],
                "currency": charge["currency"],
                "metadata": dict(metadata),
                "payment_intent": intent["id"],
                "reason": reason,
                "status": "succeeded",
            }
        )
        self._tell("refund.created", refund, session_id)
        self._tell("charge.refunded", charge, session_id)
        return refund

    def refund_at_desk(self, session_id: str, amount: int | None = None) -> None:
        charge = self._charge(session_id)
        self.refund(self._intent(session_id), charge["amount"] if amount is None else amount, None, {})

    def fail_refund(self, session_id: str) -> None:
        charge = self._charge(session_id)
        refund = self.made("refund", charge=charge["id"])[0]
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self._tell("refund.failed", refund, session_id)

    def dispute(self, session_id: str, status: str = "needs_response", amount: int | None = None) -> Thing:
        charge = self._charge(session_id)
        charge["disputed"] = True
        dispute = self._add(
            {
                "id": self.new_id("du"),
                "object": "dispute",
                "amount": charge["amount"] if amount is None else amount,
                "charge": charge["id"],
                "currency": charge["currency"],
                "metadata": {},
                "payment_intent": charge["payment_intent"],
                "reason": "fraudulent",
                "status": status,
            }
        )
        self._tell("charge.dispute.created", dispute, session_id)
        return dispute

    def close_dispute(self, session_id: str, status: str) -> None:
        dispute = self.made("dispute", charge=self._charge(session_id)["id"])[0]
        dispute["status"] = status
        self._tell("charge.dispute.closed", dispute, session_id)

    def news(self, session_id: str) -> Thing | None:
        """The last event about it, as it was sent."""
        told = self.told(session_id)
        return told[-1] if told else None

    def told(self, session_id: str) -> list[Thing]:
        """Every event about it, as it was sent, the newest last."""
        return copy.deepcopy(self._about.get(session_id, []))

    def event(self, kind: str, about: Thing) -> Thing:
        return {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.unix(),
            "data": {"object": copy.deepcopy(about)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }

    def _tell(self, kind: str, about: Thing, session_id: str) -> None:
        event = self.event(kind, about)
        self.events.append(event)
        self._about.setdefault(session_id, []).append(event)

    def _add(self, thing: Thing) -> Thing:
        thing["created"] = self.unix()
        self.things[thing["id"]] = thing
        return thing

    def _intent(self, session_id: str) -> Thing:
        session = self.things[session_id]
        if session["payment_intent"] is None:
            intent = self._add(
                {
                    "id": self.new_id("pi"),
                    "object": "payment_intent",
                    "amount": session["amount_total"],
                    "amount_received": 0,
                    "currency": session["currency"],
                    "last_payment_error": None,
                    "latest_charge": None,
                    "status": "requires_payment_method",
                    **self._wanted[session_id],
                }
            )
            session["payment_intent"] = intent["id"]
        return self.things[session["payment_intent"]]

    def _charge(self, session_id: str) -> Thing:
        return self.things[self._intent(session_id)["latest_charge"]]

    def _session_of(self, intent: Thing) -> str:
        session_id: str = self.made("checkout.session", payment_intent=intent["id"])[0]["id"]
        return session_id
