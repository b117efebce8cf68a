"""ProviderContract bites: for each case an adapter that breaks that one promise fails that case, and (`make soak`) no other
but those that lean on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.ports.http import HttpClient
from gateway.ports.provider import ProviderPlugin
from gateway.testing.biting import cases, failing_cases
from gateway.testing.provider import PROMISES, ProviderContract
from providers.sandbox import PROVIDER, SandboxProvider, Settings
from tests.providers import broken, broken_news, broken_refunds
from tests.providers.sandbox_bench import bench_of


def of(provider: Callable[[Settings, HttpClient], SandboxProvider], **declared: bool) -> ProviderPlugin[Settings]:
    return replace(PROVIDER, create=provider, **declared)


BROKEN: list[tuple[str, ProviderPlugin[Settings]]] = [
    ("test_create_opens_a_payment_for_each_method", of(broken.SendsThePayerNowhere)),
    ("test_same_key_gives_the_same_payment", of(broken.TakesANewKeyForEachTry)),
    ("test_idempotency_key_is_on_the_wire", of(broken.HidesTheKey)),
    ("test_unknown_outcome_can_be_resolved", of(SandboxProvider, idempotent=False, finds_payments=False)),
    ("test_create_without_an_answer_is_unknown", of(broken.TakesSilenceForFailure)),
    ("test_lost_create_is_found", of(broken.FindsNothing)),
    ("test_create_that_was_not_made_is_not_found", of(broken.FindsAnyPayment)),
    ("test_rate_limit_is_retried_when_the_vendor_says", of(broken.ForgetsHowLongToWait)),
    ("test_unavailable_vendor_is_retried", of(broken.GivesUpOnAnOutage)),
    ("test_server_error_is_never_a_refusal", of(broken.TakesACrashForARefusal)),
    ("test_refusal_is_for_good_and_has_a_code", of(broken.RetriesARefusal)),
    ("test_vendor_out_of_reach_is_retried", of(broken.DoubtsWhatNeverLeft)),
    ("test_currencies_of_every_kind_are_exact", of(broken.KnowsTwoDecimalsOnly)),
    ("test_good_webhook_says_what_was_paid", of(broken.GivesAnotherReference)),
    ("test_unsigned_webhook_is_refused", of(broken.BelievesTheUnsigned)),
    ("test_forged_webhook_is_refused", of(broken.BelievesAStranger)),
    ("test_webhook_changed_by_a_byte_is_refused", of(broken.RemembersSignatures)),
    ("test_truncated_webhook_is_refused", of(broken.ShrugsAtHalfABody)),
    ("test_old_webhook_is_refused", of(broken.NeverLooksAtTheTime)),
    ("test_replayed_webhook_has_the_same_event_id", of(broken.SwallowsRepeats)),
    ("test_webhook_sent_again_has_the_same_event_id", of(broken.NamesEventsByTheSignature)),
    ("test_different_news_has_different_event_ids", of(broken.NamesEventsByThePayment)),
    ("test_unknown_status_is_pending", of(broken.TakesTheUnknownForPaid)),
    ("test_unknown_event_type_moves_nothing", of(broken.TakesAnUnknownEventForFailure)),
    ("test_genuine_nonsense_is_malformed", of(broken.ShrugsAtNonsense)),
    ("test_wrong_shapes_never_crash", of(broken.TrustsTheShape)),
    ("test_both_secrets_hold_during_rotation", of(broken.ForgetsTheOldSecret)),
    ("test_poll_agrees_with_push", of(broken.PollsWithoutReasons)),
    ("test_poll_has_a_new_event_id_only_for_a_new_answer", of(broken.MakesEachPollNews)),
    ("test_poll_has_a_new_event_id_only_for_a_new_answer", of(broken.MakesEachPollOld)),
    ("test_unknown_payment_is_rejected", of(broken.WaitsForTheUnknownPayment)),
    ("test_declined_is_failed_with_a_reason", of(broken.HidesWhy)),
    ("test_expired_then_paid", of(broken.ClosesByTheClock)),
    ("test_received_is_cumulative", of(broken.CountsWholePaymentsOnly)),
    ("test_reversal_is_told", of(broken.KeepsWhatWasTakenBack)),
    ("test_cancel_closes_an_open_payment", of(broken.OnlySaysItCancels)),
    ("test_cancel_does_not_hide_money", of(broken.CancelsWhatWasPaid)),
    ("test_cancel_on_settlement_closes_the_other_alone", of(broken_news.ClosesTheFirst)),
    ("test_choices_are_told_apart", of(broken_news.OffersOneBankTwice, chooses=True)),
    ("test_choices_are_told_apart", of(broken_news.TakesAnyChoice, chooses=True)),
    ("test_coming_back_proves_nothing", of(broken_news.TakesAReturnForPayment, completes=True)),
    ("test_early_webhook_names_its_payment", of(broken_news.KnowsOnlyWhatItOpened)),
    ("test_older_news_after_newer_takes_nothing_back", of(broken_news.AddsUpWhatItHears)),
    ("test_webhook_about_another_payment_is_not_ours", of(broken_news.MatchesByTheAmount)),
    ("test_the_vendors_own_amount_is_told", of(broken_news.SaysWhatWasAsked)),
    ("test_the_vendors_own_currency_is_told", of(broken_news.KnowsOneCurrency)),
    ("test_poll_alone_finds_what_was_paid", of(broken_news.WaitsToBeTold)),
    ("test_list_agrees_with_poll_and_finds_what_nobody_told", of(broken_news.ListsWithoutSums)),
    ("test_list_agrees_with_poll_and_finds_what_nobody_told", of(broken_news.ListsTheWholeBook)),
    ("test_refund_in_full_is_exact_and_no_reversal", of(broken_refunds.RefundsInTwoDecimals)),
    ("test_refund_in_full_is_exact_and_no_reversal", of(broken_refunds.TakesAFullRefundForAReversal)),
    ("test_refund_at_the_vendors_desk_is_told", of(broken_refunds.ForgetsTheVendorsDesk)),
    ("test_refunds_in_parts_add_up", of(broken_refunds.SaysTheLastRefund)),
    ("test_refund_of_more_than_was_paid_is_rejected", of(broken_refunds.CapsWhatIsAsked)),
    ("test_refund_with_the_same_key_is_one_refund", of(broken_refunds.RefundsWithANewKeyForEachTry)),
    ("test_refund_without_an_answer_is_looked_up", of(broken_refunds.LosesRefunds)),
    ("test_refund_that_was_not_made_is_not_found", of(broken_refunds.FindsAnyRefund)),
    ("test_refund_meets_a_rate_limit", of(broken_refunds.ForgetsHowLongARefundWaits)),
    ("test_refund_meets_a_server_error", of(broken_refunds.TakesACrashForARefusedRefund)),
    ("test_refund_that_is_refused_has_a_code", of(broken_refunds.RetriesARefusedRefund)),
    ("test_refund_that_fails_later_is_told", of(broken_refunds.SaysThatItIsDone)),
    ("test_nothing_secret_or_personal_is_said", of(broken.LogsItsKey)),
    ("test_nothing_secret_or_personal_is_said", of(broken.LogsWhoPays)),
    ("test_nothing_secret_or_personal_is_said", of(broken.QuotesTheSignature)),
    ("test_nothing_secret_or_personal_is_said", of(broken.QuotesTheBody)),
    ("test_nothing_secret_or_personal_is_said", of(broken.ShowsItself)),
    ("test_nothing_secret_or_personal_is_said", of(broken_refunds.LogsItsKeyWhenItRefunds)),
]

# What else sees the same broken promise, because it leans on it.
ALSO: dict[object, set[str]] = {
    broken.KnowsTwoDecimalsOnly: {"test_refund_in_full_is_exact_and_no_reversal"},
    broken.GivesAnotherReference: {"test_poll_alone_finds_what_was_paid"},
    broken.NamesEventsByThePayment: {"test_older_news_after_newer_takes_nothing_back"},
    broken.PollsWithoutReasons: {"test_list_agrees_with_poll_and_finds_what_nobody_told"},
    broken.OnlySaysItCancels: {"test_cancel_on_settlement_closes_the_other_alone"},
}

EACH = pytest.mark.parametrize(("case", "plugin"), BROKEN, ids=[f"{case}-{p.create.__name__}" for case, p in BROKEN])


@EACH
async def test_a_broken_provider_fails_that_case(case: str, plugin: ProviderPlugin[Settings]) -> None:
    assert list(await failing_cases(ProviderContract, bench_of(plugin), case)) == [case]


@pytest.mark.soak
@EACH
async def test_a_broken_provider_fails_that_case_alone(case: str, plugin: ProviderPlugin[Settings]) -> None:
    failures = await failing_cases(ProviderContract, bench_of(plugin))

    assert failures.keys() == {case} | ALSO.get(plugin.create, set()), failures


async def test_the_whole_provider_fails_none() -> None:
    assert await failing_cases(ProviderContract, bench_of(PROVIDER)) == {}


def test_every_case_has_its_broken_provider() -> None:
    assert sorted({case for case, _ in BROKEN}) == cases(ProviderContract)


def test_every_case_stands_for_a_promise() -> None:
    promised = [case for cases_of_one in PROMISES.values() for case in cases_of_one]
    assert sorted(promised) == cases(ProviderContract)
    assert len(PROMISES) >= 24
