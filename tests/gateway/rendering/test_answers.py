"""What a conversation answers: the fact itself, in one SMS at its longest, with buttons where there are any."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from gateway.domain import chat
from gateway.domain.chat import Answer, Choice, Turn
from gateway.ports.channel import Button
from gateway.ports.gsm7 import is_gsm7, segments, septets
from gateway.ports.values import Money
from gateway.rendering import Renderer, check, templates_root
from gateway.rendering.answer_samples import CHOICES, LINKED, LISTED, NAMES, longest_answers
from gateway.rendering.answers import LABEL
from tests.harness.chat import DEBTS, debt, phrases, situation, turn

LANGUAGES = ("ro", "en")


def keys(language: str) -> set[str]:
    with (templates_root() / "locales" / language / "messages.po").open("rb") as stream:
        return {str(message.id) for message in read_po(stream) if message.id}


def said_in_code() -> Iterator[str]:
    """Every text and every choice that the code names, as a pattern of the catalogue's keys."""
    for file in Path(chat.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            place = {"say": 1, "ask": 2, "Answer": 0, "Choice": 0}.get(name)
            if isinstance(node, ast.Call) and place is not None and len(node.args) > place:
                kind = "choice" if name == "Choice" else "answer"
                yield from (rf"{kind}\.{pattern}" for pattern in names(node.args[place]))


def names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(str(name)):
            yield name
        case ast.IfExp():
            yield from names(node.body)
            yield from names(node.orelse)
        case ast.JoinedStr():
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "[a-z_]+" for one in node.values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_is_said_has_its_text(language: str) -> None:
    known = keys(language)
    named = set(said_in_code())

    assert len(named) > 60
    assert [name for name in named if not any(re.fullmatch(name, key) for key in known)] == []
    assert {f"answer.{name}" for name in NAMES} == {
        key for key in known if key.startswith("answer.") and not key.endswith(".sms")
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_one_sms_at_the_longest(renderer: Renderer, name: str, language: str) -> None:
    for answer in longest_answers(name):
        text = renderer.answer(answer, sms=True, locale=language).text

        assert is_gsm7(text)
        assert segments(text) == 1, f"{septets(text)}: {text}"
        assert "%(" not in text
        assert (answer.pay[0].pay_url if answer.pay else answer.pay_url) in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_sms_for_every_answer_to_the_corpus(renderer: Renderer, language: str) -> None:
    """And the samples have all that an answer may bring: a link, a list, choices in the text."""
    for part in ("held_out", "phrases", "blind", "fresh"):
        for phrase, *_ in phrases(f"{language}_{part}.tsv"):
            for owed in (DEBTS, DEBTS[:1]):
                answer = turn(situation(owed, locale=language, sms=True), phrase).answer
                if answer is None:
                    continue
                text = renderer.answer(answer, sms=True, locale=language).text
                assert segments(text) == 1, text
                assert not answer.pay or answer.name in LINKED
                assert not answer.items or answer.name in LISTED
                assert len(answer.choices) <= len(CHOICES.get(answer.name, answer.choices))


def answered(text: str, owed: int = 1, **more: object) -> Answer:
    found: Turn = turn(situation(owed, **more), text)
    assert found.answer is not None
    return found.answer


@pytest.mark.parametrize(
    ("text", "locale", "sms"),
    [
        ("amintește-mi vineri", "ro", "Iti amintim vineri, 27 nov., ora 9:00. Raspunde ANULEAZA daca nu e bine."),
        ("remind me friday", "en", "We will remind you on Friday, 27 Nov, at 9:00. Reply CANCEL if that is not right."),
        ("plătesc luni", "ro", "Ca sa nu gresim, care zi? 1 lun., 23 nov.; 2 lun., 30 nov."),
        ("plătesc joi", "ro", f"Am notat: platesti joi, 26 nov. Alta zi? Scrie-o. {DEBTS[0].pay_url}"),
        ("31 noiembrie", "ro", "Nu exista 31 noiembrie. Vrei luni, 30 nov., ora 9:00? Raspunde DA sau scrie alta zi."),
        ("cât am de plată", "ro", f"Ai de plata 123,45 lei, factura FF-1001, scadenta 27.11.2026: {DEBTS[0].pay_url}"),
        (
            "am plătit",
            "ro",
            "Multumim! Cautam plata pentru factura FF-1001. Cum ai platit? 1 Transfer; 2 Numerar; 3 Card",
        ),
        ("în 3 rate", "ro", "3 parti, de la 41,15 lei luni, 23 nov. la 41,15 lei vineri, 22 ian. E bine? DA sau NU."),
        ("STOP", "ro", "Gata, nu-ti mai scriem aici. Daca te razgandesti, scrie START."),
    ],
)
def test_what_an_sms_says(renderer: Renderer, text: str, locale: str, sms: str) -> None:
    assert renderer.answer(answered(text, locale=locale), sms=True, locale=locale).text == sms


def test_a_list_in_an_sms_is_as_long_as_fits(renderer: Renderer) -> None:
    short = renderer.answer(answered("cât am", 3), sms=True, locale="ro").text
    many = tuple(debt(at, 10**14 + at) for at in range(1, 13))
    long = renderer.answer(turn(situation(many), "cât am").answer or Answer(""), sms=True, locale="ro").text

    assert "3) 99,00 lei, 15.12.2026. Raspunde" in short
    assert "2) 1.000.000.000.000,02 lei" in long
    assert "si inca 10. Raspunde" in long


def test_buttons_with_the_link_first(renderer: Renderer) -> None:
    shown = renderer.answer(answered("plătesc"), sms=False, buttons=3, locale="ro")

    assert shown.text == "Factura FF-1001: 123,45\u00a0lei. O plătești aici:"
    assert shown.buttons == (
        Button("Plătește 123,45\u00a0lei", url=DEBTS[0].pay_url),
        Button("Amintește-mi", data="remind:1"),
        Button("Am plătit deja", data="paid:1"),
    )
    assert len(renderer.answer(answered("plătesc"), sms=False, buttons=1, locale="ro").buttons) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_fit_every_channel(renderer: Renderer, language: str) -> None:
    for name in NAMES:
        for answer in longest_answers(name):
            for button in renderer.answer(answer, sms=False, buttons=9, locale=language).buttons:
                assert 0 < len(button.text) <= LABEL
    choices = {name.removeprefix("choice.") for name in keys(language) if name.startswith("choice.")}
    day, at = date(2026, 9, 30), datetime(2026, 9, 30, 18, 30, tzinfo=UTC)
    values = {"place": 1, "amount": Money(100, "RON"), "label": "A", "on": day, "count": 4, "at": at}
    for name in choices:
        answer = Answer("kept", {}, [Choice(name, "", values)])
        [button] = renderer.answer(answer, sms=False, buttons=1, locale=language).buttons
        assert not button.text.endswith("…")


def test_an_email_has_links_and_choices_in_its_text(renderer: Renderer) -> None:
    shown = renderer.answer(answered("plătesc"), sms=False, locale="ro")

    assert shown.buttons == ()
    assert shown.text.split("\n")[1:] == [DEBTS[0].pay_url, "1. Amintește-mi", "2. Am plătit deja"]


def test_codes_stand_in_for_links(renderer: Renderer) -> None:
    policy = chat.Policy(link_free=True, site="acme.example")
    coded = turn(situation((debt(1, pay_code="HJ41Y-Q026X"),), policy=policy), "plătesc").answer
    bare = turn(situation((debt(1, payment_reference="7Q2M"),), policy=replace(policy, site="")), "plătesc").answer
    assert coded is not None
    assert bare is not None

    sms = renderer.answer(coded, sms=True, locale="ro").text
    text = renderer.answer(coded, sms=False, buttons=3, locale="ro")

    assert sms == "Factura FF-1001, 123,45 lei. Platesti aici: acme.example, cod HJ41Y-Q026X"
    assert text.text.endswith("\nacme.example, cod HJ41Y-Q026X")
    assert all(button.url is None for button in text.buttons)
    assert "http" not in sms + text.text + renderer.answer(bare, sms=True, locale="ro").text


def test_an_answer_in_another_language(renderer: Renderer) -> None:
    answer = answered("in english please")

    assert renderer.answer(answer, sms=True, locale="ro").text == "From now on we speak English."


def test_a_biller_says_it_in_other_words(tmp_path: Path) -> None:
    body = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "answer.thanks"\nmsgstr "Și noi!"\n'
    )
    (tmp_path / "locales/ro").mkdir(parents=True)
    (tmp_path / "locales/ro/messages.po").write_text(body, "utf-8")
    renderer = Renderer(overrides={"acme": tmp_path})

    assert renderer.answer(Answer("thanks"), sms=True, locale="ro", biller="acme").text == "Si noi!"
    assert renderer.answer(Answer("thanks"), sms=True, locale="ro").text == "Cu drag!"


def test_a_text_that_is_too_long_or_wants_what_is_not_there_is_named(tmp_path: Path) -> None:
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (tmp_path / "locales/ro").mkdir(parents=True)
    (tmp_path / "locales/ro/messages.po").write_text(
        f'{head}msgid "answer.thanks"\nmsgstr "{"mulțumim " * 20}"\n', "utf-8"
    )

    faults = check(Renderer(overrides={"acme": tmp_path}))

    assert [fault for fault in faults if "answer" in fault] == [
        "acme: answer.thanks for sms: 180 septets at the longest, one segment holds 160 (ro)"
    ]
