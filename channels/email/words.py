"""What a person wrote in a mail: the text they typed, without what they quoted and what their program signed.

Pure, bounded, and never raises: any bytes are read somehow.
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as Mail

MOST = 4000
_MOST_READ = 10 * MOST
_MOST_HTML = 200_000
# Windows-1250 reads Romanian in ISO 8859-2 and -16 too; it is what old programs meant when they declared nothing.
_FALLBACK = "cp1250"
_CHARSET = re.compile(
    r"(us-)?ascii|utf-?(7|8|16|32)(-?[lb]e)?|(iso[-_]?)?8859[-_]?\d+|latin-?\d+|(windows|cp|ibm)[-_]?\d+|koi8[-_][ru]|mac[-_a-z]*"
    r"|gb(k|2312|18030)|big5|euc[-_](jp|kr)|shift[-_]jis|iso-2022-(jp|kr)"
)
_REPLY = re.compile(r"\s*(re|ref|r[ăa]sp|aw|sv)\s*(\[\d+\])?\s*:", re.IGNORECASE)
_FORWARD = re.compile(r"\s*(fwd?|fw|wg|tr|redir(ecționare)?)\s*:", re.IGNORECASE)

_OPENS = r"(?:on|at|în|in|la|pe|data|joi|luni|marți|miercuri|vineri|sâmbătă|duminică)"
_WROTE = r"(?:wrote|writes|a scris|scrie|schrieb|a écrit|escribió|ha scritto)"
_ABROAD = r"(?:am\b.{0,300}\bschrieb.{0,80}|le\b.{0,300}\ba écrit|el\b.{0,300}\bescribió|il\b.{0,300}\bha scritto)"
# "On Mon, 23 Nov 2026 at 11:00, Acme <a@b> wrote:", "În data de lun., 23 nov. 2026 la 11:00, Acme a scris:". It names a time or an
# address, which tells it from a sentence.
_ATTRIBUTION = re.compile(rf"(?=.{{0,300}}[\d@<])(?:{_OPENS}\b.{{0,300}}\b{_WROTE}|{_ABROAD})\s?:", re.IGNORECASE)
_NAME_FIRST = re.compile(
    rf"[^:<>]{{0,60}}<[^\s<>@]{{1,64}}@[^\s<>]{{1,200}}>.{{0,100}}{_WROTE}.{{0,80}}:", re.IGNORECASE
)
_DIVIDER = re.compile(
    r"_{10,}|-{2,}\s*(original|forwarded|mesaj|begin forwarded|mesajul|reply|ursprüngliche|message d)\b.{0,60}-{2,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(from|de la|expeditor|von|de)\s?:\*?\s*\S", re.IGNORECASE)
_HEADER = re.compile(
    r"\*?(sent|date|to|subject|trimis|data|către|catre|la|subiect|gesendet|an|betreff)\s?:\*?\s", re.IGNORECASE
)
_SIGNATURE = re.compile(
    r"--\s?$|—\s?$|(sent|get) (from|with|using|via) (my|mail|yahoo|samsung|outlook|proton|the|a)\b|get outlook for"
    r"|trimis (de pe|din|de la|cu|prin|folosind) \S|obțineți outlook|obține outlook|descărcați outlook|trimis prin",
    re.IGNORECASE,
)
_TAG = re.compile(r"<([/!?]?)([a-zA-Z]{1,20})((?:[^<>a-zA-Z][^<>]{0,2000})?)>")
_BLOCKS = frozenset(
    (
        "p",
        "div",
        "br",
        "tr",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "ul",
        "ol",
        "blockquote",
        "hr",
        "pre",
        "section",
    )
)
_SILENT = frozenset(("style", "script", "head", "title", "template", "noscript"))
_VOID = frozenset(
    ("br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr")
)
_QUOTED = re.compile(
    r"gmail_quote|gmail_attr|yahoo_quoted|moz-cite-prefix|divRplyFwdMsg|appendonsend|protonmail_quote", re.IGNORECASE
)
_SIGNATURE_LONGEST = 90  # a longer line is a sentence of the payer's


def written(mail: Mail) -> str:
    """The sender's own words, at most 4,000 characters; of a forwarded mail all words, because those are what it is about.

    A mail that says all in its subject is read there.
    """
    plain, rich = _bodies(mail)
    whole = is_forwarded(mail)
    text = own_words(plain, whole=whole)
    if not text and rich:
        text = own_words(from_html(rich, quotes=whole), whole=whole)
    title = subject(mail)
    return (text or ("" if _REPLY.match(title) else _clean(title).strip()))[:MOST]


def is_forwarded(mail: Mail) -> bool:
    return _FORWARD.match(subject(mail)) is not None


def has_attachment(mail: Mail) -> bool:
    """Whether there is more than text: a file, or a picture that is not part of a layout."""
    return any(part.get_content_disposition() == "attachment" for part in mail.walk())


def subject(mail: Mail) -> str:
    """The subject in letters, on one line."""
    raw = str(mail.get("Subject") or "")[:1000]
    try:
        text = str(make_header(decode_header(raw)))
    except (HeaderParseError, UnicodeError, LookupError, ValueError):
        text = raw
    return " ".join(_clean(text).split())


def own_words(text: str, *, whole: bool = False) -> str:
    """`text` without quotes and signature. Who wrote above a quote wrote nothing below it; who wrote below wrote nothing above."""
    lines = [line.strip() for line in _clean(text[:_MOST_READ]).splitlines()]
    if not whole:
        lines = _unquoted(lines)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:MOST]


def _unquoted(lines: Sequence[str]) -> list[str]:
    above: list[str] = []
    for place, line in enumerate(lines):
        if _ends(lines, place):
            break
        above.append(line)
    if any(above):
        return above
    last = max((place for place, line in enumerate(lines) if line.startswith(">")), default=None)
    if last is None:
        return []
    below = lines[last + 1 :]
    end = next((place for place in range(len(below)) if _ends(below, place)), len(below))
    return list(below[:end])


def _ends(lines: Sequence[str], place: int) -> bool:
    """Whether a quote or a signature begins at this line."""
    line = lines[place]
    if not line:
        return False
    if line.startswith(">") or _DIVIDER.match(line):
        return True
    if len(line) <= _SIGNATURE_LONGEST and _SIGNATURE.match(line):
        return True
    if _FROM.match(line):
        return any(_HEADER.match(later) for later in lines[place + 1 : place + 4])
    if len(line) < 400 and line.endswith(":") and _NAME_FIRST.fullmatch(line):
        return True
    # Programs break an attribution at 76 characters, into three lines at most; a sentence right above one is not part of it.
    spans = [lines[place : place + count] for count in (1, 2, 3) if all(lines[place : place + count])]
    found = next((span for span in spans if _attributes(span)), None)
    return found is not None and not any(_attributes(found[later:]) for later in range(1, len(found)))


def _attributes(lines: Sequence[str]) -> bool:
    text = " ".join(lines)
    return len(text) < 400 and text.endswith(":") and _ATTRIBUTION.fullmatch(text) is not None


def from_html(page: str, *, quotes: bool = False) -> str:
    """The text of an HTML body, a line a block; without `quotes` what the mail programs mark as one is left out.

    In time linear to the page's length, which the standard library's parser is not.
    """
    parts: list[str] = []
    hidden_in, depth, at = "", 0, 0
    page = _without_comments(page[:_MOST_HTML])
    for found in _TAG.finditer(page):
        closes, tag, attributes = found[1] == "/", found[2].lower(), found[3]
        if not hidden_in:
            parts.append(re.sub(r"\s+", " ", page[at : found.start()]))
            if tag in _BLOCKS:
                parts.append("\n")
        at = found.end()
        if tag in _VOID:
            continue
        if hidden_in:
            depth += (tag == hidden_in) * (-1 if closes else 1)
            hidden_in = hidden_in if depth > 0 else ""
        elif not closes and (tag in _SILENT or (not quotes and (tag == "blockquote" or _QUOTED.search(attributes)))):
            hidden_in, depth = tag, 1
    if not hidden_in:
        parts.append(page[at:])
    text = html.unescape("".join(parts)).replace("\xa0", " ")
    return "\n".join(line.strip() for line in text.splitlines())


def _without_comments(page: str) -> str:
    parts, at = [], 0
    while (begin := page.find("<!--", at)) >= 0:
        parts.append(page[at:begin])
        end = page.find("-->", begin)
        at = end + 3 if end >= 0 else len(page)
    return "".join((*parts, page[at:]))


def decoded(part: Mail) -> str:
    """A part's text in the charset that it declares, if that can be; else in UTF-8, else in Windows-1250."""
    try:
        raw = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        return ""
    if not isinstance(raw, bytes):
        return ""
    for charset in (_charset(part), "utf-8"):
        try:
            return raw.decode(charset)
        except (UnicodeError, LookupError):
            continue
    declared = _charset(part)
    return raw.decode(_FALLBACK if declared in ("utf-8", "ascii") else declared, "replace")


def _charset(part: Mail) -> str:
    """The codec's own name; UTF-8 where none is declared, or one that does not exist or is not for texts."""
    try:
        given = str(part.get_content_charset() or "utf-8")
        return codecs.lookup(given).name if _CHARSET.fullmatch(given) else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def _bodies(mail: Mail) -> tuple[str, str]:
    """The first plain and the first HTML text that is no attachment."""
    found = {"text/plain": "", "text/html": ""}
    for part in mail.walk():
        kind = part.get_content_type()
        if kind in found and not found[kind].strip() and part.get_content_disposition() != "attachment":
            found[kind] = decoded(part)
    return found["text/plain"], found["text/html"]


def _clean(text: str) -> str:
    """No control characters, no lone surrogates (a database takes neither), letters composed."""
    plain = "".join(
        letter
        for letter in text
        if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs", "Cf") or letter in "\r\u200d"
    )
    return unicodedata.normalize("NFC", plain.replace("\r\n", "\n").replace("\r", "\n"))
