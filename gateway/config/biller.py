"""One TOML file a biller: who it is, how it looks, its policies, accounts and push endpoints.

Accounts are checked against the settings that their adapter declares; which adapters there are, the caller says.
"""

from __future__ import annotations

import base64
import os
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from gateway.config.accounts import Account, AccountReader, Plugins
from gateway.config.conversations import ChatPolicy
from gateway.config.reminders import ReminderPolicy, reminder_faults
from gateway.config.routing import RoutingPolicy, routing_faults
from gateway.config.shapes import (
    AS_TUPLE,
    Ladder,
    Place,
    SecretReference,
    Section,
    Wait,
    place,
    read_section,
    read_toml,
    reason,
    url_of,
)
from gateway.domain.contacts import normalise_email, normalise_locale, normalise_phone
from gateway.domain.events import EventType
from gateway.ports.values import Secret
from gateway.settings import ConfigError, Fault, did_you_mean
from gateway.signing import signing_key

LOGO_BYTES = 24_576  # a pay page weighs less than 50 KB, and the logo is inside it
_MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
SITE_LENGTH = 24
_HOST_PART = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_SITE = re.compile(rf"{_HOST_PART}(?:\.{_HOST_PART})*(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)


def _region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('is not a country code such as "RO"')
    return code


@cache
def _time_zones() -> frozenset[str]:
    """Read once: it is a walk through some thousand files, and every biller is looked at on every change of one."""
    return frozenset(zoneinfo.available_timezones())


def _time_zone(name: str) -> str:
    known = _time_zones()
    if name not in known:
        raise ValueError(f"is not a time zone of the IANA database{did_you_mean(name, known)}")
    return name


def _url(text: str) -> str:
    url_of(text)
    return text


Region = Annotated[str, AfterValidator(_region)]


class Identity(Section):
    """Who issues the invoices. `display_name` stands in an SMS, so it is short; `legal_name` stands on the pay page."""

    slug: str
    legal_name: str = Field(min_length=1, max_length=120)
    display_name: str = Field(min_length=1, max_length=20)
    locale: Annotated[str, AfterValidator(normalise_locale)] = "ro"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Europe/Bucharest"
    country: Region = "RO"
    default_region: Region | None = None
    address: str = Field(default="", max_length=300)
    support_email: Annotated[str, AfterValidator(normalise_email)] | None = None
    support_phone: str | None = None
    website: Annotated[str, AfterValidator(_url)] | None = None

    @field_validator("slug")
    @classmethod
    def _named(cls, slug: str) -> str:
        if not _SLUG.fullmatch(slug):
            raise ValueError("is lower-case letters, digits and -, from a letter on, 31 at most")
        return slug

    @field_validator("support_phone")
    @classmethod
    def _reachable(cls, phone: str | None, info: ValidationInfo) -> str | None:
        region = info.data.get("default_region") or info.data.get("country") or "RO"
        return phone and normalise_phone(phone, region)

    @property
    def region(self) -> str:
        """Where a phone number without a country code is."""
        return self.default_region or self.country


def _logo(written: str, info: ValidationInfo) -> str:
    if written.startswith(("data:image/", "https://")):
        return written
    media_type = _MEDIA_TYPES.get(Path(written).suffix.lower())
    if media_type is None:
        raise ValueError(f"is a file that ends in {', '.join(_MEDIA_TYPES)}, or a URL that begins with https://")
    try:
        octets = (place(info).folder / written).read_bytes()
    except OSError as error:
        raise ValueError(f"the file {written} cannot be read: {reason(error)}") from None
    if len(octets) > LOGO_BYTES:
        raise ValueError(f"the file {written} is larger than {LOGO_BYTES // 1024} KiB")
    return f"data:{media_type};base64,{base64.b64encode(octets).decode()}"


class Brand(Section):
    """`logo` is a file, kept inside the pages as a data URI, or an https URL."""

    colour: str = "#1f4e79"
    logo: Annotated[str, AfterValidator(_logo)] | None = None

    @field_validator("colour")
    @classmethod
    def _hexadecimal(cls, colour: str) -> str:
        if not _COLOUR.fullmatch(colour):
            raise ValueError('is written as "#1f4e79"')
        return colour.lower()


class DeliveryStep(Section):
    """One channel of the plan; `wait` is how long its receipt may take before the next one is used too; `0s` uses both at once.

    A vendor that is down is waited for as long, and then its channel is passed over.
    """

    channel: str
    wait_s: Wait = Field(default=600, alias="wait")


def _site(text: str) -> str:
    """A host and perhaps a path, as a person types them."""
    if not _SITE.fullmatch(text):
        raise ValueError('is written as people type it: "acme.ro" or "acme.ro/plata", without https://')
    if len(text) > SITE_LENGTH:
        raise ValueError(f"is longer than {SITE_LENGTH} characters, and would not fit an SMS")
    return text


class DeliveryPolicy(Section):
    """The channels of an invoice, in order of preference; `receipt`: thank the payer where they paid.

    `pay_site` is where payers type their pay code, as messages without links name it; without it, the host of `biller.website`.
    It leads to `/c` on Achit's public address, or has a form of its own that posts there.
    """

    channels: Annotated[tuple[DeliveryStep, ...], AS_TUPLE] = ()
    receipt: bool = True
    pay_site: Annotated[str, AfterValidator(_site)] | None = None


class PaymentPolicy(Section):
    """`poll`: how often a provider is asked, one duration or a ladder; none means the ladder that Achit brings."""

    refund_duplicates: Literal["manual", "auto"] = "manual"
    poll_s: Ladder = Field(default=(), alias="poll")
    attempt_minutes: int = Field(default=30, ge=1, le=1_440)


class Biller(Section):
    """What is kept of a biller, as JSON by `model_dump_json(by_alias=True)`; accounts are kept apart, sealed."""

    biller: Identity
    brand: Brand = Brand()
    delivery: DeliveryPolicy = DeliveryPolicy()
    payments: PaymentPolicy = PaymentPolicy()
    routing: RoutingPolicy = RoutingPolicy()
    chat: ChatPolicy = ChatPolicy()
    reminders: ReminderPolicy = ReminderPolicy()

    @property
    def slug(self) -> str:
        return self.biller.slug

    @property
    def pay_site(self) -> str:
        """Where payers type their pay code, without a scheme; empty when the biller has said nothing of it."""
        if self.delivery.pay_site is not None:
            return self.delivery.pay_site
        host = urlsplit(self.biller.website or "").hostname or ""
        return host.removeprefix("www.")


def _event(name: str) -> str:
    if name not in list(EventType):
        raise ValueError(f"is not an event{did_you_mean(name, EventType)}")
    return name


def _signs(secret: Secret) -> Secret:
    signing_key(secret)
    return secret


class PushTarget(Section):
    """An endpoint of the billing system. No `events` means all; without a `secret` one is made and shown once."""

    url: Annotated[str, AfterValidator(_url)]
    events: Annotated[tuple[Annotated[str, AfterValidator(_event)], ...], AS_TUPLE] = ()
    secret: Annotated[SecretReference, AfterValidator(_signs)] | None = None


@dataclass(frozen=True, slots=True)
class BillerConfig:
    """A biller's whole file."""

    biller: Biller
    channels: tuple[Account, ...]
    providers: tuple[Account, ...]
    push: tuple[PushTarget, ...]

    @property
    def slug(self) -> str:
        return self.biller.slug


class _File(Biller):
    """All that a file may hold; the tables of accounts are looked into by their adapters' settings."""

    channels: dict[str, dict[str, Any]] = Field(default_factory=dict)
    providers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    push: Annotated[tuple[PushTarget, ...], AS_TUPLE] = ()


def load_billers(
    paths: Iterable[Path], plugins: Plugins, *, environment: Mapping[str, str] | None = None
) -> tuple[BillerConfig, ...]:
    """Reads all files. Raises ConfigError with the faults of all of them, a slug that is used twice among them."""
    faults: list[Fault] = []
    billers: dict[str, BillerConfig] = {}
    for path in paths:
        try:
            biller = load_biller(path, plugins, environment=environment)
        except ConfigError as error:
            faults += error.faults
            continue
        if billers.setdefault(biller.slug, biller) is not biller:
            faults.append(Fault(f"{path.name}: biller.slug", f"{biller.slug!r} is another file's biller already"))
    if faults:
        raise ConfigError(faults)
    return tuple(billers.values())


def load_biller(path: Path, plugins: Plugins, *, environment: Mapping[str, str] | None = None) -> BillerConfig:
    """Reads one biller's file and builds its accounts' settings. Raises ConfigError with all its faults."""
    where = Place(path.parent.absolute(), os.environ if environment is None else environment)
    return biller_from(read_toml(path), plugins, where=where, file=path.name)


def biller_from(values: Mapping[str, Any], plugins: Plugins, *, where: Place, file: str) -> BillerConfig:
    """A biller from tables that are already read. Raises ConfigError with all faults, each by its place in `file`."""
    reader = AccountReader(plugins, where, file)
    channels = reader.channels(values.get("channels"))
    providers = reader.providers(values.get("providers"))
    reads = dict.fromkeys(_table(values, "channels"), True) | {
        one.name: plugins.channel(one.adapter).reads for one in channels
    }
    faults = [*reader.faults, *_plan_faults(values, file), *reminder_faults(values, reads, file)]
    faults += _route_faults(values, providers, plugins, where, file)
    try:
        read = read_section(_File, values, where, f"{file}: ")
    except ConfigError as error:
        raise ConfigError([*error.faults, *faults]) from None
    if faults:
        raise ConfigError(faults)
    biller = Biller(**{name: getattr(read, name) for name in Biller.model_fields})
    if faults := [*_site_faults(biller, channels, file)]:
        raise ConfigError(faults)
    return BillerConfig(biller, channels, providers, read.push)


def _route_faults(
    values: Mapping[str, Any], providers: Iterable[Account], plugins: Plugins, where: Place, file: str
) -> Iterable[Fault]:
    """What `[routing]` names and the file does not have; a table that is itself wrong is told of with the whole file."""
    try:
        policy = read_section(RoutingPolicy, _table(values, "routing"), where, "")
    except ConfigError:
        return ()
    served: dict[str, Sequence[str] | None] = dict.fromkeys(_table(values, "providers"))
    for one in providers:
        served[one.name] = one.methods or [method.name for method in plugins.provider(one.adapter).methods]
    return routing_faults(policy, served, file)


def _site_faults(biller: Biller, channels: Iterable[Account], file: str) -> Iterator[Fault]:
    """Messages without links name a site, and it fits an SMS."""
    without = [account.name for account in channels if account.link_free]
    if without and not 0 < len(biller.pay_site) <= SITE_LENGTH:
        what = (
            "is needed"
            if not biller.pay_site
            else f"is needed, as the host of biller.website is longer than {SITE_LENGTH}"
        )
        yield Fault(f"{file}: delivery.pay_site", f"{what}: link_free messages ({', '.join(without)}) name it")


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = values.get(name)
    return table if isinstance(table, dict) else {}


def _plan_faults(values: Mapping[str, Any], file: str) -> Iterator[Fault]:
    """The steps of `delivery.channels` name accounts that the file has, each once."""
    match values:
        case {"delivery": {"channels": [*steps]}}:
            known = _table(values, "channels")
            named: set[str] = set()
            for index, step in enumerate(steps):
                match step:
                    case {"channel": str(name)}:
                        place = f"{file}: delivery.channels[{index}].channel"
                        if name not in known:
                            yield Fault(place, f"there is no [channels.{name}]{did_you_mean(name, known)}")
                        elif name in named:
                            yield Fault(place, f"{name!r} is in the plan already")
                        named.add(name)
