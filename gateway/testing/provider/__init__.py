"""ProviderContract: what the core relies on, asked of every provider in the same words.

A provider's test file subclasses it and gives the fixture `bench`. Passing proves the adapter against its bench, never
against the vendor: how true the bench is, is for its fixtures to show. Needs pytest, hence the extra `testing`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.testing.provider.create import CreateCases
from gateway.testing.provider.life import LifeCases
from gateway.testing.provider.poll import PollCases
from gateway.testing.provider.privacy import PrivacyCases
from gateway.testing.provider.refund import RefundCases
from gateway.testing.provider.webhook import WebhookCases
from gateway.testing.provider.webhook_again import WebhookAgainCases

__all__ = ["PROMISES", "ProviderContract"]


class ProviderContract(CreateCases, WebhookCases, WebhookAgainCases, PollCases, LifeCases, RefundCases, PrivacyCases):
    """Each case is a promise in its name. A case that the plugin's declarations or the vendor exclude is skipped, visibly."""


PROMISES: Mapping[str, tuple[str, ...]] = {
    "a choice, and coming back": (
        "test_choices_are_told_apart",
        "test_coming_back_proves_nothing",
    ),
    "create": (
        "test_create_opens_a_payment_for_each_method",
        "test_same_key_gives_the_same_payment",
        "test_idempotency_key_is_on_the_wire",
    ),
    "create has no answer: unknown, looked up, not doubled": (
        "test_unknown_outcome_can_be_resolved",
        "test_create_without_an_answer_is_unknown",
        "test_lost_create_is_found",
        "test_create_that_was_not_made_is_not_found",
    ),
    "create meets 429, 5xx, a refusal, nobody": (
        "test_rate_limit_is_retried_when_the_vendor_says",
        "test_unavailable_vendor_is_retried",
        "test_server_error_is_never_a_refusal",
        "test_refusal_is_for_good_and_has_a_code",
        "test_vendor_out_of_reach_is_retried",
    ),
    "webhook: good": ("test_good_webhook_says_what_was_paid",),
    "webhook: forged": (
        "test_unsigned_webhook_is_refused",
        "test_forged_webhook_is_refused",
    ),
    "webhook: tampered by a byte": ("test_webhook_changed_by_a_byte_is_refused",),
    "webhook: truncated": (
        "test_truncated_webhook_is_refused",
        "test_genuine_nonsense_is_malformed",
        "test_wrong_shapes_never_crash",
    ),
    "webhook: replayed old": ("test_old_webhook_is_refused",),
    "webhook: replayed same": ("test_replayed_webhook_has_the_same_event_id",),
    "webhook: early": ("test_early_webhook_names_its_payment",),
    "webhook: doubled": (
        "test_webhook_sent_again_has_the_same_event_id",
        "test_different_news_has_different_event_ids",
    ),
    "webhook: reordered": ("test_older_news_after_newer_takes_nothing_back",),
    "webhook: for another biller's payment": ("test_webhook_about_another_payment_is_not_ours",),
    "webhook: wrong amount": ("test_the_vendors_own_amount_is_told",),
    "webhook: wrong currency": ("test_the_vendors_own_currency_is_told",),
    "webhook: unknown status": ("test_unknown_status_is_pending",),
    "webhook: unknown event type": ("test_unknown_event_type_moves_nothing",),
    "two secrets during rotation": ("test_both_secrets_hold_during_rotation",),
    "poll agrees with push": (
        "test_poll_agrees_with_push",
        "test_poll_has_a_new_event_id_only_for_a_new_answer",
        "test_unknown_payment_is_rejected",
    ),
    "poll only": (
        "test_poll_alone_finds_what_was_paid",
        "test_list_agrees_with_poll_and_finds_what_nobody_told",
    ),
    "declined, paid in parts, reversed": (
        "test_declined_is_failed_with_a_reason",
        "test_received_is_cumulative",
        "test_reversal_is_told",
    ),
    "expired then paid": ("test_expired_then_paid",),
    "cancel on settlement": (
        "test_cancel_closes_an_open_payment",
        "test_cancel_does_not_hide_money",
        "test_cancel_on_settlement_closes_the_other_alone",
    ),
    "refund: full": (
        "test_refund_in_full_is_exact_and_no_reversal",
        "test_refund_at_the_vendors_desk_is_told",
    ),
    "refund: partial": (
        "test_refunds_in_parts_add_up",
        "test_refund_of_more_than_was_paid_is_rejected",
    ),
    "refund: twice with one key": ("test_refund_with_the_same_key_is_one_refund",),
    "refund: unknown outcome": (
        "test_refund_without_an_answer_is_looked_up",
        "test_refund_that_was_not_made_is_not_found",
    ),
    "refund meets 429, 5xx, a refusal, a failure later": (
        "test_refund_meets_a_rate_limit",
        "test_refund_meets_a_server_error",
        "test_refund_that_is_refused_has_a_code",
        "test_refund_that_fails_later_is_told",
    ),
    "no secret or personal data in logs, errors or repr": ("test_nothing_secret_or_personal_is_said",),
    "0-, 2- and 3-decimal currencies": ("test_currencies_of_every_kind_are_exact",),
}
"""Which cases stand for which point that every adapter must settle."""
