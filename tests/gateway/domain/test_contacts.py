"""One spelling for each contact point, and a plain refusal for what is none."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.contacts import normalise_email, normalise_locale, normalise_phone


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("0722 123 456", "RO", "+40722123456"),
        ("+40 (722) 123-456", "US", "+40722123456"),
        ("0040722123456", "RO", "+40722123456"),
        ("07911 123456", "GB", "+447911123456"),
        ("+49 1512 3456789", "RO", "+4915123456789"),
        ("021 310 1234", "RO", "+40213101234"),
        ("٠٧٢٢١٢٣٤٥٦", "RO", "+40722123456"),
    ],
)
def test_phone_becomes_e164(text: str, region: str, expected: str) -> None:
    assert normalise_phone(text, region) == expected
    assert normalise_phone(expected, "US") == expected


@pytest.mark.parametrize(
    "text", ["", "abc", "12", "0722 12", "+40 999", "+999123456789", "0722123456 ext. 5", "0906 123 456", "0" * 300]
)
def test_what_is_no_phone_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        normalise_phone(text, "RO")
    assert text == "" or text not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana.Pop@EXAMPLE.ro", "Ana.Pop@example.ro"),
        ("a+b@sub.example.com", "a+b@sub.example.com"),
        ("ion@poștă.ro", "ion@xn--pot-cpa20l.ro"),
        ("o'neil@example.ie", "o'neil@example.ie"),
    ],
)
def test_email_keeps_the_mailbox_and_lowers_the_domain(text: str, expected: str) -> None:
    assert normalise_email(text) == expected
    assert normalise_email(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "ana", "@example.ro", "ana@", "ana@example", "a na@example.ro", "ana@exa mple.ro", "ana@@example.ro", '"a b"@example.ro',
        "ana@[127.0.0.1]", "ana@127.0.0.1", "ana@example.ro\r\nBcc: x@example.ro", "ana\n@example.ro", ".ana@example.ro",
        "ana..pop@example.ro", "ană@example.ro", "a" * 65 + "@example.ro", "ana@" + "a" * 64 + ".ro", "ana@" + "abcdefgh." * 30 + "ro",
        "ana@-example.ro", "ana@example..ro", "ana@.ro", "ana@\u2025ro", "Ana <ana@example.ro>", "ana@example.ro,b@example.ro",
    ],
)  # fmt: skip
def test_what_is_no_email_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        normalise_email(text)


@given(st.text(max_size=80))
def test_no_text_gets_a_line_break_or_a_second_address_through(text: str) -> None:
    for address in (text, f"a@{text}.ro", f"{text}@example.ro"):
        try:
            accepted = normalise_email(address)
        except ValueError:
            continue
        assert accepted.isascii()
        assert accepted.isprintable()
        assert accepted.count("@") == 1
        assert not set(accepted) & set(' <>,;:"()[]\\')


@given(st.text(max_size=40))
def test_no_text_breaks_the_phone_reader(text: str) -> None:
    try:
        number = normalise_phone(text, "RO")
    except ValueError:
        return
    assert number[0] == "+"
    assert number[1:].isdigit()
    assert number.isascii()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ro", "ro"), ("RO-ro", "ro-RO"), ("en-gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW"), ("sr-Latn", "sr-Latn")],
)
def test_locale_has_one_spelling(text: str, expected: str) -> None:
    assert normalise_locale(text) == expected


@pytest.mark.parametrize(
    "text", ["", "r", "romanian", "ro_RO", "ro-", "-ro", "ro RO", "../ro", "ro-" + "a" * 9, "ro" + "-ab" * 20]
)
def test_what_is_no_locale_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        normalise_locale(text)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["RO", "US", "IT"]))
@example("+40722123456", "RO")
@example("+400722123456", "RO")
@example("+390612345678", "RO")
@example("+15005550006", "RO")
@example("+79161234567", "RO")
@example("+80012345678", "RO")
@example("+40900123456", "RO")
def test_the_short_way_gives_what_the_parser_gives(text: str, region: str) -> None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    costly = (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)
    if number is None or not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in costly:
        with pytest.raises(ValueError):
            normalise_phone(text, region)
    else:
        assert normalise_phone(text, region) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
