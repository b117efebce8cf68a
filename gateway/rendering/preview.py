"""What would be sent, to look at; and a check of every template with every language. Both run the real renderer on
sample contexts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from jinja2 import TemplateError

from gateway.domain.invoices import IconState
from gateway.rendering.answer_samples import NAMES, longest_answers
from gateway.rendering.gsm7 import SEGMENT, septets
from gateway.rendering.keeping import kept_faults
from gateway.rendering.page_values import PAGES
from gateway.rendering.renderer import KEPT_KINDS, KINDS, Renderer
from gateway.rendering.samples import (
    EVERY_KIND,
    about_invoice,
    link_free,
    longest_messages,
    sample_message,
    sample_page,
)
from gateway.rendering.values import AboutInvoice, MessageContext

CHANNELS = ("email", "sms", "telegram", "whatsapp")
KEPT = frozenset({"whatsapp"})  # there a vendor keeps and approves the text of what nobody asked for


def preview(
    renderer: Renderer, kind: str, channel: str, locale: str, *, biller: str | None = None
) -> Mapping[str, str]:
    """The parts of a sample message, by file name: `subject.txt`, `email.html`, `email.txt`, or `short.txt` and
    `buttons.txt`, with the `template.txt` that a vendor keeps where one does.

    Raises KeyError on an unknown kind.
    """
    message = renderer.render(kind, sample_message(kind), channel=channel, locale=locale, biller=biller)
    if channel == "email":
        return {"subject.txt": message.subject, "email.html": message.html, "email.txt": message.text}
    buttons = "\n".join(f"{button.text}: {button.url}" for button in message.buttons)
    parts = {"short.txt": message.text} | ({"buttons.txt": buttons} if buttons else {})
    if channel in KEPT and kind in KEPT_KINDS:
        kept = renderer.kept(kind, about_invoice(kind), locale, biller=biller)
        parts["template.txt"] = f"{kept.body}\n\n[{kept.button}] {kept.url}{{{{1}}}}"
    return parts


def check(renderer: Renderer) -> list[str]:
    """Renders everything once and names what fails: a name that a template does not have, an SMS that needs a second
    segment.
    """
    faults: list[str] = []
    for biller in renderer.billers:
        owner = f"{biller}: " if biller else ""
        for locale in renderer.languages:
            faults += [f"{owner}{fault} ({locale})" for fault in _message_faults(renderer, locale, biller)]
            faults += [f"{owner}{fault} ({locale})" for fault in _kept_faults(renderer, locale, biller)]
            faults += [f"{owner}{fault} ({locale})" for fault in _page_faults(renderer, locale, biller)]
            faults += [f"{owner}{fault} ({locale})" for fault in _answer_faults(renderer, locale, biller)]
    return faults


def _message_faults(renderer: Renderer, locale: str, biller: str) -> Iterator[str]:
    for kind in KINDS:
        for channel in CHANNELS:
            longest = longest_messages(kind) if channel == "sms" else longest_messages(kind, EVERY_KIND[:1])
            contexts: tuple[MessageContext, ...] = (sample_message(kind), *longest)
            for context in contexts:
                try:
                    text = renderer.render(kind, context, channel=channel, locale=locale, biller=biller).text
                except (TemplateError, TypeError, ValueError, KeyError) as error:
                    yield f"{kind} for {channel}: {error}"
                    break
                if channel == "sms" and text.isascii() and septets(text) > SEGMENT:
                    yield f"{kind} for sms: {septets(text)} septets at the longest, one segment holds {SEGMENT}"
                    break


def _kept_faults(renderer: Renderer, locale: str, biller: str) -> Iterator[str]:
    for kind in KEPT_KINDS:
        linked = about_invoice(kind)
        found = [
            fault
            for everyday in (linked, link_free(linked))
            for fault in _faults_of(renderer, kind, everyday, locale, biller)
        ]
        yield from (f"{kind}/template.txt: {fault}" for fault in dict.fromkeys(found))


def _faults_of(renderer: Renderer, kind: str, everyday: AboutInvoice, locale: str, biller: str) -> Iterator[str]:
    """What is wrong with the text that is sent with links, or without them, as `everyday` is."""
    # another name, link and number of decimals, and whatever a context may lack: the text must stay the same
    longest = [each for each in longest_messages(kind) if each.link_free is everyday.link_free]
    contexts = [replace(each, pay_url=everyday.pay_url) for each in longest]
    try:
        kept = [renderer.kept(kind, each, locale, biller=biller) for each in (everyday, *contexts)]
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        yield str(error)
        return
    yield from kept_faults(kept[0])
    if len({each.name for each in kept}) > 1:
        yield "says more than its places do: what differs from message to message goes through |place"


def _answer_faults(renderer: Renderer, locale: str, biller: str) -> Iterator[str]:
    for name in NAMES:
        for answer in longest_answers(name):
            try:
                renderer.answer(answer, sms=False, buttons=3, locale=locale, biller=biller)
                text = renderer.answer(answer, sms=True, locale=locale, biller=biller).text
            except (TypeError, ValueError, KeyError) as error:
                yield f"answer.{name}: {error}"
                break
            if text.isascii() and septets(text) > SEGMENT:
                yield f"answer.{name} for sms: {septets(text)} septets at the longest, one segment holds {SEGMENT}"
                break


def _page_faults(renderer: Renderer, locale: str, biller: str) -> Iterator[str]:
    for name in PAGES:
        for state in IconState if name == "invoice" else (IconState.OPEN,):
            try:
                renderer.page(name, sample_page(name, state), locale, biller=biller)
            except (TemplateError, TypeError, ValueError, KeyError) as error:
                yield f"paypage/{name} when {state}: {error}"
