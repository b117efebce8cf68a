"""ProviderContract bites: for each case an adapter that breaks that one promise fails that case, and (`make soak`) no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.ports.http import HttpClient
from gateway.ports.provider import ProviderPlugin
from gateway.testing.biting import cases, failing_cases
from gateway.testing.provider import ProviderContract
from providers.sandbox import PROVIDER, SandboxProvider, Settings
from tests.providers import broken
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
    ("test_nothing_secret_or_personal_is_said", of(broken.LogsItsKey)),
    ("test_nothing_secret_or_personal_is_said", of(broken.LogsWhoPays)),
    ("test_nothing_secret_or_personal_is_said", of(broken.QuotesTheSignature)),
    ("test_nothing_secret_or_personal_is_said", of(broken.QuotesTheBody)),
    ("test_nothing_secret_or_personal_is_said", of(broken.ShowsItself)),
]


EACH = pytest.mark.parametrize(("case", "plugin"), BROKEN, ids=[f"{case}-{p.create.__name__}" for case, p in BROKEN])


@EACH
async def test_a_broken_provider_fails_that_case(case: str, plugin: ProviderPlugin[Settings]) -> None:
    assert list(await failing_cases(ProviderContract, bench_of(plugin), case)) == [case]


@pytest.mark.soak
@EACH
async def test_a_broken_provider_fails_that_case_alone(case: str, plugin: ProviderPlugin[Settings]) -> None:
    failures = await failing_cases(ProviderContract, bench_of(plugin))

    assert list(failures) == [case], failures


async def test_the_whole_provider_fails_none() -> None:
    assert await failing_cases(ProviderContract, bench_of(PROVIDER)) == {}


def test_every_case_has_its_broken_provider() -> None:
    assert sorted({case for case, _ in BROKEN}) == cases(ProviderContract)
